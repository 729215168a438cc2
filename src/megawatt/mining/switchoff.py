"""The network's fleet and its break-even: which share of the machines runs at a hashprice, and where both settle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.errors import ScenarioError
from megawatt.mining.network import hash_response

__all__ = ["NetworkFleet", "installed_eh_per_s", "network_fleet", "running_eh_per_s", "running_share"]


_STEPS: Final = 80
"""Bisection steps on ln hash rate: 80 halve any interval to rounding."""


@dataclass(frozen=True, slots=True)
class NetworkFleet:
    """Electricity cost per hash of the network's machines: lognormal, by hash rate.

    ``cost_usd_per_ph_day`` is the median: 24 h * efficiency [J/TH] / 1000 * power price [USD/MWh]; ``spread`` the
    standard deviation of its logarithm.
    """

    cost_usd_per_ph_day: float
    spread: float
    assumptions: tuple[Assumption, ...] = ()


def network_fleet(catalogue: Catalogue, year: float, key: str = "network-fleet") -> NetworkFleet:
    """The network's fleet at a date; its efficiency improves at the trend of ``hash-response``.

    Parameters
    ----------
    catalogue : Catalogue
        Holds power price, efficiency and spread.
    year : float
        Date as a fraction, e.g. 2024.3.

    Raises
    ------
    CatalogueError
        If the key or a fact is missing.
    """
    key = catalogue.get(key, "network").key
    used = ("power_usd_per_mwh", "efficiency_j_per_th", "year", "spread")
    power, efficiency, then, spread = (catalogue.number(key, name) for name in used)
    response = hash_response(catalogue)
    now = efficiency * math.exp(-response.growth * (year - then))
    facts = tuple(catalogue.assume(key, name, "mining") for name in used)
    growth = tuple(a for a in response.assumptions if a.name.endswith("growth_per_year"))
    return NetworkFleet(24.0 * now / 1000.0 * power, spread, (*facts, *growth))


def running_share(fleet: NetworkFleet, hashprice_usd_per_ph_day: ArrayLike) -> FloatArray:
    """Share of the installed hash rate whose electricity costs less than it earns. [-]

    The normal distribution of ln(hashprice / median cost) / spread.

    Parameters
    ----------
    hashprice_usd_per_ph_day : array
        [USD/PH/day], > 0

    Raises
    ------
    ScenarioError
        If a hashprice is not positive.
    """
    price = np.asarray(hashprice_usd_per_ph_day, dtype=np.float64)
    if not (np.isfinite(price).all() and price.min(initial=1.0) > 0.0):
        raise ScenarioError("network fleet: hashprice must be a positive number [USD/PH/day]")
    z = np.log(price / fleet.cost_usd_per_ph_day) / fleet.spread
    erf = np.vectorize(math.erf, otypes=[np.float64])
    return np.asarray(0.5 * (1.0 + erf(z / math.sqrt(2.0))), dtype=np.float64)


def installed_eh_per_s(fleet: NetworkFleet, network_eh_per_s: ArrayLike, revenue_usd_per_day: ArrayLike) -> FloatArray:
    """Installed hash rate behind a running one: what runs over the share that pays at its hashprice. [EH/s]

    Parameters
    ----------
    network_eh_per_s : array
        Running hash rate. [EH/s], > 0
    revenue_usd_per_day : array
        Subsidy and fees of the whole network. [USD/day], > 0
    """
    running = np.asarray(network_eh_per_s, dtype=np.float64)
    price = np.asarray(revenue_usd_per_day, dtype=np.float64) / (running * 1000.0)
    return np.asarray(running / running_share(fleet, price), dtype=np.float64)


def running_eh_per_s(fleet: NetworkFleet, installed_eh_per_s: ArrayLike, revenue_usd_per_day: ArrayLike) -> FloatArray:
    """Hash rate at which those run that pay, at the hashprice that their own number makes. [EH/s]

    The root of h = installed * share(revenue / h): more hashes make a lower hashprice, which fewer machines stand, so
    that there is exactly one. Difficulty is taken to have followed (a few weeks after a shock).

    Parameters
    ----------
    installed_eh_per_s : array
        From `installed_eh_per_s`, plus what was added since. [EH/s], > 0
    revenue_usd_per_day : array
        Subsidy and fees of the whole network. [USD/day], > 0
    """
    installed, revenue = np.broadcast_arrays(
        np.asarray(installed_eh_per_s, dtype=np.float64), np.asarray(revenue_usd_per_day, dtype=np.float64)
    )
    low, high = installed * 1e-9, installed.copy()
    for _ in range(_STEPS):
        middle = np.sqrt(low * high)
        more = installed * running_share(fleet, revenue / (middle * 1000.0)) > middle
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.asarray(np.sqrt(low * high), dtype=np.float64)
