"""A run folder: Parquet tables, summary, manifest, report; written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from megawatt.catalogue.records import Assumption
from megawatt.chain.records import Comparison, UseResult
from megawatt.finance import CashFlow
from megawatt.finance.agreements import OperatingTerms
from megawatt.ours import differences
from megawatt.results.tables import tables_of
from megawatt.results.view import summary_of
from megawatt.results.workbook.book import cashflow_book
from megawatt.results.workbook.coverage import has_formulas
from megawatt.results.workbook.owners import Behind
from megawatt.risk import run_calls
from megawatt.writing import Content, write_columns, write_folder

__all__ = ["behind_of", "save", "verify"]


def save(
    comparison: Comparison, folder: Path, texts: Mapping[str, str], *, keep: bool = False, workers: int = 1
) -> Path:
    """Write a comparison to a run folder, replacing an older run as a whole.

    Parameters
    ----------
    comparison : Comparison
        What to save.
    folder : Path
        ``runs/<name>``.
    texts : mapping
        Further files by name, e.g. ``report.html``.
    keep : bool
        Replace nothing: the first free name of ``<name>``, ``<name>-2``, ``<name>-3`` ...
    workers : int
        Processes that make the workbooks; their bytes do not depend on it.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ScenarioError
        If the folder holds anything but an unchanged run.
    MachineError
        If it cannot be written.
    """
    files: dict[str, Content] = {
        f"{table.name}.parquet": partial(write_columns, columns=table.columns, units=table.units)
        for table in tables_of(comparison)
    }
    files |= texts
    files |= _workbooks(comparison, workers)
    files["summary.json"] = json.dumps(summary_of(comparison), indent=1, allow_nan=False) + "\n"
    return write_folder(folder, files, comparison.manifest, keep=keep)


def _workbooks(comparison: Comparison, workers: int) -> dict[str, Content]:
    """The base case's cash flow of each use with live formulas; ``cashflow.xlsx`` where there is one use."""
    uses = [use for use in comparison.uses if has_formulas(use.cash)]
    names = ["cashflow.xlsx" if len(comparison.uses) == 1 else f"cashflow-{use.name}.xlsx" for use in uses]
    calls = [
        partial(_workbook, use.cash, use.title, use.operating, use.grid_mw, use.assumptions, behind_of(use))
        for use in uses
    ]
    return dict(zip(names, run_calls(calls, workers), strict=True))


def _workbook(
    cash: CashFlow,
    title: str,
    operating: OperatingTerms | None,
    grid_mw: float,
    assumptions: tuple[Assumption, ...],
    behind: Behind,
) -> bytes:
    return cashflow_book(cash, operating=operating, grid_mw=grid_mw, assumptions=assumptions, behind=behind).made(title)


def behind_of(use: UseResult) -> Behind:
    """What stands behind the loan of a use."""
    return Behind(use.stack, use.venture.terms if use.venture else None)


def verify(folder: Path) -> list[str]:
    """Names in a run folder that are missing, changed or extra against its manifest; empty when whole."""
    foreign, missing = differences(folder)
    return sorted([*foreign, *missing])
