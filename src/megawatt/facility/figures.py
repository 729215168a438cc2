"""A hall's year at a constant load as plain named figures."""

from __future__ import annotations

import numpy as np

from megawatt.facility.design import HallDesign
from megawatt.facility.profile import steady_year
from megawatt.facility.records import Weather
from megawatt.hours import HOURS_IN_YEAR

__all__ = ["hall_figures"]

_EXTREME_HOURS = 10
"""Warmest and coldest hours whose mean power is told: as many as planners of a grid rank."""


def hall_figures(design: HallDesign, weather: Weather, load_frac: float = 1.0) -> dict[str, float]:
    """What a hall draws and drinks in a year at a constant IT load.

    Parameters
    ----------
    design : HallDesign
        With its IT capacity.
    weather : Weather
        The site year.
    load_frac : float
        IT load over IT capacity. above 0 to 1

    Returns
    -------
    dict
        ``pue``, ``pue_worst_hour``, ``wue_l_per_kwh``, ``water_m3``, ``facility_mwh``, ``it_mwh``, ``peak_mw``,
        ``warmest_mw`` and ``coldest_mw`` (mean of the ten warmest and coldest hours), ``lost_frac`` (IT energy that the
        cooling does not carry), ``chiller_hours``, ``dry_bulb_max_c``.
    """
    year = steady_year(design, weather, load_frac)
    order = np.argsort(weather.dry_bulb_c)
    asked = design.it_capacity_mw * load_frac * HOURS_IN_YEAR
    return {
        "pue": year.pue,
        "pue_worst_hour": year.pue_worst_hour,
        "wue_l_per_kwh": year.wue_l_per_kwh,
        "water_m3": year.water_m3,
        "facility_mwh": float(year.facility_mw.sum()),
        "it_mwh": float(year.it_mw.sum()),
        "peak_mw": year.facility_peak_mw,
        "warmest_mw": float(year.facility_mw[order[-_EXTREME_HOURS:]].mean()),
        "coldest_mw": float(year.facility_mw[order[:_EXTREME_HOURS]].mean()),
        "lost_frac": year.derated_mwh / asked,
        "chiller_hours": float(year.mechanical_hours),
        "dry_bulb_max_c": float(weather.dry_bulb_c.max()),
    }
