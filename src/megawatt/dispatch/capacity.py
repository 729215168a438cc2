"""Sizes and hours together: plants, loads and peaks of least cost, to a proven gap in some tens of exact years."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.dispatch.hour_cuts import Cuts, HourCuts, Sizable
from megawatt.dispatch.hourly import HourlyProblem
from megawatt.dispatch.problem_checks import check_problem
from megawatt.dispatch.solvers.live import LiveProgram
from megawatt.dispatch.solvers.lp import LinearProgram, Solution
from megawatt.errors import InfeasibleError, SolverError

__all__ = ["HOURS", "CapacityPlan", "hour_columns", "minimise_over_hours", "solve_capacity"]

_MOST_YEARS: Final = 400
"""Years that a search may take; a battery, a plant and a peak need some tens."""
_MISSING_MWH: Final = 1e-5
"""Energy not served in a year that is rounding."""
_STATE: Final = "stored between weeks"
"""Block of a programme."""
HOURS: Final = "cost of the hours"
"""Block of a programme: what each week costs."""
_GAP: Final = 1e-7
"""Proven distance to the optimum at which a search ends, as a share of the money that moves."""


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """Sizes of least cost: ``cost_usd`` is that of sizes and hours, ``bound_usd`` what no sizes are below."""

    sizes: Mapping[str, float]
    cost_usd: float
    bound_usd: float
    years: int
    seconds: float


def hour_columns(program: LinearProgram, cuts: HourCuts, energy: IntArray | None) -> None:
    """Add the hours' cost by block to a programme, and the energy stored between blocks.

    Parameters
    ----------
    energy : array of int, shape (1,), or None
        Column of the storage's energy where that is chosen.
    """
    count = cuts.starts.size
    program.variables(HOURS, count, lower=-np.inf, cost=1.0)
    if cuts.stored:
        state = program.variables(_STATE, count, upper=cuts.most("energy"))
        if energy is not None:
            own = cuts.problem.storages[0].energy_mwh
            program.rows(_STATE, [(state, 1.0), (energy, -1.0)], upper=own)


def minimise_over_hours(
    live: LiveProgram, columns: IntArray, cuts: HourCuts, unit_usd: float = 1.0, weight: float = 1.0
) -> tuple[Solution, float, float]:
    """Optimum of a linear programme that holds sizes, plus the hours' cost at these sizes.

    The year is solved next where the bound by all cuts is least near the best sizes; the neighbourhood widens when a
    step was good and narrows when it was not. Where none near them promises more, the bound over all sizes proves it.

    Parameters
    ----------
    live : LiveProgram
        Sizes with their costs and limits, and the blocks of `hour_columns`.
    columns : array of int, shape (n,)
        Columns of the sizes, in the order of ``cuts.things``.
    unit_usd : float
        Dollars in a unit of the programme's objective.
    weight : float
        What a dollar of the hours' cost counts in the objective.

    Returns
    -------
    (Solution, float, float)
        The best sizes with the duals of the last bound; the hours' cost at them, and the bound on the whole [USD].

    Raises
    ------
    InfeasibleError
        If load that must be served cannot be, or the programme's limits exclude each other.
    SolverError
        If the gap stays open.
    """
    low, high = np.array([t.least for t in cuts.things]), np.array([t.most for t in cuts.things])
    done, radius, first = weight * _GAP * cuts.scale_usd, 0.25 * (high - low), cuts.first()
    if cuts.years == 0:
        _add(live, columns, cuts, cuts.at(first)[2], unit_usd)
        _within(live, columns, low, high, first, radius)
    else:
        _within(live, columns, low, high, first, high - low)
    best: _Point | None = None
    bound = -np.inf
    for _ in range(_MOST_YEARS):
        at = np.clip(live.values[columns], low, high)
        promise = live.objective * unit_usd
        usd, missing, found = cuts.at(at)
        here = promise + weight * (usd - float(live.of(HOURS).sum()) * unit_usd)
        if best is not None:
            gain = (best.value_usd - here) / max(best.value_usd - promise, 1e-3 * done)
            radius = radius * (2.0 if gain > 0.5 else 0.5 if gain < 0.0 else 1.0)
            if gain <= 0.0 and cuts.small(at):
                cuts.finer()
        if best is None or here < best.value_usd:
            best = _Point(at, here, usd, missing, live.solution())
        _add(live, columns, cuts, found, unit_usd)
        _within(live, columns, low, high, best.at, radius)
        if best.value_usd - live.objective * unit_usd > done:
            continue
        live.hold(columns, low, high)
        live.solve()
        bound = live.objective * unit_usd
        if best.value_usd - bound <= done:
            _served(best)
            return replace(best.solution, row_duals=live.solution().row_duals), best.hours_usd, bound
        radius = 2.0 * radius
    raise SolverError(f"sizes and hours: no proof after {_MOST_YEARS} years; the bound is {bound:.6g} USD")


@dataclass(frozen=True, slots=True)
class _Point:
    """The best sizes so far: cost of the whole and of the hours, energy not served, the programme's solution."""

    at: FloatArray
    value_usd: float
    hours_usd: float
    missing_mwh: float
    solution: Solution


def _within(
    live: LiveProgram, columns: IntArray, low: FloatArray, high: FloatArray, centre: FloatArray, radius: FloatArray
) -> None:
    """Solve with sizes near a point; anywhere, where the programme's own limits leave none there."""
    live.hold(columns, np.maximum(low, centre - radius), np.minimum(high, centre + radius))
    try:
        live.solve()
    except InfeasibleError:
        live.hold(columns, low, high)
        live.solve()


def _served(best: _Point) -> None:
    if best.missing_mwh > _MISSING_MWH:
        raise InfeasibleError(
            f"sizes and hours: {best.missing_mwh:,.3g} MWh a year of load that must run are not served at any sizes; "
            "raise the connection, or lower the least load"
        )


def _add(live: LiveProgram, columns: IntArray, cuts: HourCuts, found: Sequence[Cuts], unit_usd: float) -> None:
    """Rows of cuts: cost of a block >= constant + slopes x (sizes, stored energy after and before)."""
    hours, count = live.columns(HOURS), cuts.starts.size
    for cut in found:
        index = [hours[:, np.newaxis], np.broadcast_to(columns, (count, columns.size))]
        slope = [np.ones((count, 1)), -cut.by_size / unit_usd]
        if cuts.stored:
            after = live.columns(_STATE)
            index += [after[:, np.newaxis], np.roll(after, 1)[:, np.newaxis]]
            slope += [-cut.by_after[:, np.newaxis] / unit_usd, -cut.by_before[:, np.newaxis] / unit_usd]
        live.add(np.concatenate(index, axis=1), np.concatenate(slope, axis=1), cut.usd / unit_usd)


def solve_capacity(problem: HourlyProblem, things: Sequence[Sizable]) -> CapacityPlan:
    """Sizes of least cost over the hours of a problem, to a proven gap of 1e-7 of the money that moves.

    Parameters
    ----------
    problem : HourlyProblem
        What is fixed: loads, prices, plants. Peak charges are things with a limit; no tiers, credits or services.
    things : sequence of Sizable
        What is chosen. Sizes of a battery go to the problem's one storage, which may be of no size.

    Examples
    --------
    A peak that costs 60,000 USD per MW and year: ``Sizable("peak", 0, 100, 60_000, limit_mw=np.ones(8760))``.

    Raises
    ------
    ScenarioError
        If the problem is malformed.
    InfeasibleError
        If load that must run cannot be served at the largest sizes.
    SolverError
        If the problem has more than the method's structure.
    """
    started = time.perf_counter()
    check_problem(problem)
    cuts = HourCuts(problem, tuple(things))
    scale = 1e-5 * max(cuts.money_usd(), 1.0)
    program = LinearProgram("sizes and hours")
    sizes = program.variables(
        "sizes",
        len(things),
        lower=[t.least for t in things],
        upper=[t.most for t in things],
        cost=[t.usd_per_unit / scale for t in things],
    )
    energy = next((sizes[[i]] for i, t in enumerate(things) if t.battery == "energy"), None)
    hour_columns(program, cuts, energy)
    found, hours_usd, bound = minimise_over_hours(LiveProgram(program), sizes, cuts, scale)
    chosen = np.where(found.values["sizes"] < 1e-9, 0.0, found.values["sizes"])
    return CapacityPlan(
        sizes=MappingProxyType({t.name: size for t, size in zip(things, chosen.tolist(), strict=True)}),
        cost_usd=hours_usd + sum(t.usd_per_unit * size for t, size in zip(things, chosen.tolist(), strict=True)),
        bound_usd=bound,
        years=cuts.years,
        seconds=time.perf_counter() - started,
    )
