"""Pipelines: the slowest stage sets the pace, filling and draining costs the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.hardware import all_gather_s, send_receive_s
from megawatt.training.practice import Practice
from megawatt.training.records import Job, Layouts
from megawatt.training.schedules import CODES, OVERLAPPED, TWO_CHUNKS, Passes, among, bubble_s, codes_of, only_1f1b
from megawatt.training.stages import leading_layers, stage_layers
from megawatt.training.tables import PARTS, Block, LayerTables
from megawatt.workload import ACTIVATION_BYTES, ModelArch, structure

__all__ = ["Pace", "StageLoad", "message_s", "pace"]


@dataclass(frozen=True, slots=True)
class StageLoad:
    """Blocks on one stage of each layout: layers of each kind (kinds, n), multi-token-prediction modules included, and
    output projections (n,)."""

    layers: FloatArray
    heads: FloatArray

    def sum_of(self, one: _PerBlock) -> FloatArray:
        """Blocks times what one of each has."""
        total = self.heads * one.head
        for count, each in zip(self.layers, one.layers, strict=True):
            total = total + count * each
        return total

    def times(self, factor: float) -> StageLoad:
        """So many times these blocks."""
        return StageLoad(factor * self.layers, factor * self.heads)

    def where(self, mask: NDArray[np.bool_], other: StageLoad) -> StageLoad:
        """These where the mask is true, others elsewhere."""
        return StageLoad(np.where(mask, self.layers, other.layers), np.where(mask, self.heads, other.heads))


@dataclass(frozen=True, slots=True)
class _PerBlock:
    """One quantity of a layer of each kind and of an output projection; arrays (n,)."""

    layers: tuple[FloatArray, ...]
    head: FloatArray


def _per_block(tables: LayerTables, of: Callable[[Block], FloatArray]) -> _PerBlock:
    """A quantity of the tables, looked up for every layout."""
    return _PerBlock(tuple(of(b)[tables.entry] for b in tables.layers), of(tables.head)[tables.entry])


@dataclass(frozen=True, slots=True)
class Pace:
    """What the pipeline does to a step; arrays (n,).

    ``parts_s``, ``stage_s`` and ``forward_s`` (its forward pass) are of one micro-batch on the slowest stage (messages
    apart), ``load`` its blocks and ``place`` where it is: 0 first, 1 in the middle, 2 last. ``bubble_s`` and
    ``messages_s`` are of the whole step.
    """

    parts_s: dict[str, FloatArray]
    stage_s: FloatArray
    forward_s: FloatArray
    load: StageLoad
    place: NDArray[np.int64]
    bubble_s: FloatArray
    messages_s: FloatArray


def _loads(arch: ModelArch, layouts: Layouts) -> tuple[StageLoad, StageLoad, StageLoad, StageLoad]:
    """First, fullest middle and last stage, and the whole model."""
    first_n, last_n, middle_n = stage_layers(arch.layers, layouts)
    one, none = np.ones_like(first_n), np.zeros_like(first_n)
    before = leading_layers(arch)
    extra = np.zeros((len(before), 1))
    extra[structure(arch).last] = arch.mtp_layers
    single = layouts.pp == 1
    first = before[:, first_n.astype(np.int64)]
    until = before[:, (arch.layers - last_n).astype(np.int64)]
    whole = before[:, -1:] + extra
    # Stages between the two hold an even share of the kinds that lie between.
    share = (until - first) / np.maximum(arch.layers - first_n - last_n, 1.0)
    return (
        StageLoad(np.where(single, whole, first), single * one),
        StageLoad(share * middle_n, none),
        StageLoad(np.where(single, whole, whole - until), one),
        StageLoad(whole * one, one),
    )


def _mean(a: StageLoad, b: StageLoad) -> StageLoad:
    return StageLoad((a.layers + b.layers) / 2.0, (a.heads + b.heads) / 2.0)


def message_s(job: Job, layouts: Layouts, practice: Practice) -> FloatArray:
    """Time of one activation (or its gradient) from a stage to the next. [s], shape (n,); 0 without pipeline."""
    tp, cp, pp = (getattr(layouts, n).astype(np.float64) for n in ("tp", "cp", "pp"))
    payload = ACTIVATION_BYTES * layouts.micro_batch * job.seq_len / cp * job.arch.hidden
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
    first, middle, last, whole = _loads(job.arch, layouts)
    both = among(codes, (CODES["dualpipe"],))
    v_shaped = among(codes, TWO_CHUNKS) & (layouts.pp > 1)
    if both.any():
        mean = _mean(first, last)
        first, last = first.where(~both, mean), last.where(~both, mean)
    if v_shaped.any():
        # Stage 0 and stage 2 p - 1 share a device.
        start, inside, end, _ = _loads(job.arch, replace(layouts, pp=np.where(v_shaped, 2 * layouts.pp, layouts.pp)))
        ends = _mean(start, end).times(2.0)
        first, last = first.where(~v_shaped, ends), last.where(~v_shaped, ends)
        middle = middle.where(~v_shaped, inside.times(2.0))
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
    rows = (load.sum_of(_per_block(tables, lambda b, k=k: b.parts[k])) for k in range(len(PARTS)))  # type: ignore[misc]
    return Pace(
        parts_s=dict(zip(PARTS, rows, strict=True)),
        stage_s=stage_s,
        forward_s=load.sum_of(_per_block(tables, lambda b: b.forward_s)),
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


def _passes(codes: IntArray, tables: LayerTables, others: StageLoad, total: _PerBlock) -> Passes:
    """Passes of what all stages but the slowest hold; 1F1B asks for their sum alone."""
    rest = np.maximum(others.sum_of(total), 0.0)
    if only_1f1b(codes):
        return Passes(rest, rest, rest)
    forward = np.maximum(others.sum_of(_per_block(tables, lambda b: b.forward_s)), 0.0)
    weight = np.maximum(others.sum_of(_per_block(tables, lambda b: b.weight_gradient_s)), 0.0)
    return Passes(forward, rest, weight)
