"""What foresight is worth: the same site under perfect foresight, a day-ahead rolling plan, and simple rules.

A plan made with the whole year in view knows every spike and the year's highest hour. An operator knows tomorrow's
prices (day-ahead markets publish them) and little beyond. The three plans here serve the same site and are billed by
the same account, so that their difference is the value of what each knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.hourly import Block, HourlyPlan, HourlyProblem
from megawatt.dispatch.ledgers import plan_cost_usd
from megawatt.dispatch.optimising import optimise
from megawatt.dispatch.solvers.exact import not_own
from megawatt.dispatch.window import run_rules, run_window
from megawatt.errors import ScenarioError

__all__ = ["FORESIGHTS", "day_ahead", "foresight_plans", "peak_targets", "simple_rules"]


FORESIGHTS: Final = ("perfect", "day-ahead", "rules")
DAY: Final = 24
"""Hours of a day."""
_LOOKBACK_DAYS: Final = 7
"""A week of past days: the shortest span that holds working days and a weekend."""


def foresight_plans(problem: HourlyProblem) -> Mapping[str, HourlyPlan]:
    """The site under each kind of foresight, keyed by `FORESIGHTS`.

    Raises
    ------
    ScenarioError
        If the problem is malformed, not of whole days, or has more than the exact solver's structure.
    InfeasibleError
        If firm load cannot be served.
    """
    target = peak_targets(problem)
    makers: dict[str, Callable[[], HourlyPlan]] = {
        "perfect": lambda: optimise(problem),
        "day-ahead": lambda: day_ahead(problem, target),
        "rules": lambda: simple_rules(problem, target),
    }
    return MappingProxyType({name: makers[name]() for name in FORESIGHTS})


def peak_targets(problem: HourlyProblem) -> FloatArray:
    """Peak imports that a planner who knows the year's averages would set, (charges,). [MW]

    The site is solved with every price, load and output replaced by its mean at that hour of the day over a month
    (thirty days); the metered peaks of that smooth year are the targets. Spikes and the worst hour are unknown to it.
    """
    if not problem.peaks:
        return np.zeros(0)
    smooth = replace(
        problem,
        firm_mw=_smooth(problem.firm_mw[:, np.newaxis])[:, 0],
        imports=_smooth_block(problem.imports),
        supplies=tuple(_smooth_block(b) for b in problem.supplies),
        uses=tuple(_smooth_block(b) for b in problem.uses),
        availability=(),
    )
    plan = optimise(smooth)
    return np.array([plan.peak_mw[c.name] for c in problem.peaks])


def day_ahead(
    problem: HourlyProblem, target_mw: FloatArray, *, view_days: int = 2, known: HourlyProblem | None = None
) -> HourlyPlan:
    """The year planned day by day, each day's prices known the day before.

    Every midnight the next ``view_days`` days are solved exactly from the battery's state: the first day as it will
    be, the following ones as copies of it (persistence, the simplest forecast), and the first day is carried out.
    Import may exceed a charge's target only where the day gains more than the charges cost, of later months too where
    a ratchet has them look back at this one; what has been reached is paid for, and free from then on.

    Parameters
    ----------
    problem : HourlyProblem
        Of whole days, one storage at most, no availability credits.
    target_mw : array, shape (charges,)
        From `peak_targets`, or last year's peaks.
    view_days : int
        Days in view, >= 1.
    known : HourlyProblem, optional
        The same site at the prices that are known the day before: the battery follows the plan at these, all else the
        price of the hour as it comes.
    """
    _own(problem)
    started = time.perf_counter()
    paid = np.array(target_mw, dtype=np.float64)
    parts: list[Mapping[str, FloatArray]] = []
    state = 0.0
    for first in range(0, problem.hours, DAY):
        at = slice(first, first + DAY)
        view = _view(problem if known is None else known, at, view_days)
        mw, states = run_window(view, paid, state)
        if known is not None:
            wish = np.zeros(DAY)
            for s in problem.storages:
                wish += (mw[f"{s.name}.charge"] - mw[f"{s.name}.discharge"])[:DAY]
            mw, states = run_rules(_view(problem, at, 1), paid, state, wish)
        state = float(states[DAY - 1])
        day = {name: power[:DAY] for name, power in mw.items()}
        paid = _reached(problem, at, day, paid)
        parts.append(day)
    return _joined(problem, parts, f"day-ahead, {view_days} days in view", time.perf_counter() - started)


def simple_rules(problem: HourlyProblem, target_mw: FloatArray) -> HourlyPlan:
    """The year by rules of thumb that need no forecast.

    The battery charges in the hours of the day that were cheapest on average over the past week and discharges in the
    dearest, as many hours as it takes to fill it, where the dearest exceed the cheapest by its losses and wear.
    Everything else follows the merit order of the hour: uses run where they earn more than power costs, within the
    target import.
    """
    _own(problem)
    started = time.perf_counter()
    paid = np.array(target_mw, dtype=np.float64)
    price = problem.price_usd_per_mwh
    parts: list[Mapping[str, FloatArray]] = []
    state = 0.0
    for first in range(0, problem.hours, DAY):
        at = slice(first, first + DAY)
        wish = _habit(problem, price[max(first - _LOOKBACK_DAYS * DAY, 0) : first])
        view = _view(problem, at, 1)
        mw, states = run_rules(view, paid, state, wish)
        state = float(states[-1])
        paid = _reached(problem, at, mw, paid)
        parts.append(mw)
    return _joined(
        problem, parts, "rules: last week's hours for the battery, merit order", time.perf_counter() - started
    )


def _own(problem: HourlyProblem) -> None:
    reason = not_own(problem) or ("availability credits need the year in view" if problem.availability else "")
    if problem.energy_tiers or problem.minimums:
        reason = reason or "rolling plans know no energy tiers and minimum bills"
    if problem.services:
        reason = "services to the grid are planned with the year in view"
    if reason or problem.hours % DAY:
        raise ScenarioError(f"foresight: {reason or f'{problem.hours} hours are not whole days'}")


def _habit(problem: HourlyProblem, past_usd_per_mwh: FloatArray) -> FloatArray:
    """Charge (positive) and discharge by hour of the day as past prices suggest, (24,). [MW]"""
    wish = np.zeros(DAY)
    if not problem.storages or past_usd_per_mwh.size == 0:
        return wish
    s = problem.storages[0]
    profile = past_usd_per_mwh.reshape(-1, DAY).mean(axis=0)
    order = np.argsort(profile, kind="stable")
    count = min(int(np.ceil(s.energy_mwh / max(s.power_mw * s.charge_efficiency, 1e-12))), DAY // 2)
    low, high = order[:count], order[-count:]
    trip = s.charge_efficiency * s.discharge_efficiency
    if profile[high].mean() * trip <= profile[low].mean() + s.discharge_cost_usd_per_mwh * trip:
        return wish
    wish[low], wish[high] = s.power_mw, -s.power_mw
    return wish


def _view(problem: HourlyProblem, at: slice, days: int) -> HourlyProblem:
    """The day, and copies of it for the days that follow."""

    def cut(b: Block) -> Block:
        return Block(b.name, np.tile(b.mw[at], (days, 1)), np.tile(b.usd_per_mwh[at], (days, 1)))

    return replace(
        problem,
        firm_mw=np.tile(problem.firm_mw[at], days),
        imports=cut(problem.imports),
        supplies=tuple(cut(b) for b in problem.supplies),
        uses=tuple(cut(b) for b in problem.uses),
        peaks=tuple(
            replace(
                c, hours=np.tile(c.hours[at], days), weight=None if c.weight is None else np.tile(c.weight[at], days)
            )
            for c in problem.peaks
        ),
    )


def _reached(problem: HourlyProblem, at: slice, mw: Mapping[str, FloatArray], paid_mw: FloatArray) -> FloatArray:
    """Billed peaks that are paid for after a day, a ratchet's share of the day with them, (charges,). [MW]"""
    imports = np.zeros(problem.hours)
    imports[at] = mw[problem.imports.name]
    reached = np.array([c.metered_mw(imports) for c in problem.peaks])
    return np.asarray(np.maximum(paid_mw, reached), dtype=np.float64)


def _joined(problem: HourlyProblem, parts: list[Mapping[str, FloatArray]], name: str, seconds: float) -> HourlyPlan:
    mw = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    imports = mw[problem.imports.name]
    peaks = {c.name: c.metered_mw(imports) for c in problem.peaks}
    return HourlyPlan(
        objective_usd=plan_cost_usd(problem, mw),
        mw=MappingProxyType(mw),
        peak_mw=MappingProxyType(peaks),
        bus_usd_per_mwh=np.full(problem.hours, np.nan),
        gap_usd=np.inf,
        solver=name,
        solve_s=seconds,
    )


def _smooth_block(b: Block) -> Block:
    return Block(b.name, _smooth(b.mw), _smooth(b.usd_per_mwh), b.carbon_kg_per_mwh)


def _smooth(values: FloatArray) -> FloatArray:
    """Mean by hour of the day over spans of thirty days."""
    smooth = np.empty(values.shape)
    for first in range(0, values.shape[0], 30 * DAY):
        part = values[first : first + 30 * DAY]
        days = part.reshape(-1, DAY, values.shape[1])
        smooth[first : first + 30 * DAY] = np.tile(days.mean(axis=0), (days.shape[0], 1))
    return smooth
