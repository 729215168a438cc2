"""Energy by tiers and minimum bills: the year at the price of the tiers in which it ends, which is a proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from megawatt.dispatch.hourly import HourlyPlan, HourlyProblem, missing_usd
from megawatt.dispatch.ledgers import plan_cost_usd
from megawatt.errors import SolverError

__all__ = ["solve_with_tiers"]

_MOST_TRIES: Final = 6
"""Guesses of the tiers in which months end."""


def solve_with_tiers(problem: HourlyProblem, solve: Callable[[HourlyProblem], HourlyPlan]) -> HourlyPlan:
    """The plan at the price of the tiers in which the energy of a plan ends.

    Where a plan made at the prices of some tiers ends in those tiers no other plan is cheaper: rates do not fall, so
    the charge is convex and the price is its slope there. A minimum bill that such a plan exceeds costs nothing, and
    no plan less.

    Parameters
    ----------
    problem : HourlyProblem
        With energy tiers that rise, or minimum bills.
    solve : callable
        Solver of the problem without either.

    Raises
    ------
    SolverError
        If energy ends on the edge of a tier, or a minimum bill binds: then HiGHS is needed.
    """
    at = [tiers.tier(tiers.energy_mwh(problem.imports.mw.sum(axis=1))) for tiers in problem.energy_tiers]
    for _ in range(_MOST_TRIES):
        plan = solve(_at_tiers(problem, at))
        imports = plan.mw[problem.imports.name]
        found = [tiers.tier(tiers.energy_mwh(imports)) for tiers in problem.energy_tiers]
        if found == at:
            break
        at = found
    else:
        raise SolverError("energy ends on the edge of a tier")
    if any(missing_usd(problem, minimum, imports) > 0.0 for minimum in problem.minimums):
        raise SolverError("a minimum bill binds")
    return replace(plan, objective_usd=plan_cost_usd(problem, plan.mw))


def _at_tiers(problem: HourlyProblem, at: list[int]) -> HourlyProblem:
    """The problem with energy at the price of these tiers, and no minimum bills."""
    extra = np.zeros(problem.hours)
    for tiers, k in zip(problem.energy_tiers, at, strict=True):
        extra[tiers.hours] += tiers.tiers[k][1]
    imports = replace(problem.imports, usd_per_mwh=problem.imports.usd_per_mwh + extra[:, np.newaxis])
    return replace(problem, imports=imports, energy_tiers=(), minimums=())
