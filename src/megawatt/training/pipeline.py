"""Pipelines: the slowest stage sets the pace, filling and draining costs the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.hardware import all_gather_s, send_receive_s
from megawatt.training.practice import Practice
from megawatt.training.records import Job, Layouts
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

    1F1B: t = n_micro * t_slowest + (t_model - t_slowest) / vpp. In the steady state a stage exchanges one activation
    and one gradient in each direction per virtual stage, both directions at once, the two end stages one exchange less;
    the slowest stage counts its own exchanges. Zero-bubble (ZB-H1) fills two weight gradients into the bubble of each
    other stage; DualPipe runs two stages on each chip, one per direction, and has the bubble (pp/2 - 1) (F + 2 B - 3 W)
    of its paper's table 2, with forward F, backward B and weight gradients W of one stage.

    Parameters
    ----------
    job, layouts, practice, tables
        What is trained, layouts (n,), machine and stack, layer costs.
    count : (n,)
        Micro-batches per replica.

    Notes
    -----
    Sources: Narayanan 2021 (arXiv 2104.04473, section 2.2), Qi 2023 (2401.10241, table 2), DeepSeek-V3 (2412.19437,
    table 2).
    """
    schedule = practice.stack.schedule
    total = _per_block(tables, lambda b: b.total_s)
    first, middle, last, whole = _loads(job.arch, layouts)
    if schedule == "dualpipe":
        first = last = _mean(first, last)
    single = layouts.pp == 1
    message = message_s(job, layouts, practice)
    hides = (layouts.vpp > 1) | (schedule == "dualpipe")
    exposed = np.where(hides, 1.0 - practice.stack.pp_overlap_frac, 1.0) * message
    ends, inner = (2.0 * layouts.vpp - 1.0) * exposed, 2.0 * layouts.vpp * exposed
    times = (
        first.sum_of(total) + ends,
        np.where(layouts.pp >= 3, middle.sum_of(total) + inner, 0.0),
        last.sum_of(total) + ends,
    )
    in_first = (times[0] >= times[1]) & (times[0] >= times[2])
    in_middle = ~in_first & (times[1] >= times[2])
    load = _choose(in_first, in_middle, (first, middle, last))
    others = StageLoad(whole.layers - load.layers, whole.heads - load.heads)
    stage_s = load.sum_of(total)
    bubble = np.where(single, 0.0, _bubble_s(schedule, layouts, tables, others, total))
    # However many virtual stages: no step is shorter than one micro-batch's way through the whole model.
    way = np.where(single, 0.0, whole.sum_of(total) - count * stage_s)
    steady = np.where(in_middle, inner, ends)
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


def _bubble_s(schedule: str, layouts: Layouts, tables: LayerTables, others: StageLoad, total: _PerBlock) -> FloatArray:
    """Time lost filling and draining; ``others`` is what all stages but the slowest hold. [s]"""
    rest = np.maximum(others.sum_of(total), 0.0)
    if schedule == "1f1b":
        return np.asarray(rest / layouts.vpp)
    weight = np.maximum(others.sum_of(_per_block(tables, lambda b: b.weight_gradient_s)), 0.0)
    if schedule == "zero-bubble":
        return np.asarray(np.maximum(rest - 2.0 * weight, 0.0) / layouts.vpp)
    forward = np.maximum(others.sum_of(_per_block(tables, lambda b: b.forward_s)), 0.0)
    share = np.maximum(layouts.pp / 2.0 - 1.0, 0.0) / np.maximum(layouts.pp - 1.0, 1.0)
    return np.asarray(share * np.maximum(2.0 * rest - forward - 3.0 * weight, 0.0))
