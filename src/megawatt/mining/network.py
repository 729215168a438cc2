"""The Bitcoin network as a market: its state in a month, and how hash rate and hashprice follow the price."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.errors import ScenarioError
from megawatt.mining.protocol import BLOCKS_PER_DAY, hashprice_usd_per_ph_day, network_eh_per_s, subsidy_by_month

__all__ = [
    "HashResponse",
    "NetworkPath",
    "NetworkState",
    "follow_revenue",
    "hash_response",
    "network_state",
    "project_network",
    "with_own_numbers",
]


@dataclass(frozen=True, slots=True)
class NetworkState:
    """The network in one month: averages as published.

    ``network_eh_per_s`` is the hash rate that the difficulty implies at ten-minute blocks, which is what pools pay by.
    ``published_hashprice_usd_per_ph_day`` is an index to check the identity with; nothing is computed from it.
    """

    key: str
    year: int
    month: int
    btc_price_usd: float
    network_eh_per_s: float
    fees_btc_per_day: float
    published_hashprice_usd_per_ph_day: float
    assumptions: tuple[Assumption, ...] = ()


@dataclass(frozen=True, slots=True)
class HashResponse:
    """How hash rate follows miner revenue, with sources; the arguments of `follow_revenue`."""

    elasticity: float
    lag_months: float
    growth: float
    assumptions: tuple[Assumption, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """Projected network; (paths, months), but ``subsidy_btc`` (months,), BTC per block averaged over the month."""

    btc_price_usd: FloatArray
    network_eh_per_s: FloatArray
    hashprice_usd_per_ph_day: FloatArray
    subsidy_btc: FloatArray
    assumptions: tuple[Assumption, ...] = ()


def network_state(catalogue: Catalogue, key: str) -> NetworkState:
    """The network's state of a month from the catalogue, e.g. ``bitcoin-2025-11``.

    Raises
    ------
    CatalogueError
        If the key or one of its facts is missing.
    """
    key = catalogue.get(key, "network").key
    used = ("year", "month", "btc_price_usd", "difficulty", "fees_btc_per_day", "hashprice_usd_per_ph_day")
    number = {name: catalogue.number(key, name) for name in used}
    return NetworkState(
        key=key,
        year=int(number["year"]),
        month=int(number["month"]),
        btc_price_usd=number["btc_price_usd"],
        network_eh_per_s=float(network_eh_per_s(number["difficulty"])),
        fees_btc_per_day=number["fees_btc_per_day"],
        published_hashprice_usd_per_ph_day=number["hashprice_usd_per_ph_day"],
        assumptions=tuple(
            catalogue.assume(key, name, "mining") for name in ("btc_price_usd", "difficulty", "fees_btc_per_day")
        ),
    )


def with_own_numbers(
    state: NetworkState,
    *,
    btc_price_usd: float | None = None,
    network_eh_per_s: float | None = None,
    fees_btc_per_day: float | None = None,
) -> NetworkState:
    """A network state with numbers of one's own in place of the published averages.

    Parameters
    ----------
    state : NetworkState
        Of a month.
    btc_price_usd, network_eh_per_s, fees_btc_per_day : float, optional
        [USD], [EH/s], [BTC/day]; what is None stays.
    """
    own = {"btc_price_usd": btc_price_usd, "difficulty": network_eh_per_s, "fees_btc_per_day": fees_btc_per_day}
    gone = {f"{state.key}.{name}" for name, value in own.items() if value is not None}
    return replace(
        state,
        btc_price_usd=state.btc_price_usd if btc_price_usd is None else btc_price_usd,
        network_eh_per_s=state.network_eh_per_s if network_eh_per_s is None else network_eh_per_s,
        fees_btc_per_day=state.fees_btc_per_day if fees_btc_per_day is None else fees_btc_per_day,
        assumptions=tuple(a for a in state.assumptions if a.name not in gone),
    )


def hash_response(catalogue: Catalogue, key: str = "hash-response") -> HashResponse:
    """How hash rate follows revenue, from the catalogue.

    Raises
    ------
    CatalogueError
        If the key or one of its facts is missing.
    """
    key = catalogue.get(key, "network").key
    used = ("elasticity", "lag_months", "growth_per_year")
    elasticity, lag_months, growth = (catalogue.number(key, name) for name in used)
    return HashResponse(elasticity, lag_months, growth, tuple(catalogue.assume(key, name, "mining") for name in used))


def follow_revenue(
    revenue_relative: FloatArray, elapsed_months: FloatArray, *, elasticity: float, lag_months: float, growth: float
) -> FloatArray:
    """Hash rate relative to the start as miner revenue moves. [-], shape of the revenue

    ln h(t) = growth * t + x(t), with x closing a share 1 - exp(-1 / lag) of its distance to elasticity * ln(revenue)
    each month. Growth is what the network gains at constant revenue because machines need less energy per hash.
    Elasticity 1 is free entry: in the long run hashprice falls back to its old level less the efficiency gain;
    0 leaves hash rate alone and passes every price move to hashprice.

    Parameters
    ----------
    revenue_relative : array, shape (paths, months)
        Network revenue in USD relative to the start, > 0.
    elapsed_months : array, shape (months,)
        Months from the start.
    elasticity : float
        Long-run response of ln hash rate to ln revenue, 0 to 1.
    lag_months : float
        Months in which 63 % of a gap closes, >= 0.
    growth : float
        Growth at constant revenue. [1/year, continuous]

    Raises
    ------
    ScenarioError
        If a parameter is out of range or revenue is not positive.
    """
    if not (0.0 <= elasticity <= 1.0 and lag_months >= 0.0 and np.isfinite(growth)):
        raise ScenarioError(
            f"hash rate: elasticity {elasticity:g}, lag {lag_months:g} months, growth {growth:g} a year; "
            "elasticity must be 0 to 1, lag >= 0, growth finite"
        )
    if not (np.isfinite(revenue_relative).all() and revenue_relative.min(initial=1.0) > 0.0):
        raise ScenarioError("hash rate: network revenue must be a positive number in every month")
    target = elasticity * np.log(revenue_relative)
    share = 1.0 - np.exp(-1.0 / lag_months) if lag_months > 0.0 else 1.0
    log_hash = np.empty_like(target)
    level = np.zeros(target.shape[0])
    for month in range(target.shape[1]):
        level = level + share * (target[:, month] - level)
        log_hash[:, month] = level
    return np.asarray(np.exp(log_hash + growth * elapsed_months / 12.0), dtype=np.float64)


def project_network(
    state: NetworkState,
    start_year: int,
    start_month: int,
    months: int,
    btc_relative: ArrayLike,
    *,
    elasticity: float,
    lag_months: float,
    growth: float,
) -> NetworkPath:
    """Hash rate and hashprice by month along paths of the bitcoin price, halvings included.

    Blocks come every ten minutes on average (retargeting sees to it); fees stay constant in bitcoin per day; hash
    rate follows revenue by `follow_revenue`. A halving cuts revenue, so hash rate sags after it and takes part of
    the loss off the surviving miners.

    Parameters
    ----------
    state : NetworkState
        Where the network stands.
    start_year, start_month : int
        First month projected, not before the state's.
    months : int
        Number of months, >= 1.
    btc_relative : array, shape (paths, months)
        Bitcoin price relative to the state's, > 0.
    elasticity, lag_months, growth : float
        As in `follow_revenue`; the catalogue's values come from `hash_response`.

    Raises
    ------
    ScenarioError
        If the start lies before the state's month, or the paths have the wrong shape or are not positive.
    """
    relative = np.atleast_2d(np.asarray(btc_relative, dtype=np.float64))
    elapsed = (start_year - state.year) * 12 + start_month - state.month
    if elapsed < 0:
        raise ScenarioError(
            f"network {state.key}: start {start_year}-{start_month:02d} lies before the state's month "
            f"{state.year}-{state.month:02d}; take an earlier state or start later"
        )
    if relative.ndim != 2 or relative.shape[1] != months:
        raise ScenarioError(f"network {state.key}: btc_relative has shape {relative.shape}, must be (paths, {months})")
    then = float(subsidy_by_month(state.year, state.month, 1)[0])
    subsidy = subsidy_by_month(start_year, start_month, months)
    per_day_then = then * BLOCKS_PER_DAY + state.fees_btc_per_day
    revenue = relative * (subsidy * BLOCKS_PER_DAY + state.fees_btc_per_day) / per_day_then
    hash_relative = follow_revenue(
        revenue,
        elapsed + np.arange(months, dtype=np.float64),
        elasticity=elasticity,
        lag_months=lag_months,
        growth=growth,
    )
    price, network = state.btc_price_usd * relative, state.network_eh_per_s * hash_relative
    return NetworkPath(
        btc_price_usd=price,
        network_eh_per_s=network,
        hashprice_usd_per_ph_day=hashprice_usd_per_ph_day(
            subsidy * BLOCKS_PER_DAY, state.fees_btc_per_day, price, network
        ),
        subsidy_btc=subsidy,
        assumptions=state.assumptions,
    )
