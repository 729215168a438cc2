"""Time, power and energy of matrix multiplies, resolved in tiles, over arrays of shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.hardware.clock import Cost, PowerLaw, steady_cost
from megawatt.hardware.cores import Tile, counted_waves, element_bytes

__all__ = ["GemmKernel", "gemm_cost", "gemm_kernel_s"]


_OUTPUT_BYTES: Final = 2.0
"""Results are written in 16 bits. [B]"""
_MOST_SPLITS: Final = 8.0
"""Most parts that libraries cut k into (split-k, stream-k) when the tiles do not fill the chip."""
_PARTIAL_BYTES: Final = 8.0
"""Split-k writes and reads partial sums in fp32."""
_BLOCK: Final = 8192
"""Shapes per pass: working arrays stay in the second-level cache."""


@dataclass(frozen=True, slots=True)
class GemmKernel:
    """Matrix multiplies of one chip, precision and software stack.

    Attributes
    ----------
    chip, precision, stack : str
        What it describes.
    tiles : tuple of Tile
        Tile sizes to choose from.
    cores : int
        Units that work on tiles.
    peak_flops_per_s, hbm_bytes_per_s : float
        Data-sheet rates.
    rate_share : float
        Share of the peak inside an endless tile at the full clock.
    edge_rows : float
        Delivering operands costs a tile 1 + edge * (1/rows + 1/columns) of its arithmetic.
    prologue_s : float
        Time of a wave before and after its k-loop. [s]
    wave_overlap : float
        Share of an unfinished last wave that others hide, 0 (none) to 1 (all).
    hbm_share : float
        Share of the memory rate.
    law : PowerLaw
        Power and clock.
    launch_s : float
        Time between kernels. [s]
    interval_s : float
        Shortest time between two launches by the host. [s]
    quantise_factor : float
        Time of quantising the left operand in a kernel of its own, over its bytes (16-bit in, quantised out) at the
        memory rate; 0 where the operand comes quantised.
    speed : float
        Of this stack's kernels, over the reference stack's.
    """

    chip: str
    precision: str
    stack: str
    tiles: tuple[Tile, ...]
    cores: int
    peak_flops_per_s: float
    hbm_bytes_per_s: float
    rate_share: float
    edge_rows: float
    prologue_s: float
    wave_overlap: float
    hbm_share: float
    law: PowerLaw
    launch_s: float
    interval_s: float = 0.0
    quantise_factor: float = 0.0
    speed: float = 1.0


def _tile_s(kernel: GemmKernel, tile: Tile, m: FloatArray, n: FloatArray, k: FloatArray) -> FloatArray:
    """Arithmetic time with one tile size, k split where the tiles leave cores idle. [s]"""
    slots = max(kernel.cores // tile.cores, 1)
    rate = kernel.rate_share * kernel.speed * kernel.peak_flops_per_s / kernel.cores
    per_k = 2.0 * tile.rows * tile.columns / tile.cores / rate
    per_k *= 1.0 + kernel.edge_rows * (1.0 / tile.rows + 1.0 / tile.columns)
    count = np.ceil(m * (1.0 / tile.rows))
    count *= np.ceil(n * (1.0 / tile.columns))
    loop = k * per_k
    time = counted_waves(count * (1.0 / slots), kernel.wave_overlap) * (loop + kernel.prologue_s)
    few = np.flatnonzero(count * 2.0 <= slots)
    if few.size:
        splits = np.clip(np.floor(slots / count[few]), 1.0, _MOST_SPLITS)
        parts = counted_waves(count[few] * splits / slots, kernel.wave_overlap) * (
            loop[few] / splits + kernel.prologue_s
        )
        # The partial sums stay in the chip's cache: they cost a second prologue and their share of traffic.
        parts += kernel.prologue_s + splits * m[few] * n[few] * (_PARTIAL_BYTES / 4.0 / kernel.hbm_bytes_per_s)
        time[few] = np.minimum(time[few], parts)
    return time


def gemm_kernel_s(kernel: GemmKernel, m: FloatArray, n: FloatArray, k: FloatArray) -> FloatArray:
    """Arithmetic time at the full clock of C[m, n] = A[m, k] B[k, n] with the best tile. [s]

    t = min over tiles of waves * (k-loop + prologue); waves = ceil(tiles / cores), its tail partly hidden.
    """
    best = _tile_s(kernel, kernel.tiles[0], m, n, k)
    for tile in kernel.tiles[1:]:
        np.minimum(best, _tile_s(kernel, tile, m, n, k), out=best)
    return best


def _block_cost(kernel: GemmKernel, m: FloatArray, n: FloatArray, k: FloatArray, steady: bool) -> Cost:
    width = element_bytes(kernel.precision)
    rate = kernel.hbm_share * kernel.hbm_bytes_per_s
    moved = width * (m + n) * k + _OUTPUT_BYTES * m * n
    quantised = (2.0 + width) * m * k if kernel.quantise_factor > 0.0 else np.zeros_like(m)
    quantise_s = kernel.quantise_factor * quantised / rate
    arithmetic = gemm_kernel_s(kernel, m, n, k)
    # A memory-bound kernel does not slow with the clock: what it waits for memory is counted apart.
    waiting = np.maximum(moved / rate - arithmetic, 0.0)
    return steady_cost(
        kernel.law,
        2.0 * m * n * k,
        moved + quantised,
        arithmetic,
        waiting + quantise_s + kernel.launch_s,
        floor_s=kernel.interval_s,
        steady=steady,
    )


def gemm_cost(
    kernel: GemmKernel, m: FloatArray | float, n: FloatArray | float, k: FloatArray | float, *, steady: bool = True
) -> Cost:
    """Time, power and clock of matrix multiplies C[m, n] = A[m, k] B[k, n], one launch each.

    t = max(interval, launch + quantise + max(waves * (k-loop + prologue) / clock, bytes / memory rate)).

    Parameters
    ----------
    kernel : GemmKernel
        Chip, precision and stack.
    m, n, k : array or float, shape (...,)
        Dimensions; fractions are averages. > 0
    steady : bool
        True: the power cap sets the clock, as in training. False: a run of milliseconds at the full clock.

    Returns
    -------
    Cost
        Arrays of the broadcast shape.

    Raises
    ------
    ScenarioError
        If a dimension is not positive.

    Notes
    -----
    Limits: transposed operands and unaligned dimensions cost the same; only compulsory HBM traffic is counted.
    Sources: tile and wave quantisation as in NVIDIA's matrix multiplication guide [nvidia-matmul-guide]; roofline
    (Williams 2009, doi 10.1145/1498765.1498785).
    """
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (m, n, k)))
    for name, values in zip("mnk", arrays, strict=True):
        if values.size and not float(values.min()) > 0.0:
            raise ScenarioError(f"matrix multiply: {name} = {values.min():g}, must be > 0")
    flat = [np.ascontiguousarray(v).ravel() for v in arrays]
    out = [np.empty(flat[0].size) for _ in range(4)]
    for start in range(0, flat[0].size, _BLOCK):
        part = slice(start, start + _BLOCK)
        cost = _block_cost(kernel, flat[0][part], flat[1][part], flat[2][part], steady)
        for whole, found in zip(out, (cost.time_s, cost.power_w, cost.clock_share, cost.clocked_s), strict=True):
            whole[part] = found
    return Cost(*(values.reshape(arrays[0].shape) for values in out))
