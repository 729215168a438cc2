"""The site's halls as the optimiser sees them: blocks of IT power by hour, each with its slope of facility power."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.dispatch.records import SiteProblem
from megawatt.errors import InfeasibleError, Problem, ScenarioError
from megawatt.facility.records import FacilityResponse
from megawatt.hours import HOURS_IN_YEAR, hour_name

__all__ = ["HallSegments", "SiteHalls", "above_firm", "hourly_response", "it_power", "site_halls"]


TOLERANCE_MW: Final = 1e-6
"""A watt: smaller differences of limits and loads are rounding."""

_HOURLY: Final = (
    "price_usd_per_mwh",
    "adder_usd_per_mwh",
    "import_limit_mw",
    "ai_it_mw",
    "mining_value_usd_per_mwh",
    "carbon_kg_per_mwh",
)


@dataclass(frozen=True, slots=True)
class HallSegments:
    """One kind of hall by hour, as consecutive segments of IT power that fill in order.

    ``idle_mw`` (8760,) is facility power at zero IT; ``width_it_mw`` (8760, k) what each segment can take within the
    offered load and the cooling limit; ``slope`` (8760, k) facility MW per IT MW, not falling along k (convex).
    ``cap_it_mw`` (8760,) is the most IT power of the hour: the sum of the widths. ``usd_per_mwh`` (8760, k) is what a
    MWh of IT power in a segment earns, not rising along the segments of one owner that have a width (concave).
    ``worth`` (k,) is that relative to the hall's value; 0 of customers' machines, which are ``hosted`` (k,).
    """

    idle_mw: FloatArray
    width_it_mw: FloatArray
    slope: FloatArray
    cap_it_mw: FloatArray
    usd_per_mwh: FloatArray
    worth: FloatArray
    hosted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SiteHalls:
    """The site's two kinds of halls and what the connection leaves beside their idle draw, (8760,). [MW]"""

    ai: HallSegments
    mining: HallSegments
    available_mw: FloatArray


def hourly_response(response: FacilityResponse, table: FloatArray, it_mw: FloatArray) -> FloatArray:
    """Read an hourly table of a hall's response at given IT power, linear between breakpoints; unit of the table.

    Parameters
    ----------
    response : FacilityResponse
        Gives the breakpoints.
    table : array, shape (8760, k)
        ``response.facility_mw`` or ``response.water_l_per_h``.
    it_mw : array, shape (8760,)
        IT power, 0 to the last breakpoint. [MW]
    """
    points = response.it_mw
    left = np.clip(np.searchsorted(points, it_mw, side="right") - 1, 0, points.size - 2)
    hours = np.arange(it_mw.size)
    share = (it_mw - points[left]) / (points[left + 1] - points[left])
    low, high = table[hours, left], table[hours, left + 1]
    return np.asarray(low + share * (high - low), dtype=np.float64)


def above_firm(hall: HallSegments, firm_it_mw: FloatArray) -> HallSegments:
    """What a hall can run beside load that is always served: the same segments less their lowest part.

    Parameters
    ----------
    hall : HallSegments
        The whole hall.
    firm_it_mw : array, shape (8760,)
        IT power that is served in any case, 0 to the hall's cap. [MW]
    """
    before = np.cumsum(hall.width_it_mw, axis=1) - hall.width_it_mw
    taken = np.clip(firm_it_mw[:, np.newaxis] - before, 0.0, hall.width_it_mw)
    left = np.maximum(hall.cap_it_mw - firm_it_mw, 0.0)
    return replace(hall, width_it_mw=hall.width_it_mw - taken, cap_it_mw=left)


def it_power(hall: HallSegments, facility_mw: FloatArray) -> FloatArray:
    """IT power of each segment of a hall that draws this much above its idle power, dearest first, (8760, k). [MW]"""
    order = np.argsort(-hall.usd_per_mwh / hall.slope, axis=1, kind="stable")
    width = np.take_along_axis(hall.width_it_mw * hall.slope, order, axis=1)
    taken = np.clip(facility_mw[:, np.newaxis] - (np.cumsum(width, axis=1) - width), 0.0, width)
    it_mw = np.empty_like(taken)
    np.put_along_axis(it_mw, order, taken / np.take_along_axis(hall.slope, order, axis=1), axis=1)
    return it_mw


def site_halls(problem: SiteProblem) -> SiteHalls:
    """Check a site problem and cut its halls into segments.

    Raises
    ------
    ScenarioError
        If an array has the wrong shape or a value that cannot be: all problems together.
    InfeasibleError
        If the idle draw of the halls exceeds the import limit in some hour; names the first.
    """
    problems = _problems(problem)
    if problems:
        raise ScenarioError(f"site: {len(problems)} inputs are wrong: {problems[0]}", problems)
    ai = _segments(problem.ai_response, problem.ai_it_mw, np.full(HOURS_IN_YEAR, problem.ai_value_usd_per_mwh))
    mining = _segments(
        problem.mining_response, np.full(HOURS_IN_YEAR, problem.mining_it_mw), problem.mining_value_usd_per_mwh
    )
    plain = mining
    if problem.mining_modes is not None:
        mining = _by_mode(mining, problem.mining_modes)
    if problem.hosted_value_usd_per_mwh is not None:
        mining = _beside(mining, plain, problem.hosted_frac, problem.hosted_value_usd_per_mwh)
    idle = ai.idle_mw + mining.idle_mw
    available = problem.import_limit_mw - idle
    short = np.flatnonzero(available < -TOLERANCE_MW)
    if short.size:
        hour = int(short[0])
        raise InfeasibleError(
            f"site: import limit at {hour_name(hour)}: idle halls draw {idle[hour]:.3f} MW, limit "
            f"{problem.import_limit_mw[hour]:.3f} MW ({short.size} such hours); raise grid_mw or build smaller halls"
        )
    return SiteHalls(ai, mining, np.maximum(available, 0.0))


def _segments(response: FacilityResponse | None, offered_it_mw: FloatArray, value: FloatArray) -> HallSegments:
    if response is None:
        none, never = np.zeros((HOURS_IN_YEAR, 0)), np.zeros(0, dtype=np.bool_)
        return HallSegments(np.zeros(HOURS_IN_YEAR), none, none, np.zeros(HOURS_IN_YEAR), none, np.zeros(0), never)
    cap = np.clip(np.minimum(offered_it_mw, response.it_limit_mw), 0.0, None)
    low, high = response.it_mw[:-1], response.it_mw[1:]
    width = np.clip(np.minimum(cap[:, np.newaxis], high) - low, 0.0, None)
    slope = np.diff(response.facility_mw, axis=1) / (high - low)
    worth = np.ones(low.size)
    earned = value[:, np.newaxis] * worth
    return HallSegments(
        response.facility_mw[:, 0], width, slope, cap, earned, worth, np.zeros(low.size, dtype=np.bool_)
    )


def _by_mode(hall: HallSegments, modes: tuple[FloatArray, FloatArray]) -> HallSegments:
    """A mining hall cut at the corners of its miners' modes too.

    Hall and machines share one axis of IT power, on which the draw is convex and the worth concave: the next MW goes
    to the best mode left and to the least overhead left, so segments still fill in order.
    """
    width, worth = modes
    top, end = np.cumsum(hall.width_it_mw, axis=1)[:, :, np.newaxis], np.cumsum(width)
    bottom = top - hall.width_it_mw[:, :, np.newaxis]
    shared = np.clip(np.minimum(top, end) - np.maximum(bottom, end - width), 0.0, None)
    return replace(
        hall,
        width_it_mw=shared.reshape(top.shape[0], -1),
        slope=np.repeat(hall.slope, width.size, axis=1),
        usd_per_mwh=(hall.usd_per_mwh[:, :, np.newaxis] * worth).reshape(top.shape[0], -1),
        worth=np.tile(worth, hall.slope.shape[1]),
        hosted=np.repeat(hall.hosted, width.size),
    )


def _beside(own: HallSegments, plain: HallSegments, share: float, value: FloatArray) -> HallSegments:
    """The owner's machines in their share of the halls, and customers' in halls of the same kind with the rest."""
    earned = np.broadcast_to(value[:, np.newaxis], plain.slope.shape)
    return replace(
        own,
        width_it_mw=np.concatenate((share * plain.width_it_mw, (1.0 - share) * own.width_it_mw), axis=1),
        slope=np.concatenate((plain.slope, own.slope), axis=1),
        usd_per_mwh=np.concatenate((earned, own.usd_per_mwh), axis=1),
        worth=np.concatenate((np.zeros_like(plain.worth), own.worth)),
        hosted=np.concatenate((np.ones_like(plain.hosted), own.hosted)),
    )


def _problems(problem: SiteProblem) -> list[Problem]:
    found = []
    for name in _HOURLY:
        found += _array_problems(name, getattr(problem, name))
    if not np.isfinite(problem.ai_value_usd_per_mwh) or problem.ai_value_usd_per_mwh < 0.0:
        found.append(Problem("ai_value_usd_per_mwh", f"{problem.ai_value_usd_per_mwh} USD/MWh", "a finite number >= 0"))
    if not np.isfinite(problem.mining_it_mw) or problem.mining_it_mw < 0.0:
        found.append(Problem("mining_it_mw", f"{problem.mining_it_mw} MW", "a finite number >= 0"))
    if found:
        return found
    for name, sign in (("import_limit_mw", 0.0), ("ai_it_mw", 0.0), ("mining_value_usd_per_mwh", 0.0)):
        values = getattr(problem, name)
        if values.min() < sign:
            hour = int(values.argmin())
            found.append(Problem(name, f"{values[hour]:g} at {hour_name(hour)}", ">= 0"))
    found += _response_problems("ai_response", problem.ai_response, float(problem.ai_it_mw.max()))
    return found + _response_problems("mining_response", problem.mining_response, problem.mining_it_mw)


def _array_problems(name: str, values: FloatArray) -> list[Problem]:
    if np.shape(values) != (HOURS_IN_YEAR,):
        return [Problem(name, f"shape {np.shape(values)}", f"({HOURS_IN_YEAR},), one value per hour of the site year")]
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        return [Problem(name, f"{values[bad[0]]} at {hour_name(int(bad[0]))}", "finite numbers")]
    return []


def _response_problems(name: str, response: FacilityResponse | None, most_it_mw: float) -> list[Problem]:
    if response is None:
        hint = "give the hall's response; a hall without overhead has facility_mw = it_mw"
        return [Problem(name, f"none, with {most_it_mw:g} MW of IT", "a response", hint)] if most_it_mw > 0.0 else []
    points, table = response.it_mw, response.facility_mw
    if points.ndim != 1 or points.size < 2 or points[0] != 0.0 or np.any(np.diff(points) <= 0.0):
        return [Problem(f"{name}.it_mw", f"{points}", "two or more increasing breakpoints from 0 MW")]
    if table.shape != (HOURS_IN_YEAR, points.size) or not np.isfinite(table).all():
        return [Problem(f"{name}.facility_mw", f"shape {table.shape}", f"finite, ({HOURS_IN_YEAR}, {points.size})")]
    if response.it_limit_mw.shape != (HOURS_IN_YEAR,) or not np.isfinite(response.it_limit_mw).all():
        return [Problem(f"{name}.it_limit_mw", f"shape {response.it_limit_mw.shape}", f"finite, ({HOURS_IN_YEAR},)")]
    found = []
    if most_it_mw > points[-1] + TOLERANCE_MW:
        found.append(
            Problem(f"{name}.it_mw", f"IT load of {most_it_mw:g} MW", f"at most {points[-1]:g} MW, the last breakpoint")
        )
    slope = np.diff(table, axis=1) / np.diff(points)
    if slope.min() <= 0.0:
        hour = int(slope.min(axis=1).argmin())
        found.append(Problem(f"{name}.facility_mw", f"not rising at {hour_name(hour)}", "rising with IT power"))
    if slope.shape[1] > 1 and np.diff(slope, axis=1).min() < -1e-9:
        hour = int(np.diff(slope, axis=1).min(axis=1).argmin())
        found.append(Problem(f"{name}.facility_mw", f"not convex at {hour_name(hour)}", "convex in IT power"))
    return found
