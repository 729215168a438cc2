"""Simulated paths of the market factors and of the tenant's default, in exact monthly steps."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.risk.correlation import correlation_root
from megawatt.risk.ratings import GRADES, default_months, rated_default_months
from megawatt.risk.records import FactorPaths, FactorTerms

__all__ = [
    "FACTORS",
    "MONTH",
    "OF_GOODS",
    "base_factors",
    "check_terms",
    "credit_shocks",
    "exponential_ornstein_uhlenbeck",
    "factors_of",
    "generator_of",
    "geometric_brownian",
    "independent_draws",
    "innovation_correlation",
    "mixed_shocks",
    "ornstein_uhlenbeck",
    "paths_of",
    "simulate_factors",
]


FACTORS: Final = ("btc", "power", "compute", "demand", "rate", "spread", "equity")
"""Order of the factors in the correlation matrix; the last three are of money: rates, credit spreads, shares."""

OF_GOODS: Final = 4
"""Factors with a stream of their own, in front of those of money."""

MONTH: Final = 1.0 / 12.0
"""Step of the simulation. [years]"""


def geometric_brownian(normals: FloatArray, volatility: float, drift: float, step_years: float = MONTH) -> FloatArray:
    """Levels of dS = drift S dt + volatility S dW with S(0) = 1, at the end of each step, (steps, paths).

    Exact: ln S grows by (drift - volatility^2 / 2) dt + volatility sqrt(dt) Z a step, so E[S(t)] = exp(drift t).

    Parameters
    ----------
    normals : array, (steps, paths)
        Independent standard normals.
    volatility : float
        Per square-root year, >= 0.
    drift : float
        Continuous growth of the expectation per year.
    """
    steps = normals * (volatility * math.sqrt(step_years)) + (drift - 0.5 * volatility**2) * step_years
    return np.asarray(np.exp(np.cumsum(steps, axis=0)), dtype=np.float64)


def ornstein_uhlenbeck(
    normals: FloatArray, volatility: float, reversion: float, step_years: float = MONTH, start: float = 0.0
) -> FloatArray:
    """Levels of dx = -reversion x dt + volatility dW from ``start``, at the end of each step, (steps, paths).

    Exact: x(t + dt) = exp(-k dt) x(t) + sqrt(variance(dt)) Z; with reversion 0 a Brownian motion.

    Parameters
    ----------
    normals : array, (steps, paths)
        Independent standard normals.
    volatility : float
        Per square-root year, >= 0.
    reversion : float
        Speed of return per year, >= 0.
    """
    keep = math.exp(-reversion * step_years)
    scale = volatility * math.sqrt(_kernel(2.0 * reversion, step_years))
    out = np.empty_like(normals)
    level = np.full(normals.shape[1], start)
    for step, shock in enumerate(normals):
        level = level * keep + shock * scale
        out[step] = level
    return out


def exponential_ornstein_uhlenbeck(
    normals: FloatArray, volatility: float, reversion: float, drift: float = 0.0, step_years: float = MONTH
) -> FloatArray:
    """Levels exp(drift t + x - variance(t) / 2) with x an Ornstein-Uhlenbeck process from 0, (steps, paths).

    The expectation is exp(drift t) at every time: the half variance takes out the growth that the exponential adds.
    """
    times = (np.arange(normals.shape[0]) + 1.0) * step_years
    variance = volatility**2 * np.array([_kernel(2.0 * reversion, t) for t in times])
    shift = drift * times - 0.5 * variance
    return np.asarray(np.exp(ornstein_uhlenbeck(normals, volatility, reversion, step_years) + shift[:, None]))


def _kernel(speed: float, time_years: float) -> float:
    """Integral of exp(-speed s) over s from 0 to time: (1 - exp(-speed t)) / speed, and t for speed 0. [years]"""
    return time_years if speed == 0.0 else -math.expm1(-speed * time_years) / speed


def innovation_correlation(correlation: FloatArray, reversions: FloatArray, step_years: float = MONTH) -> FloatArray:
    """Correlation of the exact step innovations when the Brownian motions have this correlation, same shape.

    rho_ij g(k_i + k_j) / sqrt(g(2 k_i) g(2 k_j)), g(k) = (1 - exp(-k dt)) / k: slightly below rho_ij where speeds of
    mean reversion differ. (Covariance of the two stochastic integrals of a step.)
    """
    size = len(reversions)
    g = np.array(
        [[_kernel(float(reversions[i] + reversions[j]), step_years) for j in range(size)] for i in range(size)]
    )
    own = np.sqrt(np.diag(g))
    return np.asarray(correlation * g / np.outer(own, own), dtype=np.float64)


def simulate_factors(terms: FactorTerms, months: int, paths: int, seed_sequence: np.random.SeedSequence) -> FactorPaths:
    """One block of paths of all factors, arrays (paths, months).

    Each value is the level at the end of its month relative to the base case. The response of
    the network's hash rate to the bitcoin price is modelled where hashes are priced, from ``btc``.

    Parameters
    ----------
    terms : FactorTerms
        Volatilities, reversions, drifts and correlation of the Brownian motions in the order of `FACTORS`.
    months, paths : int
        Size, both >= 1.
    seed_sequence : numpy.random.SeedSequence
        Randomness of this block. Months are drawn in order: a longer project sees the same markets in the months that
        a shorter one has, so uses of different length can be compared path by path.

    Raises
    ------
    ScenarioError
        If a parameter is out of range or the correlation matrix is none.
    """
    check_terms(terms)
    return factors_of(terms, *independent_draws(months, paths, seed_sequence))


def independent_draws(months: int, paths: int, seed_sequence: np.random.SeedSequence) -> tuple[FloatArray, FloatArray]:
    """Randomness of one block: normals (factors, months, paths), and uniforms of the tenant (years, paths).

    Raises
    ------
    ScenarioError
        If a size is below 1.
    """
    if months < 1 or paths < 1:
        raise ScenarioError(f"simulation of {paths} paths and {months} months, both must be 1 or more")
    goods, tenant, money = (generator_of(seed_sequence, stream) for stream in range(3))
    parts = [
        generator.standard_normal((months, count, paths)).transpose(1, 0, 2)
        for generator, count in ((goods, OF_GOODS), (money, len(FACTORS) - OF_GOODS))
    ]
    return np.concatenate(parts), tenant.random((-(-months // 12), paths))


def factors_of(terms: FactorTerms, normals: FloatArray, uniforms: FloatArray) -> FactorPaths:
    """All factors from given randomness, arrays (paths, months).

    Parameters
    ----------
    terms : FactorTerms
        As in `simulate_factors`; not checked again.
    normals : array, (factors, months, paths)
        Independent standard normals in the order of `FACTORS`.
    uniforms : array, (years, paths)
        Of the tenant, one a year (the last may be short).
    """
    return paths_of(terms, mixed_shocks(terms, normals), uniforms)


def mixed_shocks(terms: FactorTerms, normals: FloatArray) -> FloatArray:
    """Innovations of the factors with their correlation, from independent normals, (factors, months, paths)."""
    return _mix(_root(terms), normals)


def _root(terms: FactorTerms) -> FloatArray:
    """Root of the innovations' correlation, (factors, factors); refuses one that no factors can have."""
    return correlation_root(innovation_correlation(terms.correlation, _reversions(terms)), FACTORS)


def paths_of(terms: FactorTerms, shocks: FloatArray, uniforms: FloatArray) -> FactorPaths:
    """All factors from their correlated innovations (factors, months, paths), each standard normal."""
    reverting = {
        name: exponential_ornstein_uhlenbeck(
            shocks[FACTORS.index(name)],
            getattr(terms, f"{name}_volatility"),
            getattr(terms, f"{name}_reversion"),
            terms.compute_drift if name == "compute" else 0.0,
        ).T
        for name in _REVERTING
    }
    common = credit_shocks(terms, shocks)
    if terms.tenant_rating:
        failed = rated_default_months(common, uniforms, terms.tenant_rating, terms.tenant_correlation)
    else:
        by_year = terms.tenant_default_by_year or (terms.tenant_annual_default,)
        failed = default_months(common, uniforms, by_year, terms.tenant_correlation)
    return FactorPaths(
        btc=geometric_brownian(shocks[0], terms.btc_volatility, terms.btc_drift).T,
        equity=geometric_brownian(shocks[6], terms.equity_volatility, terms.equity_drift).T,
        tenant_default_month=failed,
        **reverting,
    )


_REVERTING: Final = ("power", "compute", "demand", "rate", "spread")
"""Factors that return to their trend."""


def credit_shocks(terms: FactorTerms, shocks: FloatArray) -> FloatArray:
    """What tenants' health has in common, standard normal by month, (months, paths): demand up, credit spreads down.

    ``tenant_spread_frac`` is the weight of spreads; the sum is scaled by the correlation of the two innovations.
    """
    demand, spread = FACTORS.index("demand"), FACTORS.index("spread")
    weight = terms.tenant_spread_frac
    among = innovation_correlation(terms.correlation, _reversions(terms))[demand, spread]
    scale = math.sqrt((1.0 - weight) ** 2 + weight**2 - 2.0 * weight * (1.0 - weight) * among)
    return np.asarray(((1.0 - weight) * shocks[demand] - weight * shocks[spread]) / scale)


def generator_of(seed_sequence: np.random.SeedSequence, stream: int) -> np.random.Generator:
    """One stream of a block's randomness; unlike spawn, the same for the same sequence however often it is asked."""
    child = np.random.SeedSequence(seed_sequence.entropy, spawn_key=(*seed_sequence.spawn_key, stream))
    return np.random.Generator(np.random.PCG64(child))


def base_factors(terms: FactorTerms, months: int) -> FactorPaths:
    """The base case: every factor at its expectation and a tenant that pays, one path, arrays (1, months)."""
    check_terms(terms)
    times = (np.arange(months) + 1.0) * MONTH
    one = np.ones((1, months))
    return FactorPaths(
        btc=np.exp(terms.btc_drift * times)[None, :],
        power=one,
        compute=np.exp(terms.compute_drift * times)[None, :],
        demand=one,
        rate=one,
        spread=one,
        equity=np.exp(terms.equity_drift * times)[None, :],
        tenant_default_month=np.array([-1], dtype=np.int64),
    )


def _reversions(terms: FactorTerms) -> FloatArray:
    return np.array([getattr(terms, f"{name}_reversion") if name in _REVERTING else 0.0 for name in FACTORS])


def _mix(root: FloatArray, normals: FloatArray) -> FloatArray:
    """Normals (factors, months, paths) with the correlation root root'. Sums in fixed order, whatever the machine."""
    out = np.zeros_like(normals)
    for i, row in enumerate(root):
        for j, weight in enumerate(row):
            if weight != 0.0:
                out[i] += weight * normals[j]
    return out


def check_terms(terms: FactorTerms) -> None:
    """Check ranges of factor terms, and that factors can have these correlations together.

    Raises
    ------
    ScenarioError
        Naming the first parameter that is out of range, or the nearest correlations that can be.
    """
    for name in FACTORS:
        _check(f"{name}_volatility", getattr(terms, f"{name}_volatility"), 0.0, 5.0, "per square-root year")
    for name in _REVERTING:
        _check(f"{name}_reversion", getattr(terms, f"{name}_reversion"), 0.0, 100.0, "per year")
    for name in ("btc_drift", "compute_drift", "equity_drift"):
        _check(name, getattr(terms, name), -5.0, 5.0, "per year")
    _check("tenant_spread_frac", terms.tenant_spread_frac, 0.0, 1.0, "weight of credit spreads")
    for asked in terms.tenant_default_by_year:
        _check("tenant_default_by_year", asked, 0.0, 0.999, "probability a year")
    _check("tenant_annual_default", terms.tenant_annual_default, 0.0, 0.999, "probability a year")
    _check("tenant_correlation", terms.tenant_correlation, 0.0, 0.999, "correlation of latent values")
    _check("relet_lag_months", float(terms.relet_lag_months), 0.0, 1200.0, "months")
    _check("hall_rent_elasticity", terms.hall_rent_elasticity, 0.0, 2.0, "rents of halls over compute price")
    if terms.tenant_rating and terms.tenant_rating not in GRADES:
        raise ScenarioError(f"risk.tenant_rating = {terms.tenant_rating!r}, must be one of {', '.join(GRADES)}")
    if np.shape(terms.correlation) != (len(FACTORS), len(FACTORS)):
        n, names = len(FACTORS), ", ".join(FACTORS)
        raise ScenarioError(
            f"risk.correlation: shape {np.shape(terms.correlation)}, must be ({n}, {n}) in the order {names}"
        )
    _root(terms)


def _check(name: str, value: float, low: float, high: float, what: str) -> None:
    if not low <= value <= high:
        raise ScenarioError(f"risk.{name} = {value} ({what}), must be between {low:g} and {high:g}")
