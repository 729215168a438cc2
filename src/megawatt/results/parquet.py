"""Columns to Parquet files with their units in the metadata, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from megawatt.files import parquet_columns, parquet_units

__all__ = ["read_columns", "read_units", "write_columns"]

Columns = Mapping[str, NDArray[Any]]


def write_columns(path: Path, columns: Columns, units: Mapping[str, str]) -> None:
    """Write equally long columns to one Parquet file (zstd); ``units`` by column go into the file's metadata."""
    connection = duckdb.connect()
    try:
        connection.execute("SET threads = 1")  # the row order, hence the file, does not depend on the machine
        connection.register("columns_", dict(columns))
        pairs = ", ".join(f"{_quoted(f'unit.{name}')}: {_quoted(unit)}" for name, unit in units.items())
        options = f", KV_METADATA {{{pairs}}}" if pairs else ""
        target = _quoted(str(path))
        connection.execute(f"COPY (SELECT * FROM columns_) TO {target} (FORMAT parquet, COMPRESSION zstd{options})")
    finally:
        connection.close()


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    """All columns of a Parquet file as numpy arrays; missing numbers are NaN."""
    return {name: _plain(column) for name, column in parquet_columns(path).items()}


def _plain(column: NDArray[Any]) -> NDArray[Any]:
    """A missing number (NULL in the file) is NaN in numpy."""
    if isinstance(column, np.ma.MaskedArray):
        return np.asarray(column.filled(np.nan) if column.dtype.kind == "f" else column.data)
    return np.asarray(column)


def read_units(path: Path) -> dict[str, str]:
    """Units by column from the file's metadata."""
    return parquet_units(path)
