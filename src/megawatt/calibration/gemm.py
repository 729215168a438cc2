"""Fit matrix multiplies: what is known before the fit, and which readings count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.calibration.family import Family, power_parameters
from megawatt.calibration.solver import Parameter
from megawatt.catalogue.records import Accelerator
from megawatt.evidence.kernel_tables import KernelTable
from megawatt.hardware.clock import Cost
from megawatt.hardware.cores import CoreLayout
from megawatt.hardware.gemm import gemm_cost
from megawatt.hardware.kernels import gemm_from

__all__ = ["gemm_family"]

# Start values: mid-range of what data sheets and notes on large multiplies give; spreads: how well they are known.
_SHARED: Final[Mapping[str, Parameter]] = {
    "rate_share": Parameter(0.88, 0.1, 0.3, 1.0),
    "edge_rows": Parameter(15.0, 0.7, 0.1, 200.0),
    "prologue_s": Parameter(1e-6, 1.0, 1e-8, 1e-5),
    "wave_overlap": Parameter(0.6, 0.7, 0.01, 1.0),
    "hbm_share": Parameter(0.8, 0.3, 0.2, 0.95),
}


_WARM_ROWS: Final = 3584.0
"""Largest m whose readings follow a series under load in all published tables."""


def _readable(table: KernelTable) -> NDArray[np.bool_]:
    # The collector takes the largest m first and reads NVML, which averages over a second: the first shapes after new
    # weights are read low, whatever they draw [kernel-collector].
    return np.asarray(table.number("m") <= _WARM_ROWS)


def gemm_family(layout: CoreLayout, accelerator: Accelerator, precision: str, powered: bool) -> Family:
    """What `fit_family` needs to fit matrix multiplies of a chip and precision."""
    comes_quantised = precision in ("bf16", "fp16")
    absent = Parameter(1e-12, 1.0, 1e-12, 1e-12)

    def own(part: KernelTable) -> dict[str, Parameter]:
        # A host that launches slower than the chip computes shows as a floor under all times of a stack.
        floor_s = 0.9 * float(part.number("latency_ms").min()) * 1e-3
        return {
            "launch_s": Parameter(2e-6, 1.0, 1e-7, 1e-4),
            "interval_s": Parameter(floor_s, 0.7, 1e-7, 1e-3),
            "quantise_factor": absent if comes_quantised else Parameter(1.3, 0.7, 0.1, 20.0),
            "speed": Parameter(1.0, 0.1, 0.3, 1.5),
        }

    def cost(stack: str, values: Mapping[str, float], table: KernelTable, steady: bool) -> Cost:
        kernel = gemm_from(layout, accelerator, precision, stack, values)
        m, n, k = (table.number(name) for name in "mnk")
        return gemm_cost(kernel, m, n, k, steady=steady)

    return Family({**_SHARED, **power_parameters(accelerator, precision, powered)}, own, cost, _readable)
