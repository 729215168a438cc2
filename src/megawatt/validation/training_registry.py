"""Registry of the constants of training: what each is, on what it rests, which runs it touches, what 10 % of it moves.

``python -m megawatt.validation.training_registry FILE... --page docs/training-constants.md`` writes every fitted or
assumed constant of the catalogue's ``practice-training`` as a Markdown table, and how many there are.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.catalogue.records import Fact
from megawatt.errors import MegawattError
from megawatt.evidence.training_rows import Run, read_run, run_practice
from megawatt.evidence.training_tables import read_runs
from megawatt.training import Practice, step_cost
from megawatt.writing import write_text

__all__ = ["Registered", "main", "registry", "standard_error", "table"]


_MOVED: Final = 1.1
"""Factor on a constant that is tried: 10 % more."""
_SAMPLE: Final = 6
"""Runs, evenly over those that a constant touches, on which 10 % of it is tried."""
_FITTED_ON: Final = "training-reference-runs"
_MARK: Final = "<!-- written by megawatt.validation.training_registry -->"
"""What stands in a page before its table."""
_PREFIXES: Final = ("stack-", "practice-", "training-practice")


@dataclass(frozen=True, slots=True)
class Registered:
    """One constant: entry and field, its fact, the runs that use it, and the largest relative change of the step time
    and of the memory of a run where it is 10 % more."""

    entry: str
    field: str
    fact: Fact
    rows: int
    time_moved: float
    memory_moved: float

    @property
    def evidence(self) -> str:
        """``fitted`` or ``assumed``."""
        return "assumed" if self.fact.kind == "assumed" else "fitted"


def _counted(fact: Fact) -> bool:
    """A number that was fitted on runs, or assumed."""
    number = isinstance(fact.value, int | float)
    return number and (fact.kind == "assumed" or (fact.kind == "derived" and fact.source == _FITTED_ON))


def _costs(run: Run, practice: Practice) -> tuple[float, float]:
    """Step time and memory of a published layout."""
    assert run.layout is not None
    cost = step_cost(run.job, run.system, run.layout, practice=practice)
    return float(cost.step_time_s[0]), float(cost.memory_bytes[0])


def _moved(
    entry: str, field: str, runs: Sequence[tuple[Run, float, float]], catalogue: Catalogue
) -> tuple[float, float]:
    """Largest relative change of time and memory where one constant is 10 % more."""
    held = catalogue.entries[entry]
    fact = held.facts[field]
    more = dataclasses.replace(fact, value=fact.number() * _MOVED)
    other = dataclasses.replace(
        catalogue,
        entries={**catalogue.entries, entry: dataclasses.replace(held, facts={**held.facts, field: more})},
    )
    time = memory = 0.0
    for run, time_s, memory_bytes in runs[:: max(len(runs) // _SAMPLE, 1)]:
        try:
            costs = _costs(run, run_practice(run, other))
        except MegawattError:  # a share that may not be more
            continue
        time, memory = max(time, abs(costs[0] / time_s - 1.0)), max(memory, abs(costs[1] / memory_bytes - 1.0))
    return time, memory


def registry(runs: Sequence[Run], catalogue: Catalogue) -> list[Registered]:
    """Every fitted or assumed constant of training.

    Parameters
    ----------
    runs : sequence of Run
        Published runs, complete; those without a layout are left out.
    catalogue : Catalogue
        Holds the entries ``training-practice``, ``practice-...`` and ``stack-...``.
    """
    users: Mapping[str, list[tuple[Run, float, float]]] = defaultdict(list)
    for run in runs:
        if run.layout is None:
            continue
        practice = run_practice(run, catalogue)
        costs = _costs(run, practice)
        for name in {a.name for a in practice.assumptions}:
            users[name].append((run, *costs))
    out: list[Registered] = []
    for key, entry in catalogue.entries.items():
        if not key.startswith(_PREFIXES):
            continue
        for field, fact in entry.facts.items():
            if _counted(fact):
                using = users[f"{key}.{field}"]
                out.append(Registered(key, field, fact, len(using), *_moved(key, field, using, catalogue)))
    return out


def standard_error(fact: Fact) -> str:
    """The standard error that the note of a fitted constant gives; a dash where it gives none."""
    found = re.search(r"\+- ([0-9.]+)", fact.note)
    return found[1] if found else "-"


def table(found: Sequence[Registered]) -> str:
    """The registry as Markdown, with the counts."""
    lines = [
        "| constant | value | low to high | evidence | standard error | runs | time, 10 % more | memory | mechanism |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        bounds = "-" if one.fact.low is None else f"{one.fact.low:g} to {one.fact.high:g}"
        said = f"{one.fact.value:g} | {bounds} | {one.evidence} | {standard_error(one.fact)}"
        figures = f"{one.rows} | {one.time_moved:.1%} | {one.memory_moved:.1%}"
        lines.append(f"| `{one.entry}.{one.field}` | {said} | {figures} | {one.fact.note} |")
    fitted = sum(one.evidence == "fitted" for one in found)
    return "\n".join([*lines, "", f"{len(found)} constants: {fitted} fitted, {len(found) - fitted} assumed"]) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the registry and the counts, or put them into a page."""
    parser = argparse.ArgumentParser(description="Fitted and assumed constants of training")
    parser.add_argument("files", nargs="+", type=Path, help="CSV files of training runs")
    parser.add_argument("--page", type=Path, help="Markdown file whose table is written anew")
    given = parser.parse_args(arguments)
    catalogue = load_catalogue()
    rows = [row for path in given.files for row in read_runs(path).rows]
    runs: list[Run] = []
    for row in rows:
        try:
            if row.get("scorable") != "0":
                runs.append(read_run(row, catalogue))
        except MegawattError as error:
            sys.stderr.write(f"{row.get('id')}: left out: {error}\n")
    found = table(registry(runs, catalogue))
    if given.page is None:
        sys.stdout.write(found)
        return
    before = given.page.read_text(encoding="utf-8").partition(_MARK)[0]
    write_text(given.page, f"{before}{_MARK}\n\n{found}", force=True, seal=False)


if __name__ == "__main__":
    main()
