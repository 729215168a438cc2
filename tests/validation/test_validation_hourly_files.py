"""The files of operators, as published with the cases: every good one to 1e-9, every bad one with its line."""

from __future__ import annotations

import csv
import gc
import runpy
import warnings
from pathlib import Path

import pytest

from megawatt.errors import ScenarioError
from megawatt.hourly import read_hourly


@pytest.mark.reference
def test_files_of_operators(reference_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = reference_dir.parent / "cases" / "site"
    if not (folder / "make_inputs.py").is_file():
        pytest.skip("the cases are not here")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        runpy.run_path(str(folder / "make_inputs.py"))
        gc.collect()
    with (folder / "expected.csv").open(encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    wrong = [row["file"] for row in expected if not _as_expected(tmp_path, row)]
    assert not wrong


def _as_expected(folder: Path, row: dict[str, str]) -> bool:
    kind = "prices" if row["quantity"].startswith("price") else "weather"
    try:
        values = read_hourly(folder / row["file"], kind).values
    except ScenarioError as error:
        return row["verdict"] == "bad" and (not row["line"] or f":{row['line']}:" in str(error))
    mean = float(values["price" if kind == "prices" else "dry_bulb"].mean())
    return row["verdict"] == "good" and abs(mean - float(row["mean"])) < 1e-9
