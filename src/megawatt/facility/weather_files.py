"""Hourly weather files: TMY3 and NSRDB (NREL), EPW (EnergyPlus) and plain CSV, read into one site year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError, shown
from megawatt.facility import psychrometrics as psy
from megawatt.facility.records import Weather
from megawatt.files import parse_number, read_rows, refused
from megawatt.hours import DAYS_IN_MONTH, HOURS_IN_YEAR

__all__ = ["make_weather", "read_epw", "read_hourly_csv", "read_nsrdb", "read_tmy3", "read_weather_file"]

Lines = list[tuple[int, list[str]]]

_MOST_BYTES: Final = 32 * 2**20
_MOST_ROWS: Final = 10_000
"""Rows of an hourly year and its header, with room."""
_LEAP_DAY: Final = slice(59 * 24, 60 * 24)
"""Hours of 29 February in a year of 8,784 hours."""

# What an instrument can read on Earth; the formats' missing codes (99.9, 999, -9900, 999999) all lie outside.
_ALLOWED: Final = {
    "dry bulb": (-70.0, 60.0, "degC"),
    "dew point": (-80.0, 40.0, "degC"),
    "wet bulb": (-70.0, 45.0, "degC"),
    "relative humidity": (0.0, 1.1, "1"),
    "pressure": (50e3, 110e3, "Pa"),
}


@dataclass(frozen=True, slots=True)
class _Column:
    """One column to read: index, name, factor to our unit."""

    index: int
    name: str
    factor: float = 1.0


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


def read_tmy3(path: Path | str) -> Weather:
    """Read an NREL TMY3 file (two header lines, 8,760 hour-ending rows, local standard time).

    Humidity is taken from the dew point; the first row is hour index 0.

    Raises
    ------
    ScenarioError
        If the file is not TMY3, a value is missing (-9900) or outside what can be measured, or hours are missing.
    """
    path = Path(path)
    rows = _rows(path)
    header = rows[1][1] if len(rows) > 1 else []
    wanted = (
        ("Dry-bulb (C)", "dry bulb", 1.0),
        ("Dew-point (C)", "dew point", 1.0),
        ("Pressure (mbar)", "pressure", 100.0),
    )
    missing = [title for title, _, _ in wanted if title not in header]
    if missing:
        raise ScenarioError(f"{path.name}:2: no column {', '.join(missing)}; a TMY3 file has it in its second line")
    columns = [_Column(header.index(title), name, factor) for title, name, factor in wanted]
    data, dropped = _site_year(path, rows[2:], columns, [cells[0][:5] == "02/29" for _, cells in rows[2:]])
    station = rows[0][1][1] if len(rows[0][1]) > 1 else path.stem
    return _from_dew_point(station.title(), f"typical year TMY3, {path.name}{dropped}", data)


def read_epw(path: Path | str) -> Weather:
    """Read an EnergyPlus EPW file (eight header lines, hour-ending rows, local standard time).

    Columns 7, 8 and 10 are dry bulb, dew point and pressure; the first row is hour index 0.

    Raises
    ------
    ScenarioError
        If the file is not EPW, a value is missing (99.9, 999999) or outside what can be measured, or hours are missing.
    """
    path = Path(path)
    rows = _rows(path)
    if len(rows) < 9 or rows[0][1][0] != "LOCATION":
        raise ScenarioError(f"{path.name}:1: does not begin with LOCATION; an EPW file has eight header lines")
    columns = [_Column(6, "dry bulb"), _Column(7, "dew point"), _Column(9, "pressure")]
    body = rows[8:]
    leap = [[cell.strip().lstrip("0") for cell in cells[1:3]] == ["2", "29"] for _, cells in body]
    data, dropped = _site_year(path, body, columns, leap)
    return _from_dew_point(", ".join(rows[0][1][1:3]), f"hourly EPW, {path.name}{dropped}", data)


def read_nsrdb(path: Path | str) -> Weather:
    """Read a CSV of the National Solar Radiation Database (two lines of the place, columns, one row an hour).

    Rows are put in the order of their stamps; a file in UTC is moved to the local standard time that it names.

    Raises
    ------
    ScenarioError
        If a column is missing, an hour is missing or given twice, or a value is outside what can be measured.
    """
    path = Path(path)
    rows = _rows(path)
    header = [cell.strip() for cell in rows[2][1]] if len(rows) > 2 else []
    titles = ("Temperature", "Dew Point", "Pressure", "Month", "Day", "Hour")
    missing = [title for title in titles if title not in header]
    if missing:
        raise refused(path, f"no column {', '.join(missing)}", f"columns {', '.join(titles)} in the third line", line=3)
    columns = [
        _Column(header.index("Temperature"), "dry bulb"),
        _Column(header.index("Dew Point"), "dew point"),
        _Column(header.index("Pressure"), "pressure", 100.0),
    ]
    body = rows[3:]
    stamps = [_stamp(path, line, [cells[header.index(t)] if len(cells) > header.index(t) else "" for t in titles[3:]])
              for line, cells in body]  # fmt: skip
    data, dropped = _site_year(path, body, columns, [hour is None for hour in stamps])
    hours = np.array([hour for hour in stamps if hour is not None])
    if np.unique(hours).size != HOURS_IN_YEAR:
        raise refused(path, "hours that are given twice and others that are missing", "each hour of a year once")
    place = dict(zip(rows[0][1], rows[1][1], strict=False))
    zone, local = (parse_number(place.get(name, "")) or 0.0 for name in ("Time Zone", "Local Time Zone"))
    data = np.roll(data[np.argsort(hours)], round(local - zone), axis=0)
    title = ", ".join(place[n] for n in ("City", "State") if place.get(n, "-") not in ("-", "")) or path.stem
    return _from_dew_point(title, f"hourly NSRDB, {path.name}{dropped}", data)


def _stamp(path: Path, line: int, cells: Sequence[str]) -> int | None:
    """Hour of the year from month, day and hour; None on 29 February."""
    month, day, hour = (int(value) if (value := parse_number(cell)) is not None else -1 for cell in cells)
    leap = (month, day) == (2, 29)
    if not (1 <= month <= 12 and 0 <= hour <= 23 and (leap or 1 <= day <= DAYS_IN_MONTH[month - 1])):
        raise refused(path, f"{'-'.join(cells)}", "month, day and hour (0 to 23)", line=line)
    return None if leap else (int(DAYS_IN_MONTH[: month - 1].sum()) + day - 1) * 24 + hour


def read_hourly_csv(path: Path | str, elevation_m: float = 0.0) -> Weather:
    """Read a plain hourly CSV with a header line, hour-beginning, local standard time.

    Columns: ``dry_bulb_c``; one of ``dew_point_c``, ``wet_bulb_c``, ``relative_humidity`` (fraction); optional
    ``pressure_pa`` (without it the standard atmosphere at ``elevation_m``). 8,784 rows are a leap year: hours 1,416 to
    1,439 are dropped.

    Raises
    ------
    ScenarioError
        If a column is missing or unknown to be humidity, or a value is outside what can be measured.
    """
    path = Path(path)
    rows = _rows(path)
    header = [cell.strip() for cell in rows[0][1]]
    humid = [name for name in ("dew_point_c", "wet_bulb_c", "relative_humidity") if name in header]
    if "dry_bulb_c" not in header or not humid:
        raise ScenarioError(
            f"{path.name}:1: columns {', '.join(header) or 'none'}; needed: dry_bulb_c and one of dew_point_c, "
            "wet_bulb_c, relative_humidity (0 to 1); optional: pressure_pa"
        )
    titles = {"dew_point_c": "dew point", "wet_bulb_c": "wet bulb", "relative_humidity": "relative humidity"}
    columns = [_Column(header.index("dry_bulb_c"), "dry bulb"), _Column(header.index(humid[0]), titles[humid[0]])]
    if "pressure_pa" in header:
        columns.append(_Column(header.index("pressure_pa"), "pressure"))
    body = rows[1:]
    leap = np.zeros(len(body), dtype=bool)
    if len(body) == HOURS_IN_YEAR + 24:
        leap[_LEAP_DAY] = True
    data, dropped = _site_year(path, body, columns, leap.tolist())
    pressure = (
        data[:, 2] if data.shape[1] == 3 else np.full(HOURS_IN_YEAR, float(psy.standard_pressure_pa(elevation_m)))
    )
    ratio = _ratio(humid[0], data[:, 0], data[:, 1], pressure)
    return make_weather(path.stem, f"hourly file {path.name}{dropped}", data[:, 0], ratio, pressure)


def read_weather_file(path: Path | str) -> Weather:
    """Read a weather file of any of the four kinds: ``.epw``, TMY3, NSRDB or plain hourly ``.csv``.

    Raises
    ------
    ScenarioError
        If the file cannot be read or is none of these.
    """
    path = Path(path)
    if path.suffix.lower() == ".epw":
        return read_epw(path)
    rows = _rows(path)
    if len(rows) > 1 and rows[1][1][0].startswith("Date (MM/DD/YYYY)"):
        return read_tmy3(path)
    return read_nsrdb(path) if rows[0][1][0].strip() == "Source" else read_hourly_csv(path)


def _rows(path: Path) -> Lines:
    rows, _ = read_rows(path, "an hourly weather file: EPW, TMY3, NSRDB or CSV", most_bytes=_MOST_BYTES)
    if not rows:
        raise ScenarioError(f"weather file {path}: is empty")
    return rows


def _site_year(path: Path, body: Lines, columns: Sequence[_Column], leap: Sequence[bool]) -> tuple[FloatArray, str]:
    """Values (8760, columns) without leap day, and a remark on what was dropped."""
    if len(body) > _MOST_ROWS:
        raise refused(path, f"{len(body):,} rows", "one year of hours, 8,760 or 8,784")
    values = [[_value(path, line, cells, column) for column in columns] for line, cells in body]
    data = np.array(values, dtype=np.float64).reshape(len(values), len(columns))
    keep = ~np.asarray(leap, dtype=bool)
    dropped = int((~keep).sum())
    data = data[keep]
    if len(data) != HOURS_IN_YEAR:
        raise ScenarioError(
            f"{path.name}: {len(data)} hours without 29 February, must be 8760 (one whole year, no gaps)"
        )
    return data, f" (29 February dropped, {dropped} h)" if dropped else ""


def _value(path: Path, line: int, row: Sequence[str], column: _Column) -> float:
    low, high, unit = _ALLOWED[column.name]
    text = row[column.index].strip() if column.index < len(row) else ""
    number = parse_number(text)
    if number is None:
        raise ScenarioError(f"{path.name}:{line}: {column.name} {shown(text)} is not a number")
    value = number * column.factor
    if not low <= value <= high:
        raise ScenarioError(
            f"{path.name}:{line}: {column.name} = {text} is a missing code or wrong; allowed: {low:g} to {high:g} "
            f"{unit} (fill gaps before reading, or use another year)"
        )
    return value


def _from_dew_point(place: str, origin: str, data: FloatArray) -> Weather:
    dry_bulb, dew_point, pressure = data[:, 0], data[:, 1], data[:, 2]
    ratio = psy.saturation_humidity_ratio(np.minimum(dew_point, dry_bulb), pressure)
    return make_weather(place, origin, dry_bulb, ratio, pressure)


def _ratio(kind: str, dry_bulb: FloatArray, humid: FloatArray, pressure: FloatArray) -> FloatArray:
    if kind == "dew_point_c":
        return psy.saturation_humidity_ratio(np.minimum(humid, dry_bulb), pressure)
    if kind == "wet_bulb_c":
        ratio = psy.humidity_ratio_of_wet_bulb(dry_bulb, np.minimum(humid, dry_bulb), pressure)
        return np.maximum(ratio, 0.0)
    return psy.humidity_ratio(humid * psy.saturation_pressure_pa(dry_bulb), pressure)
