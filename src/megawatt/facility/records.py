"""What the facility room hands on: weather, the hall's response, the hall's year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import Assumption

__all__ = ["FacilityResponse", "FacilityYear", "Weather"]


@dataclass(frozen=True, slots=True)
class Weather:
    """A site year of weather, arrays of shape (8760,); ``origin`` says whether real, typical or synthesised.

    ``yearly_max_c`` (2, years) are the highest dry and wet bulb of each year, where the file has several.
    """

    place: str
    origin: str
    dry_bulb_c: FloatArray
    wet_bulb_c: FloatArray
    relative_humidity: FloatArray
    pressure_pa: FloatArray
    assumptions: tuple[Assumption, ...] = ()
    yearly_max_c: FloatArray | None = None

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """What stands in for the place itself, in words: a neighbour's climate, a shift; empty where nothing does."""
        return tuple(str(a.fact.note) for a in self.assumptions if a.name.endswith(".stand_in"))


@dataclass(frozen=True, slots=True)
class FacilityResponse:
    """Facility power and water as functions of IT power, so that a later room can curtail IT and save cooling.

    ``it_mw`` (k,) are increasing breakpoints starting at 0; ``facility_mw`` and ``water_l_per_h`` (8760, k) the values
    there, linear between; ``facility_mw`` is convex in IT power hour by hour. ``it_limit_mw`` (8760,) is the IT power
    that the cooling can carry in that hour.
    """

    it_mw: FloatArray
    facility_mw: FloatArray
    water_l_per_h: FloatArray
    it_limit_mw: FloatArray
    assumptions: tuple[Assumption, ...] = ()


@dataclass(frozen=True, slots=True)
class FacilityYear:
    """The hall's year under a given IT load.

    ``parts_mw`` (it, fans, pumps, heat_rejection, trim_chiller, chiller, transformer, ups, distribution, auxiliary)
    are hourly and sum to ``facility_mw``. ``pue`` and ``wue_l_per_kwh`` (site water) are energy-weighted over the year.
    ``it_mw`` is what was served: ``derated_hours`` hours lost ``derated_mwh`` because the weather exceeded the
    cooling's design. ``mechanical_hours`` counts hours with any chiller running, ``wet_hours`` hours with water in use.
    """

    it_mw: FloatArray
    facility_mw: FloatArray
    water_l: FloatArray
    parts_mw: Mapping[str, FloatArray]
    pue: float
    pue_worst_hour: float
    wue_l_per_kwh: float
    assumptions: tuple[Assumption, ...] = ()
    derated_hours: int = 0
    derated_mwh: float = 0.0
    mechanical_hours: int = 0
    wet_hours: int = 0

    @property
    def facility_peak_mw(self) -> float:
        """Highest facility power of the year. [MW]"""
        return float(self.facility_mw.max())

    @property
    def water_m3(self) -> float:
        """Site water of the year. [m3]"""
        return float(self.water_l.sum()) / 1e3

    @property
    def trim_hours(self) -> int:
        """Hours with the liquid loop's trim chiller running."""
        return int((self.parts_mw["trim_chiller"] > 0).sum())
