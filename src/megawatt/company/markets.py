"""Paths of the markets that a company lives in: bitcoin, hash price, power, tenants."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.company.records import Company, CompanyPaths, Practice
from megawatt.mining import HashResponse, NetworkState, hash_response, network_state, project_network
from megawatt.risk import exponential_ornstein_uhlenbeck, factor_terms, geometric_brownian
from megawatt.risk.factors import MONTH
from megawatt.risk.ratings import default_months

__all__ = ["Markets", "markets_of", "markets_today", "practice", "simulate_markets"]

_POWER_REVERSION: Final = 1.0
"""Return of a company's power price to its mean, as that of the market. [1/year]"""


@dataclass(frozen=True, slots=True)
class Markets:
    """Where markets stand and how they move: bitcoin is geometric, hash rate follows revenue."""

    state: NetworkState
    response: HashResponse
    btc_volatility: float
    btc_drift: float
    tenant_correlation: float


_PLAIN: Final = Practice(*(0.0,) * 12)
"""Nothing is done; every number comes from the catalogue."""


def practice(catalogue: Catalogue, key: str = "company-practice") -> Practice:
    """How companies behave, from the catalogue."""
    names = (
        "issue_frac_per_month",
        "issue_discount",
        "machine_elasticity",
        "surrender_cover",
        "surrender_runway_months",
        "refinance_cover",
        "site_loan_frac",
        "site_cover",
        "order_loan_frac",
        "operations_volatility",
        "power_volatility",
        "uncertainty",
    )
    numbers = {name: catalogue.number(key, name) for name in names}
    return replace(_PLAIN, **numbers, assumptions=tuple(catalogue.assume(key, name, "company") for name in names))


def markets_today(catalogue: Catalogue, key: str = "bitcoin-2025-11", btc_drift: float | None = None) -> Markets:
    """Markets of the catalogue: the network's state of a month and the base terms of the factors."""
    terms = factor_terms(catalogue)
    return Markets(
        state=network_state(catalogue, key),
        response=hash_response(catalogue),
        btc_volatility=terms.btc_volatility,
        btc_drift=terms.btc_drift if btc_drift is None else btc_drift,
        tenant_correlation=terms.tenant_correlation,
    )


def markets_of(catalogue: Catalogue, key: str, state: str) -> Markets:
    """Markets with the parameters of one entry, such as those known at the end of 2021, from the network of a month."""
    names = ("elasticity", "lag_months", "growth_per_year")
    elasticity, lag_months, growth = (catalogue.number(key, name) for name in names)
    return Markets(
        state=network_state(catalogue, state),
        response=HashResponse(elasticity, lag_months, growth),
        btc_volatility=catalogue.number(key, "btc_volatility_per_sqrt_year"),
        btc_drift=catalogue.number(key, "btc_drift_per_year"),
        tenant_correlation=catalogue.number("risk-base", "tenant_correlation"),
    )


def simulate_markets(
    company: Company,
    markets: Markets,
    terms: Practice,
    months: int,
    shocks: FloatArray,
    doubts: FloatArray,
    uniforms: FloatArray,
) -> CompanyPaths:
    """Paths of a company's markets from standard normals.

    Parameters
    ----------
    company : Company
        For its date and leases.
    markets, terms : Markets, Practice
        How they move.
    months : int
        >= 1.
    shocks : array, (4, months, paths)
        Independent standard normals: bitcoin, own operations, power, demand of tenants.
    doubts : array, (3, paths)
        Standard normals of what outsiders do not know: costs, earnings, resale of machines.
    uniforms : array, (leases, years, paths)
        One a year and lease.
    """
    relative = geometric_brownian(shocks[0], markets.btc_volatility, markets.btc_drift).T
    first = company.year * 12 + company.month
    path = project_network(
        markets.state,
        first // 12,
        first % 12 + 1,
        months,
        relative,
        elasticity=markets.response.elasticity,
        lag_months=markets.response.lag_months,
        growth=markets.response.growth,
    )
    scale = terms.operations_volatility * math.sqrt(MONTH)
    tenants = [
        default_months(shocks[3], uniforms[i], (lease.default_per_year,), markets.tenant_correlation)
        for i, lease in enumerate(company.leases)
    ]
    count = relative.shape[0]
    doubt = np.exp(terms.uncertainty * doubts - 0.5 * terms.uncertainty**2)
    drift = 0.5 * scale**2 * np.arange(1, months + 1)[:, None]
    return CompanyPaths(
        btc_usd=path.btc_price_usd,
        hashprice_usd_per_ph_day=path.hashprice_usd_per_ph_day,
        own=doubt[1][:, None] * np.exp(np.cumsum(shocks[1], axis=0) * scale - drift).T,
        power=exponential_ornstein_uhlenbeck(shocks[2], terms.power_volatility, _POWER_REVERSION).T,
        tenant_month=np.stack(tenants, axis=1) if tenants else np.full((count, 0), -1, dtype=np.int64),
        costs=doubt[0],
        resale=doubt[2],
    )
