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
    low, high = float(values.min()), float(values.max())
    scaled = np.zeros(values.size) if high <= low else (values - low) / (high - low)
    return "".join(_BARS[round(float(share) * (len(_BARS) - 1))] for share in scaled)


def picture(year: FloatArray) -> tuple[tuple[str, str], ...]:
    """Bars of a site year: the mean of each of 36 parts, and of each hour of the day; lowest to highest of each.

    Parameters
    ----------
    year : array, shape (8760,)
    """
    parts = np.array([part.mean() for part in np.array_split(year, _PARTS)])
    hours = year.reshape(HOURS_IN_YEAR // _HOURS, _HOURS).mean(axis=0)
    return (("by ten days", _bars(parts)), ("by hour of day", _bars(hours)))
