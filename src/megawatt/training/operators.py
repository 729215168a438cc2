"""Multiplies, attention, recurrences and routed experts as a layer of training meets them, forward and backward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.hardware import (
    AttentionKernel,
    ExpertShape,
    Work,
    attention_cost,
    attention_time_s,
    expert_cost,
    expert_gradient_costs,
    vector_time_s,
)
from megawatt.training.activations import activation_bytes
from megawatt.training.multiplies import multiply
from megawatt.training.practice import Practice
from megawatt.workload import (
    ACTIVATION_BYTES,
    AttentionCall,
    ExpertCall,
    Gemm,
    LayerWork,
    ScanCall,
)
from megawatt.workload.counts import mean_keys

__all__ = ["Passes", "attention", "busiest_load", "experts", "matrix_products", "packed_calls", "unquantised"]


@dataclass(frozen=True, slots=True)
class Passes:
    """Operators of one block at the full clock: forward, backward (input and weight gradients), weight gradients."""

    forward: Work
    backward: Work
    weight: Work


def _one_call(kernel: AttentionKernel, call: AttentionCall, *, backward: bool) -> Work:
    cost = attention_cost(
        kernel,
        call.batch,
        call.queries,
        call.keys,
        call.heads,
        call.kv_heads,
        call.head_dim,
        value_dim=call.value_dim,
        visible=call.visible,
        backward=backward,
        steady=False,
    )
    return Work.of(cost, kernel.law)


def attention(practice: Practice, work: LayerWork, precision: str) -> Passes:
    """Fused attention and recurrences of one layer; nothing where the scores are multiplies.

    Nobody has measured recurrences: t = max(arithmetic, memory), arithmetic at the rate that fused attention reaches on
    rows as long as a chunk, backward with 2.5 times the FLOPs and twice the bytes.

    Parameters
    ----------
    practice : Practice
        Its attention kernel; where the chip has none, the roofline of ``practice.kernels`` (clocks do not touch it).
    work : LayerWork
        The layer, arrays (n,).
    precision : str
        Of the linear layers: kernels are measured in 16 bits, in 32 attention is as much slower as multiplies are.
    """
    none = np.zeros_like(work.vector_bytes)
    forward = backward = zero = Work(none, none, none)
    reached = practice.stack.attention_frac
    if work.element_bytes > ACTIVATION_BYTES:
        rates = practice.kernels.gemm_flops_per_s
        reached *= min(rates.get(precision, 0.0) / max(rates.get("bf16", 0.0), rates.get("fp16", 0.0)), 1.0)
    for call in work.attention:
        if practice.attention is None:
            flops = call.flops()
            times = (attention_time_s(practice.kernels, f * flops, call.keys) for f in (1.0, 2.5))
            one, back = (Work(t, none, none) for t in times)
        else:
            one, back = (_one_call(practice.attention, call, backward=b) for b in (False, True))
        forward, backward = forward + one.slowed(reached), backward + back.slowed(reached)
    for scan in work.scans:
        one, back = (Work(_scan_s(practice, scan, *times), none, none) for times in ((1.0, 1.0), (2.5, 2.0)))
        forward, backward = forward + one, backward + back
    return Passes(forward, backward, zero)


def _scan_s(practice: Practice, call: ScanCall, more_flops: float, more_bytes: float) -> FloatArray:
    """Time of one recurrence. [s]"""
    arithmetic = attention_time_s(practice.kernels, more_flops * call.flops, float(call.chunk))
    return np.maximum(arithmetic, vector_time_s(practice.kernels, more_bytes * call.moved_bytes, 1.0))


def packed_calls(calls: Sequence[AttentionCall], seq_len: int, document_tokens: int) -> tuple[AttentionCall, ...]:
    """Attention of sequences in which documents stand one after another and see only themselves.

    Parameters
    ----------
    calls : sequence of AttentionCall
        Of whole sequences.
    seq_len : int
        Tokens of a sequence.
    document_tokens : int
        Tokens of the document that a token is in, on average over tokens. >= 1
    """
    many = seq_len / document_tokens
    packed = []
    for call in calls:
        keys = np.minimum(call.keys, document_tokens)
        most = float(keys.flat[0])
        mean = min(call.visible * float(call.keys.flat[0]), mean_keys(document_tokens, int(most)))
        packed.append(
            replace(call, batch=call.batch * many, queries=call.queries / many, keys=keys, visible=mean / most)
        )
    return tuple(packed)


def busiest_load(practice: Practice, call: ExpertCall | None) -> FloatArray | float:
    """Load of the busiest expert-parallel rank over the mean; the step waits for it. 1 where one rank has all."""
    return 1.0 if call is None else np.where(call.expert_parallel > 1.0, practice.stack.expert_imbalance, 1.0)


def experts(practice: Practice, call: ExpertCall | None, precision: str, *, frozen: bool) -> Passes | None:
    """Routed experts of one layer on the busiest rank, with the passes over their rows.

    Parameters
    ----------
    practice : Practice
        Its expert kernels and the load of the busiest rank over the mean.
    call : ExpertCall or None
        The layer, arrays (n,).
    precision : str
        Of the multiplies.
    frozen : bool
        No gradients of weights.

    Returns
    -------
    Passes or None
        None for a dense layer, and where neither the chip nor a relative has a kernel of this precision.
    """
    kernel = practice.experts.get(precision)
    if call is None or kernel is None:
        return None
    shape = ExpertShape(
        tokens=call.tokens * busiest_load(practice, call),
        topk=call.topk,
        experts=call.experts,
        hidden=call.hidden,
        inter=call.inter,
        tensor_parallel=call.tensor_parallel,
        expert_parallel=call.expert_parallel,
        gated=call.gated,
        dispatched=True,
    )
    forward = Work.of(expert_cost(kernel, shape, steady=False), kernel.law)
    inputs, weights = (Work.of(cost, kernel.law) for cost in expert_gradient_costs(kernel, shape, steady=False))
    none = np.zeros_like(weights.time_s)
    weight = Work(none, none, none) if frozen else weights
    reached = practice.stack.gemm_frac * practice.kernels.grouped_share
    return Passes(forward.slowed(reached), (inputs + weight).slowed(reached), weight.slowed(reached))


def matrix_products(
    practice: Practice, gemms: Iterable[Gemm], precision: str, shape: FloatArray, load: FloatArray | float = 1.0
) -> Passes:
    """Multiplies of one block at the full clock; ``load`` of the busiest expert rank over the mean."""
    gemms = tuple(gemms)
    kinds = [(precision if g.linear else unquantised(practice, precision), g.grouped, g.batched) for g in gemms]
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


def unquantised(practice: Practice, precision: str) -> str:
    """The precision of what is not quantised: the chip's 16-bit one, or that of training in 32 bits."""
    if activation_bytes(precision) > ACTIVATION_BYTES:
        return precision
    return "bf16" if "bf16" in practice.kernels.gemm_flops_per_s else "fp16"
