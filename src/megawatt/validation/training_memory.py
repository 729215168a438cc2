"""Memory of published runs: peaks against predicted ones, and whether layouts fit; it decides no time."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.errors import MegawattError
from megawatt.evidence.training_layouts import Row
from megawatt.evidence.training_rows import Setup, read_setup, run_practice
from megawatt.evidence.training_tables import RunTable, read_runs
from megawatt.files import is_file, parse_number
from megawatt.training import Practice, practice_for
from megawatt.training.memory import total_bytes
from megawatt.training.step import step_memory
from megawatt.validation.scoring import Case, Skipped, result_entry
from megawatt.workload import parameters

__all__ = ["Verdict", "fit_entry", "score", "verdict"]


_RUNS: Final = "measured_runs.csv"
"""Table of runs that is looked for beside a table of peaks, for what ran."""
_STATES_BYTES: Final = 16.0
"""Weights, gradients and Adam's states per parameter: the trivial predictor spreads them over all chips."""
_COLUMNS: Final = ("peak_gib", "basis", "outcome", "optimizer", "unit_printed", "reserved_gib", "config_complete")
"""Columns beside those of a table of runs."""
_GIB: Final = 2.0**30
"""Bytes of a GiB."""
_SAME_MEMORY: Final = {"a800-80g": "a100-80g", "80 GB class": "a100-80g", "h20-96g": "h20"}
"""Chips that are not in the catalogue, and one with the same memory."""
_OPTIMIZERS: Final = (
    (r"pure bf16", "adam-pure-bf16"),
    (r"8-?bit", "adam-8bit"),
    (r"bf16 moments", "adam-bf16"),
    (r"muon", "muon"),
    (r"sgd", "sgd"),
)
"""Words of the column ``optimizer``."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Memory that a published layout needs on its fullest chip, reserve included, and what the chip has. [B]"""

    needed_bytes: float
    capacity_bytes: float

    @property
    def fits(self) -> bool:
        """Whether it is judged to fit."""
        return self.needed_bytes <= self.capacity_bytes


def verdict(run: Setup, practice: Practice) -> Verdict | None:
    """Judge a published layout; None where none is published."""
    if run.layout is None:
        return None
    parts = step_memory(run.job, run.system, run.layout, practice=practice)
    return Verdict(float(total_bytes(parts)[0]), run.system.accelerator.hbm_bytes)


def fit_entry(rows: Sequence[Row], verdicts: Sequence[Verdict | None]) -> dict[str, Any]:
    """The score "published as running, judged not to fit": counts of all rows and of those with a full configuration.

    Returns
    -------
    dict
        judged, fit, full_config (judged, fit) and misfits (id, needed_bytes, capacity_bytes), most missing first.
    """
    judged = [(row, v) for row, v in zip(rows, verdicts, strict=True) if v is not None]

    def counts(chosen: Sequence[tuple[Row, Verdict]]) -> dict[str, int]:
        return {"judged": len(chosen), "fit": sum(v.fits for _, v in chosen)}

    misfits = sorted(
        ((row.get("id", ""), v) for row, v in judged if not v.fits),
        key=lambda item: item[1].capacity_bytes - item[1].needed_bytes,
    )
    return counts(judged) | {
        "full_config": counts([(row, v) for row, v in judged if row.get("full_config") == "1"]),
        "misfits": [
            {"id": name, "needed_bytes": v.needed_bytes, "capacity_bytes": v.capacity_bytes} for name, v in misfits
        ],
    }


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Compare predicted with published peak memory, and the verdict with runs that went out of memory.

    Parameters
    ----------
    path : Path
        CSV with ``id, peak_gib, basis``; what ran stands in the same columns as in a table of runs, or in
        ``measured_runs.csv`` beside it under the same id. ``outcome`` is peak or oom; rows with ``config_complete`` 0
        are left out.
    catalogue : Catalogue
        Chips, systems and stacks.

    Returns
    -------
    list of dict
        One entry: errors of peak memory, for the basis of each row (max_allocated: without the reserve; max_reserved:
        with what the allocator loses; else all of it). ``out_of_memory``: how many of those runs are judged not to fit;
        ``memory_fit``: how many of the others are judged to fit. The null model: 16 bytes per parameter over all chips.
    """
    cases: list[Case] = []
    skipped: list[Skipped] = []
    judged: list[tuple[Row, Verdict]] = []
    table = _joined(path)
    for row in table.rows:
        name = row.get("id", "")
        if row.get("config_complete", "1") == "0":
            skipped.append(Skipped(name, "not scorable: the configuration is not whole"))
            continue
        try:
            case, found = _judge(row, catalogue)
        except MegawattError as error:
            skipped.append(Skipped(name, str(error)))
            continue
        judged.append((row, found))
        cases += [case] if case is not None else []
    lost = [(row, found) for row, found in judged if row.get("outcome") == "oom"]
    ran = [(row, found) for row, found in judged if row.get("outcome") != "oom"]
    entry = result_entry(
        file=path.name,
        kind="training-memory",
        quantity="peak_memory",
        unit="GiB",
        error="relative",
        rows=len(judged) + len(skipped),
        scorable=len(judged) + sum(not s.why.startswith("not scorable") for s in skipped),
        cases=cases,
        skipped=skipped,
    )
    entry["unread"] = [dataclasses.asdict(column) for column in table.unread]
    entry["out_of_memory"] = {
        "judged": len(lost),
        "not_fit": sum(not found.fits for _, found in lost),
        "fit": [row.get("id", "") for row, found in lost if found.fits],
    }
    return [entry | {"memory_fit": fit_entry([row for row, _ in ran], [found for _, found in ran])}]


def _joined(path: Path) -> RunTable:
    """Rows with what ran, where a table of runs beside says it."""
    table, beside = read_runs(path, _COLUMNS), path.parent / _RUNS
    if not table.rows or "chips" in table.rows[0] or not is_file(beside):
        return table
    runs = {row.get("id", ""): row for row in read_runs(beside).rows}
    return dataclasses.replace(table, rows=[{**runs.get(row.get("id", ""), {}), **row} for row in table.rows])


def _judge(row: Row, catalogue: Catalogue) -> tuple[Case | None, Verdict]:
    """The predicted and the published peak of a row, None where none is published, and the verdict."""
    chip = row.get("accelerator", "")
    setup = read_setup({**row, "accelerator": _SAME_MEMORY.get(chip, chip)}, catalogue)
    if setup.layout is None:
        raise MegawattError("no layout is published")
    practice = _practice(row, setup, catalogue)
    parts = step_memory(setup.job, setup.system, setup.layout, practice=practice)
    total = float(total_bytes(parts)[0])
    found = Verdict(total, setup.system.accelerator.hbm_bytes)
    peak = parse_number(row.get("peak_gib") or "")
    if peak is None or row.get("outcome") == "oom":
        return None, found
    allocated = total - float(parts["reserve"][0])
    basis = row.get("basis") or ""
    if basis.startswith("max"):
        total = allocated * (1.0 + practice.fragmentation_frac if "reserved" in basis else 1.0)
    groups = tuple(f"{name}={row[name]}" for name in ("source", "basis", "accelerator") if row.get(name))
    null = _STATES_BYTES * parameters(setup.job.arch).total / setup.chips / _GIB
    return Case(setup.id, peak, total / _GIB, setup.assumed, groups, null), found


def _practice(row: Row, setup: Setup, catalogue: Catalogue) -> Practice:
    """How the run used its machine, its optimizer as the row says."""
    words = (row.get("optimizer") or "").lower()
    kind = next((name for pattern, name in _OPTIMIZERS if re.search(pattern, words)), None)
    offload = ("optimizer",) if "100% cpu offload" in words else ()
    practice = run_practice(setup, catalogue)
    if kind is None and not offload:
        return practice
    other = practice_for(catalogue, setup.system, setup.stack, offload=offload, optimizer=kind)
    return dataclasses.replace(practice, host=other.host or practice.host, optimizer=other.optimizer)
