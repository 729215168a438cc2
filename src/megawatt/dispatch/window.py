"""A few days from a known state of the battery: planned exactly, or run by a rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.halls import TOLERANCE_MW
from megawatt.dispatch.hourly import HourlyProblem
from megawatt.dispatch.limits import shortfall_error
from megawatt.dispatch.solvers.convex import Point, minimise
from megawatt.dispatch.stack import HourStack, block_powers, hour_stack
from megawatt.dispatch.year import RELATIVE_GAP, Year, YearSolver, compiled_kernel

__all__ = ["run_rules", "run_window"]

Powers = tuple[dict[str, FloatArray], FloatArray]


def run_window(view: HourlyProblem, limit_mw: FloatArray, state_mwh: float) -> Powers:
    """The best plan of the hours in view, import held to a limit that may be raised at the peak charges' rates.

    Parameters
    ----------
    view : HourlyProblem
        The hours in view.
    limit_mw : array, shape (hours,)
        Import that is free of further peak charges. [MW]
    state_mwh : float
        Energy stored before the first hour; what is left at the end is worth nothing.

    Returns
    -------
    tuple
        Power by block and storage flow, (hours,) each [MW], and the state after each hour [MWh].

    Raises
    ------
    InfeasibleError
        If firm load cannot be served.
    """
    stack = _spared(view)
    solver = YearSolver(stack, compiled=compiled_kernel())
    metered = np.logical_or.reduce([c.hours for c in view.peaks]) if view.peaks else np.zeros(view.hours, np.bool_)
    rates = sum(max(rate for _, rate in c.tiers) for c in view.peaks)
    most = min(view.import_limit_mw, float(view.imports.mw.sum(axis=1).max()))

    def at(raised_mw: float) -> Point[Year]:
        year = solver.run(np.where(metered, np.minimum(limit_mw + raised_mw, most), limit_mw), state_mwh)
        slope = rates - float(year.relief_usd_per_mw[metered & (limit_mw + raised_mw < most)].sum())
        return Point(raised_mw, year.value_usd + rates * raised_mw, slope, year)

    year = at(0.0)
    if year.slope < 0.0:
        room = max(most - float(limit_mw.min()), 0.0)
        year = minimise(at, 0.0, room, RELATIVE_GAP * stack.scale_usd, 0.1 * room).best
    return _settled(view, stack, year.plan.peak_mw, year.plan.change, year.plan.worth, state_mwh)


def run_rules(view: HourlyProblem, limit_mw: FloatArray, state_mwh: float, wish_mw: FloatArray) -> Powers:
    """The hours with the battery following a wish as far as its state and the site allow; merit order for the rest.

    Import exceeds the limit only for firm load that nothing else serves. The battery charges from what the limit
    leaves beside firm load, and discharges no more than load and uses take.

    Parameters
    ----------
    wish_mw : array, shape (hours,)
        Charge (positive) or discharge that the rule asks for. [MW]
    """
    stack = _spared(view)
    own = sum((b.mw.sum(axis=1) for b in view.supplies if b.name not in view.last_resort), np.zeros(view.hours))
    firm = np.maximum(view.firm_mw - own, 0.0)
    limit = np.maximum(limit_mw, np.minimum(firm, view.import_limit_mw))
    room = np.maximum(np.minimum(limit, view.imports.mw.sum(axis=1)) - firm, 0.0)
    change, state = np.zeros(view.hours), state_mwh
    _, energy, into, out, keep, _ = stack.store.tolist()
    for t in range(view.hours):
        kept = state * keep
        if wish_mw[t] >= 0.0:
            change[t] = min(wish_mw[t], room[t]) * into
        else:
            change[t] = -min(-wish_mw[t], stack.demand_mw[t]) / out
        state = min(max(kept + change[t], 0.0), energy)
        change[t] = state - kept
    return _settled(view, stack, limit, change, np.zeros(view.hours), state_mwh)


def _spared(view: HourlyProblem) -> HourStack:
    """The hours' stacks with energy of negative value held at what makes burning it in the battery worthless.

    So the battery has one direction an hour; the order in which all else runs is kept.
    """
    stack = hour_stack(view)
    _, _, into, out, _, cycle = stack.store.tolist()
    worthless = -cycle * into * out / (1.0 - into * out) if into * out < 1.0 else -np.inf
    return replace(stack, cost=np.maximum(stack.cost, worthless))


def _settled(
    view: HourlyProblem,
    stack: HourStack,
    limit_mw: FloatArray,
    change: FloatArray,
    worth: FloatArray,
    state_mwh: float,
) -> Powers:
    power, charge, discharge, _ = compiled_kernel().settle(*stack.arguments(limit_mw), change, worth)
    mw, short, _ = block_powers(view, stack, power)
    if short.max(initial=0.0) > TOLERANCE_MW:
        raise shortfall_error(view, short)
    for storage in view.storages:
        mw |= {f"{storage.name}.charge": charge, f"{storage.name}.discharge": discharge}
    keep, state, states = float(stack.store[4]), state_mwh, np.empty(view.hours)
    for t in range(view.hours):
        state = state * keep + change[t]
        states[t] = state
    for storage in view.storages:
        mw[f"{storage.name}.state"] = states
    return mw, states
