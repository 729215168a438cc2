"""A weather file as a site year: what `megawatt.hourly` read, made moist air."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.facility import psychrometrics as psy
from megawatt.facility.records import Weather
from megawatt.hourly import FilePart, HourlyFile, read_hourly
from megawatt.hours import HOURS_IN_YEAR

__all__ = ["is_weather_file", "make_weather", "read_weather_file"]

_FILES: Final = (".epw", ".csv", ".txt", ".tsv", ".xlsx", ".xls", ".ods")
"""Names that end so are files, not places."""


def is_weather_file(place: str | Path) -> bool:
    """Whether a place is the name of a weather file."""
    return isinstance(place, Path) or Path(place).suffix.lower() in _FILES


def make_weather(
    place: str, origin: str, dry_bulb_c: FloatArray, ratio: FloatArray, pressure_pa: FloatArray
) -> Weather:
    """Weather record from dry bulb, humidity ratio and pressure; caps humidity at saturation.

    Parameters
    ----------
    place, origin : str
        Name of the place, and whether the year is measured, typical or synthesised.
    dry_bulb_c, ratio, pressure_pa : array, shape (8760,)
        Dry bulb [degC], humidity ratio [kg/kg], pressure [Pa].
    """
    ratio = np.minimum(ratio, psy.saturation_humidity_ratio(dry_bulb_c, pressure_pa))
    return Weather(
        place=place,
        origin=origin,
        dry_bulb_c=dry_bulb_c,
        wet_bulb_c=psy.wet_bulb_c(dry_bulb_c, ratio, pressure_pa),
        relative_humidity=psy.relative_humidity(dry_bulb_c, ratio, pressure_pa),
        pressure_pa=pressure_pa,
    )


def read_weather_file(
    path: Path | str, utc_offset_hours: float | None = None, elevation_m: float | None = None
) -> Weather:
    """Read a weather file of any layout that `megawatt.hourly` knows; of several whole years the last.

    Parameters
    ----------
    path : Path or str
        EPW, TMY3, NSRDB, Open-Meteo, Meteostat, ERA5 or columns of one's own (docs/hourly-files.md).
    utc_offset_hours : float, optional
        The site's standard time, to which hours with a clock of their own are turned; without it, theirs.
    elevation_m : float, optional
        Sets the pressure (standard atmosphere) where the file has none; without it the file's height, or 0. [m]

    Raises
    ------
    ScenarioError
        If the layout is not known, or hours or values are missing, double or outside what can be measured.
    """
    path = Path(path)
    file = read_hourly(path, "weather", FilePart(utc_offset_hours=utc_offset_hours))
    height = elevation_m if elevation_m is not None else file.elevation_m or 0.0
    years = [_year(file, path, height, number) for number in range(len(file.years))]
    if len(years) == 1:
        return years[0]
    maxima = np.array([[y.dry_bulb_c.max() for y in years], [y.wet_bulb_c.max() for y in years]])
    return replace(years[-1], yearly_max_c=maxima)


def _year(file: HourlyFile, path: Path, height_m: float, number: int) -> Weather:
    """One of the whole years of a file."""
    hours = {name: years[number] for name, years in file.values.items()}
    dry_bulb, pressure = hours["dry_bulb"], hours.get("pressure")
    if pressure is None:
        pressure = np.full(HOURS_IN_YEAR, float(psy.standard_pressure_pa(height_m)))
    return make_weather(file.place, _origin(file, path), dry_bulb, _ratio(hours, dry_bulb, pressure), pressure)


def _origin(file: HourlyFile, path: Path) -> str:
    what = "typical year" if file.layout.typical else "hourly file"
    year = "" if not file.years[-1] or file.layout.typical else f" {file.years[-1]}"
    done = f" ({'; '.join(file.remarks)})" if file.remarks else ""
    return f"{what} {file.layout.key}{year}, {path.name}{done}"


def _ratio(hours: dict[str, FloatArray], dry_bulb: FloatArray, pressure: FloatArray) -> FloatArray:
    """Humidity ratio of the first measure of humidity that there is. [kg/kg]"""
    if "dew_point" in hours:
        return psy.saturation_humidity_ratio(np.minimum(hours["dew_point"], dry_bulb), pressure)
    if "wet_bulb" in hours:
        ratio = psy.humidity_ratio_of_wet_bulb(dry_bulb, np.minimum(hours["wet_bulb"], dry_bulb), pressure)
        return np.maximum(ratio, 0.0)
    return psy.humidity_ratio(hours["humidity"] * psy.saturation_pressure_pa(dry_bulb), pressure)
