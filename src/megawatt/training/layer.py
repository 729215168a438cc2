"""Time of one layer and of the output projection for one micro-batch, forward and backward, by part."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IndexArray, IntArray, distinct_rows
from megawatt.hardware import vector_time_s
from megawatt.training.activations import activation_bytes, gradient_width
from megawatt.training.launches import NARROW, host_wait_s, launched_operators
from megawatt.training.messages import Beside, messages_s
from megawatt.training.multiplies import shared_clock
from megawatt.training.operators import (
    Passes,
    attention,
    busiest_load,
    experts,
    matrix_products,
    packed_calls,
    unquantised,
)
from megawatt.training.practice import Practice
from megawatt.training.records import Job, Layouts
from megawatt.training.repeated import Launched, Repeated
from megawatt.workload import (
    LayerKind,
    LayerWork,
    Split,
    head_work,
    layer_work,
)

__all__ = ["BlockTime", "head_time", "layer_columns", "layer_time", "split_of"]


_CAST_BYTES: Final = 4.0
"""Memory traffic of a cast to a narrow type: two bytes read, one written along rows and one along columns. [B]"""


@dataclass(frozen=True, slots=True)
class BlockTime:
    """Seconds of one block of one micro-batch; arrays of shape (n,).

    ``forward`` and ``backward`` hold gemm, experts, attention, vector, host (waiting for the host to start kernels),
    tp, cp, ep (exposed communication). ``recompute`` is what the backward pass repeats of the forward pass;
    ``weight_gradient`` the part of the backward pass that nothing waits for before the optimizer; ``dynamic_j`` what
    multiplies, attention and experts of both passes take above idle at their clock, repeats apart. [J]
    """

    forward: dict[str, FloatArray]
    backward: dict[str, FloatArray]
    recompute: FloatArray
    weight_gradient: FloatArray
    dynamic_j: FloatArray

    def total(self) -> FloatArray:
        """All of it. [s]"""
        return self.forward_s() + self.backward_s()

    def forward_s(self) -> FloatArray:
        """Forward pass. [s]"""
        return np.asarray(sum(self.forward.values()))

    def at(self, place: IndexArray, recompute: FloatArray) -> BlockTime:
        """The blocks at these places, with what each repeats."""
        forward, backward = ({n: t[place] for n, t in parts.items()} for parts in (self.forward, self.backward))
        return BlockTime(forward, backward, recompute, self.weight_gradient[place], self.dynamic_j[place])

    def backward_s(self) -> FloatArray:
        """Backward pass with what it repeats. [s]"""
        return np.asarray(sum(self.backward.values()) + self.recompute)


def split_of(layouts: Layouts) -> Split:
    """The workload room's view of layouts."""
    return Split(
        tp=layouts.tp.astype(np.float64),
        cp=layouts.cp.astype(np.float64),
        ep=layouts.ep.astype(np.float64),
        etp=layouts.etp.astype(np.float64),
        micro_batch=layouts.micro_batch.astype(np.float64),
        sequence_parallel=layouts.sequence_parallel,
    )


def _clock(
    practice: Practice, precision: str, works: Iterable[Passes], parts: Iterable[dict[str, FloatArray]]
) -> FloatArray:
    """Share of the full clock that the power cap leaves to a block's operators, averaged over all of them."""
    both = [w for passes in works for w in (passes.forward, passes.backward)]
    total = functools.reduce(operator.add, both)
    kernel = practice.multiplies.get(precision)
    if kernel is None:
        return np.ones_like(total.time_s)
    power = practice.power
    activity = {"vector": power.memory, "host": 0.0}
    other_s, active_s = np.zeros_like(total.time_s), np.zeros_like(total.time_s)
    for name, time_s in ((n, t) for part in parts for n, t in part.items()):
        other_s = other_s + time_s
        active_s = active_s + activity.get(name, power.communication) * time_s
    return shared_clock(kernel.law, total, other_s, (power.rated_w - power.idle_w) * active_s)


def _dynamic_j(practice: Practice, precision: str, works: Iterable[Passes], clock: FloatArray) -> FloatArray:
    """Energy above idle of a block's operators at their clock. [J]"""
    power, kernel = practice.power, practice.multiplies.get(precision)
    exponent = 1.0 if kernel is None else kernel.law.clock_exponent
    total = np.zeros_like(clock)
    for work in (work for passes in works for work in (passes.forward, passes.backward)):
        if power.measured and work.dynamic_j.any():
            total = total + work.dynamic_j * clock ** (exponent - 1.0)
        else:
            # Of operators whose power nobody has measured.
            total = total + power.arithmetic * (power.rated_w - power.idle_w) * work.at(clock)
    return total


def layer_columns(y: Layouts) -> tuple[IntArray, ...]:
    """All that the time of a layer depends on, what it repeats apart; whole numbers, (n,) each."""
    columns = (y.tp, y.cp, y.ep, y.etp, y.micro_batch, y.sequence_parallel.astype(np.int64))
    return (*columns, y.cp_exchange, (y.zero <= 1).astype(np.int64))


def layer_time(job: Job, layouts: Layouts, practice: Practice, kind: LayerKind) -> BlockTime:
    """Time of one layer for one micro-batch.

    Parameters
    ----------
    job, layouts, practice
        What is trained (precision as the chip names it), layouts (n,), machine and stack.
    kind : LayerKind
        One of the model's kinds of layers.

    Returns
    -------
    BlockTime
        Parts of shape (n,).
    """
    first, place = distinct_rows(layer_columns(layouts))
    once, repeated = _layer_once(job, layouts.take(first), practice, kind)
    return once.at(place, repeated.total_s(layouts, place))


def _layer_once(job: Job, layouts: Layouts, practice: Practice, kind: LayerKind) -> tuple[BlockTime, Repeated]:
    """The layer without what it repeats, and what it may repeat."""
    arch, seq_len, precision = job.arch, job.seq_len, job.precision
    stack = practice.stack
    work = layer_work(
        arch, kind, split_of(layouts), seq_len, fused_attention=stack.attention_fused, dropout=stack.dropout
    )
    work = work.at_width(activation_bytes(precision))
    if job.document_tokens:
        work = dataclasses.replace(work, attention=packed_calls(work.attention, seq_len, job.document_tokens))
    routed = experts(practice, work.experts, precision, frozen=arch.lora_rank > 0)
    # Where no expert layer was measured, its products are multiplies and its passes over rows memory traffic.
    plain = work.gemms if routed is None else [g for g in work.gemms if not g.grouped]
    load = busiest_load(practice, work.experts)
    multiplied = matrix_products(practice, plain, precision, work.vector_bytes, load)
    works = {"gemm": multiplied, "attention": attention(practice, work, precision)}
    if routed is not None:
        works["experts"] = routed
    vector_f, vector_b = _vector_s(work, layouts, practice, job, routed=routed is None)
    forward, backward = {"vector": vector_f}, {"vector": vector_b}
    scores = works["attention"]
    weight = functools.reduce(operator.add, (w.weight for w in works.values()))
    total_f = functools.reduce(operator.add, (w.forward for w in works.values())).time_s
    total_b = functools.reduce(operator.add, (w.backward for w in works.values())).time_s
    beside = Beside(scores.forward.time_s, scores.backward.time_s, weight.time_s, total_f, total_b)
    for name, (exposed_f, exposed_b) in messages_s(work, layouts, practice, beside).items():
        forward[name], backward[name] = exposed_f, exposed_b
    clock = _clock(practice, precision, works.values(), (forward, backward))
    for name, passes in works.items():
        forward[name], backward[name] = passes.forward.at(clock), passes.backward.at(clock)
    host = stack.host_operator_s * launched_operators(work, stack, precision)
    busy_f, busy_b = (np.asarray(sum(parts.values())) for parts in (forward, backward))
    forward["host"] = host_wait_s(host, busy_f, work, stack)
    backward["host"] = host_wait_s(2.0 * host, busy_b, work, stack)
    repeated = Repeated(
        job,
        kind,
        layouts,
        practice,
        work,
        work.gemms if routed is None else tuple(plain),
        forward,
        clock,
        Launched(2.0 * host, busy_b, backward["host"]),
    )
    dynamic_j = _dynamic_j(practice, precision, works.values(), clock)
    return BlockTime(forward, backward, np.zeros_like(clock), weight.at(clock), dynamic_j), repeated


def _vector_s(
    work: LayerWork, layouts: Layouts, practice: Practice, job: Job, *, routed: bool
) -> tuple[FloatArray, FloatArray]:
    """Memory-bound operators, casts to a narrow type included; ``routed``: those around the experts too."""
    precision = job.precision
    casts = _CAST_BYTES if precision in NARROW else 0.0
    if precision == "fp8" and not job.block_scaled:
        casts = practice.stack.tensor_cast_bytes
    factor = practice.stack.vector_traffic_factor
    around = work.routed_bytes if routed else np.zeros_like(work.routed_bytes)
    biases = practice.stack.expert_bias_bytes * work.expert_biases
    forward = biases + factor * (work.vector_bytes + around) + casts * work.cast_elements
    backward = biases + factor * (work.vector_bytes_backward + 1.5 * around) + casts * work.cast_elements_backward
    # Every micro-batch reads and writes the stored gradients of all weights; where the multiply does not add to them
    # itself, the fresh ones are read once more. Sharded ones (ZeRO 2 and 3) are scattered first.
    fresh = 0.0 if practice.stack.gradient_fused else work.element_bytes
    held = gradient_width(precision, practice.stack)
    stored = (2.0 * held + fresh) * work.weights
    backward = backward + np.where(layouts.zero <= 1, stored, 0.0)
    kernels = work.vector_kernels + (work.routed_kernels if routed else 0.0)
    return vector_time_s(practice.kernels, forward, kernels), vector_time_s(practice.kernels, backward, 1.5 * kernels)


def head_time(job: Job, layouts: Layouts, practice: Practice) -> BlockTime:
    """Time of the output projection and loss of one micro-batch, on the last stage; parts of shape (n,)."""
    wide = unquantised(practice, job.precision)
    gemm, loss_f, loss_b = head_work(job.arch, split_of(layouts), job.seq_len, activation_bytes(job.precision))
    work = matrix_products(practice, (gemm,), wide, loss_f)
    forward = {"vector": vector_time_s(practice.kernels, loss_f, 3.0)}
    backward = {"vector": vector_time_s(practice.kernels, loss_b, 1.0)}
    clock = _clock(practice, wide, (work,), (forward, backward))
    forward["gemm"], backward["gemm"] = work.forward.at(clock), work.backward.at(clock)
    dynamic_j = _dynamic_j(practice, wide, (work,), clock)
    return BlockTime(forward, backward, np.zeros_like(loss_f), work.weight.at(clock), dynamic_j)
