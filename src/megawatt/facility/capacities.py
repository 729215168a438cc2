"""How much IT a grid connection carries: in the worst hour, when the worst hours shed, and with miners beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.facility.cooling import Ambient, ambient_of
from megawatt.facility.design import HallDesign
from megawatt.facility.hall import evaluate, it_limit_mw, total_mw
from megawatt.facility.records import Weather
from megawatt.hours import HOURS_IN_YEAR

__all__ = ["CapacityPlan", "DesignHour", "capacity", "capacity_plan", "design_hours", "miners_beside"]


_PASSES: Final = 6
"""Refinements of the grid by a factor of 16 each: to 1e-7 of the range."""
_GRID_POINTS: Final = 17
"""Points of a search grid, ends included."""


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """IT capacity of a hall that fits a grid connection when it may shed load in the worst hours.

    Attributes
    ----------
    grid_mw, it_mw : float
        The connection, and the IT capacity of the hall that fits it. [MW]
    hour : int
        Hour that binds: the worst of those that do not shed.
    shed_hours : int
        Hours in which the connection (not the cooling) holds IT power back; at most the number allowed.
    shed_mwh, shed_max_mw : float
        IT energy not served in these hours [MWh], and the most in one of them [MW].
    facility_mw, served_it_mw : array, shape (8760,)
        What the hall draws and serves at full load. [MW]
    """

    grid_mw: float
    it_mw: float
    hour: int
    shed_hours: int
    shed_mwh: float
    shed_max_mw: float
    facility_mw: FloatArray
    served_it_mw: FloatArray

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
    """The hour that ``rank`` - 1 hours exceed in facility power: its air, and facility power per MW of IT capacity."""

    rank: int
    hour: int
    dry_bulb_c: float
    wet_bulb_c: float
    facility_per_it: float


def _positive(grid_mw: float) -> float:
    if not 0 < grid_mw < float("inf"):
        raise InfeasibleError(f"grid_mw = {grid_mw:g} MW carries no hall; give the contracted capacity, > 0 MW")
    return float(grid_mw)


def _per_it_mw(design: HallDesign, ambient: Ambient) -> FloatArray:
    """Facility power per MW of IT capacity at full load (or the cooling's limit), shape (hours,)."""
    limit = it_limit_mw(design, ambient)
    parts, _, _ = evaluate(design, ambient, limit[:, None])
    return np.asarray(total_mw(parts)[:, 0] / design.it_capacity_mw)


def capacity(
    design: HallDesign, weather: Weather, grid_mw: float, *, ambient: Ambient | None = None
) -> tuple[float, int]:
    """IT capacity that a grid connection carries in the worst hour of the year.

    The hall is resized: all equipment is in proportion to IT capacity, so the answer is ``grid_mw`` over the worst
    hour's facility power per MW of IT capacity, at full load or, where less, at the cooling's limit.
    ``ambient`` is ``ambient_of(weather)``, where it is at hand.

    Returns
    -------
    it_mw : float
        IT capacity of the hall that just fits. [MW]
    hour : int
        Hour of the year that binds, 0 to 8759.

    Raises
    ------
    InfeasibleError
        If the connection is not positive.
    """
    _positive(grid_mw)
    per_it_mw = _per_it_mw(design, ambient or ambient_of(weather))
    hour = int(per_it_mw.argmax())
    return float(grid_mw / per_it_mw[hour]), hour


def design_hours(design: HallDesign, weather: Weather, ranks: tuple[int, ...] = (1, 10, 100)) -> tuple[DesignHour, ...]:
    """The worst 1st, 10th, 100th ... hour of the year for this hall, by facility power at full load.

    Raises
    ------
    ScenarioError
        If a rank is not 1 to 8760.
    """
    _checked_ranks(ranks, "design hour")
    per_it_mw = _per_it_mw(design, ambient_of(weather))
    order = np.argsort(-per_it_mw, kind="stable")
    return tuple(
        DesignHour(
            rank,
            int(h := order[rank - 1]),
            float(weather.dry_bulb_c[h]),
            float(weather.wet_bulb_c[h]),
            float(per_it_mw[h]),
        )
        for rank in ranks
    )


def _checked_ranks(ranks: tuple[int, ...], name: str, least: int = 1) -> None:
    bad = [rank for rank in ranks if not least <= rank <= HOURS_IN_YEAR]
    if bad:
        raise ScenarioError(f"{name} {bad[0]}: allowed {least} to {HOURS_IN_YEAR} (hours of the year)")


def capacity_plan(design: HallDesign, weather: Weather, grid_mw: float, shed_hours: int = 0) -> CapacityPlan:
    """IT capacity of a connection if the hall may hold IT power back in its worst ``shed_hours`` hours.

    The hall is sized so that the worst hour but ``shed_hours`` just fills the connection; in worse hours IT power falls
    to what still fits.

    Parameters
    ----------
    design, weather : HallDesign, Weather
        The design's own IT capacity does not matter.
    grid_mw : float
        Contracted capacity. [MW], > 0
    shed_hours : int
        Hours of the year that may shed, 0 to 8759.

    Raises
    ------
    InfeasibleError
        If the connection is not positive, or cannot even carry the empty hall in some hour.
    ScenarioError
        If ``shed_hours`` is out of range.
    """
    grid_mw = _positive(grid_mw)
    _checked_ranks((shed_hours + 1,), "shed_hours + 1 =")
    ambient = ambient_of(weather)
    per_it_mw = _per_it_mw(design, ambient)
    hour = int(np.argsort(-per_it_mw, kind="stable")[shed_hours])
    it_mw = grid_mw / float(per_it_mw[hour])
    sized = replace(design, it_capacity_mw=it_mw)
    limit = it_limit_mw(sized, ambient)
    served = limit.copy()
    worse = np.flatnonzero(per_it_mw > per_it_mw[hour] * (1 + 1e-12))
    if worse.size:
        fits = it_that_fits(sized, ambient.hours(worse), np.full(worse.size, grid_mw))
        if np.isnan(fits).any():
            raise InfeasibleError(
                f"grid_mw = {grid_mw:g} MW: sized for all but {shed_hours} hours ({it_mw:.1f} MW of IT), the empty "
                "hall alone draws more in the worst hour; allow fewer shed_hours"
            )
        served[worse] = np.minimum(served[worse], fits)
    parts, _, _ = evaluate(sized, ambient, served[:, None])
    held_back = limit - served
    return CapacityPlan(
        grid_mw=grid_mw,
        it_mw=it_mw,
        hour=hour,
        shed_hours=int((held_back > 1e-9 * it_mw).sum()),
        shed_mwh=float(held_back.sum()),
        shed_max_mw=float(held_back.max()),
        facility_mw=total_mw(parts)[:, 0],
        served_it_mw=served,
    )


def it_that_fits(design: HallDesign, ambient: Ambient, available_mw: FloatArray) -> FloatArray:
    """Largest IT power whose facility power fits what is available, shape (hours,); NaN where the empty hall does not.

    Facility power rises with IT power, so a grid of loads is narrowed 16-fold per pass; the answer fits always.
    """
    steps = np.linspace(0.0, 1.0, _GRID_POINTS)
    low, width = np.zeros(available_mw.size), np.full(available_mw.size, design.it_capacity_mw)
    fits = np.zeros((available_mw.size, _GRID_POINTS), dtype=bool)
    empty = np.zeros(available_mw.size, dtype=bool)
    for number in range(_PASSES):
        parts, _, excess = evaluate(design, ambient, low[:, None] + width[:, None] * steps)
        fits = (total_mw(parts) <= available_mw[:, None]) & (excess <= 1e-9 * design.it_capacity_mw)
        if number == 0:
            empty = ~fits[:, 0]
        width = width / (_GRID_POINTS - 1)
        low = low + width * np.cumprod(fits[:, 1:], axis=1).sum(axis=1)
    return np.where(empty, np.nan, np.minimum(low, design.it_capacity_mw))


def miners_beside(plan: CapacityPlan, design: HallDesign, weather: Weather) -> FloatArray:
    """IT power of miners that run on what the connection has left, hour by hour. [MW], shape (8760,)

    Parameters
    ----------
    plan : CapacityPlan
        The hall that has precedence.
    design : HallDesign
        The miners' hall; its ``it_capacity_mw`` is what is installed.
    weather : Weather
        The same site year.

    Notes
    -----
    Where not even the empty mining hall fits it is switched off, transformers included.
    """
    fits = it_that_fits(design, ambient_of(weather), plan.spare_mw)
    return np.nan_to_num(fits, nan=0.0)
