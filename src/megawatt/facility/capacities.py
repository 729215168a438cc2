"""How much IT a grid connection carries: in the worst hour, when the worst hours shed, and with miners beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.facility.cooling import Ambient, ambient_of
from megawatt.facility.design import HallDesign
from megawatt.facility.design_days import DesignDay, hours_of
from megawatt.facility.hall import HallCurves, beyond, evaluate, it_limit_mw, total_mw
from megawatt.facility.records import ALL_OF_IT, CapacityPlan, DesignHour, Weather, WorstHour
from megawatt.hours import HOURS_IN_YEAR, hour_name

__all__ = ["capacity", "capacity_plan", "design_hours", "miners_beside", "worst_hours"]


_PASSES: Final = 6
"""Refinements of the grid by a factor of 16 each: to 1e-7 of the range."""
_GRID_POINTS: Final = 17
"""Points of a search grid, ends included."""
_OF_WEATHER: Final = ("fans", "heat_rejection", "trim_chiller", "chiller")
"""Parts of facility power that follow the air."""


@dataclass(frozen=True, slots=True)
class _Sizing:
    """Air by hour, of the year and then of the design days: the cooling's limit and the power at it, over capacity."""

    weather: Weather
    days: tuple[DesignDay, ...]
    ambient: Ambient
    it_frac: FloatArray
    facility_per_it: FloatArray

    def worst(self, design: HallDesign, place: int) -> WorstHour:
        """One of these hours in words."""
        day, hour = divmod(place - HOURS_IN_YEAR, 24)
        of_year = place < HOURS_IN_YEAR
        there = self.ambient.hours(np.array([place]))
        return WorstHour(
            name=hour_name(place) if of_year else self.days[day].hour_name(hour),
            hour=place if of_year else None,
            dry_bulb_c=float(there.dry_bulb_c[0, 0]),
            wet_bulb_c=float(there.wet_bulb_c[0, 0]),
            facility_per_it=float(self.facility_per_it[place]),
            it_frac=float(self.it_frac[place]),
            binds=_what_binds(design, there, float(self.it_frac[place])),
        )


def _sizing(
    design: HallDesign,
    weather: Weather,
    days: tuple[DesignDay, ...] = (),
    ambient: Ambient | None = None,
    hall: HallCurves | None = None,
) -> _Sizing:
    """``ambient`` and ``hall``: of that weather and of that hall in it, where they are at hand."""
    air = ambient or ambient_of(weather)
    extreme = hours_of(days)
    if extreme is not None:
        air = air.joined(ambient_of(extreme))
    known = 0 if hall is None else HOURS_IN_YEAR
    rest = it_limit_mw(design, air.hours(np.arange(known, len(air.dry_bulb_c))))
    limit = rest if hall is None else np.concatenate((hall.it_limit_mw, rest))
    most = np.zeros(limit.size)
    if hall is not None:
        most[:HOURS_IN_YEAR] = hall.drawn_mw[:, -1]
    asked = np.flatnonzero((limit < design.it_capacity_mw) | (np.arange(limit.size) >= known))
    if asked.size:
        most[asked] = _drawn_mw(design, air.hours(asked), limit[asked])
    if design.without_spares is not None:
        sized = replace(design.without_spares, it_capacity_mw=design.it_capacity_mw)
        most = np.maximum(most, _drawn_mw(sized, air, limit))
    return _Sizing(weather, days, air, limit / design.it_capacity_mw, most / design.it_capacity_mw)


def _drawn_mw(design: HallDesign, air: Ambient, it_mw: FloatArray) -> FloatArray:
    return total_mw(evaluate(design, air, it_mw[:, None])[0])[:, 0]


def _what_binds(design: HallDesign, there: Ambient, it_frac: float) -> str:
    """What keeps an hour from carrying more: the loop that cannot take the heat, or the connection."""
    if it_frac < 1.0 - ALL_OF_IT:
        return beyond(design, there)
    parts, _, _ = evaluate(design, there, np.array([[design.it_capacity_mw]]))
    name, power = max(
        ((n, float(p[0, 0])) for n, p in parts.items() if n in _OF_WEATHER), key=lambda item: item[1], default=("", 0.0)
    )
    return f"the connection; {name.replace('_', ' ')} at {power / design.it_capacity_mw:.1%} of IT"


def capacity(
    design: HallDesign,
    weather: Weather,
    grid_mw: float,
    *,
    days: tuple[DesignDay, ...] = (),
    ambient: Ambient | None = None,
) -> tuple[float, int]:
    """IT capacity that a grid connection carries in the worst hour of the year and of the design days.

    The hall is resized: all equipment is in proportion to IT capacity, so the answer is ``grid_mw`` over the worst
    hour's facility power per MW of IT capacity, at full load or, where less, at the cooling's limit. It holds with
    redundant units running and with them out. ``ambient`` is ``ambient_of(weather)``, where it is at hand.

    Returns
    -------
    it_mw : float
        IT capacity of the hall that just fits. [MW]
    hour : int
        Hour of the year that sets it, 0 to 8759; from 8760 on the hours of ``days``, in their order (`worst_hours`
        names it).

    Raises
    ------
    InfeasibleError
        If the connection is not positive.
    """
    grid_mw = _positive(grid_mw)
    sizing = _sizing(design, weather, days, ambient)
    place = int(sizing.facility_per_it.argmax())
    return float(grid_mw / sizing.facility_per_it[place]), place


def worst_hours(hall: HallCurves, days: tuple[DesignDay, ...]) -> tuple[WorstHour, WorstHour]:
    """The hour with the most facility power per MW of IT, and the one in which the cooling carries least; of the year
    and of the design days."""
    sizing = _sizing(hall.design, hall.weather, days, hall.ambient, hall)
    most = int(sizing.facility_per_it.argmax())
    return sizing.worst(hall.design, most), sizing.worst(hall.design, _hottest(sizing))


def _hottest(sizing: _Sizing) -> int:
    """The hour in which the cooling carries least; among equal ones that of most power."""
    least = np.flatnonzero(sizing.it_frac == sizing.it_frac.min())
    return int(least[sizing.facility_per_it[least].argmax()])


def design_hours(design: HallDesign, weather: Weather, ranks: tuple[int, ...] = (1, 10, 100)) -> tuple[DesignHour, ...]:
    """The worst 1st, 10th, 100th ... hour of the year for this hall.

    Hours whose cooling cannot carry all IT come first, the least carried before the rest; then those of most facility
    power; equal ones by their dry bulb.

    Raises
    ------
    ScenarioError
        If a rank is not 1 to 8760.
    """
    _checked_ranks(ranks, "design hour")
    sizing = _sizing(design, weather)
    order = np.lexsort((-weather.dry_bulb_c, -sizing.facility_per_it, sizing.it_frac))
    return tuple(
        DesignHour(
            rank,
            int(h := order[rank - 1]),
            float(weather.dry_bulb_c[h]),
            float(weather.wet_bulb_c[h]),
            float(sizing.facility_per_it[h]),
            float(sizing.it_frac[h]),
        )
        for rank in ranks
    )


def _positive(grid_mw: float) -> float:
    if not 0 < grid_mw < float("inf"):
        raise InfeasibleError(f"grid_mw = {grid_mw:g} MW carries no hall; give the contracted capacity, > 0 MW")
    return float(grid_mw)


def _checked_ranks(ranks: tuple[int, ...], name: str, least: int = 1) -> None:
    bad = [rank for rank in ranks if not least <= rank <= HOURS_IN_YEAR]
    if bad:
        raise ScenarioError(f"{name} {bad[0]}: allowed {least} to {HOURS_IN_YEAR} (hours of the year)")


def capacity_plan(
    design: HallDesign, weather: Weather, grid_mw: float, shed_hours: int = 0, days: tuple[DesignDay, ...] = ()
) -> CapacityPlan:
    """IT capacity of a connection if the hall may hold IT power back in its worst ``shed_hours`` hours.

    The hall is sized so that the worst hour but ``shed_hours`` just fills the connection; in worse hours IT power falls
    to what still fits. Where hours may shed, those of design days do.

    Parameters
    ----------
    design, weather : HallDesign, Weather
        The design's own IT capacity does not matter.
    grid_mw : float
        Contracted capacity. [MW], > 0
    shed_hours : int
        Hours of the year that may shed, 0 to 8759.
    days : tuple of DesignDay
        Days beside the year that have to fit too.

    Raises
    ------
    InfeasibleError
        If the connection is not positive, or cannot even carry the empty hall in some hour.
    ScenarioError
        If ``shed_hours`` is out of range.
    """
    grid_mw = _positive(grid_mw)
    _checked_ranks((shed_hours + 1,), "shed_hours + 1 =")
    sizing = _sizing(design, weather, days)
    per_it_mw = sizing.facility_per_it if not shed_hours else sizing.facility_per_it[:HOURS_IN_YEAR]
    place = int(np.argsort(-per_it_mw, kind="stable")[shed_hours])
    it_mw = grid_mw / float(per_it_mw[place])
    sized = replace(design, it_capacity_mw=it_mw)
    ambient = sizing.ambient
    limit = sizing.it_frac * it_mw
    served = limit.copy()
    worse = np.flatnonzero(sizing.facility_per_it > per_it_mw[place] * (1 + 1e-12))
    if worse.size:
        fits = it_that_fits(sized, ambient.hours(worse), np.full(worse.size, grid_mw))
        if np.isnan(fits).any():
            raise InfeasibleError(
                f"grid_mw = {grid_mw:g} MW: sized for all but {shed_hours} hours ({it_mw:.1f} MW of IT), the empty "
                "hall alone draws more in the worst hour; allow fewer shed_hours"
            )
        served[worse] = np.minimum(served[worse], fits)
    year = ambient.hours(np.arange(HOURS_IN_YEAR))
    parts, _, _ = evaluate(sized, year, served[:HOURS_IN_YEAR, None])
    held_back, lost = (limit - served)[:HOURS_IN_YEAR], it_mw - limit[:HOURS_IN_YEAR]
    return CapacityPlan(
        grid_mw=grid_mw,
        it_mw=it_mw,
        hour=place if place < HOURS_IN_YEAR else None,
        worst=sizing.worst(design, place),
        carried_it_mw=float(served.min()),
        hottest=sizing.worst(design, _hottest(sizing)),
        shed_hours=int((held_back > ALL_OF_IT * it_mw).sum()),
        shed_mwh=float(held_back.sum()),
        shed_max_mw=float(held_back.max()),
        derated_hours=int((lost > ALL_OF_IT * it_mw).sum()),
        derated_mwh=float(lost.sum()),
        facility_mw=total_mw(parts)[:, 0],
        served_it_mw=served[:HOURS_IN_YEAR],
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
