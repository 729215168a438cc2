"""One interface, two solvers: the exact one where the structure is its own, HiGHS for everything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from megawatt.dispatch.hourly import HourlyPlan, HourlyProblem
from megawatt.dispatch.problem_checks import check_problem
from megawatt.dispatch.solvers.lp import Method
from megawatt.errors import ScenarioError, SolverError

__all__ = ["SOLVERS", "Solver", "optimise"]

Solver = Literal["auto", "exact", "highs"]
SOLVERS: Final = ("auto", "exact", "highs")


def optimise(problem: HourlyProblem, solver: Solver = "auto", method: Method = "hipo") -> HourlyPlan:
    """Least-cost plan of an hourly problem.

    Parameters
    ----------
    problem : HourlyProblem
        What may run, what it earns and costs.
    solver : {'auto', 'exact', 'highs'}
        ``auto`` takes the exact solver where the structure is its own and HiGHS elsewhere; the plan's ``solver``
        says which, and why.
    method : str
        HiGHS method.

    Raises
    ------
    ScenarioError
        If the problem is malformed, or ``exact`` is asked for a structure that is not its own.
    InfeasibleError
        If firm load cannot be served; names hour and limits.
    SolverError
        If a solver gives up.
    """
    from megawatt.dispatch.solvers.exact import not_own, one_way, solve_exact
    from megawatt.dispatch.solvers.general import solve_highs

    check_problem(problem)
    reason = not_own(problem)
    if solver == "exact" and reason:
        raise ScenarioError(f"dispatch: solver = 'exact': {reason}; use 'auto' or 'highs'")
    if solver == "highs":
        return solve_highs(problem, method)
    if not reason:
        try:
            plan = solve_exact(problem)
            one_way(problem, plan)
            return plan
        except SolverError as error:
            if solver == "exact":
                raise
            reason = str(error)
    plan = solve_highs(problem, method)
    return replace(plan, solver=f"{plan.solver} ({reason})")
