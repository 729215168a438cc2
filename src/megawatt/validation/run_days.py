"""Score the days of whole published training runs, each under the layout and the phases that it published."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.errors import MegawattError, ScenarioError, shown
from megawatt.evidence.training_layouts import Row
from megawatt.evidence.training_rows import Setup, read_setup, run_practice
from megawatt.evidence.training_tables import read_runs
from megawatt.files import parse_number
from megawatt.runs import Ramp, RunSettings, elapsed_days, expected, others_rate, published_runs, reliability
from megawatt.training import TrainingPlan, plan, step_cost
from megawatt.units import S_PER_DAY
from megawatt.validation.scoring import Case, Skipped, result_entry

__all__ = ["score"]

_BASES: Final = ("wall", "chip-hours", "steps")
"""What days are published as: elapsed; chip-hours over chips; steps times their time, without what interrupts them."""
_COLUMNS: Final = ("tokens", "days", "days_basis", "ramp", "phases", "recovery", "apart", "read_at")
"""Columns beside those of a table of runs."""
_ELAPSED, _FROM_RATES, _UNPUBLISHED = "days", "days from published rates", "days, decisive inputs unpublished"
_RAMP_STAGES: Final = 8
"""Sizes of the batch that stand for one that grows."""
_MEMORY_BYTES: Final = 1e13
"""Memory of a chip that holds any layout: a published one ran, whatever the memory model says of it."""


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Compare predicted with published days of a CSV of whole runs.

    Parameters
    ----------
    path : Path
        CSV with the columns of a setup (docs/validation.md) and ``tokens``, ``days``, ``days_basis``; where known
        ``ramp`` (BATCH:TOKENS), ``phases`` (``tokens=N global_batch=N ...``, any column of a setup, phases between
        semicolons), ``recovery``; ``apart`` says why a row is scored apart, ``read_at`` how it was read.
    catalogue : Catalogue
        Chips, systems, stacks, rates and downtimes.

    Returns
    -------
    list of dict
        One entry for elapsed days (wall clock, or chip-hours over chips: failures and waits are in them), one for days
        that were themselves derived from a published rate (nothing interrupts), one for runs whose decisive inputs are
        not published; rows that were read from memory, or that lack tokens or days, are skipped.
    """
    table = read_runs(path, _COLUMNS)
    rows, unread = table.rows, [dataclasses.asdict(column) for column in table.unread]
    found: dict[str, list[Case]] = {name: [] for name in (_ELAPSED, _FROM_RATES, _UNPUBLISHED)}
    skipped = []
    for row in rows:
        name = row.get("id", "")
        if row.get("read_at", "") == "memory":
            skipped.append(Skipped(name, "not scorable: from memory"))
            continue
        try:
            case = _case(name, row, catalogue)
        except MegawattError as error:
            skipped.append(Skipped(name, str(error)))
            continue
        derived = _FROM_RATES if row.get("days_basis") == "steps" else _ELAPSED
        found[_UNPUBLISHED if row.get("apart") else derived].append(case)
    return [
        result_entry(
            file=path.name, kind="run-days", quantity=quantity, unit="days", error="relative", rows=len(rows),
            scorable=len(cases), cases=cases, skipped=skipped if quantity == _ELAPSED else (),
        ) | {"unread": unread}
        for quantity, cases in found.items()
        if cases or quantity == _ELAPSED
    ]  # fmt: skip


def _case(name: str, row: Row, catalogue: Catalogue) -> Case:
    days, basis = _number(row, "days"), row.get("days_basis", "")
    if basis not in _BASES:
        raise ScenarioError(f"days_basis = {shown(basis)}; allowed: {', '.join(_BASES)}")
    phases = list(_phases(row))
    setups = [read_setup(part, catalogue) for part, _ in phases]
    work_s = sum(
        tokens / one.job.tokens * _step_s(one, catalogue) for one, (_, tokens) in zip(setups, phases, strict=True)
    )
    rate = others_rate(name, published_runs())
    predicted = work_s / S_PER_DAY if basis == "steps" else _elapsed(setups[0], row, work_s, rate, catalogue)
    assumed = dict.fromkeys(cell for one in setups for cell in one.assumed)
    return Case(name, days, predicted, assumed=tuple(assumed), groups=(f"days_basis={basis}",))


def _number(row: Mapping[str, str], name: str) -> float:
    value = parse_number(row.get(name, ""))
    if value is None or not 0.0 < value < math.inf:
        raise ScenarioError(f"not scorable: no {name}" if not row.get(name) else f"{name} = {shown(row[name])}")
    return value


def _phases(row: Row) -> Iterator[tuple[Row, float]]:
    """Rows and tokens of a run's phases: the batch's growth, the tokens at the row's own setup, and what else ran."""
    tokens, ramp = _number(row, "tokens"), RunSettings(ramp=row.get("ramp") or None).growing
    if ramp is not None:
        yield from _growing(row, ramp)
        tokens -= ramp.tokens
    yield row, tokens
    for text in filter(None, (row.get("phases") or "").split(";")):
        said = dict(word.partition("=")[::2] for word in text.split())
        part = dict(row) | said
        yield part, _number(part, "tokens")


def _growing(row: Row, ramp: Ramp) -> Iterator[tuple[Row, float]]:
    ends = np.linspace(ramp.batch, _number(row, "global_batch"), _RAMP_STAGES + 1)
    for batch in (ends[:-1] + ends[1:]) / 2.0:
        yield dict(row) | {"global_batch": f"{batch:.0f}"}, ramp.tokens / _RAMP_STAGES


def _step_s(one: Setup, catalogue: Catalogue) -> float:
    """Step time under the published layout; the planner chooses where none is. [s]"""
    if one.layout is None:
        return _plan(one, catalogue).step_time_s
    cost = step_cost(one.job, one.system, one.layout, practice=run_practice(one, catalogue))
    return float(cost.step_time_s[0])


def _plan(one: Setup, catalogue: Catalogue) -> TrainingPlan:
    system = one.system
    if one.layout is not None:
        system = dataclasses.replace(
            system, accelerator=dataclasses.replace(system.accelerator, hbm_bytes=_MEMORY_BYTES)
        )
    return plan(one.job, system, one.chips, catalogue=catalogue, layouts=one.layout, stack=one.software)


def _elapsed(first: Setup, row: Row, work_s: float, rate: float, catalogue: Catalogue) -> float:
    """Elapsed time of so much work with what interrupts it, at the rate of other runs. [days]"""
    settings = RunSettings(recovery=row.get("recovery") or "automatic", interruptions=rate)
    found = reliability(_plan(first, catalogue), first.system, settings, catalogue, work_s)
    return elapsed_days(expected(found.process, work_s * (1.0 + found.slow_frac)))
