"""The general hourly problem as a linear programme for HiGHS: any combination of blocks, storages, charges, credits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from megawatt.arrays import FloatArray
from megawatt.dispatch.halls import TOLERANCE_MW
from megawatt.dispatch.hourly import Availability, Block, HourlyPlan, HourlyProblem, MinimumBill, Storage
from megawatt.dispatch.limits import shortfall_error
from megawatt.dispatch.solvers.lp import LinearProgram, Method, Solution
from megawatt.dispatch.solvers.services import ServiceRows
from megawatt.errors import InfeasibleError

__all__ = ["solve_highs"]

Terms = list[tuple[NDArray[np.int64], ArrayLike]]

_SHORT = "shortfall"

_SAME: Final = 1e-9
"""Difference of two objectives that counts as none."""

_MOST_S: Final = 120.0
"""Longest search for whole numbers; the best that is found then is taken, with its gap."""


def solve_highs(problem: HourlyProblem, method: Method = "hipo") -> HourlyPlan:
    """Optimum of an hourly problem by HiGHS.

    Balance in every hour: imports + supplies + discharge = firm load + uses + charge; storages as `Storage` says; the
    metered peak of a charge is at least every import among its hours. Whole numbers are in it where rates fall along
    tiers (each tier is full before the next begins), and in the hours in which a storage would else charge and
    discharge at once.

    Parameters
    ----------
    problem : HourlyProblem
        Checked by the caller.
    method : str
        HiGHS method; the default is the fastest measured on years with services, ratchets and a battery.

    Raises
    ------
    InfeasibleError
        If firm load cannot be served; names hour and limits.
    SolverError
        If HiGHS gives up.
    """
    free = {s.name: np.zeros(problem.hours, dtype=np.int8) for s in problem.storages}
    plan, both = _solved(problem, method, free)
    if not any(hours.any() for hours in both.values()):
        return plan
    # Where energy is worth nothing either direction will do: then the plan with one costs no more.
    settled, _ = _solved(problem, method, {name: _netted(problem, plan, name, both[name]) for name in free})
    if settled.objective_usd - plan.objective_usd <= _SAME * (1.0 + abs(plan.objective_usd)):
        return replace(settled, solve_s=plan.solve_s + settled.solve_s)
    seconds, ways = plan.solve_s + settled.solve_s, free
    while any(hours.any() for hours in both.values()):
        paid = plan.bus_usd_per_mwh < 0.0
        ways = {name: np.where(both[name] | paid | (way != _FREE), _EITHER, _FREE) for name, way in ways.items()}
        plan, both = _solved(problem, method, ways)
        seconds += plan.solve_s
    return replace(plan, solve_s=seconds)


_FREE, _CHARGE, _DISCHARGE, _EITHER = 0, 1, 2, 3
"""What a storage may do in an hour: the linear programme's both, one direction, or one of them by a whole number."""

Ways = Mapping[str, NDArray[np.int8]]


def _solved(problem: HourlyProblem, method: Method, ways: Ways) -> tuple[HourlyPlan, dict[str, NDArray[np.bool_]]]:
    """The plan, and the hours in which storages charge and discharge beside what services call."""
    lp, services = _programme(problem, ways)
    try:
        solution = lp.solve(method, search_s=_MOST_S)
    except InfeasibleError:
        elastic, _ = _programme(problem, ways, elastic=True)
        short = elastic.solve(method).values[_SHORT]
        if short.max(initial=0.0) > TOLERANCE_MW:
            raise shortfall_error(problem, short) from None
        raise
    flows = solution.values
    both = {name: np.minimum(flows[f"{name}.charge"], flows[f"{name}.discharge"]) > TOLERANCE_MW for name in ways}
    return _plan(problem, solution, services), both


def _netted(problem: HourlyProblem, plan: HourlyPlan, name: str, both: NDArray[np.bool_]) -> NDArray[np.int8]:
    """The direction in which the state moves, in these hours."""
    s = next(s for s in problem.storages if s.name == name)
    change = s.charge_efficiency * plan.mw[f"{name}.charge"] - plan.mw[f"{name}.discharge"] / s.discharge_efficiency
    return np.where(both, np.where(change >= 0.0, _CHARGE, _DISCHARGE), _FREE).astype(np.int8)


def _programme(problem: HourlyProblem, ways: Ways, *, elastic: bool = False) -> tuple[LinearProgram, ServiceRows]:
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
        balance += _storage(lp, storage, ways[storage.name], priced, services)
    balance += services.balance
    services.totals(imports)
    if elastic:
        balance.append((lp.variables(_SHORT, hours, upper=problem.firm_mw, cost=1.0), 1.0))
    lp.rows("balance", balance, lower=problem.firm_mw, upper=problem.firm_mw)
    if np.isfinite(problem.import_limit_mw):
        lp.rows("connection", [(imports, 1.0)], upper=problem.import_limit_mw)
    most = np.minimum(problem.imports.mw.sum(axis=1), problem.import_limit_mw)
    owed = _peaks(lp, problem, imports, most, priced)
    for block in problem.energy_tiers:
        name = f"tiers.{block.name}"
        tiers, owed[block.name] = _tiers(lp, name, block.tiers, block.energy_mwh(most), priced)
        lp.rows(name, [(imports[block.hours].reshape(1, -1), 1.0), *tiers], lower=0.0, upper=0.0)
    for minimum in problem.minimums:
        _minimum(lp, minimum, imports, owed, priced)
    for promise in problem.availability:
        _availability(lp, promise, uses[promise.use], _named(problem.uses, promise.use), priced)
    return lp, services


def _peaks(
    lp: LinearProgram, problem: HourlyProblem, imports: NDArray[np.int64], most: FloatArray, priced: float
) -> dict[str, Terms]:
    """Peak charges, and what each owes in USD.

    Hours that count alike for every charge share one highest import, so that an hour stands in one row whatever
    ratchets and windows meter it.
    """
    charges = [c for c in problem.peaks if c.hours.any()]
    if not charges:
        return {}
    weights = np.stack([c.hours.astype(np.float64) if c.weight is None else c.weight for c in charges], axis=1)
    kinds, kind = np.unique(weights, axis=0, return_inverse=True)
    highest, metered = lp.variables("highest", kinds.shape[0]), weights.any(axis=1)
    lp.rows("highest", [(imports[metered], 1.0), (highest[kind.ravel()[metered]], -1.0)], upper=0.0)
    owed: dict[str, Terms] = {}
    for charge, counts in zip(charges, kinds.T, strict=True):
        name = f"peak.{charge.name}"
        tiers, owed[charge.name] = _tiers(lp, name, charge.tiers, charge.metered_mw(most), priced)
        seen = np.flatnonzero(counts)
        lp.rows(name, [(highest[seen], counts[seen, np.newaxis]), *tiers], upper=0.0)
    return owed


def _tiers(
    lp: LinearProgram, name: str, tiers: tuple[tuple[float, float], ...], most: float, priced: float
) -> tuple[Terms, Terms]:
    """Amounts by tier as they are taken from a row's sum, and as they are owed in USD."""
    starts, rates = (np.array(part) for part in zip(*tiers, strict=True))
    rising = bool((np.diff(rates) >= 0.0).all())
    width = np.append(np.diff(starts), np.inf if rising else max(most - starts[-1], 0.0))
    amount = lp.variables(name, starts.size, upper=width, cost=rates * priced)
    if not rising:
        full = lp.variables(f"{name}.full", starts.size - 1, upper=1.0, whole=True)
        lp.rows(f"{name}.before", [(amount[:-1], 1.0), (full, -width[:-1, np.newaxis])], lower=0.0)
        lp.rows(f"{name}.beyond", [(amount[1:], 1.0), (full, -width[1:, np.newaxis])], upper=0.0)
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


def _storage(lp: LinearProgram, s: Storage, way: NDArray[np.int8], priced: float, services: ServiceRows) -> Terms:
    hours = way.size
    most = [np.where(way == other, 0.0, s.power_mw) for other in (_DISCHARGE, _CHARGE)]
    charge = lp.variables(f"{s.name}.charge", hours, upper=most[0])
    cost = priced * s.discharge_cost_usd_per_mwh
    discharge = lp.variables(f"{s.name}.discharge", hours, upper=most[1], cost=cost)
    state = lp.variables(f"{s.name}.state", hours, upper=s.energy_mwh)
    apart = np.flatnonzero(way == _EITHER)
    if apart.size:
        gives = lp.variables(f"{s.name}.gives", apart.size, upper=1.0, whole=True)
        lp.rows(f"{s.name}.takes", [(charge[apart], 1.0), (gives, s.power_mw)], upper=s.power_mw)
        lp.rows(f"{s.name}.gives", [(discharge[apart], 1.0), (gives, -s.power_mw)], upper=0.0)
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
        objective_usd=solution.objective + problem.owed_usd,
        mw=MappingProxyType(mw),
        peak_mw=MappingProxyType(peaks),
        bus_usd_per_mwh=solution.row_duals["balance"],
        gap_usd=solution.gap,
        solver=solution.solver,
        solve_s=solution.build_s + solution.solve_s,
    )
