"""Published layouts against the best that the search finds: how much faster, and what it chooses otherwise.

``python -m megawatt.validation.training_best FILE...`` prints one line per run with a full configuration.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.errors import MegawattError
from megawatt.evidence.training_rows import Run, read_run
from megawatt.evidence.training_tables import read_runs
from megawatt.training import layout_reasons, plan, practice_for, step_cost
from megawatt.training.explain import changed_choices

__all__ = ["Against", "against_search", "main"]

_EQUAL: Final = 1e-9
"""Difference of two step times that counts as none."""


@dataclass(frozen=True, slots=True)
class Against:
    """A published layout and the best that the search finds.

    ``saved_frac``: share of the predicted step that the best layout saves; None where the published layout is not in
    the space, for the reason ``why``. ``chooses``: what the best layout does otherwise.
    """

    id: str
    saved_frac: float | None
    chooses: tuple[str, ...] = ()
    why: str = ""


def against_search(run: Run, catalogue: Catalogue) -> Against:
    """Search the space of a published run and hold its own layout against the best.

    Parameters
    ----------
    run : Run
        Complete, with a published layout.
    catalogue : Catalogue
        Chips, systems and stacks.
    """
    if run.layout is None:
        return Against(run.id, None, why="no layout is published")
    practice = practice_for(catalogue, run.system, run.software)
    published = step_cost(run.job, run.system, run.layout, practice=practice)
    broken = str(layout_reasons(run.job, run.layout, chips=run.chips)[0])
    if broken:
        return Against(run.id, None, why=broken)
    try:
        found = plan(run.job, run.system, run.chips, catalogue=catalogue, stack=run.software)
    except MegawattError as error:
        return Against(run.id, None, why=str(error).split(":")[0] + ": nothing fits in memory")
    saved = 1.0 - found.step_time_s / float(published.step_time_s[0])
    if saved < -_EQUAL and not published.feasible[0]:
        return Against(run.id, None, why="the memory model says that it does not fit")
    return Against(run.id, saved, tuple(changed_choices(run.layout, found.layout)))


def _runs(paths: Sequence[Path], catalogue: Catalogue) -> Iterator[Run]:
    for path in paths:
        for row in read_runs(path).rows:
            if row.get("full_config") == "1" and row.get("scorable") != "0":
                yield read_run(row, catalogue)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print every run and a count."""
    parser = argparse.ArgumentParser(description="Published layouts against the best that the search finds")
    parser.add_argument("files", nargs="+", type=Path, help="CSV files of training runs")
    given = parser.parse_args(arguments)
    catalogue = load_catalogue()
    counts: Counter[str] = Counter()
    for run in _runs(given.files, catalogue):
        one = against_search(run, catalogue)
        if one.saved_frac is None:
            counts[one.why] += 1
            sys.stdout.write(f"{one.id}: not compared: {one.why}\n")
            continue
        counts["matched or beaten" if one.saved_frac >= -_EQUAL else "not matched"] += 1
        sys.stdout.write(f"{one.id}: {one.saved_frac:+.1%} {', '.join(one.chooses) or 'the same layout'}\n")
    for words, count in counts.most_common():
        sys.stdout.write(f"{count:5} {words}\n")


if __name__ == "__main__":
    main()
