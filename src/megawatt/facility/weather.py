"""A site's weather by name, by file or by coordinates; moved to another height or a warmer climate."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import Assumption, Fact, Normals
from megawatt.errors import ScenarioError
from megawatt.facility import psychrometrics as psy
from megawatt.facility.coordinates import read_coordinates
from megawatt.facility.place_file import is_place_file, read_place
from megawatt.facility.places import NearPlace, PlaceSource, distance_km, known_places, nearest_place
from megawatt.facility.records import Weather
from megawatt.facility.synthesis import from_normals
from megawatt.facility.weather_files import is_weather_file, read_weather_file

__all__ = [
    "NearPlace",
    "PlaceSource",
    "at_elevation",
    "distance_km",
    "from_normals",
    "load_weather",
    "nearest_place",
    "read_weather_file",
    "warmer",
]

_LAPSE_K_PER_M: Final = 0.0065
"""Standard atmosphere (ISO 2533); ASHRAE Fundamentals (2017), chapter 1, equation 4."""

_TURNED: Final = ", its months turned by half a year,"

_SHIFT_LIMIT_K: Final = 15.0
"""Largest shift of a year: beyond any warming in question. [K]"""


def _moved(weather: Weather, warmer_k: float, pressure_ratio: float, origin: str, fact: Assumption) -> Weather:
    """The same year, warmer, at another pressure and at its own relative humidity."""
    dry_bulb = weather.dry_bulb_c + warmer_k
    pressure = weather.pressure_pa * pressure_ratio
    ratio = psy.humidity_ratio(weather.relative_humidity * psy.saturation_pressure_pa(dry_bulb), pressure)
    wet_bulb = psy.wet_bulb_c(dry_bulb, ratio, pressure)
    return replace(
        weather,
        origin=f"{weather.origin}, {origin}",
        dry_bulb_c=dry_bulb,
        wet_bulb_c=wet_bulb,
        pressure_pa=pressure,
        yearly_max_c=_moved_maxima(weather, warmer_k, wet_bulb),
        assumptions=(*weather.assumptions, fact),
    )


def _moved_maxima(weather: Weather, warmer_k: float, wet_bulb_c: FloatArray) -> FloatArray | None:
    """Highest dry and wet bulb of each year after a move: the wet bulb's as much warmer as that of the year at hand."""
    if weather.yearly_max_c is None:
        return None
    wetter_k = float(wet_bulb_c.max() - weather.wet_bulb_c.max())
    return np.asarray(weather.yearly_max_c + np.array([[warmer_k], [wetter_k]]))


def warmer(weather: Weather, shift_k: float) -> Weather:
    """The same year in a climate that is warmer by ``shift_k`` in every hour, at unchanged relative humidity.

    Unchanged relative humidity is what warming has done over land and sea to first order (moisture grows with
    saturation, about 7 % per K); wet bulb and dew point follow.

    Parameters
    ----------
    weather : Weather
    shift_k : float
        Warming (negative: cooling). [K], -15 to 15

    Raises
    ------
    ScenarioError
        If the shift is out of range.
    """
    if not -_SHIFT_LIMIT_K <= shift_k <= _SHIFT_LIMIT_K:
        raise ScenarioError(f"climate shift = {shift_k:g} K, allowed: -15 to 15 K added to every hour")
    if shift_k == 0.0:
        return weather
    fact = Fact(shift_k, "K", "assumed", "assumption", note="added to every hour at unchanged relative humidity")
    return _moved(weather, shift_k, 1.0, f"{shift_k:+g} K", Assumption("climate.shift_k", "facility", fact))


def with_dry_bulb(weather: Weather, dry_bulb_c: FloatArray) -> Weather:
    """The same year at measured temperatures, at unchanged relative humidity and pressure; the wet bulb follows.

    Parameters
    ----------
    weather : Weather
    dry_bulb_c : array, shape (8760,)
        [degC]
    """
    vapour = weather.relative_humidity * psy.saturation_pressure_pa(dry_bulb_c)
    ratio = psy.humidity_ratio(vapour, weather.pressure_pa)
    wet_bulb = psy.wet_bulb_c(dry_bulb_c, ratio, weather.pressure_pa)
    return replace(weather, dry_bulb_c=dry_bulb_c, wet_bulb_c=wet_bulb)


def at_elevation(weather: Weather, from_m: float, to_m: float) -> Weather:
    """The same year at another height: 6.5 K/km cooler, thinner air, unchanged relative humidity.

    Parameters
    ----------
    weather : Weather
    from_m, to_m : float
        Heights above the sea. [m], -430 to 6000

    Raises
    ------
    ScenarioError
        If a height is impossible.
    """
    for height in (from_m, to_m):
        if not -430.0 <= height <= 6000.0:
            raise ScenarioError(f"elevation = {height:g} m, allowed: -430 to 6000 m")
    ratio = float(psy.standard_pressure_pa(to_m) / psy.standard_pressure_pa(from_m))
    cooler_k = _LAPSE_K_PER_M * (to_m - from_m)
    fact = Fact(
        -cooler_k,
        "K",
        "derived",
        "facility-model",
        note=f"standard lapse rate, 6.5 K/km, {from_m:g} to {to_m:g} m",
    )
    name = Assumption("climate.elevation_shift_k", "facility", fact)
    return _moved(weather, -cooler_k, ratio, f"moved to {to_m:g} m", name)


def _turned(normals: Normals) -> Normals:
    """The same normals half a year later: July's in January."""
    months: dict[str, Any] = {
        f.name: np.roll(v, 6) for f in fields(normals) if isinstance(v := getattr(normals, f.name), np.ndarray)
    }
    return replace(normals, **months)


def load_weather(
    place_or_path: str | Path,
    catalogue: PlaceSource,
    seed: int = 0,
    shift_k: float = 0.0,
    utc_offset_hours: float | None = None,
) -> Weather:
    """A site year of weather.

    Parameters
    ----------
    place_or_path : str or Path
        A weather file (docs/hourly-files.md), a place file of one's own (`PlaceFile`), the key of a catalogued place,
        or coordinates ``"latitude, longitude[, elevation]"``, which take the place nearest in climate (moved to the
        elevation, if one is given; its seasons turned, if it is of the other hemisphere) and say how far it is.
    catalogue : Catalogue
    seed : int
        Seed of the day-to-day weather where hours are synthesised from normals.
    shift_k : float
        Climate shift added to every hour (`warmer`). [K]
    utc_offset_hours : float, optional
        The site's standard time, to which the hours of a file are turned. [h]

    Raises
    ------
    ScenarioError
        If the file is missing or wrong, or coordinates or shift are impossible.
    CatalogueError
        If the place is unknown; names the nearest keys.
    """
    text = str(place_or_path)
    if is_place_file(place_or_path):
        return warmer(from_normals(read_place(Path(place_or_path)).normals, seed), shift_k)
    if is_weather_file(place_or_path):
        return warmer(read_weather_file(place_or_path, utc_offset_hours), shift_k)
    point = read_coordinates(text)
    if point is None:
        return warmer(from_normals(catalogue.normals(text), seed), shift_k)
    elevation = point.elevation_m
    near = nearest_place(known_places(catalogue), point.latitude_deg, point.longitude_deg, elevation)
    normals = catalogue.normals(near.key)
    turned = normals.latitude_deg * point.latitude_deg < 0.0
    weather = from_normals(_turned(normals) if turned else normals, seed)
    if elevation is not None:
        weather = at_elevation(weather, normals.elevation_m, elevation)
    proxy = Fact(
        near.key, "", "assumed", "assumption", note=f"climate of {near.remark()}{_TURNED * turned} stands in for {text}"
    )
    stand_in = Assumption(f"{near.key}.stand_in", "facility", proxy)
    return warmer(replace(weather, assumptions=(*weather.assumptions, stand_in)), shift_k)
