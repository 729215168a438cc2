"""Laying out a model workbook: time in columns, one formula across a row, rows known by name.

In formulas ``[name]`` is the row's cell of the same month, ``[name<]`` that of the month before (empty before
the first), ``[name:]`` the whole row, ``[name^]`` the row up to this month, ``[name.first]`` and ``[name.last]`` its
ends, ``{name}`` a single input and ``{a..b}`` the inputs from one to another below it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from megawatt.results.workbook.evaluate import Values
from megawatt.writing import write_bytes

__all__ = ["Book", "Line", "Scalar"]

FIRST_MONTH_COLUMN: Final = 4
"""Column E: label, unit, total and an empty opening column stand before it."""

_REFERENCE: Final = re.compile(
    r"\[([A-Za-z0-9_]+)([:<^]|\.first|\.last)?\]|\{([A-Za-z0-9_]+)(?:\.\.([A-Za-z0-9_]+))?\}"
)

# FAST standard: inputs blue, formulas black
_INPUT: Final = {"font_color": "#0000FF"}
_SHOWN: Final = {"money": "#,##0.00;[Red]-#,##0.00", "whole": "0", "plain": "#,##0.00####"}
_CREATED: Final = datetime(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single input or a single formula, with unit and source."""

    name: str
    label: str
    content: float | str
    unit: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of monthly inputs (numbers) or of one formula repeated; ``total`` adds the months up."""

    name: str
    label: str
    content: str | Sequence[float]
    unit: str = "USD"
    total: bool = False


@dataclass(slots=True)
class Book:
    """A workbook under construction: sheets in order, each a list of headings, scalars and lines."""

    months: int
    sheets: dict[str, list[Scalar | Line | str]] = field(default_factory=dict)

    def add(self, sheet: str, *items: Scalar | Line | str) -> None:
        """Append items to a sheet; a text is a heading."""
        self.sheets.setdefault(sheet, []).extend(items)

    def save(self, path: Path, title: str) -> None:
        """Write the workbook; equal contents give equal bytes."""
        import xlsxwriter  # type: ignore[import-untyped]

        plain = _plain_worksheet()
        places, values = self._places(), self.values()
        made = io.BytesIO()
        with xlsxwriter.Workbook(made, {"strings_to_formulas": False, "in_memory": True}) as book:
            book.set_properties({"title": title, "created": _CREATED})
            book.set_calc_mode("auto")
            styles = _styles(book)
            for name, items in self.sheets.items():
                sheet = book.add_worksheet(name, plain)
                _frame(sheet, self.months, styles)
                for row, item in enumerate(items, start=2):
                    self._write(sheet, row, item, places, values, styles)
                sheet.write_string(0, 0, f"{title}: {name}", styles["title"])
        write_bytes(path, made.getvalue())

    def values(self) -> Values:
        """What every formula comes to; stored with it, for readers that do not recalculate."""
        items = [item for listed in self.sheets.values() for item in listed if not isinstance(item, str)]
        scalars = {item.name: item.content for item in items if isinstance(item, Scalar)}
        lines = {item.name: item.content for item in items if isinstance(item, Line)}
        return Values(self.months, scalars, lines, FIRST_MONTH_COLUMN)

    def _places(self) -> dict[str, tuple[str, int, str]]:
        """Sheet, row and kind of every name."""
        places: dict[str, tuple[str, int, str]] = {}
        for sheet, items in self.sheets.items():
            for row, item in enumerate(items, start=2):
                if isinstance(item, str):
                    continue
                if item.name in places:
                    raise ValueError(f"two rows are called {item.name}")
                places[item.name] = (sheet, row, "line" if isinstance(item, Line) else "scalar")
        return places

    def _write(
        self,
        sheet: Any,
        row: int,
        item: Scalar | Line | str,
        places: Mapping[str, Any],
        values: Values,
        styles: Any,
    ) -> None:
        if isinstance(item, str):
            sheet.write_string(row, 0, item, styles["heading"])
            return
        sheet.write_string(row, 0, item.label)
        sheet.write_string(row, 1, item.unit, styles["note"])
        shown = _shown(item.unit)
        if isinstance(item, Scalar):
            if isinstance(item.content, str):
                formula = self._formula(item.content, 0, places)
                sheet.write_formula(row, 2, formula, styles[shown], values.scalar(item.name))
            else:
                sheet.write_number(row, 2, item.content, styles[f"input {shown}"])
            sheet.write_string(row, 3, item.source, styles["note"])
            return
        stored = values.line(item.name)
        for m in range(self.months):
            place = FIRST_MONTH_COLUMN + m
            if isinstance(item.content, str):
                sheet.write_formula(row, place, self._formula(item.content, m, places), styles[shown], stored[m])
            else:
                sheet.write_number(row, place, float(item.content[m]), styles[f"input {shown}"])
        if item.total:
            formula = self._formula(f"=SUM([{item.name}:])", 0, places)
            sheet.write_formula(row, 2, formula, styles[shown], values.total(item.name))

    def _formula(self, template: str, month: int, places: Mapping[str, tuple[str, int, str]]) -> str:
        def cell(match: re.Match[str]) -> str:
            name, how, scalar, to = match.groups()
            sheet, row, _ = places[name or scalar]
            if to:
                return f"'{sheet}'!$C${row + 1}:$C${places[to][1] + 1}"
            if scalar:
                return f"'{sheet}'!$C${row + 1}"
            first, last = column(FIRST_MONTH_COLUMN), column(FIRST_MONTH_COLUMN + self.months - 1)
            if how == ":":
                return f"'{sheet}'!${first}${row + 1}:${last}${row + 1}"
            if how == "^":
                return f"'{sheet}'!${first}{row + 1}:{column(FIRST_MONTH_COLUMN + month)}{row + 1}"
            if how in (".first", ".last"):
                return f"'{sheet}'!${first if how == '.first' else last}${row + 1}"
            return f"'{sheet}'!{column(FIRST_MONTH_COLUMN + month - (how == '<'))}{row + 1}"

        return _REFERENCE.sub(cell, template)

    def cell_of(self, name: str, month: int | None = None) -> tuple[str, str]:
        """Sheet and address of a scalar, or of a line in a month."""
        sheet, row, kind = self._places()[name]
        if kind == "scalar" or month is None:
            return sheet, f"C{row + 1}"
        return sheet, f"{column(FIRST_MONTH_COLUMN + month)}{row + 1}"


def _plain_worksheet() -> Any:
    """A worksheet that takes formulas as they are.

    The library looks in every formula for some thirty functions newer than Excel 2010, which takes most of the time and
    finds none here.
    """
    from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

    class Plain(Worksheet):  # type: ignore[misc]
        def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
            return formula.removeprefix("=")

    return Plain


def column(index: int) -> str:
    """Letters of a column counted from 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _styles(book: Any) -> dict[str, Any]:
    return {
        "title": book.add_format({"bold": True, "font_size": 13}),
        "heading": book.add_format({"bold": True, "bottom": 1}),
        "note": book.add_format({"font_color": "#666666"}),
        **{name: book.add_format({"num_format": how}) for name, how in _SHOWN.items()},
        **{f"input {name}": book.add_format(_INPUT | {"num_format": how}) for name, how in _SHOWN.items()},
    }


def _shown(unit: str) -> str:
    """Number format of a unit: money, whole numbers, or a plain number."""
    if unit == "USD":
        return "money"
    return "whole" if unit in ("flag", "month", "months", "year", "tests") else "plain"


def _frame(sheet: Any, months: int, styles: Mapping[str, Any]) -> None:
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 1, 10)
    sheet.set_column(2, 2, 20)
    sheet.set_column(FIRST_MONTH_COLUMN, FIRST_MONTH_COLUMN + months - 1, 16)
    sheet.freeze_panes(2, FIRST_MONTH_COLUMN)
    for column_index, text in enumerate(("", "unit", "value / total")):
        sheet.write_string(1, column_index, text, styles["heading"])
