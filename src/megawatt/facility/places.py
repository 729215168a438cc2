"""Any place on Earth: the catalogued place that is nearest in climate, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from megawatt.catalogue.records import Normals
from megawatt.errors import ScenarioError

__all__ = [
    "NearPlace",
    "PlaceSource",
    "class_difference",
    "distance_km",
    "known_places",
    "nearest_place",
    "thermal_class",
]

_EARTH_RADIUS_KM: Final = 6371.0
"""Mean radius of the Earth. [km]"""

# Differences of climate in kelvin of annual mean temperature. Latitude: 0.7 K per degree between 20 and 60 degrees
# (30 K over 40 degrees). Longitude and the sea: places a few thousand km
# apart have nothing more in common than their latitude, taken as 5 K. Oceans make the hemispheres differ, though months
# are turned. Assumed: which place is chosen hangs on their ratios, not on their values.
_K_PER_DEGREE: Final = 0.7
_K_PER_M: Final = 0.002
"""What moving a year by the standard 6.5 K/km leaves: lapse rates differ by a third; assumed. [K/m]"""
_FAR_K: Final = 5.0
"""Climates far apart differ by so much for the distance alone; assumed. [K]"""
_FAR_KM: Final = 2000.0
"""Distance over which that difference builds up; assumed. [km]"""
_OTHER_HEMISPHERE_K: Final = 2.0
"""Added where the seasons are turned, growing to 30 degrees of latitude; assumed. [K]"""
_CLASS_K: Final = 3.0
"""Added per thermal class of ASHRAE 169 between two places; assumed. [K]"""

_UNKNOWN_ELEVATION_K_PER_M: Final = 0.002
"""Of a site whose elevation is not given a lower place is the better guess: halls stand in valleys and plains."""

_LOCAL_KM: Final = 150.0
"""Closer than this, neither a climate class nor an unknown elevation speaks against a place."""


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
    """A catalogued place and how far it is from the one asked for; the elevation difference is place less asked.

    ``elevation_difference_m`` is 0 where the elevation asked for is unknown; ``difference_k`` is the estimated
    difference of climate. [K of annual mean temperature]
    """

    key: str
    distance_km: float
    elevation_difference_m: float
    difference_k: float = 0.0

    def remark(self) -> str:
        """How far, in words."""
        higher = f" and {self.elevation_difference_m:+.0f} m higher" if self.elevation_difference_m else ""
        return f"{self.key}, {self.distance_km:.0f} km away{higher} (about {self.difference_k:.1f} K of climate)"


def distance_km(
    latitude_deg: float, longitude_deg: float, other_latitude_deg: float, other_longitude_deg: float
) -> float:
    """Great-circle distance (haversine, spherical Earth). [km]"""
    a, b = np.radians(latitude_deg), np.radians(other_latitude_deg)
    half = np.sin((b - a) / 2) ** 2
    half += np.cos(a) * np.cos(b) * np.sin(np.radians(other_longitude_deg - longitude_deg) / 2) ** 2
    return float(2 * _EARTH_RADIUS_KM * np.arcsin(np.sqrt(min(float(half), 1.0))))


def thermal_class(normals: Normals) -> str:
    """Koeppen letters that monthly normals without rain can tell: B, or A/C/D and a/b/c of the summer.

    Dry (B) where the warm half-year's relative humidity is below 50 %.
    """
    coldest, warmest = float(normals.mean_dry_bulb_c.min()), float(normals.mean_dry_bulb_c.max())
    summer = normals.mean_relative_humidity[normals.mean_dry_bulb_c > normals.mean_dry_bulb_c.mean()]
    if float(summer.mean()) < 0.5:
        return "B"
    if coldest >= 18.0:
        return "A"
    letter = "a" if warmest >= 22.0 else "b" if int((normals.mean_dry_bulb_c >= 10.0).sum()) >= 4 else "c"
    return ("C" if coldest > 0.0 else "D") + letter


def class_difference(wanted: str, have: str) -> float:
    """0 for the same Koeppen class, up to 1 for another: two thirds for the first letter, a third for the summer.

    ``wanted`` may be a full class with words behind it ("Cfa humid subtropical") or empty; ``have`` is a
    `thermal_class`.
    """
    if not wanted:
        return 0.0
    first = wanted[0] != have[0]
    summer = wanted[2:3] in ("a", "b", "c") and have[1:2] in ("a", "b", "c") and wanted[2:3] != have[1:2]
    return (2.0 * first + 1.0 * summer) / 3.0


def _difference_k(place: Normals, latitude_deg: float, km: float, elevation_m: float | None, climate: str) -> float:
    """Estimated difference of climate between a place and a point. [K]"""
    difference = _K_PER_DEGREE * abs(abs(latitude_deg) - abs(place.latitude_deg))
    difference += _FAR_K * (1.0 - float(np.exp(-km / _FAR_KM)))
    if latitude_deg * place.latitude_deg < 0.0:
        difference += _OTHER_HEMISPHERE_K * min(abs(latitude_deg), abs(place.latitude_deg), 30.0) / 30.0
    if elevation_m is not None:
        difference += _K_PER_M * abs(place.elevation_m - elevation_m)
    elif km > _LOCAL_KM:
        difference += _UNKNOWN_ELEVATION_K_PER_M * max(place.elevation_m, 0.0)
    if km > _LOCAL_KM:
        difference += _CLASS_K * class_difference(climate, thermal_class(place))
    return difference


def known_places(catalogue: PlaceSource) -> tuple[Normals, ...]:
    """Normals of all catalogued places."""
    return tuple(catalogue.normals(key) for key in catalogue.keys("place"))


def nearest_place(
    places: Sequence[Normals],
    latitude_deg: float,
    longitude_deg: float,
    elevation_m: float | None = None,
    climate: str = "",
) -> NearPlace:
    """The place nearest in climate to a point, and how far it is.

    Least sum of: latitude (0.7 K per degree), elevation (2 K/km beside the lapse rate that `load_weather` moves it by,
    an elevation of the site being known), distance (up to 5 K), other hemisphere (up to 2 K)
    and, if the class is given and the place is not close by, the Koeppen class (up to 3 K).

    Parameters
    ----------
    places : sequence of Normals
        Places to choose from, e.g. `known_places`.
    latitude_deg, longitude_deg : float
        North and east positive. [degree]
    elevation_m : float, optional
        Height of the site. [m]
    climate : str
        Koeppen class of the site (may be followed by words), or empty.

    Raises
    ------
    ScenarioError
        If the coordinates are impossible, or there are no places.
    """
    if not (-90 <= latitude_deg <= 90 and -180 <= longitude_deg <= 180):
        raise ScenarioError(
            f"coordinates {latitude_deg:g}, {longitude_deg:g}: latitude must be -90 to 90, longitude -180 to 180"
        )
    if not places:
        raise ScenarioError("no place to choose from: the catalogue's family 'place' is empty")
    found = []
    for place in places:
        km = distance_km(latitude_deg, longitude_deg, place.latitude_deg, place.longitude_deg)
        rise = 0.0 if elevation_m is None else place.elevation_m - elevation_m
        found.append(NearPlace(place.place, km, rise, _difference_k(place, latitude_deg, km, elevation_m, climate)))
    return min(found, key=lambda near: (near.difference_k, near.key))
