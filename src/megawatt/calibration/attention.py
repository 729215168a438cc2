"""Fit fused attention: what is known before the fit, on measured tables and on published curves."""

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
from megawatt.hardware.flash import attention_cost
from megawatt.hardware.kernels import attention_from

__all__ = ["attention_family", "attention_precision"]

# Start: FlashAttention 3 reaches 0.65 of the H100's peak at head 128 and 0.76 at 256, hence about 0.9 at an endless
# head and 30 head dimensions of work per score [kernel-flash-attention].
_SHARED: Final[Mapping[str, Parameter]] = {
    "rate_share": Parameter(0.75, 0.4, 0.1, 2.0),
    "score_width": Parameter(30.0, 0.7, 1.0, 400.0),
    "overhead_keys": Parameter(200.0, 1.0, 1.0, 2000.0),
    "prologue_s": Parameter(1e-6, 1.0, 1e-8, 2e-5),
}


def attention_precision(dtype: str, kv_cache_dtype: str) -> str:
    """Name of a kernel precision: that of the products, ``_kv8`` where keys and values are kept in 8 bits only."""
    return f"{dtype}_kv8" if dtype not in ("fp8", "int8") and kv_cache_dtype in ("fp8", "int8") else dtype


def attention_family(layout: CoreLayout, accelerator: Accelerator, precision: str, powered: bool) -> Family:
    """What `fit_family` needs to fit attention of a chip and precision (forward, causal, whole prompts)."""

    def own(part: KernelTable) -> dict[str, Parameter]:
        del part
        return {
            "launch_s": Parameter(1e-5, 0.5, 1e-6, 1e-4),
            "query_passes": Parameter(1.5, 0.7, 0.2, 10.0),
            "kv_passes": Parameter(1.5, 0.7, 0.2, 10.0),
            "speed": Parameter(1.0, 0.2, 0.2, 2.0),
        }

    def cost(stack: str, values: Mapping[str, float], table: KernelTable, steady: bool) -> Cost:
        kernel = attention_from(layout, accelerator, precision, stack, values)
        number = table.number
        return attention_cost(
            kernel,
            number("batch_size"),
            number("isl"),
            number("isl"),
            number("num_heads"),
            number("num_key_value_heads"),
            number("head_dim"),
            steady=steady,
        )

    shared = {**_SHARED, **power_parameters(accelerator, precision, powered)}
    return Family(shared, own, cost, _readable)


def _readable(table: KernelTable) -> NDArray[np.bool_]:
    return np.ones(len(table), dtype=np.bool_)
