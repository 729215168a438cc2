"""Fit published attention curves: TFLOP/s by sequence length, forward and forward with backward."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Accelerator
from megawatt.errors import ScenarioError
from megawatt.hardware.cores import CoreLayout
from megawatt.hardware.fitting.family import FamilyFit, power_parameters
from megawatt.hardware.fitting.solve import Parameter, solve
from megawatt.hardware.flash import AttentionKernel, attention_cost
from megawatt.hardware.kernels import ATTENTION_SHARED, attention_from

__all__ = ["FIT_LENGTHS", "CurveRow", "curve_flops", "curve_times_s", "fit_curves", "read_curves"]

FloatArray = NDArray[np.float64]

# The benchmark of FlashAttention 2 and 3: 16,384 tokens in all, model width 2,048 [kernel-flash-attention].
_TOKENS: Final = 16384.0
_WIDTH: Final = 2048.0
FIT_LENGTHS: Final = (512, 2048, 8192)
"""Sequence lengths to fit on; the others are reported."""
_COLUMNS: Final = ("accelerator", "kernel", "pass", "head_dim", "causal", "seq_len", "tflops")


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One published point."""

    id: str
    chip: str
    kernel: str
    backward: bool
    head_dim: float
    causal: bool
    seq_len: float
    flops_per_s: float
    note: str


def read_curves(path: Path) -> list[CurveRow]:
    """Read a CSV of published attention throughput.

    Raises
    ------
    ScenarioError
        If a column is missing or a number cannot be read.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ScenarioError(f"{path.name}:1: no column {', '.join(missing)}; needed: {', '.join(_COLUMNS)}")
        rows = []
        for place, row in enumerate(reader, 1):
            words = row["pass"].split()
            try:
                numbers = [float(row[name]) for name in ("head_dim", "causal", "seq_len", "tflops")]
            except ValueError as error:
                raise ScenarioError(f"{path.name}:{place + 1}: {error}; numbers are needed") from None
            head, causal, length, rate = numbers
            backward = words[0] == "fwd+bwd"
            note = " ".join(words[1:])
            key = f"{row['accelerator']}-{row['kernel']}-{words[0]}-d{head:g}-c{causal:g}-s{length:g}-{place}"
            rows.append(
                CurveRow(key, row["accelerator"], row["kernel"], backward, head, causal > 0, length, rate * 1e12, note)
            )
    return rows


def curve_flops(row: CurveRow) -> float:
    """Operations that the curves count: the causal half, backward 2.5 times the forward. [FLOP]"""
    forward = 4.0 * _TOKENS * row.seq_len * _WIDTH * (0.5 if row.causal else 1.0)
    return forward * 3.5 if row.backward else forward


def curve_times_s(kernel: AttentionKernel, rows: Sequence[CurveRow]) -> FloatArray:
    """Predicted time of published points of one kernel. [s]"""
    length, head = np.array([r.seq_len for r in rows]), np.array([r.head_dim for r in rows])
    visible = np.array([0.5 if r.causal else 1.0 for r in rows])
    shape = (_TOKENS / length, length, length, _WIDTH / head, _WIDTH / head, head)
    forward = attention_cost(kernel, *shape, visible=visible, steady=False).time_s
    back = attention_cost(kernel, *shape, visible=visible, backward=True, steady=False).time_s
    return np.where([r.backward for r in rows], forward + back, forward)


def fit_curves(layout: CoreLayout, accelerator: Accelerator, rows: Sequence[CurveRow]) -> FamilyFit:
    """Fit the published kernels of one chip on the lengths `FIT_LENGTHS`; the kernel with most points comes first."""
    rows = [r for r in rows if int(r.seq_len) in FIT_LENGTHS and not r.note]
    kernels = sorted({r.kernel for r in rows}, key=lambda k: (-sum(r.kernel == k for r in rows), k))
    parts = {k: [r for r in rows if r.kernel == k] for k in kernels}
    measured = {k: np.array([curve_flops(r) / r.flops_per_s for r in part]) for k, part in parts.items()}
    parameters = {
        "rate_share": Parameter(0.6, 0.4, 0.1, 1.0),
        "prologue_s": Parameter(1e-6, 0.7, 1e-8, 2e-5),
        "backward_share": Parameter(0.9, 0.2, 0.3, 1.3),
        **power_parameters(accelerator, "bf16", False),
    }
    for place, kernel in enumerate(kernels):
        parameters[f"{kernel}|speed"] = Parameter(1.0, 0.5, *((1.0, 1.0) if place == 0 else (0.3, 3.0)))
        parameters[f"{kernel}|score_width"] = Parameter(30.0, 0.7, 1.0, 400.0)
        parameters[f"{kernel}|overhead_keys"] = Parameter(150.0, 0.7, 1.0, 2000.0)

    def own(values: Mapping[str, float], kernel: str) -> dict[str, float]:
        fixed = {
            "launch_s": 5e-6,
            "query_passes": 1.0,
            "kv_passes": 1.0,
        }  # one launch reads and writes each tensor once
        fitted = {name: values[f"{kernel}|{name}"] for name in ("speed", "score_width", "overhead_keys")}
        return {**fixed, **fitted}

    def residuals(values: dict[str, float]) -> FloatArray:
        errors = []
        for kernel, part in parts.items():
            model = attention_from(layout, accelerator, "bf16", kernel, {**values, **own(values, kernel)})
            time = curve_times_s(model, part)
            errors.append(np.log(time / measured[kernel]))
        return np.concatenate(errors)

    values = solve(residuals, parameters)
    shared = {name: values[name] for name in (*ATTENTION_SHARED, "backward_share") if name in values}
    return FamilyFit(accelerator.key, "bf16", shared, {k: own(values, k) for k in kernels})
