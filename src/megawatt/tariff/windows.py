"""Hours of the site year in which a price or a charge holds: months, days of the week, hours of the day."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from pydantic import Field, field_validator

from megawatt.arrays import BoolArray, IntArray
from megawatt.catalogue.quantity import refusal
from megawatt.catalogue.section import Section
from megawatt.errors import shown
from megawatt.hours import DAYS_IN_MONTH, HOURS_IN_YEAR, MONTH_OF_HOUR, hour_of_day

__all__ = ["Window", "day_of_year", "first_weekday", "hours_of_span", "weekday_hours"]

_SPAN: Final = re.compile(r"([0-9]{1,2})(?::00)?\s*-\s*([0-9]{1,2})(?::00)?")
_NAMES: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WORDS: Final = {"all": "mon-sun", "weekdays": "mon-fri", "weekends": "sat-sun"}
_SUNDAY: Final = 6
"""Weekday of Sundays and holidays."""
_DAY: Final = re.compile(r"([0-9]{2})-([0-9]{2})")


def first_weekday(year: int) -> int:
    """Weekday of 1 January, Monday 0."""
    return datetime.date(year, 1, 1).weekday()


def day_of_year(text: str) -> int:
    """Index of a day ``MM-DD`` in a year without 29 February, 0 = 1 January.

    Raises
    ------
    ValueError
        If there is no such day.
    """
    match = _DAY.fullmatch(text)
    month, day = (int(part) for part in match.groups()) if match else (0, 0)
    if not (1 <= month <= 12 and 1 <= day <= int(DAYS_IN_MONTH[month - 1])):
        raise ValueError(text)
    return int(DAYS_IN_MONTH[: month - 1].sum()) + day - 1


def weekday_hours(year: int, holidays: Iterable[str] = ()) -> IntArray:
    """Weekday of the hours of a year without 29 February, Monday 0, (8760,); holidays (``MM-DD``) are Sundays.

    After 29 February of a leap year the days keep their weekday: the calendar's, one day further.
    """
    start = datetime.date(year, 1, 1)
    days = [start + datetime.timedelta(days=d) for d in range(366)]
    kept = [day for day in days if (day.month, day.day) != (2, 29)][:365]
    weekday = np.array([day.weekday() for day in kept], dtype=np.int64)
    weekday[[day_of_year(day) for day in holidays]] = _SUNDAY
    return np.repeat(weekday, 24)


class Window(Section):
    """When something holds; all of the year by default."""

    months: tuple[int, ...] = Field((), description="calendar months, 1 to 12; all by default", max_length=12)
    hours: tuple[str, ...] = Field(
        (),
        description='hours of the day as "7-23" (7:00 to 23:00 standard time), over midnight "22-6"; all by default',
    )
    days: str = Field(
        "all",
        description='days of the week: all, weekdays, weekends, or names as "mon-sat" and "sun"; holidays are Sundays',
    )

    @field_validator("months")
    @classmethod
    def _months(cls, months: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 1 <= m <= 12 for m in months) or len(set(months)) < len(months):
            raise refusal(f"months {', '.join(map(str, months))}", "months 1 to 12, each once")
        return months

    @field_validator("hours", mode="before")
    @classmethod
    def _spans(cls, raw: Any) -> Any:
        spans = (raw,) if isinstance(raw, str) else raw
        for span in spans if isinstance(spans, list | tuple) else ():
            if not isinstance(span, str) or hours_of_span(span) is None:
                raise refusal(shown(span), 'a span of hours 0 to 24 such as "7-23" or "22-6"')
        return spans

    @field_validator("days")
    @classmethod
    def _named(cls, days: str) -> str:
        if _weekdays(days) is None:
            raise refusal(shown(days), 'all, weekdays, weekends, or days such as "mon-sat" or "sun"')
        return days

    def mask(self, weekday: IntArray) -> BoolArray:
        """Its hours, (8760,); ``weekday`` from `weekday_hours`."""
        inside = np.ones(HOURS_IN_YEAR, dtype=np.bool_)
        if self.months:
            inside &= np.isin(MONTH_OF_HOUR, np.array(self.months) - 1)
        if self.hours:
            inside &= np.isin(hour_of_day(), [hour for span in self.hours for hour in _hours_of(span)])
        if self.days != "all":
            inside &= np.isin(weekday, _weekdays(self.days) or [])
        return inside


def _weekdays(text: str) -> list[int] | None:
    """Weekdays of a word or of names of days, Monday 0; None where they are none."""
    first, _, last = _WORDS.get(text, text).partition("-")
    if first not in _NAMES or (last or first) not in _NAMES:
        return None
    begin, end = _NAMES.index(first), _NAMES.index(last or first)
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]


def hours_of_span(text: str) -> tuple[int, int] | None:
    """First hour and end of a span such as "7-23"; None if it is none of two different hours, 0 to 24."""
    match = _SPAN.fullmatch(text.strip())
    begin, end = (int(hour) for hour in match.groups()) if match else (0, 0)
    return (begin % 24, end) if max(begin, end) <= 24 and begin != end else None


def _hours_of(span: str) -> list[int]:
    found = hours_of_span(span)
    if found is None:
        raise AssertionError("spans are checked when they are read")
    begin, end = found
    return [hour % 24 for hour in range(begin, end if end > begin else end + 24)]
