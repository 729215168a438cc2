"""CSV: rows with their lines, cells as text, numbers by a strict grammar."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from megawatt.errors import ScenarioError, shown
from megawatt.files.guard import refused
from megawatt.files.text import read_text

__all__ = ["Row", "Table", "column_name", "parse_number", "read_rows", "read_table"]

_MOST_CELLS: Final = 10_000_000
"""Cells that are read at most."""
_MOST_COLUMNS: Final = 2000
"""Columns that are read at most."""
_HEAD_BYTES: Final = 10_000
"""Of the beginning of a text, in which its separator is looked for."""
_SEPARATORS: Final = (",", ";", "\t", "|")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?|\.[0-9]{1,300})(?:[eE][+-]?[0-9]{1,4})?")


def parse_number(text: str, *, decimal_comma: bool = False) -> float | None:
    """A finite decimal number, or None where the text is none (words, NaN, digits of other scripts, expressions)."""
    text = text.strip()
    if decimal_comma:
        text = text.replace(",", ".", 1)
    if _NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def column_name(text: str) -> str:
    """A column's name as it is documented, however it is written: ``Micro batch``, ``micro-batch``: ``micro_batch``."""
    return re.sub(r"[\s-]+", "_", text.strip().lower())


class Row(dict[str, str]):
    """One row of a table: text by column name ('' where the row is short), with its file and line."""

    __slots__ = ("decimal_comma", "file", "line")

    def __init__(self, cells: Iterable[tuple[str, str]], file: str, line: int, decimal_comma: bool) -> None:
        super().__init__(cells)
        self.file, self.line, self.decimal_comma = file, line, decimal_comma

    def wrong(self, column: str, allowed: str, hint: str = "") -> ScenarioError:
        """The error of a cell: file, line, column and text."""
        return refused(self.file, shown(self.get(column, "")), allowed, where=column, line=self.line, hint=hint)

    def optional(self, column: str) -> float | None:
        """The number in a column, or None where it holds none."""
        return parse_number(self.get(column, ""), decimal_comma=self.decimal_comma)

    def number(self, column: str, low: float = -math.inf, high: float = math.inf, unit: str = "") -> float:
        """The number in a column.

        Raises
        ------
        ScenarioError
            If it is none, not finite, or outside ``low`` to ``high``; names file, line and column.
        """
        value = self.optional(column)
        if value is None or not low <= value <= high:
            ends = [f">= {low:g}" if low > -math.inf else "", f"<= {high:g}" if high < math.inf else ""]
            raise self.wrong(column, " ".join(filter(None, ("a finite number", *ends, unit))))
        return value


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file with a header: column names and rows (empty lines left out)."""

    file: str
    names: tuple[str, ...]
    rows: list[Row]


def read_rows(
    path: Path | Traversable, what: str = "a CSV file", *, most_bytes: int = 64 * 2**20
) -> tuple[list[tuple[int, list[str]]], str]:
    """Lines and cells of a CSV file of at most 64 MiB, and its separator (comma, semicolon, tab or bar).

    Raises
    ------
    ScenarioError
        If it cannot be read, is no text, has more than ten million cells or a broken quote; names the line.
    """
    text = read_text(path, what, most_bytes=most_bytes, western=True)
    separator = _separator(text)
    return list(_cells(path, text, separator)), separator


def _separator(text: str) -> str:
    """The first of the separators in the header: the first line with any, but for lines about the file (``#``)."""
    lines = (line for line in text[:_HEAD_BYTES].splitlines() if not line.lstrip().startswith("#"))
    found = (next((s for s in _SEPARATORS if s in line), None) for line in lines)
    return next(filter(None, found), ",")


def _cells(path: object, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    count = 0
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise refused(path, f"no CSV: {error}", "rows of cells", line=reader.line_num) from None
        if row is None:
            return
        count += len(row)
        if count > _MOST_CELLS or len(row) > _MOST_COLUMNS:
            allowed = f"at most {_MOST_CELLS:,} cells and {_MOST_COLUMNS:,} columns"
            raise refused(path, "a table too large", allowed, line=reader.line_num)
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def read_table(path: Path | Traversable, needed: Iterable[str] = (), what: str = "a CSV file with a header") -> Table:
    """A CSV file with a header line; semicolons and tabs separate too, and with them a decimal comma is read.

    Parameters
    ----------
    path : Path or Traversable
        The file.
    needed : iterable of str
        Columns that must be there, once each.
    what : str
        What is wanted, for messages.

    Raises
    ------
    ScenarioError
        As `read_rows`, and if a column is missing or a row has more cells than the header.
    """
    rows, separator = read_rows(path, what)
    names = tuple(name.strip() for name in rows[0][1]) if rows else ()
    needed = tuple(needed)
    for missing, found in ((True, 0), (False, 2)):
        wrong = [n for n in needed if (names.count(n) == 0 if missing else names.count(n) >= found)]
        if wrong:
            problem = f"no column {', '.join(wrong)}" if missing else f"column {', '.join(wrong)} stands twice"
            there = ", ".join(names[:30]) or "none"
            raise refused(path, f"{problem}; columns: {there}", f"needed: {', '.join(needed)}", line=1)
    return Table(str(path), names, list(_rows(path, names, rows[1:], separator != ",")))


def _rows(
    path: object, names: tuple[str, ...], rows: list[tuple[int, list[str]]], decimal_comma: bool
) -> Iterator[Row]:
    file = str(path)
    blank = [""] * len(names)
    for line, cells in rows:
        if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
            found = f"{len(cells)} cells under {len(names)} columns"
            raise refused(file, found, "as many cells as columns (quote cells that hold the separator)", line=line)
        yield Row(zip(names, cells + blank[len(cells) :], strict=False), file, line, decimal_comma)
