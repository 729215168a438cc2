"""Known layouts of hourly files: headers and what they mean, as data in ``layouts.toml``."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from megawatt.files import read_toml
from megawatt.hourly.cells import price_unit, titled_unit

__all__ = ["LAYOUTS_FILE", "Header", "Layout", "layout_table", "layouts", "plain_name", "recognise"]

LAYOUTS_FILE: Final = "layouts.toml"
_FIRST_ROWS: Final = 40
"""Rows in which a header is looked for: exports put a few lines about themselves before it."""
_BRACKETS: Final = re.compile(r"[(\[]([^)\]]*)[)\]]")
PRICED: Final = "*"
"""In place of a name: a column whose title has a unit of price."""
_WORDS: Final = {
    "@date": "date|datum|dato|fecha|data|day|dag|dia|tradingdate|operatingday",
    "@hour": "hour|hora|uhrzeit|stunde|heure|klokkeslett|timme|tijd|hourending|he|hr|time|zeit|tid|starttime",
    "@time": "datetime|timestamp|time|date|intervalstart|starttime|start|datum|datumvon|dato|fecha|data|zeitstempel|"
    "zeitpunkt|zeit|tidspunkt|tid|fechahora|fechayhora|datahora|datetimeutc|timestamputc|timeutc|utctime|utctimestamp|"
    "hourutc|utc",
    "@price": "price|lmp|spp|priceusdmwh|priceusdpermwh|priceeurmwh|priceeurpermwh|energypriceusdmwh|*",
}
"""Names of columns of one's own, in the languages that operators write."""


def plain_name(title: str) -> str:
    """A column's title without case, blanks, signs and what stands in brackets: ``Price (USD/MWh)`` is ``price``."""
    return re.sub(r"[^a-z0-9]+", "", _BRACKETS.sub("", title).lower())


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout by its headers; names are `plain_name`, with ``|`` between alternatives.

    ``needs`` tells it apart (with ``first``, the first cell of the file, and ``most_columns``). The time is in ``time``
    (a stamp), in ``date`` and ``hour`` (labels 1 to 24 are ends unless ``hour_begins``; ``label_min`` minutes each), in
    ``parts`` (numbers, ends if ``hour_ends``) or across columns ``wide`` followed by 1 to 24; ``stamps`` is "UTC" where
    they are that whatever the text says, ``ending`` where a stamp is the end of its step. ``zone`` is the market's.
    ``only`` keeps rows with these words, ``node`` names the place of a row, ``about`` says where the head tells place,
    offset and elevation. ``typical``: months of different years, so that years are not looked at. ``footer``: the file
    ends with lines about itself; ``between``: such lines stand between its rows. ``split``: a column of dates with
    their hour behind them. ``elapsed``: hours count on through the day, 23 or 25 where clocks change.
    """

    key: str
    title: str
    kind: str
    sample: str
    source: str
    values: Mapping[str, str]
    needs: tuple[str, ...] = ()
    first: str = ""
    most_columns: int = 0
    skip: int = 0
    fixed: tuple[str, ...] = ()
    time: str | None = None
    date: str = ""
    hour: str = ""
    interval: str = ""
    repeated: str = ""
    parts: tuple[str, ...] = ()
    wide: str = ""
    stamps: str = ""
    zone: str = ""
    node: str = ""
    unit: str = ""
    unit_said: bool = True
    day_first: bool = False
    ending: bool = False
    hour_ends: bool = False
    hour_begins: bool = False
    typical: bool = False
    footer: bool = False
    between: bool = False
    split: str = ""
    elapsed: bool = False
    label_min: int = 60
    only: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Sequence[int | str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Header:
    """The titles of a file's columns, their plain names, and the index of the first row of values."""

    titles: tuple[str, ...]
    body: int

    @property
    def names(self) -> tuple[str, ...]:
        """Plain names, in order."""
        return tuple(map(plain_name, self.titles))

    def find(self, alternatives: str) -> int | None:
        """Index of the first alternative that is there."""
        names = self.names
        for name in alternatives.split("|"):
            if name == PRICED and self.priced:
                return self.priced[0]
            if name in names:
                return names.index(name)
        return None

    @property
    def priced(self) -> tuple[int, ...]:
        """Indices of the columns whose titles have a unit of price in brackets or at their end."""
        return tuple(i for i, title in enumerate(self.titles) if price_unit(self.bracket(i)) or titled_unit(title))

    def bracket(self, index: int) -> str:
        """What stands in brackets in a title: a unit, or a time zone."""
        found = _BRACKETS.search(self.titles[index])
        return found.group(1).strip() if found else ""


@functools.cache
def layouts() -> tuple[Layout, ...]:
    """All known layouts, in the order in which they are tried."""
    tables, _ = read_toml(files(__package__).joinpath(LAYOUTS_FILE))
    return tuple(_layout(key, table) for key, table in tables.items())


def _layout(key: str, table: Mapping[str, Any]) -> Layout:
    made: dict[str, Any] = {name: _spelt(value) for name, value in table.items()}
    return Layout(key=key, **made)


def _spelt(value: Any) -> Any:
    """A value with the names of columns that a word such as ``@time`` stands for."""
    if isinstance(value, list):
        return tuple(map(_spelt, value))
    if isinstance(value, dict):
        return {name: _spelt(one) for name, one in value.items()}
    return _WORDS.get(value, value) if isinstance(value, str) else value


def recognise(rows: Sequence[tuple[int, list[str]]], wanted: str = "") -> tuple[Layout, Header] | None:
    """The layout of a file's rows and its header, or None; ``wanted`` is a kind, e.g. "prices"."""
    for layout in layouts():
        if wanted and layout.kind != wanted:
            continue
        header = _matched(layout, rows)
        if header is not None:
            return layout, header
    return None


def _matched(layout: Layout, rows: Sequence[tuple[int, list[str]]]) -> Header | None:
    if layout.first and not (rows and plain_name(rows[0][1][0]) == layout.first):
        return None
    if layout.fixed:
        return Header(layout.fixed, layout.skip)
    for index, (_, cells) in enumerate(rows[:_FIRST_ROWS]):
        header = Header(tuple(cell.strip() for cell in cells), index + 1)
        few = not layout.most_columns or len(cells) <= layout.most_columns
        if few and all(header.find(name) is not None for name in layout.needs):
            return header
    return None


def layout_table() -> Iterator[str]:
    """Rows of the table of layouts in ``docs/hourly-files.md``."""
    yield "| layout | what | told by the columns | time | values | sample in the tests | documented at |"
    yield "|---|---|---|---|---|---|---|"
    for layout in layouts():
        told = ", ".join(map(_named, layout.needs)) or f"first cell {layout.first}"
        held = ", ".join(f"{q}: {_named(n)}" for q, n in layout.values.items()) or f"{layout.wide.split('|')[0]}1 to 24"
        cells = (layout.key, layout.title, told, _time(layout), held, layout.sample, layout.source)
        yield f"| {' | '.join(cells)} |"


def _named(alternatives: str) -> str:
    words = {names: f"a name of {word.removeprefix('@')}" for word, names in _WORDS.items()}
    priced = "a title with a unit of price"
    return words.get(alternatives) or (
        " or ".join(priced if name == PRICED else name or "(blank)" for name in alternatives.split("|"))
    )


def _time(layout: Layout) -> str:
    zone = layout.stamps or layout.zone or "as written, else standard time of the place"
    ends = (
        layout.ending
        or layout.hour_ends
        or bool(layout.wide)
        or bool(layout.hour and layout.time is None and not layout.hour_begins)
    )
    return f"{zone}, hour-{'ending' if ends else 'beginning'}"
