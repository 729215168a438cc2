"""Fit published attention curves: TFLOP/s by sequence length, forward, backward or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.calibration.family import FamilyFit, power_parameters
from megawatt.calibration.solver import Parameter, solve, standard_errors
from megawatt.catalogue.records import Accelerator
from megawatt.files import read_table
from megawatt.hardware.cores import CoreLayout
from megawatt.hardware.flash import AttentionKernel, attention_cost
from megawatt.hardware.kernels import ATTENTION_SHARED, attention_from

__all__ = ["FIT_LENGTHS", "CurveRow", "curve_flops", "curve_times_s", "fit_curves", "read_curves"]


# The benchmark of FlashAttention 2 and 3: 16,384 tokens in all, model width 2,048 [kernel-flash-attention].
_TOKENS: Final = 16384.0
_WIDTH: Final = 2048.0
"""Model width of that benchmark."""
_ONE_LAUNCH: Final[Mapping[str, float]] = {"launch_s": 5e-6, "query_passes": 1.0, "kv_passes": 1.0}
FIT_LENGTHS: Final = (512, 2048, 8192)
"""Sequence lengths to fit on; the others are reported."""
_COLUMNS: Final = ("accelerator", "kernel", "pass", "head_dim", "causal", "seq_len", "tflops")
_PASSES: Final[Mapping[str, tuple[bool, bool]]] = {"fwd": (True, False), "bwd": (False, True), "fwd+bwd": (True, True)}
"""Passes that a row times: forward, backward."""


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One published point; ``shape``: sequences, query heads, key and value heads, width of values."""

    id: str
    chip: str
    kernel: str
    forward: bool
    backward: bool
    head_dim: float
    causal: bool
    seq_len: float
    flops_per_s: float
    note: str
    shape: tuple[float, float, float, float]


def read_curves(path: Path) -> list[CurveRow]:
    """Read a CSV of published attention throughput.

    Columns ``batch_size``, ``num_heads``, ``num_key_value_heads`` and ``value_dim`` may be left out: the benchmark of
    FlashAttention 2 and 3 then.

    Raises
    ------
    ScenarioError
        If a column is missing or a number cannot be read.
    """
    rows = []
    for place, row in enumerate(read_table(path, _COLUMNS).rows, 1):
        direction, *words = row["pass"].split() or [""]
        if direction not in _PASSES:
            raise row.wrong("pass", f"{', '.join(_PASSES)}, and words after it")
        head, length = row.number("head_dim", 1.0, 1e4), row.number("seq_len", 1.0, 1e8)
        causal, rate = row.number("causal", 0.0, 1.0), row.number("tflops", 1e-6, 1e6)
        key = f"{row['accelerator']}-{row['kernel']}-{direction}-d{head:g}-c{causal:g}-s{length:g}-{place}"
        usual = {
            "batch_size": _TOKENS / length, "num_heads": _WIDTH / head, "num_key_value_heads": _WIDTH / head,
            "value_dim": head,
        }  # fmt: skip
        batch, heads, kv_heads, value = (row.number(n, 1e-6, 1e6) if row.get(n) else usual[n] for n in usual)
        rows.append(
            CurveRow(
                key, row["accelerator"], row["kernel"], *_PASSES[direction], head, causal > 0, length, rate * 1e12,
                " ".join(words), (batch, heads, kv_heads, value),
            )
        )  # fmt: skip
    return rows


def curve_flops(row: CurveRow) -> float:
    """Operations that the curves count: the causal half, backward 2.5 times the forward. [FLOP]"""
    batch, heads, _, value_dim = row.shape
    once = 2.0 * batch * heads * row.seq_len**2 * (row.head_dim + value_dim) * (0.5 if row.causal else 1.0)
    return once * (row.forward + 2.5 * row.backward)


def curve_times_s(kernel: AttentionKernel, rows: Sequence[CurveRow]) -> FloatArray:
    """Predicted time of published points of one kernel. [s]"""
    length, head = np.array([r.seq_len for r in rows]), np.array([r.head_dim for r in rows])
    visible = np.array([0.5 if r.causal else 1.0 for r in rows])
    batch, heads, kv_heads, value_dim = np.array([r.shape for r in rows]).T
    shape = (batch, length, length, heads, kv_heads, head)
    forward, back = (
        attention_cost(kernel, *shape, value_dim=value_dim, visible=visible, backward=b, steady=False).time_s
        for b in (False, True)
    )
    return np.asarray(forward * [r.forward for r in rows] + back * [r.backward for r in rows])


@dataclass(frozen=True, slots=True)
class _Curves:
    """Published kernels of one chip, the one with most points first: what is fitted, and the errors."""

    layout: CoreLayout
    accelerator: Accelerator
    parts: Mapping[str, Sequence[CurveRow]]
    energies: Mapping[str, float]

    def parameters(self) -> dict[str, Parameter]:
        """Shared ones, and ``kernel|name`` of each kernel."""
        found = {
            "rate_share": Parameter(0.6, 0.4, 0.1, 1.0),
            "prologue_s": Parameter(1e-6, 0.7, 1e-8, 2e-5),
            "backward_share": Parameter(0.9, 0.2, 0.3, 1.3),
            **power_parameters(self.accelerator, "bf16", False),
            **{name: Parameter(value, 0.1, value, value) for name, value in self.energies.items()},
        }
        for place, kernel in enumerate(self.parts):
            found[f"{kernel}|speed"] = Parameter(1.0, 0.5, *((1.0, 1.0) if place == 0 else (0.3, 3.0)))
            found[f"{kernel}|score_width"] = Parameter(30.0, 0.7, 1.0, 400.0)
            found[f"{kernel}|overhead_keys"] = Parameter(150.0, 0.7, 1.0, 2000.0)
        return found

    @staticmethod
    def own(values: Mapping[str, float], kernel: str) -> dict[str, float]:
        """Numbers of one kernel; one launch reads and writes each tensor once."""
        names = [n for n in ("speed", "score_width", "overhead_keys") if f"{kernel}|{n}" in values]
        return {**_ONE_LAUNCH, **{name: values[f"{kernel}|{name}"] for name in names}}

    def residuals(self, values: dict[str, float]) -> FloatArray:
        """Logarithmic errors of time."""
        errors = []
        for kernel, part in self.parts.items():
            numbers = {**values, **self.own(values, kernel)}
            model = attention_from(self.layout, self.accelerator, "bf16", kernel, numbers)
            measured = np.array([curve_flops(r) / r.flops_per_s for r in part])
            errors.append(np.log(curve_times_s(model, part) / measured))
        return np.concatenate(errors)

    def clusters(self) -> NDArray[np.integer]:
        """Curve of each point."""
        rows = [r for part in self.parts.values() for r in part]
        names = [f"{r.kernel} {r.forward} {r.backward} {r.head_dim} {r.causal}" for r in rows]
        return np.unique(names, return_inverse=True)[1]


def fit_curves(
    layout: CoreLayout, accelerator: Accelerator, rows: Sequence[CurveRow], energies: Mapping[str, float]
) -> FamilyFit:
    """Fit the published kernels of one chip on the lengths `FIT_LENGTHS`; the kernel with most points comes first.

    ``energies`` of its arithmetic and memory, and its clock exponent, where they were measured: curves have no power.
    """
    curves = _curves(layout, accelerator, rows, energies)
    values = solve(curves.residuals, curves.parameters())
    shared = {name: values[name] for name in (*ATTENTION_SHARED, "backward_share") if name in values}
    fit = FamilyFit(accelerator.key, "bf16", shared, {k: curves.own(values, k) for k in curves.parts})
    return _with_errors(fit, curves)


def _with_errors(fit: FamilyFit, curves: _Curves) -> FamilyFit:
    """The fit with the standard errors of its numbers; points of one curve err together."""
    values = {**fit.shared, **{f"{k}|{n}": v for k, own in fit.stacks.items() for n, v in own.items()}}
    errors = standard_errors(curves.residuals, curves.parameters(), values, curves.clusters())
    own = {k: {n: e for n, e in curves.own(errors, k).items() if n not in _ONE_LAUNCH} for k in curves.parts}
    return replace(fit, shared_errors={n: e for n, e in errors.items() if "|" not in n}, stack_errors=own)


def _curves(
    layout: CoreLayout, accelerator: Accelerator, rows: Sequence[CurveRow], energies: Mapping[str, float]
) -> _Curves:
    rows = [r for r in rows if int(r.seq_len) in FIT_LENGTHS and not r.note]
    kernels = sorted({r.kernel for r in rows}, key=lambda k: (-sum(r.kernel == k for r in rows), k))
    return _Curves(layout, accelerator, {k: [r for r in rows if r.kernel == k] for k in kernels}, energies)
