"""Memory of the fullest chip of each layout."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.training.practice import Stack
from megawatt.training.records import Job, Layouts
from megawatt.training.stages import stage_layers
from megawatt.workload import ACTIVATION_BYTES, ModelArch, layer_kinds, parameters, trained_share
from megawatt.workload.counts import attention_dims

__all__ = ["activation_bytes_per_layer", "kept_bytes_per_layer", "layout_memory", "shard_degrees", "stage_parameters"]


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
    """Parameters of ``layers`` layers on one chip: replicated over dp x cp, and experts.

    Mixture layers are assumed wherever the model has any (the leading dense layers are lighter in memory).
    """
    counts = parameters(arch)
    tp = _f(layouts.tp)
    moe_layers = layer_kinds(arch)[1]
    if not moe_layers:
        return layers * counts.dense_layer / tp, np.zeros_like(layers)
    # On one stage the model's own mix; on several the fullest stage holds mixture layers alone.
    moe_share = np.where(layouts.pp == 1, moe_layers / arch.layers, 1.0)
    expert = counts.expert * arch.experts
    common = counts.attention + counts.norms
    light = common + np.where(moe_share < 1.0, 1.0 - moe_share, 0.0) * counts.dense_mlp
    light = light + moe_share * (counts.router + counts.shared_experts)
    return layers * light / tp, layers * moe_share * expert / _f(layouts.ep * layouts.etp)


def activation_bytes_per_layer(job: Job, layouts: Layouts, stack: Stack) -> FloatArray:
    """Activations that one micro-batch leaves in one layer of one chip until its backward pass. [B], shape (n,)

    Korthikanti 2022 (arXiv 2205.05198, section 4) element by element, so that it holds for gated MLPs, grouped heads
    and mixtures: for a GPT layer with dropout and sequence parallelism it gives s b h (34 + 5 a s / h) / t.
    """
    arch, seq_len = job.arch, job.seq_len
    tokens = _f(layouts.micro_batch) * seq_len / _f(layouts.cp)
    tp = _f(layouts.tp)
    shared = np.where(layouts.sequence_parallel, tokens / tp, tokens)
    qk, v = attention_dims(arch)
    kv_heads = arch.heads if arch.attention == "mla" else arch.kv_heads
    drop = 1.0 if stack.dropout else 0.0
    selective = layouts.recompute == 1
    # Norm inputs, then norm outputs (inputs of the multiplies), dropout masks of one byte.
    residual = shared * arch.hidden * (4.0 + 4.0 + 2.0 * drop)
    residual = residual - np.where(selective & stack.attention_fused, shared * arch.hidden * 4.0, 0.0)
    width = (arch.heads * (qk + v) + np.maximum(kv_heads / tp, 1.0) * tp * (qk + v)) / tp
    latent = (arch.q_lora_rank + arch.kv_lora_rank + arch.qk_rope_head_dim) / tp
    attention = ACTIVATION_BYTES * tokens * (width + latent)
    if not stack.attention_fused:
        scores = _f(layouts.micro_batch) * arch.heads / tp * seq_len * seq_len / _f(layouts.cp)
        attention = attention + np.where(selective, 0.0, scores * (2.0 + 3.0 * drop))
    return residual + attention + _mlp_activations(arch, layouts, tokens, selective & stack.attention_fused)


def _mlp_activations(
    arch: ModelArch, layouts: Layouts, tokens: FloatArray, drop_product: NDArray[np.bool_]
) -> FloatArray:
    """Inputs of the activation function and its product; routed tokens before and after the experts."""
    per_element = (6.0 if arch.gated else 4.0) - np.where(drop_product, 2.0, 0.0)
    tp = _f(layouts.tp)
    if not arch.experts:
        return tokens * arch.ffn / tp * per_element
    etp = _f(layouts.etp)
    pairs = tokens * arch.experts_per_token * etp / tp
    routed = pairs * (arch.expert_ffn / etp * per_element + 4.0 * arch.hidden)
    return routed + tokens * arch.shared_experts * arch.expert_ffn / tp * per_element


def kept_bytes_per_layer(job: Job, layouts: Layouts, activations: FloatArray) -> FloatArray:
    """What one micro-batch keeps of one layer for the backward pass, recomputation counted: the layer's input alone
    where all of it is repeated. [B], shape (n,)

    ``activations``: `activation_bytes_per_layer` of these layouts.
    """
    hidden = ACTIVATION_BYTES * _f(layouts.micro_batch) * job.seq_len / _f(layouts.cp) * job.arch.hidden
    checkpoint = np.where(layouts.sequence_parallel, hidden / _f(layouts.tp), hidden)
    return np.where(layouts.recompute == 2, checkpoint, activations)


def _in_flight(layouts: Layouts, micro_batches: FloatArray, layers: FloatArray) -> FloatArray:
    """Layer activations that the first stage holds at once (1F1B; interleaved: Korthikanti 2022, section 4.2.3)."""
    pp, vpp = _f(layouts.pp), _f(layouts.vpp)
    depth = pp * np.where(vpp > 1, 1.0 + (pp - 1.0) / (pp * vpp), 1.0)
    return layers * np.minimum(depth, np.maximum(micro_batches, 1.0))


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
    activations : (n,), optional
        `activation_bytes_per_layer`, where it is known.
    offloaded : collection of str
        ``optimizer``: its states are not on the chip. ``activations``: of what waits for the backward pass, two layers
        are, one leaving or coming back while the other is computed.

    Returns
    -------
    dict of str to array
        weights, gradients, optimizer, activations, logits, reserve.
    """
    if activations is None:
        activations = activation_bytes_per_layer(job, layouts, stack)
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
    per_layer: FloatArray,
    offloaded: Collection[str],
    *,
    last: bool,
) -> dict[str, FloatArray]:
    arch = job.arch
    tp, cp, pp = _f(layouts.tp), _f(layouts.cp), _f(layouts.pp)
    layers = stage_layers(arch.layers, layouts)[1 if last else 0]
    dense, experts = stage_parameters(arch, layouts, layers)
    counts = parameters(arch)
    table = counts.embedding / tp
    output = (counts.output or counts.embedding) / tp
    both = table + (counts.output / tp if counts.output else 0.0)
    dense = dense + np.where(pp == 1, both, output if last else table)
    if arch.mtp_layers and (last or bool((pp == 1).any())):
        share = counts.mtp - arch.mtp_layers * counts.expert * arch.experts
        here = np.ones_like(pp) if last else (pp == 1).astype(np.float64)
        dense = dense + here * share / tp
        experts = experts + here * arch.mtp_layers * counts.expert * arch.experts / _f(layouts.ep * layouts.etp)
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
    kept = np.where((pp > 1) & last, layers, _in_flight(layouts, micro_batches, layers))
    if "activations" in offloaded:
        kept = np.minimum(kept, _OFFLOAD_BUFFERS)
    # Where all of a layer is repeated, one layer at a time stands in full beside the inputs of the others.
    repeated = np.where(layouts.recompute == 2, per_layer, 0.0)
    activations = kept * kept_bytes_per_layer(job, layouts, per_layer) + repeated
    # The last stage holds 32-bit logits and their 16-bit gradient; the others pass hidden states on.
    logits = np.where((pp == 1) | last, tokens * arch.vocab / tp * (4.0 + 2.0), 0.0)
    return {
        "weights": _WEIGHT_BYTES * np.minimum(copies + gathered, dense + experts),
        "gradients": stack.gradient_bytes * trained * held[1],
        "optimizer": (0.0 if "optimizer" in offloaded else _OPTIMIZER_BYTES) * trained * held[2],
        "activations": activations,
        "logits": logits,
    }
