"""Simulated paths of the four market factors and of the tenant's default, in exact monthly steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError
from megawatt.risk.correlation import correlation_root
from megawatt.risk.records import FactorPaths, FactorTerms

__all__ = [
    "FACTORS",
    "MONTH",
    "base_factors",
    "conditional_default_probability",
    "default_months",
    "exponential_ornstein_uhlenbeck",
    "factors_of",
    "geometric_brownian",
    "innovation_correlation",
    "mixed_shocks",
    "ornstein_uhlenbeck",
    "paths_of",
    "simulate_factors",
]


FACTORS: Final = ("btc", "power", "compute", "demand")
"""Order of the factors in the correlation matrix."""

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
    if months < 1 or paths < 1:
        raise ScenarioError(f"simulation of {paths} paths and {months} months, both must be 1 or more")
    market, tenant = (_generator(seed_sequence, stream) for stream in range(2))
    normals = market.standard_normal((months, len(FACTORS), paths)).transpose(1, 0, 2)
    return factors_of(terms, normals, tenant.random((-(-months // 12), paths)))


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
    return _mix(correlation_root(innovation_correlation(terms.correlation, _reversions(terms))), normals)


def paths_of(terms: FactorTerms, shocks: FloatArray, uniforms: FloatArray) -> FactorPaths:
    """All factors from their correlated innovations (factors, months, paths), each standard normal."""
    return FactorPaths(
        btc=geometric_brownian(shocks[0], terms.btc_volatility, terms.btc_drift).T,
        power=exponential_ornstein_uhlenbeck(shocks[1], terms.power_volatility, terms.power_reversion).T,
        compute=exponential_ornstein_uhlenbeck(
            shocks[2], terms.compute_volatility, terms.compute_reversion, terms.compute_drift
        ).T,
        demand=exponential_ornstein_uhlenbeck(shocks[3], terms.demand_volatility, terms.demand_reversion).T,
        tenant_default_month=default_months(
            shocks[3],
            uniforms,
            terms.tenant_default_by_year or (terms.tenant_annual_default,),
            terms.tenant_correlation,
        ),
    )


def _generator(seed_sequence: np.random.SeedSequence, stream: int) -> np.random.Generator:
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
        tenant_default_month=np.array([-1], dtype=np.int64),
    )


def _reversions(terms: FactorTerms) -> FloatArray:
    return np.array([0.0, terms.power_reversion, terms.compute_reversion, terms.demand_reversion])


def _mix(root: FloatArray, normals: FloatArray) -> FloatArray:
    """Normals (factors, months, paths) with the correlation root root'. Sums in fixed order, whatever the machine."""
    out = np.zeros_like(normals)
    for i, row in enumerate(root):
        for j, weight in enumerate(row):
            if weight != 0.0:
                out[i] += weight * normals[j]
    return out


def conditional_default_probability(probability: float, correlation: float, factor: FloatArray) -> FloatArray:
    """Default probability of a name given the common factor, same shape as ``factor``.

    Phi((Phi^-1(p) - sqrt(rho) f) / sqrt(1 - rho)): one-factor Gaussian threshold model; over a standard normal
    factor it averages to ``probability`` exactly. A low factor is a bad year.

    Parameters
    ----------
    probability : float
        Unconditional probability, 0 to below 1.
    correlation : float
        Correlation rho of two names' latent values, 0 to below 1.

    Notes
    -----
    Source: Vasicek (2002), loan portfolio value; the same form as in [bis-cre31].
    """
    from scipy.special import ndtr, ndtri  # scipy loads slowly; only simulations need it

    if probability == 0.0:
        return np.zeros_like(factor)
    threshold = float(ndtri(probability))
    return np.asarray(
        ndtr((threshold - math.sqrt(correlation) * factor) / math.sqrt(1.0 - correlation)), dtype=np.float64
    )


def default_months(
    demand_shocks: FloatArray, uniforms: FloatArray, annual_probability: Sequence[float], correlation: float
) -> IntArray:
    """Month in which each path's tenant defaults, (paths,); -1 if it does not.

    Each year's common factor is the sum of that year's twelve demand innovations, made standard normal; the tenant
    defaults in the year if its uniform falls below the conditional probability, so each year's default probability is
    ``annual_probability`` exactly, and years are independent given survival. The month within the year is the
    uniform's place below the probability, hence even over the year. A last year of n months has probability
    1 - (1 - p)^(n / 12).

    Parameters
    ----------
    demand_shocks : array, (months, paths)
        Standard normal innovations of the demand factor.
    annual_probability : sequence of float
        Of each year, given survival; the last holds for all later years.
    uniforms : array, (years, paths)
        One uniform a year (the last may be short).
    """
    months, paths = demand_shocks.shape
    first = np.full(paths, -1, dtype=np.int64)
    for year in range(-(-months // 12)):
        shocks = demand_shocks[12 * year : 12 * (year + 1)]
        length = shocks.shape[0]
        asked = annual_probability[min(year, len(annual_probability) - 1)]
        probability = -math.expm1(math.log1p(-asked) * length / 12.0)
        factor = shocks.sum(axis=0) / math.sqrt(length)
        chance = conditional_default_probability(probability, correlation, factor)
        drawn = uniforms[year]
        defaults = (drawn < chance) & (first < 0)
        place = np.floor(length * drawn / np.where(chance > 0.0, chance, 1.0)).astype(np.int64)
        first = np.where(defaults, 12 * year + np.minimum(place, length - 1), first)
    return first


def check_terms(terms: FactorTerms) -> None:
    """Check ranges of factor terms.

    Raises
    ------
    ScenarioError
        Naming the first parameter that is out of range.
    """
    for name in ("btc_volatility", "power_volatility", "compute_volatility", "demand_volatility"):
        _check(name, getattr(terms, name), 0.0, 5.0, "per square-root year")
    for name in ("power_reversion", "compute_reversion", "demand_reversion"):
        _check(name, getattr(terms, name), 0.0, 100.0, "per year")
    for name in ("btc_drift", "compute_drift"):
        _check(name, getattr(terms, name), -5.0, 5.0, "per year")
    for asked in terms.tenant_default_by_year:
        _check("tenant_default_by_year", asked, 0.0, 0.999, "probability a year")
    _check("tenant_annual_default", terms.tenant_annual_default, 0.0, 0.999, "probability a year")
    _check("tenant_correlation", terms.tenant_correlation, 0.0, 0.999, "correlation of latent values")
    _check("relet_lag_months", float(terms.relet_lag_months), 0.0, 1200.0, "months")
    _check("hall_rent_elasticity", terms.hall_rent_elasticity, 0.0, 2.0, "rents of halls over compute price")
    if np.shape(terms.correlation) != (len(FACTORS), len(FACTORS)):
        raise ScenarioError(
            f"risk.correlation: shape {np.shape(terms.correlation)}, must be (4, 4) in the order {', '.join(FACTORS)}"
        )


def _check(name: str, value: float, low: float, high: float, what: str) -> None:
    if not low <= value <= high:
        raise ScenarioError(f"risk.{name} = {value} ({what}), must be between {low:g} and {high:g}")
