"""Memory of the fullest chip of each layout."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.training.practice import Stack
from megawatt.training.records import Job, Layouts
from megawatt.training.schedules import codes_of, in_flight, weight_copies
from megawatt.training.stages import fullest_layers, stage_layers
from megawatt.workload import (
    ACTIVATION_BYTES,
    Attention,
    Latent,
    LayerKind,
    Mixer,
    ModelArch,
    parameters,
    structure,
    trained_share,
)

__all__ = [
    "activation_bytes_per_layer",
    "kept_bytes_per_layer",
    "layer_activations",
    "layout_memory",
    "shard_degrees",
    "stage_parameters",
]


_WEIGHT_BYTES: Final = 2.0
"""One 16-bit copy, or in fp8 training one narrow copy and its transpose; 32-bit masters are optimizer states."""
_OPTIMIZER_BYTES: Final = 12.0
"""Adam in mixed precision: 32-bit master weight and two moments (Rajbhandari 2020, arXiv 1910.02054, section 3.1)."""
_OFFLOAD_BUFFERS: Final = 2.0
"""Layers whose activations are on the chip while the rest is in the host's memory: double buffering."""
_GATHERED_LAYERS: Final = 2.0
"""With sharded weights one layer is in use while the next one is gathered."""


def _f(values: NDArray[np.int64]) -> FloatArray:
    return values.astype(np.float64)


def shard_degrees(layouts: Layouts) -> tuple[FloatArray, FloatArray]:
    """Replicas of a dense weight, and of an expert's weight: how far ZeRO can shard each."""
    replicas = _f(layouts.dp * layouts.cp)
    expert = np.maximum(replicas * layouts.tp / _f(layouts.ep * layouts.etp), 1.0)
    group = np.where(layouts.zero_group > 0, _f(layouts.zero_group), replicas)
    return np.minimum(replicas, group), np.minimum(expert, np.maximum(group * expert / replicas, 1.0))


def stage_parameters(arch: ModelArch, layouts: Layouts, layers: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Parameters of ``layers`` layers of each kind (kinds, n) on one chip: replicated over dp x cp, and experts."""
    kinds = parameters(arch).kinds
    resident = sum(n * kind.resident for n, kind in zip(layers, kinds, strict=True))
    experts = sum(n * kind.experts for n, kind in zip(layers, kinds, strict=True))
    return np.asarray(resident / _f(layouts.tp)), np.asarray(experts / _f(layouts.ep * layouts.etp))


def layer_activations(job: Job, layouts: Layouts, stack: Stack) -> FloatArray:
    """`activation_bytes_per_layer` of each kind of layer of a job's model; shape (kinds, n)"""
    return np.stack([activation_bytes_per_layer(job, kind, layouts, stack) for kind in structure(job.arch).kinds])


def activation_bytes_per_layer(job: Job, kind: LayerKind, layouts: Layouts, stack: Stack) -> FloatArray:
    """Activations that one micro-batch leaves in one layer of one chip until its backward pass. [B], shape (n,)

    Korthikanti 2022 (arXiv 2205.05198, section 4) element by element, so that it holds for gated MLPs, grouped heads
    and mixtures: for a GPT layer with dropout and sequence parallelism it gives s b h (34 + 5 a s / h) / t.
    """
    arch, seq_len = job.arch, job.seq_len
    tokens = _f(layouts.micro_batch) * seq_len / _f(layouts.cp)
    tp = _f(layouts.tp)
    shared = np.where(layouts.sequence_parallel, tokens / tp, tokens)
    drop = 1.0 if stack.dropout else 0.0
    selective = layouts.recompute == 1
    # Of each block the norm's input, then its output (the input of the multiplies), a dropout mask of one byte.
    residual = shared * arch.hidden * (kind.blocks * (2.0 + 2.0 + drop))
    residual = residual - np.where(selective & stack.attention_fused, shared * arch.hidden * (kind.blocks * 2.0), 0.0)
    mixed = np.zeros_like(tokens)
    for mixer in kind.mixers:
        mixed = mixed + ACTIVATION_BYTES * tokens * _mixer_width(mixer, tp)
    if not stack.attention_fused:
        heads = sum(m.heads for m in kind.mixers if isinstance(m, Attention | Latent))
        scores = _f(layouts.micro_batch) * heads / tp * seq_len * seq_len / _f(layouts.cp)
        mixed = mixed + np.where(selective, 0.0, scores * (2.0 + 3.0 * drop))
    return residual + mixed + _mlp_activations(arch, kind, layouts, tokens, selective & stack.attention_fused)


def _mixer_width(mixer: Mixer, tp: FloatArray) -> FloatArray:
    """Elements that one token leaves in a mixer on one chip of a tensor group: queries, keys, values, output."""
    if not isinstance(mixer, Attention | Latent):
        # Inputs, what the convolution makes of them, output before gate and norm, and the states between chunks.
        return (mixer.input_columns + mixer.channels + 2 * mixer.output + 2.0 * mixer.state() / mixer.chunk) / tp
    head = mixer.head_dim + mixer.value_dim
    width = (mixer.heads * head + np.maximum(mixer.core_kv_heads / tp, 1.0) * tp * head) / tp
    beside = mixer.latent if isinstance(mixer, Latent) else 2 * mixer.output * mixer.gate + mixer.query_rank
    return np.asarray(width + beside / tp)


def _mlp_activations(
    arch: ModelArch, kind: LayerKind, layouts: Layouts, tokens: FloatArray, drop_product: NDArray[np.bool_]
) -> FloatArray:
    """Inputs of the activation function and its product; routed tokens before and after the experts."""
    per_element = (6.0 if arch.gated else 4.0) - np.where(drop_product, 2.0, 0.0)
    tp, mixture = _f(layouts.tp), kind.mixture
    dense = tokens * kind.dense_width / tp * per_element
    if mixture is None:
        return np.asarray(dense)
    etp = _f(layouts.etp)
    pairs = tokens * mixture.per_token * etp / tp
    routed = pairs * (mixture.expert.width / etp * per_element + 4.0 * mixture.expert_input(arch.hidden))
    return np.asarray(routed + dense)


def kept_bytes_per_layer(job: Job, layouts: Layouts, activations: FloatArray) -> FloatArray:
    """What one micro-batch keeps of one layer for the backward pass, recomputation counted: the layer's input alone
    where all of it is repeated. [B], shape (n,)

    ``activations``: `activation_bytes_per_layer` of these layouts.
    """
    hidden = ACTIVATION_BYTES * _f(layouts.micro_batch) * job.seq_len / _f(layouts.cp) * job.arch.hidden
    checkpoint = np.where(layouts.sequence_parallel, hidden / _f(layouts.tp), hidden)
    return np.where(layouts.recompute == 2, checkpoint, activations)


def layout_memory(
    job: Job,
    layouts: Layouts,
    *,
    micro_batches: FloatArray,
    stack: Stack,
    reserve_bytes: float,
    activations: FloatArray | None = None,
    offloaded: Collection[str] = (),
) -> dict[str, FloatArray]:
    """Memory of the fullest chip by part. [B], arrays of shape (n,)

    First and last pipeline stage are compared: the first holds the most micro-batches and the token table, the last
    the output projection and the logits.

    Parameters
    ----------
    job, layouts
        What is trained, and layouts (n,).
    micro_batches : (n,)
        Micro-batches per replica and step.
    stack : Stack
        Width of gradients, fused attention, dropout.
    reserve_bytes : float
        Kept for driver, communication buffers and fragmentation. [B]
    activations : (kinds, n), optional
        `layer_activations`, where they are known.
    offloaded : collection of str
        ``optimizer``: its states are not on the chip. ``activations``: of what waits for the backward pass, two layers
        are, one leaving or coming back while the other is computed.

    Returns
    -------
    dict of str to array
        weights, gradients, optimizer, activations, logits, reserve.
    """
    if activations is None:
        activations = layer_activations(job, layouts, stack)
    first = _stage_memory(job, layouts, micro_batches, stack, activations, offloaded, last=False)
    last = _stage_memory(job, layouts, micro_batches, stack, activations, offloaded, last=True)
    choose_last = sum(last.values()) > sum(first.values())
    parts = {name: np.where(choose_last, last[name], first[name]) for name in first}
    return parts | {"reserve": np.full(len(layouts), reserve_bytes)}


def _stage_memory(
    job: Job,
    layouts: Layouts,
    micro_batches: FloatArray,
    stack: Stack,
    by_kind: FloatArray,
    offloaded: Collection[str],
    *,
    last: bool,
) -> dict[str, FloatArray]:
    arch = job.arch
    tp, cp, pp = _f(layouts.tp), _f(layouts.cp), _f(layouts.pp)
    layers = stage_layers(arch.layers, layouts)[1 if last else 0]
    # Stages in the middle are not looked at: the two ends are taken to hold the heaviest layers of the model.
    held_kinds = fullest_layers(arch)[:, layers.astype(np.int64)]
    dense, experts = stage_parameters(arch, layouts, held_kinds)
    per_layer = (held_kinds * by_kind).sum(axis=0) / np.maximum(layers, 1.0)
    counts = parameters(arch)
    table = counts.embedding / tp
    output = (counts.output or counts.embedding) / tp
    both = table + (counts.output / tp if counts.output else 0.0)
    dense = dense + np.where(pp == 1, both, output if last else table)
    if arch.mtp_layers and (last or bool((pp == 1).any())):
        share = counts.mtp - counts.mtp_experts
        here = np.ones_like(pp) if last else (pp == 1).astype(np.float64)
        dense = dense + here * share / tp
        experts = experts + here * counts.mtp_experts / _f(layouts.ep * layouts.etp)
    trained = trained_share(arch)
    shard, expert_shard = shard_degrees(layouts)
    sharded = [np.where(layouts.zero >= level, shard, 1.0) for level in (3, 2, 1)]
    sharded_experts = [np.where(layouts.zero >= level, expert_shard, 1.0) for level in (3, 2, 1)]
    held = [dense / d + experts / e for d, e in zip(sharded, sharded_experts, strict=True)]
    # Sharded weights are cast from their 32-bit masters when gathered (FSDP, MaxText); frozen ones have no master.
    # Masters in the host's memory leave a narrow shard on the chip.
    cast = layouts.zero == 3 if "optimizer" not in offloaded else np.zeros_like(layouts.zero, dtype=np.bool_)
    copies = np.where(cast, (1.0 - trained) * held[0], held[0])
    gathered = np.where(layouts.zero == 3, _GATHERED_LAYERS * (dense + experts) / np.maximum(layers, 1.0), 0.0)
    tokens = _f(layouts.micro_batch) * job.seq_len / cp
    codes = codes_of(layouts, stack.schedule)
    kept = layers * in_flight(codes, layouts, micro_batches, last=last)
    copies_of_stage = weight_copies(codes, layouts)
    if "activations" in offloaded:
        kept = np.minimum(kept, _OFFLOAD_BUFFERS)
    # Where all of a layer is repeated, one layer at a time stands in full beside the inputs of the others.
    largest = np.where(held_kinds > 0.0, by_kind, 0.0).max(axis=0)
    repeated = np.where(layouts.recompute == 2, largest, 0.0)
    activations = kept * kept_bytes_per_layer(job, layouts, per_layer) + repeated
    # The last stage holds 32-bit logits and their 16-bit gradient; the others pass hidden states on.
    logits = np.where((pp == 1) | last, tokens * arch.vocab / tp * (4.0 + 2.0), 0.0)
    return {
        "weights": _WEIGHT_BYTES * copies_of_stage * np.minimum(copies + gathered, dense + experts),
        "gradients": stack.gradient_bytes * copies_of_stage * trained * held[1],
        "optimizer": (0.0 if "optimizer" in offloaded else _OPTIMIZER_BYTES) * trained * held[2],
        "activations": activations,
        "logits": logits,
    }
