"""A few days from a known state of the battery: planned exactly, or run by a rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.dispatch.halls import TOLERANCE_MW
from megawatt.dispatch.hourly import HourlyProblem
from megawatt.dispatch.limits import shortfall_error
from megawatt.dispatch.solvers.convex import Point, minimise
from megawatt.dispatch.stack import HourStack, block_powers, hour_stack
from megawatt.dispatch.year import RELATIVE_GAP, Year, YearSolver, compiled_kernel

__all__ = ["run_rules", "run_window"]

Powers = tuple[dict[str, FloatArray], FloatArray]


def run_window(view: HourlyProblem, paid_mw: FloatArray, state_mwh: float) -> Powers:
    """The best plan of the hours in view, import held to a limit that may be raised at what the peak charges then cost.

    Parameters
    ----------
    view : HourlyProblem
        The hours in view.
    paid_mw : array, shape (charges,)
        Billed peak of each charge that is paid for already. [MW]
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
    most = min(view.import_limit_mw, float(view.imports.mw.sum(axis=1).max()))
    limit_mw = _free_mw(view, paid_mw)

    def at(raised_mw: float) -> Point[Year]:
        limit = np.where(metered, np.minimum(limit_mw + raised_mw, most), limit_mw)
        year = solver.run(limit, state_mwh)
        free = metered & (limit_mw + raised_mw < most)
        usd, rate = _raised_usd(view, paid_mw, limit, free)
        slope = rate - float(year.relief_usd_per_mw[free].sum())
        return Point(raised_mw, year.value_usd + usd, slope, year)

    year = at(0.0)
    if year.slope < 0.0:
        room = max(most - float(limit_mw.min()), 0.0)
        year = minimise(at, 0.0, room, RELATIVE_GAP * stack.scale_usd, 0.1 * room).best
    return _settled(view, stack, year.plan.peak_mw, year.plan.change, year.plan.worth, state_mwh)


def _free_mw(view: HourlyProblem, paid_mw: FloatArray) -> FloatArray:
    """Import of each hour that no charge is raised by, a ratchet's on later months with them, (hours,). [MW]"""
    limit = np.full(view.hours, view.import_limit_mw)
    for charge, paid in zip(view.peaks, paid_mw.tolist(), strict=True):
        limit = np.minimum(limit, charge.limit_mw(paid))
    return limit


def _raised_usd(
    view: HourlyProblem, paid_mw: FloatArray, import_mw: FloatArray, free: BoolArray
) -> tuple[float, float]:
    """What the charges cost beyond what is paid at this import, and with each MW more of it in the ``free`` hours."""
    usd = rate = 0.0
    for charge, paid in zip(view.peaks, paid_mw.tolist(), strict=True):
        peak = charge.metered_mw(import_mw)
        if not charge.hours.any() or peak < paid - TOLERANCE_MW:
            continue
        usd += charge.cost_usd(max(peak, paid)) - charge.cost_usd(paid)
        weight = charge.hours * (1.0 if charge.weight is None else charge.weight)
        highest = free & (weight * import_mw >= peak - TOLERANCE_MW)
        rate += charge.rate_usd_per_mw(peak) * float(weight[highest].max(initial=0.0))
    return usd, rate


def run_rules(view: HourlyProblem, paid_mw: FloatArray, state_mwh: float, wish_mw: FloatArray) -> Powers:
    """The hours with the battery following a wish as far as its state and the site allow; merit order for the rest.

    Import exceeds what is paid for only for firm load that nothing else serves. The battery charges from what that
    leaves beside firm load, and discharges no more than load and uses take.

    Parameters
    ----------
    paid_mw : array, shape (charges,)
        Billed peak of each charge that is paid for already. [MW]
    wish_mw : array, shape (hours,)
        Charge (positive) or discharge that the rule asks for. [MW]
    """
    stack = _spared(view)
    own = sum((b.mw.sum(axis=1) for b in view.supplies if b.name not in view.last_resort), np.zeros(view.hours))
    firm = np.maximum(view.firm_mw - own, 0.0)
    limit = np.maximum(_free_mw(view, paid_mw), np.minimum(firm, view.import_limit_mw))
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
