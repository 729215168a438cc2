"""Times of single operators on one chip, over arrays of shapes."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.hardware.profile import KernelProfile

__all__ = ["attention_time_s", "gemm_time_s", "grouped_gemm_time_s", "vector_time_s"]


_INPUT_BYTES: Final = {"fp8": 1.0, "mxfp8": 1.0, "int8": 1.0, "fp4": 0.5, "nvfp4": 0.5, "mxfp4": 0.5}
_OUTPUT_BYTES: Final = 2.0
"""Results are written in 16 bits. [B]"""


def _meet(profile: KernelProfile, arithmetic_s: FloatArray, memory_s: FloatArray) -> FloatArray:
    """Time of an operator that needs both; the larger of them with a rounded corner."""
    p = profile.roofline_exponent
    longer = np.maximum(np.maximum(arithmetic_s, memory_s), 1e-300)
    return np.asarray(longer * ((arithmetic_s / longer) ** p + (memory_s / longer) ** p) ** (1.0 / p))


def gemm_time_s(
    profile: KernelProfile, m: FloatArray, n: FloatArray, k: FloatArray, count: FloatArray, precision: str
) -> FloatArray:
    """Time of ``count`` matrix multiplies C[m, n] = A[m, k] B[k, n]. [s]

    t = launch + ((2 m n k / rate)^p + (bytes / memory rate)^p)^(1/p), inputs in ``precision``, output in 16 bits.

    Parameters
    ----------
    profile : KernelProfile
        The chip.
    m, n, k, count : array, shape (...,)
        Dimensions and number; fractions are averages. > 0
    precision : str
        A key of ``profile.gemm_flops_per_s``.

    Notes
    -----
    Limits: tiles and waves are not resolved; on 2,000 measured shapes of one chip the mean error of this form is 6 %
    in 16 bits with one rate fitted. Sources: roofline (Williams 2009, doi 10.1145/1498765.1498785).
    """
    arithmetic = 2.0 * m * n * k / profile.gemm_flops_per_s[precision]
    width = _INPUT_BYTES.get(precision, 2.0)
    memory = (width * (m * k + k * n) + _OUTPUT_BYTES * m * n) / profile.hbm_flow_bytes_per_s
    return count * (profile.launch_s + _meet(profile, arithmetic, memory))


def grouped_gemm_time_s(
    profile: KernelProfile, m: FloatArray, n: FloatArray, k: FloatArray, count: FloatArray, precision: str
) -> FloatArray:
    """Time of one launch over ``count`` experts with ``m`` rows each on average. [s]

    As `gemm_time_s`, with one launch, and half a tile of empty rows per expert, because the number of tokens of an
    expert is not a multiple of the tile.
    """
    rows = m + profile.expert_tile_rows / 2.0
    return profile.launch_s + gemm_time_s(profile, rows, n, k, count, precision) - count * profile.launch_s


def attention_time_s(profile: KernelProfile, flops: FloatArray, keys: FloatArray | float) -> FloatArray:
    """Time of fused attention. [s]

    t = launch + flops / (rate_16bit * share * keys / (keys + half)): short rows of scores leave the chip idle.

    Parameters
    ----------
    profile : KernelProfile
        The chip.
    flops : array, shape (...,)
        Executed FLOPs (causal half; a backward pass executes 2.5 times the forward). [FLOP], >= 0; 0 takes no time
    keys : array or float
        Length of the rows of scores. [tokens], > 0

    Notes
    -----
    Sources: form and constants from the published curves of FlashAttention 2 and 3 (arXiv 2307.08691, 2407.08608).
    """
    rate = profile.peak_flops_per_s.get("bf16", profile.peak_flops_per_s.get("fp16", np.nan))
    share = profile.attention_share * keys / (keys + profile.attention_half_tokens)
    return np.where(flops > 0.0, profile.launch_s + flops / (rate * share), 0.0)


def vector_time_s(profile: KernelProfile, moved_bytes: FloatArray, kernels: float) -> FloatArray:
    """Time of memory-bound operators: bytes over the memory rate plus one launch each. [s]"""
    return moved_bytes / profile.hbm_flow_bytes_per_s + kernels * profile.launch_s
