"""Columns to Parquet files with their units in the metadata, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from megawatt.writing import write_columns

__all__ = ["read_columns", "read_units", "write_columns"]


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    """All columns of a Parquet file as numpy arrays; missing numbers are NaN."""
    with duckdb.connect() as connection:
        table = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchnumpy()
    return {name: _plain(column) for name, column in table.items()}


def _plain(column: NDArray[Any]) -> NDArray[Any]:
    """A missing number (NULL in the file) is NaN in numpy."""
    if isinstance(column, np.ma.MaskedArray):
        return np.asarray(column.filled(np.nan) if column.dtype.kind == "f" else column.data)
    return np.asarray(column)


def read_units(path: Path) -> dict[str, str]:
    """Units by column from the file's metadata."""
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT key, value FROM parquet_kv_metadata(?)", [str(path)]).fetchall()
    pairs = ((bytes(key).decode(), bytes(value).decode()) for key, value in rows)
    return {k.removeprefix("unit."): v for k, v in pairs if k.startswith("unit.")}
