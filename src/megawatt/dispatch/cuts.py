"""Minimum of a convex function of a few variables whose value and slopes are known: cutting planes, proven gap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import SolverError

__all__ = ["Cut", "CutMinimum", "minimise_cuts"]

FloatArray = NDArray[np.float64]
T = TypeVar("T")

MOST_CUTS: Final = 600
"""Years with twelve monthly charges need some dozens."""


@dataclass(frozen=True, slots=True)
class Cut(Generic[T]):
    """Value and a subgradient (k,) of a convex function at ``at`` (k,)."""

    at: FloatArray
    value: float
    slope: FloatArray
    plan: T


@dataclass(frozen=True, slots=True)
class CutMinimum(Generic[T]):
    """Best point found, the proven bound below all points, and the number of evaluations."""

    best: Cut[T]
    bound: float
    evaluations: int


class _Master:
    """Least value of all cuts' maximum inside a box: a small linear programme that grows by a row per cut."""

    def __init__(self, low: FloatArray, high: FloatArray, scale: float) -> None:
        import highspy

        self._size, self._scale = low.size, scale
        self._highs = highspy.Highs()
        self._highs.setOptionValue("output_flag", False)
        for a, b in zip(low, high, strict=True):
            self._highs.addVar(float(a), float(b))
        self._highs.addVar(-highspy.kHighsInf, highspy.kHighsInf)
        self._highs.changeColCost(self._size, 1.0)
        self._inf, self._index = highspy.kHighsInf, np.arange(self._size + 1, dtype=np.int32)

    def add(self, cut: Cut[Any]) -> None:
        row = np.append(-cut.slope / self._scale, 1.0)
        bound = (cut.value - float(cut.slope @ cut.at)) / self._scale
        self._highs.addRow(bound, self._inf, self._size + 1, self._index, row)

    def least(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, float]:
        for i in range(self._size):
            self._highs.changeColBounds(i, float(low[i]), float(high[i]))
        self._highs.run()
        status = self._highs.modelStatusToString(self._highs.getModelStatus())
        if status != "Optimal":
            raise SolverError(f"peak search: HiGHS stopped with status {status} on the cuts")
        at = np.asarray(self._highs.getSolution().col_value[: self._size], dtype=np.float64)
        return np.clip(at, low, high), float(self._highs.getInfo().objective_function_value) * self._scale


def minimise_cuts(
    function: Callable[[FloatArray], Cut[T]], low: FloatArray, high: FloatArray, gap: float, guess: FloatArray
) -> CutMinimum[T]:
    """Minimise a convex function in a box.

    The cuts so far bound the function from below. Each step evaluates where they are least within a box around the
    best point, which widens when the step was good and narrows when it was not (plain cutting planes leap from edge
    to edge); the bound comes from the whole box.

    Parameters
    ----------
    function : callable
        Value and subgradient at a point, shape (k,).
    low, high : array, shape (k,)
        The box.
    gap : float
        Stop when the best value is this close to the bound. > 0
    guess : array, shape (k,)
        First point.

    Raises
    ------
    SolverError
        If the cuts run out.
    """
    best = cut = function(np.clip(guess, low, high))
    master = _Master(low, high, max(abs(best.value), 1.0))
    radius = 0.1 * (high - low)
    for step in range(1, MOST_CUTS + 1):
        master.add(cut)
        _, bound = master.least(low, high)
        if best.value - bound <= gap:
            return CutMinimum(best, bound, step)
        at, promise = master.least(np.maximum(low, best.at - radius), np.minimum(high, best.at + radius))
        if best.value - promise <= gap:
            # Nothing left in the small box: the rest of the gap lies outside.
            radius = radius * 4.0
            at, promise = master.least(np.maximum(low, best.at - radius), np.minimum(high, best.at + radius))
        cut = function(at)
        gain = (best.value - cut.value) / max(best.value - promise, 1e-300)
        radius = radius * (2.0 if gain > 0.5 else 0.6 if gain < 0.0 else 1.0)
        best = cut if cut.value < best.value else best
    raise SolverError(f"peak search: gap of {best.value - bound:.3g} USD left after {MOST_CUTS} cuts; use HiGHS")
