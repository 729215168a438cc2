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
from megawatt.evidence.training_rows import Run, read_run, run_practice
from megawatt.evidence.training_tables import read_runs
from megawatt.training import Practice
from megawatt.validation.training_runs import predict

__all__ = ["Constant", "Group", "Problem", "Rows", "fit_group", "fit_rows", "fitted_on", "main", "robust_fit"]


Rows = Sequence[tuple[Row, Run]]
"""Rows of tables of training runs, complete."""


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
    Group(
        "Megatron-Core, Blackwell",
        ("stack-megatron-core",),
        ("b200", "gb200"),
        _fields(gemm_frac=(0.4, 1.0)),
        dense=True,
        newest=True,
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
            unbound_factor=(1.0, 4.0),
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
        _fields(gemm_frac=(0.4, 1.0), dp_overlap_frac=(0.0, 1.0)),
        dense=True,
    ),
    Group(
        "MaxText, TPU and MI355X, mixtures",
        ("stack-maxtext",),
        ("tpu", "mi355x"),
        _fields(grouped_share=(0.2, 1.0)),
        mixtures=True,
    ),
    # Its pipelines of 2023 (two rows of another library, half the speed) say nothing of multiplies.
    Group("Neuron, Trainium 1", ("stack-neuron",), ("trn1",), _fields(gemm_frac=(0.2, 1.0)), without="nemo"),
)
_ROBUST: Final = 0.1
"""Residual of log time from which the loss grows linearly."""
_STEP: Final = 0.02
"""Share of the range of a constant over which its slope is taken."""
_ROUNDS: Final = 3
"""Times that errors are linearised (Gauss-Newton): the third moves constants by less than a tenth of their error."""
_STEP_FIELDS: Final = ("straggler_frac",)
_REAL: Final = "real_imbalance"
"""Load of the busiest rank, only of runs whose routing is real."""
_RATES: Final = ("grouped_share",)
"""Rates of kernels that nobody has measured, of runs that use them."""
_UNBOUND: Final = "unbound_factor"
"""Host time of processes that are not bound to their cores, over those that are."""
_WHOLE_STEP: Final = "training-practice"
_SPEED: Final = "relative_speed"
"""Rate of multiplies over those of the relative that stands in."""


def _with(practice: Practice, values: Mapping[str, float], known: Mapping[str, float]) -> Practice:
    """The same practice at other constants; ``known`` are those that it has."""
    step: dict[str, Any] = {f: v for f, v in values.items() if f in _STEP_FIELDS}
    stack: dict[str, Any] = {
        f: v for f, v in values.items() if f not in (*_STEP_FIELDS, *_RATES, _REAL, _SPEED, _UNBOUND)
    }
    rates: dict[str, Any] = {f: v for f, v in values.items() if f in _RATES}
    if rates and practice.stack.dropless:
        step["kernels"] = dataclasses.replace(practice.kernels, **rates)
    if _SPEED in values:
        factor = values[_SPEED] / known[_SPEED]
        for kind in ("multiplies", "experts"):
            kernels = getattr(practice, kind).items()
            step[kind] = {name: dataclasses.replace(k, speed=k.speed * factor) for name, k in kernels}
    if _UNBOUND in values and "numa_binding=off" in practice.stack.key:
        stack["host_operator_s"] = practice.stack.host_operator_s * values[_UNBOUND] / known[_UNBOUND]
    if _REAL in values and "balance=real" in practice.stack.key and "capacity" not in practice.stack.key:
        stack["expert_imbalance"] = values[_REAL]
    return dataclasses.replace(practice, stack=dataclasses.replace(practice.stack, **stack), **step)


def _in_catalogue(name: str, practice: Practice, catalogue: Catalogue) -> float:
    if name in (*_STEP_FIELDS, _REAL, _UNBOUND):
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


def _newest(chosen: Rows) -> list[tuple[Row, Run]]:
    """The last published row of each configuration; routing, overlap and dispatcher are part of it."""
    last: dict[tuple[object, ...], tuple[Row, Run]] = {}
    for row, run in sorted(chosen, key=lambda item: item[0].get("published", "")):
        said = run.features
        last[(*(row.get(c) for c in _CONFIGURATION), said.balance, said.ep_overlap, said.dispatcher)] = (row, run)
    return list(last.values())


def fitted_on(group: Group, rows: Rows) -> Rows:
    """Those of some rows that a group is fitted on."""
    held = [(row, run) for row, run in rows if group.holds(row, run)]
    return _newest(held) if group.newest else held


@dataclass(frozen=True, slots=True)
class Problem:
    """Runs and constants of a group: errors (of log time) as a function of the constants, by shares of their ranges."""

    names: tuple[str, ...]
    runs: Sequence[Run]
    practices: Sequence[Practice]
    known: Mapping[str, float]
    low: FloatArray
    room: FloatArray
    catalogue: Catalogue

    @classmethod
    def of(cls, group: Group, runs: Sequence[Run], catalogue: Catalogue) -> Problem:
        """The problem of a group on some runs that it holds."""
        practices = [run_practice(run, catalogue) for run in runs]
        low, high = (np.array([group.fields[n][i] for n in group.fields], dtype=np.float64) for i in (0, 1))
        known = {name: _in_catalogue(name, practices[0], catalogue) for name in group.fields}
        return cls(tuple(group.fields), runs, practices, known, low, high - low, catalogue)

    @property
    def start(self) -> FloatArray:
        """The catalogue's constants."""
        return np.clip((np.array([self.known[n] for n in self.names]) - self.low) / self.room, 0.0, 1.0)

    def errors(self, shares: FloatArray) -> FloatArray:
        """log(predicted / measured) of every run."""
        changed = dict(zip(self.names, (self.low + shares * self.room).tolist(), strict=True))
        pairs = zip(self.runs, self.practices, strict=True)
        times = [predict(run, self.catalogue, _with(p, changed, self.known)) for run, p in pairs]
        return np.asarray(np.log(np.array(times) / np.array([run.measured_s for run in self.runs])))

    def slopes(self, shares: FloatArray, errors: FloatArray) -> FloatArray:
        """Change of every error (n, k) with each constant, from ``shares`` into its range."""
        out = np.empty((len(errors), len(shares)))
        for place, share in enumerate(shares):
            moved = shares.copy()
            moved[place] = share + (_STEP if share < 0.5 else -_STEP)
            out[:, place] = (self.errors(moved) - errors) / (moved[place] - share)
        return out


def robust_fit(errors: FloatArray, slopes: FloatArray, start: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Constants of the least squares of errors (n,) that follow their slopes (n, k), robust (soft L1) beyond 10 %.

    Returns their shares of the ranges, 0 to 1, and their standard errors. (k,), (k,)
    """
    from scipy.optimize import least_squares

    found = least_squares(
        lambda shares: errors + slopes @ (shares - start),
        np.clip(start, 0.01, 0.99),
        jac=lambda shares: slopes,
        bounds=(0.0, 1.0),
        loss="soft_l1",
        f_scale=_ROBUST,
    )
    freedom = max(len(errors) - len(start), 1)
    spread = np.linalg.pinv(found.jac.T @ found.jac) * 2.0 * found.cost / freedom
    return found.x, np.sqrt(np.maximum(np.diag(spread), 0.0))


def fit_group(group: Group, rows: Rows, catalogue: Catalogue) -> list[Constant]:
    """Fit the constants of a group to the step times of its runs.

    Least squares of log(predicted / measured) with a robust loss (soft L1 beyond 10 %), within the given ranges, by
    Gauss-Newton from the catalogue's constants.

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
    chosen = [run for _, run in fitted_on(group, rows)]
    if not chosen:
        return []
    problem = Problem.of(group, chosen, catalogue)
    shares, spread = problem.start, np.zeros(len(problem.names))
    for _ in range(_ROUNDS):
        errors = problem.errors(shares)
        shares, spread = robust_fit(errors, problem.slopes(shares, errors), shares)
    values = problem.low + problem.room * shares
    spreads = problem.room * spread
    return [Constant(n, v, e, problem.known[n]) for n, v, e in zip(problem.names, values, spreads, strict=True)]


def fit_rows(paths: Sequence[Path], catalogue: Catalogue, keep: Callable[[Row], bool]) -> list[tuple[Row, Run]]:
    """Complete runs of some tables; those that cannot be read are named on the error stream."""
    rows: list[tuple[Row, Run]] = []
    for path in paths:
        for row in filter(keep, read_runs(path).rows):
            try:
                rows.append((row, read_run(row, catalogue)))
            except MegawattError as error:
                sys.stderr.write(f"{row.get('id')}: left out: {error}\n")
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the fitted constants of every group as a Markdown table."""
    parser = argparse.ArgumentParser(description="Constants of training stacks, fitted on rows with fold = fit")
    parser.add_argument("files", nargs="+", type=Path, help="CSV files of training runs")
    parser.add_argument("--group", default="", help="only groups whose name holds this")
    given = parser.parse_args(arguments)
    catalogue = load_catalogue()
    rows = fit_rows(given.files, catalogue, lambda r: r.get("fold") == "fit" and r.get("scorable") != "0")
    sys.stdout.write("| rows | constant | fitted | standard error | catalogue |\n|---|---|---|---|---|\n")
    for group in (g for g in GROUPS if given.group in g.name):
        for c in fit_group(group, rows, catalogue):
            figures = f"{c.value:.4g} | {c.error:.2g} | {c.catalogue:.4g}"
            sys.stdout.write(f"| {group.name} | `{c.name}` | {figures} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
