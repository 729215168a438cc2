"""Names of array types that every room uses, and rows that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoolArray", "FloatArray", "IndexArray", "IntArray", "distinct_rows"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]

_LARGEST_CODE: Final = 2**62
_LOOKED_UP: Final = 8
"""Numbers up to so many times their count are looked up in a table; larger ones are sorted."""


def distinct_rows(columns: Sequence[NDArray[np.int64]]) -> tuple[IndexArray, IndexArray]:
    """Position of the first of each distinct row of non-negative integer columns, and each row's number; rows are
    numbered in their order."""
    if len(columns[0]) == 1:
        return np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp)
    code, room = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        if not column.strides[0]:
            continue  # one value in all rows
        number, width = _numbered(column)
        if room * width >= _LARGEST_CODE:
            code, room = _numbered(code)
        code, room = code * width + number, room * width
    number, count = _numbered(code)
    first = np.empty(count, dtype=np.intp)
    first[number[::-1]] = np.arange(len(code) - 1, -1, -1)
    return first, number


def _numbered(values: NDArray[np.int64]) -> tuple[IndexArray, int]:
    """Place of each of some non-negative integers among the distinct ones, and how many there are."""
    largest = int(values.max(initial=0))
    if largest > _LOOKED_UP * len(values):
        distinct, number = np.unique(values, return_inverse=True)
        return number, len(distinct)
    present = np.zeros(largest + 1, dtype=bool)
    present[values] = True
    place = np.cumsum(present) - 1
    return place[values], int(place[-1]) + 1
