"""What a mined MWh earns: in the year that is dispatched, and in the project's later years."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption, Fact
from megawatt.chain.businesses import MiningMoney
from megawatt.chain.mined_months import machine_steps, mined_months
from megawatt.chain.mined_records import HashYear, MinedYear
from megawatt.chain.miners import MinersPower
from megawatt.chain.money import CashModel
from megawatt.dispatch import SiteProblem
from megawatt.facility import FacilityResponse
from megawatt.finance import Spine
from megawatt.hours import MONTH_OF_HOUR
from megawatt.mining import (
    HashEconomics,
    network_fleet,
    predict_difficulty,
    retarget_prior,
    running_share,
)
from megawatt.risk import base_factors
from megawatt.scenario.schema import Mining

__all__ = ["mined_year", "with_values"]


def mined_year(
    catalogue: Catalogue, section: Mining, model: CashModel, power: MinersPower, hall: FacilityResponse
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
    power : MinersPower
        The first machines and modes to start are the last to stop: their worth sets the strike price.
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
    worth = tuple(float(part) for part in power.segments.worth) if power.segments else (1.0,)
    theirs = None if mining.hosted is None else _by_calendar(spine, index, mining.hosted_usd_per_mwh(earned)[0])
    facility_per_it = float(((hall.facility_mw[:, -1] - hall.facility_mw[:, 0]) / hall.it_mw[-1]).mean())
    mean = float(by_month[index].mean())
    first, last = (_month(spine, int(i)) for i in index[[0, -1]])
    fact = Fact(mean, "USD/MWh", "derived", "megawatt-derived", note=_rule(mining, first, last))
    fleet = network_fleet(catalogue, spine.start_year)
    months = mined_months(model, mining, earned)
    year = [row for row in months if first <= row.month <= last]
    paid = sum(row.energy_usd for row in year) / (sum(row.mwh for row in year) or 1.0)
    ratio, prior = _next_difficulty(catalogue, section)
    found = MinedYear(
        first_month=first,
        last_month=last,
        by_month_usd_per_mwh=_by_calendar(spine, index, by_month),
        hosted_by_month_usd_per_mwh=theirs,
        usd_per_mwh=mean,
        facility_per_it=facility_per_it,
        strikes_usd_per_mwh=tuple(mean * part / facility_per_it for part in worth),
        outlook=_outlook(catalogue, model, earned, worth[0] / facility_per_it),
        next_difficulty_ratio=ratio,
        months=months,
        machines=machine_steps(
            mining,
            power,
            hashprice=float(earned.hashprice_usd_per_ph_day[0, index].mean()),
            mined_usd_per_mwh=mean,
            usd_per_mwh=paid,
            facility_per_it=facility_per_it,
        ),
        assumptions=(
            Assumption("mining.usd_per_mwh", "mining", fact),
            *fleet.assumptions,
            *power.assumptions,
            *prior,
        ),
    )
    customers = found.hosted_strike_usd_per_mwh
    if customers is None or mining.fleet.it_mw > 0.0:
        return found
    return replace(found, strikes_usd_per_mwh=(customers,))


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


def _by_calendar(spine: Spine, index: NDArray[np.int64], values: FloatArray) -> FloatArray:
    """Values of the months at an index by calendar month, January first; months without one have their mean."""
    year = np.full(12, values[index].mean())
    year[(spine.start_month - 1 + index) % 12] = values[index]
    return year


def with_values(problem: SiteProblem, year: MinedYear) -> SiteProblem:
    """The site year with what a MWh at the miners' and customers' plugs earns in every hour."""
    theirs = year.hosted_by_month_usd_per_mwh
    return replace(
        problem,
        mining_value_usd_per_mwh=year.by_month_usd_per_mwh[MONTH_OF_HOUR],
        hosted_value_usd_per_mwh=None if theirs is None else theirs[MONTH_OF_HOUR],
    )
