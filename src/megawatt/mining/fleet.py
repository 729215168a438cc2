"""A fleet of miners: its hash rate, what a megawatt-hour earns in it, and at what power price it stops paying."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from megawatt.catalogue import Catalogue
from megawatt.errors import ScenarioError
from megawatt.mining.network import NetworkPath
from megawatt.mining.records import HashEconomics, MinerFleet

__all__ = ["aged", "break_even_usd_per_mwh", "fleet", "hash_economics", "revenue_usd_per_mwh"]

FloatArray = NDArray[np.float64]

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


def aged(miners: MinerFleet, lost_frac: float) -> MinerFleet:
    """The fleet after its machines have lost a share of their hash rate at unchanged power (failed chips, dust).

    Raises
    ------
    ScenarioError
        If lost_frac is outside 0 to 1 (exclusive).
    """
    if not 0.0 <= lost_frac < 1.0:
        raise ScenarioError(f"mining: lost_frac = {lost_frac}, must be at least 0 and below 1")
    kept = 1.0 - lost_frac
    return replace(
        miners,
        efficiency_j_per_th=miners.efficiency_j_per_th / kept,
        hashrate_eh_per_s=miners.hashrate_eh_per_s * kept,
    )


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


def break_even_usd_per_mwh(
    miners: MinerFleet, hashprice_usd_per_ph_day: ArrayLike, facility_per_it: float = 1.0
) -> FloatArray:
    """Delivered power price above which mining loses money. [USD/MWh at the connection]

    Parameters
    ----------
    miners : MinerFleet
        Efficiency, fee and uptime.
    hashprice_usd_per_ph_day : array, shape (...)
        Revenue of one PH/s for a day. [USD/PH/day]
    facility_per_it : float
        Facility MW per MW of miners at the margin, >= 1 (cooling and losses). [-]
    """
    return np.asarray(revenue_usd_per_mwh(miners, hashprice_usd_per_ph_day) / facility_per_it, dtype=np.float64)


def hash_economics(miners: MinerFleet, path: NetworkPath) -> HashEconomics:
    """What a MWh earns in the fleet along a projected network; arrays (paths, months)."""
    return HashEconomics(
        usd_per_mwh=revenue_usd_per_mwh(miners, path.hashprice_usd_per_ph_day),
        hashprice_usd_per_ph_day=path.hashprice_usd_per_ph_day,
        network_eh_per_s=path.network_eh_per_s,
        btc_price_usd=path.btc_price_usd,
        subsidy_btc=path.subsidy_btc,
        assumptions=(*miners.assumptions, *path.assumptions),
    )
