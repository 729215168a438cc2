"""Files of hours, described: weather, prices, meters, dispatch cases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.dispatch.case import load_case
from megawatt.facility import Weather, load_weather, site_clock
from megawatt.hourly import QUANTITIES, FilePart, HourlyFile, picture, read_hourly
from megawatt.inspection.records import Description, Line, Section

__all__ = [
    "describe_case",
    "describe_meter",
    "describe_output",
    "describe_place",
    "describe_prices",
    "describe_weather",
]

_SAMPLES: Final = {"documentation": "no file of this layout was at hand: it is read as its publisher describes it"}


def _mean(name: str, hours: FloatArray, unit: str) -> Line:
    return Line(name, float(np.nanmean(hours)), unit, float(np.nanmin(hours)), float(np.nanmax(hours)))


def _layout(file: HourlyFile) -> Section:
    offset = file.utc_offset_hours
    lines = (
        Line("layout", file.layout.key, note=file.layout.title),
        Line("clock", "as the site's" if offset is None else f"UTC{offset:+g}"),
        Line("hours of 29 February left out", file.dropped_hours),
        Line("hours of other years left out", file.outside_hours),
    )
    return Section("the file", lines)


def _pictured(title: str, lines: Iterable[Line], hours: FloatArray) -> Section:
    drawn = (Line(name, "", note=bars) for name, bars in picture(hours))
    return Section(title, (*lines, *drawn))


def _notes(file: HourlyFile) -> tuple[str, ...]:
    sample = _SAMPLES.get(file.layout.sample)
    return (*file.remarks, *((sample,) if sample else ()))


def describe_weather(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A weather file: its layout, means and extremes of its year."""
    file = read_hourly(path, "weather")
    weather = load_weather(path, catalogue)
    title = f"{weather.place}, {weather.origin}"
    return Description("weather", str(path), title, (_air(weather), _layout(file)), _notes(file))


def _air(weather: Weather) -> Section:
    lines = (
        Line("hours", len(weather.dry_bulb_c)),
        _mean("dry bulb", weather.dry_bulb_c, "degC"),
        _mean("wet bulb", weather.wet_bulb_c, "degC"),
        _mean("relative humidity", weather.relative_humidity, ""),
        _mean("pressure", weather.pressure_pa, "Pa"),
    )
    return _pictured("the year, dry bulb drawn", lines, weather.dry_bulb_c)


def describe_place(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A place file: its clock, and the year that is made from its normals."""
    weather, clock = load_weather(path, catalogue), site_clock(path, catalogue)
    place = Section("the place", (Line("standard time", f"UTC{clock.utc_offset_hours:+g}", note=clock.remark),))
    return Description("place", str(path), f"{weather.place}, {weather.origin}", (place, _air(weather)))


def describe_prices(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A file of market prices: its layout, years, means, extremes and shape."""
    file = read_hourly(path, "prices")
    years = zip(file.years, file.values["price"], strict=True)
    unit = f"{file.currency}/MWh"
    drawn = (
        _pictured(str(year or "the year"), (Line("hours", hours.size), _mean("price", hours, unit)), hours)
        for year, hours in years
    )
    title = f"hourly prices of {', '.join(str(year or 'hours in order') for year in file.years)}, {unit}"
    return Description("prices", str(path), title, (*drawn, _layout(file)), _notes(file), warnings=file.warnings)


def describe_meter(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A meter's year or part of one: power, and what else it holds."""
    return _measured("meter", "meter", path, FilePart(gaps=True))


def describe_output(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """The hourly output of a solar or wind plant."""
    return _measured("output", "output of a plant", path)


def _measured(kind: str, title: str, path: Path, part: FilePart | None = None) -> Description:
    """Quantities of the last year of a file; the first of power or share is drawn."""
    file = read_hourly(path, kind, part)
    named = ((QUANTITIES[name], hours[-1]) for name, hours in file.values.items())
    lines = (_mean(quantity.name, hours, quantity.unit) for quantity, hours in named)
    drawn = "power" if "power" in file.values else next(iter(file.values))
    name = f"the year, {QUANTITIES[drawn].name} drawn"
    sections = (_pictured(name, lines, file.values[drawn][-1]), _layout(file))
    year = f" of {file.years[-1]}" if file.years[-1] else ", hours in order"
    return Description(kind, str(path), f"{title}{year}", sections, _notes(file))


def describe_case(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A folder with a dispatch case: its parameters and hours."""
    case = load_case(path)
    hours = (
        Line("hours", len(case.ai_load_mw)),
        _mean("AI load", case.ai_load_mw, "MW"),
        _mean("solar, share of capacity", case.solar_cf, ""),
        _mean("wind, share of capacity", case.wind_cf, ""),
        _mean("price", case.price_usd_per_mwh, "USD/MWh"),
        _mean("carbon", case.carbon_kg_per_mwh, "kg/MWh"),
        _mean("most import", case.import_cap_mw, "MW"),
    )
    parameters = tuple(Line(name, value) for name, value in case.parameters.items())
    sections = (Section("hours", hours), Section("parameters", parameters))
    return Description("dispatch-case", str(path), f"dispatch case {path.name}", sections)
