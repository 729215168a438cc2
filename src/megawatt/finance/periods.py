"""Periods of a project: how interest accrues in each, how far each lies from the start, when its tax year ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError
from megawatt.finance.spine import make_spine

__all__ = ["DAY_COUNTS", "LENGTHS_MONTHS", "Periods", "annual_periods", "calendar_periods", "dated_periods",
           "year_fractions"]  # fmt: skip


DAY_COUNTS: Final = ("ACT/360", "ACT/365", "ACT/ACT", "30/360", "30E/360")
"""Market conventions (ISDA 2006 definitions, section 4.16); ACT/365 is the fixed one."""

_INSTALMENT_LEFT: Final = (9, 7, 4)
"""Months to the end of the year, April, June and September included."""

LENGTHS_MONTHS: Final = (1, 3, 6, 12)
"""Lengths of a period: month, quarter, half-year, year."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Periods of a project, arrays (periods,); a financial close before the first of them may stand at index 0.

    Attributes
    ----------
    fractions : (periods,)
        Year fraction over which interest accrues in each period; 0 at a close.
    years : (periods,)
        Years from the start (or the close) at which each period's flows fall, for discounting.
    year_left : (periods,)
        Periods to the end of the tax year, this one included, past the end of the project where the year goes on.
    hours : (periods,)
        Length of each period; 0 at a close. [h]
    months : int
        Nominal length of a period in months, one of `LENGTHS_MONTHS`.
    """

    fractions: FloatArray
    years: FloatArray
    year_left: IntArray
    hours: FloatArray
    months: int

    @property
    def count(self) -> int:
        """Number of periods, a close included."""
        return self.years.size

    @property
    def per_year(self) -> int:
        """Periods in a year."""
        return 12 // self.months

    @property
    def settles(self) -> NDArray[np.bool_]:
        """True in the last period of each tax year and in the last of all, (periods,)."""
        settles = np.asarray(self.year_left == 1, dtype=np.bool_)
        settles[-1] = True
        return settles

    @property
    def instalments(self) -> NDArray[np.bool_]:
        """True in the periods before the last of a tax year in which an instalment of its tax falls due, (periods,).

        Months: April, June, September; quarters and half-years: each; years: none.
        """
        if self.months > 1:
            return np.asarray(self.year_left > 1)
        return np.asarray(np.isin(self.year_left, _INSTALMENT_LEFT))


def calendar_periods(
    start_year: int, start_month: int, count: int, months: int = 1, day_count: str = "30/360"
) -> Periods:
    """Periods of whole calendar months; flows at period ends, discounted to the start of the first.

    A period belongs to the tax (calendar) year in which it ends.

    Parameters
    ----------
    start_year, start_month : int
        Calendar month in which period 0 starts; ``start_month`` 1 to 12.
    count : int
        Number of periods, >= 1.
    months : int
        Months of a period: 1, 3, 6 or 12.
    day_count : str
        One of `DAY_COUNTS`: how interest accrues.

    Raises
    ------
    ScenarioError
        If the length, the start or the number is out of range.
    """
    if months not in LENGTHS_MONTHS:
        raise ScenarioError(f"periods of {months} months, must be one of {', '.join(map(str, LENGTHS_MONTHS))}")
    hours = make_spine(start_year, start_month, count * months).hours.reshape(count, months).sum(axis=1)
    after = np.arange(count) + 1.0
    ends = start_month - 2 + months * np.arange(1, count + 1)
    years = np.asarray(after * months / 12.0, dtype=np.float64)
    fractions = np.full(count, months / 12.0)
    if day_count not in ("30/360", "30E/360"):  # whole months of 30 days are exact twelfths
        places = start_month - 1 + months * np.arange(count + 1)
        fractions = year_fractions([date(start_year + int(p) // 12, int(p) % 12 + 1, 1) for p in places], day_count)
    return Periods(fractions, years, (11 - ends % 12) // months + 1, hours, months)


def annual_periods(years: int) -> Periods:
    """A close, then years 1 to ``years``; flows at year ends, no day count. The close counts to the first tax year.

    Raises
    ------
    ScenarioError
        If there is no year.
    """
    if years < 1:
        raise ScenarioError(f"n_years = {years}, must be 1 or more")
    index = np.arange(years + 1)
    runs = np.minimum(index, 1)
    return Periods(runs.astype(np.float64), index.astype(np.float64), 2 - runs, 8760.0 * runs, 12)


def dated_periods(close: date, ends: Sequence[date], day_count: str, months: int = 1) -> Periods:
    """A close, then periods that end on given dates; interest by day count, discounting by days / 365 (XNPV).

    Parameters
    ----------
    close : date
        Financial close.
    ends : sequence of date
        End of each period, in order, after the close.
    day_count : str
        One of `DAY_COUNTS`.
    months : int
        Nominal length of a period, for reserves that hold months of service and for tests over a year.

    Raises
    ------
    ScenarioError
        If dates are out of order or a day count or length is unknown.
    """
    dates = [close, *ends]
    if len(dates) < 2 or any(b <= a for a, b in pairwise(dates)):
        raise ScenarioError(f"dates: {len(ends)} period ends, must be one or more in order, all after close ({close})")
    if months not in LENGTHS_MONTHS:
        raise ScenarioError(f"dates: periods of about {months} months, must be {', '.join(map(str, LENGTHS_MONTHS))}")
    fractions = np.concatenate([[0.0], year_fractions(dates, day_count)])
    days = np.array([(d - close).days for d in dates], dtype=np.float64)
    year = np.maximum([d.year for d in dates], dates[1].year)
    # past the last date the last year goes on in periods of the nominal length
    beyond = np.where(year == year[-1], (12 - dates[-1].month) // months, 0)
    left = (year[None, :] == year[:, None]).sum(axis=1, where=np.tri(len(dates), dtype=np.bool_).T) + beyond
    return Periods(fractions, days / 365.0, left, np.diff(days, prepend=0.0) * 24.0, months)


def year_fractions(dates: Sequence[date], day_count: str) -> FloatArray:
    """Year fraction between each date and the next, (dates - 1,).

    30/360 is the US bond basis (the 31st counts as the 30th where the start is the 30th or 31st), 30E/360 the Eurobond
    basis (the 31st always counts as the 30th).

    Raises
    ------
    ScenarioError
        If the day count is unknown.
    """
    if day_count not in DAY_COUNTS:
        raise ScenarioError(f"day_count = {day_count!r}, must be one of {', '.join(DAY_COUNTS)}")
    pairs = pairwise(dates)
    if day_count in ("30/360", "30E/360"):
        return np.array([_thirty_360(a, b, european=day_count == "30E/360") for a, b in pairs])
    if day_count == "ACT/ACT":
        return np.array([_act_act(a, b) for a, b in pairs])
    return np.array([(b - a).days / float(day_count[-3:]) for a, b in pairs])


def _thirty_360(start: date, end: date, *, european: bool) -> float:
    first = min(start.day, 30)
    last = 30 if end.day == 31 and (european or first == 30) else end.day
    return (360 * (end.year - start.year) + 30 * (end.month - start.month) + last - first) / 360.0


def _act_act(start: date, end: date) -> float:
    """Days in each calendar year over the length of that year."""
    total = 0.0
    for year in range(start.year, end.year + 1):
        first, after = max(start, date(year, 1, 1)), min(end, date(year + 1, 1, 1))
        total += (after - first).days / (date(year + 1, 1, 1) - date(year, 1, 1)).days
    return total
