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
    at, width = min(max(guess, low), high), high - low
    for step in range(1, _MOST_STEPS + 1):
        point = function(at)
        best = point if best is None or point.value < best.value else best
        if point.slope == 0.0 or (at == low and point.slope > 0.0) or (at == high and point.slope < 0.0):
            return Minimum(point, point.value, step, point, point)
        if point.slope < 0.0:
            left = point
        else:
            right = point
        if left is not None and right is not None:
            cross = _crossing(left, right)
            bound = left.value + left.slope * (cross - left.at)
            if best.value - bound <= gap or cross in (left.at, right.at):
                return Minimum(best, bound, step, left, right)
        at, width = _next(left, right, low, high, width)
    raise SolverError(f"peak search: no minimum between {low:g} and {high:g} after {_MOST_STEPS} steps")


def _crossing(left: Point[T], right: Point[T]) -> float:
    rise = right.value - right.slope * right.at - left.value + left.slope * left.at
    return min(max(rise / (left.slope - right.slope), left.at), right.at)


def _next(left: Point[T] | None, right: Point[T] | None, low: float, high: float, width: float) -> tuple[float, float]:
    """The next point, and the width of the bracket that it starts from."""
    if left is None or right is None:
        a, b = (left.at if left else low), (right.at if right else high)
        # Twice towards the open side, then its end: the minimum may lie on the limit itself.
        open_side = low if left is None else high
        return ((a + b) / 2.0 if b - a > 0.3 * (high - low) else open_side), b - a
    now = right.at - left.at
    cross = _crossing(left, right)
    return (cross if now <= 0.7 * width else (left.at + right.at) / 2.0), now
