"""What an operator of miners reads: coins and their cost month by month, and where each machine stops paying."""

from __future__ import annotations

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.businesses import MiningMoney, RunningCost
from megawatt.chain.mined_records import MachineStep, MinedMonth
from megawatt.chain.miners import MinersPower
from megawatt.chain.money import CashModel
from megawatt.dispatch.response import MiningMonths
from megawatt.mining import (
    HashEconomics,
    break_even_usd_per_ph_day,
    mined_btc,
    revenue_usd_per_mwh,
    strike_usd_per_mwh,
)
from megawatt.risk import base_factors

__all__ = ["machine_steps", "mined_months"]


def mined_months(model: CashModel, mining: MiningMoney, earned: HashEconomics) -> tuple[MinedMonth, ...]:
    """Every month of the base case from the first live block on.

    Parameters
    ----------
    model : CashModel
        Of a use with miners.
    mining : MiningMoney
        Its miners.
    earned : HashEconomics
        Of the base case.
    """
    spine = model.calendar.spine
    base = base_factors(model.terms, spine.months)
    run = mining.months(model.ground, base)
    site = _site_usd(model)
    price, hashprice = earned.btc_price_usd[0], earned.hashprice_usd_per_ph_day[0]
    gross = hashprice * (1.0 - mining.fleet.pool_fee_frac)
    ph_days = np.divide(run.revenue_usd[0], gross, out=np.zeros_like(gross), where=gross > 0.0)
    btc = mined_btc(ph_days, hashprice, price, mining.fleet.pool_fee_frac)
    own = _own_share(run)
    energy = run.energy_cost_usd[0] + (0.0 if run.charges_usd is None else run.charges_usd[0])
    rows = []
    for i in range(min(h.month for h in model.calendar.halls), spine.months):
        month = spine.start_month - 1 + i
        rows.append(
            MinedMonth(
                month=f"{spine.start_year + month // 12}-{month % 12 + 1:02d}",
                btc_price_usd=float(price[i]),
                hashprice_usd_per_ph_day=float(hashprice[i]),
                network_eh_per_s=float(earned.network_eh_per_s[0, i]),
                mined_btc=float(btc[i]),
                ph_days=float(ph_days[i]),
                mwh=float(run.facility_mwh[0, i]),
                energy_usd=float(energy[i]),
                own_energy_usd=float(energy[i] * own[i]),
                own_site_usd=float(site[i] * own[i]),
                hosted_usd=float(run.hosted_usd[0, i]),
            )
        )
    return tuple(rows)


def _own_share(run: MiningMonths) -> FloatArray:
    """Share of the energy at the plugs that the site's own machines drew; all where nothing ran."""
    drawn, own = run.mwh[0], run.mwh[0] - run.hosted_mwh[0]
    return np.asarray(np.divide(own, drawn, out=np.ones_like(drawn), where=drawn > 0.0), dtype=np.float64)


def _site_usd(model: CashModel) -> FloatArray:
    """Cost of running the halls beside energy, by month. [USD]"""
    running = model.find(RunningCost)
    months = model.calendar.spine.months
    if running is None:
        return np.zeros(months)
    cost = running.flows(model.ground, base_factors(model.terms, months)).opex_cost["site"]
    return np.asarray(np.broadcast_to(cost, (1, months))[0])


def machine_steps(
    mining: MiningMoney,
    power: MinersPower,
    *,
    hashprice: float,
    mined_usd_per_mwh: float,
    usd_per_mwh: float,
    facility_per_it: float,
) -> tuple[MachineStep, ...]:
    """Where each model and mode of the fleet stops paying, the last to stop first.

    Parameters
    ----------
    mining : MiningMoney
        The fleet.
    power : MinersPower
        Its segments.
    hashprice : float
        Mean of the year. [USD/PH/day]
    mined_usd_per_mwh : float
        What a MWh at the plug earns in it, ageing included. [USD/MWh]
    usd_per_mwh : float
        Delivered price of power at which the break-even hash price is told. [USD/MWh]
    facility_per_it : float
        MW at the connection that stop with a MW of miners.
    """
    fleet, steps = mining.fleet, power.segments
    own = 1.0 - (mining.hosted.share if mining.hosted else 0.0)
    if own == 0.0:
        return ()
    new = float(revenue_usd_per_mwh(fleet, hashprice))
    kept = mined_usd_per_mwh / new if new > 0.0 else 1.0
    names = steps.machine if steps else (fleet.key,)
    width = steps.width_mw if steps else np.array([power.rated_mw])
    worth = steps.worth if steps else np.ones(1)
    rows = []
    for name, mw, part in zip(names, width, worth, strict=True):
        energy = fleet.efficiency_j_per_th / float(part) / kept
        rows.append(
            MachineStep(
                machine=name,
                it_mw=float(mw) * own,
                j_per_th=energy,
                strike_usd_per_mwh=float(strike_usd_per_mwh(fleet, hashprice, energy, facility_per_it)),
                break_even_usd_per_ph_day=float(break_even_usd_per_ph_day(fleet, usd_per_mwh, energy, facility_per_it)),
            )
        )
    return tuple(rows)
