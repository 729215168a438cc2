"""A run folder: Parquet tables, summary, manifest, report; written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from megawatt.chain.records import Comparison
from megawatt.errors import MegawattError
from megawatt.files import read_json
from megawatt.results.manifest import file_hashes
from megawatt.results.parquet import write_columns
from megawatt.results.swap import new_folder
from megawatt.results.tables import Table, tables_of
from megawatt.results.view import summary_of
from megawatt.results.workbook import has_formulas, write_cashflow

__all__ = ["save", "verify"]


def save(comparison: Comparison, folder: Path, texts: Mapping[str, str]) -> Path:
    """Write a comparison to a run folder, replacing an older one as a whole.

    Parameters
    ----------
    comparison : Comparison
        What to save.
    folder : Path
        ``runs/<name>``.
    texts : mapping
        Further files by name, e.g. ``report.html``.

    Returns
    -------
    Path
        The folder.
    """
    try:
        with new_folder(folder) as fresh:
            for table in tables_of(comparison):
                _write_table(fresh, table)
            for name, text in texts.items():
                (fresh / name).write_text(text, encoding="utf-8")
            _write_workbooks(fresh, comparison)
            _write_json(fresh / "summary.json", summary_of(comparison))
            _write_json(fresh / "manifest.json", dict(comparison.manifest) | {"files": file_hashes(fresh)})
    except OSError as error:
        raise MegawattError(
            f"{folder}: the results could not be written ({error.strerror}); choose another --out"
        ) from error
    return folder


def _write_table(folder: Path, table: Table) -> None:
    write_columns(folder / f"{table.name}.parquet", table.columns, table.units)


def _write_workbooks(folder: Path, comparison: Comparison) -> None:
    """The base case's cash flow of each use with live formulas; ``cashflow.xlsx`` where there is one use."""
    for use in comparison.uses:
        name = "cashflow.xlsx" if len(comparison.uses) == 1 else f"cashflow-{use.name}.xlsx"
        if not has_formulas(use.cash):
            # refinanced loans and draws on clocks of their own (docs/finance.md)
            continue
        write_cashflow(
            folder / name,
            use.cash,
            use.title,
            operating=use.operating,
            grid_mw=use.grid_mw,
            assumptions=use.assumptions,
        )


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def verify(folder: Path) -> list[str]:
    """Names of files of a run folder that are missing, changed or extra against its manifest; empty when whole."""
    manifest = read_json(folder / "manifest.json", "the manifest of a run")
    expected, found = dict(manifest.get("files") or {}), file_hashes(folder)
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
