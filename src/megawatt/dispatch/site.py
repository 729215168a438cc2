"""The site year: which hall runs in which hour at what power, as a linear programme."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.dispatch.account import account, overloads
from megawatt.dispatch.halls import site_halls
from megawatt.dispatch.records import Dispatch, SiteProblem
from megawatt.dispatch.solvers.lp import LinearProgram, Method
from megawatt.errors import InfeasibleError

__all__ = ["solve"]


PAID_TO_RUN_USD_PER_MWH: Final = 1e-6
"""Least value of a MWh in hours of negative price, so that load worth nothing runs rather than not (see solve)."""


def solve(problem: SiteProblem, *, firm_ai: bool = False, method: Method = "simplex") -> Dispatch:
    """Operating plan of the site year with the highest revenue minus energy cost. [USD]

    Per hour: maximise ai_value * ai_it + mining_value * worth * mining_it - (price + adder) * import, with
    import = facility power of both halls <= import limit, and IT power within offer and cooling limit. Facility power
    is convex and piecewise linear in IT power, so its segments fill in order by themselves; curtailing IT saves their
    cooling.

    Where price + adder is negative, more load is always better: revenue and payment rise together until the halls or
    the connection are full. Such hours are solved at a price of zero, which has the same optimum and keeps the
    programme from drawing power that no hall could use; the bill is at the true price.

    Parameters
    ----------
    problem : SiteProblem
        One site year.
    firm_ai : bool
        The AI load is contracted: raise, rather than curtail, when a limit does not let it run.
    method : str
        HiGHS method.

    Returns
    -------
    Dispatch
        The optimum. Curtailed AI load earns nothing, which is its cost.

    Raises
    ------
    ScenarioError
        If the problem's arrays are malformed.
    InfeasibleError
        If idle halls exceed the import limit, or firm AI load exceeds a limit; names hour and limit.
    SolverError
        If HiGHS gives up.
    """
    halls = site_halls(problem)
    if firm_ai:
        over = overloads(problem)
        if over:
            raise InfeasibleError(f"site: {over[0]}; raise the limit, shrink the AI load or allow curtailment")
    energy_usd_per_mwh = problem.price_usd_per_mwh + problem.adder_usd_per_mwh
    value_floor = np.where(energy_usd_per_mwh < 0.0, PAID_TO_RUN_USD_PER_MWH, 0.0)
    lp = LinearProgram("site year")
    terms = []
    for name, hall in (("ai", halls.ai), ("mining", halls.mining)):
        unit_cost = np.maximum(energy_usd_per_mwh, 0.0)[:, np.newaxis] * hall.slope
        cost = unit_cost - np.maximum(hall.usd_per_mwh, value_floor[:, np.newaxis])
        terms.append((lp.variables(name, hall.slope.shape, upper=hall.width_it_mw, cost=cost), hall.slope))
    lp.rows("import", terms, upper=halls.available_mw)
    solution = lp.solve(method)
    ai = np.asarray(np.clip(solution.values["ai"].sum(axis=1), 0.0, halls.ai.cap_it_mw))
    return account(problem, ai, halls.mining, solution.values["mining"], solution.solver)
