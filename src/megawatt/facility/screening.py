"""A year for many designs at once: the 8,760 hours reduced to a few hundred weather states.

Facility power and water depend on an hour's outdoor air alone, so hours with nearly the same air can share one
evaluation. Hours are split into cells, always the cell with the largest spread at its mean, until there are as many as
asked for; each cell is its mean air, weighted with its hours. What that costs in accuracy is bounded by
`PUE_BOUND` and `WUE_BOUND_L_PER_KWH`, which tests hold against the hourly year.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.facility.cooling import Ambient, ambient_of
from megawatt.facility.design import HallDesign
from megawatt.facility.hall import evaluate, it_limit_mw, total_mw
from megawatt.facility.records import Weather
from megawatt.hours import HOURS_IN_YEAR

__all__ = ["PUE_BOUND", "WUE_BOUND_L_PER_KWH", "HallScreen", "WeatherStates", "screen", "weather_states"]


PUE_BOUND: Final = 0.002
"""Largest difference of annual PUE and of worst-hour PUE from the hourly year, at 512 states and more."""

WUE_BOUND_L_PER_KWH: Final = 0.02
"""Largest difference of annual site WUE from the hourly year, at 512 states and more. [L/kWh]"""

_STATES: Final = 512
"""Weather states that stand for the hours of a year."""
_WORST_STATES: Final = 8
"""States whose hours are all evaluated, to find the worst hour itself and not a mean of hours."""

_LIMIT_PASSES: Final = 4
"""16^-4: cooling limits to 1.5e-5 of IT capacity."""


@dataclass(frozen=True, slots=True)
class WeatherStates:
    """A year reduced to states.

    ``air`` has arrays of shape (states, 1), ``hours`` (states,) counts the hours of each and sums to 8760.
    ``hourly`` is the year itself; ``order`` (8760,) lists its hours state by state and ``start`` (states + 1,) says
    where each state's hours begin in it.
    """

    air: Ambient
    hours: FloatArray
    hourly: Ambient
    order: NDArray[np.int64]
    start: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HallScreen:
    """What a constant load draws and drinks in each design, arrays of shape (designs,).

    ``pue`` and ``wue_l_per_kwh`` over the year; ``facility_peak_frac`` is the worst hour's facility power over IT
    capacity; ``unserved_frac`` the IT energy lost where the weather exceeds the cooling, over the energy asked for;
    ``mechanical_hours`` hours with a chiller running.
    """

    pue: FloatArray
    pue_worst_hour: FloatArray
    wue_l_per_kwh: FloatArray
    facility_peak_frac: FloatArray
    unserved_frac: FloatArray
    mechanical_hours: FloatArray


def weather_states(weather: Weather, states: int = _STATES) -> WeatherStates:
    """Reduce a year to states of similar air.

    Parameters
    ----------
    weather : Weather
    states : int
        Number of states, 16 to 8760. The bounds of this module hold from 512.

    Raises
    ------
    ScenarioError
        If the number of states is out of range.
    """
    if not 16 <= states <= HOURS_IN_YEAR:
        raise ScenarioError(f"weather states = {states}, allowed: 16 to 8760 (512 keep PUE within {PUE_BOUND:g})")
    hourly = ambient_of(weather)
    axes = np.concatenate([hourly.dry_bulb_c, hourly.wet_bulb_c, hourly.dew_point_c], axis=1)
    cells = _split(axes, states)
    order = np.concatenate(cells)
    counts = np.array([cell.size for cell in cells])
    start = np.concatenate([[0], np.cumsum(counts)])
    columns = np.concatenate([axes, hourly.ratio, hourly.pressure_pa], axis=1)[order]
    means = np.add.reduceat(columns, start[:-1], axis=0) / counts[:, None]
    air = Ambient(*(means[:, [i]] for i in range(5)))
    return WeatherStates(air, counts.astype(np.float64), hourly, order, start)


def _split(axes: FloatArray, states: int) -> list[NDArray[np.int64]]:
    """Cells of hours; always the one with the largest sum of squares along an axis is cut at its mean."""
    heap: list[tuple[float, int, int, NDArray[np.int64]]] = []

    def push(cell: NDArray[np.int64], number: int) -> None:
        spread = axes[cell].var(axis=0) * cell.size
        axis = int(spread.argmax())
        heapq.heappush(heap, (-float(spread[axis]), number, axis, cell))

    push(np.arange(len(axes)), 0)
    number = 0
    while len(heap) < states and heap[0][0] < 0.0:
        _, _, axis, cell = heapq.heappop(heap)
        values = axes[cell, axis]
        left = values <= values.mean()
        if left.all():  # equal but for rounding
            heapq.heappush(heap, (0.0, number, axis, cell))
            continue
        push(cell[left], number + 1)
        push(cell[~left], number + 2)
        number += 2
    return [cell for _, _, _, cell in sorted(heap, key=lambda item: item[1])]


def screen(designs: Sequence[HallDesign], states: WeatherStates, load_frac: float = 1.0) -> HallScreen:
    """Annual PUE, WUE and worst hour of many designs at a constant load.

    Parameters
    ----------
    designs : sequence of HallDesign
    states : WeatherStates
    load_frac : float
        IT load over IT capacity in every hour. [-], above 0 to 1

    Returns
    -------
    HallScreen
        Within `PUE_BOUND` and `WUE_BOUND_L_PER_KWH` of `simulate` at the same load, from 512 states.

    Raises
    ------
    ScenarioError
        If the load is out of range.
    """
    if not 0.0 < load_frac <= 1.0:
        raise ScenarioError(f"load_frac = {load_frac:g}, allowed: above 0 to 1 (IT load over IT capacity)")
    rows = np.array([_screen_one(design, states, load_frac) for design in designs]).reshape(len(designs), 6)
    return HallScreen(*(np.ascontiguousarray(rows[:, i]) for i in range(6)))


def _screen_one(
    design: HallDesign, states: WeatherStates, load_frac: float
) -> tuple[float, float, float, float, float, float]:
    capacity_mw = design.it_capacity_mw
    wanted = load_frac * capacity_mw
    served, drawn, water, chillers = _at(design, states.air, wanted)
    hours = states.hours
    it_mwh = float(served @ hours)
    if it_mwh == 0.0:
        return (float("nan"),) * 3 + (float(drawn.max()) / capacity_mw, 1.0, 0.0)
    worst = np.argpartition(-drawn, _WORST_STATES)[:_WORST_STATES] if drawn.size > _WORST_STATES else slice(None)
    members = np.concatenate(
        [states.order[a:b] for a, b in zip(states.start[:-1][worst], states.start[1:][worst], strict=True)]
    )
    peak_served, peak_drawn, _, _ = _at(design, states.hourly.hours(members), wanted)
    busy = peak_served >= 0.5 * wanted
    return (
        float(drawn @ hours) / it_mwh,
        float((peak_drawn[busy] / peak_served[busy]).max()) if busy.any() else float("nan"),
        float(water @ hours) / (it_mwh * 1e3),
        float(peak_drawn.max()) / capacity_mw,
        1.0 - it_mwh / (wanted * HOURS_IN_YEAR),
        float(hours @ (chillers > 0.0)),
    )


def _at(design: HallDesign, air: Ambient, wanted_mw: float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """IT power served, facility power [MW], water [L/h] and chiller power [MW] at a load, each of shape (hours,)."""
    load = np.full((len(air.dry_bulb_c), 1), wanted_mw)
    parts, water, excess = evaluate(design, air, load)
    if (excess > 1e-9 * design.it_capacity_mw).any():
        load = np.minimum(load, it_limit_mw(design, air, _LIMIT_PASSES)[:, None])
        parts, water, _ = evaluate(design, air, load)
    return load[:, 0], total_mw(parts)[:, 0], water[:, 0], (parts["trim_chiller"] + parts["chiller"])[:, 0]
