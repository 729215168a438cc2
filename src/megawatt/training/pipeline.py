"""Pipelines: the slowest stage sets the pace, filling and draining costs the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.hardware import all_gather_s, send_receive_s
from megawatt.training.activations import activation_bytes
from megawatt.training.practice import Practice
from megawatt.training.records import Job, Layouts
from megawatt.training.schedules import OVERLAPPED, TWO_CHUNKS, Passes, among, bubble_s, codes_of, only_1f1b
from megawatt.training.stages import PerBlock, StageLoad, device_loads
from megawatt.training.tables import PARTS, Block, LayerTables

__all__ = ["Pace", "message_s", "pace"]


def _per_block(tables: LayerTables, of: Callable[[Block], FloatArray]) -> PerBlock:
    """A quantity of the tables, looked up for every layout."""
    return PerBlock(tuple(of(b)[tables.entry] for b in tables.layers), of(tables.head)[tables.entry])


@dataclass(frozen=True, slots=True)
class Pace:
    """What the pipeline does to a step; arrays (n,).

    ``parts_s``, ``stage_s``, ``forward_s`` (its forward pass) and ``dynamic_j`` (energy above idle of its arithmetic)
    are of one micro-batch on the slowest stage (messages apart), ``load`` its blocks and ``place`` where it is: 0
    first, 1 in the middle, 2 last. ``bubble_s`` and ``messages_s`` are of the whole step.
    """

    parts_s: dict[str, FloatArray]
    stage_s: FloatArray
    forward_s: FloatArray
    dynamic_j: FloatArray
    load: StageLoad
    place: NDArray[np.int64]
    bubble_s: FloatArray
    messages_s: FloatArray


def message_s(job: Job, layouts: Layouts, practice: Practice) -> FloatArray:
    """Time of one activation (or its gradient) from a stage to the next. [s], shape (n,); 0 without pipeline."""
    tp, cp, pp = (getattr(layouts, n).astype(np.float64) for n in ("tp", "cp", "pp"))
    payload = activation_bytes(job.precision) * layouts.micro_batch * job.seq_len / cp * job.arch.hidden
    scattered = layouts.sequence_parallel | practice.stack.pp_scattered
    stride = (layouts.tp * layouts.cp * layouts.dp).astype(np.float64)
    time = send_receive_s(practice.fabric, np.where(scattered, payload / tp, payload), pp, stride)
    if practice.stack.pp_scattered:
        time = time + np.where(layouts.sequence_parallel, 0.0, all_gather_s(practice.fabric, payload, tp))
    return np.where(pp > 1, time, 0.0)


def pace(job: Job, layouts: Layouts, practice: Practice, tables: LayerTables, *, count: FloatArray) -> Pace:
    """The slowest stage, and what a step loses to filling, draining and messages.

    t = n_micro * t_slowest + bubble; 1F1B: (t_model - t_slowest) / vpp, other schedules as in
    `megawatt.training.schedules`. In the steady state a stage exchanges one activation and one gradient in each
    direction per chunk, both directions at once, the two end stages one exchange less; the slowest stage counts its own
    exchanges. DualPipe runs two stages on each device, one per direction; schedules on a V hold two chunks of half a
    stage, the first device the first and the last.

    Parameters
    ----------
    job, layouts, practice, tables
        What is trained, layouts (n,), machine and stack, layer costs.
    count : (n,)
        Micro-batches per replica.

    Notes
    -----
    Sources: Narayanan 2021 (arXiv 2104.04473, section 2.2), and those of the schedules.
    """
    codes = codes_of(layouts, practice.stack.schedule)
    total = _per_block(tables, lambda b: b.total_s)
    first, middle, last, whole = device_loads(job.arch, layouts, codes)
    v_shaped = among(codes, TWO_CHUNKS) & (layouts.pp > 1)
    single = layouts.pp == 1
    message = message_s(job, layouts, practice)
    hides = (layouts.vpp > 1) | among(codes, OVERLAPPED)
    exposed = np.where(hides, 1.0 - practice.stack.pp_overlap_frac, 1.0) * message
    chunks = np.where(v_shaped, 2, layouts.vpp)
    ends_s, inner = (2.0 * chunks - 1.0) * exposed, 2.0 * chunks * exposed
    times = (
        first.sum_of(total) + ends_s,
        np.where((layouts.pp >= 3) | v_shaped, middle.sum_of(total) + inner, 0.0),
        last.sum_of(total) + ends_s,
    )
    in_first = (times[0] >= times[1]) & (times[0] >= times[2])
    in_middle = ~in_first & (times[1] >= times[2])
    load = _choose(in_first, in_middle, (first, middle, last))
    others = StageLoad(whole.layers - load.layers, whole.heads - load.heads)
    stage_s = load.sum_of(total)
    rest = _passes(codes, tables, others, total)
    bubble = np.where(single, 0.0, bubble_s(codes, layouts, rest))
    # However many virtual stages: no step is shorter than one micro-batch's way through the whole model.
    way = np.where(single, 0.0, whole.sum_of(total) - count * stage_s)
    steady = np.where(in_middle, inner, ends_s)

    def part_s(k: int) -> FloatArray:
        return load.sum_of(_per_block(tables, lambda b: b.parts[k]))

    return Pace(
        parts_s={name: part_s(k) for k, name in enumerate(PARTS)},
        stage_s=stage_s,
        forward_s=load.sum_of(_per_block(tables, lambda b: b.forward_s)),
        dynamic_j=load.sum_of(_per_block(tables, lambda b: b.dynamic_j)),
        load=load,
        place=np.select([in_first, in_middle], [0, 1], 2),
        bubble_s=np.maximum(bubble, way),
        messages_s=np.where(single, 0.0, count * steady + 2.0 * (layouts.pp - 1.0) * message),
    )


def _choose(
    in_first: NDArray[np.bool_], in_middle: NDArray[np.bool_], loads: tuple[StageLoad, StageLoad, StageLoad]
) -> StageLoad:
    """The slowest stage of each layout."""

    def pick(name: str) -> FloatArray:
        first, middle, last = (getattr(load, name) for load in loads)
        return np.asarray(np.where(in_first, first, np.where(in_middle, middle, last)))

    return StageLoad(pick("layers"), pick("heads"))


def _passes(codes: IntArray, tables: LayerTables, others: StageLoad, total: PerBlock) -> Passes:
    """Passes of what all stages but the slowest hold; 1F1B asks for their sum alone."""
    rest = np.maximum(others.sum_of(total), 0.0)
    if only_1f1b(codes):
        return Passes(rest, rest, rest)
    forward = np.maximum(others.sum_of(_per_block(tables, lambda b: b.forward_s)), 0.0)
    weight = np.maximum(others.sum_of(_per_block(tables, lambda b: b.weight_gradient_s)), 0.0)
    return Passes(forward, rest, weight)
