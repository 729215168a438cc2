"""Moves beyond the normal: jumps, regimes, tails that come together. All in exact steps."""

from __future__ import annotations

import math

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.risk.factors import MONTH

__all__ = ["jump_diffusion", "regime_path", "regime_returns", "t_copula_normals"]


def jump_diffusion(
    normals: FloatArray,
    uniforms: FloatArray,
    jump_normals: FloatArray,
    *,
    volatility: float,
    drift: float,
    jumps_per_year: float,
    jump_mean: float,
    jump_sd: float,
    step_years: float = MONTH,
) -> FloatArray:
    """Levels of Merton's jump diffusion from 1 at the end of each step, (steps, paths).

    Exact: ln S grows by (drift - volatility^2 / 2 - rate k) dt + volatility sqrt(dt) Z plus the sum of a Poisson number
    of normal jumps, k = exp(mean + sd^2 / 2) - 1, so E[S(t)] = exp(drift t). Source: Merton (1976), J. Financ. Econ. 3.

    Parameters
    ----------
    normals, jump_normals : array, (steps, paths)
        Independent standard normals of the diffusion and of the sizes.
    uniforms : array, (steps, paths)
        Uniforms that decide how many jumps a step has.
    volatility, drift : float
        Per square-root year, per year.
    jumps_per_year, jump_mean, jump_sd : float
        Rate of jumps; mean and standard deviation of the log of a jump.
    """
    from scipy.stats import poisson

    mean_jump = math.expm1(jump_mean + 0.5 * jump_sd**2)
    rate = jumps_per_year * step_years
    most = int(poisson.ppf(1.0 - 1e-15, rate)) if rate > 0.0 else 0
    edges = poisson.cdf(np.arange(most + 1), rate)
    count = np.searchsorted(edges, uniforms, side="left").astype(np.float64)
    jumps = count * jump_mean + np.sqrt(count) * jump_sd * jump_normals
    trend = (drift - 0.5 * volatility**2 - jumps_per_year * mean_jump) * step_years
    steps = trend + volatility * math.sqrt(step_years) * normals + jumps
    return np.asarray(np.exp(np.cumsum(steps, axis=0)))


def regime_path(uniforms: FloatArray, transition: FloatArray, start: FloatArray) -> IntArray:
    """States of a Markov chain, (steps, paths); the first is drawn from ``start``, a probability for each state."""
    edges = np.cumsum(transition, axis=1)
    states = np.empty(uniforms.shape, dtype=np.int64)
    state = np.searchsorted(np.cumsum(start), uniforms[0], side="right").clip(max=len(start) - 1)
    states[0] = state
    for step in range(1, uniforms.shape[0]):
        state = (uniforms[step][:, None] > edges[state][:, :-1]).sum(axis=1)
        states[step] = state
    return states


def regime_returns(states: IntArray, normals: FloatArray, mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Returns of each step, normal given its state, (steps, paths). Source: Hamilton (1989), Econometrica 57, 357."""
    return np.asarray(np.asarray(mean)[states] + np.asarray(sd)[states] * normals)


def t_copula_normals(normals: FloatArray, chi_squares: FloatArray, degrees: float) -> FloatArray:
    """Standard normals whose dependence is that of a Student t copula, same shape as ``normals``.

    Correlated normals are divided by sqrt(chi^2 / degrees), one draw for all factors, and each margin is made normal
    again: extremes come together, margins stay. Source: Demarta and McNeil (2005), Int. Stat. Rev. 73, 111.

    Parameters
    ----------
    normals : array, (factors, ...)
        Standard normals with the copula's correlation.
    chi_squares : array, (...)
        Chi-square draws with ``degrees`` of freedom, shared by the factors.
    """
    from scipy.special import ndtri, stdtr

    tails = normals * np.sqrt(degrees / chi_squares)
    below = np.minimum(tails, -tails)  # the small tail keeps its digits
    size = -ndtri(np.maximum(stdtr(degrees, below), 1e-300))
    return np.asarray(np.sign(tails) * size)
