"""The hours of a problem as stacks sorted by cost: what the compiled solver works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.dispatch.hourly import HourlyProblem, Storage

__all__ = ["HourStack", "block_powers", "hour_stack", "storage_state"]


_NO_STORAGE: Final = Storage("none", 0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class HourStack:
    """The hours as stacks sorted by cost; uses are supplies of what they give up. Shapes (hours, k)."""

    cost: FloatArray
    width: FloatArray
    metered: NDArray[np.bool_]
    order: NDArray[np.int64]
    demand_mw: FloatArray
    base_usd: FloatArray
    """Cost of serving all uses in full, before any energy is bought: minus their revenue, (hours,)."""
    base_total_usd: float
    scale_usd: float
    """Money that moves: measure of what a small gap is."""
    store: FloatArray
    """Power, energy, charge and discharge efficiency, share kept per hour, cost of discharge."""

    def arguments(self, limit_mw: FloatArray) -> tuple[Any, ...]:
        """What the kernel's functions take first, with metered power limited to ``limit_mw`` (hours,)."""
        return self.cost, self.width, self.metered, self.demand_mw, limit_mw, self.store


def hour_stack(problem: HourlyProblem) -> HourStack:
    """Sort the hours' pieces by cost; shortfall, dearer than anything, comes last and finds infeasible hours."""
    hours = problem.hours
    blocks = (problem.imports, *problem.supplies, *problem.uses)
    dearest = max(float(np.abs(b.usd_per_mwh).max(initial=0.0)) for b in blocks)
    rates = sum(rate for charge in problem.peaks for _, rate in charge.tiers)
    uses_mw = sum((b.mw.sum(axis=1) for b in problem.uses), np.zeros(hours))
    demand = problem.firm_mw + uses_mw
    cost = np.concatenate([b.usd_per_mwh for b in blocks] + [np.full((hours, 1), 100.0 * (1.0 + dearest + rates))], 1)
    width = np.concatenate([b.mw for b in blocks] + [demand[:, np.newaxis]], axis=1)
    metered = np.zeros(cost.shape[1], dtype=np.bool_)
    metered[: problem.imports.mw.shape[1]] = True
    order = np.argsort(cost, axis=1, kind="stable")
    storage = problem.storages[0] if problem.storages else _NO_STORAGE
    cost, width = np.take_along_axis(cost, order, axis=1), np.take_along_axis(width, order, axis=1)
    base = -sum(((b.mw * b.usd_per_mwh).sum(axis=1) for b in problem.uses), np.zeros(hours))
    taken = np.clip(demand[:, np.newaxis] - (np.cumsum(width, axis=1) - width), 0.0, width)
    return HourStack(
        cost=cost,
        width=width,
        metered=metered[order],
        order=order,
        demand_mw=demand,
        base_usd=base,
        base_total_usd=float(base.sum()),
        scale_usd=1.0 + float(np.abs(base).sum()) + float((taken * np.abs(cost)).sum()),
        store=np.array(
            [
                storage.power_mw if storage.energy_mwh > 0.0 else 0.0,
                storage.energy_mwh,
                storage.charge_efficiency,
                storage.discharge_efficiency,
                1.0 - storage.standing_loss_per_hour,
                storage.discharge_cost_usd_per_mwh,
            ]
        ),
    )


def block_powers(
    problem: HourlyProblem, stack: HourStack, power_sorted: FloatArray
) -> tuple[dict[str, FloatArray], FloatArray, float]:
    """Power by block (hours,), firm load not served (hours,) [MW], and cost less revenue of the blocks [USD].

    Parameters
    ----------
    power_sorted : array, shape (hours, k)
        Power of the stack's pieces.
    """
    power = np.empty_like(power_sorted)
    np.put_along_axis(power, stack.order, power_sorted, axis=1)
    uses, at, cost = {b.name for b in problem.uses}, 0, 0.0
    mw = {}
    for block in (problem.imports, *problem.supplies, *problem.uses):
        part = power[:, at : at + block.mw.shape[1]]
        at += block.mw.shape[1]
        part = block.mw - part if block.name in uses else part
        mw[block.name] = part.sum(axis=1)
        cost += float((part * block.usd_per_mwh).sum()) * (-1.0 if block.name in uses else 1.0)
    return mw, power[:, -1], cost


def storage_state(storage: Storage, charge_mw: FloatArray, discharge_mw: FloatArray) -> FloatArray:
    """State at the end of each hour of the cyclic year that goes with these flows, (hours,). [MWh]

    Without standing loss any start would do; the lowest that keeps the state above zero is taken.
    """
    from scipy.signal import lfilter

    keep = 1.0 - storage.standing_loss_per_hour
    change = storage.charge_efficiency * charge_mw - discharge_mw / storage.discharge_efficiency
    state = np.asarray(lfilter([1.0], [1.0, -keep], change), dtype=np.float64)
    fade = keep ** np.arange(1, change.size + 1)
    start = state[-1] / (1.0 - fade[-1]) if fade[-1] < 1.0 else 0.0
    state = state + start * fade
    return state - min(float(state.min(initial=0.0)), 0.0) if fade[-1] >= 1.0 else state
