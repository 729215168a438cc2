"""Matrix multiplies as training runs them: the measured kernels of a chip, one after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Accelerator, Assumption
from megawatt.errors import MegawattError
from megawatt.hardware import GemmKernel, KernelProfile, gemm_cost, gemm_kernel, gemm_time_s, grouped_gemm_time_s

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["multiplies", "multiply_s"]

FloatArray = NDArray[np.float64]

_TRAINED: Final = ("bf16", "fp16", "fp8", "mxfp8", "nvfp4", "mxfp4")
_INPUT_BYTES: Final[Mapping[str, float]] = MappingProxyType({"fp8": 1.0, "mxfp8": 1.0, "nvfp4": 0.5, "mxfp4": 0.5})
_LARGE: Final = 8192.0
"""Side of the multiply whose rate is compared with a published best."""


def multiplies(
    catalogue: Catalogue, accelerator: Accelerator, profile: KernelProfile
) -> tuple[Mapping[str, GemmKernel], tuple[Assumption, ...]]:
    """Kernels of a chip by precision, and the facts behind them.

    A chip that was not measured has the tiles and waves of its nearest relative, at the level of its own published best
    multiply where there is one. Launches follow each other at the profile's rate: in training the host is modelled
    apart, and casts to narrow types are counted with the memory-bound operators.

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``kernel-gemm-...``.
    accelerator : Accelerator
        The chip; its own data sheet and power cap count.
    profile : KernelProfile
        Launch time.
    """
    kernels: dict[str, GemmKernel] = {}
    used: list[Assumption] = []
    for precision in _TRAINED:
        if precision not in accelerator.peak_flops_per_s:
            continue
        try:
            kernel, found = gemm_kernel(catalogue, accelerator, precision)
        except MegawattError:
            # No relative was measured either: the coarser model of the profile stays.
            continue
        kernel = replace(kernel, launch_s=profile.launch_s, interval_s=0.0, quantise_factor=0.0)
        best = catalogue.get(accelerator.key).facts.get(f"gemm_achieved_{precision}_flops_per_s")
        if best is not None and found.chip != catalogue.get(accelerator.key).key:
            kernel = replace(kernel, speed=kernel.speed * _level(catalogue, accelerator, kernel, best.number()))
            used.append(Assumption(f"{accelerator.key}.gemm_achieved_{precision}_flops_per_s", "training", best))
        kernels[precision] = kernel
        used.extend(found.assumptions)
    return MappingProxyType(kernels), tuple(used)


def _level(catalogue: Catalogue, accelerator: Accelerator, kernel: GemmKernel, best_flops_per_s: float) -> float:
    """Published best rate over the kernel's rate on a large multiply, both as shares of the peak they belong to."""
    time_s = float(gemm_cost(kernel, _LARGE, _LARGE, _LARGE, steady=False).time_s)
    listed = catalogue.number(accelerator.key, f"peak_{kernel.precision}_flops_per_s")
    share = 2.0 * _LARGE**3 / time_s / kernel.peak_flops_per_s
    return best_flops_per_s / listed / share


def multiply_s(
    profile: KernelProfile,
    kernels: Mapping[str, GemmKernel],
    m: FloatArray,
    n: FloatArray,
    k: FloatArray,
    count: FloatArray,
    precision: str,
    *,
    grouped: bool = False,
    batched: bool = False,
) -> FloatArray:
    """Time of ``count`` multiplies C[m, n] = A[m, k] B[k, n]. [s]

    Grouped and batched ones are one launch: their tiles fill the chip together, and every one reads operands of its
    own. In groups, whose rows differ, the last tile is half empty on average.

    Parameters
    ----------
    profile : KernelProfile
        Tile rows of grouped multiplies; the coarser model, where ``kernels`` lacks the precision.
    kernels : mapping of str to GemmKernel
        By precision.
    m, n, k, count : array, shape (...,)
        Dimensions and number; fractions are averages. > 0
    precision : str
        Of the operands.
    grouped, batched : bool
        One launch over experts, or over equal multiplies.
    """
    kernel = kernels.get(precision)
    if kernel is None:
        time = grouped_gemm_time_s if grouped else gemm_time_s
        return time(profile, m, n, k, count, precision)
    if not grouped and not batched:
        return np.asarray(count * gemm_cost(kernel, m, n, k).time_s)
    rows = m + profile.expert_tile_rows / 2.0 if grouped else m
    together = gemm_cost(kernel, rows * count, n, k).time_s
    width = _INPUT_BYTES.get(precision, 2.0)
    moved = count * (width * (m * k + k * n) + 2.0 * m * n)
    return np.maximum(together, moved / profile.hbm_flow_bytes_per_s)
