"""The levered project in one compiled loop: factors, cash, debt, path by path, without an array of months.

Importing this module imports numba; it is imported where paths by the million are asked for, nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit, prange, set_num_threads

from megawatt.arrays import FloatArray, IntArray
from megawatt.risk.factors import MONTH

__all__ = ["KERNEL_FACTORS", "LeveredTerms", "levered_compiled", "levered_numpy"]

KERNEL_FACTORS: Final = ("btc", "power", "compute", "demand", "rate", "spread")
"""Factors of the kernel, in the order of its correlation root."""


@dataclass(frozen=True, slots=True)
class LeveredTerms:
    """A site with one loan, month by month. Money in USD a month unless named otherwise.

    Revenue is ``rent`` x compute^elasticity x demand and ``mined`` x btc; cost is ``power`` x power level and
    ``fixed``. The loan of ``debt_usd`` amortises evenly over ``tenor`` months from ``start`` on at ``rate`` plus the
    moves of rate and spread; what cash cannot pay is arrears, and the first such month is the default.
    """

    rent: float
    elasticity: float
    mined: float
    power: float
    fixed: float
    debt_usd: float
    rate: float
    tenor: int
    start: int
    cash_usd: float
    discount_rate: float
    volatility: FloatArray
    reversion: FloatArray
    drift: FloatArray
    root: FloatArray
    months: int = 180


def _steps(terms: LeveredTerms) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of each factor: what a month keeps, the size of its shock, and its shift by month, (months, factors).

    Levels are exp(x + shift) with expectation exp(drift t); rate and spread are additive (x itself).
    """
    k, s = np.asarray(terms.reversion), np.asarray(terms.volatility)
    keep = np.exp(-k * MONTH)
    kernel = np.where(k > 0.0, -np.expm1(-2.0 * k * MONTH) / np.where(k > 0.0, 2.0 * k, 1.0), MONTH)
    times = (np.arange(terms.months) + 1.0)[:, None] * MONTH
    grown = np.where(k > 0.0, -np.expm1(-2.0 * k * times) / np.where(k > 0.0, 2.0 * k, 1.0), times)
    return keep, s * np.sqrt(kernel), np.asarray(terms.drift) * times - 0.5 * s**2 * grown


def levered_numpy(terms: LeveredTerms, paths: int, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    """Value to owners [USD] and month of default (-1: never) of each path, with numpy, (paths,) each."""
    keep, scale, shift = _steps(terms)
    x = np.zeros((len(KERNEL_FACTORS), paths), dtype=np.float32)
    root = (scale[:, None] * terms.root).astype(np.float32)
    kept = keep[:, None].astype(np.float32)
    cash = np.full(paths, terms.cash_usd, dtype=np.float32)
    owed = np.full(paths, terms.debt_usd, dtype=np.float32)
    value = np.zeros(paths, dtype=np.float32)
    default = np.full(paths, -1, dtype=np.int16)
    factor = 1.0
    per_month = (1.0 + terms.discount_rate) ** MONTH
    for month in range(terms.months):
        x *= kept
        x += root @ rng.standard_normal((len(KERNEL_FACTORS), paths), dtype=np.float32)
        a = shift[month].astype(np.float32)
        level = np.exp(x[:4] + a[:4, None])
        compute = level[2] if terms.elasticity == 1.0 else level[2] ** np.float32(terms.elasticity)
        net = terms.rent * compute * np.minimum(level[3], 1.2) + terms.mined * level[0]
        net -= terms.power * level[1] + terms.fixed
        factor /= per_month
        if terms.start <= month < terms.start + terms.tenor:
            cost = np.maximum(terms.rate + x[4] + x[5], 0.0) / 12.0
            part = 1.0 / (terms.start + terms.tenor - month)
            due = owed * (cost + part)
            have = cash + net
            short = have < due
            default[short & (default < 0)] = month
            paid = np.where(short, np.maximum(have, 0.0), due)
            owed = owed * (1.0 + cost) - paid
            left = have - paid
            over = np.maximum(left - terms.cash_usd, 0.0)
            cash = left - over
            value += over * factor
        else:
            value += net * factor
    return np.asarray(value + cash * factor, dtype=np.float64), default.astype(np.int64)


@njit(cache=True, fastmath=True, inline="always")
def _next(state):  # type: ignore[no-untyped-def]
    """SplitMix64: the next 64 bits and the state after them. Source: Steele and others (2014), OOPSLA."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state, z ^ (z >> np.uint64(31))


@njit(cache=True, fastmath=True, inline="always")
def _exp(x):  # type: ignore[no-untyped-def]
    """exp(x) for small |x| (levels): (1 + y + y^2 / 2 + y^3 / 6 + y^4 / 24)^32 with y = x / 32; to 1e-6 within 4."""
    y = x * np.float32(0.03125)
    p = np.float32(1.0) + y * (
        np.float32(1.0) + y * (np.float32(0.5) + y * (np.float32(0.16666667) + y * np.float32(0.041666668)))
    )
    p *= p
    p *= p
    p *= p
    p *= p
    return p * p


@njit(cache=True, fastmath=True, inline="always")
def _month(  # type: ignore[no-untyped-def]
    btc, level, compute, demand, cost, month, factor, rent, mined, power, fixed, tenor, start, cash0, cash, owed, worth,
    missed,
):  # fmt: skip
    """Cash of one month: what stays, what is owed, what owners got so far, and the month of the default."""
    net = rent * compute * min(demand, np.float32(1.2)) + mined * btc - power * level - fixed
    if start <= month < start + tenor:
        due = owed * (cost + np.float32(1.0) / np.float32(start + tenor - month))
        have = cash + net
        paid = due
        if have < due:
            if missed < 0:
                missed = month
            paid = max(have, np.float32(0.0))
        owed = owed * (np.float32(1.0) + cost) - paid
        left = have - paid
        over = max(left - cash0, np.float32(0.0))
        return left - over, owed, worth + over * factor, missed
    return cash, owed, worth + net * factor, missed


@njit(cache=True, fastmath=True, parallel=True, nogil=True)
def _run(  # type: ignore[no-untyped-def]
    seed, first, pairs, months, keep, root, shift, twice, rent, elasticity, mined, power, fixed, debt, rate, tenor,
    start, cash0, per_month, low, width, value, default,
):  # fmt: skip
    twelfth, zero = np.float32(1.0 / 12.0), np.float32(0.0)
    for pair in prange(pairs):
        state = np.uint64(seed) + np.uint64(first + pair) * np.uint64(0xD1342543DE82EF95)
        state, _ = _next(state)
        x = np.zeros(6, dtype=np.float32)
        z = np.zeros(6, dtype=np.float32)
        cash_a, owed_a, worth_a, missed_a = cash0, debt, zero, -1
        cash_b, owed_b, worth_b, missed_b = cash0, debt, zero, -1
        factor = np.float32(1.0)
        for month in range(months):
            for f in range(3):
                state, bits = _next(state)
                one, two = np.uint32(bits >> np.uint64(32)), np.uint32(bits & np.uint64(0xFFFFFFFF))
                part = np.float32(one & np.uint32(0xFFFFF)) * np.float32(9.5367431640625e-07)
                z[2 * f] = low[one >> np.uint32(20)] + width[one >> np.uint32(20)] * part
                part = np.float32(two & np.uint32(0xFFFFF)) * np.float32(9.5367431640625e-07)
                z[2 * f + 1] = low[two >> np.uint32(20)] + width[two >> np.uint32(20)] * part
            for f in range(6):
                total = keep[f] * x[f]
                for g in range(6):
                    total += root[f, g] * z[g]
                x[f] = total
            factor *= per_month
            btc = _exp(x[0] + shift[month, 0])
            level = _exp(x[1] + shift[month, 1])
            compute = _exp(elasticity * (x[2] + shift[month, 2]))
            demand = _exp(x[3] + shift[month, 3])
            cost = max(rate + x[4] + x[5], zero) * twelfth
            cash_a, owed_a, worth_a, missed_a = _month(
                btc, level, compute, demand, cost, month, factor, rent, mined, power, fixed, tenor, start, cash0,
                cash_a, owed_a, worth_a, missed_a,
            )  # fmt: skip
            cost = max(rate - x[4] - x[5], zero) * twelfth
            cash_b, owed_b, worth_b, missed_b = _month(
                twice[month, 0] / btc, twice[month, 1] / level, twice[month, 2] / compute, twice[month, 3] / demand,
                cost, month, factor, rent, mined, power, fixed, tenor, start, cash0, cash_b, owed_b, worth_b, missed_b,
            )  # fmt: skip
        value[2 * pair] = worth_a + cash_a * factor
        value[2 * pair + 1] = worth_b + cash_b * factor
        default[2 * pair] = missed_a
        default[2 * pair + 1] = missed_b


_CELLS: Final = 4096
"""Cells of the inverse normal: each has the probability 1 / 4096 and the right mean; the tails end where their cell's
mean square does, so mean and variance are those of a standard normal to 1e-6."""


def _cells() -> tuple[FloatArray, FloatArray]:
    """Lower end and width of uniform cells whose means are those of the normal in them, as float32."""
    from scipy.special import ndtri

    edges = ndtri(np.linspace(0.0, 1.0, _CELLS + 1))
    density = np.zeros(_CELLS + 1)
    density[1:-1] = np.exp(-0.5 * edges[1:-1] ** 2) / np.sqrt(2.0 * np.pi)
    mean = _CELLS * (density[:-1] - density[1:])
    weighted = np.where(np.isfinite(edges), edges, 0.0) * density
    square = 1.0 + _CELLS * (weighted[:-1] - weighted[1:])
    half = np.sqrt(np.maximum(3.0 * (square - mean**2), 0.0))  # a uniform cell of this half width has that variance
    return (mean - half).astype(np.float32), (2.0 * half).astype(np.float32)


def levered_compiled(
    terms: LeveredTerms, paths: int, seed: int, *, first: int = 0, threads: int | None = None
) -> tuple[FloatArray, IntArray]:
    """Value to owners [USD] and month of default (-1: never) of each path, compiled, on all cores, (paths,) each.

    Paths come in antithetic pairs: the second of a pair sees the first's shocks with the other sign. A pair's
    randomness depends on the seed and its number alone, so results are the same for any number of threads and however
    pairs are shared out (``first`` is the number of the first pair).

    Notes
    -----
    Normals are drawn by cells of equal probability (see `_CELLS`): moments up to the second are exact to 1e-6, tails
    end near 4; probabilities of a default in the per mille are right, those of one in a million are not. Single
    precision.
    """
    if threads is not None:
        set_num_threads(threads)
    keep, scale, shift = _steps(terms)
    low, width = _cells()
    pairs = -(-paths // 2)
    value, default = np.empty(2 * pairs, dtype=np.float32), np.empty(2 * pairs, dtype=np.int16)
    twice = np.exp(2.0 * shift[:, :4])
    twice[:, 2] **= terms.elasticity
    f = np.float32
    _run(
        seed, first, pairs, terms.months, keep.astype(f), (scale[:, None] * np.tril(terms.root)).astype(f),
        shift.astype(f), twice.astype(f), f(terms.rent), f(terms.elasticity), f(terms.mined), f(terms.power),
        f(terms.fixed), f(terms.debt_usd), f(terms.rate), terms.tenor, terms.start, f(terms.cash_usd),
        f((1.0 + terms.discount_rate) ** -MONTH), low, width, value, default,
    )  # fmt: skip
    return value[:paths].astype(np.float64), default[:paths].astype(np.int64)
