"""Score the step-time model on published training runs."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.errors import MegawattError
from megawatt.evidence.training_layouts import Row
from megawatt.evidence.training_rows import Run, read_run, run_practice
from megawatt.evidence.training_tables import Unread, read_runs
from megawatt.training import Practice, plan, step_cost
from megawatt.validation.scoring import Case, Skipped, result_entry
from megawatt.validation.training_memory import Verdict, fit_entry, verdict
from megawatt.workload import model_flops_per_token

__all__ = ["Predictions", "predict", "predictions", "score"]

_NOT_SCORABLE: Final = "not scorable"


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Compare predicted with published step times of a CSV of training runs.

    Parameters
    ----------
    path : Path
        CSV with the columns of docs/validation.md (``metric``, ``value``, architecture, layout, ...).
    catalogue : Catalogue
        Chips, systems, achieved shares and stacks.

    Returns
    -------
    list of dict
        One entry: every row that holds what any model needs is scored; empty columns are filled by stated rules and
        named in ``assumed``. The null model is one flat efficiency per chip and precision times counted FLOPs, fitted
        on the other sources; groups carry its mean error beside theirs (``null_mape``). ``memory_fit``: published
        layouts that are judged to fit in memory; the verdict decides no time. ``software``: rows by stack and release,
        and how many do not name it; ``filled``: rows by column that a rule filled; ``unread``: columns that nobody
        reads, with the nearest known one.
    """
    found = predictions(path, catalogue)
    entry = result_entry(
        file=path.name,
        kind="training-runs",
        quantity="step_time",
        unit="s",
        error="relative",
        rows=len(found.rows) + len(found.skipped),
        scorable=len(found.rows) + sum(not s.why.startswith(_NOT_SCORABLE) for s in found.skipped),
        cases=found.cases,
        skipped=found.skipped,
        rankings=_rankings(found.rows),
    )
    for name, statistics in entry["groups"].items():
        nulls = [abs(c.null / c.measured - 1.0) for c in found.cases if name in c.groups and c.null is not None]
        if nulls:
            statistics["null_mape"] = float(np.mean(nulls))
    filled = Counter(name for case in found.cases for name in case.assumed)
    return [
        entry
        | {
            "memory_fit": fit_entry(found.rows, found.verdicts),
            "unread": [dataclasses.asdict(column) for column in found.unread],
            "software": _software(found),
            "filled": dict(filled.most_common()),
        }
    ]


def _software(found: Predictions) -> dict[str, dict[str, int]]:
    """Rows by the stack that counts for them, its release with it, and how many of them do not name it."""
    used: dict[str, dict[str, int]] = {}
    for stack, case in sorted(zip(found.stacks, found.cases, strict=True), key=lambda pair: pair[0]):
        rows = used.setdefault(stack.partition(";")[0], {"rows": 0, "assumed": 0})
        rows["rows"] += 1
        rows["assumed"] += "software" in case.assumed
    return used


@dataclass(frozen=True, slots=True)
class Predictions:
    """Scored rows of a file, one case each, what memory says of their layouts, their stacks with release and switches,
    the rows left out, and the columns that nobody reads."""

    rows: list[Row]
    cases: list[Case]
    verdicts: list[Verdict | None]
    stacks: list[str]
    skipped: list[Skipped]
    unread: tuple[Unread, ...]


def predictions(path: Path, catalogue: Catalogue) -> Predictions:
    """Predicted and published step time of every row of a CSV of training runs."""
    table = read_runs(path)
    runs: list[tuple[Row, Run, float]] = []
    verdicts: list[Verdict | None] = []
    stacks: list[str] = []
    skipped: list[Skipped] = []
    practices: dict[tuple[object, ...], Practice] = {}
    for row in table.rows:
        if row.get("scorable") == "0":
            skipped.append(Skipped(row.get("id", ""), f"{_NOT_SCORABLE}: {row.get('why_not') or 'no reason given'}"))
            continue
        try:
            run = read_run(row, catalogue)
            practice = _practice(run, catalogue, practices)
            runs.append((row, run, predict(run, catalogue, practice)))
            verdicts.append(verdict(run, practice))
            stacks.append(practice.stack.key)
        except MegawattError as error:
            skipped.append(Skipped(row.get("id", ""), str(error)))
    nulls = _null_model([(row, run) for row, run, _ in runs])
    cases = [
        Case(
            id=run.id,
            measured=run.measured_s,
            predicted=predicted,
            assumed=run.assumed,
            groups=_groups(row),
            null=null,
        )
        for (row, run, predicted), null in zip(runs, nulls, strict=True)
    ]
    return Predictions([row for row, _, _ in runs], cases, verdicts, stacks, skipped, table.unread)


def predict(run: Run, catalogue: Catalogue, practice: Practice) -> float:
    """Step time of one run as its layout was published; the planner chooses where none was. [s]"""
    if run.layout is None:
        return plan(run.job, run.system, run.chips, catalogue=catalogue, stack=run.software).step_time_s
    return float(step_cost(run.job, run.system, run.layout, practice=practice).step_time_s[0])


def _practice(run: Run, catalogue: Catalogue, known: dict[tuple[object, ...], Practice]) -> Practice:
    chip = run.system.accelerator
    key = (chip.key, chip.power_cap_w, run.system.links, run.software)
    if key not in known:
        known[key] = run_practice(run, catalogue)
    return known[key]


def _null_model(runs: Sequence[tuple[Row, Run]]) -> list[float | None]:
    """Step time from counted FLOPs and the mean (geometric) efficiency of the other sources on the same chip. [s]

    Falls back to the same precision on other chips, then to all other sources; None where the file has one source.
    """
    ideal = np.array([_ideal_s(run) for _, run in runs])
    log_efficiency = np.log(ideal / np.array([run.measured_s for _, run in runs]))
    sources = np.array([row.get("source", "") for row, _ in runs])
    chips = np.array([run.system.accelerator.key for _, run in runs])
    precisions = np.array([run.job.precision for _, run in runs])
    nulls: list[float | None] = []
    for i in range(len(runs)):
        others = sources != sources[i]
        same_precision = others & (precisions == precisions[i])
        for fit in (same_precision & (chips == chips[i]), same_precision, others):
            if fit.any():
                nulls.append(float(ideal[i] / math.exp(float(log_efficiency[fit].mean()))))
                break
        else:
            nulls.append(None)
    return nulls


def _ideal_s(run: Run) -> float:
    """Counted model FLOPs at the data sheet's rate. [s]"""
    flops = model_flops_per_token(run.job.arch, run.job.seq_len) * run.job.tokens
    return flops / (run.chips * run.peak_flops_per_s)


def _groups(row: Row) -> tuple[str, ...]:
    names = ("accelerator", "source", "fold", "full_config")
    kind = "dense" if (row.get("experts") or "0") == "0" else "mixture"
    apart = (f"kind={kind}", f"fold={row['fold']} kind={kind}") if row.get("fold") else (f"kind={kind}",)
    return (*(f"{name}={row[name]}" for name in names if row.get(name)), *apart)


def _rankings(rows: Sequence[Row]) -> list[list[str]]:
    """Rows of one model on so many chips of one kind: alternatives whose order matters."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in rows:
        groups[(row.get("model", ""), row.get("accelerator", ""), row.get("chips", ""))].append(
            row.get("id", "").strip()
        )
    return list(groups.values())
