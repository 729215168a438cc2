"""A hall's year by month and by hour of the day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from megawatt.facility.records import FacilityYear
from megawatt.hours import monthly_sum

__all__ = ["pue_by_hour", "pue_by_month", "water_m3_by_month"]

FloatArray = NDArray[np.float64]


def _ratio(facility: FloatArray, it: FloatArray) -> FloatArray:
    """Facility over IT energy; NaN where there was no IT energy."""
    return np.divide(facility, it, out=np.full_like(facility, np.nan), where=it > 0.0)


def pue_by_month(year: FacilityYear) -> FloatArray:
    """Energy-weighted PUE of each month, shape (12,); NaN where no IT energy was used."""
    return _ratio(monthly_sum(year.facility_mw), monthly_sum(year.it_mw))


def pue_by_hour(year: FacilityYear) -> FloatArray:
    """Energy-weighted PUE of each hour of the day (standard time), shape (24,); NaN where no IT energy was used."""
    return _ratio(year.facility_mw.reshape(365, 24).sum(axis=0), year.it_mw.reshape(365, 24).sum(axis=0))


def water_m3_by_month(year: FacilityYear) -> FloatArray:
    """Site water of each month, shape (12,). [m3]"""
    return monthly_sum(year.water_l) / 1e3
