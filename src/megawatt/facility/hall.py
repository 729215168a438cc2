"""The hall: what it draws and drinks, how much it can cool, and how much IT a grid connection carries."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import Assumption, Fact
from megawatt.errors import ScenarioError
from megawatt.facility.cooling import Ambient, ambient_of
from megawatt.facility.design import HallDesign
from megawatt.facility.electrical import conversion_loss_mw
from megawatt.facility.plant import LoopLoad, air_loop, liquid_loop
from megawatt.facility.records import FacilityResponse, FacilityYear, Weather
from megawatt.hours import HOURS_IN_YEAR

__all__ = [
    "PARTS",
    "HallCurves",
    "beyond",
    "curves",
    "evaluate",
    "it_limit_mw",
    "response",
    "response_of",
    "simulate",
    "total_mw",
]


PARTS: Final = (
    "it",
    "distribution",
    "ups",
    "fans",
    "pumps",
    "heat_rejection",
    "trim_chiller",
    "chiller",
    "auxiliary",
    "transformer",
)
"""Parts of facility power, in the order they are added up."""

_KW_PER_MW: Final = 1e3
"""Kilowatts of a megawatt."""
_GRID_POINTS: Final = 17
"""Points of a search grid, ends included."""
_PASSES: Final = 6
"""A cooling limit is looked for on a grid of loads, then on ever finer ones: 16^-6 is below 1e-7 of capacity."""

_KEPT: Final = 8
"""Loops in a year's air whose loads are kept: where one part of a hall moves, the other loop stays as it is."""

_LEAST_LOAD_FRAC: Final = 1e-3
"""Mean IT load over capacity below which there is no PUE."""
_WORST_HOUR_LOAD_FRAC: Final = 0.5
"""Hours below this share of the year's peak IT power do not count as worst hour: at idle PUE says nothing."""


def _supply_losses(design: HallDesign, it_mw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Losses of distribution and UPS under an IT load. [MW]"""
    e = design.electrical
    distribution = conversion_loss_mw(it_mw, design.it_capacity_mw, 0.0, e.distribution_load_frac)
    rating = e.ups_installed_ratio * design.it_capacity_mw
    return distribution, conversion_loss_mw(it_mw + distribution, rating, e.ups_no_load_frac, e.ups_load_frac)


def _loops(design: HallDesign, ambient: Ambient, it_mw: FloatArray, losses: FloatArray) -> dict[str, LoopLoad]:
    """The air loop, then the liquid loop if there is one, each by the plant that limits it; losses of UPS and
    distribution warm the hall's air."""
    share, capacity_mw = design.liquid_share, design.it_capacity_mw
    full = np.array([[capacity_mw]])
    full_distribution, full_ups = _supply_losses(design, full)
    full_air_mw = (1.0 - share) * capacity_mw + float((full_distribution + full_ups)[0, 0])
    loops = {}
    to_liquid = share * it_mw
    if full_air_mw > 0.0:
        air = _load(air_loop, design.air, ambient, (1.0 - share) * it_mw + losses, full_air_mw)
        if design.liquid is not None and design.liquid.tanks:
            # A warm room takes less of the tanks' heat: it stays in the fluid, and no machine feels it.
            to_liquid, air = to_liquid + air.excess_mw, replace(air, excess_mw=np.zeros_like(air.excess_mw))
        plant = "the air loop's chillers" if design.air.chiller else f"inlet air at {design.air.supply_max_c:g} degC"
        loops[plant] = air
    if design.liquid is not None and share > 0.0:
        plant = f"the liquid loop's {'trim chillers' if design.liquid.chiller else 'dry coolers'}"
        loops[plant] = _load(liquid_loop, design.liquid, ambient, to_liquid, share * capacity_mw)
    return loops


def _load(
    plant: Callable[..., LoopLoad], loop: Any, ambient: Ambient, heat_mw: FloatArray, design_heat_mw: float
) -> LoopLoad:
    """What a loop draws and drinks; found once where the heat is the same in every hour."""
    if len(heat_mw) > 1:
        return plant(loop, ambient, heat_mw, design_heat_mw)
    return _kept_load(plant, loop, ambient, tuple(heat_mw[0].tolist()), design_heat_mw)


@functools.lru_cache(maxsize=_KEPT)
def _kept_load(
    plant: Callable[..., LoopLoad], loop: Any, ambient: Ambient, heat_mw: tuple[float, ...], design_heat_mw: float
) -> LoopLoad:
    return plant(loop, ambient, np.array([heat_mw]), design_heat_mw)


def evaluate(
    design: HallDesign, ambient: Ambient, it_mw: FloatArray
) -> tuple[dict[str, FloatArray], FloatArray, FloatArray]:
    """Parts [MW], water [L/h] and heat beyond the cooling's limit [MW] of a hall at given hours and loads.

    Parameters
    ----------
    ambient : Ambient
        Outdoor air, arrays of shape (hours, 1).
    it_mw : array, shape (hours, k) or (1, k)
        IT power. [MW], 0 to capacity

    Returns
    -------
    parts, water_l_per_h, excess_mw : dict of str to array, array, array
        Each array of shape (hours, k); ``parts`` has the keys of `PARTS`.
    """
    e, capacity_mw = design.electrical, design.it_capacity_mw
    shape = np.broadcast_shapes(ambient.dry_bulb_c.shape, it_mw.shape)
    distribution, ups = _supply_losses(design, it_mw)
    loops = list(_loops(design, ambient, it_mw, distribution + ups).values())
    liquid = design.liquid is not None and design.liquid_share > 0.0
    trim = loops[-1].chiller_mw if liquid else np.zeros(shape)

    def added(name: str) -> FloatArray:
        return np.asarray(sum((getattr(loop, name) for loop in loops), np.zeros(shape)))

    columns = {
        "it": it_mw,
        "distribution": distribution,
        "ups": ups,
        "fans": added("fans_mw"),
        "pumps": added("pumps_mw"),
        "heat_rejection": added("heat_rejection_mw"),
        "trim_chiller": trim,
        "chiller": added("chiller_mw") - trim,
        "auxiliary": np.array([[e.auxiliary_frac * capacity_mw]]),
    }
    parts = {name: part if part.shape == shape else np.broadcast_to(part, shape) for name, part in columns.items()}
    rating = e.transformer_installed_ratio * capacity_mw
    parts["transformer"] = conversion_loss_mw(
        total_mw(parts), rating, e.transformer_no_load_frac, e.transformer_load_frac
    )
    return parts, added("water_l"), added("excess_mw")


def beyond(design: HallDesign, there: Ambient) -> str:
    """Which plant cannot carry full load in one hour, in words; empty if all can."""
    full = np.array([[design.it_capacity_mw]])
    distribution, ups = _supply_losses(design, full)
    loops = _loops(design, there, full, distribution + ups)
    return " and ".join(name for name, loop in loops.items() if float(loop.excess_mw[0, 0]) > 0.0)


def total_mw(parts: Mapping[str, FloatArray]) -> FloatArray:
    """Facility power: the sum of its parts, in the order of `PARTS` (so that sums are equal bit by bit). [MW]"""
    total = np.zeros_like(parts["it"])
    for name in PARTS:
        if name in parts:
            total = total + parts[name]
    return total


def it_limit_mw(design: HallDesign, ambient: Ambient, passes: int = _PASSES) -> FloatArray:
    """IT power that the cooling carries, shape (hours,): capacity, less in hours beyond the design weather. [MW]

    ``passes`` of a search that narrows the limit 16-fold each; what is returned is at or below the limit.
    """
    _, _, excess = evaluate(design, ambient, np.array([[design.it_capacity_mw]]))
    return _limit_mw(design, ambient, excess[:, 0], passes)


def _limit_mw(design: HallDesign, ambient: Ambient, excess_mw: FloatArray, passes: int = _PASSES) -> FloatArray:
    """`it_limit_mw` where the heat beyond the cooling's limit at full load is known, (hours,). [MW]"""
    limit = np.full(len(ambient.dry_bulb_c), design.it_capacity_mw)
    tolerance = 1e-9 * design.it_capacity_mw
    hot = np.flatnonzero(excess_mw > tolerance)
    if hot.size == 0:
        return limit
    there, steps = ambient.hours(hot), np.linspace(0.0, 1.0, _GRID_POINTS)
    low, width = np.zeros(hot.size), np.full(hot.size, design.it_capacity_mw)
    for _ in range(passes):
        _, _, beyond = evaluate(design, there, low[:, None] + width[:, None] * steps)
        # The last point of the leading run that fits; the lower end fits always.
        fits = np.cumprod(beyond[:, 1:] <= tolerance, axis=1).sum(axis=1)
        width = width / (_GRID_POINTS - 1)
        low = low + width * fits
    limit[hot] = np.minimum(low, design.it_capacity_mw)
    return limit


@dataclass(frozen=True, slots=True)
class HallCurves:
    """A hall in its weather at even steps of IT power, before the steps are made convex.

    ``it_mw`` (k,), ``drawn_mw`` and ``water_l_per_h`` (8760, k), ``it_limit_mw`` (8760,).
    """

    design: HallDesign
    weather: Weather
    ambient: Ambient
    it_mw: FloatArray
    drawn_mw: FloatArray
    water_l_per_h: FloatArray
    it_limit_mw: FloatArray


def curves(design: HallDesign, weather: Weather, breakpoints: int = 7, *, ambient: Ambient | None = None) -> HallCurves:
    """Physics at all breakpoints and hours at once; `response_of` makes a response of it.

    Parameters
    ----------
    design : HallDesign
    weather : Weather
    breakpoints : int
        Points from 0 to full IT capacity, evenly spaced, 2 to 65.
    ambient : Ambient, optional
        ``ambient_of(weather)``, where it is at hand.

    Raises
    ------
    ScenarioError
        If there are fewer than 2 or more than 65 breakpoints.
    """
    if not 2 <= breakpoints <= 65:
        raise ScenarioError(f"breakpoints = {breakpoints}, must be 2 to 65 (7 keeps the error below 0.2 % of IT power)")
    ambient = ambient or ambient_of(weather)
    it_mw = np.linspace(0.0, design.it_capacity_mw, breakpoints)
    parts, water, excess = evaluate(design, ambient, it_mw[None, :])
    limit = _limit_mw(design, ambient, excess[:, -1])
    return HallCurves(design, weather, ambient, it_mw, total_mw(parts), water, limit)


def response_of(hall: HallCurves, *, exact_at_mw: float | None = None) -> FacilityResponse:
    """Facility power and water as piecewise-linear functions of IT power, hour by hour.

    Facility power is replaced by its lower convex hull over the breakpoints (a linear programme needs convexity); the
    largest change is reported as an assumption.

    Parameters
    ----------
    hall : HallCurves
        From `curves`.
    exact_at_mw : float, optional
        One more point, at the IT power that the hall usually runs at: no interpolation error there.

    Returns
    -------
    FacilityResponse
        ``it_mw`` (k,), ``facility_mw`` and ``water_l_per_h`` (8760, k), ``it_limit_mw`` (8760,). Values above an hour's
        limit are extrapolated from the same equations and must not be used.
    """
    it_mw, drawn, water = hall.it_mw, hall.drawn_mw, hall.water_l_per_h
    if exact_at_mw is not None and 0.0 < exact_at_mw < it_mw[-1] and exact_at_mw not in it_mw:
        place = int(np.searchsorted(it_mw, exact_at_mw))
        parts, wet, _ = evaluate(hall.design, hall.ambient, np.array([[exact_at_mw]]))
        it_mw = np.insert(it_mw, place, exact_at_mw)
        drawn = np.insert(drawn, place, total_mw(parts)[:, 0], axis=1)
        water = np.insert(water, place, wet[:, 0], axis=1)
    convex = _lower_hull(it_mw, drawn)
    change = float((drawn - convex).max())
    hull = Fact(
        value=change,
        unit="MW",
        kind="derived",
        source="facility-model",
        note="largest amount by which facility power was lowered to make it convex in IT power",
    )
    assumptions = (
        *hall.design.assumptions,
        *hall.weather.assumptions,
        Assumption("hall.convex_hull_change_mw", "facility", hull),
    )
    return FacilityResponse(it_mw, convex, np.ascontiguousarray(water), hall.it_limit_mw, assumptions)


def response(
    design: HallDesign, weather: Weather, breakpoints: int = 7, *, exact_at_mw: float | None = None
) -> FacilityResponse:
    """A hall's response in its weather: `curves` made convex by `response_of`."""
    return response_of(curves(design, weather, breakpoints), exact_at_mw=exact_at_mw)


def _lower_hull(x: FloatArray, y: FloatArray) -> FloatArray:
    """Lower convex hull of y (hours, k) over x (k,): each point lowered to its lowest chord."""
    points = np.ascontiguousarray(y.T)
    hull = points.copy()
    for j in range(1, x.size - 1):
        for i in range(j):
            for m in range(j + 1, x.size):
                weight = (x[j] - x[i]) / (x[m] - x[i])
                np.minimum(hull[j], (1.0 - weight) * points[i] + weight * points[m], out=hull[j])
    return np.ascontiguousarray(hull.T)


def simulate(design: HallDesign, weather: Weather, it_mw: FloatArray) -> FacilityYear:
    """The hall's year under a given IT load.

    Where the weather exceeds what the cooling can carry, IT power is cut to the limit of that hour (`derated_hours`,
    `derated_mwh` of the result; its ``it_mw`` is what was served).

    Parameters
    ----------
    design : HallDesign
    weather : Weather
    it_mw : array, shape (8760,)
        IT power wanted. [MW], 0 to the hall's capacity

    Returns
    -------
    FacilityYear
        Parts sum to ``facility_mw``. PUE and WUE are NaN for a year with next to no IT energy (under a thousandth of
        what the capacity could use); the worst hour is taken among
        hours with at least half of the year's peak IT power.

    Raises
    ------
    ScenarioError
        If the load has the wrong shape, is not finite, negative, or above the hall's capacity.
    """
    wanted = _checked_load(design, it_mw)
    ambient = ambient_of(weather)
    served = np.minimum(wanted, it_limit_mw(design, ambient))
    columns, water, _ = evaluate(design, ambient, served[:, None])
    parts = {name: np.array(columns[name][:, 0]) for name in PARTS}
    facility = total_mw(parts)
    water_l = water[:, 0]
    # Halls that stand idle nearly all year draw power for next to no IT: ratios to it say nothing.
    enough = served.mean() >= _LEAST_LOAD_FRAC * design.it_capacity_mw
    it_mwh = float(served.sum()) if enough else 0.0
    busy = (served > 0.0) & (served >= _WORST_HOUR_LOAD_FRAC * served.max())
    return FacilityYear(
        it_mw=served,
        facility_mw=facility,
        water_l=water_l,
        parts_mw=MappingProxyType(parts),
        pue=float(facility.sum()) / it_mwh if it_mwh else float("nan"),
        pue_worst_hour=float((facility[busy] / served[busy]).max()) if it_mwh else float("nan"),
        wue_l_per_kwh=float(water_l.sum()) / (it_mwh * _KW_PER_MW) if it_mwh else float("nan"),
        assumptions=(*design.assumptions, *weather.assumptions),
        derated_hours=int((served < wanted).sum()),
        derated_mwh=float((wanted - served).sum()),
        mechanical_hours=int((parts["trim_chiller"] + parts["chiller"] > 0).sum()),
        wet_hours=int((water_l > 0).sum()),
    )


def _checked_load(design: HallDesign, it_mw: FloatArray) -> FloatArray:
    load = np.asarray(it_mw, float)
    if load.shape != (HOURS_IN_YEAR,):
        raise ScenarioError(f"it_mw has shape {load.shape}, must be (8760,): one value per hour of the site year")
    bad = np.flatnonzero(~(np.isfinite(load) & (load >= 0) & (load <= design.it_capacity_mw * (1 + 1e-9))))
    if bad.size:
        hour = int(bad[0])
        raise ScenarioError(
            f"it_mw[{hour}] = {load[hour]:g} MW ({bad.size} such hours); allowed: 0 to the hall's capacity of "
            f"{design.it_capacity_mw:g} MW (raise it_capacity_mw or cut the load)"
        )
    return load
