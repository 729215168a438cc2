"""A year of hours as a small picture in text."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.hours import HOURS_IN_YEAR

__all__ = ["picture"]

_BARS: Final = "▁▂▃▄▅▆▇█"
_PARTS: Final = 36
"""Bars of a year: ten days each."""
_HOURS: Final = 24
"""Of a day."""


def _bars(values: FloatArray) -> str:
    there = values[np.isfinite(values)]
    low, high = (float(there.min()), float(there.max())) if there.size else (0.0, 0.0)
    scaled = values * 0.0 if high <= low else (values - low) / (high - low)
    return "".join(" " if np.isnan(s) else _BARS[round(float(s) * (len(_BARS) - 1))] for s in scaled)


def _mean(values: FloatArray) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if there.size else np.nan


def picture(year: FloatArray) -> tuple[tuple[str, str], ...]:
    """Bars of a site year: the mean of each of 36 parts, and of each hour of the day; lowest to highest of each.

    Parameters
    ----------
    year : array, shape (8760,)
        NaN where an hour is missing; a bar without hours is blank.
    """
    parts = np.array([_mean(part) for part in np.array_split(year, _PARTS)])
    hours = np.array([_mean(hour) for hour in year.reshape(HOURS_IN_YEAR // _HOURS, _HOURS).T])
    return (("by ten days", _bars(parts)), ("by hour of day", _bars(hours)))
