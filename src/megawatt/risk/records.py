"""What the risk room takes and hands on: factors, paths, distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import Assumption

__all__ = ["Distribution", "FactorPaths", "FactorTerms", "Risk"]


@dataclass(frozen=True, slots=True)
class FactorTerms:
    """Parameters of the four factors and their correlation.

    Bitcoin price: geometric Brownian motion. Power price level, compute price and demand: exponential
    Ornstein-Uhlenbeck around their trend (mean reversion per year, volatility per square-root year). Each is the
    level relative to the base case: 1 today, expectation 1 times the stated drift. Rents of halls that are let anew are
    the compute price over its expectation to the power ``hall_rent_elasticity``. ``tenant_default_by_year``, where it
    is
    given, takes the place of ``tenant_annual_default``: each year's probability given survival, the last for all later.
    ``claim_recovery_frac`` of a landlord's claim is paid ``claim_lag_months`` after a default.
    """

    btc_volatility: float
    btc_drift: float
    power_volatility: float
    power_reversion: float
    compute_volatility: float
    compute_reversion: float
    compute_drift: float
    demand_volatility: float
    demand_reversion: float
    correlation: FloatArray
    tenant_annual_default: float
    tenant_correlation: float
    relet_lag_months: int
    hall_rent_elasticity: float = 0.0
    tenant_default_by_year: tuple[float, ...] = ()
    claim_recovery_frac: float = 0.0
    claim_lag_months: int = 0
    assumptions: tuple[Assumption, ...] = ()


@dataclass(frozen=True, slots=True)
class FactorPaths:
    """Simulated factors relative to the base case, (paths, months), and the month a tenant stops paying (-1: never)."""

    btc: FloatArray
    power: FloatArray
    compute: FloatArray
    demand: FloatArray
    tenant_default_month: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Distribution:
    """Summary of a simulated quantity: mean with its standard error, percentiles, tail mean (CVaR of the worst 5 %)."""

    mean: float
    standard_error: float
    p5: float
    p25: float
    p50: float
    p75: float
    p95: float
    cvar5: float


@dataclass(frozen=True, slots=True)
class Risk:
    """What can happen to one use of the site.

    Probabilities come with a 95 % confidence interval. A balloon that is not repaid is no missed payment: it has a
    probability of its own. ``samples`` holds per-path values (paths,) of the
    headline quantities, and
    ``fans`` percentiles by month (5, months) at 5, 25, 50, 75, 95 %.
    """

    paths: int
    seed: int
    value_usd_per_grid_mw_year: Distribution
    npv_usd: Distribution
    probability_missed: float | None
    probability_missed_interval: tuple[float, float] | None
    probability_missed_by_month: FloatArray | None
    probability_balloon_unpaid: float | None
    worst_month_usd: Distribution
    samples: Mapping[str, FloatArray]
    fans: Mapping[str, FloatArray]
    drivers: Mapping[str, float]
    assumptions: tuple[Assumption, ...] = ()
