"""Columns of a case folder: hours by index or stamps, each once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import shown
from megawatt.files import parse_number, refused
from megawatt.hourly.cells import Quantity, Unit, read_column
from megawatt.hourly.layouts import Header, layouts, plain_name
from megawatt.hourly.stamps import read_stamps
from megawatt.hourly.tables import Sheet, sheet_of

__all__ = ["read_case_columns"]

_INDEX: Final = "datetime|timestamp|time|hour|hourofyear|h"


def read_case_columns(
    path: Path, columns: Mapping[str, tuple[str, Quantity]], what: str
) -> tuple[dict[str, FloatArray], tuple[str, ...]]:
    """Columns of a case: hours in the order of their index or stamps where there are any, each once and none left out.

    Parameters
    ----------
    path : Path
        CSV with a header.
    columns : mapping of str to (title, Quantity)
        What is needed, by the name under which it is returned.
    what : str
        What is wanted, for messages.

    Returns
    -------
    dict of array, shape (hours,), and what was done

    Raises
    ------
    ScenarioError
        If a column is missing, or an hour or value is missing, double or impossible; names line, column and value.
    """
    sheet = _case_sheet(path, columns, what)
    remarks: list[str] = []
    order = _case_order(sheet, remarks)
    made = {}
    for name, (title, quantity) in columns.items():
        at = sheet.header.titles.index(title) if title in sheet.header.titles else sheet.header.find(plain_name(title))
        cells = sheet.cells(at or 0)
        unit = Unit(quantity.unit, currency="USD")
        values, _ = read_column(sheet.file, title, quantity, cells, unit, separated=sheet.separated)
        made[name] = values[order]
    return made, tuple(remarks)


def _case_sheet(path: Path, columns: Mapping[str, tuple[str, Quantity]], what: str) -> Sheet:
    rows, separated = sheet_of(path, what)
    titles = tuple(cell.strip() for cell in rows[0][1]) if rows else ()
    header = Header(titles, 1)
    missing = [title for title, _ in columns.values() if header.find(plain_name(title)) is None]
    if missing:
        found = f"no column {', '.join(missing)}; columns: {', '.join(titles[:30]) or 'none'}"
        raise refused(path, found, f"needed: {', '.join(title for title, _ in columns.values())}", line=1)
    long = next((line for line, row in rows[1:] if any(cell.strip() for cell in row[len(titles) :])), 0)
    if long:
        raise refused(path, "more cells than columns", "as many cells as columns", line=long)
    layout = next(one for one in layouts() if one.key == "meter")
    return Sheet(str(path), layout, header, rows[:1], rows[1:], separated)


def _case_order(sheet: Sheet, remarks: list[str]) -> IntArray:
    """Order of the rows by their index or stamps; as they stand where there are none."""
    at = sheet.header.find(_INDEX)
    if at is None or not sheet.rows:
        return np.arange(len(sheet.rows))
    column, cells = sheet.header.titles[at], sheet.cells(at)
    numbers = [parse_number(text) for _, text in cells]
    if all(number is not None for number in numbers):
        index = np.array(numbers, dtype=np.float64)
    else:
        stamps = read_stamps(sheet.file, column, cells)
        offset = 0 if stamps.offset_min is None else stamps.offset_min
        index = (stamps.minute - offset) / 60.0
    order = np.argsort(index, kind="stable")
    steps = np.diff(index[order])
    if np.any(np.diff(order) < 0) and not np.any(steps == 0.0):
        remarks.append("rows put in the order of their hours")
    odd = np.flatnonzero(steps != 1.0)
    if odd.size:
        row = int(order[odd[0] + 1])
        line, text = cells[row]
        twice = steps[odd[0]] == 0.0
        found = f"{shown(text)} {'again' if twice else 'after ' + shown(cells[int(order[odd[0]])][1])}"
        raise refused(sheet.file, found, "each hour once, one after the other", where=column, line=line)
    return np.asarray(order, dtype=np.int64)
