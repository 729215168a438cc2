"""Constants of training stacks, fitted on published runs with ``fold = fit``: the table of docs/training.md.

``python -m megawatt.validation.training_fit FILE...`` prints each with its standard error beside the catalogue's.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.errors import MegawattError
from megawatt.evidence.training_layouts import Row
from megawatt.evidence.training_recipes import with_recipes
from megawatt.evidence.training_rows import Run, read_run, run_practice
from megawatt.files import read_table
from megawatt.training import Practice
from megawatt.validation.training_runs import predict

__all__ = ["Constant", "Group", "fit_group", "main"]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one stack on one kind of chip, and the constants they can settle.

    ``fields`` maps a constant of `megawatt.training.practice.Stack` (or ``straggler_frac`` of the whole step) to the
    range it may take.
    """

    name: str
    stacks: tuple[str, ...]
    chips: tuple[str, ...]
    fields: Mapping[str, tuple[float, float]]
    without: str = "^$"
    """Model or software of rows that are left out; why stands beside it."""
    dense: bool = False
    """Without mixtures, whose exchange of tokens is not what the constants are about."""
    mixtures: bool = False
    """Mixtures alone."""

    def holds(self, row: Row, run: Run) -> bool:
        """Whether a row belongs to it; the planner's own layouts settle nothing."""
        if (
            run.layout is None
            or (self.dense and run.job.arch.experts)
            or (self.mixtures and not run.job.arch.experts)
            or re.search(self.without, f"{row.get('model')} {row.get('software')}")
        ):
            return False
        return run.stack in self.stacks and run.system.accelerator.key.startswith(self.chips)


@dataclass(frozen=True, slots=True)
class Constant:
    """A fitted constant, its standard error (linearised at the optimum) and the catalogue's value."""

    name: str
    value: float
    error: float
    catalogue: float


def _fields(**ranges: tuple[float, float]) -> Mapping[str, tuple[float, float]]:
    return MappingProxyType(ranges)


GROUPS: Final = (
    Group(
        "Megatron-LM of 2021 and 2022, A100",
        ("stack-megatron-2021", "stack-megatron-2022"),
        ("a100",),
        _fields(gemm_frac=(0.5, 1.0), vector_traffic_factor=(0.8, 4.0), host_operator_s=(0.0, 1e-4)),
        # ZeRO-3 of another library, whose exchange is not what these constants are about.
        without="ZeRO-3",
    ),
    Group(
        "Megatron-Core, H100",
        ("stack-megatron-core",),
        ("h100",),
        _fields(
            gemm_frac=(0.4, 1.0),
            vector_traffic_factor=(0.8, 4.0),
            tp_overlap_frac=(0.0, 1.0),
            straggler_frac=(0.0, 0.02),
        ),
        dense=True,
    ),
    Group(
        "Megatron-Core, B200, B300 and GB300",
        ("stack-megatron-core",),
        ("b200", "b300", "gb300"),
        _fields(gemm_frac=(0.4, 1.5)),
        dense=True,
    ),
    Group(
        "Megatron-Core, mixtures",
        ("stack-megatron-core",),
        ("h100", "b200", "b300", "gb200", "gb300"),
        _fields(
            expert_frac=(0.4, 1.3),
            expert_operators=(5.0, 120.0),
            ep_overlap_frac=(0.0, 1.0),
            expert_bias_bytes=(0.0, 200.0),
        ),
        mixtures=True,
    ),
    Group("MaxText, MI355X", ("stack-maxtext",), ("mi355x",), _fields(gemm_frac=(0.2, 1.0))),
    Group(
        "Megatron-LM with Transformer Engine, B200",
        ("stack-megatron-lm",),
        ("b200",),
        _fields(gemm_frac=(0.4, 1.0)),
    ),
    Group(
        "LLM Foundry, A100 and H100",
        ("stack-llm-foundry",),
        ("a100", "h100"),
        _fields(
            gemm_frac=(0.4, 1.0),
            vector_traffic_factor=(0.8, 4.0),
            attention_frac=(0.2, 1.2),
            dp_overlap_frac=(0.0, 1.0),
        ),
    ),
    Group(
        "Megatron-DeepSpeed in bf16, A100",
        ("stack-megatron-deepspeed",),
        ("a100",),
        _fields(gemm_frac=(0.4, 1.0)),
        # Single early iterations of a search for a layout.
        without="200B",
    ),
    Group(
        "MaxText, TPU",
        ("stack-maxtext",),
        ("tpu",),
        _fields(
            gemm_frac=(0.4, 1.0),
            vector_traffic_factor=(0.8, 4.0),
            dp_overlap_frac=(0.0, 1.0),
            straggler_frac=(0.0, 0.02),
        ),
        dense=True,
    ),
    # Its pipelines of 2023 (two rows of another library, half the speed) say nothing of multiplies.
    Group("Neuron, Trainium 1", ("stack-neuron",), ("trn1",), _fields(gemm_frac=(0.2, 1.0)), without="nemo"),
)
_ROBUST: Final = 0.1
"""Residual of log time from which the loss grows linearly."""
_STEP_FIELDS: Final = ("straggler_frac",)


def _read(fields: Sequence[str], practice: Practice) -> FloatArray:
    return np.array([getattr(practice if f in _STEP_FIELDS else practice.stack, f) for f in fields], dtype=np.float64)


def _with(practice: Practice, values: Mapping[str, float]) -> Practice:
    step: dict[str, Any] = {f: v for f, v in values.items() if f in _STEP_FIELDS}
    stack: dict[str, Any] = {f: v for f, v in values.items() if f not in _STEP_FIELDS}
    return dataclasses.replace(practice, stack=dataclasses.replace(practice.stack, **stack), **step)


def fit_group(group: Group, rows: Sequence[tuple[Row, Run]], catalogue: Catalogue) -> list[Constant]:
    """Fit the constants of a group to the step times of its runs.

    Least squares of log(predicted / measured) with a robust loss (soft L1 beyond 10 %), within the given ranges.

    Parameters
    ----------
    group : Group
        Constants and their ranges.
    rows : sequence of (row, run)
        Rows of a file of training runs, complete.
    catalogue : Catalogue
        Everything else, and the starting values.

    Returns
    -------
    list of Constant
        Empty where no run belongs to the group.
    """
    from scipy.optimize import least_squares

    chosen = [run for row, run in rows if group.holds(row, run)]
    if not chosen:
        return []
    names = list(group.fields)
    practices = [run_practice(run, catalogue) for run in chosen]

    low, high = (np.array([group.fields[n][i] for n in names]) for i in (0, 1))
    room = high - low

    def residuals(shares: FloatArray) -> FloatArray:
        changed = dict(zip(names, (low + shares * room).tolist(), strict=True))
        times = [predict(run, catalogue, _with(p, changed)) for run, p in zip(chosen, practices, strict=True)]
        return np.asarray(np.log(np.array(times) / np.array([run.measured_s for run in chosen])))

    start = _read(names, practices[0])
    # Inside the range: a start on its edge has no slope to follow.
    inside = np.clip((start - low) / room, 0.05, 0.95)
    found = least_squares(residuals, inside, bounds=(0.0, 1.0), loss="soft_l1", f_scale=_ROBUST, diff_step=1e-3)
    freedom = max(len(chosen) - len(names), 1)
    spread = np.linalg.pinv(found.jac.T @ found.jac) * 2.0 * found.cost / freedom
    errors = room * np.sqrt(np.maximum(np.diag(spread), 0.0))
    values = low + room * found.x
    return [Constant(n, *v) for n, v in zip(names, zip(values, errors, start, strict=True), strict=True)]


def _fit_rows(paths: Sequence[Path], catalogue: Catalogue, keep: Callable[[Row], bool]) -> list[tuple[Row, Run]]:
    rows: list[tuple[Row, Run]] = []
    for path in paths:
        for row in filter(keep, with_recipes(read_table(path).rows, path)):
            try:
                rows.append((row, read_run(row, catalogue)))
            except MegawattError as error:
                sys.stderr.write(f"{row.get('id')}: left out: {error}\n")
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the fitted constants of every group as a Markdown table."""
    parser = argparse.ArgumentParser(description="Constants of training stacks, fitted on rows with fold = fit")
    parser.add_argument("files", nargs="+", type=Path, help="CSV files of training runs")
    given = parser.parse_args(arguments)
    catalogue = load_catalogue()
    rows = _fit_rows(given.files, catalogue, lambda r: r.get("fold") == "fit" and r.get("scorable") != "0")
    sys.stdout.write("| rows | constant | fitted | standard error | catalogue |\n|---|---|---|---|---|\n")
    for group in GROUPS:
        for c in fit_group(group, rows, catalogue):
            figures = f"{c.value:.4g} | {c.error:.2g} | {c.catalogue:.4g}"
            sys.stdout.write(f"| {group.name} | `{c.name}` | {figures} |\n")


if __name__ == "__main__":
    main()
