"""What mixers compute and move beside their weight matrices. Arrays over splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.workload.calls import ACTIVATION_BYTES, AttentionCall, Gemm, ScanCall, Split
from megawatt.workload.counts import seen_keys
from megawatt.workload.mixers import Attention, Latent, Mixer, StateSpace

__all__ = ["Core", "kv_width", "mixer_cores"]


@dataclass(frozen=True, slots=True)
class Core:
    """What mixers do beside their weight matrices: fused calls, score multiplies, recurrences; arrays (n,): elements of
    score matrices, memory traffic of convolutions, gates and index scores, messages of context parallelism. [B]"""

    attention: tuple[AttentionCall, ...]
    scans: tuple[ScanCall, ...]
    gemms: tuple[Gemm, ...]
    scores: FloatArray
    vector_bytes: FloatArray
    cp_bytes: FloatArray

    def __add__(self, other: Core) -> Core:
        return Core(
            self.attention + other.attention,
            self.scans + other.scans,
            self.gemms + other.gemms,
            self.scores + other.scores,
            self.vector_bytes + other.vector_bytes,
            self.cp_bytes + other.cp_bytes,
        )


def mixer_cores(mixers: tuple[Mixer, ...], tokens: FloatArray, split: Split, seq_len: int, fused: bool) -> Core:
    """Cores of the mixers of one layer."""
    zero = np.zeros_like(tokens)
    total = Core((), (), (), zero, zero, zero)
    for mixer in mixers:
        if isinstance(mixer, Attention | Latent):
            total = total + _attention_core(mixer, tokens, split, seq_len, fused)
        else:
            total = total + _scan_core(mixer, tokens, split)
    return total


def kv_width(mixer: Attention | Latent, tp: FloatArray) -> FloatArray:
    """Elements of keys and values per token that one chip of the tensor group holds."""
    # With more chips than key-value heads, heads are copied: a chip never holds less than one.
    return np.maximum(mixer.core_kv_heads / tp, 1.0) * (mixer.head_dim + mixer.value_dim)


def _attention_core(mixer: Attention | Latent, tokens: FloatArray, split: Split, seq_len: int, fused: bool) -> Core:
    """One fused call, or score GEMMs and elements of the score matrices; index scores where keys are picked."""
    heads = mixer.heads / split.tp
    zero, one = np.zeros_like(tokens), np.ones_like(tokens)
    rows, keys_row = np.full_like(tokens, seq_len) / split.cp, np.full_like(tokens, seq_len)
    cp_bytes = ACTIVATION_BYTES * tokens * kv_width(mixer, split.tp)
    gemms: tuple[Gemm, ...] = ()
    vector = zero
    if mixer.index_heads:
        # The causal half of the index scores; every chip of a tensor group scores its share of the tokens in 16 bits,
        # writes the sum over heads and reads it to pick keys.
        queries, count = rows / split.tp, split.micro_batch * mixer.index_heads
        offered = keys_row / 2.0 / max(mixer.compress, 1)
        gemms = (Gemm("index_scores", queries, offered, one * mixer.index_dim, count, False, batched=True),)
        vector = split.micro_batch * queries * offered * 2 * 4.0
    if fused:
        longest = min(seq_len, mixer.window) if mixer.window else seq_len
        if mixer.compress:
            longest += min(max(seq_len // mixer.compress, 1), mixer.index_topk or seq_len)
        mean = seen_keys(mixer, seq_len)
        kv_heads = np.maximum(mixer.core_kv_heads / split.tp, 1.0)
        keys, dims = np.full_like(tokens, longest), (float(mixer.head_dim), float(mixer.value_dim))
        call = AttentionCall(split.micro_batch, rows, keys, heads, kv_heads, *dims, mean / longest)
        return Core((call,), (), gemms, zero, vector, cp_bytes)
    count = split.micro_batch * heads
    scores = Gemm("scores", rows, keys_row, one * mixer.head_dim, count, linear=False, batched=True)
    context = Gemm("context", rows, one * mixer.value_dim, keys_row, count, linear=False, batched=True)
    return Core((), (), (*gemms, scores, context), count * rows * keys_row, vector, cp_bytes)


def _scan_core(mixer: StateSpace, tokens: FloatArray, split: Split) -> Core:
    """The recurrence of one mixer, chunk by chunk, and the memory-bound operators around it."""
    zero = np.zeros_like(tokens)
    # Inputs and output once each way in 16 bits, the state of every chunk written and read in 32.
    moved = tokens / split.tp * (2.0 * (mixer.input_columns + mixer.output) + 8.0 * mixer.state() / mixer.chunk)
    call = ScanCall(tokens / split.tp * mixer.chunked_flops_per_token(), moved, mixer.chunk)
    # Short convolution: read and write; gate and norm: two reads and a write.
    vector = tokens / split.tp * (4.0 * mixer.channels + 6.0 * mixer.output)
    # A chip hands the state of its sequences to the next one.
    return Core((), (call,), (), zero, vector, ACTIVATION_BYTES * split.micro_batch * mixer.state() / split.tp)
