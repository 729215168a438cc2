"""Fit the matrix multiplies of one chip and precision on measured shapes of one or more software stacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Accelerator
from megawatt.hardware.cores import CoreLayout, peak_of
from megawatt.hardware.fitting.solve import Parameter, solve
from megawatt.hardware.gemm import GemmKernel, gemm_cost
from megawatt.hardware.kernels import GEMM_SHARED, GEMM_STACK, gemm_from
from megawatt.hardware.measurements import KernelTable

__all__ = ["POWER_FROM_S", "WARM_ROWS", "GemmFit", "fit_gemm"]

FloatArray = NDArray[np.float64]

POWER_FROM_S: Final = 2e-4
"""Readings of shorter kernels mix in the gaps between launches."""
WARM_ROWS: Final = 3584
"""The collector takes the largest m first and reads NVML, which averages over a second: the first shapes after new
weights are read low, whatever they draw [kernel-collector]. Readings of larger m are not fitted."""
_POWER_WEIGHT: Final = 0.5

# Start values: mid-range of what data sheets and notes on large multiplies give; spreads: how well they are known.
_START: Final[Mapping[str, Parameter]] = {
    "rate_share": Parameter(0.88, 0.1, 0.3, 1.0),
    "edge_rows": Parameter(15.0, 0.7, 0.1, 200.0),
    "prologue_s": Parameter(1e-6, 1.0, 1e-8, 1e-5),
    "wave_overlap": Parameter(0.6, 0.7, 0.01, 1.0),
    "hbm_share": Parameter(0.8, 0.3, 0.2, 0.95),
    "clock_exponent": Parameter(2.0, 0.3, 1.0, 3.0),
}
_START_STACK: Final[Mapping[str, Parameter]] = {
    "launch_s": Parameter(2e-6, 1.0, 1e-7, 1e-4),
    "quantise_factor": Parameter(1.3, 0.7, 0.1, 20.0),
    "speed": Parameter(1.0, 0.1, 0.3, 1.5),
}


@dataclass(frozen=True, slots=True)
class GemmFit:
    """Fitted numbers of one chip and precision: shared ones, and those of each stack (the reference stack first)."""

    chip: str
    precision: str
    shared: Mapping[str, float]
    stacks: Mapping[str, Mapping[str, float]]

    def values(self, stack: str) -> dict[str, float]:
        """Shared numbers and those of a stack."""
        return {**self.shared, **self.stacks[stack]}


def is_steady(table: KernelTable) -> NDArray[np.bool_]:
    """Rows whose run was long enough for a power reading: the power cap sets their clock."""
    return np.isfinite(table.number("power_w"))


def times_s(kernel: GemmKernel, table: KernelTable) -> tuple[FloatArray, FloatArray]:
    """Predicted time [s] and power [W] of the rows of a table, steady where they were measured steady."""
    m, n, k = (table.number(name) for name in "mnk")
    steady = is_steady(table)
    time, power = np.empty(len(table)), np.empty(len(table))
    for flag in (False, True):
        rows = steady == flag
        if rows.any():
            cost = gemm_cost(kernel, m[rows], n[rows], k[rows], steady=flag)
            time[rows], power[rows] = cost.time_s, cost.power_w
    return time, power


def _parameters(
    accelerator: Accelerator, precision: str, stacks: Mapping[str, float], powered: bool
) -> dict[str, Parameter]:
    peak = peak_of(accelerator, precision)
    # Start of the energies: arithmetic alone takes the chip to its cap, memory alone halfway.
    flop_j = (accelerator.power_cap_w - accelerator.power_idle_w) / peak
    byte_j = 0.5 * (accelerator.power_cap_w - accelerator.power_idle_w) / accelerator.hbm_bytes_per_s
    found = dict(_START)
    found["flop_j"] = Parameter(flop_j, 0.7, 0.1 * flop_j, 10.0 * flop_j)
    found["byte_j"] = Parameter(byte_j, 0.5, 0.1 * byte_j, 4.0 * byte_j)
    if not powered:
        for name in ("flop_j", "byte_j", "clock_exponent"):
            p = found[name]
            found[name] = Parameter(p.start, p.spread, p.start, p.start)
    for place, (stack, shortest_s) in enumerate(stacks.items()):
        own = dict(_START_STACK)
        own["interval_s"] = Parameter(0.9 * shortest_s, 0.7, 1e-7, 1e-3)
        if place == 0:
            own["speed"] = Parameter(1.0, 1.0, 1.0, 1.0)
        if precision in ("bf16", "fp16"):
            own["quantise_factor"] = Parameter(1e-9, 1.0, 1e-9, 1e-9)
        found |= {f"{stack}|{name}": p for name, p in own.items()}
    return found


def _split(values: Mapping[str, float], stacks: tuple[str, ...]) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    shared = {name: values[name] for name in GEMM_SHARED}
    own = {s: {name: values[f"{s}|{name}"] for name in GEMM_STACK} for s in stacks}
    for numbers in own.values():
        if numbers["quantise_factor"] < 1e-6:
            numbers["quantise_factor"] = 0.0
    return shared, own


def _order(table: KernelTable) -> tuple[str, ...]:
    """Stacks, the reference first: the one with most rows of short runs, whose clock is the full one."""
    stacks = {str(s) for s in table.word("stack")}

    def rank(stack: str) -> tuple[bool, int, str]:
        rows = table.word("stack") == stack
        return bool(is_steady(table)[rows].any()), -int(rows.sum()), stack

    return tuple(sorted(stacks, key=rank))


def fit_gemm(layout: CoreLayout, accelerator: Accelerator, precision: str, table: KernelTable) -> GemmFit:
    """Fit one chip and precision on all rows of a table (give it the rows to fit on only).

    Parameters
    ----------
    layout : CoreLayout
        Cores and tiles of the chip.
    accelerator : Accelerator
        Its data sheet.
    precision : str
        Kernel precision of the rows.
    table : KernelTable
        Rows of this chip and precision, any number of stacks.

    Notes
    -----
    One set of shared numbers explains short and steady runs: the clock between them comes from the power law.
    """
    stacks = _order(table)
    parts = {s: table.where(table.word("stack") == s) for s in stacks}
    powered = bool(is_steady(table).any())

    def residuals(values: dict[str, float]) -> FloatArray:
        shared, own = _split(values, stacks)
        errors = []
        for stack, part in parts.items():
            kernel = gemm_from(layout, accelerator, precision, stack, {**shared, **own[stack]})
            time, power = times_s(kernel, part)
            measured = part.number("latency_ms") * 1e-3
            errors.append(np.log(time / measured))
            read = is_steady(part) & (measured > POWER_FROM_S) & (part.number("m") <= WARM_ROWS)
            errors.append(_POWER_WEIGHT * np.log(power[read] / part.number("power_w")[read]))
        return np.concatenate(errors)

    # A host that launches slower than the chip computes shows as a floor under all times of a stack.
    shortest = {s: float(part.number("latency_ms").min()) * 1e-3 for s, part in parts.items()}
    shared, own = _split(solve(residuals, _parameters(accelerator, precision, shortest, powered)), stacks)
    return GemmFit(accelerator.key, precision, shared, own)
