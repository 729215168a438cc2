"""Fit expert layers: what is known before the fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.calibration.family import Family, power_parameters
from megawatt.calibration.solver import Parameter
from megawatt.catalogue.records import Accelerator
from megawatt.evidence.kernel_rows import LOADS
from megawatt.evidence.kernel_tables import KernelTable
from megawatt.hardware.clock import Cost
from megawatt.hardware.cores import CoreLayout
from megawatt.hardware.experts import ExpertKernel, ExpertShape, expert_cost
from megawatt.hardware.kernels import experts_from

__all__ = ["experts_family", "is_gated", "load_exponent", "rows_cost"]

_SHARED: Final[Mapping[str, Parameter]] = {
    "rate_share": Parameter(0.9, 0.3, 0.1, 1.5),
    "hbm_share": Parameter(0.85, 0.15, 0.2, 0.98),
    "core_bytes_per_s": Parameter(1e11, 0.5, 1e9, 2e12),
    "step_s": Parameter(8e-8, 0.5, 1e-9, 2e-6),
    "wave_overlap": Parameter(0.5, 0.7, 0.01, 1.0),
    "expert_s": Parameter(5e-8, 1.0, 1e-10, 2e-6),
    "topk_s": Parameter(2e-5, 0.5, 1e-6, 1e-4),
    "sort_passes": Parameter(50.0, 0.7, 0.01, 1000.0),
}
_LEAN: Final[Mapping[str, Mapping[str, Parameter]]] = {"nvfp4": {"lean_share": Parameter(0.9, 0.4, 0.2, 1.5)}}
"""Only the 4-bit tables hold low-latency kernels."""
_UNGATED_TOPK: Final = 22.0
"""Geometries with 22 of 512 experts are Nemotron 3's, whose experts have one input product (squared ReLU). TensorRT-LLM
runs them so (weights would otherwise stream faster than HBM can); the vLLM runs gate all geometries."""
_ABOVE_READING: Final = 0.3
"""Each layer is set up before its run of one second, and NVML averages over a second [kernel-collector]."""
_SCALE: Final = 0.1
"""Errors beyond this hardly count: up to a fifth of a table's rows ran kernels that were not tuned."""


def load_exponent(distribution: str) -> float:
    """Exponent of a load law that a table may name (`LOADS`): ``balanced`` is 0, ``power_law_1.2`` is 1.2."""
    law = LOADS.fullmatch(distribution)
    assert law is not None, distribution
    return float(law.group(1) or 0.0)


def is_gated(topk: NDArray[np.float64], stack: str) -> NDArray[np.float64]:
    """1 where a measured geometry has two input products, else 0."""
    return np.where((topk == _UNGATED_TOPK) & (not stack.startswith("vllm")), 0.0, 1.0)


def rows_cost(kernel: ExpertKernel, table: KernelTable, stack: str, steady: bool) -> Cost:
    """Cost of the rows of a table that a stack measured."""
    number = table.number
    shape = ExpertShape(
        number("num_tokens"),
        number("topk"),
        number("num_experts"),
        number("hidden_size"),
        number("inter_size"),
        tensor_parallel=number("moe_tp_size"),
        expert_parallel=number("moe_ep_size"),
        alpha=np.array([load_exponent(str(d)) for d in table.word("distribution")]),
        gated=is_gated(number("topk"), stack),
    )
    return expert_cost(kernel, shape, steady=steady)


def experts_family(layout: CoreLayout, accelerator: Accelerator, precision: str, powered: bool) -> Family:
    """What `fit_family` needs to fit expert layers of a chip and precision."""

    def own(part: KernelTable) -> dict[str, Parameter]:
        shortest_s = float(part.number("latency_ms").min()) * 1e-3
        return {
            "launch_s": Parameter(shortest_s, 0.5, 1e-6, 2e-4),
            "row_passes": Parameter(5.0, 0.5, 0.01, 40.0),
            "speed": Parameter(1.0, 0.3, 0.1, 2.0),
            "stream_share": Parameter(1.0, 0.2, 0.1, 1.5),
        }

    def cost(stack: str, values: Mapping[str, float], table: KernelTable, steady: bool) -> Cost:
        return rows_cost(experts_from(layout, accelerator, precision, stack, values), table, stack, steady)

    shared = {**_SHARED, **_LEAN.get(precision, {}), **power_parameters(accelerator, precision, powered)}
    return Family(
        shared,
        own,
        cost,
        _readable,
        scale=_SCALE,
        loss="cauchy",
        relative=("speed", "stream_share"),
        above_reading=_ABOVE_READING,
    )


def _readable(table: KernelTable) -> NDArray[np.bool_]:
    return np.ones(len(table), dtype=np.bool_)
