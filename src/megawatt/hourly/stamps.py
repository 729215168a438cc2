"""Time stamps of rows: texts, dates with hours, or numbers, as minutes since 1970 and, where they are said, offsets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from megawatt.arrays import BoolArray, IntArray
from megawatt.errors import ScenarioError, shown
from megawatt.files import refused
from megawatt.hours import MONTH_NAMES

__all__ = ["RULES", "Stamps", "from_wall", "read_stamps", "standard_min"]

_DATE: Final = re.compile(r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})")
_MONTHS: Final = {name[:3].lower(): i + 1 for i, name in enumerate(MONTH_NAMES)}
_NAMED: Final = re.compile(
    r"(?:(?P<day>\d{1,2})[ /.-]*(?P<month>[A-Za-z]{3,9})|(?P<named>[A-Za-z]{3,9})\.? (?P<of>\d{1,2}))"
    r"[ ,/.-]+(?P<year>\d{4})"
)
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T: ]?(\d{2}):?(\d{2}))?(?=$|Z|[+-])")
_COUNTED: Final = re.compile(r"\d{10}(?:\d{3})?|[3-6]\d{4}(?:\.\d+)?")
_FIRST_SHEET_DAY: Final = date(1899, 12, 30).toordinal()
"""Day 0 of spreadsheets."""
_CLOCK: Final = re.compile(
    r"[T ]*(\d{1,2})(?::(\d{2}))?(?::(\d{2})(?:\.\d+)?)?\s*([AaPp][Mm])?\s*(Z|[+-]\d{2}:?\d{2}|\(?[A-Z]{3,4}\)?)?$"
)
_ZONES: Final = {
    "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "PKT": 5,
    "SGT": 8, "HKT": 8, "AWST": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "BRT": -3,
    "AST": -4, "ADT": -3, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10,
}  # fmt: skip
"""Offsets of the letters that publishers write behind times (CST of North America, AST of Canada). [h]"""
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY: Final = 1440
"""Minutes of a day."""
_ROUNDED_S: Final = 5
"""Seconds beside a whole minute that are rounded away."""
_YEARS: Final = (1900, 2200)
"""First and last year that a stamp may have."""

RULES: Final = (
    "America/Chicago",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Helsinki",
    "Australia/Sydney",
    "Pacific/Auckland",
    "America/Santiago",
    "America/Asuncion",
    "America/Havana",
    "Asia/Jerusalem",
)
"""One zone for each way of changing clocks: the hour and the dates tell which one a text without offsets follows."""


@dataclass(frozen=True, slots=True)
class Stamps:
    """Times of rows.

    ``minute`` (rows,) counts from 1970 on the clock of the text; ``offset_min`` (rows,) is that clock's distance from
    UTC where every stamp says it, else None. ``second`` (rows,) marks rows of a repeated hour that say so themselves;
    ``remark`` says what was taken for granted.
    """

    minute: IntArray
    offset_min: IntArray | None
    second: BoolArray | None = None
    remark: str = ""


def _wrong(file: str, line: int, column: str, text: str, allowed: str = "") -> ScenarioError:
    wanted = allowed or "a date and time, as in 2023-01-31 14:00 or 2023-01-31 14:00:00-06:00"
    return refused(file, shown(text), wanted, where=column, line=line)


def _ordinal(groups: Sequence[str], day_first: bool, months: int = 12) -> int | None:
    """Days since 1970 of three numbers; None where they are no date."""
    first, second, third = (int(g) for g in groups)
    if len(groups[0]) == 4:
        year, month, day = first, second, third
    else:
        year = third + 2000 if len(groups[2]) == 2 else third
        day, month = (first, second) if day_first else (second, first)
    if not (_YEARS[0] <= year <= _YEARS[1] and 1 <= month <= months and 1 <= day <= 31):
        return None
    try:
        return date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None


def _day_first(file: str, column: str, texts: Iterable[tuple[int, str]], known: bool) -> bool:
    """Whether dates such as 03/04/2023 begin with the day: dots say so, numbers above 12 say which; else "no"."""
    if known:
        return True
    for _, text in texts:
        found = _DATE.match(text)
        if found is None or len(found[1]) == 4:
            return False
        if "." in found[0] or int(found[1]) > 12:
            return True
        if int(found[2]) > 12:
            return False
    return False


def _near_minute(second: int) -> bool:
    """Whether seconds are a logger's or a spreadsheet's rounding."""
    return second <= _ROUNDED_S or 60 - _ROUNDED_S <= second <= 59


def _clock(text: str) -> tuple[int, int | None] | None:
    """Minutes of the day and offset in minutes of what follows a date; None where it is no time."""
    if not text.strip():
        return 0, None
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if found[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[4].lower() == "pm" else 0)
    if hour > 24 or minute > 59 or not _near_minute(second) or (hour == 24 and minute):
        return None
    of_day, zone = hour * 60 + minute + round(second / 60), found[5]
    if zone is None:
        return of_day, None
    if zone == "Z":
        return of_day, 0
    if zone[-1].isdigit():
        size = int(zone[1:3]) * 60 + int(zone[-2:])
        return of_day, -size if zone[0] == "-" else size
    named = _ZONES.get(zone.strip("()"))
    return None if named is None else (of_day, named * 60)


def read_stamps(file: str, column: str, texts: Sequence[tuple[int, str]], *, day_first: bool = False) -> Stamps:
    """Stamps of one column of texts; of a span ``a - b`` the beginning.

    Parameters
    ----------
    file, column : str
        For messages.
    texts : sequence of (int, str)
        Line and text of each row: ISO 8601, or dates with slashes or dots and a time of 12 or 24 hours.
    day_first : bool
        Dates with slashes begin with the day; without it the numbers decide, and where they cannot, the month is first.

    Raises
    ------
    ScenarioError
        If a text is no time, or some say their offset from UTC and others do not; names line, column and text.
    """
    begins = [(line, _numbered(text.split(" - ")[0].strip())) for line, text in texts]
    if begins and all(_COUNTED.fullmatch(text) for _, text in begins):
        return _counted([text for _, text in begins])
    first = _day_first(file, column, begins, day_first)
    minutes, offsets = np.empty(len(begins), np.int64), np.empty(len(begins), np.int64)
    said = 0
    for row, (line, text) in enumerate(begins):
        found = _DATE.match(text)
        day = _ordinal(found.groups(), first) if found else None
        clock = _clock(text[found.end() :]) if found else None
        if day is None or clock is None:
            raise _wrong(file, line, column, text)
        minutes[row] = day * _DAY + clock[0]
        offsets[row] = clock[1] or 0
        said += clock[1] is not None
        if 0 < said != row + 1:
            raise _wrong(file, line, column, text, "an offset from UTC in every stamp, or in none (-06:00, Z)")
    return Stamps(minutes, offsets if said else None)


def _numbered(text: str) -> str:
    """A date with its month in letters, or written in one (20230131), with numbers and dashes."""
    if text[2:3] in "-/." or text[4:5] in "-/.":
        found = _DATE.match(text)
        if found is not None:
            return text
    named = _NAMED.match(text)
    month = _MONTHS.get((named["month"] or named["named"])[:3].lower()) if named else None
    if named and month:
        return f"{named['year']}-{month:02d}-{int(named['day'] or named['of']):02d}{text[named.end() :]}"
    compact = _COMPACT.match(text)
    if compact and not _COUNTED.fullmatch(text):
        clock = f" {compact[4]}:{compact[5]}" if compact[4] else ""
        return f"{compact[1]}-{compact[2]}-{compact[3]}{clock}{text[compact.end() :]}"
    return text


def _counted(texts: Sequence[str]) -> Stamps:
    """Seconds or milliseconds since 1970, which are UTC, or days as spreadsheets count them."""
    if len(texts[0].partition(".")[0]) == 5:
        start = (_FIRST_SHEET_DAY - _EPOCH) * _DAY
        days = np.array([round(float(text) * _DAY) for text in texts], dtype=np.int64)
        return Stamps(start + days, None, remark="stamps are days of a spreadsheet")
    per = 60 if len(texts[0]) == 10 else 60_000
    minute = np.array([int(text) // per for text in texts], dtype=np.int64)
    return Stamps(minute, np.zeros_like(minute), remark=f"stamps are {'milli' if per > 60 else ''}seconds since 1970")


def from_wall(stamps: Stamps, zone: str, wrong: Callable[[int, str], ScenarioError]) -> tuple[IntArray, int]:
    """Minutes in UTC of wall time without offsets, and the zone's standard offset in minutes.

    In the hour that comes twice, the first stamp of the file is summer time and the second standard time (the other way
    round where the file runs backwards), unless rows say it themselves.

    Parameters
    ----------
    stamps : Stamps
        On the zone's clock.
    zone : str
        IANA name.
    wrong : callable
        Makes the error of a row (index, what is wrong).

    Raises
    ------
    ScenarioError
        If a stamp falls in the hour that the clocks skip.
    """
    place = ZoneInfo(zone)
    minute = stamps.minute
    hours, inverse = np.unique(minute // 60, return_inverse=True)
    base = datetime(1970, 1, 1)
    early, late = np.empty(hours.size, np.int64), np.empty(hours.size, np.int64)
    for i, hour in enumerate(hours.tolist()):
        wall = base + timedelta(hours=hour)
        early[i] = _offset_min(wall.replace(tzinfo=place))
        late[i] = _offset_min(wall.replace(tzinfo=place, fold=1))
    skipped = np.flatnonzero((early < late)[inverse])
    if skipped.size:
        raise wrong(int(skipped[0]), f"an hour that the clocks of {zone} skip")
    twice = (early > late)[inverse]
    second = _second(stamps, twice)
    offset = np.where(twice & second, late[inverse], early[inverse])
    standard = standard_min(zone, int(minute[0])) if minute.size else 0
    return minute - offset, standard


def standard_min(zone: str, minute: int) -> int:
    """Standard offset of a zone in the year of a time: the smaller of January and July. [min]"""
    year = int(np.datetime64(minute, "m").astype("datetime64[Y]").astype(np.int64)) + 1970
    return min(_offset_min(datetime(year, month, 15, tzinfo=ZoneInfo(zone))) for month in (1, 7))


def _offset_min(when: datetime) -> int:
    offset = when.utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / 60)


def _second(stamps: Stamps, twice: BoolArray) -> BoolArray:
    """Whether each row of a repeated hour is of its second pass."""
    if stamps.second is not None:
        return stamps.second
    rows = np.flatnonzero(twice)
    backwards = rows.size > 1 and stamps.minute[0] > stamps.minute[-1]
    if backwards:
        rows = rows[::-1]
    second = np.zeros(stamps.minute.size, dtype=np.bool_)
    seen: set[int] = set()
    for row in rows.tolist():
        value = int(stamps.minute[row])
        second[row] = value in seen
        seen.add(value)
    return second
