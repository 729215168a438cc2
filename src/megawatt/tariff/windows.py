"""Hours of the site year in which a price or a charge holds: months, days of the week, hours of the day."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field, field_validator

from megawatt.arrays import BoolArray
from megawatt.catalogue.quantity import refusal
from megawatt.catalogue.section import Section
from megawatt.errors import shown
from megawatt.hours import DAYS_IN_MONTH, HOURS_IN_YEAR, MONTH_OF_HOUR, hour_of_day

__all__ = ["Window", "day_of_year", "first_weekday", "hours_of_span", "weekend_hours"]

_SPAN: Final = re.compile(r"([0-9]{1,2})(?::00)?\s*-\s*([0-9]{1,2})(?::00)?")
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


def weekend_hours(year: int, holidays: Iterable[str] = ()) -> BoolArray:
    """Hours of Saturdays, Sundays and holidays (``MM-DD``) of a year without 29 February, (8760,).

    After 29 February of a leap year the days keep their weekday: the calendar's, one day further.
    """
    start = datetime.date(year, 1, 1)
    days = [start + datetime.timedelta(days=d) for d in range(366)]
    kept = [day for day in days if (day.month, day.day) != (2, 29)][:365]
    free = np.array([day.weekday() >= 5 for day in kept])
    free[[day_of_year(day) for day in holidays]] = True
    return np.repeat(free, 24)


class Window(Section):
    """When something holds; all of the year by default."""

    months: tuple[int, ...] = Field((), description="calendar months, 1 to 12; all by default", max_length=12)
    hours: tuple[str, ...] = Field(
        (),
        description='hours of the day as "7-23" (7:00 to 23:00 standard time), over midnight "22-6"; all by default',
    )
    days: Literal["all", "weekdays", "weekends"] = Field(
        "all", description="days of the week; holidays of the tariff count as weekends"
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

    def mask(self, weekend: BoolArray) -> BoolArray:
        """Its hours, (8760,); ``weekend`` from `weekend_hours`."""
        inside = np.ones(HOURS_IN_YEAR, dtype=np.bool_)
        if self.months:
            inside &= np.isin(MONTH_OF_HOUR, np.array(self.months) - 1)
        if self.hours:
            inside &= np.isin(hour_of_day(), [hour for span in self.hours for hour in _hours_of(span)])
        if self.days != "all":
            inside &= weekend if self.days == "weekends" else ~weekend
        return inside


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
