"""Operators of one micro-batch on one chip: matrix multiplies, attention, memory traffic and messages.

Every quantity is an array over parallel splits, so that one call prices a whole layout search.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.workload.counts import attention_dims, mean_keys
from megawatt.workload.records import ModelArch

__all__ = ["ACTIVATION_BYTES", "AttentionCall", "ExpertCall", "Gemm", "LayerWork", "Split", "head_work", "layer_work"]


ACTIVATION_BYTES: Final = 2.0
"""Activations travel and are stored in 16 bits in every precision of training that the package knows."""


@dataclass(frozen=True, slots=True)
class Split:
    """How one micro-batch is cut; arrays of one shape (n,).

    ``tp`` tensor, ``cp`` context, ``ep`` expert and ``etp`` tensor-parallel-in-expert degrees, ``micro_batch`` in
    sequences, ``sequence_parallel`` whether norms and residuals are sharded over the tensor group.
    """

    tp: FloatArray
    cp: FloatArray
    ep: FloatArray
    etp: FloatArray
    micro_batch: FloatArray
    sequence_parallel: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gemm:
    """C[m, n] = A[m, k] B[k, n], ``count`` times per micro-batch and chip; arrays of shape (n,).

    ``linear``: multiplies by a weight, hence runs in the training precision; otherwise in 16 bits. ``grouped``: one
    launch over ``count`` experts whose rows differ; ``batched``: one launch over ``count`` equal ones. ``frozen``: its
    weight is not trained, so that the backward pass has no product for the weight's gradient.
    """

    name: str
    m: FloatArray
    n: FloatArray
    k: FloatArray
    count: FloatArray
    linear: bool = True
    grouped: bool = False
    frozen: bool = False
    batched: bool = False

    def flops(self) -> FloatArray:
        """FLOPs of all of them, forward. [FLOP]"""
        return 2.0 * self.m * self.n * self.k * self.count


@dataclass(frozen=True, slots=True)
class AttentionCall:
    """Fused causal attention of one micro-batch on one chip; arrays of shape (n,).

    ``layers`` is the share of the layers that attend like this. ``batch`` sequences with ``queries`` on this chip see
    ``keys`` each, of which a query sees the share ``visible`` on average, in ``heads`` query and ``kv_heads`` key heads
    of ``head_dim`` (keys) and ``value_dim`` (values).
    """

    layers: float
    batch: FloatArray
    queries: FloatArray
    keys: FloatArray
    heads: FloatArray
    kv_heads: FloatArray
    head_dim: float
    value_dim: float
    visible: float

    def flops(self) -> FloatArray:
        """FLOPs of the causal part, averaged over the layers. [FLOP]"""
        scores = self.batch * self.queries * self.keys * self.visible * self.heads
        return self.layers * 2.0 * scores * (self.head_dim + self.value_dim)


@dataclass(frozen=True, slots=True)
class ExpertCall:
    """Routed experts of one micro-batch as a group of ranks computes them; arrays of shape (n,).

    ``tokens`` of the whole expert-parallel group, each to ``topk`` of ``experts``; width ``hidden`` of the model and
    ``inter`` of an expert, shared by ``tensor_parallel`` chips, the experts by ``expert_parallel`` ranks.
    """

    tokens: FloatArray
    topk: float
    experts: float
    hidden: float
    inter: float
    tensor_parallel: FloatArray
    expert_parallel: FloatArray
    gated: bool


@dataclass(frozen=True, slots=True)
class LayerWork:
    """What one layer computes and moves for one micro-batch on one chip, forward unless named otherwise.

    Attributes
    ----------
    gemms : tuple of Gemm
        Matrix multiplies; a backward pass does each twice (for inputs and for weights).
    attention : tuple of AttentionCall
        Fused attention, by kind of layer (empty where attention is a chain of GEMMs).
    experts : ExpertCall or None
        Routed experts, None in a dense layer. ``gemms`` holds their products too, as grouped ones.
    vector_bytes, vector_bytes_backward : (n,)
        Memory traffic of norms, residuals, activations, rotary embedding, softmax where not fused. [B]
    routed_bytes : (n,)
        Memory traffic of permuting, activating and summing the routed tokens; 1.5 times as much backward. [B]
    cast_elements, cast_elements_backward : (n,)
        Elements cast to a narrow type before the matrix multiplies.
    weights : (n,)
        Weights that the layer's backward pass adds gradients to. [elements]
    vector_kernels, routed_kernels : float
        Memory-bound kernels, and those around the experts.
    tp_bytes : (n,)
        Full payload of one tensor-parallel collective: the micro-batch's hidden states. [B]
    tp_collectives : float
        Pairs of gather and scatter (or all-reduces) forward; the backward pass has as many.
    cp_bytes : (n,)
        Keys and values of one chip's share of the sequence, passed round the ring. [B]
    ep_bytes : (n,)
        What a chip sends in one dispatch (and again in the combine). [B]
    etp_bytes : (n,)
        Routed tokens gathered over the tensor group of the experts. [B]
    routed_copies : float
        Routed experts of one token (0 in a dense layer).
    """

    gemms: tuple[Gemm, ...]
    attention: tuple[AttentionCall, ...]
    experts: ExpertCall | None
    vector_bytes: FloatArray
    vector_bytes_backward: FloatArray
    routed_bytes: FloatArray
    cast_elements: FloatArray
    cast_elements_backward: FloatArray
    weights: FloatArray
    vector_kernels: float
    routed_kernels: float
    tp_bytes: FloatArray
    tp_collectives: float
    cp_bytes: FloatArray
    ep_bytes: FloatArray
    etp_bytes: FloatArray
    routed_copies: float


def layer_work(
    arch: ModelArch, split: Split, seq_len: int, *, moe: bool, fused_attention: bool, dropout: bool = False
) -> LayerWork:
    """Operators of one layer for one micro-batch on one chip.

    Parameters
    ----------
    arch : ModelArch
        The model.
    split : Split
        Parallel splits, arrays of shape (n,).
    seq_len : int
        Sequence length. [tokens]
    moe : bool
        A mixture layer instead of a dense one.
    fused_attention : bool
        One kernel that keeps scores on the chip and skips masked blocks; otherwise score matrices go through memory,
        masked half included.
    dropout : bool
        Dropout on attention scores and residuals (training stacks before 2023).

    Returns
    -------
    LayerWork
        Shapes, FLOPs and bytes per micro-batch and chip. Windowed layers are averaged with the others.

    Notes
    -----
    Sources: Megatron tensor parallelism (arXiv 1909.08053), sequence parallelism (arXiv 2205.05198), expert dispatch
    (arXiv 2006.16668), context parallelism (arXiv 2310.01889); bytes are counted here from reads and writes of 16-bit
    tensors.
    """
    tokens = split.micro_batch * seq_len / split.cp
    # Norms and residuals are computed by every chip of the tensor group unless the sequence is sharded too.
    residual_tokens = np.where(split.sequence_parallel, tokens / split.tp, tokens)
    gemms, widths = _attention_gemms(arch, tokens, split)
    pairs = np.zeros_like(tokens)
    if moe:
        pairs = tokens * arch.experts_per_token * split.etp / split.tp
        gemms += _expert_gemms(arch, tokens, pairs, split)
    else:
        gemms += _mlp_gemms("mlp", arch, tokens, arch.ffn / split.tp)
    if arch.lora_rank:
        gemms = tuple(replace(g, frozen=True) for g in gemms) + _adapter_gemms(arch, tokens, split)
    attention, score_gemms, score_bytes = _attention_core(arch, tokens, split, seq_len, fused_attention)
    gemms += score_gemms
    routed = np.where(moe, pairs * arch.expert_ffn / split.etp, 0.0)
    shared = tokens * ((arch.shared_experts * arch.expert_ffn if moe else arch.ffn) / split.tp)
    active = routed + shared
    vector = _vector_bytes(arch, residual_tokens, tokens * widths, shared)
    drop = 1.0 if dropout else 0.0
    score_forward, score_backward = score_bytes * (4.0 + 5.0 * drop), score_bytes * (6.0 + 5.0 * drop)
    gemm_inputs = tokens * (arch.hidden + widths) + active + (pairs * arch.hidden if moe else tokens * arch.hidden)
    return LayerWork(
        gemms=gemms,
        attention=attention,
        experts=_expert_call(arch, tokens, split) if moe else None,
        vector_bytes=vector + score_forward,
        # Backward of a memory-bound operator reads its input and the output's gradient and writes the input's.
        vector_bytes_backward=1.5 * vector + score_backward,
        # Permute before dispatch and after, weighted sum on the way back: three reads and writes of the routed tokens.
        routed_bytes=_activation_bytes(arch, routed) + pairs * arch.hidden * 3 * 4.0,
        cast_elements=gemm_inputs,
        cast_elements_backward=gemm_inputs + active * (1.0 if arch.gated else 0.0),
        weights=np.asarray(
            sum((g.n * g.k * g.count for g in gemms if g.linear and not g.frozen), np.zeros_like(tokens))
        ),
        vector_kernels=10.0 if fused_attention else 14.0,
        routed_kernels=8.0 if moe else 0.0,
        tp_bytes=ACTIVATION_BYTES * tokens * arch.hidden,
        tp_collectives=2.0 if not moe or arch.shared_experts else 1.0,
        cp_bytes=ACTIVATION_BYTES * tokens * _kv_width(arch, split.tp),
        ep_bytes=np.where(moe, ACTIVATION_BYTES * tokens / split.tp * arch.experts_per_token * arch.hidden, 0.0),
        etp_bytes=np.where(moe, ACTIVATION_BYTES * pairs * arch.hidden, 0.0),
        routed_copies=float(arch.experts_per_token) if moe else 0.0,
    )


def head_work(arch: ModelArch, split: Split, seq_len: int) -> tuple[Gemm, FloatArray, FloatArray]:
    """Output projection and loss of one micro-batch on one chip of the last stage.

    Returns
    -------
    gemm : Gemm
        Logits; kept in 16 bits in every precision. Multi-token-prediction modules repeat it.
    loss_bytes, loss_bytes_backward : (n,)
        Memory traffic of the vocabulary-parallel cross-entropy on 32-bit logits. [B]
    """
    tokens = split.micro_batch * seq_len / split.cp
    vocab = arch.vocab / split.tp
    passes = np.full_like(tokens, 1.0 + arch.mtp_layers)
    frozen = arch.lora_rank > 0
    gemm = Gemm("logits", tokens, vocab, np.full_like(tokens, arch.hidden), passes, linear=False, frozen=frozen)
    logits = tokens * vocab * passes
    # Forward: 16-bit logits read, 32-bit written, two reads (maximum, exponentials) and one write.
    return gemm, logits * (2.0 + 4.0 + 8.0 + 4.0), logits * (4.0 + 2.0)


def _kv_width(arch: ModelArch, tp: FloatArray) -> FloatArray:
    """Elements of keys and values per token that one chip of the tensor group holds."""
    qk, v = attention_dims(arch)
    kv_heads = arch.heads if arch.attention == "mla" else arch.kv_heads
    # With more chips than key-value heads, heads are copied: a chip never holds less than one.
    return np.maximum(kv_heads / tp, 1.0) * (qk + v)


def _attention_gemms(arch: ModelArch, tokens: FloatArray, split: Split) -> tuple[tuple[Gemm, ...], FloatArray]:
    """Projections of one attention block, and the width of its output on one chip."""
    one, h = np.ones_like(tokens), np.full_like(tokens, arch.hidden)
    qk, v = attention_dims(arch)
    out_width = arch.heads * v / split.tp
    out = Gemm("attention_out", tokens, h, out_width, one)
    if arch.attention != "mla":
        qkv_width = arch.heads * qk / split.tp + _kv_width(arch, split.tp)
        return (Gemm("qkv", tokens, qkv_width, h, one), out), out_width
    # The small down-projections are not sharded by weight but by token (sequence parallel), as Megatron-Core does.
    share = tokens / split.tp
    down = arch.kv_lora_rank + arch.qk_rope_head_dim + arch.q_lora_rank
    query_in = arch.q_lora_rank or arch.hidden
    return (
        Gemm("latent_down", share, one * down, h, one),
        Gemm("query_up", tokens, arch.heads * qk / split.tp, one * query_in, one),
        Gemm("kv_up", tokens, arch.heads * (arch.qk_nope_head_dim + v) / split.tp, one * arch.kv_lora_rank, one),
        out,
    ), out_width


def _adapter_gemms(arch: ModelArch, tokens: FloatArray, split: Split) -> tuple[Gemm, ...]:
    """Low-rank adapters (arXiv 2106.09685) beside the attention's input and output projections."""
    one, h = np.ones_like(tokens), np.full_like(tokens, arch.hidden)
    qk, v = attention_dims(arch)
    rank = one * arch.lora_rank
    qkv_width, out_width = arch.heads * qk / split.tp + _kv_width(arch, split.tp), arch.heads * v / split.tp
    return (
        Gemm("adapter_in_down", tokens, rank, h, one),
        Gemm("adapter_in_up", tokens, qkv_width, rank, one),
        Gemm("adapter_out_down", tokens, rank, out_width, one),
        Gemm("adapter_out_up", tokens, h, rank, one),
    )


def _mlp_gemms(name: str, arch: ModelArch, rows: FloatArray, width: FloatArray) -> tuple[Gemm, ...]:
    one, h = np.ones_like(rows), np.full_like(rows, arch.hidden)
    up = 2.0 if arch.gated else 1.0
    return Gemm(f"{name}_up", rows, up * width, h, one), Gemm(f"{name}_down", rows, h, width, one)


def _expert_gemms(arch: ModelArch, tokens: FloatArray, pairs: FloatArray, split: Split) -> tuple[Gemm, ...]:
    """Router, routed experts (balanced: every expert meets the same number of tokens) and shared experts."""
    one, h = np.ones_like(tokens), np.full_like(tokens, arch.hidden)
    local = arch.experts / split.ep
    rows, width = pairs / local, arch.expert_ffn / split.etp
    up = 2.0 if arch.gated else 1.0
    gemms: tuple[Gemm, ...] = (
        Gemm("router", tokens / split.tp, one * arch.experts, h, one, linear=False),
        Gemm("experts_up", rows, up * width, h, local, grouped=True),
        Gemm("experts_down", rows, h, width, local, grouped=True),
    )
    if arch.shared_experts:
        gemms += _mlp_gemms("shared", arch, tokens, arch.shared_experts * arch.expert_ffn / split.tp)
    return gemms


def _expert_call(arch: ModelArch, tokens: FloatArray, split: Split) -> ExpertCall:
    """Routed experts: a chip's tokens after tensor parallelism, from all ranks that share the experts."""
    return ExpertCall(
        tokens=tokens * split.etp / split.tp * split.ep,
        topk=float(arch.experts_per_token),
        experts=float(arch.experts),
        hidden=float(arch.hidden),
        inter=float(arch.expert_ffn),
        tensor_parallel=split.etp,
        expert_parallel=split.ep,
        gated=arch.gated,
    )


def _attention_core(
    arch: ModelArch, tokens: FloatArray, split: Split, seq_len: int, fused: bool
) -> tuple[tuple[AttentionCall, ...], tuple[Gemm, ...], FloatArray]:
    """Fused calls, or score GEMMs and elements of the score matrices."""
    qk, v = attention_dims(arch)
    heads = arch.heads / split.tp
    zero = np.zeros_like(tokens)
    rows, keys_row = np.full_like(tokens, seq_len) / split.cp, np.full_like(tokens, seq_len)
    if fused:
        kv_heads = np.maximum((arch.heads if arch.attention == "mla" else arch.kv_heads) / split.tp, 1.0)
        windowed = arch.window_layers / arch.layers
        calls = []
        for share, mean, longest in (
            (1.0 - windowed, mean_keys(seq_len), seq_len),
            (windowed, mean_keys(seq_len, arch.window), min(seq_len, arch.window)),
        ):
            if share > 0.0:
                keys = np.full_like(tokens, longest)
                calls.append(
                    AttentionCall(share, split.micro_batch, rows, keys, heads, kv_heads, qk, v, mean / longest)
                )
        return tuple(calls), (), zero
    count = split.micro_batch * heads
    scores = Gemm("scores", rows, keys_row, np.full_like(tokens, qk), count, linear=False, batched=True)
    context = Gemm("context", rows, np.full_like(tokens, v), keys_row, count, linear=False, batched=True)
    return (), (scores, context), count * rows * keys_row


def _activation_bytes(arch: ModelArch, active: FloatArray) -> FloatArray:
    """Gated: read gate and value, write product; plain: read and write. [B]"""
    return active * (6.0 if arch.gated else 4.0)


def _vector_bytes(
    arch: ModelArch, residual_tokens: FloatArray, attention_out: FloatArray, active: FloatArray
) -> FloatArray:
    """Forward memory traffic of the operators around the matrix multiplies. [B]"""
    # Two norms (read, write) and two residual additions (two reads, one write), 16-bit.
    residual = residual_tokens * arch.hidden * (2 * 4.0 + 2 * 6.0)
    rotary = 2 * 4.0 * attention_out
    return residual + rotary + _activation_bytes(arch, active)
