"""Tables of a whole training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from megawatt.cli.output import console
from megawatt.cli.tables import print_table

if TYPE_CHECKING:
    from megawatt.runs import TrainingRun

__all__ = ["show_run"]


def show_run(found: TrainingRun) -> None:
    """Print days, where they go, checkpoints, phases and energy."""
    from megawatt.runs import phase_rows, run_rows, run_sentences, run_title

    to = console()
    to.print(f"\n{run_title(found)}\n", style="bold")
    print_table(("time of the run", "days", "share"), run_rows(found))
    if len(found.phases) > 1:
        to.print("")
        print_table(("phase", "tokens", "batch", "steps", "days of work"), phase_rows(found), left=("batch",))
    for sentence in run_sentences(found):
        to.print(f"\n{sentence}")
