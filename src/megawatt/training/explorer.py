"""Every layout of a plan's job by tensor, pipeline and expert parallel degree: the best of each, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.catalogue import Catalogue
from megawatt.training.layouts import search_space
from megawatt.training.planning import describe_layout
from megawatt.training.practice import practice_for
from megawatt.training.records import TrainingPlan
from megawatt.training.search import score_layouts
from megawatt.training.step import step_cost

__all__ = ["LayoutCell", "LayoutMap", "layout_map"]


@dataclass(frozen=True, slots=True)
class LayoutCell:
    """The best layout of a cell; where none fits, the one that needs the least memory, and ``fits`` is false.

    ``parts_s`` are exposed seconds of its step, ``memory_parts_bytes`` those of the fullest chip.
    """

    tp: int
    pp: int
    ep: int
    layouts: int
    name: str
    fits: bool
    step_time_s: float
    parts_s: Mapping[str, float]
    memory_bytes: float
    memory_parts_bytes: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LayoutMap:
    """Cells of a job on so many chips, by rising degrees; ``hbm_bytes`` is the memory of a chip."""

    cells: tuple[LayoutCell, ...]
    hbm_bytes: float


def layout_map(plan: TrainingPlan, catalogue: Catalogue) -> LayoutMap:
    """The best layout of every tensor, pipeline and expert parallel degree that divides the plan's job.

    Parameters
    ----------
    plan : TrainingPlan
        Job, system, chips, stack.
    catalogue : Catalogue
        Achieved shares and stacks.
    """
    job, system = plan.job, catalogue.system(plan.system)
    practice = practice_for(catalogue, system, plan.stack, offload=plan.offload, optimizer=plan.optimizer, jobs=[job])
    layouts = search_space(job, plan.chips).layouts
    scores = score_layouts(job, system, layouts, practice=practice)
    degrees = np.stack([layouts.tp, layouts.pp, layouts.ep], axis=1)
    kinds, place, count = np.unique(degrees, axis=0, return_inverse=True, return_counts=True)
    first = _best_of_each(place.reshape(-1), len(kinds), scores.step_time_s, scores.memory_bytes)
    cost = step_cost(job, system, layouts.take(first), practice=practice)
    cells = []
    for row, index in enumerate(first):
        tp, pp, ep = (int(v) for v in kinds[row])
        fits = bool(np.isfinite(scores.step_time_s[index]))
        cells.append(
            LayoutCell(
                tp, pp, ep, int(count[row]), describe_layout(layouts, int(index)), fits,
                float(cost.step_time_s[row]), _at(cost.parts_s, row),
                float(cost.memory_bytes[row]), _at(cost.memory_parts_bytes, row),
            )
        )  # fmt: skip
    return LayoutMap(tuple(cells), system.accelerator.hbm_bytes)


def _best_of_each(place: IntArray, kinds: int, time: FloatArray, memory: FloatArray) -> IntArray:
    """Of each kind the shortest step, or the least memory where nothing fits."""
    order = np.lexsort((memory, time, place))
    return np.asarray(order[np.searchsorted(place[order], np.arange(kinds))], dtype=np.int64)


def _at(parts: Mapping[str, FloatArray], row: int) -> dict[str, float]:
    return {name: float(values[row]) for name, values in parts.items() if values[row] > 0.0}
