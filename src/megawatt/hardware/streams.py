"""Time, power and energy of memory-bound operators: norms, activations, rotary, residual, loss, optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.hardware.clock import Cost

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue
    from megawatt.catalogue.records import Accelerator

__all__ = ["STREAM_BYTES", "StreamKernel", "StreamOperator", "stream_cost", "stream_kernel"]

FloatArray = NDArray[np.float64]
StreamOperator = Literal[
    "copy", "norm", "norm_backward", "gated_activation", "gated_activation_backward", "rotary", "residual",
    "cross_entropy", "cross_entropy_backward", "adam", "cast",
]  # fmt: skip

STREAM_BYTES: Final[Mapping[str, float]] = MappingProxyType(
    {
        # Bytes through HBM per element in 16 bits, each tensor read or written once by a fused kernel.
        "copy": 4.0,  # read, write
        "norm": 4.0,  # read, write; the row's statistics are negligible
        "norm_backward": 6.0,  # read the input and the gradient, write the gradient
        "gated_activation": 6.0,  # read two halves, write one (per element of the output)
        "gated_activation_backward": 10.0,  # read two halves and the gradient, write two gradients
        "rotary": 4.0,  # read, write; the table is shared by all heads
        "residual": 6.0,  # read two, write one
        "cross_entropy": 2.0,  # one pass over the logits (running maximum and sum)
        "cross_entropy_backward": 4.0,  # read the logits, write their gradient
        "adam": 30.0,  # fp32 master, two moments read and written (24), 16-bit gradient and weight, fp32 gradient sum
        "cast": 3.0,  # read 16 bits, write 8
    }
)
"""Bytes per element of each operator."""
_SMALL_BYTES: Final = 4e6
"""Half of the memory rate is reached by streams of this size; TPU v7 copies reach 0.37 of theirs at 2 MiB and 0.87 at
8 GiB [google-tpu-recipes]."""


@dataclass(frozen=True, slots=True)
class StreamKernel:
    """Memory-bound kernels of one chip: sustained memory rate [B/s], launch [s], power idle and while streaming. [W]"""

    chip: str
    stream_bytes_per_s: float
    launch_s: float
    idle_w: float
    byte_j: float
    cap_w: float


def stream_kernel(catalogue: Catalogue, accelerator: Accelerator, *, launch_s: float = 2e-6) -> StreamKernel:
    """Memory-bound kernels of a chip from its sustained memory rate and the energy of a byte.

    Parameters
    ----------
    catalogue : Catalogue
        ``hbm_achieved_bytes_per_s`` of the chip where it was measured, else the usual share of the data sheet.
    accelerator : Accelerator
        The chip.
    launch_s : float
        Time of one launch; 2 us is the floor of small kernels in CUDA graphs [kernel-measurements].
    """
    from megawatt.hardware.kernels import gemm_kernel
    from megawatt.hardware.profile import kernel_profile

    rate = kernel_profile(catalogue, accelerator).hbm_flow_bytes_per_s
    kernel, _ = gemm_kernel(catalogue, accelerator, "bf16")
    return StreamKernel(
        accelerator.key, rate, launch_s, accelerator.power_idle_w, kernel.law.byte_j, accelerator.power_cap_w
    )


def stream_cost(
    kernel: StreamKernel,
    operator: StreamOperator,
    elements: FloatArray | float,
    *,
    kernels: FloatArray | float = 1.0,
    element_factor: float = 1.0,
) -> Cost:
    """Time and power of a memory-bound operator.

    t = kernels * launch + (bytes + small) / rate, where ``small`` is what an endless stream would move while the
    pipeline fills, at most the bytes themselves.

    Parameters
    ----------
    kernel : StreamKernel
        The chip.
    operator : str
        A key of `STREAM_BYTES`.
    elements : array or float
        Elements of the operator's output (parameters, for ``adam``). >= 0
    kernels : array or float
        Launches.
    element_factor : float
        Element size over 16 bits.

    Raises
    ------
    ScenarioError
        If the operator is not known.
    """
    if operator not in STREAM_BYTES:
        raise ScenarioError(f"memory-bound operator {operator!r} is not known; allowed: {', '.join(STREAM_BYTES)}")
    count, launches = np.broadcast_arrays(np.asarray(elements, dtype=np.float64), kernels)
    moved = STREAM_BYTES[operator] * element_factor * count
    time = launches * kernel.launch_s + (moved + np.minimum(moved, _SMALL_BYTES)) / kernel.stream_bytes_per_s
    dynamic = moved * kernel.byte_j / np.maximum(time, 1e-12)
    power = kernel.idle_w + np.minimum(dynamic, kernel.cap_w - kernel.idle_w)
    return Cost(np.asarray(time), np.asarray(power), np.ones_like(moved))
