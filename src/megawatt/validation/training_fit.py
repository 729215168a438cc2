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

__all__ = ["Constant", "Group", "fit_group", "left_out_errors", "main"]


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
    newest: bool = False
    """One row per configuration, of the newest release: recipes published again and again count once."""

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
    Group("Megatron-Core, GB300", ("stack-megatron-core",), ("gb300",), _fields(relative_speed=(0.7, 1.6)), dense=True),
    Group(
        "Megatron-Core, mixtures",
        ("stack-megatron-core",),
        ("h100", "b200", "b300", "gb200", "gb300"),
        _fields(
            expert_operators=(5.0, 120.0),
            host_exposed_frac=(0.0, 1.0),
            ep_overlap_frac=(0.0, 1.0),
            expert_bias_bytes=(0.0, 200.0),
            real_imbalance=(1.0, 2.0),
        ),
        mixtures=True,
        newest=True,
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
_REAL: Final = "real_imbalance"
"""Load of the busiest rank, only of runs whose routing is real."""
_WHOLE_STEP: Final = "training-practice"
_SPEED: Final = "relative_speed"
"""Rate of multiplies over those of the relative that stands in."""


def _with(practice: Practice, values: Mapping[str, float], known: Mapping[str, float]) -> Practice:
    """The same practice at other constants; ``known`` are those that it has."""
    step: dict[str, Any] = {f: v for f, v in values.items() if f in _STEP_FIELDS}
    stack: dict[str, Any] = {f: v for f, v in values.items() if f not in (*_STEP_FIELDS, _REAL, _SPEED)}
    if _SPEED in values:
        factor = values[_SPEED] / known[_SPEED]
        for kind in ("multiplies", "experts"):
            kernels = getattr(practice, kind).items()
            step[kind] = {name: dataclasses.replace(k, speed=k.speed * factor) for name, k in kernels}
    if _REAL in values and "balance=real" in practice.stack.key and "capacity" not in practice.stack.key:
        stack["expert_imbalance"] = values[_REAL]
    return dataclasses.replace(practice, stack=dataclasses.replace(practice.stack, **stack), **step)


def _in_catalogue(name: str, practice: Practice, catalogue: Catalogue) -> float:
    if name in (*_STEP_FIELDS, _REAL):
        return catalogue.number(_WHOLE_STEP, name)
    if name == _SPEED:
        return catalogue.number(f"practice-{practice.kernels.accelerator}", name)
    return float(getattr(practice.stack, name))


_CONFIGURATION: Final = (
    "model",
    "seq_len",
    "accelerator",
    "chips",
    "dtype",
    "tp",
    "pp",
    "vpp",
    "cp",
    "ep",
    "global_batch",
)


def _newest(chosen: Sequence[tuple[Row, Run]]) -> list[tuple[Row, Run]]:
    """The last published row of each configuration; routing, overlap and dispatcher are part of it."""
    last: dict[tuple[object, ...], tuple[Row, Run]] = {}
    for row, run in sorted(chosen, key=lambda item: item[0].get("published", "")):
        said = run.features
        last[(*(row.get(c) for c in _CONFIGURATION), said.balance, said.ep_overlap, said.dispatcher)] = (row, run)
    return list(last.values())


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

    held = [(row, run) for row, run in rows if group.holds(row, run)]
    chosen = [run for _, run in (_newest(held) if group.newest else held)]
    if not chosen:
        return []
    names = list(group.fields)
    practices = [run_practice(run, catalogue) for run in chosen]

    start = np.array([_in_catalogue(name, practices[0], catalogue) for name in names])
    known = dict(zip(names, start.tolist(), strict=True))
    low, high = (np.array([group.fields[n][i] for n in names]) for i in (0, 1))
    room = high - low

    def residuals(shares: FloatArray) -> FloatArray:
        changed = dict(zip(names, (low + shares * room).tolist(), strict=True))
        times = [predict(run, catalogue, _with(p, changed, known)) for run, p in zip(chosen, practices, strict=True)]
        return np.asarray(np.log(np.array(times) / np.array([run.measured_s for run in chosen])))

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


def left_out_errors(
    rows: Sequence[tuple[Row, Run]], left: Sequence[tuple[Row, Run]], catalogue: Catalogue
) -> list[tuple[str, float]]:
    """Errors of runs by constants that were fitted without them.

    Parameters
    ----------
    rows : sequence of (row, run)
        What is fitted on, ``left`` not among them.
    left : sequence of (row, run)
        What is predicted; where a group that holds one has no other run, the catalogue's constants stay.
    catalogue : Catalogue
        Everything that is not fitted.

    Returns
    -------
    list of (str, float)
        Id, and predicted over measured time less one.
    """
    fitted: dict[str, dict[str, float]] = {}
    errors: list[tuple[str, float]] = []
    for row, run in left:
        practice = run_practice(run, catalogue)
        for group in GROUPS:
            if not group.holds(row, run):
                continue
            if group.name not in fitted:
                fitted[group.name] = {c.name: c.value for c in fit_group(group, rows, catalogue)}
            known = {name: _in_catalogue(name, practice, catalogue) for name in fitted[group.name]}
            practice = _with(practice, fitted[group.name], known)
        errors.append((run.id, predict(run, catalogue, practice) / run.measured_s - 1.0))
    return errors


def _leave_out(word: str, paths: Sequence[Path], catalogue: Catalogue) -> None:
    """Print the errors of the runs whose source holds a word, or whose chip it is, fitted without them."""

    def named(row: Row) -> bool:
        return word.lower() in row.get("source", "").lower() or word == row.get("accelerator")

    scorable = _fit_rows(paths, catalogue, lambda r: r.get("scorable") != "0" and (named(r) or r.get("fold") == "fit"))
    left = [item for item in scorable if named(item[0])]
    errors = left_out_errors([item for item in scorable if not named(item[0])], left, catalogue)
    for name, error in errors:
        sys.stdout.write(f"{name}: {error:+.1%}\n")
    if errors:
        size = np.abs([error for _, error in errors])
        sys.stdout.write(f"{len(errors)} rows, mean {size.mean():.1%}, 90 % within {np.quantile(size, 0.9):.1%}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the fitted constants of every group as a Markdown table, or the errors of what was left out."""
    parser = argparse.ArgumentParser(description="Constants of training stacks, fitted on rows with fold = fit")
    parser.add_argument("files", nargs="+", type=Path, help="CSV files of training runs")
    parser.add_argument("--leave-out", metavar="SOURCE|CHIP", help="fit without these and print their errors")
    given = parser.parse_args(arguments)
    catalogue = load_catalogue()
    if given.leave_out:
        _leave_out(given.leave_out, given.files, catalogue)
        return
    rows = _fit_rows(given.files, catalogue, lambda r: r.get("fold") == "fit" and r.get("scorable") != "0")
    sys.stdout.write("| rows | constant | fitted | standard error | catalogue |\n|---|---|---|---|---|\n")
    for group in GROUPS:
        for c in fit_group(group, rows, catalogue):
            figures = f"{c.value:.4g} | {c.error:.2g} | {c.catalogue:.4g}"
            sys.stdout.write(f"| {group.name} | `{c.name}` | {figures} |\n")


if __name__ == "__main__":
    main()
