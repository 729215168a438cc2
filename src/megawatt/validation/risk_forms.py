"""Closed forms of what the simulator simulates, against which its estimates are held."""

from __future__ import annotations

import math

import numpy as np

from megawatt.arrays import FloatArray

__all__ = [
    "bivariate_normal",
    "bivariate_t",
    "bridge_crossing",
    "brownian_below",
    "brownian_hits",
    "exchange_value",
    "firm_behind",
    "joint_correlation",
    "jump_moments",
    "lognormal_tail",
    "merton_firm",
    "mixture_below",
    "ornstein_uhlenbeck_moments",
    "regime_moments",
    "settled_chain",
    "tail_dependence",
    "vasicek_tail",
]


_STILL = 1e-12
"""Standard deviation of a logarithm below which it does not move."""


def _phi(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def _ndtri(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


def brownian_below(level: float, drift: float, volatility: float, years: float) -> float:
    """Probability that geometric Brownian motion from 1 ends below a level."""
    return _phi((math.log(level) - (drift - volatility**2 / 2) * years) / (volatility * math.sqrt(years)))


def brownian_hits(level: float, drift: float, volatility: float, years: float = math.inf) -> float:
    """Probability that it falls to a level within a time, watched all the time (ever: ``years`` infinite); it has begun
    there where the level is 1 or more."""
    if level >= 1.0:
        return 1.0
    nu, b = drift - volatility**2 / 2, math.log(level)
    if math.isinf(years):
        return min(1.0, math.exp(2.0 * nu * b / volatility**2))
    scale = volatility * math.sqrt(years)
    return _phi((b - nu * years) / scale) + math.exp(2.0 * nu * b / volatility**2) * _phi((b + nu * years) / scale)


def bridge_crossing(start: float, end: float, level: float, volatility: float, years: float) -> float:
    """Probability that a path between two values above a level touched it in between."""
    return math.exp(-2.0 * math.log(start / level) * math.log(end / level) / (volatility**2 * years))


def lognormal_tail(log_mean: float, log_sd: float, tail: float, *, upper: bool = False) -> tuple[float, float]:
    """Quantile at a tail probability and the mean of what lies beyond it (expected shortfall)."""
    z = _ndtri(tail)
    sign = -1.0 if upper else 1.0
    mean = math.exp(log_mean + log_sd**2 / 2)
    return math.exp(log_mean + sign * z * log_sd), mean * _phi(z - sign * log_sd) / tail


def bivariate_normal(h: float, k: float, rho: float) -> float:
    """P(X < h, Y < k) of standard normals with this correlation, to 1e-13."""
    from scipy.integrate import quad
    from scipy.special import ndtr

    if abs(rho) > 1.0 - 1e-12:
        return _phi(min(h, k)) if rho > 0 else max(_phi(h) - _phi(-k), 0.0)
    scale = math.sqrt(1.0 - rho**2)
    value, _ = quad(
        lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi) * ndtr((k - rho * x) / scale),
        -38.0, min(h, 38.0), epsabs=0.0, epsrel=1e-12, limit=400,
        points=[p for p in (-8.0, 0.0, h - 1.0) if p < min(h, 38.0)],
    )  # fmt: skip
    return float(value)


def bivariate_t(h: float, k: float, rho: float, degrees: float) -> float:
    """P(X < h, Y < k) of a bivariate Student t with this correlation."""
    from scipy.integrate import quad
    from scipy.stats import t

    if abs(rho) > 1.0 - 1e-12:
        return float(t.cdf(min(h, k), degrees)) if rho > 0 else max(float(t.cdf(h, degrees) - t.cdf(-k, degrees)), 0.0)

    def inner(x: float) -> float:
        scale = math.sqrt((degrees + x * x) * (1.0 - rho**2) / (degrees + 1.0))
        return float(t.pdf(x, degrees) * t.cdf((k - rho * x) / scale, degrees + 1.0))

    value, _ = quad(inner, -math.inf, h, epsabs=1e-14, epsrel=1e-10, limit=400)
    return float(value)


def tail_dependence(rho: float, degrees: float) -> float:
    """Chance that one name is in its far tail given that the other is, under a t copula."""
    from scipy.stats import t

    if rho <= -1.0:
        return 0.0
    return float(2.0 * t.cdf(-math.sqrt((degrees + 1.0) * (1.0 - rho) / (1.0 + rho)), degrees + 1.0))


def joint_correlation(h: float, k: float, rho: float) -> float:
    """Correlation of the events X < h and Y < k of standard normals with this correlation, to 1e-12.

    That both happen beyond what chance makes of it is an integral over the correlation (Plackett 1954, Biometrika 41),
    which keeps its digits however rare they are.
    """
    from scipy.integrate import quad

    def density(angle: float) -> float:
        cos = max(math.cos(angle), 1e-300)
        return math.exp(-(h * h - 2.0 * h * k * math.sin(angle) + k * k) / (2.0 * cos * cos)) / (2.0 * math.pi)

    over, _ = quad(density, 0.0, math.asin(rho), epsabs=0.0, epsrel=1e-12, limit=400)
    return float(over / math.sqrt(_phi(h) * _phi(-h) * _phi(k) * _phi(-k)))


def exchange_value(a: float, b: float, volatility: float) -> float:
    """Mean of max(A - B, 0) of lognormals with means a, b; ``volatility`` is that of ln(A / B) (Margrabe 1978)."""
    if volatility < _STILL:
        return max(a - b, 0.0)
    d = math.log(a / b) / volatility + volatility / 2
    return a * _phi(d) - b * _phi(d - volatility)


def merton_firm(
    assets: float, debt: float, rate: float, volatility: float, years: float, drift: float | None = None
) -> dict[str, float]:
    """Equity as a call on the firm (Merton 1974): value and volatility of equity, spread, probabilities of default.

    Parameters
    ----------
    assets, debt : float
        Value of the firm today and face of its debt.
    rate, volatility, years, drift : float
        Risk-free rate and volatility of assets a year, years to maturity, real-world growth (default: the rate).
    """
    scale = volatility * math.sqrt(years)
    d1 = (math.log(assets / debt) + (rate + volatility**2 / 2) * years) / scale
    d2 = d1 - scale
    equity = assets * _phi(d1) - debt * math.exp(-rate * years) * _phi(d2)
    worth = assets - equity
    real = (math.log(assets / debt) + ((rate if drift is None else drift) - volatility**2 / 2) * years) / scale
    return {
        "equity_value": equity,
        "equity_vol": assets * _phi(d1) * volatility / equity,
        "debt_value": worth,
        "debt_yield": math.log(debt / worth) / years,
        "credit_spread": math.log(debt / worth) / years - rate,
        "prob_default_risk_neutral": _phi(-d2),
        "prob_default_real_world": _phi(-real),
        "distance_to_default": real,
        "expected_recovery_given_default_risk_neutral": assets
        * math.exp(rate * years)
        * _phi(-d1)
        / (_phi(-d2) * debt),
    }


def _poisson(mean: float, terms: int) -> FloatArray:
    from scipy.stats import poisson

    return np.asarray(poisson.pmf(np.arange(terms), mean))


def jump_moments(
    drift: float, volatility: float, rate: float, jump_mean: float, jump_sd: float, years: float, level: float = 1.0
) -> dict[str, float]:
    """Merton jump diffusion from 1: moments of its log and the probability to end below a level."""
    k = math.expm1(jump_mean + jump_sd**2 / 2)
    trend = (drift - volatility**2 / 2 - rate * k) * years
    mean_count = rate * years
    second, third = jump_sd**2 + jump_mean**2, jump_mean**3 + 3 * jump_mean * jump_sd**2
    fourth = jump_mean**4 + 6 * jump_mean**2 * jump_sd**2 + 3 * jump_sd**4
    variance = volatility**2 * years + mean_count * second
    n = np.arange(200)
    sds = np.asarray(np.sqrt(volatility**2 * years + n * jump_sd**2), dtype=np.float64)
    means = np.asarray(trend + n * jump_mean, dtype=np.float64)
    return {
        "mean_level": math.exp(drift * years),
        "log_return_mean": trend + mean_count * jump_mean,
        "log_return_variance": variance,
        "log_return_skewness": mean_count * third / variance**1.5,
        "log_return_excess_kurtosis": mean_count * fourth / variance**2,
        "prob_end_below_level": mixture_below(math.log(level), _poisson(mean_count, 200), means, sds),
        "prob_no_jump": math.exp(-mean_count),
    }


def mixture_below(level: float, weights: FloatArray, means: FloatArray, sds: FloatArray) -> float:
    """Probability that a mixture of normals lies below a level."""
    from scipy.special import ndtr

    return float((np.asarray(weights) * ndtr((level - np.asarray(means)) / np.asarray(sds))).sum())


def regime_moments(
    transition: FloatArray, mean: FloatArray, sd: FloatArray, steps: int, level: float
) -> dict[str, float | FloatArray]:
    """Markov chain of returns: where it settles, how long it stays, moments of one return and of a sum."""
    matrix, mu, sigma = (np.asarray(v, dtype=np.float64) for v in (transition, mean, sd))
    settled = settled_chain(matrix)
    average = float(settled @ mu)
    variance = float(settled @ (sigma**2 + mu**2)) - average**2
    covariance, ahead = 0.0, mu - average
    for lag in range(1, steps):
        ahead = matrix @ ahead
        covariance += (steps - lag) * float((settled * (mu - average)) @ ahead)
    out_of_1 = np.delete(np.delete(matrix, 1, 0), 1, 1)
    leaves = 1.0 - np.diag(matrix)
    order = np.argsort(-np.abs(np.linalg.eigvals(matrix)))
    return {
        "stationary_distribution": settled,
        "n_step_matrix": np.linalg.matrix_power(matrix, steps),
        "expected_duration": np.divide(1.0, leaves, out=np.full(leaves.size, np.inf), where=leaves > 0.0),
        "prob_visit_state_1_within_n_from_state_0": 1.0 - float(np.linalg.matrix_power(out_of_1, steps)[0].sum()),
        "second_eigenvalue": float(np.linalg.eigvals(matrix)[order[1]].real),
        "stationary_return_mean": average,
        "stationary_return_variance": variance,
        "variance_of_sum_n_returns_stationary_start": steps * variance + 2.0 * covariance,
        "prob_return_below_level_stationary": mixture_below(level, settled, mu, sigma),
    }


def settled_chain(matrix: FloatArray) -> FloatArray:
    """Where a Markov chain settles, a probability for each state."""
    size = len(matrix)
    rows = np.vstack([np.asarray(matrix, dtype=np.float64).T - np.eye(size), np.ones(size)])
    return np.asarray(np.linalg.lstsq(rows, np.append(np.zeros(size), 1.0), rcond=None)[0])


def vasicek_tail(pd: float, rho: float, lgd: float, confidence: float) -> dict[str, float]:
    """Large pool of names that share one factor: default rate, loss and expected shortfall at a confidence."""
    c, a = _ndtri(pd), _ndtri(confidence)
    rate = _phi((c + math.sqrt(rho) * a) / math.sqrt(1.0 - rho))
    beyond = bivariate_normal(c, -a, math.sqrt(rho)) / (1.0 - confidence)
    return {"conditional_default_rate": rate, "loss_quantile": lgd * rate, "expected_shortfall": lgd * beyond}


def ornstein_uhlenbeck_moments(
    reversion: float, mean: float, volatility: float, start: float, years: float, step: float
) -> dict[str, float]:
    """Ornstein-Uhlenbeck process: where it settles, its moments after a time, its exact step, its average over time."""
    k, s = reversion, volatility
    keep, kept = math.exp(-k * step), math.exp(-k * years)
    if k == 0.0:
        return _brownian_moments(volatility, start, years, step)
    settled = s**2 / (2 * k)
    at = mean + (start - mean) * kept
    spread = settled * (1.0 - kept**2)
    average = s**2 / (k**2 * years**2) * (years - 2.0 * (1.0 - kept) / k + (1.0 - kept**2) / (2.0 * k))
    return {
        "stationary_mean": mean,
        "stationary_variance": settled,
        "half_life": math.log(2.0) / k,
        "mean_at_T": at,
        "variance_at_T": spread,
        "ar1_coefficient": keep,
        "ar1_intercept": mean * (1.0 - keep),
        "ar1_innovation_variance": settled * (1.0 - keep**2),
        "variance_of_time_average_0_T": average,
        "exp_process_mean_at_T": math.exp(at + spread / 2),
        "exp_process_stationary_mean": math.exp(mean + settled / 2),
    }


def _brownian_moments(volatility: float, start: float, years: float, step: float) -> dict[str, float]:
    """The same without return: it settles nowhere."""
    spread = volatility**2 * years
    return {
        "mean_at_T": start,
        "variance_at_T": spread,
        "ar1_coefficient": 1.0,
        "ar1_intercept": 0.0,
        "ar1_innovation_variance": volatility**2 * step,
        "variance_of_time_average_0_T": spread / 3.0,
        "exp_process_mean_at_T": math.exp(start + spread / 2.0),
    }


def firm_behind(equity: float, equity_volatility: float, debt: float, rate: float, years: float) -> tuple[float, float]:
    """Value and volatility of a firm from those of its equity: the inverse of `merton_firm`, to 1e-12."""
    from scipy.optimize import root

    def apart(logs: FloatArray) -> list[float]:
        firm = merton_firm(math.exp(logs[0]), debt, rate, math.exp(logs[1]), years)
        return [math.log(firm["equity_value"] / equity), math.log(firm["equity_vol"] / equity_volatility)]

    assets = equity + debt * math.exp(-rate * years)
    found = root(apart, [math.log(assets), math.log(equity_volatility * equity / assets)], tol=1e-14)
    return math.exp(found.x[0]), math.exp(found.x[1])
