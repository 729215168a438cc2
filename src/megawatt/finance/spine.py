"""The monthly spine of a project: real calendar months, the halls that come on line, escalators."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError
from megawatt.hours import DAYS_IN_MONTH

__all__ = ["Hall", "Spine", "check_halls", "escalator", "live_share", "make_spine", "repeat_year"]


_LEAP_FEBRUARY = 29.0 / 28.0


@dataclass(frozen=True, slots=True)
class Spine:
    """Calendar months of a project, arrays of shape (months,); month index 0 is the month of ``start``.

    Attributes
    ----------
    year, month : (months,)
        Calendar year, and calendar month with 0 = January.
    year_index : (months,)
        Calendar years since the year of month index 0.
    hours : (months,)
        Hours of the month; February of a leap year has 696.
    """

    start_year: int
    start_month: int
    months: int
    year: IntArray
    month: IntArray
    year_index: IntArray
    hours: FloatArray

    def label(self, index: int) -> str:
        """Calendar month of a month index, e.g. ``2026-01``."""
        return f"{int(self.year[index])}-{int(self.month[index]) + 1:02d}"


@dataclass(frozen=True, slots=True)
class Hall:
    """A hall that is live from the first day of month index ``month`` on, with its share of the site's capacity."""

    month: int
    share: float


def make_spine(start_year: int, start_month: int, months: int) -> Spine:
    """Calendar months from a start month on.

    Parameters
    ----------
    start_year, start_month : int
        Calendar month of month index 0; ``start_month`` 1 to 12.
    months : int
        Length of the project, >= 1.

    Raises
    ------
    ScenarioError
        If the month or the length is out of range.
    """
    if not 1 <= start_month <= 12:
        raise ScenarioError(f"project.start_month = {start_month}, must be 1 (January) to 12 (December)")
    if months < 1:
        raise ScenarioError(f"project.months = {months} months, must be 1 or more")
    index = np.arange(months) + (start_month - 1)
    year, month = start_year + index // 12, index % 12
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    days = DAYS_IN_MONTH[month] + ((month == 1) & leap)
    return Spine(start_year, start_month, months, year, month, year - start_year, days * 24.0)


def check_halls(halls: Sequence[Hall]) -> None:
    """Check a ramp of halls.

    Raises
    ------
    ScenarioError
        If there is no hall, a month is negative, a share is not in (0, 1] or the shares sum to more than 1.
    """
    _check_halls(tuple(halls))


@functools.lru_cache(maxsize=64)
def _check_halls(halls: tuple[Hall, ...]) -> None:
    if not halls:
        raise ScenarioError("halls: none given; give at least one as (month index, share of the site)")
    for number, hall in enumerate(halls):
        if hall.month < 0:
            raise ScenarioError(f"halls[{number}].month = {hall.month}, must be 0 (start of the project) or later")
        if not (math.isfinite(hall.share) and 0.0 < hall.share <= 1.0):
            raise ScenarioError(f"halls[{number}].share = {hall.share}, must be above 0 and at most 1")
    total = sum(hall.share for hall in halls)
    if total > 1.0 + 1e-9:
        raise ScenarioError(f"halls: shares sum to {total:g}, must be at most 1 (each is a share of the whole site)")


def live_share(halls: Sequence[Hall], months: int) -> FloatArray:
    """Share of the site's capacity that is live in each month, shape (months,), 0 to 1.

    Raises
    ------
    ScenarioError
        If the ramp is not valid (see `check_halls`).
    """
    check_halls(halls)
    index = np.arange(months)
    share = np.zeros(months)
    for hall in halls:
        share += hall.share * (index >= hall.month)
    return share


def escalator(months: int, annual_frac: float, from_month: int = 0) -> FloatArray:
    """Price index that steps up once every twelve months after ``from_month``; 1 before and at first, (months,).

    Raises
    ------
    ScenarioError
        If the escalator is -100 % or less.
    """
    if not annual_frac > -1.0:
        raise ScenarioError(f"escalator = {annual_frac:g} a year, must be above -1 (-100 %)")
    years = np.maximum(np.arange(months) - from_month, 0) // 12
    return np.asarray((1.0 + annual_frac) ** years, dtype=np.float64)


def repeat_year(spine: Spine, by_calendar_month: FloatArray) -> FloatArray:
    """Lay the twelve monthly sums of a site year along the spine; unit of the input.

    The site year has no leap day, so a leap February is scaled by 29/28.

    Parameters
    ----------
    by_calendar_month : array, shape (..., 12)
        Sums (energy, cost, revenue) of January to December.

    Returns
    -------
    array, shape (..., months)
    """
    if by_calendar_month.shape[-1] != 12:
        raise ScenarioError(f"monthly sums: {by_calendar_month.shape[-1]} values, must be 12 (January to December)")
    leap = np.where((spine.month == 1) & (spine.hours == 29 * 24.0), _LEAP_FEBRUARY, 1.0)
    return np.asarray(by_calendar_month[..., spine.month] * leap, dtype=np.float64)
