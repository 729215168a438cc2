"""Columns and units survive Parquet; equal columns give equal files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from megawatt.results.parquet import read_columns, read_units, write_columns


def test_columns_and_units_round_trip(tmp_path: Path) -> None:
    columns = {
        "use": np.array(["a's", "b"], dtype=object),
        "import_mw": np.array([1.5, np.nan]),
        "hour": np.arange(2),
    }
    file = tmp_path / "it's.parquet"
    write_columns(file, columns, {"import_mw": "MW", "hour": "h"})
    back = read_columns(file)
    assert list(back["use"]) == ["a's", "b"]
    np.testing.assert_array_equal(back["import_mw"], columns["import_mw"])
    assert read_units(file) == {"import_mw": "MW", "hour": "h"}


def test_equal_columns_give_equal_bytes(tmp_path: Path) -> None:
    columns = {"x": np.random.default_rng(1).normal(size=20_000)}
    for name in ("a", "b"):
        write_columns(tmp_path / name, columns, {"x": "MW"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
