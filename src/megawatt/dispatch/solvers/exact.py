"""The exact solver of the common site: one storage, convex hourly stack, few peak charges; milliseconds a year."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.dispatch.halls import TOLERANCE_MW
from megawatt.dispatch.hourly import HourlyPlan, HourlyProblem
from megawatt.dispatch.limits import shortfall_error
from megawatt.dispatch.solvers.convex import Point, minimise
from megawatt.dispatch.solvers.cuts import Cut, minimise_cuts
from megawatt.dispatch.solvers.services import as_pieces, not_pieces, with_awards
from megawatt.dispatch.stack import HourStack, block_powers, hour_stack, storage_state
from megawatt.dispatch.year import Year, YearSolver, compiled_kernel
from megawatt.errors import SolverError
from megawatt.hours import HOURS_IN_YEAR, MONTH_OF_HOUR

__all__ = ["SOLVER", "not_own", "one_way", "solve_exact"]


SOLVER: Final = "exact (convex dynamic programming)"

PEAK_GAP: Final = 1e-9
"""Proven gap at which the search of the peaks ends, as a share of the money that moves: a thousandth of what any other
solver is asked for."""

MOST_PEAKS: Final = 48
"""Four charges of twelve months."""


def not_own(problem: HourlyProblem) -> str:
    """Why a problem is not of this solver's structure; empty if it is."""
    if len(problem.storages) > 1:
        return f"{len(problem.storages)} storages; the exact solver has one"
    if len(problem.availability) > 1:
        return f"{len(problem.availability)} availability credits; the exact solver has one"
    if not all([t.rising for t in problem.energy_tiers] + [c.rising for c in problem.peaks]):
        return "rates that fall along tiers"
    if len(problem.peaks) > MOST_PEAKS:
        return f"{len(problem.peaks)} peak charges; the exact solver has at most {MOST_PEAKS}"
    return not_pieces(problem)


def one_way(problem: HourlyProblem, plan: HourlyPlan) -> None:
    """Refuse a plan whose battery burns energy of negative value by charging and discharging at once.

    Raises
    ------
    SolverError
        If it does so in any hour: then the least cost with one direction an hour is not convex, and HiGHS is needed.
    """
    for s in problem.storages:
        if (np.minimum(plan.mw[f"{s.name}.charge"], plan.mw[f"{s.name}.discharge"]) > TOLERANCE_MW).any():
            raise SolverError(f"energy of negative value, which {s.name} would burn by charging and discharging")


def solve_exact(problem: HourlyProblem) -> HourlyPlan:
    """Optimum of a problem with at most one storage, few peak charges and at most one availability credit.

    Where energy has negative value its storage may charge and discharge at once: a bound, which `one_way` refuses.

    With the peak fixed, the year is a dynamic programme on convex functions
    (`megawatt.dispatch.solvers.compiled_calls`); its cost is convex in the peak, its slope the sum of the hourly
    relief, so a search with tangents ends with a proven gap.

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
    if problem.services:
        return with_awards(problem, solve_exact(as_pieces(problem)))
    if problem.energy_tiers or problem.minimums:
        from megawatt.dispatch.tiered import solve_with_tiers

        return solve_with_tiers(problem, solve_exact)
    if problem.availability:
        from megawatt.dispatch.promise import solve_with_promise

        return solve_with_promise(problem, _solve)
    return _solve(problem)


def _solve(problem: HourlyProblem) -> HourlyPlan:
    started = time.perf_counter()
    kernel = compiled_kernel()
    stack = hour_stack(problem)
    solver = YearSolver(stack, compiled=kernel)
    top = np.full(problem.hours, min(problem.import_limit_mw, float(problem.imports.mw.sum(axis=1).max(initial=0.0))))
    if not problem.peaks:
        year, gap = solver.year(top), 0.0
    else:
        year, gap = (_search_peak if len(problem.peaks) == 1 else _search_peaks)(problem, solver, top)
    settled = kernel.settle(stack.cost, stack.width, stack.metered, stack.demand_mw, year.peak_mw, stack.store,
                            year.change, year.worth)  # fmt: skip
    return _plan(problem, stack, settled, gap, time.perf_counter() - started)


def _search_peak(problem: HourlyProblem, solver: YearSolver, top: FloatArray) -> tuple[Year, float]:
    """The best peak of the one charge, by tangents."""
    charge = problem.peaks[0]

    def at(peak_mw: float) -> Point[Year]:
        year = solver.year(np.minimum(charge.limit_mw(peak_mw), top))
        slope = charge.rate_usd_per_mw(peak_mw) - float(charge.per_peak(year.relief_usd_per_mw).sum())
        return Point(peak_mw, year.value_usd + charge.cost_usd(peak_mw), slope, year)

    high = _highest(problem, top)[0]
    need = problem.firm_mw - sum((s.mw.sum(axis=1) for s in problem.supplies), np.zeros(problem.hours))
    guess = max(float(np.quantile(np.maximum(need[charge.hours], 0.0), 0.99)) if high else 0.0, 0.5 * high)
    found = minimise(at, 0.0, high, PEAK_GAP * solver.stack.scale_usd, guess)
    return found.best.plan, max(found.best.value - found.bound, 0.0)


def _search_peaks(problem: HourlyProblem, solver: YearSolver, top: FloatArray) -> tuple[Year, float]:
    """The best peaks of several charges together, by cutting planes."""
    high, energy = _highest(problem, top), float(solver.stack.store[1])
    found = minimise_cuts(
        lambda at: _at_peaks(problem, solver, top, at),
        problem.peaks,
        high,
        energy,
        PEAK_GAP * solver.stack.scale_usd,
        0.7 * high,
    )
    return found.best.plan, max(found.best.value - found.bound, 0.0)


def _highest(problem: HourlyProblem, top: FloatArray) -> FloatArray:
    """The highest import that the charges can meter, (charges,). [MW]"""
    most = np.minimum(problem.imports.mw.sum(axis=1), top)
    return np.array([c.metered_mw(most) for c in problem.peaks])


def _at_peaks(
    problem: HourlyProblem, solver: YearSolver, top: FloatArray, peaks_mw: FloatArray
) -> tuple[Cut[Year], ...]:
    """The year at these peaks, with tangents by block; an hour under several charges is held by the lowest."""
    limit, holder = top.copy(), np.full(top.size, -1)
    for k, charge in enumerate(problem.peaks):
        own = charge.limit_mw(float(peaks_mw[k]))
        held = own < limit
        limit[held], holder[held] = own[held], k
    year = solver.year(limit)
    stack, starts = solver.stack, _block_starts(problem.hours)
    ends = np.append(starts[1:], problem.hours) - 1
    charges = sum(c.cost_usd(p) for c, p in zip(problem.peaks, peaks_mw.tolist(), strict=True))
    joined = 1.0 if stack.store[0] > 0.0 else 0.0

    def cut(side: Year) -> Cut[Year]:
        relief = [
            np.add.reduceat(charge.per_peak(np.where(holder == k, side.relief_usd_per_mw, 0.0)), starts)
            for k, charge in enumerate(problem.peaks)
        ]
        worth = side.worth if joined else np.zeros_like(side.worth)
        return Cut(
            at=peaks_mw,
            value=side.value_usd + charges,
            block_usd=np.add.reduceat(stack.base_usd + solver.hourly_cost(side), starts),
            by_peak=-np.stack(relief, axis=1),
            by_before=-stack.store[4] * worth[starts],
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


def _plan(
    problem: HourlyProblem, stack: HourStack, settled: tuple[FloatArray, ...], gap: float, seconds: float
) -> HourlyPlan:
    power, charge, discharge, price = settled
    mw, short, objective = block_powers(problem, stack, power)
    if short.max(initial=0.0) > TOLERANCE_MW:
        raise shortfall_error(problem, short)
    for storage in problem.storages:
        mw |= {f"{storage.name}.charge": charge, f"{storage.name}.discharge": discharge}
        mw[f"{storage.name}.state"] = storage_state(storage, charge, discharge)
        objective += storage.discharge_cost_usd_per_mwh * float(discharge.sum())
    imports = mw[problem.imports.name]
    peaks = {c.name: c.metered_mw(imports) for c in problem.peaks}
    objective += problem.owed_usd + sum(c.cost_usd(peaks[c.name]) for c in problem.peaks)
    return HourlyPlan(objective, MappingProxyType(mw), MappingProxyType(peaks), price, gap, SOLVER, seconds)
