"""The clock of a site: its time zone and standard time, from its coordinates or from its own files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tzfpy import get_tz

from megawatt.errors import Problem, ScenarioError
from megawatt.facility.coordinates import Coordinates, read_coordinates
from megawatt.facility.place_file import is_place_file, read_place
from megawatt.facility.places import PlaceSource
from megawatt.facility.weather_files import is_weather_file
from megawatt.hourly import read_hourly
from megawatt.units import S_PER_HOUR

__all__ = ["SiteClock", "point_of", "site_clock", "zone_at"]


@dataclass(frozen=True, slots=True)
class SiteClock:
    """Standard time of a site [h from UTC], its IANA zone ('' where none is known), and its origin."""

    utc_offset_hours: float
    zone: str
    remark: str


def zone_at(latitude_deg: float, longitude_deg: float) -> str:
    """IANA time zone of a point on Earth, by the boundaries of timezone-boundary-builder; at sea that of the longitude.

    Parameters
    ----------
    latitude_deg, longitude_deg : float
        North and east positive. [degree]
    """
    return get_tz(longitude_deg, latitude_deg)


def _standard(zone: str) -> float:
    """Standard time of a zone today: the smaller offset of January and July. [h]"""
    seasons = (datetime(2025, month, 15, 12, tzinfo=UTC).astimezone(ZoneInfo(zone)) for month in (1, 7))
    offsets = [when.utcoffset() for when in seasons]
    return min(o.total_seconds() / S_PER_HOUR for o in offsets if o is not None)


def point_of(place: str | Path, catalogue: PlaceSource) -> Coordinates | None:
    """Where a catalogued place, coordinates, a place file or a weather file is; None where a weather file says it not.

    Raises
    ------
    CatalogueError, ScenarioError
        If the place is unknown, or a file cannot be read.
    """
    if is_weather_file(place) and not is_place_file(place):
        file = read_hourly(Path(place), "weather")
        if file.latitude_deg is None or file.longitude_deg is None:
            return None
        return Coordinates(file.latitude_deg, file.longitude_deg, file.elevation_m)
    point = None if is_place_file(place) else read_coordinates(str(place))
    if point is not None:
        return point
    n = read_place(Path(place)).normals if is_place_file(place) else catalogue.normals(str(place))
    return Coordinates(n.latitude_deg, n.longitude_deg, n.elevation_m)


def site_clock(place: str | Path, catalogue: PlaceSource, utc_offset_hours: float | None = None) -> SiteClock:
    """The clock of a catalogued place, of coordinates, of a place file or of a weather file's header.

    ``utc_offset_hours`` is what the user states: it goes before all. [h]

    Raises
    ------
    CatalogueError
        If the place is unknown.
    ScenarioError
        If coordinates are impossible, or a file cannot be read or says neither its clock nor where it is.
    """
    hours = utc_offset_hours
    if hours is None and is_place_file(place):
        hours = read_place(Path(place)).utc_offset_hours
    name = Path(place).name if isinstance(place, Path) else place
    point = point_of(place, catalogue)
    if point is not None:
        zone = zone_at(point.latitude_deg, point.longitude_deg)
        if hours is None:
            return SiteClock(_standard(zone), zone, f"{zone}, of {name}")
        return SiteClock(hours, zone, f"UTC{hours:+g} as stated, {zone}")
    path = Path(place)
    hours = read_hourly(path, "weather").utc_offset_hours if hours is None else hours
    if hours is not None:
        return SiteClock(hours, "", f"UTC{hours:+g} as stated")
    hint = 'site.place = "latitude, longitude" beside the file, or power.utc_offset_hours'
    problem = Problem(path.name, "says neither its clock nor its coordinates", "a place", hint)
    raise ScenarioError(f"{path.name}: the site's clock is not known", [problem], str(path))
