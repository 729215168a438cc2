"""Plans in several precisions, ranked together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import System
from megawatt.training.records import Layouts, StepCost, TrainingPlan
from megawatt.training.search import pareto_front, smallest

__all__ = ["merge_plans"]


_BY_PART: Final = ("parts_s", "memory_parts_bytes")
"""Fields of a cost that hold an array for each part."""


def merge_plans(
    plans: Sequence[TrainingPlan], system: System, rank: Callable[[FloatArray, FloatArray], FloatArray], listed: int
) -> TrainingPlan:
    """The best of plans that differ in precision alone, with the runners-up and the front of all of them.

    Each plan lists its own best layouts, so the best ``listed`` of all are among them.

    Parameters
    ----------
    plans : sequence of TrainingPlan
        One per precision, at least one.
    system : System
        Their machine.
    rank : function of (step time, energy of the machine)
        What is to be least, for arrays. [s], [J]
    listed : int
        Layouts to keep, the best one included.
    """
    layouts = _join_layouts([y for p in plans for y in (p.layout, p.runners_up)])
    cost = _join_costs([c for p in plans for c in (p.cost, p.runners_up_cost)])
    names = [name for p in plans for name in p.precisions]
    order = smallest(rank(cost.step_time_s, _it_energy_j(system, plans[0].chips, cost)), min(listed, len(names)))
    best = next(p for p in plans if p.job.precision == names[int(order[0])])
    rest = order[1:]
    fronts = [(p.front, p.front_cost) for p in plans if p.front is not None and p.front_cost is not None]
    front, front_cost = _join_layouts([y for y, _ in fronts]), _join_costs([c for _, c in fronts])
    on_front = [name for p in plans for name in p.front_precisions]
    kept = pareto_front(front_cost.step_time_s, _it_energy_j(system, best.chips, front_cost))
    reasons = {reason for p in plans for reason in p.rejected}
    return dataclasses.replace(
        best,
        runners_up=layouts.take(rest),
        runners_up_cost=cost.take(rest),
        precisions=tuple(names[int(i)] for i in order),
        front=front.take(kept),
        front_cost=front_cost.take(kept),
        front_precisions=tuple(on_front[int(i)] for i in kept),
        considered=sum(p.considered for p in plans),
        rejected={reason: sum(p.rejected.get(reason, 0) for p in plans) for reason in sorted(reasons)},
    )


def _it_energy_j(system: System, chips: int, cost: StepCost) -> FloatArray:
    """Energy of a step of the whole machine. [J]"""
    return np.asarray(cost.energy_j + system.overhead_w_per_chip * chips * cost.step_time_s)


def _join_layouts(parts: Sequence[Layouts]) -> Layouts:
    names = [f.name for f in dataclasses.fields(Layouts)]
    return Layouts(**{name: np.concatenate([getattr(y, name) for y in parts]) for name in names})


def _join_costs(parts: Sequence[StepCost]) -> StepCost:
    def joined(name: str) -> NDArray[np.generic]:
        return np.concatenate([getattr(c, name) for c in parts])

    def by_part(name: str) -> dict[str, FloatArray]:
        return {k: np.concatenate([getattr(c, name)[k] for c in parts]) for k in getattr(parts[0], name)}

    arrays = {f.name: joined(f.name) for f in dataclasses.fields(StepCost) if f.name not in _BY_PART}
    mappings = {f.name: by_part(f.name) for f in dataclasses.fields(StepCost) if f.name in _BY_PART}
    return StepCost(**arrays, **mappings)  # type: ignore[arg-type]  # one array or mapping per field
