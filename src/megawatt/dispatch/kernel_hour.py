"""Compiled core of the exact solver, one hour: its sorted stack as a convex function of the change of stored energy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["CYCLE_COST", "ENERGY", "INTO", "KEEP", "OUT", "POWER", "hour_pieces", "limit_widths", "with_burning"]

# Columns of the storage row handed to the kernel.
POWER, ENERGY, INTO, OUT, KEEP, CYCLE_COST = range(6)


@njit(cache=True, nogil=True, error_model="numpy")
def limit_widths(cost: Any, width: Any, metered: Any, peak_mw: float, width_out: Any) -> None:
    """Widths of the sorted stack of an hour when metered pieces together stay below the peak."""
    left = peak_mw
    for k in range(cost.size):
        w = width[k]
        if metered[k]:
            w = min(w, left)
            left -= w
        width_out[k] = w


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(cost: Any, width: Any, level: float) -> float:
    """Cost of filling the stack to this level."""
    total = 0.0
    for k in range(cost.size):
        take = min(width[k], level)
        total += take * cost[k]
        level -= take
        if level <= 0.0:
            break
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _plain_pieces(cost: Any, width: Any, demand: float, store: Any, slope: Any, length: Any) -> Any:
    """Pieces of g where giving energy away never pays: charging and discharging exclude each other."""
    power, into, out, cycle = store[POWER], store[INTO], store[OUT], store[CYCLE_COST]
    low = -min(power, demand)
    count = 0
    at = -demand
    value = -cycle * low
    for k in range(cost.size):
        begin, end = at, at + width[k]
        at = end
        if begin < low:
            value += (min(end, low) - begin) * cost[k]
            begin = low
        if begin < 0.0:
            stop = min(end, 0.0)
            if stop > begin:
                slope[count] = (cost[k] - cycle) * out
                length[count] = (stop - begin) / out
                count += 1
                begin = stop
        stop = min(end, power)
        if begin >= 0.0 and stop > begin:
            slope[count] = cost[k] / into
            length[count] = (stop - begin) * into
            count += 1
        if at >= power:
            break
    return count, low / out, value


@njit(cache=True, nogil=True, error_model="numpy")
def with_burning(cost: Any, width: Any, demand: float, store: Any, change: float) -> Any:
    """Charge, discharge and cost at this change of state where burning energy in the storage may pay.

    With k the withdrawal beyond the plain one, burning costs cycle * e / (1 - e) per unit (e: round trip), so the best
    withdrawal is where the stack's cost rises above minus that, within the limits of both converters.
    """
    power, into, out, cycle = store[POWER], store[INTO], store[OUT], store[CYCLE_COST]
    trip = into * out
    charge = change / into if change > 0.0 else 0.0
    discharge = -change * out if change < 0.0 else 0.0
    plain = charge - discharge
    most = 0.0
    price = np.inf
    if trip < 1.0:
        most = (1.0 - trip) * min(power - charge, (power - discharge) / trip)
        price = cycle * trip / (1.0 - trip)
    best = -demand
    for k in range(cost.size):
        if cost[k] >= -price:
            break
        best += width[k]
    extra = min(max(best - plain, 0.0, -demand - plain), most)
    twice = extra / (1.0 - trip) if extra > 0.0 else 0.0
    charge += twice
    discharge += twice * trip
    level = plain + extra + demand
    return charge, discharge, _fill(cost, width, max(level, 0.0)) + cycle * discharge, level


@njit(cache=True, nogil=True, error_model="numpy")
def _burning_pieces(cost: Any, width: Any, demand: float, store: Any, slope: Any, length: Any) -> Any:
    """Pieces of g where energy has negative value somewhere in the stack's reach (see `with_burning`)."""
    power, into, out = store[POWER], store[INTO], store[OUT]
    trip = into * out
    spare = (1.0 - trip) * power
    points = np.empty(5 * (cost.size + 1) + 4)
    points[0], points[1], points[2], points[3] = -power / out, 0.0, power * into, -spare / out
    n = 4
    at = -demand
    for k in range(cost.size + 1):
        points[n] = at * into if at > 0.0 else at / out
        points[n + 1] = (at - spare) / trip * into
        points[n + 2] = -(spare - trip * at) / out
        points[n + 3] = -(spare - at) / out
        points[n + 4] = 0.0
        n += 5
        if k < cost.size:
            at += width[k]
    top = at
    points = np.sort(points)
    count = 0
    low, value, last, last_value = 0.0, 0.0, np.nan, 0.0
    tiny = 1e-12 * (power + demand)
    for i in range(n):
        change = points[i]
        # Points that differ by rounding alone would give slopes of noise.
        if change < -power / out or change > power * into or change - last < 1e-9 * power:
            continue
        _, _, here, level = with_burning(cost, width, demand, store, change)
        if level < -tiny or level > top + demand + tiny:
            continue
        if np.isnan(last):
            low, value = change, here
        elif change > last:
            slope[count] = (here - last_value) / (change - last)
            length[count] = change - last
            if count > 0 and slope[count] < slope[count - 1]:
                slope[count] = slope[count - 1]
            count += 1
        last, last_value = change, here
    return count, low, value


@njit(cache=True, nogil=True, error_model="numpy")
def hour_pieces(cost: Any, width: Any, demand: float, store: Any, slope: Any, length: Any) -> Any:
    """Pieces of g in order of slope: how many, the least change of state, and g there.

    Burning matters where it is paid for, and where the bus cannot take what the battery could give.
    """
    trip = store[INTO] * store[OUT]
    if trip < 1.0 and (demand < store[POWER] or cost[0] < -store[CYCLE_COST] * trip / (1.0 - trip)):
        return _burning_pieces(cost, width, demand, store, slope, length)
    return _plain_pieces(cost, width, demand, store, slope, length)
