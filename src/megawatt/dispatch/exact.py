"""The exact solver of the common site: one storage, convex hourly stack, few peak charges; milliseconds a year."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.dispatch.convex import Point, minimise
from megawatt.dispatch.cuts import Cut, minimise_cuts
from megawatt.dispatch.halls import TOLERANCE_MW
from megawatt.dispatch.hourly import HourlyPlan, HourlyProblem, Storage
from megawatt.dispatch.limits import shortfall_error
from megawatt.errors import SolverError
from megawatt.hours import HOURS_IN_YEAR, MONTH_OF_HOUR

__all__ = ["SOLVER", "not_own", "solve_exact"]

FloatArray = NDArray[np.float64]

SOLVER: Final = "exact (convex dynamic programming)"

RELATIVE_GAP: Final = 1e-10
"""Proven distance to the optimum at which a peak search stops, as a share of the money that moves in the year."""

SEVERAL_GAP: Final = 1e-9
"""The same where several peaks are searched together, which converges more slowly."""

MOST_PEAKS: Final = 16
"""Twelve months, the year and a few more."""

_NO_STORAGE: Final = Storage("none", 0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class _Stack:
    """The hours as stacks sorted by cost; uses are supplies of what they give up. Shapes (hours, k)."""

    cost: FloatArray
    width: FloatArray
    metered: NDArray[np.bool_]
    order: NDArray[np.int64]
    demand_mw: FloatArray
    base_usd: FloatArray
    """Cost of serving all uses in full, before any energy is bought: minus their revenue, (hours,)."""
    scale_usd: float
    """Money that moves: measure of what a small gap is."""
    store: FloatArray


@dataclass(frozen=True, slots=True)
class _Year:
    """A solved year at given peaks."""

    value_usd: float
    """Cost of the whole year without peak charges."""
    cost_usd: FloatArray
    relief_usd_per_mw: FloatArray
    change: FloatArray
    worth: FloatArray
    state: FloatArray
    peak_mw: FloatArray
    sides: tuple[_Year, ...] = ()
    """Where the state at the cut was searched: the years on either side of the best, each with its own dual chain."""


@dataclass(slots=True)
class _Solver:
    """A stack and the hour at which its cycle is cut, which is kept from one peak to the next."""

    stack: _Stack
    first_hour: int = -1
    compiled: Any = field(default=None)

    def year(self, peak_mw: FloatArray) -> _Year:
        """Least cost of the cyclic year with metered power limited to ``peak_mw`` (hours,)."""
        found = self._closed(peak_mw) if self.first_hour >= 0 else None
        if found is None:
            self.first_hour = self._empty_hour(peak_mw)
            found = self._closed(peak_mw)
        return found if found is not None else self._search_state(peak_mw)

    def _arguments(self, peak_mw: FloatArray) -> tuple[Any, ...]:
        s = self.stack
        return s.cost, s.width, s.metered, s.demand_mw, peak_mw, s.store

    def _empty_hour(self, peak_mw: FloatArray) -> int:
        """The hour after which the battery is empty for the strongest reason, in a year with both ends free."""
        given, energy = self._arguments(peak_mw), self.stack.store[1]
        slopes, lengths, offsets, lows, _ = self.compiled.forward(*given, 0, self.compiled.NO_STATE, 0.0)
        last = slice(offsets[-2], offsets[-1])
        end = lows[-1] + lengths[last][slopes[last] < 0.0].sum()
        _, worth, state, _ = self.compiled.backward(*given, 0, end, 0.0, slopes, lengths, offsets, lows)
        bound = worth - self.stack.store[4] * np.roll(worth, -1)
        empty = state <= 1e-9 * energy
        return int(np.argmax(np.where(empty, bound, -np.inf)) + 1) % state.size

    def _closed(self, peak_mw: FloatArray) -> _Year | None:
        """The year cut where the battery is empty; None if that is not proven the best state there.

        Proof: with the state zero at both ends, raising it costs the last hour's worth and saves the first hour's,
        kept for an hour. If it saves no more than it costs, the dual chain is feasible and the plan optimal.
        """
        point = self._at_state(0.0, peak_mw)
        if point is None or point.slope < -1e-9 * (1.0 + abs(point.plan.worth).max()):
            return None
        return point.plan

    def _at_state(self, state: float, peak_mw: FloatArray) -> Point[_Year] | None:
        """The year from ``state`` to itself, with the slope of its cost in that state; None out of reach."""
        given = self._arguments(peak_mw)
        slopes, lengths, offsets, lows, values = self.compiled.forward(*given, self.first_hour, state, 0.0)
        last = slice(offsets[-2], offsets[-1])
        steps = np.concatenate(([0.0], np.cumsum(lengths[last])))
        tiny = 1e-12 * self.stack.store[1]
        if not lows[-1] - tiny <= state <= lows[-1] + steps[-1] + tiny:
            return None
        filled = np.clip(state - lows[-1] - steps[:-1], 0.0, lengths[last])
        value = values[-1] + float(filled @ slopes[last])
        at = self.first_hour
        change, worth, states, _ = self.compiled.backward(*given, at, state, np.inf, slopes, lengths, offsets, lows)
        slope = worth[at - 1] - self.stack.store[4] * worth[at] if self.stack.store[0] > 0.0 else 0.0
        power, _, discharge, _, relief = self.compiled.settle(*given, change, worth)
        cost = (power * self.stack.cost).sum(axis=1) + self.stack.store[5] * discharge + self.stack.base_usd
        year = _Year(self.stack.base_usd.sum() + value, cost, relief, change, worth, states, peak_mw)
        return Point(state, year.value_usd, float(slope), year)

    def _search_state(self, peak_mw: FloatArray) -> _Year:
        """The year whose state at the cut is nowhere proven zero: minimise its cost over that state."""

        def at(state: float) -> Point[_Year]:
            point = self._at_state(state, peak_mw)
            if point is None:
                raise SolverError("storage: the year cannot return to every state it may start from; use HiGHS")
            return point

        # Hour 0 begins a block of `_block_starts`, so that the tangents of blocks stay true (`_at_peaks`).
        energy, self.first_hour = float(self.stack.store[1]), 0
        found = minimise(at, 0.0, energy, RELATIVE_GAP * self.stack.scale_usd, 0.5 * energy)
        # The relief of a mean of dual chains whose slope in the state is zero: a slope of the least cost over states.
        share, sides = found.share, (found.left.plan, found.right.plan)
        relief = share * sides[0].relief_usd_per_mw + (1.0 - share) * sides[1].relief_usd_per_mw
        return replace(found.best.plan, relief_usd_per_mw=relief, sides=sides)


def not_own(problem: HourlyProblem) -> str:
    """Why a problem is not of this solver's structure; empty if it is."""
    if len(problem.storages) > 1:
        return f"{len(problem.storages)} storages; the exact solver has one"
    if len(problem.availability) > 1:
        return f"{len(problem.availability)} availability credits; the exact solver has one"
    if len(problem.peaks) > MOST_PEAKS:
        return f"{len(problem.peaks)} peak charges; the exact solver has at most {MOST_PEAKS}"
    return ""


def solve_exact(problem: HourlyProblem) -> HourlyPlan:
    """Optimum of a problem with at most one storage, few peak charges and at most one availability credit.

    With the peak fixed, the year is a dynamic programme on convex functions (`megawatt.dispatch.kernel`); its cost is
    convex in the peak, its slope the sum of the hourly relief, so a search with tangents ends with a proven gap.

    Parameters
    ----------
    problem : HourlyProblem
        Checked by the caller.

    Raises
    ------
    InfeasibleError
        If firm load cannot be served; names hour and limit.
    SolverError
        If the structure is not this solver's (`not_own` says why).
    """
    reason = not_own(problem)
    if reason:
        raise SolverError(f"exact solver: {reason}; use HiGHS")
    if problem.availability:
        from megawatt.dispatch.promise import solve_with_promise

        return solve_with_promise(problem, _solve)
    return _solve(problem)


def _solve(problem: HourlyProblem) -> HourlyPlan:
    from megawatt.dispatch import kernel

    started = time.perf_counter()
    stack = _stack(problem)
    solver = _Solver(stack, compiled=kernel)
    top = np.full(problem.hours, min(problem.import_limit_mw, float(problem.imports.mw.sum(axis=1).max(initial=0.0))))
    if not problem.peaks:
        year, gap = solver.year(top), 0.0
    else:
        year, gap = (_search_peak if len(problem.peaks) == 1 else _search_peaks)(problem, solver, top)
    settled = kernel.settle(stack.cost, stack.width, stack.metered, stack.demand_mw, year.peak_mw, stack.store,
                            year.change, year.worth)  # fmt: skip
    return _plan(problem, stack, settled, gap, time.perf_counter() - started)


def _search_peak(problem: HourlyProblem, solver: _Solver, top: FloatArray) -> tuple[_Year, float]:
    """The best peak of the one charge, by tangents."""
    charge = problem.peaks[0]

    def at(peak_mw: float) -> Point[_Year]:
        year = solver.year(np.where(charge.hours, np.minimum(peak_mw, top), top))
        slope = charge.rate_usd_per_mw(peak_mw) - float(year.relief_usd_per_mw[charge.hours].sum())
        return Point(peak_mw, year.value_usd + charge.cost_usd(peak_mw), slope, year)

    high = _highest(problem, top)[0]
    need = problem.firm_mw - sum((s.mw.sum(axis=1) for s in problem.supplies), np.zeros(problem.hours))
    guess = max(float(np.quantile(np.maximum(need[charge.hours], 0.0), 0.99)) if high else 0.0, 0.5 * high)
    found = minimise(at, 0.0, high, RELATIVE_GAP * solver.stack.scale_usd, guess)
    return found.best.plan, max(found.best.value - found.bound, 0.0)


def _search_peaks(problem: HourlyProblem, solver: _Solver, top: FloatArray) -> tuple[_Year, float]:
    """The best peaks of several charges together, by cutting planes."""
    high, energy = _highest(problem, top), float(solver.stack.store[1])
    found = minimise_cuts(
        lambda at: _at_peaks(problem, solver, top, at),
        problem.peaks,
        high,
        energy,
        SEVERAL_GAP * solver.stack.scale_usd,
        0.7 * high,
    )
    return found.best.plan, max(found.best.value - found.bound, 0.0)


def _highest(problem: HourlyProblem, top: FloatArray) -> FloatArray:
    """The highest import that the charges can meter, (charges,). [MW]"""
    most = np.minimum(problem.imports.mw.sum(axis=1), top)
    return np.array([float(most[c.hours].max(initial=0.0)) for c in problem.peaks])


def _at_peaks(
    problem: HourlyProblem, solver: _Solver, top: FloatArray, peaks_mw: FloatArray
) -> tuple[Cut[_Year], ...]:
    """The year at these peaks, with tangents by block; an hour under several charges is held by the lowest."""
    limit, holder = top.copy(), np.full(top.size, -1)
    for k, charge in enumerate(problem.peaks):
        held = charge.hours & (peaks_mw[k] < limit)
        limit[held], holder[held] = peaks_mw[k], k
    year = solver.year(limit)
    starts = _block_starts(problem.hours)
    ends = np.append(starts[1:], problem.hours) - 1
    charges = sum(c.cost_usd(p) for c, p in zip(problem.peaks, peaks_mw.tolist(), strict=True))
    joined = 1.0 if solver.stack.store[0] > 0.0 else 0.0

    def cut(side: _Year) -> Cut[_Year]:
        relief = [
            np.add.reduceat(np.where(holder == k, side.relief_usd_per_mw, 0.0), starts) for k in range(peaks_mw.size)
        ]
        worth = side.worth if joined else np.zeros_like(side.worth)
        return Cut(
            at=peaks_mw,
            value=side.value_usd + charges,
            block_usd=np.add.reduceat(side.cost_usd, starts),
            by_peak=-np.stack(relief, axis=1),
            by_before=-solver.stack.store[4] * worth[starts],
            by_after=worth[ends],
            state_mwh=side.state[ends] * joined,
            plan=year,
        )

    return tuple(cut(side) for side in year.sides or (year,))


def _block_starts(hours: int) -> NDArray[np.int64]:
    """First hours of the blocks of a year: months, or twelve equal parts of any other span."""
    if hours == HOURS_IN_YEAR:
        return np.flatnonzero(np.diff(MONTH_OF_HOUR, prepend=-1))
    return np.unique(np.linspace(0, hours, min(12, hours), endpoint=False).astype(np.int64))


def _stack(problem: HourlyProblem) -> _Stack:
    """Sort the hours' pieces by cost; shortfall, dearer than anything, comes last and finds infeasible hours."""
    hours = problem.hours
    blocks = (problem.imports, *problem.supplies, *problem.uses)
    dearest = max(float(np.abs(b.usd_per_mwh).max(initial=0.0)) for b in blocks)
    rates = sum(rate for charge in problem.peaks for _, rate in charge.tiers)
    uses_mw = sum((b.mw.sum(axis=1) for b in problem.uses), np.zeros(hours))
    demand = problem.firm_mw + uses_mw
    cost = np.concatenate([b.usd_per_mwh for b in blocks] + [np.full((hours, 1), 100.0 * (1.0 + dearest + rates))], 1)
    width = np.concatenate([b.mw for b in blocks] + [demand[:, np.newaxis]], axis=1)
    metered = np.zeros(cost.shape[1], dtype=np.bool_)
    metered[: problem.imports.mw.shape[1]] = True
    order = np.argsort(cost, axis=1, kind="stable")
    storage = problem.storages[0] if problem.storages else _NO_STORAGE
    cost, width = np.take_along_axis(cost, order, axis=1), np.take_along_axis(width, order, axis=1)
    base = -sum(((b.mw * b.usd_per_mwh).sum(axis=1) for b in problem.uses), np.zeros(hours))
    taken = np.clip(demand[:, np.newaxis] - (np.cumsum(width, axis=1) - width), 0.0, width)
    return _Stack(
        cost=cost,
        width=width,
        metered=metered[order],
        order=order,
        demand_mw=demand,
        base_usd=base,
        scale_usd=1.0 + float(np.abs(base).sum()) + float((taken * np.abs(cost)).sum()),
        store=np.array(
            [
                storage.power_mw if storage.energy_mwh > 0.0 else 0.0,
                storage.energy_mwh,
                storage.charge_efficiency,
                storage.discharge_efficiency,
                1.0 - storage.standing_loss_per_hour,
                storage.discharge_cost_usd_per_mwh,
            ]
        ),
    )


def _plan(
    problem: HourlyProblem, stack: _Stack, settled: tuple[FloatArray, ...], gap: float, seconds: float
) -> HourlyPlan:
    power_sorted, charge, discharge, price, _ = settled
    power = np.empty_like(power_sorted)
    np.put_along_axis(power, stack.order, power_sorted, axis=1)
    short = power[:, -1]
    if short.max(initial=0.0) > TOLERANCE_MW:
        raise shortfall_error(problem, short)
    mw, objective, at = {}, 0.0, 0
    uses = {b.name for b in problem.uses}
    for block in (problem.imports, *problem.supplies, *problem.uses):
        part = power[:, at : at + block.mw.shape[1]]
        at += block.mw.shape[1]
        part = block.mw - part if block.name in uses else part
        mw[block.name] = part.sum(axis=1)
        objective += float((part * block.usd_per_mwh).sum()) * (-1.0 if block.name in uses else 1.0)
    for storage in problem.storages:
        mw |= {f"{storage.name}.charge": charge, f"{storage.name}.discharge": discharge}
        mw[f"{storage.name}.state"] = storage_state(storage, charge, discharge)
        objective += storage.discharge_cost_usd_per_mwh * float(discharge.sum())
    peaks = {c.name: float(mw[problem.imports.name][c.hours].max(initial=0.0)) for c in problem.peaks}
    objective += sum(c.cost_usd(peaks[c.name]) for c in problem.peaks)
    return HourlyPlan(objective, MappingProxyType(mw), MappingProxyType(peaks), price, gap, SOLVER, seconds)


def storage_state(storage: Storage, charge_mw: FloatArray, discharge_mw: FloatArray) -> FloatArray:
    """State at the end of each hour of the cyclic year that goes with these flows, (hours,). [MWh]

    Without standing loss any start would do; the lowest that keeps the state above zero is taken.
    """
    from scipy.signal import lfilter

    keep = 1.0 - storage.standing_loss_per_hour
    change = storage.charge_efficiency * charge_mw - discharge_mw / storage.discharge_efficiency
    state = np.asarray(lfilter([1.0], [1.0, -keep], change), dtype=np.float64)
    fade = keep ** np.arange(1, change.size + 1)
    start = state[-1] / (1.0 - fade[-1]) if fade[-1] < 1.0 else 0.0
    state = state + start * fade
    return state - min(float(state.min(initial=0.0)), 0.0) if fade[-1] >= 1.0 else state
