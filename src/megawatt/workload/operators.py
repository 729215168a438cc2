"""Operators of one micro-batch on one chip: matrix multiplies, attention, memory traffic and messages.

Every quantity is an array over parallel splits, so that one call prices a whole layout search.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.workload.calls import ACTIVATION_BYTES, AttentionCall, Gemm, ScanCall, Split
from megawatt.workload.cores import kv_width, mixer_cores
from megawatt.workload.mixers import Attention, Latent, Mixer, Mixture, Mlp
from megawatt.workload.projection import Projection
from megawatt.workload.records import ModelArch
from megawatt.workload.structure import LayerKind

__all__ = ["ExpertCall", "LayerWork", "head_work", "layer_work"]


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
        Fused attention (empty where attention is a chain of GEMMs, or there is none).
    scans : tuple of ScanCall
        Recurrences of linear attention and state-space mixers.
    experts : ExpertCall or None
        Routed experts, None in a dense layer. ``gemms`` holds their products too, as grouped ones.
    vector_bytes, vector_bytes_backward : (n,)
        Memory traffic of norms, residuals, activations, rotary embedding, softmax where not fused. [B]
    routed_bytes : (n,)
        Memory traffic of permuting, activating and summing the routed tokens; 1.5 times as much backward. [B]
    cast_elements, cast_elements_backward : (n,)
        Elements cast to a narrow type before the matrix multiplies.
    expert_biases : (n,)
        Elements of the routed experts' products to which a bias is added; 0 without biases.
    weights : (n,)
        Weights that the layer's backward pass adds gradients to. [elements]
    vector_kernels, routed_kernels : float
        Memory-bound kernels, and those around the experts.
    tp_bytes : (n,)
        Full payload of one tensor-parallel collective: the micro-batch's hidden states. [B]
    tp_collectives : float
        Pairs of gather and scatter (or all-reduces) forward; the backward pass has as many.
    cp_bytes : (n,)
        Keys and values of one chip's share of the sequence, passed round the ring; of a recurrence its state. [B]
    ep_bytes : (n,)
        What a chip sends in one dispatch (and again in the combine). [B]
    etp_bytes : (n,)
        Routed tokens gathered over the tensor group of the experts. [B]
    routed_copies : float
        Routed experts of one token (0 in a dense layer).
    routed_groups : (int, int)
        Groups of experts, and those that one token may choose from; (0, 0): all.
    element_bytes : float
        Width of what travels and goes through memory: all bytes above are of such elements. [B]
    """

    gemms: tuple[Gemm, ...]
    attention: tuple[AttentionCall, ...]
    scans: tuple[ScanCall, ...]
    experts: ExpertCall | None
    vector_bytes: FloatArray
    vector_bytes_backward: FloatArray
    routed_bytes: FloatArray
    cast_elements: FloatArray
    cast_elements_backward: FloatArray
    expert_biases: FloatArray
    weights: FloatArray
    vector_kernels: float
    routed_kernels: float
    tp_bytes: FloatArray
    tp_collectives: float
    cp_bytes: FloatArray
    ep_bytes: FloatArray
    etp_bytes: FloatArray
    routed_copies: float
    routed_groups: tuple[int, int]
    element_bytes: float = ACTIVATION_BYTES

    def at_width(self, width: float) -> LayerWork:
        """The same with elements of another width. [B]"""
        if width == self.element_bytes:
            return self
        factor = width / self.element_bytes
        wider = {name: factor * getattr(self, name) for name in _IN_BYTES}
        return replace(self, element_bytes=width, **wider)


_IN_BYTES: Final = (
    "vector_bytes",
    "vector_bytes_backward",
    "routed_bytes",
    "tp_bytes",
    "cp_bytes",
    "ep_bytes",
    "etp_bytes",
)
"""What grows with the width of an element."""


def layer_work(
    arch: ModelArch, kind: LayerKind, split: Split, seq_len: int, *, fused_attention: bool, dropout: bool = False
) -> LayerWork:
    """Operators of one layer for one micro-batch on one chip.

    Parameters
    ----------
    arch : ModelArch
        The model.
    kind : LayerKind
        One of its kinds of layers.
    split : Split
        Parallel splits, arrays of shape (n,).
    seq_len : int
        Sequence length. [tokens]
    fused_attention : bool
        One kernel that keeps scores on the chip and skips masked blocks; otherwise score matrices go through memory,
        masked half included.
    dropout : bool
        Dropout on attention scores and residuals (training stacks before 2023).

    Returns
    -------
    LayerWork
        Shapes, FLOPs and bytes per micro-batch and chip.

    Notes
    -----
    Sources: Megatron tensor parallelism (arXiv 1909.08053), sequence parallelism (arXiv 2205.05198), expert dispatch
    (arXiv 2006.16668), context parallelism (arXiv 2310.01889); bytes are counted here from reads and writes of 16-bit
    tensors. Recurrences: chunk-wise kernels (arXiv 2405.21060, section 6; 2412.06464).
    """
    tokens = split.micro_batch * seq_len / split.cp
    mixture, hidden, zero = kind.mixture, arch.hidden, np.zeros_like(tokens)
    # Norms and residuals are computed by every chip of the tensor group unless the sequence is sharded too.
    residual_tokens = np.where(split.sequence_parallel, tokens / split.tp, tokens)
    pairs = zero if mixture is None else tokens * mixture.per_token * split.etp / split.tp
    core = mixer_cores(kind.mixers, tokens, split, seq_len, fused_attention)
    gemms = _layer_gemms(arch, kind, tokens, pairs, split) + core.gemms
    widths = sum((m.output / split.tp for m in kind.mixers), zero)
    routed = zero if mixture is None else pairs * mixture.expert.width / split.etp
    shared = tokens * (kind.dense_width / split.tp)
    active = routed + shared
    vector = _vector_bytes(arch, kind, residual_tokens, tokens * widths, shared) + core.vector_bytes
    drop = 1.0 if dropout else 0.0
    score_forward, score_backward = core.scores * (4.0 + 5.0 * drop), core.scores * (6.0 + 5.0 * drop)
    inputs = tokens * (hidden + widths) if kind.mixers else zero
    if kind.mlp is not None:
        inputs = inputs + active + (tokens * hidden if mixture is None else pairs * mixture.expert_input(hidden))
    halves = kind.blocks / 2.0
    return LayerWork(
        gemms=gemms,
        attention=core.attention,
        scans=core.scans,
        vector_bytes=vector + score_forward,
        # Backward of a memory-bound operator reads its input and the output's gradient and writes the input's.
        vector_bytes_backward=1.5 * vector + score_backward,
        cast_elements=inputs,
        cast_elements_backward=inputs + active * (1.0 if arch.gated else 0.0),
        weights=np.asarray(sum((g.n * g.k * g.count for g in gemms if g.linear and not g.frozen), zero)),
        vector_kernels=halves * (10.0 if fused_attention else 14.0) + 4.0 * len(core.scans),
        tp_bytes=ACTIVATION_BYTES * tokens * hidden,
        tp_collectives=float(bool(kind.mixers)) + float(kind.dense_width > 0),
        cp_bytes=core.cp_bytes,
        **_routed_work(arch, mixture, tokens, pairs, split),
    )


def _layer_gemms(
    arch: ModelArch, kind: LayerKind, tokens: FloatArray, pairs: FloatArray, split: Split
) -> tuple[Gemm, ...]:
    """Multiplies by the weights of a layer; by those of adapters too, where there are any."""
    gemms = tuple(_projected(p, tokens, split) for mixer in kind.mixers for p in mixer.projections(arch.hidden))
    if kind.mixture is not None:
        gemms += _expert_gemms(kind.mixture, arch.hidden, tokens, pairs, split)
    elif isinstance(kind.mlp, Mlp):
        gemms += _mlp_gemms("mlp", kind.mlp, arch.hidden, tokens, split.tp)
    if not arch.lora_rank:
        return gemms
    adapters = tuple(g for m in kind.mixers for g in _adapter_gemms(arch, m, tokens, split))
    return tuple(replace(g, frozen=True) for g in gemms) + adapters


def _routed_work(
    arch: ModelArch, mixture: Mixture | None, tokens: FloatArray, pairs: FloatArray, split: Split
) -> dict[str, Any]:
    """What a layer does for its routed experts besides their multiplies: fields of `LayerWork`."""
    zero = np.zeros_like(tokens)
    if mixture is None:
        none = {"experts": None, "expert_biases": zero, "routed_kernels": 0.0, "routed_copies": 0.0}
        return none | {"routed_bytes": zero, "ep_bytes": zero, "etp_bytes": zero, "routed_groups": (0, 0)}
    width = mixture.expert_input(arch.hidden)
    return {
        "experts": _expert_call(mixture, arch.hidden, tokens, split),
        "expert_biases": _expert_biases(mixture, width, pairs, split),
        # Permute before dispatch and after, weighted sum on the way back: three reads and writes of the routed tokens.
        "routed_bytes": _activation_bytes(arch, pairs * mixture.expert.width / split.etp) + pairs * width * 3 * 4.0,
        "routed_kernels": 8.0,
        "ep_bytes": ACTIVATION_BYTES * tokens / split.tp * (mixture.per_token * width),
        "etp_bytes": ACTIVATION_BYTES * pairs * width,
        "routed_copies": float(mixture.per_token),
        "routed_groups": mixture.groups,
    }


def head_work(
    arch: ModelArch, split: Split, seq_len: int, width: float = ACTIVATION_BYTES
) -> tuple[Gemm, FloatArray, FloatArray]:
    """Output projection and loss of one micro-batch on one chip of the last stage; logits of so many bytes.

    Returns
    -------
    gemm : Gemm
        Logits; 16 bits in every precision but those of 32. Multi-token-prediction modules repeat it.
    loss_bytes, loss_bytes_backward : (n,)
        Memory traffic of the vocabulary-parallel cross-entropy on 32-bit logits. [B]
    """
    tokens = split.micro_batch * seq_len / split.cp
    vocab = arch.vocab / split.tp
    passes = np.full_like(tokens, 1.0 + arch.mtp_layers)
    frozen = arch.lora_rank > 0
    gemm = Gemm("logits", tokens, vocab, np.full_like(tokens, arch.hidden), passes, linear=False, frozen=frozen)
    logits = tokens * vocab * passes
    # Forward: logits read, 32-bit ones written, two reads (maximum, exponentials) and one write.
    return gemm, logits * (width + 4.0 + 8.0 + 4.0), logits * (4.0 + width)


def _projected(p: Projection, tokens: FloatArray, split: Split) -> Gemm:
    """The multiply by one weight matrix on one chip of a tensor group."""
    one = np.ones_like(tokens)
    if p.cut == "rows":
        return Gemm(p.name, tokens, p.columns * one, p.rows / split.tp, one)
    if p.cut == "tokens":
        # Small matrices are not sharded by weight but by token (sequence parallel), as Megatron-Core does.
        return Gemm(p.name, tokens / split.tp, one * p.columns, one * p.rows, one)
    width = p.columns / split.tp
    if p.shared_heads:
        width = width + np.maximum(p.shared_heads / split.tp, 1.0) * p.shared_width
    return Gemm(p.name, tokens, width, one * p.rows, one)


def _adapter_gemms(arch: ModelArch, mixer: Mixer, tokens: FloatArray, split: Split) -> tuple[Gemm, ...]:
    """Low-rank adapters (arXiv 2106.09685) beside a mixer's input and output projections."""
    one, h = np.ones_like(tokens), np.full_like(tokens, arch.hidden)
    rank = one * arch.lora_rank
    if isinstance(mixer, Attention | Latent):
        in_width = mixer.heads * mixer.head_dim / split.tp + kv_width(mixer, split.tp)
    else:
        in_width = mixer.input_columns / split.tp
    return (
        Gemm("adapter_in_down", tokens, rank, h, one),
        Gemm("adapter_in_up", tokens, in_width, rank, one),
        Gemm("adapter_out_down", tokens, rank, mixer.output / split.tp, one),
        Gemm("adapter_out_up", tokens, h, rank, one),
    )


def _mlp_gemms(name: str, mlp: Mlp, hidden: int, rows: FloatArray, tp: FloatArray) -> tuple[Gemm, ...]:
    one, h, width = np.ones_like(rows), np.full_like(rows, hidden), mlp.width / tp
    up = 2.0 if mlp.gated else 1.0
    return Gemm(f"{name}_up", rows, up * width, h, one), Gemm(f"{name}_down", rows, h, width, one)


def _expert_gemms(
    mixture: Mixture, hidden: int, tokens: FloatArray, pairs: FloatArray, split: Split
) -> tuple[Gemm, ...]:
    """Router, routed experts (balanced: every expert meets the same number of tokens) and shared experts."""
    one, h = np.ones_like(tokens), np.full_like(tokens, hidden)
    seen = np.full_like(tokens, mixture.expert_input(hidden))
    local = mixture.experts / split.ep
    rows, width = pairs / local, mixture.expert.width / split.etp
    up = 2.0 if mixture.expert.gated else 1.0
    gemms: tuple[Gemm, ...] = (
        Gemm("router", tokens / split.tp, one * mixture.experts, h, one, linear=False),
        Gemm("experts_up", rows, up * width, seen, local, grouped=True),
        Gemm("experts_down", rows, seen, width, local, grouped=True),
    )
    if mixture.latent:
        share = tokens / split.tp
        gemms += Gemm("expert_latent_down", share, seen, h, one), Gemm("expert_latent_up", share, h, seen, one)
    return gemms + (_mlp_gemms("shared", mixture.shared, hidden, tokens, split.tp) if mixture.shared else ())


def _expert_biases(mixture: Mixture, seen: int, pairs: FloatArray, split: Split) -> FloatArray:
    """Elements of both products of the routed experts, where they have biases."""
    if not mixture.expert.bias:
        return np.zeros_like(pairs)
    return pairs * (seen + (2.0 if mixture.expert.gated else 1.0) * mixture.expert.width / split.etp)


def _expert_call(mixture: Mixture, hidden: int, tokens: FloatArray, split: Split) -> ExpertCall:
    """Routed experts: a chip's tokens after tensor parallelism, from all ranks that share the experts."""
    return ExpertCall(
        tokens=tokens * split.etp / split.tp * split.ep,
        topk=float(mixture.per_token),
        experts=float(mixture.experts),
        hidden=float(mixture.expert_input(hidden)),
        inter=float(mixture.expert.width),
        tensor_parallel=split.etp,
        expert_parallel=split.ep,
        gated=mixture.expert.gated,
    )


def _activation_bytes(arch: ModelArch, active: FloatArray) -> FloatArray:
    """Gated: read gate and value, write product; plain: read and write. [B]"""
    return active * (6.0 if arch.gated else 4.0)


def _vector_bytes(
    arch: ModelArch, kind: LayerKind, residual_tokens: FloatArray, mixed: FloatArray, active: FloatArray
) -> FloatArray:
    """Forward memory traffic of the operators around the matrix multiplies. [B]"""
    # A norm (read, write) and a residual addition (two reads, one write) of each block, 16-bit.
    residual = residual_tokens * arch.hidden * (kind.blocks * 4.0 + kind.blocks * 6.0)
    # Rotary embedding of queries and keys, counted with the width of the output.
    rotary = 2 * 4.0 * mixed
    return residual + rotary + _activation_bytes(arch, active)
