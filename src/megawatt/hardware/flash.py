"""Time, power and energy of fused (flash) attention, forward and backward, over arrays of shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.hardware.clock import Cost, PowerLaw, steady_cost

__all__ = ["AttentionKernel", "attention_cost"]


_QUERY_ROWS: Final = 128.0
"""Query rows of one block of work: the tile of FlashAttention 2 and 3 at head 128 [kernel-flash-attention]."""
_BACKWARD_PRODUCTS: Final = 2.5
"""The backward pass has five matrix products where the forward has two (recomputed scores included)."""
_ELEMENT_BYTES: Final = 2.0
"""Queries, keys, values and output are stored in 16 bits. [B]"""


@dataclass(frozen=True, slots=True)
class AttentionKernel:
    """Fused attention of one chip, precision and software stack.

    Attributes
    ----------
    chip, precision, stack : str
        What it describes; precision ``bf16_kv8`` keeps keys and values in 8 bits.
    cores : int
        Units that work on blocks of queries.
    peak_flops_per_s, hbm_bytes_per_s : float
        Data-sheet rates.
    rate_share : float
        Share of the peak that the two products reach at an endless head dimension.
    score_width : float
        Cost of a score beside its products (exponential, rescaling), in head dimensions.
    overhead_keys : float
        Cost of a row of scores beside its keys (start, end, masked blocks), in keys.
    prologue_s : float
        Time of a block of queries before and after its loop over keys. [s]
    query_passes, kv_passes : float
        Passes over queries and output, and over keys and values, through HBM: reading, rotary, cache, conversion.
    law : PowerLaw
        Power and clock.
    launch_s : float
        Time of the launches of one call. [s]
    backward_share : float
        Rate of the backward pass over the forward's.
    speed : float
        Of this stack's kernels over the reference stack's.
    """

    chip: str
    precision: str
    stack: str
    cores: int
    peak_flops_per_s: float
    hbm_bytes_per_s: float
    rate_share: float
    score_width: float
    overhead_keys: float
    prologue_s: float
    query_passes: float
    kv_passes: float
    law: PowerLaw
    launch_s: float
    backward_share: float = 1.0
    speed: float = 1.0


def attention_cost(
    kernel: AttentionKernel,
    batch: FloatArray | float,
    queries: FloatArray | float,
    keys: FloatArray | float,
    heads: FloatArray | float,
    kv_heads: FloatArray | float,
    head_dim: FloatArray | float,
    *,
    value_dim: FloatArray | float | None = None,
    visible: FloatArray | float = 0.5,
    backward: bool = False,
    steady: bool = True,
) -> Cost:
    """Time, power and clock of one call of fused attention.

    t = launch + passes * bytes / memory rate + max(blocks / cores * block, longest block) / clock, where a block of 128
    queries costs 2 (d_qk + d_v + 2 w) (visible keys + overhead) operations per row, and its prologue.

    Parameters
    ----------
    kernel : AttentionKernel
        Chip, precision and stack.
    batch, heads, kv_heads : array or float
        Sequences, query heads, key and value heads (grouped queries) on this chip. > 0
    queries, keys : array or float
        Queries on this chip and keys that they see, per sequence (fewer queries than keys: context parallel). > 0
    head_dim, value_dim : array or float
        Width of queries and keys; of values where it differs (latent attention, MLA). > 0
    visible : array or float
        Mean share of the keys that a query sees: 0.5 for a causal mask (also context parallel with balanced halves), 1
        without a mask.
    backward : bool
        The backward pass: 2.5 times the products, gradients of all inputs.
    steady : bool
        The power cap sets the clock.

    Raises
    ------
    ScenarioError
        If a dimension is not positive.

    Notes
    -----
    Limits: heads wider than 256 have kernels of their own in most libraries and are not resolved. Sources: the
    algorithm of FlashAttention 2 and 3 (arXiv 2307.08691, 2407.08608); its constants are fitted.
    """
    inputs = (batch, queries, keys, heads, kv_heads, head_dim, head_dim if value_dim is None else value_dim, visible)
    b, s, k, h, g, d, v, share = (np.asarray(x, dtype=np.float64) for x in np.broadcast_arrays(*inputs))
    for name, values in (("batch", b), ("queries", s), ("keys", k), ("heads", h), ("kv_heads", g), ("head_dim", d)):
        if values.size and not float(values.min()) > 0.0:
            raise ScenarioError(f"attention: {name} = {values.min():g}, must be > 0")
    rate = kernel.rate_share * kernel.speed * kernel.peak_flops_per_s / kernel.cores
    work = 1.0 / rate
    if backward:
        work *= _BACKWARD_PRODUCTS / kernel.backward_share
    row = 2.0 * (d + v + 2.0 * kernel.score_width) * _QUERY_ROWS * work
    blocks = b * h * np.ceil(s / _QUERY_ROWS)
    # A causal block computes half a tile beyond its mask.
    seen = share * k + np.where(share < 1.0, 0.5 * _QUERY_ROWS, 0.0) + kernel.overhead_keys
    mean = row * seen + kernel.prologue_s
    longest = row * (k + kernel.overhead_keys) + kernel.prologue_s
    arithmetic = np.maximum(blocks / kernel.cores * mean, longest)
    query_bytes = _ELEMENT_BYTES * b * s * h * (d + v)
    kv_bytes = _ELEMENT_BYTES * b * k * g * (d + v)
    passes = 2.0 if backward else 1.0  # gradients are written beside what is read
    moved = passes * (kernel.query_passes * query_bytes + kernel.kv_passes * kv_bytes)
    flops = 2.0 * (d + v) * b * h * s * k * share * (_BACKWARD_PRODUCTS if backward else 1.0)
    memory = moved / kernel.hbm_bytes_per_s
    return steady_cost(kernel.law, flops, moved, arithmetic, kernel.launch_s + memory, steady=steady)
