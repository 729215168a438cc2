"""Published runs predicted by constants that were fitted without them: one source, or one chip, left out at a time.

``python -m megawatt.validation.training_leave_out WORD... --files FILE...`` prints the errors of the runs whose source
holds a word, or whose chip it is; ``--each`` leaves out every source of the fit in turn. Every group of constants that
touches them is fitted anew without them, on the step times linearised at the catalogue's constants: a fit costs one
slope for each constant, not a search.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.evidence.training_layouts import Row
from megawatt.validation.training_fit import GROUPS, Group, Problem, Rows, fit_rows, fitted_on, robust_fit

__all__ = ["Linear", "left_out_errors", "linearised", "main"]


@dataclass(frozen=True, slots=True)
class Linear:
    """Errors (of log time) of runs (n,) at the catalogue's constants; slopes (n, k) by shares of the ranges."""

    ids: tuple[str, ...]
    fitted: NDArray[np.bool_]
    problem: Problem
    errors: FloatArray
    slopes: FloatArray

    def without(self, left: NDArray[np.bool_]) -> FloatArray:
        """Errors of all runs by constants that are fitted on those of the fit that are not left out. (n,)"""
        used = self.fitted & ~left
        if not used.any():
            return self.errors
        start = self.problem.start
        shares, _ = robust_fit(self.errors[used], self.slopes[used], start)
        return np.asarray(self.errors + self.slopes @ (shares - start))

    def moved(self, left: NDArray[np.bool_]) -> list[str]:
        """Constants that move by more than their standard error where runs of the fit are left out: from, to."""
        used, problem = self.fitted & ~left, self.problem
        if not used.any() or not (self.fitted & left).any():
            return []
        whole, spread = robust_fit(self.errors[self.fitted], self.slopes[self.fitted], problem.start)
        shares, _ = robust_fit(self.errors[used], self.slopes[used], problem.start)
        ends = zip(*(problem.low + problem.room * s for s in (whole, shares)), strict=True)
        far = np.abs(shares - whole) > spread
        named = zip(problem.names, ends, far, strict=True)
        return [f"{name} {before:.3g} to {after:.3g}" for name, (before, after), moves in named if moves]


def linearised(group: Group, rows: Rows, catalogue: Catalogue) -> Linear:
    """Errors and slopes of the runs of a group: those it is fitted on, and all others that it holds."""
    held = [item for item in rows if group.holds(*item)]
    used = {run.id for _, run in fitted_on(group, [item for item in held if item[0].get("fold") == "fit"])}
    problem = Problem.of(group, [run for _, run in held], catalogue)
    errors = problem.errors(problem.start)
    slopes = problem.slopes(problem.start, errors)
    ids = tuple(run.id for _, run in held)
    return Linear(ids, np.array([name in used for name in ids]), problem, errors, slopes)


def left_out_errors(
    rows: Rows, left: Callable[[Row], bool], catalogue: Catalogue, known: dict[str, Linear]
) -> dict[str, float]:
    """Predicted over published time, less one, of the runs that are left out, by id.

    Parameters
    ----------
    rows : sequence of (row, run)
        Complete runs, those left out among them.
    left : function of a row
        Whether it is left out.
    catalogue : Catalogue
        Everything that is not fitted; constants of a group stay where no other run of it is in the fit.
    known : dict
        Groups that are linearised already, by name; more are put in.
    """
    chosen = {run.id: (row, run) for row, run in rows if left(row)}
    held = {group.name: group for group in GROUPS if any(group.holds(*item) for item in chosen.values())}
    moved: dict[str, float] = dict.fromkeys(chosen, 0.0)
    plain: dict[str, float] = {}
    for name, group in held.items():
        known.setdefault(name, linearised(group, rows, catalogue))
        linear = known[name]
        out = np.array([i in chosen for i in linear.ids])
        after = linear.without(out)
        for i, before, error in zip(linear.ids, linear.errors, after, strict=True):
            if i in chosen:
                plain[i] = float(before)
                moved[i] += float(error - before)
    for i, (_, run) in chosen.items():
        if i not in plain:
            plain[i] = float(Problem.of(Group("", (), (), {}), [run], catalogue).errors(np.zeros(0))[0])
    return {i: float(np.expm1(plain[i] + moved[i])) for i in chosen}


def _summary(word: str, errors: dict[str, float], fitted: dict[str, float], moved: Sequence[str]) -> str:
    found, before = (np.array([table[i] for i in errors]) for table in (errors, fitted))
    size = np.abs(found)
    figures = f"{np.abs(before).mean():.1%} | {size.mean():.1%} | {np.quantile(size, 0.9):.1%} | {found.mean():+.1%}"
    return f"| {word} | {len(found)} | {figures} | {'; '.join(moved)} |\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print mean error, the error that 90 % are within, bias, and the constants that move, word by word."""
    parser = argparse.ArgumentParser(description="Runs by constants that were fitted without them")
    parser.add_argument("left_out", nargs="*", metavar="WORD", help="part of the name of a source, or a chip")
    parser.add_argument("--each", action="store_true", help="every source of the fit in turn")
    parser.add_argument("--files", nargs="+", type=Path, required=True, help="CSV files of training runs")
    parser.add_argument("--least-tokens", type=float, default=0.0, help="print only runs of sequences as long as that")
    given = parser.parse_args(arguments)
    catalogue = load_catalogue()
    rows = fit_rows(given.files, catalogue, lambda row: row.get("scorable") != "0")
    known: dict[str, Linear] = {}
    shown = {run.id for _, run in rows if run.job.seq_len >= given.least_tokens}
    sources = sorted({row["source"] for row, _ in rows if row.get("fold") == "fit"}) if given.each else []
    sys.stdout.write("| left out | runs | as fitted | left out | 90 % within | bias | constants that move |\n")
    sys.stdout.write("|---|---|---|---|---|---|---|\n")
    runs = [run for _, run in rows]
    plain = Problem.of(Group("", (), (), {}), runs, catalogue).errors(np.zeros(0))
    fitted = dict(zip([run.id for run in runs], np.expm1(plain).tolist(), strict=True))
    everything: dict[str, float] = {}
    for word in (*given.left_out, *sources):

        def named(row: Row, word: str = word) -> bool:
            return word.lower() in row.get("source", "").lower() or word == row.get("accelerator")

        errors = left_out_errors(rows, named, catalogue, known)
        chosen = {i: error for i, error in errors.items() if i in shown}
        if not chosen:
            continue
        moved = [m for linear in known.values() for m in linear.moved(np.isin(linear.ids, list(errors)))]
        sys.stdout.write(_summary(word, chosen, fitted, moved))
        everything |= chosen
    if given.each and everything:
        before, after = (float(np.mean([abs(table[i]) for i in everything])) for table in (fitted, everything))
        sys.stdout.write(f"\nall: {before:.1%} as fitted, {after:.1%} left out\n")


if __name__ == "__main__":
    main()
