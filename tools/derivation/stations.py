"""Places read from a weather station: monthly normals of an hourly file, or published monthly tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from derivation.rows import ASSUMPTION, FROM_MEMORY, Row, number
from megawatt.facility import psychrometrics as psy
from megawatt.facility.records import Weather
from megawatt.facility.weather_files import read_epw
from megawatt.hours import DAYS_IN_MONTH

Table = list[list[str]]
Months = NDArray[np.float64]

_PRESSURE_TOLERANCE = 0.03
"""Monthly means of station pressure stay within about 1 % of the standard atmosphere; beyond 3 % the file is wrong."""


def from_file(entry: dict[str, str], path: Path) -> tuple[list[Row], Table]:
    """Facts and normals of one EPW file; station, coordinates and elevation from its header."""
    with path.open(encoding="latin-1") as handle:
        header = handle.readline().split(",")
    latitude, longitude, elevation = header[6].strip(), header[7].strip(), header[9].strip()
    columns = _monthly(read_epw(path), float(elevation))
    how = f"monthly means of the hours of {path.name}"
    place = _place(entry, latitude, longitude, elevation, entry["source"], "location of the weather station")
    place.append(_mean(entry["key"], columns[0], entry["source"], how, "annual_mean_dry_bulb_c"))
    return place, _table(entry["key"], columns)


def from_normals(entry: dict[str, str]) -> tuple[list[Row], Table]:
    """Facts and normals of one published table: mean daily maximum and minimum, and relative humidity.

    Humidity of 24 numbers is morning and afternoon of each month, whose middle stands for the day; of 12 the mean.
    """
    high, low = (_celsius(entry[name], entry["unit"]) for name in ("mean_daily_max", "mean_daily_min"))
    humid = np.array(entry["relative_humidity_pct"].split(), dtype=np.float64) / 100.0
    humid = humid.reshape(12, -1).mean(axis=1)
    mean = (high + low) / 2
    pressure = np.full(12, float(psy.standard_pressure_pa(float(entry["elevation_m"]))))
    ratio = psy.humidity_ratio(humid * psy.saturation_pressure_pa(mean), pressure)
    unknown = np.full(12, np.nan)
    wet, dew = psy.wet_bulb_c(mean, ratio, pressure), psy.dew_point_c(ratio, pressure)
    columns = [mean, high, low, wet, dew, humid, pressure, unknown, unknown]
    where = f"station {entry['station']} of the index"
    place = _place(
        entry, entry["latitude_deg"], entry["longitude_deg"], entry["elevation_m"], "onebuilding-station-index", where
    )
    how = "read from the source; means are the middle of mean daily maximum and minimum; no 99th percentiles: hours are"
    how += " synthesised with the typical spread" + (f"; {entry['note']}" if entry["note"] else "")
    place.append(_mean(entry["key"], mean, entry["source"], how, "annual_mean_dry_bulb_c"))
    read = entry["humidity_source"] != ASSUMPTION
    at = "from the source's relative humidity" if read else f"from relative humidity, {FROM_MEMORY}: +-5 points,"
    place.append(_mean(entry["key"], dew, entry["humidity_source"], f"{at} at the mean temperature",
                       "annual_mean_dew_point_c"))  # fmt: skip
    return place, _table(entry["key"], columns)


def _monthly(year: Weather, elevation_m: float) -> list[Months]:
    """The table's columns from 8760 hours."""
    dry, wet, pressure = year.dry_bulb_c, year.wet_bulb_c, year.pressure_pa
    ratio = psy.humidity_ratio(year.relative_humidity * psy.saturation_pressure_pa(dry), pressure)
    month = np.repeat(np.arange(12), DAYS_IN_MONTH * 24)
    daily = dry.reshape(365, 24)
    day_month = np.repeat(np.arange(12), DAYS_IN_MONTH)

    def mean(hourly: Months) -> Months:
        return np.array([hourly[month == m].mean() for m in range(12)])

    def p99(hourly: Months) -> Months:
        return np.array([np.percentile(hourly[month == m], 99) for m in range(12)])

    high, low = (
        np.array([x[day_month == m].mean() for m in range(12)]) for x in (daily.max(axis=1), daily.min(axis=1))
    )
    standard = float(psy.standard_pressure_pa(elevation_m))
    station = mean(pressure)
    station = np.where(np.abs(station / standard - 1) > _PRESSURE_TOLERANCE, standard, station)
    dew = psy.dew_point_c(ratio, pressure)
    return [mean(dry), high, low, mean(wet), mean(dew), mean(year.relative_humidity), station, p99(dry), p99(wet)]


def _celsius(text: str, unit: str) -> Months:
    values = np.array(text.split(), dtype=np.float64)
    if values.shape != (12,):
        raise ValueError(f"{text!r}: must be twelve numbers")
    return (values - 32.0) / 1.8 if unit == "degF" else values


def _place(entry: dict[str, str], latitude: str, longitude: str, elevation: str, source: str, where: str) -> list[Row]:
    key = entry["key"]
    rows = [Row(key, "title", entry["title"])]
    if entry["aliases"]:
        rows.append(Row(key, "aliases", entry["aliases"]))
    located = (("latitude_deg", latitude, "degree"), ("longitude_deg", longitude, "degree"))
    for name, value, unit in (*located, ("elevation_m", elevation, "m")):
        rows.append(Row(key, name, number(value), unit, "", "", "reported", source, "", where))
    return rows


def _mean(key: str, months: Months, source: str, how: str, field: str) -> Row:
    value = number(round(float((months * DAYS_IN_MONTH).sum() / 365), 2))
    kind = "assumed" if source == ASSUMPTION else "derived"
    return Row(key, field, value, "degC", "", "", kind, source, "", f"monthly means weighted by days; {how}")


def _table(key: str, columns: list[Months]) -> Table:
    digits = (2, 2, 2, 2, 2, 3, 0, 2, 2)
    return [
        [key, str(m + 1), *(_cell(float(column[m]), d) for column, d in zip(columns, digits, strict=True))]
        for m in range(12)
    ]


def _cell(value: float, digits: int) -> str:
    return "" if np.isnan(value) else number(round(value, digits) + 0.0)
