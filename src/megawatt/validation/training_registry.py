"""Registry of the constants of training: what each is, on what it rests, which runs it touches, what 10 % of it moves.

``python -m megawatt.validation.training_registry FILE...`` prints every fitted or assumed constant of the catalogue's
``practice-training`` as a Markdown table, and how many there are.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.catalogue.records import Fact
from megawatt.errors import MegawattError
from megawatt.evidence.training_recipes import with_recipes
from megawatt.evidence.training_rows import Run, read_run, run_practice
from megawatt.files import read_table
from megawatt.training import Practice, step_cost

__all__ = ["Registered", "main", "registry"]


_MOVED: Final = 1.1
"""Factor on a constant that is tried: 10 % more."""
_SAMPLE: Final = 6
"""Runs, evenly over those that a constant touches, on which 10 % of it is tried."""
_FITTED_ON: Final = "training-reference-runs"
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the registry and the counts."""
    parser = argparse.ArgumentParser(description="Fitted and assumed constants of training")
    parser.add_argument("files", nargs="+", type=Path, help="CSV files of training runs")
    given = parser.parse_args(arguments)
    catalogue = load_catalogue()
    rows = [row for path in given.files for row in with_recipes(read_table(path).rows, path)]
    runs: list[Run] = []
    for row in rows:
        try:
            if row.get("scorable") != "0":
                runs.append(read_run(row, catalogue))
        except MegawattError as error:
            sys.stderr.write(f"{row.get('id')}: left out: {error}\n")
    found = registry(runs, catalogue)
    sys.stdout.write("| constant | value | low to high | evidence | rows | time, 10 % more | memory | mechanism |\n")
    sys.stdout.write("|---|---|---|---|---|---|---|---|\n")
    for one in found:
        bounds = "-" if one.fact.low is None else f"{one.fact.low:g} to {one.fact.high:g}"
        figures = f"{one.rows} | {one.time_moved:.1%} | {one.memory_moved:.1%}"
        words = f"{one.fact.value:g} | {bounds} | {one.evidence} | {figures} | {one.fact.note}"
        sys.stdout.write(f"| `{one.entry}.{one.field}` | {words} |\n")
    fitted = sum(one.evidence == "fitted" for one in found)
    sys.stdout.write(f"\n{len(found)} constants: {fitted} fitted, {len(found) - fitted} assumed\n")


if __name__ == "__main__":
    main()
