"""Energy by tiers and minimum bills: the year at the price of the tiers in which it ends, which is a proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from megawatt.dispatch.hourly import EnergyTiers, HourlyPlan, HourlyProblem, missing_usd
from megawatt.dispatch.ledgers import plan_cost_usd
from megawatt.errors import SolverError

__all__ = ["solve_with_tiers"]

_MOST_TRIES: Final = 6
"""Guesses of the tiers in which months end."""


def solve_with_tiers(problem: HourlyProblem, solve: Callable[[HourlyProblem], HourlyPlan]) -> HourlyPlan:
    """The plan at the price of the tiers in which the energy of a plan ends.

    Where a plan made at the prices of some tiers ends in those tiers, and rates do not fall, no other plan is cheaper:
    the charge is convex and the price is its slope there. A minimum bill that such a plan exceeds costs nothing, and
    no plan less. Of falling tiers the best of the plans tried is taken; no solver proves more.

    Parameters
    ----------
    problem : HourlyProblem
        With energy tiers or minimum bills.
    solve : callable
        Solver of the problem without tiers of its kind.

    Raises
    ------
    SolverError
        If energy ends on the edge of a rising tier, or a minimum bill binds: then HiGHS is needed.
    """
    fixed = [tiers for tiers in problem.energy_tiers if tiers.rising] if _falls(problem) else []
    own = [tiers for tiers in problem.energy_tiers if tiers not in fixed]
    most = problem.imports.mw.sum(axis=1)
    at = [tiers.tier(tiers.energy_mwh(most)) for tiers in own]
    tried: list[HourlyPlan] = []
    settled = False
    for _ in range(_MOST_TRIES):
        plan = solve(_at_tiers(problem, own, at, fixed))
        imports = plan.mw[problem.imports.name]
        tried.append(replace(plan, objective_usd=plan_cost_usd(problem, plan.mw)))
        found = [tiers.tier(tiers.energy_mwh(imports)) for tiers in own]
        settled = found == at
        if settled:
            break
        at = found
    best = min(tried, key=lambda plan: plan.objective_usd)
    if _falls(problem):
        how = "at the tier where energy ends" if settled else "best of the tiers tried"
        return replace(best, solver=f"{best.solver} ({how})", gap_usd=np.inf)
    if not settled:
        raise SolverError("energy ends on the edge of a tier")
    if any(missing_usd(problem, minimum, imports) > 0.0 for minimum in problem.minimums):
        raise SolverError("a minimum bill binds")
    return tried[-1]


def _falls(problem: HourlyProblem) -> bool:
    return not all(tiers.rising for tiers in problem.energy_tiers)


def _at_tiers(problem: HourlyProblem, own: list[EnergyTiers], at: list[int], fixed: list[EnergyTiers]) -> HourlyProblem:
    """The problem with energy at the price of these tiers; the minimum bills stay where tiers fall."""
    price = problem.imports.usd_per_mwh.copy()
    extra = np.zeros(problem.hours)
    for tiers, k in zip(own, at, strict=True):
        extra[tiers.hours] += tiers.tiers[k][1]
    imports = replace(problem.imports, usd_per_mwh=price + extra[:, np.newaxis])
    names = {tiers.name for tiers in own}
    kept = tuple(
        replace(
            minimum,
            usd_per_mwh=minimum.usd_per_mwh
            + sum(
                np.where(t.hours, t.tiers[k][1], 0.0) for t, k in zip(own, at, strict=True) if t.name in minimum.charges
            ),
            charges=tuple(name for name in minimum.charges if name not in names),
        )
        for minimum in problem.minimums
    )
    return replace(problem, imports=imports, energy_tiers=tuple(fixed), minimums=kept if _falls(problem) else ())
