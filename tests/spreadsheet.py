"""Recalculate a workbook by engines that are not ours."""

from __future__ import annotations

import logging
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")


def recalculated(path: Path) -> dict[tuple[str, str], Any]:
    """Every cell's value by (SHEET, cell) after a formula evaluator has computed it from the inputs."""
    pytest.importorskip("openpyxl", reason="formulas[excel] reads workbooks with it")
    formulas = pytest.importorskip("formulas")
    logging.getLogger("schedula").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # the evaluator's own dependencies warn; ours must not
        warnings.simplefilter("ignore")
        model = formulas.ExcelModel().loads(str(path)).finish()
        solution = model.calculate()
    out: dict[tuple[str, str], Any] = {}
    for key, ranges in solution.items():
        if "!" not in str(key) or ":" in str(key):
            continue
        sheet, cell = str(key).rsplit("!", 1)
        out[sheet.strip("'").rpartition("]")[2].upper(), cell] = ranges.value[0, 0]
    return out


def recalculated_by_office(path: Path) -> dict[tuple[str, str], Any]:
    """The same by LibreOffice, which computes every formula when it opens a file that it did not write itself."""
    openpyxl = pytest.importorskip("openpyxl")
    if OFFICE is None:
        pytest.skip("LibreOffice is not installed")
    target = path.parent / "office"
    profile = f"-env:UserInstallation={(path.parent / 'profile').as_uri()}"
    command = [OFFICE, profile, "--headless", "--convert-to", "xlsx", "--outdir", str(target), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    book = openpyxl.load_workbook(target / path.name, data_only=True)
    return {
        (sheet.title.upper(), cell.coordinate): cell.value
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
    }
