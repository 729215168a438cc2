"""Rows of a file, text or spreadsheet, under the header of a layout."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

from megawatt.errors import MissingDependencyError, ScenarioError, cut
from megawatt.files import parse_number, read_bytes, read_rows, refused
from megawatt.hourly.layouts import PRICED, Header, Layout, layouts, plain_name, recognise

__all__ = ["Sheet", "read_sheet", "sheet_of", "table_rows"]

Cells = list[tuple[int, list[str]]]

_MOST_BYTES: Final = 64 * 2**20
"""Of a text or a spreadsheet."""
_MOST_UNPACKED: Final = 512 * 2**20
"""Bytes of a spreadsheet when it is unpacked."""
_MOST_CELLS: Final = 10_000_000
"""As for text."""
_NEEDS: Final = {
    "weather": "needed: dry_bulb_c and one of dew_point_c, wet_bulb_c, relative_humidity (0 to 1); optional: "
    "pressure_pa; EPW begins with LOCATION; or ",
    "prices": "columns Datetime and Price (USD/MWh); or ",
    "output": "columns Datetime and capacity_factor (share of its power) or output (MW); or ",
}
_SPREADSHEETS: Final = (".xlsx", ".xlsm", ".xls", ".ods")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file's layout, header and rows; ``separated``: cells are parted by something else than commas."""

    file: str
    layout: Layout
    header: Header
    head: Cells
    rows: Cells
    separated: bool

    def cells(self, index: int) -> list[tuple[int, str]]:
        """Line and text of one column; '' where a row is short."""
        return [(line, row[index].strip() if index < len(row) else "") for line, row in self.rows]

    def about(self, name: str) -> str:
        """What the head says of the file under a name of the layout: by place in its first row, or by its own name."""
        keys = self.layout.about.get(name, [])
        first = self.head[0][1] if self.head else []
        second = self.head[1][1] if len(self.head) > 1 else []
        named = dict(zip((c.strip() for c in first), second, strict=False))
        texts = [(first[k] if k < len(first) else "") if isinstance(k, int) else named.get(k, "") for k in keys]
        return ", ".join(t.strip() for t in texts if t.strip() not in ("", "-"))

    def number(self, name: str) -> float | None:
        """A number of the head; None where it says none."""
        return parse_number(self.about(name))


def sheet_of(path: Path, what: str) -> tuple[Cells, bool]:
    """Lines and cells of a text or spreadsheet, and whether something else than commas parts them."""
    if path.suffix.lower() in _SPREADSHEETS:
        return _spreadsheet(path, what), True
    rows, separator = read_rows(path, what, most_bytes=_MOST_BYTES)
    return rows, separator != ","


def table_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Lines and cells of a table in text or a spreadsheet."""
    return sheet_of(path, "a table")[0]


def _spreadsheet(path: Path, what: str) -> Cells:
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise MissingDependencyError(
            f"{path.name}: spreadsheets need python-calamine: pip install 'megawatt[spreadsheet]'"
        ) from None
    data = io.BytesIO(read_bytes(path, _MOST_BYTES, what))
    if zipfile.is_zipfile(data):
        with zipfile.ZipFile(data) as archive:
            if sum(item.file_size for item in archive.infolist()) > _MOST_UNPACKED:
                raise refused(path, "a spreadsheet too large", f"{_MOST_UNPACKED // 2**20} MiB unpacked")
    data.seek(0)
    try:
        book = CalamineWorkbook.from_filelike(data)
        sheets = [book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names]
    except (CalamineError, ValueError, OSError) as error:
        raise refused(path, f"no spreadsheet: {error}", "xlsx, xls or ods") from None
    if sum(len(row) for sheet in sheets for row in sheet) > _MOST_CELLS:
        raise refused(path, "a spreadsheet too large", f"at most {_MOST_CELLS:,} cells")
    return _joined([[(i + 1, [_text(c) for c in row]) for i, row in enumerate(sheet)] for sheet in sheets])


def _joined(sheets: Sequence[Cells]) -> Cells:
    """Sheets one below the other where they have the first one's columns (a month on each)."""
    filled = [[row for row in sheet if any(row[1])] for sheet in sheets]
    filled = [sheet for sheet in filled if sheet]
    if not filled:
        return []
    same = [sheet[1:] for sheet in filled[1:] if sheet[0][1] == filled[0][0][1]]
    return [*filled[0], *(row for sheet in same for row in sheet)]


def _text(cell: Any) -> str:
    if isinstance(cell, datetime | date):
        return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
    if isinstance(cell, time):
        return cell.isoformat()
    if isinstance(cell, float):
        return f"{cell:.0f}" if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return "" if cell is None else str(cell)


def read_sheet(path: Path, kind: str, *, column: str = "", node: str = "", quantity: str = "price") -> Sheet:
    """A file under its layout, rows of other places and other kinds left out.

    Parameters
    ----------
    path : Path
        CSV, EPW, TMY3, or a spreadsheet (extra ``spreadsheet``).
    kind : str
        "prices", "weather", "output" or "meter"; "" takes any.
    column : str
        The column of values, where the layout does not tell it.
    node : str
        The settlement point, zone or node, where there are several.
    quantity : str
        What a chosen column holds, of `QUANTITIES`.

    Raises
    ------
    ScenarioError
        If the layout is not known, or there are several places or columns and none is chosen.
    """
    rows, separated = sheet_of(path, f"an hourly file of {kind or 'prices or weather'}")
    if not rows:
        raise refused(path, "is empty", f"an hourly file of {kind}")
    found = recognise(rows, kind)
    if column and (found is None or found[1].find(plain_name(column)) is None):
        found = _by_column(rows, column, kind)
    if found is None:
        raise _unknown(path, rows, kind)
    layout, header = found
    if column:
        if header.find(plain_name(column)) is None:
            raise refused(path, f"no column {column!r}", f"columns {cut(', '.join(header.titles), 300)}")
        layout = replace(layout, values={quantity: plain_name(column)})
    layout = _chosen(path, layout, header)
    body = _expanded(layout, header, rows[header.body :])
    if body[0] is not None:
        header = body[0]
    kept = _only(layout, header, _without_footer(layout, header, body[1]))
    kept = _at_node(path, layout, header, kept, node)
    if not kept:
        raise refused(path, "no prices" if layout.kind == "prices" else "no rows", "the hours of a year")
    return Sheet(str(path), layout, header, rows[: header.body], kept, separated)


def _by_column(rows: Cells, column: str, kind: str) -> tuple[Layout, Header] | None:
    own = next(layout for layout in layouts() if layout.key == ("own-output" if kind == "output" else "own-prices"))
    for index, (_, cells) in enumerate(rows[:40]):
        header = Header(tuple(cell.strip() for cell in cells), index + 1)
        if header.find(plain_name(column)) is not None:
            times = own.time if header.find(own.time or "") is not None else header.names[0]
            return replace(own, time=times), header
    return None


def _unknown(path: Path, rows: Cells, kind: str) -> ScenarioError:
    seen = cut(", ".join(cell.strip() for cell in rows[0][1][:20]), 200)
    known = ", ".join(layout.title for layout in layouts() if not kind or layout.kind == kind)
    allowed = f"{_NEEDS.get(kind, '')}one of: {known}"
    hint = {
        "prices": "power.price_column and power.price_unit name a column of one's own",
        "output": "profile_column names a column of one's own",
    }.get(kind, "")
    return refused(path, f"columns {seen}", allowed, line=rows[0][0], hint=hint)


def _chosen(path: Path, layout: Layout, header: Header) -> Layout:
    """The layout with its value's column: where no name is known the one whose title has a unit of price."""
    names = layout.values.get("price", "").removesuffix(PRICED).removesuffix("|")
    if names == layout.values.get("price", "") or (names and header.find(names) is not None):
        return layout
    found = header.priced
    if len(found) != 1:
        titles = ", ".join(header.titles[i] for i in found) or "none"
        raise refused(path, f"columns of prices: {titles}", "one, or its name", hint="power.price_column")
    return replace(layout, values={"price": header.names[found[0]]})


def _expanded(layout: Layout, header: Header, rows: Cells) -> tuple[Header | None, Cells]:
    """Hours side by side put one below the other, and dates and hours of one column put side by side."""
    if layout.split:
        return _parted(header, rows, header.find(layout.split) or 0)
    if not layout.wide:
        return None, rows
    starts = next(w for w in layout.wide.split("|") if header.find(f"{w}24") is not None)
    at = {hour: header.find(f"{starts}{hour}|{starts}{hour:02d}") for hour in range(1, 25)}
    keep = [i for i in range(len(header.titles)) if i not in at.values()]
    unit = header.bracket(at[1]) if at[1] is not None else ""
    titles = (*(header.titles[i] for i in keep), "hour", f"price ({unit})" if unit else "price")
    made = [
        (line, [*(row[i] if i < len(row) else "" for i in keep), str(hour), row[j] if j < len(row) else ""])
        for line, row in rows
        for hour, j in at.items()
        if j is not None
    ]
    return Header(titles, header.body), made


def _parted(header: Header, rows: Cells, at: int) -> tuple[Header, Cells]:
    """Rows with what stands behind the date of a column in one of its own, ``hour``."""
    made = []
    for line, row in rows:
        day, _, hour = (row[at] if at < len(row) else "").strip().partition(" ")
        made.append((line, [*row[:at], day, *row[at + 1 : len(header.titles)], hour]))
    return Header((*header.titles, "hour"), header.body), made


def _without_footer(layout: Layout, header: Header, rows: Cells) -> Cells:
    """Rows up to the first that has fewer cells than columns, where a layout ends with lines about itself; all rows
    with as many where such lines stand between."""
    if layout.between:
        return [row for row in rows if len(row[1]) >= len(header.titles)]
    end = next((i for i, (_, row) in enumerate(rows) if len(row) < len(header.titles)), None)
    return rows[:end] if layout.footer else rows


def _only(layout: Layout, header: Header, rows: Cells) -> Cells:
    for name, word in layout.only.items():
        at = header.find(name)
        if at is not None:
            rows = [row for row in rows if at < len(row[1]) and row[1][at].strip() == word]
    return rows


def _at_node(path: Path, layout: Layout, header: Header, rows: Cells, node: str) -> Cells:
    at = header.find(layout.node) if layout.node else None
    if at is None:
        return rows
    names = list(dict.fromkeys(row[at].strip() if at < len(row) else "" for _, row in rows))
    if not node and len(names) <= 1:
        return rows
    chosen = next((n for n in names if n.lower() == node.strip().lower()), None)
    if chosen is None:
        several = f"{node!r} is none of them" if node else f"{len(names):,} places"
        allowed = f"one of {cut(', '.join(names[:40]), 300)}"
        raise refused(path, several, allowed, where=header.titles[at], hint="power.price_node")
    return [row for row in rows if row[1][at].strip() == chosen]
