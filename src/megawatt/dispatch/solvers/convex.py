"""Minimum of a convex function of one variable whose value and slope are known: exact to a proven gap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from megawatt.errors import SolverError

__all__ = ["Minimum", "Point", "minimise"]

T = TypeVar("T")

_MOST_STEPS: Final = 200
"""Bisection alone would narrow any bracket to rounding in 60."""

_NARROW: Final = 5e-4
"""Share of the interval below which a bracket holds few kinks, so that crossings pay."""

_EDGE: Final = 0.1
"""Least share of the bracket that a chord's step must cut off: where one slope dwarfs the other, chords crawl."""


@dataclass(frozen=True, slots=True)
class Point(Generic[T]):
    """Value and a subgradient of a convex function at ``at``; ``plan`` is whatever the caller wants back."""

    at: float
    value: float
    slope: float
    plan: T


@dataclass(frozen=True, slots=True)
class Minimum(Generic[T]):
    """Best point found, the proven bound below all points, the number of evaluations, and the last bracket.

    A bracket of one point twice is a minimum with slope zero or on a limit.
    """

    best: Point[T]
    bound: float
    evaluations: int
    left: Point[T]
    right: Point[T]

    @property
    def share(self) -> float:
        """Weight of the left point that makes the mean slope of the bracket zero. [-]"""
        rise = self.right.slope - self.left.slope
        return self.right.slope / rise if rise > 0.0 else 1.0


def minimise(function: Callable[[float], Point[T]], low: float, high: float, gap: float, guess: float) -> Minimum[T]:
    """Minimise a convex function on an interval.

    Two points whose slopes differ in sign bracket the minimum, and their tangents cross at a lower bound of it. The
    crossing is evaluated next, or the middle where crossings crawl; for a piecewise linear function the crossing ends
    on the minimum itself after finitely many steps.

    Parameters
    ----------
    function : callable
        Value and subgradient at a point of the interval.
    low, high : float
        The interval, low <= high.
    gap : float
        Stop when the best value is this close to the bound; unit of the value. > 0
    guess : float
        First point; cut to the interval.

    Raises
    ------
    SolverError
        If the steps run out, which means that the function is not convex.
    """
    left: Point[T] | None = None
    right: Point[T] | None = None
    best: Point[T] | None = None
    search = _Search(low, high)
    at = min(max(guess, low), high)
    for step in range(1, _MOST_STEPS + 1):
        point = function(at)
        best = point if best is None or point.value < best.value else best
        if point.slope == 0.0 or (at == low and point.slope > 0.0) or (at == high and point.slope < 0.0):
            return Minimum(point, point.value, step, point, point)
        if point.slope < 0.0:
            left = point
        else:
            right = point
        search.weigh(point.slope < 0.0)
        if left is None or right is None:
            at = search.open(left, right)
            continue
        cross = _crossing(left, right)
        bound = left.value + left.slope * (cross - left.at)
        if best.value - bound <= gap or cross in (left.at, right.at):
            return Minimum(best, bound, step, left, right)
        at = search.inside(left, right, cross)
    raise SolverError(f"peak search: no minimum between {low:g} and {high:g} after {_MOST_STEPS} steps")


def _crossing(left: Point[T], right: Point[T]) -> float:
    rise = right.value - right.slope * right.at - left.value + left.slope * left.at
    return min(max(rise / (left.slope - right.slope), left.at), right.at)


class _Search:
    """Where to look next. Crossings end on a kink; between them, the zero of the slope's chord is faster where the
    function is nearly smooth (with the weight of an end that stays halved each time: the Illinois rule); the middle
    where three steps have not halved the bracket.
    """

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high
        self._weight = [1.0, 1.0]
        self._last: bool | None = None
        self._widths: list[float] = []

    def weigh(self, is_left: bool) -> None:
        """Note on which side of the minimum the last point was."""
        self._weight[not is_left] = 1.0
        self._weight[is_left] *= 0.5 if is_left == self._last else 1.0
        self._last = is_left

    def open(self, left: Point[T] | None, right: Point[T] | None) -> float:
        """With one side unknown: twice towards it, then its end, for the minimum may lie on the limit itself."""
        a, b = (left.at if left else self._low), (right.at if right else self._high)
        end = self._low if left is None else self._high
        return (a + b) / 2.0 if b - a > 0.3 * (self._high - self._low) else end

    def inside(self, left: Point[T], right: Point[T], cross: float) -> float:
        """With both sides known."""
        self._widths.append(right.at - left.at)
        if len(self._widths) > 3 and self._widths[-1] > 0.5 * self._widths[-4]:
            self._widths.clear()
            return (left.at + right.at) / 2.0
        if self._widths[-1] < _NARROW * (self._high - self._low) and len(self._widths) % 2:
            return cross
        a, b = self._weight[0] * left.slope, self._weight[1] * right.slope
        width = right.at - left.at
        return min(max(left.at - a * width / (b - a), left.at + _EDGE * width), right.at - _EDGE * width)
