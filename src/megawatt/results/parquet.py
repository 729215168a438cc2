"""Columns to Parquet files with their units in the metadata, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from megawatt.files import parquet_columns, parquet_units
from megawatt.writing import write_columns

__all__ = ["read_columns", "read_units", "write_columns"]


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
