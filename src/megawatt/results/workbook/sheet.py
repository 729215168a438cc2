"""Laying out a model workbook: time in columns, one formula across a row, rows known by name.

In formulas ``[name]`` is the row's cell of the same month, ``[name<]`` that of the month before (empty before
the first), ``[name:]`` the whole row, ``[name^]`` the row up to this month, ``[name.first]`` and ``[name.last]`` its
ends, ``{name}`` a single input and ``{a..b}`` the inputs from one to another below it.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from megawatt.results.workbook.evaluate import Values
from megawatt.writing import write_bytes

__all__ = ["Book", "Chart", "Line", "Scalar", "Text"]

FIRST_MONTH_COLUMN: Final = 4
"""Column E: label, unit, total and an empty opening column stand before it."""

_REFERENCE: Final = re.compile(
    r"\[([A-Za-z0-9_]+)([:<^]|\.first|\.last)?\]|\{([A-Za-z0-9_]+)(?:\.\.([A-Za-z0-9_]+))?\}"
)

# FAST standard: inputs blue, formulas black
_INPUT: Final = {"font_color": "#0000FF"}
_SHOWN: Final = {
    "money": "#,##0.00;[Red]-#,##0.00",
    "millions": "#,##0.00,,;[Red]-#,##0.00,,",
    "whole": "0",
    "plain": "#,##0.00####",
    "date": "mmm yy",
}
_A4: Final = 9
"""Number of the paper."""
_PER_PAGE: Final = 24
"""Months on a printed page."""
_SCALE: Final = 45
"""Per cent at which the labels and so many months are as wide as a page of A4 in landscape."""
_CREATED: Final = datetime(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single input or a single formula, with unit and source; ``choices`` above 1: an input that counts from 1."""

    name: str
    label: str
    content: float | str
    unit: str = ""
    source: str = ""
    choices: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A row of monthly inputs (numbers) or of one formula repeated; ``total`` adds the months up.

    ``yearly``: a column is a calendar year, not a month.
    """

    name: str
    label: str
    content: str | Sequence[float]
    unit: str = "USD"
    total: bool = False
    yearly: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Yearly lines of a sheet as stacked columns and as lines; ``millions``: the axis is in millions."""

    sheet: str
    title: str
    columns: tuple[str, ...]
    lines: tuple[str, ...]
    millions: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    """Words beside each other; ``sheet`` makes the first a link to that sheet."""

    label: str
    note: str = ""
    sheet: str = ""


Item = Scalar | Line | Text | str
"""What a sheet holds; a plain text is a heading."""


@dataclass(slots=True)
class Book:
    """A workbook under construction: sheets in order, each a list of headings, scalars, lines and texts.

    ``years`` is the number of columns of yearly lines; ``dates`` and ``year_names`` name the lines that head the
    columns of months and of years. ``charts`` are drawn below a sheet's rows.
    """

    months: int
    years: int = 0
    sheets: dict[str, list[Item]] = field(default_factory=dict)
    dates: str = "date"
    year_names: str = "a_year"
    charts: list[Chart] = field(default_factory=list)

    def add(self, sheet: str, *items: Item) -> None:
        """Append items to a sheet; a text is a heading."""
        self.sheets.setdefault(sheet, []).extend(items)

    def save(self, path: Path, title: str) -> None:
        """Write the workbook; equal contents give equal bytes."""
        write_bytes(path, self.made(title))

    def made(self, title: str) -> bytes:
        """The workbook as a file's bytes."""
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
                self._frame(sheet, name, places, values, styles)
                for row, item in enumerate(items, start=2):
                    self._write(sheet, row, item, places, values, styles)
                sheet.write_string(0, 0, f"{title}: {name}", styles["title"])
                for number, chart in enumerate(c for c in self.charts if c.sheet == name):
                    sheet.insert_chart(len(items) + 3 + 18 * number, 0, self._drawn(book, chart, places))
        return made.getvalue()

    def values(self) -> Values:
        """What every formula comes to; stored with it, for readers that do not recalculate."""
        items = [item for listed in self.sheets.values() for item in listed]
        scalars = {item.name: item.content for item in items if isinstance(item, Scalar)}
        lines = {item.name: item.content for item in items if isinstance(item, Line)}
        widths = {item.name: self.years for item in items if isinstance(item, Line) and item.yearly}
        return Values(self.months, scalars, lines, FIRST_MONTH_COLUMN, widths)

    def _places(self) -> dict[str, tuple[str, int, str]]:
        """Sheet, row and kind of every name."""
        places: dict[str, tuple[str, int, str]] = {}
        for sheet, items in self.sheets.items():
            for row, item in enumerate(items, start=2):
                if isinstance(item, str | Text):
                    continue
                if item.name in places:
                    raise ValueError(f"two rows are called {item.name}")
                kind = ("year" if item.yearly else "line") if isinstance(item, Line) else "scalar"
                places[item.name] = (sheet, row, kind)
        return places

    def _write(
        self,
        sheet: Any,
        row: int,
        item: Item,
        places: Mapping[str, Any],
        values: Values,
        styles: Any,
    ) -> None:
        if isinstance(item, str):
            sheet.write_string(row, 0, item, styles["heading"])
            return
        if isinstance(item, Text):
            if item.sheet:
                sheet.write_url(row, 0, f"internal:'{item.sheet}'!A1", string=item.label)
            else:
                sheet.write_string(row, 0, item.label)
            sheet.write_string(row, 1, item.note)
            return
        sheet.write_string(row, 0, item.label)
        shown = _shown(item)
        sheet.write_string(row, 1, "$m" if shown == "millions" else item.unit, styles["note"])
        if isinstance(item, Scalar):
            self._write_scalar(sheet, row, item, places, values, styles)
            return
        if isinstance(item.content, str):
            pieces, how = self._pieces(item.content, places), styles[shown]
            for m, value in enumerate(values.line(item.name)):
                sheet.write_formula(row, FIRST_MONTH_COLUMN + m, _at(pieces, m), how, value)
        else:
            for m, number in enumerate(item.content):
                sheet.write_number(row, FIRST_MONTH_COLUMN + m, float(number), styles[f"input {shown}"])
        if item.total:
            formula = self._formula(f"=SUM([{item.name}:])", 0, places)
            sheet.write_formula(row, 2, formula, styles[shown], values.total(item.name))

    def _write_scalar(
        self, sheet: Any, row: int, item: Scalar, places: Mapping[str, Any], values: Values, styles: Any
    ) -> None:
        shown = _shown(item)
        if isinstance(item.content, str):
            formula = self._formula(item.content, 0, places)
            sheet.write_formula(row, 2, formula, styles[shown], values.scalar(item.name))
        else:
            sheet.write_number(row, 2, item.content, styles[f"input {shown}"])
            sheet.data_validation(row, 2, row, 2, allowed(item))
        sheet.write_string(row, 3, item.source, styles["note"])

    def _drawn(self, book: Any, chart: Chart, places: Mapping[str, Any]) -> Any:
        """A chart of yearly lines."""
        made = book.add_chart({"type": "column", "subtype": "stacked"} if chart.columns else {"type": "line"})
        lines = book.add_chart({"type": "line"}) if chart.columns and chart.lines else None
        top = places[self.year_names][1]
        for names, drawing in ((chart.columns, made), (chart.lines, lines or made)):
            for name in names:
                sheet, row, _ = places[name]
                ends = FIRST_MONTH_COLUMN, FIRST_MONTH_COLUMN + self.years - 1
                heads = [sheet, top, ends[0], top, ends[1]]
                values = [sheet, row, ends[0], row, ends[1]]
                drawing.add_series({"name": [sheet, row, 0], "categories": heads, "values": values})
        if lines is not None:
            made.combine(lines)
        made.set_title({"name": chart.title, "name_font": {"size": 11}})
        made.set_y_axis({"num_format": _SHOWN["whole"] if not chart.millions else "#,##0,,"})
        made.set_size({"width": 900, "height": 330})
        made.set_legend({"position": "bottom"})
        return made

    def _formula(self, template: str, month: int, places: Mapping[str, tuple[str, int, str]]) -> str:
        return _at(self._pieces(template, places), month)

    def _pieces(self, template: str, places: Mapping[str, tuple[str, int, str]]) -> list[str | tuple[str, int, str]]:
        """A formula in parts: texts, and references that move with the column (before, columns back, after)."""
        pieces: list[str | tuple[str, int, str]] = []
        end = 0
        for match in _REFERENCE.finditer(template):
            pieces += [template[end : match.start()], *self._reference(match, places)]
            end = match.end()
        return [*pieces, template[end:]]

    def _reference(
        self, match: re.Match[str], places: Mapping[str, tuple[str, int, str]]
    ) -> list[str | tuple[str, int, str]]:
        name, how, scalar, to = match.groups()
        sheet, row, kind = places[name or scalar]
        if to:
            return [f"'{sheet}'!$C${row + 1}:$C${places[to][1] + 1}"]
        if scalar:
            return [f"'{sheet}'!$C${row + 1}"]
        width = self.years if kind == "year" else self.months
        first, last = column(FIRST_MONTH_COLUMN), column(FIRST_MONTH_COLUMN + width - 1)
        if how == ":":
            return [f"'{sheet}'!${first}${row + 1}:${last}${row + 1}"]
        if how == "^":
            return [(f"'{sheet}'!${first}{row + 1}:", 0, f"{row + 1}")]
        if how in (".first", ".last"):
            return [f"'{sheet}'!${first if how == '.first' else last}${row + 1}"]
        return [(f"'{sheet}'!", int(how == "<"), f"{row + 1}")]

    def _frame(
        self, sheet: Any, name: str, places: Mapping[str, Any], values: Values, styles: Mapping[str, Any]
    ) -> None:
        """Widths, the head of the columns with a date on each, and how the sheet is printed."""
        items = self.sheets[name]
        kinds = {item.yearly for item in items if isinstance(item, Line)}
        count, head = (self.years, self.year_names) if True in kinds else (self.months, self.dates)
        sheet.set_column(0, 0, 44)
        sheet.set_column(1, 1, 10)
        sheet.set_column(2, 2, 20)
        sheet.set_landscape()
        sheet.set_paper(_A4)
        sheet.set_footer("&L&A&RPage &P of &N")
        for column_index, text in enumerate(("", "unit", "value / total") if kinds or _holds_scalars(items) else ()):
            sheet.write_string(1, column_index, text, styles["heading"])
        if not kinds:
            sheet.freeze_panes(2, 0)
            sheet.fit_to_pages(1, 0)
            sheet.repeat_rows(0, 1)
            return
        sheet.set_column(3, 3, 2)
        sheet.set_column(FIRST_MONTH_COLUMN, FIRST_MONTH_COLUMN + count - 1, 11)
        sheet.freeze_panes(2, FIRST_MONTH_COLUMN)
        sheet.repeat_rows(0, 1)
        sheet.repeat_columns(0, 2)
        if head in places:
            how = styles["date head" if head == self.dates else "year head"]
            pieces = self._pieces(f"=[{head}]", places)
            for m, value in enumerate(values.line(head)):
                sheet.write_formula(1, FIRST_MONTH_COLUMN + m, _at(pieces, m), how, value)
        if count <= _PER_PAGE:
            sheet.fit_to_pages(1, 0)
            return
        sheet.set_print_scale(_SCALE)
        sheet.set_v_pagebreaks(range(FIRST_MONTH_COLUMN + _PER_PAGE, FIRST_MONTH_COLUMN + count, _PER_PAGE))

    def cell_of(self, name: str, month: int | None = None) -> tuple[str, str]:
        """Sheet and address of a scalar, or of a line in a month."""
        sheet, row, kind = self._places()[name]
        if kind == "scalar" or month is None:
            return sheet, f"C{row + 1}"
        return sheet, f"{column(FIRST_MONTH_COLUMN + month)}{row + 1}"


def _at(pieces: Sequence[str | tuple[str, int, str]], month: int) -> str:
    """A formula as it stands in a month's column."""
    return "".join(
        p if isinstance(p, str) else f"{p[0]}{column(FIRST_MONTH_COLUMN + month - p[1])}{p[2]}" for p in pieces
    )


def _holds_scalars(items: Sequence[Item]) -> bool:
    return any(isinstance(item, Scalar) for item in items)


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


@functools.cache
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
        "date head": book.add_format({"bold": True, "bottom": 1, "align": "right", "num_format": _SHOWN["date"]}),
        "year head": book.add_format({"bold": True, "bottom": 1, "align": "right", "num_format": _SHOWN["whole"]}),
        **{name: book.add_format({"num_format": how}) for name, how in _SHOWN.items()},
        **{f"input {name}": book.add_format(_INPUT | {"num_format": how}) for name, how in _SHOWN.items()},
    }


def _shown(item: Scalar | Line) -> str:
    """Number format: money (in millions by period), whole numbers, dates, or a plain number."""
    if item.unit == "USD":
        return "millions" if isinstance(item, Line) else "money"
    if item.unit == "date":
        return "date"
    return "whole" if item.unit in ("flag", "month", "months", "year", "tests") or _is_flag(item) else "plain"


def _is_flag(item: Scalar | Line) -> bool:
    return item.label.startswith("1: ")


_OPEN_END: Final = 1e18
"""An amount that is as much as is needed."""


def allowed(item: Scalar) -> dict[str, Any]:
    """What may be typed into an input, as the writing library asks for it.

    Flags are 0 or 1, choices whole numbers from 1, months whole numbers (-1: none), shares 0 to 1 unless the case
    itself goes further, amounts 0 or more.
    """
    value, said = float(item.content), {"input_title": "", "error_type": "stop"}
    if item.choices:
        return said | {"validate": "integer", "criteria": "between", "minimum": 1, "maximum": item.choices}
    if _is_flag(item):
        return said | {"validate": "list", "source": ["0", "1"]}
    if item.unit in ("month", "months", "year", "tests") and value.is_integer():
        return said | {"validate": "integer", "criteria": "between", "minimum": -1, "maximum": 9999}
    if "share" in item.label and 0.0 <= value <= 1.0:
        return said | {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 1}
    low = 0.0 if value >= 0.0 else -_OPEN_END
    return said | {"validate": "decimal", "criteria": "between", "minimum": low, "maximum": _OPEN_END}
