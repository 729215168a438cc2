"""Score the goodput of published training runs, each at the rate of interruptions of the others."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.files import read_table
from megawatt.files.table import Row
from megawatt.runs import PublishedRun, published_goodput, published_runs
from megawatt.validation.scoring import Case, Skipped, result_entry

__all__ = ["score"]

_NULL: Final = 0.9
"""The trivial predictor: nine tenths of the time of any run."""
_APART: Final = "goodput, causes that are not modelled"
"""Runs whose own table says that something else than failures of machines took their time."""
_S_PER_MINUTE: Final = 60.0
"""Seconds of a minute."""


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Compare predicted with published effective time of a CSV of runs.

    Parameters
    ----------
    path : Path
        CSV with ``id``, ``chips``, ``effective_time_frac``, ``interruptions_unexpected`` and, where known,
        ``days_wall``, ``checkpoint_minutes``, ``checkpoint_interval_minutes``; ``apart`` says why a run is scored
        apart.
    catalogue : Catalogue
        Rates and downtimes.

    Returns
    -------
    list of dict
        One entry, and one of runs scored apart. Rows whose kind is no run, or that lack chips or effective time, are
        skipped.
    """
    rows, known = read_table(path).rows, {run.key: run for run in published_runs()}
    skipped = []
    found: dict[str, list[Case]] = {"goodput": [], _APART: []}
    for row in rows:
        name, why = row.get("id", ""), _why_not(row)
        if why:
            skipped.append(Skipped(name, why))
            continue
        one = _complete(row, known.get(name))
        predicted = published_goodput(one, list(known.values()), catalogue)
        assumed = () if name in known else ("how it recovers",)
        found[_APART if row.get("apart") else "goodput"].append(
            Case(name, row.number("effective_time_frac"), predicted, assumed=assumed, null=_NULL)
        )
    return [
        result_entry(
            file=path.name, kind="goodput", quantity=quantity, unit="", error="absolute", rows=len(rows),
            scorable=len(cases), cases=cases, skipped=skipped if quantity == "goodput" else (),
        )
        for quantity, cases in found.items()
        if cases or quantity == "goodput"
    ]  # fmt: skip


def _why_not(row: Row) -> str:
    if row.get("kind", "run") != "run":
        return f"not one run: {row['kind']}"
    for column in ("effective_time_frac", "chips"):
        if row.optional(column) is None:
            return f"not scorable: no {column}"
    return ""


def _complete(row: Row, known: PublishedRun | None) -> PublishedRun:
    """What the row says, completed from the package's table."""
    one = known or PublishedRun(row.get("id", ""), row.get("run", ""), "automatic", "run", "", "", "")
    said: dict[str, Any] = {
        "chips": row.number("chips", low=1.0, high=1e7),
        "days": row.optional("days_wall"),
        "checkpoint_stall_s": _seconds(row.optional("checkpoint_minutes")),
        "interval_s": _seconds(row.optional("checkpoint_interval_minutes")),
    }
    return replace(one, **{name: value for name, value in said.items() if value is not None and not math.isnan(value)})


def _seconds(minutes: float | None) -> float | None:
    return None if minutes is None else minutes * _S_PER_MINUTE
