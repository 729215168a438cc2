"""Layouts of one job in order: rank agreement, and what choosing by prediction among published layouts costs.

``python -m megawatt.validation.training_ranking FILE...`` prints the groups as a Markdown table, and the median.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.catalogue import load_catalogue
from megawatt.evidence.training_layouts import Row
from megawatt.validation.scoring import kendall_tau
from megawatt.validation.training_runs import predictions

__all__ = ["Ranked", "main", "ranked"]


_LEAST: Final = 4
"""Layouts of a group whose order says something."""
_JOB: Final = ("model", "accelerator", "chips", "seq_len", "dtype")
"""What rows of one group share: they differ in batch, layout, switches and release."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One job on one machine.

    ``layouts``: distinct ones. ``tau``: Kendall's tau of published against predicted time per sequence. ``regret``: how
    much slower the one is that is predicted to be the fastest than the one that was, by their published times.
    """

    job: str
    layouts: int
    tau: float
    regret: float


def ranked(rows: Sequence[Row], measured: Sequence[float], predicted: Sequence[float]) -> list[Ranked]:
    """Groups of four and more layouts of one job; one published again counts once, with the mean of its times.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of tables of training runs.
    measured, predicted : sequence of float
        Their times of one sequence; equal predictions are one configuration. [s]
    """
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[tuple(row.get(name) or "" for name in _JOB)].append(i)
    out = []
    for key, places in groups.items():
        ours, which = np.unique([predicted[i] for i in places], return_inverse=True)
        if len(ours) >= _LEAST:
            theirs = np.bincount(which, [measured[i] for i in places]) / np.bincount(which)
            regret = float(theirs[0] / theirs.min()) - 1.0
            out.append(Ranked(", ".join(key), len(ours), kendall_tau(theirs.tolist(), ours.tolist()), regret))
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the groups, the mean agreement and the median regret."""
    parser = argparse.ArgumentParser(description="Layouts of one job in order, by published runs")
    parser.add_argument("files", nargs="+", type=Path, help="CSV files of training runs")
    given = parser.parse_args(arguments)
    catalogue = load_catalogue()
    rows: list[Row] = []
    measured: list[float] = []
    predicted: list[float] = []
    for path in given.files:
        found = predictions(path, catalogue)
        rows += found.rows
        batches = [float(row.get("global_batch") or 1.0) for row in found.rows]
        measured += [case.measured / batch for case, batch in zip(found.cases, batches, strict=True)]
        predicted += [case.predicted / batch for case, batch in zip(found.cases, batches, strict=True)]
    groups = ranked(rows, measured, predicted)
    sys.stdout.write("| job | layouts | tau | regret |\n|---|---|---|---|\n")
    for one in groups:
        sys.stdout.write(f"| {one.job} | {one.layouts} | {one.tau:.2f} | {one.regret:.1%} |\n")
    if groups:
        tau = np.nanmean([one.tau for one in groups])
        regrets = [one.regret for one in groups]
        sys.stdout.write(f"\n{len(groups)} groups: tau {tau:.2f}, regret {np.median(regrets):.1%} at the median, ")
        sys.stdout.write(f"{np.mean(regrets):.1%} on average\n")


if __name__ == "__main__":
    main()
