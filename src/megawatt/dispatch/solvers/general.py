"""The general hourly problem as a linear programme for HiGHS: any combination of blocks, storages, charges, credits."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from megawatt.dispatch.halls import TOLERANCE_MW
from megawatt.dispatch.hourly import Availability, Block, HourlyPlan, HourlyProblem, MinimumBill, Storage
from megawatt.dispatch.limits import shortfall_error
from megawatt.dispatch.solvers.lp import LinearProgram, Method, Solution
from megawatt.dispatch.solvers.services import ServiceRows
from megawatt.errors import InfeasibleError

__all__ = ["solve_highs"]

Terms = list[tuple[NDArray[np.int64], ArrayLike]]

_SHORT = "shortfall"


def solve_highs(problem: HourlyProblem, method: Method = "ipm") -> HourlyPlan:
    """Optimum of an hourly problem by HiGHS.

    Balance in every hour: imports + supplies + discharge = firm load + uses + charge; storages as `Storage` says; the
    metered peak of a charge is at least every import among its hours.

    Parameters
    ----------
    problem : HourlyProblem
        Checked by the caller.
    method : str
        HiGHS method; the default is the fastest measured on a year with a battery and a peak charge.

    Raises
    ------
    InfeasibleError
        If firm load cannot be served; names hour and limits.
    SolverError
        If HiGHS gives up.
    """
    lp, services = _programme(problem)
    try:
        solution = lp.solve(method)
    except InfeasibleError:
        elastic, _ = _programme(problem, elastic=True)
        short = elastic.solve(method).values[_SHORT]
        if short.max(initial=0.0) > TOLERANCE_MW:
            raise shortfall_error(problem, short) from None
        raise
    return _plan(problem, solution, services)


def _programme(problem: HourlyProblem, *, elastic: bool = False) -> tuple[LinearProgram, ServiceRows]:
    """The programme; an elastic one has no cost but that of load not served."""
    lp, hours, priced = LinearProgram("site hours"), problem.hours, 0.0 if elastic else 1.0
    balance: Terms = []
    imports = _block(lp, problem.imports, priced)
    balance += [(imports, 1.0)]
    services = ServiceRows(lp, problem, priced)
    uses: dict[str, NDArray[np.int64]] = {}
    for sign, blocks in ((1.0, problem.supplies), (-1.0, problem.uses)):
        for b in blocks:
            uncalled = services.share_uncalled(b.name)
            uses[b.name] = _block(lp, b, sign * priced * uncalled)
            balance.append((uses[b.name], sign * uncalled))
            services.block(b, uses[b.name], sign)
    for storage in problem.storages:
        balance += _storage(lp, storage, hours, priced, services)
    balance += services.balance
    services.totals(imports)
    if elastic:
        balance.append((lp.variables(_SHORT, hours, upper=problem.firm_mw, cost=1.0), 1.0))
    lp.rows("balance", balance, lower=problem.firm_mw, upper=problem.firm_mw)
    if np.isfinite(problem.import_limit_mw):
        lp.rows("connection", [(imports, 1.0)], upper=problem.import_limit_mw)
    owed: dict[str, Terms] = {}
    for charge in (c for c in problem.peaks if c.hours.any()):
        tiers, owed[charge.name] = _tiers(lp, f"peak.{charge.name}", charge.tiers, priced)
        counts = 1.0 if charge.weight is None else charge.weight[charge.hours][:, np.newaxis]
        lp.rows(f"peak.{charge.name}", [(imports[charge.hours], counts), *tiers], upper=0.0)
    for block in problem.energy_tiers:
        tiers, owed[block.name] = _tiers(lp, f"tiers.{block.name}", block.tiers, priced)
        lp.rows(f"tiers.{block.name}", [(imports[block.hours].reshape(1, -1), 1.0), *tiers], lower=0.0, upper=0.0)
    for minimum in problem.minimums:
        _minimum(lp, minimum, imports, owed, priced)
    for promise in problem.availability:
        _availability(lp, promise, uses[promise.use], _named(problem.uses, promise.use), priced)
    return lp, services


def _tiers(lp: LinearProgram, name: str, tiers: tuple[tuple[float, float], ...], priced: float) -> tuple[Terms, Terms]:
    """Amounts by tier as they are taken from a row's sum, and as they are owed in USD."""
    starts, rates = (np.array(part) for part in zip(*tiers, strict=True))
    amount = lp.variables(name, starts.size, upper=np.append(np.diff(starts), np.inf), cost=rates * priced)
    parts = [amount[i : i + 1] for i in range(starts.size)]
    return [(part, -1.0) for part in parts], list(zip(parts, rates.tolist(), strict=True))


def _minimum(
    lp: LinearProgram, minimum: MinimumBill, imports: NDArray[np.int64], owed: dict[str, Terms], priced: float
) -> None:
    """What is missing: owed + missing >= least."""
    missing = lp.variables(f"minimum.{minimum.name}", 1, cost=priced)
    parts = [term for name in minimum.charges for term in owed.get(name, [])]
    counts = minimum.usd_per_mwh != 0.0
    if counts.any():
        rates = np.repeat(minimum.usd_per_mwh[counts], imports.shape[1])
        parts = [(imports[counts].reshape(1, -1), rates.reshape(1, -1)), *parts]
    lp.rows(f"minimum.{minimum.name}", [(missing, 1.0), *parts], lower=minimum.least_usd)


def _block(lp: LinearProgram, block: Block, sign: float) -> NDArray[np.int64]:
    return lp.variables(block.name, block.mw.shape, upper=block.mw, cost=sign * block.usd_per_mwh)


def _storage(lp: LinearProgram, s: Storage, hours: int, priced: float, services: ServiceRows) -> Terms:
    charge = lp.variables(f"{s.name}.charge", hours, upper=s.power_mw)
    cost = priced * s.discharge_cost_usd_per_mwh
    discharge = lp.variables(f"{s.name}.discharge", hours, upper=s.power_mw, cost=cost)
    state = lp.variables(f"{s.name}.state", hours, upper=s.energy_mwh)
    carried = (np.roll(state, 1), s.standing_loss_per_hour - 1.0)
    flows = [(charge, -s.charge_efficiency), (discharge, 1.0 / s.discharge_efficiency)]
    services.storage(s, charge, discharge, state)
    lp.rows(s.name, [(state, 1.0), carried, *flows, *services.state[s.name]], lower=0.0, upper=0.0)
    return [(discharge, 1.0), (charge, -1.0)]


def _availability(
    lp: LinearProgram, promise: Availability, use: NDArray[np.int64], block: Block, priced: float
) -> None:
    """Missed energy beyond the allowance: served + missed >= offered - allowance, over the year."""
    credit = promise.credit_usd_per_mwh * priced
    missed = lp.variables(f"missed.{promise.use}", 1, cost=credit)
    served = use.reshape(1, -1)
    lower = float(block.mw.sum()) - promise.free_mwh
    lp.rows(f"availability.{promise.use}", [(served, 1.0), (missed, 1.0)], lower=lower)


def _named(blocks: tuple[Block, ...], name: str) -> Block:
    return next(b for b in blocks if b.name == name)


def _plan(problem: HourlyProblem, solution: Solution, services: ServiceRows) -> HourlyPlan:
    mw = {b.name: solution.values[b.name].sum(axis=1) for b in (problem.imports, *problem.supplies, *problem.uses)}
    for s in problem.storages:
        for flow in ("charge", "discharge", "state"):
            mw[f"{s.name}.{flow}"] = solution.values[f"{s.name}.{flow}"]
    services.flows(solution.values, mw)
    peaks = {c.name: c.metered_mw(mw[problem.imports.name]) for c in problem.peaks}
    return HourlyPlan(
        objective_usd=solution.objective + problem.fixed_usd,
        mw=MappingProxyType(mw),
        peak_mw=MappingProxyType(peaks),
        bus_usd_per_mwh=solution.row_duals["balance"],
        gap_usd=0.0,
        solver=solution.solver,
        solve_s=solution.build_s + solution.solve_s,
    )
