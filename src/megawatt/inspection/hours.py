"""Files of hourly years, described: weather, prices, dispatch cases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.dispatch.case import load_case
from megawatt.dispatch.prices import read_price_csv, read_time
from megawatt.facility import load_weather
from megawatt.files import read_table
from megawatt.inspection.records import Description, Line, Section
from megawatt.units import S_PER_HOUR

__all__ = ["describe_case", "describe_prices", "describe_weather"]


def _mean(name: str, hours: FloatArray, unit: str) -> Line:
    return Line(name, float(hours.mean()), unit, float(hours.min()), float(hours.max()))


def describe_weather(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A weather file: means and extremes of its year."""
    weather = load_weather(path, catalogue)
    lines = (
        Line("hours", len(weather.dry_bulb_c)),
        _mean("dry bulb", weather.dry_bulb_c, "degC"),
        _mean("wet bulb", weather.wet_bulb_c, "degC"),
        _mean("relative humidity", weather.relative_humidity, ""),
        _mean("pressure", weather.pressure_pa, "Pa"),
    )
    return Description("weather", str(path), f"{weather.place}, {weather.origin}", (Section("the year", lines),))


def describe_prices(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A file of market prices, in the standard time of its first hour."""
    rows = read_table(path).rows
    offset = read_time(rows[0], "Datetime").utcoffset() if rows else None
    hours = offset.total_seconds() / S_PER_HOUR if offset else 0.0
    year = read_price_csv(path, hours)
    lines = (
        Line("year", str(year.year)),
        _mean("price", year.price_usd_per_mwh, "USD/MWh"),
        Line("hours of 29 February left out", year.dropped_hours),
        Line("hours of other years left out", year.outside_hours),
    )
    assumed = (f"standard time of its first hour, UTC{hours:+g} (power.utc_offset_hours of a scenario)",)
    return Description("prices", str(path), f"hourly prices of {year.year}", (Section("the year", lines),), assumed)


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
