"""A fleet of miners: its hash rate, what a megawatt-hour earns in it, and how it ages."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.errors import ScenarioError
from megawatt.mining.network import NetworkPath
from megawatt.mining.records import HashEconomics, MinerFleet

__all__ = ["fleet", "hash_economics", "hash_kept_frac", "revenue_usd_per_mwh"]


OPERATIONS_KEY = "mining-operations"


def fleet(catalogue: Catalogue, miner_key: str, it_mw: float) -> MinerFleet:
    """The fleet of one model that draws this power. Hash rate [EH/s] = it_mw [MW] / efficiency [J/TH].

    1 MW = 1e6 J/s over e J/TH gives 1e6 / e TH/s, which is 1 / e EH/s.

    Parameters
    ----------
    catalogue : Catalogue
        Holds the miner and pool fee and uptime under ``mining-operations``.
    miner_key : str
        e.g. ``antminer-s21``.
    it_mw : float
        Power that the machines draw at their plugs. [MW], >= 0

    Raises
    ------
    CatalogueError
        If the key or a fact is missing.
    ScenarioError
        If it_mw is negative or not a number.
    """
    if not (np.isfinite(it_mw) and it_mw >= 0.0):
        raise ScenarioError(f"mining.it_mw = {it_mw} MW, must be a number >= 0")
    key = catalogue.get(miner_key, "miner").key
    efficiency = catalogue.number(key, "efficiency_j_per_th")
    machine = ("efficiency_j_per_th", "power_w", "price_usd_per_th")
    practice = ("pool_fee_frac", "uptime_frac")
    return MinerFleet(
        key=key,
        it_mw=it_mw,
        efficiency_j_per_th=efficiency,
        hashrate_eh_per_s=it_mw / efficiency,
        machines=it_mw * 1e6 / catalogue.number(key, "power_w"),
        pool_fee_frac=catalogue.number(OPERATIONS_KEY, "pool_fee_frac"),
        uptime_frac=catalogue.number(OPERATIONS_KEY, "uptime_frac"),
        price_usd_per_th=catalogue.number(key, "price_usd_per_th"),
        assumptions=tuple(catalogue.assume(key, name, "mining") for name in machine)
        + tuple(catalogue.assume(OPERATIONS_KEY, name, "mining") for name in practice),
    )


def hash_kept_frac(age_years: ArrayLike, loss_per_year: float) -> FloatArray:
    """Hash rate of machines relative to new ones, at unchanged power: the same share is lost every year. [-]

    Failed chips and dust; (1 - loss) ^ age.

    Parameters
    ----------
    age_years : array
        Time in the field. [years], >= 0
    loss_per_year : float
        0 to below 1; the catalogue's assumption is ``mining-modes.hash_loss_per_year``. [1/year]

    Raises
    ------
    ScenarioError
        If a number is out of range.
    """
    age = np.asarray(age_years, dtype=np.float64)
    if not (age.min(initial=0.0) >= 0.0 and 0.0 <= loss_per_year < 1.0):
        raise ScenarioError(f"mining: loss of {loss_per_year} a year at ages {age}; ages must be >= 0, the loss 0 to 1")
    return np.asarray((1.0 - loss_per_year) ** age, dtype=np.float64)


def revenue_usd_per_mwh(miners: MinerFleet, hashprice_usd_per_ph_day: ArrayLike) -> FloatArray:
    """Revenue of a MWh at the miner's plug, after pool fee and uptime. [USD/MWh]

    hashprice / 24 h / (efficiency / 1000 MWh per PH/s and hour) * uptime * (1 - fee). Uptime is the share of the drawn
    energy that becomes accepted work; machines that are off draw nothing and belong in ``it_mw``.

    Parameters
    ----------
    miners : MinerFleet
        Efficiency, fee and uptime.
    hashprice_usd_per_ph_day : array, shape (...)
        Revenue of one PH/s for a day. [USD/PH/day]
    """
    mwh_per_ph_hour = miners.efficiency_j_per_th / 1000.0
    gross = np.asarray(hashprice_usd_per_ph_day, dtype=np.float64) / 24.0 / mwh_per_ph_hour
    return np.asarray(gross * miners.uptime_frac * (1.0 - miners.pool_fee_frac), dtype=np.float64)


def hash_economics(miners: MinerFleet, path: NetworkPath, kept_frac: ArrayLike = 1.0) -> HashEconomics:
    """What a MWh earns in the fleet along a projected network; arrays (paths, months).

    ``kept_frac`` is the fleet's hash rate relative to new machines, by month (`hash_kept_frac`).
    """
    return HashEconomics(
        usd_per_mwh=revenue_usd_per_mwh(miners, path.hashprice_usd_per_ph_day) * np.asarray(kept_frac),
        hashprice_usd_per_ph_day=path.hashprice_usd_per_ph_day,
        network_eh_per_s=path.network_eh_per_s,
        btc_price_usd=path.btc_price_usd,
        subsidy_btc=path.subsidy_btc,
        assumptions=(*miners.assumptions, *path.assumptions),
    )
