"""The clock of a site: its time zone and standard time, from its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from megawatt.catalogue.records import Fact
from megawatt.facility.coordinates import read_coordinates
from megawatt.facility.places import PlaceSource, distance_km, known_places
from megawatt.units import S_PER_HOUR

__all__ = ["SiteClock", "ZoneSource", "site_clock"]

_NEAR_KM: Final = 300.0
"""Farther than this from every known place, the zone is told by the longitude alone; assumed. [km]"""
_DEGREES_PER_HOUR: Final = 15.0
"""The Earth turns so far in an hour. [degree/h]"""


class ZoneSource(PlaceSource, Protocol):
    """The part of the catalogue that gives places and their zones."""

    def fact(self, key: str, field: str) -> Fact:
        """One fact."""
        ...


@dataclass(frozen=True, slots=True)
class SiteClock:
    """Standard time of a site [h from UTC], its IANA zone ('' where only the longitude tells it), and its origin."""

    utc_offset_hours: float
    zone: str
    remark: str


def _standard(zone: str) -> float:
    """Standard time of a zone today: the smaller offset of January and July. [h]"""
    seasons = (datetime(2025, month, 15, 12, tzinfo=UTC).astimezone(ZoneInfo(zone)) for month in (1, 7))
    offsets = [when.utcoffset() for when in seasons]
    return min(o.total_seconds() / S_PER_HOUR for o in offsets if o is not None)


def site_clock(place: str, catalogue: ZoneSource) -> SiteClock:
    """The clock of a catalogued place, or of coordinates: that of the nearest place, or of the longitude far from all.

    Raises
    ------
    CatalogueError
        If the place is unknown.
    ScenarioError
        If coordinates are impossible.
    """
    point = read_coordinates(place)
    if point is None:
        zone = str(catalogue.fact(place, "time_zone").value)
        return SiteClock(_standard(zone), zone, f"{zone}, of {place}")
    here = point.latitude_deg, point.longitude_deg
    far = {p.place: distance_km(*here, p.latitude_deg, p.longitude_deg) for p in known_places(catalogue)}
    near = min(far, key=lambda key: (far[key], key))
    if far[near] > _NEAR_KM:
        hours = float(round(point.longitude_deg / _DEGREES_PER_HOUR))
        return SiteClock(hours, "", f"UTC{hours:+g} by the longitude: no known place within {_NEAR_KM:g} km")
    zone = str(catalogue.fact(near, "time_zone").value)
    return SiteClock(_standard(zone), zone, f"{zone}, of {near} {far[near]:.0f} km away")
