"""A hall's year at a steady load, by month and by hour of the day."""

from __future__ import annotations

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.facility.design import HallDesign
from megawatt.facility.hall import simulate
from megawatt.facility.records import FacilityYear, Weather
from megawatt.hours import HOURS_IN_YEAR, monthly_sum

__all__ = ["pue_by_hour", "pue_by_month", "steady_load_mw", "steady_year", "water_m3_by_month"]


def steady_load_mw(design: HallDesign, load_frac: float) -> float:
    """IT power of a constant load. [MW]

    Raises
    ------
    ScenarioError
        If ``load_frac`` (IT load over IT capacity) is not above 0 to 1.
    """
    if not 0.0 < load_frac <= 1.0:
        raise ScenarioError(f"load_frac = {load_frac:g}, allowed: above 0 to 1 (IT load over IT capacity)")
    return load_frac * design.it_capacity_mw


def steady_year(design: HallDesign, weather: Weather, load_frac: float = 1.0) -> FacilityYear:
    """The year at a constant IT load of so much of the IT capacity; errors as `steady_load_mw` and `simulate`."""
    return simulate(design, weather, np.full(HOURS_IN_YEAR, steady_load_mw(design, load_frac)))


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
