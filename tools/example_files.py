"""Writes the hourly files of the examples of own places: made-up series in the layouts of their publishers.

Run ``python -m tools.example_files``; the files in ``examples/files`` are what it writes. No value is measured:
seasons, days and spells are drawn from a fixed seed around the climate and the level of prices of the region.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

FOLDER: Final = Path(__file__).parents[1] / "examples" / "files"
YEAR: Final = 2023
HOURS: Final = 8760


def _write(name: str, rows: Iterable[Iterable[object]], delimiter: str = ",") -> None:
    with FOLDER.joinpath(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)


def _hours(zone: str) -> list[datetime]:
    """Beginnings of the hours of the calendar year of a zone, in UTC."""
    first = datetime(YEAR, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    last = datetime(YEAR + 1, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return [first + timedelta(hours=h) for h in range(round((last - first).total_seconds() / 3600))]


def _spells(rng: np.random.Generator, count: int, hours_of_memory: float) -> np.ndarray:
    """A standard series whose hours remember each other."""
    keep = np.exp(-1.0 / hours_of_memory)
    shocks = rng.normal(0.0, np.sqrt(1.0 - keep**2), count)
    made = np.zeros(count)
    for hour in range(1, count):
        made[hour] = keep * made[hour - 1] + shocks[hour]
    return made


def _prices(rng: np.random.Generator, mean: float, winter: float, evening: float, spread: float) -> np.ndarray:
    """Hourly prices of a mean, dearer in winter and in the evening, with spells; some below zero."""
    h = np.arange(HOURS)
    season = winter * np.cos(2.0 * np.pi * (h - 20 * 24) / HOURS)
    day = evening * np.cos(2.0 * np.pi * (h % 24 - 18) / 24.0)
    return np.asarray(np.round(mean + season + day + spread * _spells(rng, HOURS, 40.0), 2))


def _air(rng: np.random.Generator, mean: float, season: float, day: float, dew: float) -> tuple[np.ndarray, np.ndarray]:
    """Dry bulb and dew point, warmest in July and at 15 h. [degC]"""
    h = np.arange(HOURS)
    base = mean - season * np.cos(2.0 * np.pi * (h - 20 * 24) / HOURS) + 3.0 * _spells(rng, HOURS, 60.0)
    dry = base + day * np.cos(2.0 * np.pi * (h % 24 - 15) / 24.0)
    return np.round(dry, 1), np.round(np.minimum(base - dew - np.abs(_spells(rng, HOURS, 40.0)), dry), 1)


def lulea() -> None:
    """Nord Pool's export of the area SE1, and Open-Meteo's of the weather in GMT."""
    rng = np.random.default_rng(1)
    zone = ZoneInfo("Europe/Oslo")
    rows: list[list[object]] = [["Delivery Start (CET)", "Delivery End (CET)", "SE1 (EUR)"]]
    for utc, price in zip(_hours("Europe/Oslo"), _prices(rng, 38.0, 16.0, 7.0, 18.0), strict=True):
        start, end = (t.astimezone(zone).strftime("%d.%m.%Y %H:%M") for t in (utc, utc + timedelta(hours=1)))
        rows.append([start, end, f"{price:.2f}".replace(".", ",")])
    _write("lulea-nordpool.csv", rows, ";")
    dry, dew = _air(rng, 3.0, 13.0, 3.0, 3.0)
    first = datetime(YEAR, 1, 1, tzinfo=UTC)
    head = [["latitude", "longitude", "elevation", "utc_offset_seconds", "timezone", "timezone_abbreviation"],
            ["65.58", "22.15", "12.0", "0", "GMT", "GMT"], [],
            ["time", "temperature_2m (°C)", "dew_point_2m (°C)"]]  # fmt: skip
    body = [[(first + timedelta(hours=i)).strftime("%Y-%m-%dT%H:%M"), dry[i], dew[i]] for i in range(HOURS)]
    _write("lulea-open-meteo.csv", [*head, *body])


def columbus() -> None:
    """PJM's day-ahead LMPs of the zone AEP (three of its columns), and NSRDB's weather."""
    rng = np.random.default_rng(2)
    rows: list[list[object]] = [["datetime_beginning_utc", "pnode_name", "total_lmp_da"]]
    prices = _prices(rng, 33.0, 3.0, 9.0, 8.0)
    prices[4700:4706] = [95.0, 160.0, 240.0, 310.0, 205.0, 120.0]
    for utc, price in zip(_hours("America/New_York"), prices, strict=True):
        rows.append([utc.strftime("%-m/%-d/%Y %-I:%M:%S %p"), "AEP", price])
    _write("columbus-pjm.csv", rows)
    dry, dew = _air(rng, 12.0, 13.5, 5.0, 4.0)
    head = [["Source", "Location ID", "City", "State", "Country", "Latitude", "Longitude", "Time Zone", "Elevation",
             "Local Time Zone"],
            ["NSRDB", "0", "Columbus", "Ohio", "United States", "39.96", "-83.0", "-5", "248", "-5"],
            ["Year", "Month", "Day", "Hour", "Minute", "Temperature", "Dew Point", "Pressure"]]  # fmt: skip
    first = datetime(YEAR, 1, 1, tzinfo=UTC)
    stamps = [first + timedelta(hours=i) for i in range(HOURS)]
    body = [[t.year, t.month, t.day, t.hour, 0, dry[i], dew[i], 985] for i, t in enumerate(stamps)]
    _write("columbus-nsrdb.csv", [*head, *body])


def ciudad_del_este() -> None:
    """A table of one's own: the energy price by hour in guarani per kWh, dearer in the peak hours of the evening."""
    rng = np.random.default_rng(3)
    first = datetime(YEAR, 1, 1, tzinfo=UTC)
    peak = np.isin(np.arange(HOURS) % 24, (18, 19, 20, 21))
    pyg = np.round(np.where(peak, 415.0, 330.0) + 4.0 * _spells(rng, HOURS, 200.0), 1)
    rows: list[list[object]] = [["Fecha y hora", "Energia"]]
    rows += [[(first + timedelta(hours=i)).strftime("%Y-%m-%d %H:%M"), pyg[i]] for i in range(HOURS)]
    _write("ciudad-del-este-precios.csv", rows)


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    lulea()
    columbus()
    ciudad_del_este()


if __name__ == "__main__":
    main()
