"""A site's weather by name, by file or by coordinates."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from megawatt.catalogue.records import Assumption, Fact, Normals
from megawatt.errors import ScenarioError
from megawatt.facility.records import Weather
from megawatt.facility.synthesis import from_normals
from megawatt.facility.weather_files import read_epw, read_hourly_csv, read_tmy3, read_weather_file

__all__ = [
    "NearPlace",
    "PlaceSource",
    "distance_km",
    "from_normals",
    "load_weather",
    "nearest_place",
    "read_epw",
    "read_hourly_csv",
    "read_tmy3",
    "read_weather_file",
]

_EARTH_RADIUS_KM: Final = 6371.0
_COORDINATES: Final = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)(?:\s*,\s*(-?\d+(?:\.\d+)?))?\s*$")

_KM_PER_M: Final = 0.5
"""Elevation counts as distance: 6.5 K per 1,000 m up against about 0.7 K per 100 km towards the pole, hence roughly
1,000 m of height to 900 km; half of that, because longitude changes climate as well."""


class PlaceSource(Protocol):
    """The part of the catalogue that gives climates."""

    def keys(self, family: str) -> tuple[str, ...]:
        """Keys of a family."""
        ...

    def number(self, key: str, field: str) -> float:
        """One number."""
        ...

    def normals(self, place: str) -> Normals:
        """Monthly normals of a place."""
        ...


@dataclass(frozen=True, slots=True)
class NearPlace:
    """A catalogued place and how far it is from the one asked for; the elevation difference is place less asked."""

    key: str
    distance_km: float
    elevation_difference_m: float

    def remark(self) -> str:
        """How far, in words."""
        return f"{self.key}, {self.distance_km:.0f} km away and {self.elevation_difference_m:+.0f} m higher"


def nearest_place(
    catalogue: PlaceSource, latitude_deg: float, longitude_deg: float, elevation_m: float | None = None
) -> NearPlace:
    """The catalogued place nearest to a point, and how far it is.

    Great-circle distance plus half a kilometre per metre of elevation difference (if the elevation is known).

    Parameters
    ----------
    catalogue : Catalogue
    latitude_deg, longitude_deg : float
        North and east positive. [degree]
    elevation_m : float, optional
        Height of the site. [m]

    Raises
    ------
    ScenarioError
        If the coordinates are impossible.
    """
    if not (-90 <= latitude_deg <= 90 and -180 <= longitude_deg <= 180):
        raise ScenarioError(
            f"coordinates {latitude_deg:g}, {longitude_deg:g}: latitude must be -90 to 90, longitude -180 to 180"
        )
    found = []
    for key in catalogue.keys("place"):
        km = distance_km(
            latitude_deg, longitude_deg, catalogue.number(key, "latitude_deg"), catalogue.number(key, "longitude_deg")
        )
        rise = 0.0 if elevation_m is None else catalogue.number(key, "elevation_m") - elevation_m
        found.append((km + _KM_PER_M * abs(rise), NearPlace(key, km, rise)))
    return min(found, key=lambda pair: pair[0])[1]


def distance_km(
    latitude_deg: float, longitude_deg: float, other_latitude_deg: float, other_longitude_deg: float
) -> float:
    """Great-circle distance (haversine, spherical Earth). [km]"""
    a, b = np.radians(latitude_deg), np.radians(other_latitude_deg)
    half = np.sin((b - a) / 2) ** 2
    half += np.cos(a) * np.cos(b) * np.sin(np.radians(other_longitude_deg - longitude_deg) / 2) ** 2
    return float(2 * _EARTH_RADIUS_KM * np.arcsin(np.sqrt(min(float(half), 1.0))))


def load_weather(place_or_path: str | Path, catalogue: PlaceSource, seed: int = 0) -> Weather:
    """A site year of weather.

    Parameters
    ----------
    place_or_path : str or Path
        A weather file (``.epw``, TMY3 or plain hourly ``.csv``), the key of a catalogued place, or coordinates
        ``"latitude, longitude[, elevation]"``, which take the nearest catalogued place and say how far it is.
    catalogue : Catalogue
    seed : int
        Seed of the day-to-day weather where hours are synthesised from normals.

    Raises
    ------
    ScenarioError
        If the file is missing or wrong.
    CatalogueError
        If the place is unknown; names the nearest keys.
    """
    text = str(place_or_path)
    if isinstance(place_or_path, Path) or Path(text).suffix.lower() in (".epw", ".csv"):
        return read_weather_file(place_or_path)
    coordinates = _COORDINATES.match(text)
    if coordinates is None:
        return from_normals(catalogue.normals(text), seed)
    latitude, longitude = float(coordinates[1]), float(coordinates[2])
    near = nearest_place(catalogue, latitude, longitude, float(coordinates[3]) if coordinates[3] else None)
    weather = from_normals(catalogue.normals(near.key), seed)
    proxy = Fact(near.key, "", "assumed", "assumption", note=f"climate of {near.remark()} stands in for {text}")
    return replace(weather, assumptions=(*weather.assumptions, Assumption(f"{near.key}.stand_in", "facility", proxy)))
