"""Time of one layer and of the output projection for one micro-batch, forward and backward, by part."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IndexArray, IntArray, distinct_rows
from megawatt.hardware import Work, vector_time_s
from megawatt.training.activations import activation_bytes, gradient_width
from megawatt.training.features import MODULES
from megawatt.training.launches import NARROW, host_wait_s, launched_operators, linear_operators
from megawatt.training.messages import Beside, messages_s
from megawatt.training.multiplies import multiply, shared_clock
from megawatt.training.operators import Passes, attention, busiest_load, experts, packed_calls
from megawatt.training.practice import Practice
from megawatt.training.recompute import recomputes, repeated_share
from megawatt.training.records import Job, Layouts
from megawatt.training.saved import repeated_multiplies
from megawatt.workload import (
    ACTIVATION_BYTES,
    Attention,
    Gemm,
    Latent,
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


def _multiplies(
    practice: Practice, gemms: Iterable[Gemm], precision: str, shape: FloatArray, load: FloatArray | float = 1.0
) -> Passes:
    """Multiplies of one block at the full clock; ``load`` of the busiest expert rank over the mean."""
    gemms = tuple(gemms)
    kinds = [(precision if g.linear else _wide(practice, precision), g.grouped, g.batched) for g in gemms]
    # Of one kind all are costed at once: three passes of every multiply that has weights to learn.
    asked: dict[tuple[str, bool, bool], list[tuple[FloatArray, ...]]] = {kind: [] for kind in kinds}
    for g, kind in zip(gemms, kinds, strict=True):
        rows = g.m * load if g.grouped else g.m
        passes = [(rows, g.n, g.k), (rows, g.k, g.n), (g.n, g.k, rows)]
        asked[kind] += [(*sides, g.count) for sides in (passes[:2] if g.frozen else passes)]
    found = {kind: _costed(practice, kind, sizes, shape.shape) for kind, sizes in asked.items()}
    zero = np.zeros_like(shape)
    forward = backward = weight = Work(zero, zero, zero)
    for g, kind in zip(gemms, kinds, strict=True):
        forward, backward = forward + next(found[kind]), backward + next(found[kind])
        if not g.frozen:
            weight = weight + next(found[kind])
    share = practice.stack.gemm_frac
    return Passes(forward.slowed(share), (backward + weight).slowed(share), weight.slowed(share))


def _costed(
    practice: Practice, kind: tuple[str, bool, bool], sizes: list[tuple[FloatArray, ...]], shape: tuple[int, ...]
) -> Iterator[Work]:
    """Multiplies of one precision, in groups, batched or neither, of these sizes (m, n, k, count), one by one."""
    precision, grouped, batched = kind
    table = np.empty((4, len(sizes), *shape))
    for row, column in enumerate(sizes):
        for place, size in enumerate(column):
            table[place, row] = size
    m, n, k, count = table
    kernels = practice.multiplies
    work = multiply(practice.kernels, kernels, m, n, k, count, precision, grouped=grouped, batched=batched)
    return (Work(*rows) for rows in zip(work.time_s, work.clocked_s, work.dynamic_j, strict=True))


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


def _wide(practice: Practice, precision: str) -> str:
    """The precision of what is not quantised: the chip's 16-bit one, or that of training in 32 bits."""
    if activation_bytes(precision) > ACTIVATION_BYTES:
        return precision
    return "bf16" if "bf16" in practice.kernels.gemm_flops_per_s else "fp16"


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


def _layer_once(job: Job, layouts: Layouts, practice: Practice, kind: LayerKind) -> tuple[BlockTime, _Repeated]:
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
    multiplied = _multiplies(practice, plain, precision, work.vector_bytes, load)
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
    repeated = _Repeated(
        job,
        kind,
        layouts,
        practice,
        work,
        work.gemms if routed is None else tuple(plain),
        forward,
        clock,
        _Launched(2.0 * host, busy_b, backward["host"]),
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


_MODULE_MULTIPLIES: Final = MappingProxyType(
    {
        "core_attn": ("scores", "context"),
        "mla_up_proj": ("query_up", "kv_up"),
        "mlp": ("mlp_up", "mlp_down"),
        "shared_experts": ("shared_up", "shared_down"),
        "moe": ("router", "experts_up", "experts_down", "shared_up", "shared_down"),
    }
)
"""Multiplies of the modules that are recomputed by name."""
_WITHIN: Final = (
    {"moe_act": ("mlp", "operators"), "layernorm": ("operators",)},
    {"moe_act": ("moe", "operators"), "layernorm": ("operators",), "shared_experts": ("moe",)},
)
"""Modules that others hold, in dense and in mixture layers: repeated once."""
_MODULE_PARTS: Final = MappingProxyType({"core_attn": ("attention",), "moe": ("experts", "ep")})
"""Parts of a layer's forward pass that belong to them."""


_GRAPH_OF: Final = MappingProxyType({"moe": "experts", "moe_act": "experts", "shared_experts": "shared"})
"""Graph that holds a module, where it is not that of attention."""


@dataclass(frozen=True, slots=True)
class _Launched:
    """Backward pass of a layer: time of the host and of the chip, and what the chip waits. [s]"""

    host_s: FloatArray
    busy_s: FloatArray
    waited_s: FloatArray


@dataclass(frozen=True, slots=True)
class _Repeated:
    """What the backward pass of one layer can compute again; arrays of its distinct layouts."""

    job: Job
    kind: LayerKind
    layouts: Layouts
    practice: Practice
    work: LayerWork
    gemms: tuple[Gemm, ...]
    forward: dict[str, FloatArray]
    clock: FloatArray
    launched: _Launched

    def total_s(self, layouts: Layouts, place: IndexArray) -> FloatArray:
        """Of layouts at these places: nothing, some modules, or the whole of all or of some layers. [s]"""
        share = repeated_share(self.job.arch.layers, layouts)
        total = share * np.asarray(sum(self.forward.values()))[place]
        again = np.zeros_like(total)
        operators = np.zeros_like(total)
        for module in MODULES:
            here = recomputes(layouts, self.practice.stack, module)
            for larger in _WITHIN[self.kind.mixture is not None].get(module, ()):
                here = here & ~recomputes(layouts, self.practice.stack, larger)
            if here.any():
                again = again + np.where(here, self._module_s(module)[place], 0.0)
                operators = operators + np.where(here, self._operators(module)[place], 0.0)
        return np.asarray(total + again + self._waited_s(operators, again, place))

    def _operators(self, module: str) -> FloatArray:
        """What the host launches again; norms and activation functions are one operator, graphs hold the rest of a
        layer but the routed experts. By operator it is asked for each, saved or not."""
        stack, zero = self.practice.stack, np.zeros_like(self.clock)
        if module == "operators":
            return zero + launched_operators(self.work, stack, self.job.precision)
        if {"full", _GRAPH_OF.get(module, "attn")} & set(stack.graphs):
            return zero
        names = _MODULE_MULTIPLIES.get(module, ())
        count = sum(linear_operators(g, self.job.precision) for g in self.gemms if g.name in names)
        return zero + count + (stack.expert_operators if module == "moe" and self.work.experts else 1.0)

    def _waited_s(self, operators: FloatArray, again: FloatArray, place: IndexArray) -> FloatArray:
        """What the chip waits longer for the host where both repeat something. [s]"""
        stack, launched = self.practice.stack, self.launched
        host = launched.host_s[place] + stack.host_operator_s * operators
        waited = host_wait_s(host, launched.busy_s[place] + again, self.work, stack)
        return np.where(operators > 0.0, np.maximum(waited - launched.waited_s[place], 0.0), 0.0)

    def _module_s(self, module: str) -> FloatArray:
        if module in ("layernorm", "moe_act"):
            return self._passes_s(module)
        if module == "operators":
            return self._saved_apart_s()
        names = _MODULE_MULTIPLIES[module]
        parts = [self.forward[name] for name in _MODULE_PARTS.get(module, ()) if name in self.forward]
        if module == "core_attn" and not self.practice.stack.attention_fused:
            # Softmax and dropout go through memory: most of what the vector part is.
            parts.append(self.forward["vector"])
        gemms = [g for g in self.gemms if g.name in names]
        multiplied = _multiplies(self.practice, gemms, self.job.precision, self.clock).forward.at(self.clock)
        return np.asarray(sum(parts, multiplied))

    def _saved_apart_s(self) -> FloatArray:
        """All but what checkpointing by operator saves: passes through memory, multiplies that are not saved, gathered
        inputs of the tensor group, experts but for their way back, recurrences."""
        y, mixture = self.layouts, self.kind.mixture
        shares = repeated_multiplies(self.kind, self.job.arch.hidden)
        total = np.zeros_like(self.clock)
        if self.practice.stack.attention_fused:
            total = total + self.forward["vector"]
        for g in self.gemms:
            share = shares.get(g.name, 0.0)
            if share > 0.0:
                once = _multiplies(self.practice, [g], self.job.precision, self.clock).forward.at(self.clock)
                # Whose sum over the tensor group is saved is not made again.
                total = total + share * once * (np.where(y.tp > 1, 0.0, 1.0) if g.name == "attention_out" else 1.0)
        if mixture is not None and "experts" in self.forward:
            up = 2.0 if mixture.expert.gated else 1.0
            total = total + up / (up + 1.0) * self.forward["experts"]
        if not any(isinstance(mixer, Attention | Latent) for mixer in self.kind.mixers):
            total = total + self.forward["attention"]
        return np.asarray(total + np.where(y.sequence_parallel, 0.5 * self.forward["tp"], 0.0))

    def _passes_s(self, module: str) -> FloatArray:
        """Norms (one read and write of the hidden states) or activation functions (inputs read, products written)."""
        y, arch = self.layouts, self.job.arch
        tokens = y.micro_batch * self.job.seq_len / y.cp.astype(np.float64)
        if module == "layernorm":
            share = np.where(y.sequence_parallel, tokens / y.tp, tokens)
            moved, kernels = 2.0 * self.kind.blocks * share * arch.hidden, float(self.kind.blocks)
        else:
            mixture = self.kind.mixture
            width = tokens * self.kind.dense_width / y.tp
            if mixture is not None:
                width = width + tokens * mixture.per_token / y.tp * mixture.expert.width
            moved, kernels = (3.0 if arch.gated else 2.0) * width, 1.0
        traffic = self.practice.stack.vector_traffic_factor * activation_bytes(self.job.precision) * moved
        return np.asarray(vector_time_s(self.practice.kernels, traffic, kernels))


def head_time(job: Job, layouts: Layouts, practice: Practice) -> BlockTime:
    """Time of the output projection and loss of one micro-batch, on the last stage; parts of shape (n,)."""
    wide = _wide(practice, job.precision)
    gemm, loss_f, loss_b = head_work(job.arch, split_of(layouts), job.seq_len, activation_bytes(job.precision))
    work = _multiplies(practice, (gemm,), wide, loss_f)
    forward = {"vector": vector_time_s(practice.kernels, loss_f, 3.0)}
    backward = {"vector": vector_time_s(practice.kernels, loss_b, 1.0)}
    clock = _clock(practice, wide, (work,), (forward, backward))
    forward["gemm"], backward["gemm"] = work.forward.at(clock), work.backward.at(clock)
    dynamic_j = _dynamic_j(practice, wide, (work,), clock)
    return BlockTime(forward, backward, np.zeros_like(loss_f), work.weight.at(clock), dynamic_j)
