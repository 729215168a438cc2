"""Several peak charges at once: cutting planes that know the year is a chain of blocks joined by the stored energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.hourly import PeakCharge
from megawatt.errors import SolverError

__all__ = ["Cut", "CutMinimum", "minimise_cuts"]

T = TypeVar("T")

MOST_CUTS: Final = 300
"""Years with twelve monthly charges and an annual one need some tens."""


@dataclass(frozen=True, slots=True)
class Cut(Generic[T]):
    """A year at given peaks: its cost by block, and tangents of each block's cost.

    A block's cost is convex in the peaks (k,), in the energy stored before it and in the energy stored after it.
    ``value`` is the whole year's cost with its charges; ``block_usd`` (b,) leaves the charges out; ``by_peak`` (b, k),
    ``by_before`` and ``by_after`` (b,) are the tangents; ``state_mwh`` (b,) the energy stored after each block.
    """

    at: FloatArray
    value: float
    block_usd: FloatArray
    by_peak: FloatArray
    by_before: FloatArray
    by_after: FloatArray
    state_mwh: FloatArray
    plan: T


@dataclass(frozen=True, slots=True)
class CutMinimum(Generic[T]):
    """Best point found, the proven bound below all points, and the number of evaluations."""

    best: Cut[T]
    bound: float
    evaluations: int


class _Master:
    """The cuts as a linear programme: peaks, stored energy at the joints, block costs, charges."""

    def __init__(self, charges: tuple[PeakCharge, ...], high: FloatArray, energy: float, scale: float) -> None:
        import highspy

        self._inf, self._scale = highspy.kHighsInf, scale
        self._highs = highspy.Highs()
        self._highs.setOptionValue("output_flag", False)
        self._peaks = high.size
        for most in high.tolist():
            self._highs.addVar(0.0, most)
        for k, charge in enumerate(charges):
            owed = self._costly(-self._inf)
            for start, rate in charge.tiers:
                self._row([(owed, 1.0), (k, -rate / scale)], (charge.cost_usd(start) - rate * start) / scale)
        self._first_state = self._highs.getNumCol()
        self._energy = energy
        self._blocks = 0

    def _costly(self, low: float) -> int:
        column = int(self._highs.getNumCol())
        self._highs.addVar(low, self._inf)
        self._highs.changeColCost(column, 1.0)
        return column

    def _row(self, terms: list[tuple[int, float]], lower: float) -> None:
        index = np.array([i for i, _ in terms], dtype=np.int32)
        self._highs.addRow(lower, self._inf, index.size, index, np.array([v for _, v in terms]))

    def add(self, cut: Cut[T]) -> None:
        """Add the tangents of all blocks."""
        if not self._blocks:
            self._blocks = cut.block_usd.size
            for _ in range(self._blocks):
                self._highs.addVar(0.0, self._energy)
            self._cost = [self._costly(-self._inf) for _ in range(self._blocks)]
        before = np.roll(cut.state_mwh, 1)
        for b in range(self._blocks):
            peaks = [(k, -float(cut.by_peak[b, k]) / self._scale) for k in range(self._peaks) if cut.by_peak[b, k]]
            joints = [(self._first_state + b, -cut.by_after[b] / self._scale)]
            earlier = self._first_state + (b - 1) % self._blocks
            slope = cut.by_before[b] / self._scale
            if earlier == joints[0][0]:
                joints = [(earlier, joints[0][1] - slope)]
            else:
                joints.append((earlier, -slope))
            known = cut.by_peak[b] @ cut.at + cut.by_before[b] * before[b] + cut.by_after[b] * cut.state_mwh[b]
            self._row([(self._cost[b], 1.0), *peaks, *joints], (cut.block_usd[b] - float(known)) / self._scale)

    def least(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, float]:
        """Peaks of least cost within bounds, and that cost."""
        for k in range(self._peaks):
            self._highs.changeColBounds(k, float(low[k]), float(high[k]))
        self._highs.run()
        status = self._highs.modelStatusToString(self._highs.getModelStatus())
        if status != "Optimal":
            raise SolverError(f"peak search: HiGHS stopped with status {status} on the cuts")
        at = np.asarray(self._highs.getSolution().col_value[: self._peaks], dtype=np.float64)
        return np.clip(at, low, high), float(self._highs.getInfo().objective_function_value) * self._scale


def minimise_cuts(
    function: Callable[[FloatArray], tuple[Cut[T], ...]],
    charges: tuple[PeakCharge, ...],
    high: FloatArray,
    energy_mwh: float,
    gap: float,
    guess: FloatArray,
) -> CutMinimum[T]:
    """Peaks of least cost.

    The tangents so far bound each block's cost from below, hence the year's. Each step evaluates where the bound is
    least near the best point; the neighbourhood widens when a step was good and narrows when it was not, and the
    proof comes from the bound over all peaks.

    Parameters
    ----------
    function : callable
        The year at given peaks (k,): one or more cuts with tangents that hold there.
    charges : tuple of PeakCharge
        What the peaks cost.
    high : array, shape (k,)
        The highest peaks that can be.
    energy_mwh : float
        Most energy stored at a joint.
    gap : float
        Stop when the best value is this close to the bound. [USD], > 0
    guess : array, shape (k,)
        First point.

    Raises
    ------
    SolverError
        If the cuts run out.
    """
    low = np.zeros_like(high)
    cuts = function(np.clip(guess, low, high))
    best = min(cuts, key=lambda cut: cut.value)
    # HiGHS keeps rows to 1e-7: in units of 1e5 gaps that is a hundredth of the gap.
    master = _Master(charges, high, energy_mwh, 1e5 * gap)
    radius = 0.1 * high
    for step in range(1, MOST_CUTS + 1):
        for cut in cuts:
            master.add(cut)
        at, bound = master.least(low, high)
        if best.value - bound <= gap:
            return CutMinimum(best, bound, step)
        near = master.least(np.maximum(low, best.at - radius), np.minimum(high, best.at + radius))
        at, promise = near if best.value - near[1] > 0.2 * (best.value - bound) else (at, bound)
        cuts = function(at)
        here = min(cuts, key=lambda cut: cut.value)
        gain = (best.value - here.value) / (best.value - promise)
        radius = radius * (2.0 if gain > 0.5 else 0.5 if gain < 0.0 else 1.0)
        best = here if here.value < best.value else best
    raise SolverError(f"peak search: gap of {best.value - bound:.3g} USD left after {MOST_CUTS} cuts; use HiGHS")
