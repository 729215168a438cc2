"""Periods of a financing: how interest accrues in each, how far each lies from close, in which year it is taxed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError

__all__ = ["DAY_COUNTS", "Periods", "annual_periods", "dated_periods", "year_fractions"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DAY_COUNTS: Final = ("ACT/360", "ACT/365", "ACT/ACT", "30/360", "30E/360")
"""Market conventions (ISDA 2006 definitions, section 4.16); ACT/365 is the fixed one."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Periods 1 to n after financial close; arrays of length n + 1 hold the close at index 0.

    Attributes
    ----------
    fractions : (n + 1,)
        Year fraction over which interest accrues in each period; 0 at close.
    years : (n + 1,)
        Years from close at which each period's flows fall, for discounting.
    tax_year : (n + 1,)
        Number of the tax year of each period, counted from 0 and never falling.
    months : float
        Nominal length of a period in months (12: annual, 1: monthly).
    """

    fractions: FloatArray
    years: FloatArray
    tax_year: IntArray
    months: float

    @property
    def count(self) -> int:
        """Number of periods after close."""
        return self.years.size - 1


def annual_periods(years: int) -> Periods:
    """Years 1 to ``years``; flows at year ends, no day count.

    Raises
    ------
    ScenarioError
        If there is no year.
    """
    if years < 1:
        raise ScenarioError(f"n_years = {years}, must be 1 or more")
    index = np.arange(years + 1)
    return Periods(np.minimum(index, 1).astype(np.float64), index.astype(np.float64), np.maximum(index - 1, 0), 12.0)


def dated_periods(close: date, ends: Sequence[date], day_count: str, months: float = 1.0) -> Periods:
    """Periods that end on given dates; interest by day count, discounting by days / 365 (spreadsheet XNPV).

    Parameters
    ----------
    close : date
        Financial close.
    ends : sequence of date
        End of each period, in order, after the close.
    day_count : str
        One of `DAY_COUNTS`.
    months : float
        Nominal length of a period, for reserves that hold months of service.

    Raises
    ------
    ScenarioError
        If dates are out of order or the day count is unknown.
    """
    dates = [close, *ends]
    if len(dates) < 2 or any(b <= a for a, b in pairwise(dates)):
        raise ScenarioError(f"dates: {len(ends)} period ends, must be one or more in order, all after close ({close})")
    fractions = np.concatenate([[0.0], year_fractions(dates, day_count)])
    days = np.array([(d - close).days for d in dates], dtype=np.float64)
    tax_year = np.array([d.year - dates[1].year for d in dates], dtype=np.int64)
    return Periods(fractions, days / 365.0, np.maximum(tax_year, 0), months)


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
