"""What a mined MWh earns: in the year that is dispatched, and in the project's later years."""

from __future__ import annotations

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption, Fact
from megawatt.chain.businesses import MiningMoney
from megawatt.chain.money import CashModel
from megawatt.chain.records import HashYear, MinedYear
from megawatt.facility import FacilityResponse
from megawatt.finance import Spine
from megawatt.hours import MONTH_OF_HOUR
from megawatt.mining import (
    HashEconomics,
    MinerModes,
    mode_segments,
    network_fleet,
    predict_difficulty,
    retarget_prior,
    running_share,
)
from megawatt.risk import base_factors
from megawatt.scenario.schema import Mining

__all__ = ["hourly_value", "mined_year"]


def mined_year(
    catalogue: Catalogue, section: Mining, model: CashModel, modes: MinerModes | None, hall: FacilityResponse
) -> MinedYear:
    """Revenue of a mined MWh by month of the first twelve months with all halls live; base case.

    The hash price of a month is (subsidy + fees) x bitcoin price over the network's hash rate, which grows from the
    scenario's network state on and follows revenue (`megawatt.mining.project_network`): later months earn less at a
    constant bitcoin price, and a halving less again.

    Parameters
    ----------
    catalogue : Catalogue
        Holds the network's machines, for the outlook.
    section : Mining
        Where the network stands in its difficulty period.
    model : CashModel
        Of a use with miners.
    modes : MinerModes or None
        The first mode to start is the last to stop: its worth sets the strike price.
    hall : FacilityResponse
        What the halls draw beside the miners.
    """
    mining = model.find(MiningMoney)
    if mining is None:
        raise AssertionError("only uses with miners have a value of a mined MWh")
    spine, start = model.calendar.spine, model.calendar.last_live
    earned = mining.economics(model.ground, base_factors(model.terms, spine.months))
    by_month = earned.usd_per_mwh[0]
    index = np.arange(start, min(start + 12, spine.months))
    year = np.full(12, by_month[index].mean())
    year[(spine.start_month - 1 + index) % 12] = by_month[index]
    worth = tuple(float(part) for part in mode_segments(1.0, modes)[1]) if modes else (1.0,)
    facility_per_it = float(((hall.facility_mw[:, -1] - hall.facility_mw[:, 0]) / hall.it_mw[-1]).mean())
    mean = float(by_month[index].mean())
    first, last = (_month(spine, int(i)) for i in index[[0, -1]])
    fact = Fact(mean, "USD/MWh", "derived", "megawatt-derived", note=_rule(mining, first, last))
    fleet = network_fleet(catalogue, spine.start_year)
    ratio, prior = _next_difficulty(catalogue, section)
    return MinedYear(
        first_month=first,
        last_month=last,
        by_month_usd_per_mwh=year,
        usd_per_mwh=mean,
        facility_per_it=facility_per_it,
        strikes_usd_per_mwh=tuple(mean * part / facility_per_it for part in worth),
        outlook=_outlook(catalogue, model, earned, worth[0] / facility_per_it),
        next_difficulty_ratio=ratio,
        assumptions=(
            Assumption("mining.usd_per_mwh", "mining", fact),
            *fleet.assumptions,
            *(modes.assumptions if modes else ()),
            *prior,
        ),
    )


def _next_difficulty(catalogue: Catalogue, section: Mining) -> tuple[float | None, tuple[Assumption, ...]]:
    """Difficulty expected at the next retarget over today's; None where the scenario gives no blocks of the period."""
    if section.retarget_blocks is None or section.retarget_hours is None:
        return None, ()
    prior = retarget_prior(catalogue)
    elapsed_s = 3600.0 * section.retarget_hours.number()
    return float(predict_difficulty(1.0, section.retarget_blocks.number(), elapsed_s, prior)), prior.assumptions


def _rule(mining: MiningMoney, first: str, last: str) -> str:
    state, follows = mining.state, mining.follows
    return (
        f"mean of {first} to {last}; from {state.year}-{state.month:02d} on the network's hash rate grows by "
        f"{follows.growth:g} a year (log) and follows its revenue with elasticity {follows.elasticity:g}; bitcoin "
        "price as in the base case, halvings at ten-minute blocks, fees constant in bitcoin"
    )


def _outlook(catalogue: Catalogue, model: CashModel, earned: HashEconomics, strike_frac: float) -> tuple[HashYear, ...]:
    """Calendar years from the first live block to the project's end; means of their months."""
    spine = model.calendar.spine
    index = np.arange(min(h.month for h in model.calendar.halls), spine.months)
    calendar = spine.start_year + (spine.start_month - 1 + index) // 12
    rows = []
    for year in np.unique(calendar):
        months = index[calendar == year]
        price = float(earned.hashprice_usd_per_ph_day[0, months].mean())
        value = float(earned.usd_per_mwh[0, months].mean())
        rows.append(
            HashYear(
                year=int(year),
                months=months.size,
                hashprice_usd_per_ph_day=price,
                usd_per_mwh=value,
                strike_usd_per_mwh=value * strike_frac,
                network_eh_per_s=float(earned.network_eh_per_s[0, months].mean()),
                subsidy_btc=float(earned.subsidy_btc[months].mean()),
                network_pays_frac=float(running_share(network_fleet(catalogue, year + 0.5), price)),
            )
        )
    return tuple(rows)


def _month(spine: Spine, index: int) -> str:
    month = spine.start_month - 1 + index
    return f"{spine.start_year + month // 12}-{month % 12 + 1:02d}"


def hourly_value(year: MinedYear) -> FloatArray:
    """Revenue of a MWh at the miners' plug in every hour of the site year. [USD/MWh], (8760,)"""
    return np.asarray(year.by_month_usd_per_mwh[MONTH_OF_HOUR], dtype=np.float64)
