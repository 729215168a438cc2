"""A place of one's own, in TOML: coordinates and monthly normals, where there is no weather file and no entry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field, ValidationError, model_validator

from megawatt.arrays import FloatArray
from megawatt.catalogue.quantity import refusal
from megawatt.catalogue.records import Fact, Normals
from megawatt.catalogue.section import Section, as_problems
from megawatt.errors import ScenarioError
from megawatt.facility import psychrometrics as psy
from megawatt.files import read_toml

__all__ = ["OwnPlace", "PlaceFile", "is_place_file", "read_place"]

_WHAT: Final = "a place file (TOML): latitude_deg, longitude_deg, mean_dry_bulb_c ... (docs/facility.md)"

_Celsius = Annotated[float, Field(ge=-80, le=60, allow_inf_nan=False)]
_Months = Annotated[tuple[_Celsius, ...], Field(min_length=12, max_length=12)]
_Humidity = Annotated[float, Field(ge=0.01, le=1, allow_inf_nan=False)]
_Range = Annotated[float, Field(ge=0.1, le=40, allow_inf_nan=False)]


class PlaceFile(Section):
    """A place and its climate by month, January first."""

    title: str = Field("", description="what results call the place")
    latitude_deg: float = Field(ge=-90, le=90, description="north positive, degrees")
    longitude_deg: float = Field(ge=-180, le=180, description="east positive, degrees")
    elevation_m: float = Field(ge=-430, le=6000, description="height above the sea, m")
    utc_offset_hours: float | None = Field(
        None, ge=-12, le=14, description="standard time, hours from UTC; default: that of the coordinates"
    )
    mean_dry_bulb_c: _Months = Field(description="mean temperature of each month, degC: 12 numbers, January first")
    daily_range_k: _Range | Annotated[tuple[_Range, ...], Field(min_length=12, max_length=12)] = Field(
        description="daily maximum less minimum, K: one number or 12"
    )
    relative_humidity: _Humidity | Annotated[tuple[_Humidity, ...], Field(min_length=12, max_length=12)] | None = Field(
        None, description="mean relative humidity, 0 to 1: one number or 12; or mean_dew_point_c"
    )
    mean_dew_point_c: _Months | None = Field(None, description="mean dew point of each month, degC, or the humidity")
    p99_dry_bulb_c: _Months | None = Field(None, description="99th percentile of each month's hours, degC")
    p99_wet_bulb_c: _Months | None = Field(None, description="the same of the wet bulb, degC")
    source: str = Field("stated", description="where the numbers are from")

    @model_validator(mode="after")
    def _humid(self) -> PlaceFile:
        if (self.relative_humidity is None) == (self.mean_dew_point_c is None):
            found = "neither" if self.relative_humidity is None else "both"
            raise refusal(f"{found} of relative_humidity and mean_dew_point_c", "one of them")
        return self


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """What a place file says: normals, and standard time where it is stated. [h]"""

    normals: Normals
    utc_offset_hours: float | None


def is_place_file(place: str | Path) -> bool:
    """Whether a place is the name of a place file."""
    return Path(place).suffix.lower() == ".toml"


def read_place(path: Path) -> OwnPlace:
    """Read a place file.

    Raises
    ------
    ScenarioError
        With every problem of the file.
    """
    raw, _ = read_toml(path, _WHAT, ("place",))
    try:
        place = PlaceFile.model_validate(raw)
    except ValidationError as error:
        problems = as_problems(PlaceFile, error)
        raise ScenarioError(f"{path}: {len(problems)} problem(s)", problems, str(path)) from None
    return OwnPlace(_normals(place, path), place.utc_offset_hours)


def _by_month(value: Any) -> FloatArray:
    return np.array(np.broadcast_to(np.nan if value is None else value, (12,)), dtype=np.float64)


def _normals(place: PlaceFile, path: Path) -> Normals:
    dry, half = _by_month(place.mean_dry_bulb_c), _by_month(place.daily_range_k) / 2.0
    pressure = np.full(12, float(psy.standard_pressure_pa(place.elevation_m)))
    if place.mean_dew_point_c is not None:
        dew = _by_month(place.mean_dew_point_c)
        ratio = psy.saturation_humidity_ratio(np.minimum(dew, dry), pressure)
    else:
        vapour = _by_month(place.relative_humidity) * psy.saturation_pressure_pa(dry)
        ratio = psy.humidity_ratio(vapour, pressure)
        dew = np.minimum(psy.dew_point_c(ratio, pressure), dry)
    return Normals(
        place=path.stem,
        title=place.title or path.stem,
        latitude_deg=place.latitude_deg,
        longitude_deg=place.longitude_deg,
        elevation_m=place.elevation_m,
        mean_dry_bulb_c=dry,
        mean_daily_max_c=dry + half,
        mean_daily_min_c=dry - half,
        mean_wet_bulb_c=psy.wet_bulb_c(dry, ratio, pressure),
        mean_dew_point_c=dew,
        mean_relative_humidity=psy.relative_humidity(dry, ratio, pressure),
        pressure_pa=pressure,
        p99_dry_bulb_c=_by_month(place.p99_dry_bulb_c),
        p99_wet_bulb_c=_by_month(place.p99_wet_bulb_c),
        fact=Fact(float(dry.mean()), "degC", "assumed", place.source, note=f"mean of {path.name}"),
    )
