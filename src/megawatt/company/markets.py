"""Paths of the markets that a company lives in: the factors of every site, hash price, its tenants."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.company.records import Company, CompanyPaths, Practice
from megawatt.mining import HashResponse, NetworkState, hash_response, network_state, project_network
from megawatt.risk import FactorTerms, factor_terms
from megawatt.risk.factors import MONTH, credit_shocks, mixed_shocks, paths_of
from megawatt.risk.ratings import default_months

__all__ = ["Markets", "markets_of", "markets_today", "practice", "simulate_markets"]

_POWER_REVERSION: Final = 1.0
"""Return of a company's power price to its mean, as that of the market. [1/year]"""


@dataclass(frozen=True, slots=True)
class Markets:
    """Where markets stand and how they move: the factors of every site, and a hash rate that follows revenue."""

    state: NetworkState
    response: HashResponse
    factors: FactorTerms

    def still(self) -> Markets:
        """The same where nothing moves but by its drift, and no tenant fails."""
        calm = replace(
            self.factors, btc_volatility=0.0, power_volatility=0.0, compute_volatility=0.0, demand_volatility=0.0,
            rate_volatility=0.0, spread_volatility=0.0, equity_volatility=0.0, tenant_correlation=0.0,
        )  # fmt: skip
        return replace(self, factors=calm)


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
        factors=terms if btc_drift is None else replace(terms, btc_drift=btc_drift),
    )


def markets_of(catalogue: Catalogue, key: str, state: str) -> Markets:
    """Markets with the parameters of one entry, such as those known at the end of 2021, from the network of a month."""
    names = ("elasticity", "lag_months", "growth_per_year")
    elasticity, lag_months, growth = (catalogue.number(key, name) for name in names)
    return Markets(
        state=network_state(catalogue, state),
        response=HashResponse(elasticity, lag_months, growth),
        factors=factor_terms(catalogue, given=catalogue.get(key).facts),
    )


def simulate_markets(
    company: Company,
    markets: Markets,
    terms: Practice,
    months: int,
    normals: FloatArray,
    own: FloatArray,
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
    normals : array, (factors, months, paths)
        Independent standard normals in the order of `megawatt.risk.FACTORS`.
    own : array, (months, paths)
        Standard normals of its own operations.
    doubts : array, (3, paths)
        Standard normals of what outsiders do not know: costs, earnings, resale of machines.
    uniforms : array, (leases, years, paths)
        One a year and lease.
    """
    # half of its power is bought at fixed prices: its price moves less than the market's, with it
    volatility = min(terms.power_volatility, markets.factors.power_volatility)
    moves = replace(markets.factors, power_volatility=volatility, power_reversion=_POWER_REVERSION)
    shocks = mixed_shocks(moves, normals)
    factors = paths_of(moves, shocks, np.ones((uniforms.shape[1], own.shape[1])))
    common = credit_shocks(moves, shocks)
    first = company.year * 12 + company.month
    path = project_network(
        markets.state,
        first // 12,
        first % 12 + 1,
        months,
        factors.btc,
        elasticity=markets.response.elasticity,
        lag_months=markets.response.lag_months,
        growth=markets.response.growth,
    )
    scale = terms.operations_volatility * math.sqrt(MONTH)
    tenants = [
        default_months(common, uniforms[i], (lease.default_per_year,), moves.tenant_correlation)
        for i, lease in enumerate(company.leases)
    ]
    count = own.shape[1]
    doubt = np.exp(terms.uncertainty * doubts - 0.5 * terms.uncertainty**2)
    drift = 0.5 * scale**2 * np.arange(1, months + 1)[:, None]
    return CompanyPaths(
        btc_usd=path.btc_price_usd,
        hashprice_usd_per_ph_day=path.hashprice_usd_per_ph_day,
        own=doubt[1][:, None] * np.exp(np.cumsum(own, axis=0) * scale - drift).T,
        power=factors.power,
        tenant_month=np.stack(tenants, axis=1) if tenants else np.full((count, 0), -1, dtype=np.int64),
        costs=doubt[0],
        resale=doubt[2],
        rate=factors.rate,
        spread=factors.spread,
        equity=factors.equity,
        reference_rate=moves.reference_rate,
    )
