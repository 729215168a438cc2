"""Tables of a whole training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from megawatt.cli.output import console
from megawatt.cli.tables import print_table

if TYPE_CHECKING:
    from megawatt.runs import Around, TrainingRun

__all__ = ["show_run"]


def show_run(found: TrainingRun, around: Around) -> None:
    """Print days, where they go, checkpoints, phases, energy, cost, caps and swing."""
    from megawatt.runs import phase_rows, run_rows, run_sentences, run_title

    to = console()
    to.print(f"\n{run_title(found)}\n", style="bold")
    print_table(("time of the run", "days", "share"), run_rows(found))
    if len(found.phases) > 1:
        to.print("")
        print_table(("phase", "tokens", "batch", "steps", "days of work"), phase_rows(found), left=("batch",))
    for sentence in (*run_sentences(found), *around.sentences()):
        to.print(f"\n{sentence}")
