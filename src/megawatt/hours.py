"""The site year: 8,760 hours, hour-beginning, index 0 = 1 January 00:00, fixed standard time, no leap day."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DAYS_IN_MONTH",
    "HOURS_IN_MONTH",
    "HOURS_IN_YEAR",
    "MONTH_NAMES",
    "MONTH_OF_HOUR",
    "hour_name",
    "hour_of_day",
    "monthly_sum",
]

HOURS_IN_YEAR: Final = 8760
"""Hours of a year without 29 February."""
MONTH_NAMES: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

DAYS_IN_MONTH: Final[NDArray[np.int64]] = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)
HOURS_IN_MONTH: Final[NDArray[np.int64]] = DAYS_IN_MONTH * 24
MONTH_OF_HOUR: Final[NDArray[np.int64]] = np.repeat(np.arange(12), HOURS_IN_MONTH)
"""Month (0 = January) of each hour, shape (8760,)."""


def hour_name(hour: int) -> str:
    """Calendar name of an hour of the site year, e.g. ``14 Jul 15:00``."""
    month = int(MONTH_OF_HOUR[hour])
    day = hour // 24 - int(DAYS_IN_MONTH[:month].sum()) + 1
    return f"{day} {MONTH_NAMES[month]} {hour % 24:02d}:00"


def hour_of_day() -> NDArray[np.int64]:
    """Hour of the day (0 to 23) of each hour of the site year, shape (8760,)."""
    return np.arange(HOURS_IN_YEAR) % 24


def monthly_sum(hourly: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum an hourly year by calendar month; unit of the input times hours.

    Parameters
    ----------
    hourly : array, shape (..., 8760)
        Hourly values, hour-beginning.

    Returns
    -------
    array, shape (..., 12)
        Sums for January to December.
    """
    starts = np.concatenate(([0], np.cumsum(HOURS_IN_MONTH)[:-1]))
    return np.add.reduceat(hourly, starts, axis=-1)
