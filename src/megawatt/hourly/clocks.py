"""The clock of a file: when each of its rows is, in UTC where that can be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import IntArray
from megawatt.errors import ScenarioError, shown
from megawatt.files import parse_number, refused
from megawatt.hourly.stamps import Stamps, from_wall, read_stamps, standard_min
from megawatt.hourly.tables import Sheet
from megawatt.hourly.years import step_min

__all__ = ["LEAP_YEAR", "Clock", "read_clock", "wrong_row"]

LEAP_YEAR: Final = 2000
"""The year in which typical years are put: it has every day."""


_MOST_HOURS: Final = 25
"""Hours of the day on which clocks are put back."""
_FROM_NOUGHT: Final = "hours 0 to 23 taken as beginnings"


@dataclass(frozen=True, slots=True)
class Clock:
    """Times of rows in UTC (minutes since 1970), or on a clock that nothing tells (``offset_min`` None).

    ``first_wall`` is the first time as the file writes it.
    """

    minute: IntArray
    offset_min: int | None
    bare: Stamps | None = None
    labelled: bool = True
    remark: str = ""
    first_wall: int = 0


def read_clock(sheet: Sheet, hour_ending: bool) -> Clock | None:
    """Times of the rows; None where the file has no stamps and its rows are hours in order."""
    layout = sheet.layout
    stamps, zone, labelled = _stamps(sheet)
    if stamps is None:
        return None
    own = sheet.number("offset_h")
    seconds = sheet.number("offset_s")
    said = round(own * 60) if own is not None else round(seconds / 60) if seconds is not None else None
    if zone == "UTC":
        standard = standard_min(layout.zone, int(stamps.minute[0])) if layout.zone else 0
        clock = Clock(stamps.minute, standard, labelled=labelled)
    elif stamps.offset_min is not None:
        clock = Clock(stamps.minute - stamps.offset_min, int(stamps.offset_min.min()), labelled=labelled)
    elif said is not None:
        clock = Clock(stamps.minute - said, said, labelled=labelled)
    elif zone:
        clock = Clock(*from_wall(stamps, zone, wrong_row(sheet)), labelled=labelled, remark=f"wall time of {zone}")
    else:
        clock = Clock(stamps.minute, None, bare=stamps, labelled=labelled)
    first = int(stamps.minute[int(np.argmin(clock.minute))])
    clock = replace(clock, remark="; ".join(filter(None, (clock.remark, stamps.remark))), first_wall=first)
    if clock.bare is None and (layout.ending or (hour_ending and not labelled)):
        return replace(clock, minute=clock.minute - step_min(clock.minute))
    return clock


def wrong_row(sheet: Sheet) -> Callable[[int, str], ScenarioError]:
    def wrong(row: int, found: str) -> ScenarioError:
        line, cells = sheet.rows[row]
        return refused(sheet.file, f"{found}: {shown(', '.join(cells[:4]))}", "wall time of the zone", line=line)

    return wrong


def _stamps(sheet: Sheet) -> tuple[Stamps | None, str, bool]:
    """Stamps, their zone ("UTC", a name, or ""), and whether the layout says which end of a step they are."""
    layout, header = sheet.layout, sheet.header
    known = layout.key not in ("own-prices", "own-weather", "weather-names", "own-output", "meter")
    zone = layout.stamps or layout.zone
    if layout.elapsed:
        return _elapsed(sheet), zone, True
    if layout.parts and all(header.find(p) is not None for p in layout.parts[:4]):
        return _from_parts(sheet), zone, True
    date = header.find(layout.date or "date") if layout.date or layout.wide else None
    hour = header.find(layout.hour) if layout.hour else header.find("hour") if layout.wide else None
    if date is not None and hour is not None and date != hour and not _of_clock(sheet.cells(date)):
        if _of_clock(sheet.cells(hour)) and not known:
            both = zip(sheet.cells(date), sheet.cells(hour), strict=True)
            texts = [(line, f"{day} {clock}") for (line, day), (_, clock) in both]
            return read_stamps(sheet.file, header.titles[date], texts, day_first=layout.day_first), zone, False
        return _from_labels(sheet, date, hour), zone, True
    at = header.find(layout.time) if layout.time is not None else None
    if at is None or _counts(sheet.cells(at)):
        return None, "", known
    bracket = header.bracket(at).upper()
    zone = "UTC" if bracket in ("UTC", "GMT") or "utc" in header.names[at] else zone
    stamps = read_stamps(sheet.file, header.titles[at] or "(blank)", sheet.cells(at), day_first=layout.day_first)
    return (replace(stamps, minute=_in_leap_year(stamps.minute)) if layout.typical else stamps), zone, known


def _of_clock(cells: Sequence[tuple[int, str]]) -> bool:
    """Whether texts tell a time of the day."""
    return bool(cells) and ":" in cells[0][1]


def _counts(cells: Sequence[tuple[int, str]]) -> bool:
    """Whether texts count the rows from 0 or 1."""
    return [text for _, text in cells[:3]] in (["0", "1", "2"], ["1", "2", "3"]) and all(
        text == str(row + int(cells[0][1])) for row, (_, text) in enumerate(cells)
    )


def _from_parts(sheet: Sheet) -> Stamps:
    """Times of numbers in columns year, month, day, hour and minute."""
    layout, header = sheet.layout, sheet.header
    columns = [header.find(part) for part in layout.parts]
    texts = []
    ends = layout.hour_ends and all(parse_number(text) != 0.0 for _, text in sheet.cells(columns[3] or 0))
    for line, row in sheet.rows:
        cells = [row[c] if c is not None and c < len(row) else "0" for c in columns]
        numbers = [parse_number(cell) for cell in cells]
        whole = [int(n) if n is not None and n == int(n) else -1 for n in numbers]
        whole += [0] * (4 - len(whole))
        if min(whole) < 0 or whole[3] > 23 + ends:
            raise refused(sheet.file, shown("-".join(cells)), f"{', '.join(layout.parts)} as numbers", line=line)
        minute = whole[4] if len(whole) > 4 else 0
        year = f"{LEAP_YEAR if layout.typical else whole[0]:04d}"
        texts.append((line, f"{year}-{whole[1]:02d}-{whole[2]:02d} {whole[3]:02d}:{minute:02d}"))
    stamps = read_stamps(sheet.file, "-".join(layout.parts), texts)
    if ends:
        return replace(stamps, minute=stamps.minute - 60)
    return replace(stamps, remark=_FROM_NOUGHT) if layout.hour_ends else stamps


def _elapsed(sheet: Sheet) -> Stamps:
    """Times of steps counted from the beginning of a day of the zone; a day of more than 25 hours has quarters."""
    layout, header = sheet.layout, sheet.header
    hour, at = header.find(layout.hour) or 0, header.find(layout.date) if layout.date else None
    if at is None:
        days, title = _from_parts(sheet), "-".join(layout.parts)
    else:
        days, title = read_stamps(sheet.file, header.titles[at], sheet.cells(at), day_first=layout.day_first), ""
    first, inverse = np.unique(days.minute, return_inverse=True)
    utc, standard = from_wall(Stamps(first, None), layout.zone, wrong_row(sheet))
    counts = np.array([parse_number(text) or -1.0 for _, text in sheet.cells(hour)])
    most = np.zeros(first.size)
    np.maximum.at(most, inverse, counts)
    step = np.where(most > _MOST_HOURS * 60 // layout.label_min, 15, layout.label_min)[inverse]
    wrong = (counts != np.floor(counts)) | (counts < 1) | (counts > _MOST_HOURS * 60 // step)
    if wrong.any():
        line, text = sheet.cells(hour)[int(np.argmax(wrong))]
        where = header.titles[hour]
        raise refused(sheet.file, shown(text), f"steps of a day {title}".strip(), where=where, line=line)
    minute = utc[inverse] + ((counts - 1) * step).astype(np.int64) + standard
    return Stamps(minute, np.full(minute.size, standard, dtype=np.int64))


def _from_labels(sheet: Sheet, date: int, hour: int) -> Stamps:
    """Times of a date and an hour, 1 to 24 or 01:00 to 24:00 (ends), its parts, and marks of repeated hours."""
    layout, header = sheet.layout, sheet.header
    interval = header.find(layout.interval) if layout.interval else None
    flag = header.find(layout.repeated) if layout.repeated else None
    days = read_stamps(sheet.file, header.titles[date], sheet.cells(date), day_first=layout.day_first)
    hours = sheet.cells(hour)
    labels, second = np.empty(len(sheet.rows), np.int64), np.zeros(len(sheet.rows), np.bool_)
    texts = [(line, text.upper().rstrip("X*").removesuffix(":00").removesuffix(":00")) for line, text in hours]
    least = 0 if layout.hour_begins or any(parse_number(text) == 0.0 for _, text in texts) else 1
    most = 1440 // layout.label_min - 1 + least
    for row, (line, text) in enumerate(texts):
        number = parse_number(text)
        if number is None or number != int(number) or not least <= number <= most:
            allowed = f"hours {least} to {most}"
            raise refused(sheet.file, shown(hours[row][1]), allowed, where=header.titles[hour], line=line)
        labels[row], second[row] = (int(number) - least) * layout.label_min, hours[row][1].upper().endswith(("X", "*"))
    if interval is not None:
        labels += _intervals(sheet, interval)
    marked = flag is not None or bool(second.any())
    if flag is not None:
        second |= np.array([text.upper() in ("Y", "YES", "TRUE", "1") for _, text in sheet.cells(flag)])
    minute = days.minute + labels
    if layout.typical:
        minute = _in_leap_year(minute)
    remark = "" if layout.hour_begins or least else _FROM_NOUGHT
    return Stamps(minute, None, second if marked and second.any() else None, remark)


def _intervals(sheet: Sheet, column: int) -> IntArray:
    """Minutes of the quarter hours 1 to 4, or of the twelfths 1 to 12."""
    cells = sheet.cells(column)
    numbers = [parse_number(text) for _, text in cells]
    for (line, text), number in zip(cells, numbers, strict=True):
        if number not in range(1, 13):
            raise refused(sheet.file, shown(text), "1 to 4 or 1 to 12", where=sheet.header.titles[column], line=line)
    found = np.array(numbers, dtype=np.int64)
    return np.asarray((found - 1) * (60 // int(found.max())), dtype=np.int64)


def _in_leap_year(minute: IntArray) -> IntArray:
    """The same month, day and time in the year 2000, which has every day."""
    when = minute.astype("datetime64[m]")
    month = when.astype("datetime64[M]")
    within = when - month.astype("datetime64[m]")
    place = (month.astype(np.int64) % 12 + (LEAP_YEAR - 1970) * 12).astype("datetime64[M]")
    return np.asarray((place.astype("datetime64[m]") + within).astype(np.int64), dtype=np.int64)
