"""What the facility room hands on: weather, the hall's response, the hall's year, what a connection carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import Assumption

__all__ = ["ALL_OF_IT", "CapacityPlan", "DesignHour", "FacilityResponse", "FacilityYear", "Weather", "WorstHour"]

ALL_OF_IT: Final = 1e-9
"""Share of IT capacity below which a limit is rounding."""


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


@dataclass(frozen=True, slots=True)
class WorstHour:
    """The hour that sets what a connection carries.

    Attributes
    ----------
    name : str
        The day and hour, of the year or of a design day.
    hour : int or None
        Hour of the site year; None on a design day.
    dry_bulb_c, wet_bulb_c : float
    facility_per_it : float
        Facility power over IT capacity in it. [-]
    it_frac : float
        Share of the IT capacity that the cooling carries in it. [-]
    binds : str
        What binds: the connection and the part that weighs most, or the plant that cannot carry the heat.
    """

    name: str
    hour: int | None
    dry_bulb_c: float
    wet_bulb_c: float
    facility_per_it: float
    it_frac: float
    binds: str

    @property
    def loses(self) -> bool:
        """Whether the cooling does not carry all IT."""
        return self.it_frac < 1.0 - ALL_OF_IT

    def words(self) -> str:
        """The hour, its air, what binds and what is lost, in words."""
        lost = f", {1.0 - self.it_frac:.1%} of IT not cooled" if self.it_frac < 0.9995 else ""
        return f"{self.name} ({self.dry_bulb_c:.1f}/{self.wet_bulb_c:.1f} degC): {self.binds}{lost}"


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """IT capacity of a hall that fits a grid connection when it may shed load in the worst hours.

    Attributes
    ----------
    grid_mw, it_mw : float
        The connection, and the IT capacity of the hall that fits it. [MW]
    hour : int or None
        Hour of the year that sets it: the worst of those that do not shed; None where a design day does.
    worst : WorstHour
        That hour, in words.
    carried_it_mw : float
        IT power that runs in the worst hour of all, cooling's limit included: what holds on the worst day. [MW]
    hottest : WorstHour
        The hour in which the cooling carries least (the worst hour itself where it carries all).
    shed_hours : int
        Hours in which the connection (not the cooling) holds IT power back; at most the number allowed.
    shed_mwh, shed_max_mw : float
        IT energy not served in these hours [MWh], and the most in one of them [MW].
    derated_hours, derated_mwh : int, float
        Hours of the year in which the cooling does not carry all IT, and the IT energy lost in them. [MWh]
    facility_mw, served_it_mw : array, shape (8760,)
        What the hall draws and serves at full load. [MW]
    """

    grid_mw: float
    it_mw: float
    hour: int | None
    worst: WorstHour
    carried_it_mw: float
    hottest: WorstHour
    shed_hours: int
    shed_mwh: float
    shed_max_mw: float
    derated_hours: int
    derated_mwh: float
    facility_mw: FloatArray
    served_it_mw: FloatArray

    def words(self) -> str:
        """What sets the capacity, and the hour in which the cooling carries least where that is not all."""
        return "; ".join(
            hour.words() for hour in dict.fromkeys((self.worst, self.hottest)) if hour is self.worst or hour.loses
        )

    @property
    def spare_mw(self) -> FloatArray:
        """What the connection has left in each hour: the flexible remainder. [MW], shape (8760,)"""
        return np.maximum(self.grid_mw - self.facility_mw, 0.0)

    @property
    def spare_mwh(self) -> float:
        """The flexible remainder over the year. [MWh]"""
        return float(self.spare_mw.sum())


@dataclass(frozen=True, slots=True)
class DesignHour:
    """The hour that ``rank`` - 1 hours exceed, by IT power lost to the cooling's limit, then by facility power.

    Its air, facility power per MW of IT capacity, and the share of the IT capacity that the cooling carries.
    """

    rank: int
    hour: int
    dry_bulb_c: float
    wet_bulb_c: float
    facility_per_it: float
    it_frac: float

    def words(self) -> str:
        """Facility over IT, what is lost, and the air."""
        lost = f" -{1.0 - self.it_frac:.0%}" if self.it_frac < 1.0 - ALL_OF_IT else ""
        return f"{self.facility_per_it:.3f}{lost} ({self.dry_bulb_c:.1f}/{self.wet_bulb_c:.1f})"
