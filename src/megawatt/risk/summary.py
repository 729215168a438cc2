"""Summaries of simulated quantities, with the uncertainty that comes from the number of paths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import MegawattError
from megawatt.risk.records import Distribution

__all__ = [
    "FAN_PERCENTILES",
    "TAIL",
    "Z95",
    "cumulative_by_month",
    "drivers",
    "fan",
    "summarise",
    "tail_mean",
    "wilson_interval",
]


FAN_PERCENTILES: Final = (5.0, 25.0, 50.0, 75.0, 95.0)
"""Percentiles of a fan."""
TAIL: Final = 0.05
"""Share of the worst paths in the tail mean."""
Z95: Final = 1.959963984540054
"""Standard normal quantile at 97.5 %."""


def tail_mean(values: FloatArray, tail: float = TAIL) -> float:
    """Mean of the lowest ``tail`` share of values (expected shortfall); unit of the values.

    A path at the edge counts with the part of it that lies in the tail, so the estimate does not jump with the number
    of paths.
    """
    ordered = np.sort(values)
    share = tail * ordered.size
    whole = min(math.floor(share), ordered.size - 1)
    return float((ordered[:whole].sum() + (share - whole) * ordered[whole]) / share)


def summarise(values: FloatArray) -> Distribution:
    """Mean with its standard error, percentiles and tail mean of one value per path; unit of the values.

    Parameters
    ----------
    values : array, (paths,)
        Finite.

    Raises
    ------
    MegawattError
        If a value is not finite: a measure that some paths do not have cannot be summarised as if it had none.
    """
    if not np.all(np.isfinite(values)):
        raise MegawattError(f"summary: {np.count_nonzero(~np.isfinite(values))} of {values.size} values not finite")
    p5, p25, p50, p75, p95 = (float(p) for p in np.percentile(values, FAN_PERCENTILES))
    error = float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.nan
    return Distribution(float(values.mean()), error, p5, p25, p50, p75, p95, tail_mean(values))


def wilson_interval(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """Confidence interval of a probability from counts; also right at 0 and at all.

    Source: Wilson (1927), J. Am. Stat. Assoc. 22, 209.
    """
    share = successes / trials
    scale = 1.0 + z**2 / trials
    centre = (share + z**2 / (2.0 * trials)) / scale
    half = z * math.sqrt(share * (1.0 - share) / trials + z**2 / (4.0 * trials**2)) / scale
    # rounding must not push the ends past what was counted at 0 and at all
    low = 0.0 if successes == 0 else max(centre - half, 0.0)
    return low, 1.0 if successes == trials else min(centre + half, 1.0)


def fan(values: FloatArray) -> FloatArray:
    """Percentiles 5, 25, 50, 75, 95 over paths by month, (5, months), of values (paths, months)."""
    return np.asarray(np.percentile(values, FAN_PERCENTILES, axis=0), dtype=np.float64)


def cumulative_by_month(first_month: IntArray, months: int) -> FloatArray:
    """Share of paths whose event has happened by the end of each month, (months,); -1 marks paths without it."""
    counts = np.bincount(first_month[first_month >= 0], minlength=months)
    return np.asarray(np.cumsum(counts) / first_month.size, dtype=np.float64)


def drivers(causes: Mapping[str, FloatArray], value: FloatArray) -> dict[str, float]:
    """Rank correlation of each cause with the value over paths, -1 to 1; 0 for a cause that never varies.

    Parameters
    ----------
    causes : mapping of arrays, (paths,)
        One number per path, e.g. the path mean of a factor.
    value : array, (paths,)
        What is explained.
    """
    ranks = _ranks(value)
    return {name: _correlation(_ranks(cause), ranks) for name, cause in causes.items()}


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1, ties at their mean; as scipy's, which takes half a second to load."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2.0)[place], dtype=np.float64)


def _correlation(a: FloatArray, b: FloatArray) -> float:
    da, db = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((da**2).sum()) * float((db**2).sum()))
    return float((da * db).sum()) / scale if scale > 0.0 else 0.0
