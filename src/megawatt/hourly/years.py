"""Rows with times into site years: sorted, averaged to hours, each hour once, 29 February left out, everything said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray, IntArray
from megawatt.files import refused
from megawatt.hours import DAYS_IN_MONTH, HOURS_IN_YEAR, MONTH_NAMES

__all__ = ["Rows", "Years", "site_years", "step_min"]

_LEAP_DAY: Final = (31 + 28) * 24
"""First hour of 29 February."""
_HOUR: Final = 60
"""Minutes."""
_EDGE_H: Final = 48
"""Hours of another year that a file may hold at its ends. [h]"""
_RUN_H: Final = 24
"""Markets change their steps for good: a change for less than a day is none. [h]"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Values by time: ``minute`` (n,) since 1970 on a clock of fixed offset, ``values`` (n, columns), ``line`` (n,)."""

    file: str
    minute: IntArray
    values: FloatArray
    line: IntArray


@dataclass(frozen=True, slots=True)
class Years:
    """Whole site years: ``values`` (years, 8760, columns), and what was done."""

    years: tuple[int, ...]
    values: FloatArray
    remarks: tuple[str, ...]
    dropped_hours: int
    outside_hours: int


def step_min(minute: IntArray) -> int:
    """The usual step between times, whatever their order. [min]"""
    steps = np.diff(np.unique(minute))
    sizes, counts = np.unique(steps, return_counts=True)
    return int(sizes[np.argmax(counts)]) if sizes.size else _HOUR


def site_years(
    rows: Rows, *, year: int | None = None, folds: bool = False, hint: str = "", gaps: bool = False
) -> Years:
    """The whole years of some rows.

    Parameters
    ----------
    rows : Rows
        In any order; steps of an hour or an equal part of one.
    year : int, optional
        The year that must be whole; without it, those that are.
    folds : bool
        Twelve months that begin in the middle of a year (or a shift of hours) are put in the order of a calendar year.
    hint : str
        What to try where an hour is missing.
    gaps : bool
        Hours may be missing: they are NaN, and so are hours that lack steps.

    Raises
    ------
    ScenarioError
        If no year is whole, or an hour is missing or double; names the line.
    """
    remarks: list[str] = []
    order = np.argsort(rows.minute, kind="stable")
    if np.any(np.diff(order) < 0):
        remarks.append("rows put in the order of their stamps")
    rows = Rows(rows.file, rows.minute[order], rows.values[order], rows.line[order])
    _refuse_doubles(rows)
    hours, values, lines, odd = _hourly(rows, remarks)
    day = (hours // 24).astype("datetime64[D]")
    years = day.astype("datetime64[Y]").astype(np.int64) + 1970
    place, leap = _place(hours, years)
    whole = [int(y) for y in np.unique(years) if np.count_nonzero((years == y) & ~leap) == HOURS_IN_YEAR]
    wanted = [year] if year is not None and year in whole else whole
    if year is not None and year not in whole and np.count_nonzero(years == year) > _EDGE_H:
        wanted = [year]
    if not whole and folds and _once(place[~leap]) and not odd.any():
        remarks.append(f"{_month(hours[0])} to {_month(hours[-1])}, put in the order of one calendar year")
        made = np.empty((1, HOURS_IN_YEAR, values.shape[1]))
        made[0, place[~leap]] = values[~leap]
        usual = int(np.bincount(years - years.min()).argmax() + years.min())
        return _done((usual,), made, remarks, int(leap.sum()), 0)
    if not wanted:
        wanted = [int(np.bincount(years - years.min()).argmax() + years.min())]
    made = np.full((len(wanted), HOURS_IN_YEAR, values.shape[1]), np.nan)
    for index, one in enumerate(wanted):
        inside = (years == one) & ~leap & ~(odd & gaps)
        missing = HOURS_IN_YEAR - np.count_nonzero(inside)
        if gaps and missing:
            remarks.append(f"{missing:,} hours of {one} missing")
        elif not gaps:
            _refuse_gaps(rows.file, one, place[inside], lines[inside], hint)
        short = np.flatnonzero(inside & odd)
        if short.size:
            found = f"steps of this hour are missing or surplus ({short.size} such hours)"
            raise refused(rows.file, found, "the same number of rows in every hour", line=int(lines[short[0]]))
        made[index, place[inside]] = values[inside]
    chosen = np.isin(years, wanted)
    return _done(tuple(wanted), made, remarks, int((leap & chosen).sum()), int((~chosen).sum()))


def _done(years: tuple[int, ...], made: FloatArray, remarks: list[str], dropped: int, outside: int) -> Years:
    if dropped:
        remarks.append(f"29 February dropped, {dropped} h")
    if outside:
        remarks.append(f"{outside:,} hours of other years left out")
    return Years(years, made, tuple(remarks), dropped, outside)


def _once(place: IntArray) -> bool:
    return place.size == HOURS_IN_YEAR and np.unique(place).size == HOURS_IN_YEAR


def _month(hour: int) -> str:
    when = np.int64(hour).astype("datetime64[h]").astype("datetime64[M]").astype(object)
    return f"{MONTH_NAMES[when.month - 1]} {when.year}"


def _place(hours: IntArray, years: IntArray) -> tuple[IntArray, BoolArray]:
    """Place in the site year of each hour, and whether it is of 29 February."""
    start = (years - 1970).astype("datetime64[Y]").astype("datetime64[h]").astype(np.int64)
    place = hours - start
    is_leap = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0))
    leap = is_leap & (place >= _LEAP_DAY) & (place < _LEAP_DAY + 24)
    return place - np.where(is_leap & (place >= _LEAP_DAY + 24), 24, 0), leap


def _refuse_doubles(rows: Rows) -> None:
    same = np.flatnonzero(np.diff(rows.minute) == 0)
    if same.size:
        pairs = np.sort(np.stack([rows.line[same], rows.line[same + 1]]), axis=0)
        first = int(np.argmin(pairs[1]))
        found = f"the time of line {pairs[0, first]} is given twice ({same.size} doubles)"
        raise refused(rows.file, found, "each time once: keep one", line=int(pairs[1, first]))


def _hourly(rows: Rows, remarks: list[str]) -> tuple[IntArray, FloatArray, IntArray, BoolArray]:
    """Hours, their mean values, the line of each one's first row, and whether steps of it are missing."""
    hours, first, count = np.unique(rows.minute // _HOUR, return_index=True, return_counts=True)
    usual = int(np.bincount(count).argmax())
    if usual > _HOUR or _HOUR % usual:
        raise refused(rows.file, f"{usual} rows an hour", "steps of an hour or an equal part of one")
    rank, parts = np.arange(rows.minute.size) - np.repeat(first, count), np.repeat(count, count)
    even = (_HOUR % parts == 0) & ((rows.minute % _HOUR) * parts // _HOUR == rank)
    odd = ~np.logical_and.reduceat(even, first) | _of_short_run(count)
    if usual > 1 or np.count_nonzero((count > 1) & ~odd):
        fewest, most = int(count[~odd].min(initial=usual)), int(count[~odd].max(initial=usual))
        mixed = f" (elsewhere {fewest})" if fewest != most else ""
        remarks.append(f"{most} rows an hour ({_HOUR // most} min) averaged to hours{mixed}")
    return hours, np.add.reduceat(rows.values, first, axis=0) / count[:, np.newaxis], rows.line[first], odd


def _of_short_run(count: IntArray) -> BoolArray:
    """Hours whose number of rows differs from their neighbours' for less than a day: steps are missing or surplus."""
    starts = np.concatenate(([0], np.flatnonzero(np.diff(count)) + 1))
    lengths = np.diff(np.append(starts, count.size))
    return np.repeat((lengths < _RUN_H) & (count[starts] != np.bincount(count).argmax()), lengths)


def _refuse_gaps(file: str, year: int, place: IntArray, lines: IntArray, hint: str) -> None:
    missing = np.setdiff1d(np.arange(HOURS_IN_YEAR), place)
    if not missing.size:
        return
    after = int(np.searchsorted(place, missing[0]))
    line = int(lines[min(after, lines.size - 1)]) if lines.size else 0
    month = int(np.searchsorted(np.cumsum(DAYS_IN_MONTH) * 24, missing[0], side="right"))
    day, hour = divmod(int(missing[0]) - int(DAYS_IN_MONTH[:month].sum()) * 24, 24)
    where = "before this line" if after < lines.size else "after this line"
    found = (
        f"{where}, {year}-{month + 1:02d}-{day + 1:02d} {hour:02d}:00 (standard time) is missing ({missing.size} hours)"
    )
    raise refused(file, found, "every hour of a year but those of 29 February", line=line, hint=hint)
