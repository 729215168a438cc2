"""Fit one family of kernels of one chip and precision over one or more software stacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.calibration.solver import Parameter, solve, standard_errors
from megawatt.catalogue.records import Accelerator
from megawatt.evidence.kernel_tables import KernelTable
from megawatt.hardware.clock import Cost
from megawatt.hardware.cores import peak_of

__all__ = [
    "POWER_FROM_S",
    "Family",
    "FamilyFit",
    "fit_family",
    "power_parameters",
    "predict",
    "stacks_in_order",
    "with_errors",
]

CostOf = Callable[[str, Mapping[str, float], KernelTable, bool], Cost]
"""Cost of the rows of a table from a stack's name, parameters and whether the runs were steady."""

POWER_FROM_S: Final = 2e-4
"""Readings of shorter kernels mix in the gaps between launches."""
_POWER_WEIGHT: Final = 0.5
"""A logarithmic error of power counts half as much as one of time: instruments err by more."""
GEOMETRY: Final[Mapping[str, tuple[str, ...]]] = {
    "gemm": ("n", "k"),
    "attention": ("num_heads", "num_key_value_heads", "head_dim"),
    "moe": ("hidden_size", "inter_size", "topk", "num_experts"),
}
"""Columns that name a layer of a model: the folds of the tables split by them."""


@dataclass(frozen=True, slots=True)
class Family:
    """A family of kernels to fit: its shared parameters, those of a stack, its cost and which readings count.

    Attributes
    ----------
    shared : mapping of str to Parameter
        Parameters of the chip and precision.
    own : callable
        Parameters of a stack from its rows.
    cost : callable
        See `CostOf`.
    readable : callable
        Rows whose power reading is that of the kernel.
    scale : float
        Error where the loss turns from square to ``loss``.
    loss : str
        What large errors count: ``soft_l1``, or ``cauchy`` where a table mixes in rows that no shape explains.
    relative : tuple of str
        Parameters of a stack that are 1 for the first one.
    above_reading : float
        Weight of predicted power above the reading, over that of power below it: under 1 where readings hold the pause
        before a run, so that they are low far more often than high.
    """

    shared: Mapping[str, Parameter]
    own: Callable[[KernelTable], Mapping[str, Parameter]]
    cost: CostOf
    readable: Callable[[KernelTable], NDArray[np.bool_]]
    scale: float = 0.05
    loss: Literal["soft_l1", "cauchy"] = "soft_l1"
    relative: tuple[str, ...] = ("speed",)
    above_reading: float = 1.0


@dataclass(frozen=True, slots=True)
class FamilyFit:
    """Fitted numbers of one chip and precision: shared ones, and those of each stack (the reference stack first), with
    their standard errors as shares of their values."""

    chip: str
    precision: str
    shared: Mapping[str, float]
    stacks: Mapping[str, Mapping[str, float]]
    shared_errors: Mapping[str, float] = field(default_factory=dict)
    stack_errors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def values(self, stack: str) -> dict[str, float]:
        """Shared numbers and those of a stack."""
        return {**self.shared, **self.stacks[stack]}


def is_steady(table: KernelTable) -> NDArray[np.bool_]:
    """Rows whose run was long enough for a power reading: the power cap sets their clock."""
    return np.isfinite(table.number("power_w"))


def stacks_in_order(table: KernelTable) -> tuple[str, ...]:
    """Stacks, the reference first: short runs (their clock is the full one) before steady ones, then most rows."""

    def rank(stack: str) -> tuple[bool, int, str]:
        rows = table.word("stack") == stack
        return bool(is_steady(table)[rows].any()), -int(rows.sum()), stack

    return tuple(sorted({str(s) for s in table.word("stack")}, key=rank))


def power_parameters(accelerator: Accelerator, precision: str, powered: bool) -> dict[str, Parameter]:
    """Energies and clock exponent to fit; they stay at their start where no power was measured.

    Start: arithmetic at its peak takes the chip from idle to its cap, memory at its peak halfway; exponent 2.
    """
    span = accelerator.power_cap_w - accelerator.power_idle_w
    flop_j, byte_j = span / peak_of(accelerator, precision), 0.5 * span / accelerator.hbm_bytes_per_s
    found = {
        "flop_j": Parameter(flop_j, 0.7, 0.1 * flop_j, 10.0 * flop_j),
        "byte_j": Parameter(byte_j, 0.5, 0.1 * byte_j, 4.0 * byte_j),
        "clock_exponent": Parameter(2.0, 0.3, 1.0, 3.0),
    }
    if powered:
        return found
    return {name: Parameter(p.start, p.spread, p.start, p.start) for name, p in found.items()}


def predict(cost: CostOf, stack: str, values: Mapping[str, float], table: KernelTable) -> tuple[FloatArray, FloatArray]:
    """Predicted time [s] and power [W] of the rows of a table, steady where they were measured steady."""
    steady = is_steady(table)
    time, power = np.empty(len(table)), np.empty(len(table))
    for flag in (False, True):
        rows = steady == flag
        if rows.any():
            found = cost(stack, values, table.where(rows), flag)
            time[rows], power[rows] = found.time_s, found.power_w
    return time, power


@dataclass(frozen=True, slots=True)
class _Problem:
    """Parameters and errors of one chip and precision over its stacks."""

    family: Family
    parts: Mapping[str, KernelTable]

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters of a stack."""
        return tuple(self.family.own(next(iter(self.parts.values()))))

    def parameters(self) -> dict[str, Parameter]:
        """Shared ones, and ``stack|name`` of each stack."""
        found = dict(self.family.shared)
        for place, (stack, part) in enumerate(self.parts.items()):
            for name, parameter in self.family.own(part).items():
                one = Parameter(1.0, 1.0, 1.0, 1.0)
                found[f"{stack}|{name}"] = one if name in self.family.relative and place == 0 else parameter
        return found

    def split(self, values: Mapping[str, float]) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
        """Shared numbers, and those of each stack."""
        shared = {name: values[name] for name in self.family.shared if name in values}
        own = {s: {n: values[f"{s}|{n}"] for n in self.names if f"{s}|{n}" in values} for s in self.parts}
        return shared, own

    def _read(self, part: KernelTable) -> NDArray[np.bool_]:
        """Rows whose power reading counts."""
        long = part.number("latency_ms") * 1e-3 > POWER_FROM_S
        return np.asarray(is_steady(part) & long & self.family.readable(part))

    def residuals(self, values: dict[str, float]) -> FloatArray:
        """Logarithmic errors of time, and of power where it was read."""
        shared, own = self.split(values)
        errors = []
        for stack, part in self.parts.items():
            time, power = predict(self.family.cost, stack, {**shared, **own[stack]}, part)
            errors.append(np.log(time / (part.number("latency_ms") * 1e-3)))
            read = self._read(part)
            above = np.log(power[read] / part.number("power_w")[read])
            errors.append(_POWER_WEIGHT * np.where(above > 0.0, self.family.above_reading, 1.0) * above)
        return np.concatenate(errors)

    def clusters(self) -> NDArray[np.int64]:
        """Geometry of each residual: rows that differ in batch, tokens or message size alone err together."""
        labels: list[str] = []
        for part in self.parts.values():
            columns = [part.number(name) for name in GEOMETRY[part.family]]
            rows = np.array([" ".join(f"{v:g}" for v in row) for row in zip(*columns, strict=True)], dtype=object)
            labels += [*rows, *rows[self._read(part)]]
        return np.unique(np.array(labels, dtype=str), return_inverse=True)[1].astype(np.int64)


def _problem(table: KernelTable, family: Family) -> _Problem:
    stacks = stacks_in_order(table)
    return _Problem(family, {s: table.where(table.word("stack") == s) for s in stacks})


def fit_family(accelerator: Accelerator, precision: str, table: KernelTable, family: Family) -> FamilyFit:
    """Fit one chip and precision on all rows of a table (give it only the rows to fit on).

    Notes
    -----
    One set of shared numbers explains short and steady runs: the clock between them comes from the power law.
    """
    problem = _problem(table, family)
    found = solve(problem.residuals, problem.parameters(), scale=family.scale, loss=family.loss)
    shared, own = problem.split(found)
    return with_errors(FamilyFit(accelerator.key, precision, shared, own), table, family)


def with_errors(fit: FamilyFit, table: KernelTable, family: Family) -> FamilyFit:
    """The fit with the standard errors of its numbers on the rows that it was made from."""
    problem = _problem(table, family)
    values = {**fit.shared, **{f"{s}|{n}": v for s, own in fit.stacks.items() for n, v in own.items()}}
    errors = standard_errors(
        problem.residuals,
        problem.parameters(),
        values,
        problem.clusters(),
        scale=family.scale,
        loss=family.loss,
    )
    shared, own = problem.split(errors)
    return replace(fit, shared_errors=shared, stack_errors=own)
