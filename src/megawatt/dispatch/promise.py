"""A contracted availability: energy of one use that is missed beyond an allowance costs a credit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from megawatt.dispatch.hourly import Availability, Block, HourlyPlan, HourlyProblem
from megawatt.dispatch.solvers.convex import Point, minimise

__all__ = ["missed_mwh", "solve_with_promise"]

RELATIVE_GAP = 1e-9
"""Difference of two objectives that counts as none."""


def missed_mwh(problem: HourlyProblem, plan: HourlyPlan, use: str) -> float:
    """Energy of a use that was offered and not served. [MWh]"""
    block = next(b for b in problem.uses if b.name == use)
    return float(block.mw.sum() - plan.mw[use].sum())


def solve_with_promise(problem: HourlyProblem, solve: Callable[[HourlyProblem], HourlyPlan]) -> HourlyPlan:
    """Optimum of a problem with one availability credit, by the price of missing a MWh.

    At a price y between 0 and the credit, missed energy costs y an hour and the allowance earns y a MWh back: the
    least cost L(y) of that year is concave in y and never above the optimum, and its highest value is the optimum
    (strong duality). Where the two plans beside the best y miss too much and too little, their mean that misses just
    the allowance is the plan; it is feasible because the problem is convex.

    Parameters
    ----------
    problem : HourlyProblem
        With exactly one `Availability`.
    solve : callable
        Solver of the problem without it.
    """
    promise = problem.availability[0]

    def at(price: float) -> Point[HourlyPlan]:
        changed = replace(
            problem,
            availability=(),
            uses=tuple(_dearer(b, price) if b.name == promise.use else b for b in problem.uses),
        )
        plan = solve(changed)
        over = missed_mwh(problem, plan, promise.use) - promise.free_mwh
        offered = over + promise.free_mwh + float(plan.mw[promise.use].sum())
        value = plan.objective_usd + price * (offered - promise.free_mwh)
        return Point(price, -value, -over, plan)

    credit = promise.credit_usd_per_mwh
    free = at(0.0)
    if free.slope >= 0.0 or credit == 0.0:
        return _priced(problem, promise, free.plan, 0.0)
    full = at(credit)
    if full.slope <= 0.0:
        return _priced(problem, promise, full.plan, credit)
    gap = RELATIVE_GAP * (1.0 + abs(free.value))
    found = minimise(at, 0.0, credit, gap, 0.5 * credit)
    mixed = _mean(found.left.plan, found.right.plan, found.share)
    plan = _priced(problem, promise, mixed, found.best.at, (found.left, found.right), found.share)
    return replace(plan, gap_usd=plan.gap_usd + max(plan.objective_usd + found.best.value, 0.0))


def _dearer(block: Block, price: float) -> Block:
    return replace(block, usd_per_mwh=block.usd_per_mwh + price)


def _mean(a: HourlyPlan, b: HourlyPlan, share: float) -> HourlyPlan:
    mw = {name: share * a.mw[name] + (1.0 - share) * b.mw[name] for name in a.mw}
    bus = share * a.bus_usd_per_mwh + (1.0 - share) * b.bus_usd_per_mwh
    gap = max(a.gap_usd, b.gap_usd)
    return replace(a, mw=MappingProxyType(mw), bus_usd_per_mwh=bus, gap_usd=gap, solve_s=a.solve_s + b.solve_s)


def _priced(
    problem: HourlyProblem,
    promise: Availability,
    plan: HourlyPlan,
    price: float,
    sides: tuple[Point[HourlyPlan], Point[HourlyPlan]] | None = None,
    share: float = 1.0,
) -> HourlyPlan:
    """The plan with its objective at the contract's own terms, and the true peaks of a mean of two plans."""
    served = float(plan.mw[promise.use].sum())
    missed = missed_mwh(problem, plan, promise.use)
    credit = promise.credit_usd_per_mwh * max(missed - promise.free_mwh, 0.0)
    if sides is None:
        return replace(plan, objective_usd=plan.objective_usd + price * served + credit)
    left, right = sides
    parts = [p.plan.objective_usd + p.at * float(p.plan.mw[promise.use].sum()) for p in (left, right)]
    imports = plan.mw[problem.imports.name]
    peaks = {c.name: c.metered_mw(imports) for c in problem.peaks}
    saved = sum(
        share * c.cost_usd(left.plan.peak_mw[c.name])
        + (1.0 - share) * c.cost_usd(right.plan.peak_mw[c.name])
        - c.cost_usd(peaks[c.name])
        for c in problem.peaks
    )
    objective = share * parts[0] + (1.0 - share) * parts[1] - saved + credit
    return replace(plan, objective_usd=objective, peak_mw=MappingProxyType(peaks))
