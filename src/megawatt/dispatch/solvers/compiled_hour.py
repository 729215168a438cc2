"""Compiled core of the exact solver, hour by hour: the stack as a convex function of the change of stored energy.

One hour is a stack: pieces of supply (a use given up counts as supply at its value) sorted by cost. Filling the stack
to the net withdrawal n of the storage costs h(n), convex and piecewise linear; so is the hour's cost g(d) as a
function of the change d of the stored energy: a list of (slope, length) pieces in order of slope.

Numba keeps what it compiles by file: no compiled function calls one of another file, so that none is ever stale.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.solvers.compiled import compiled

__all__ = ["pieces", "relieve", "settle"]


# Columns of the storage row handed to the kernel.
_POWER, _ENERGY, _INTO, _OUT, _KEEP, _COST = range(6)


@compiled
def _limited(cost: Any, width: Any, metered: Any, peak_mw: float, width_out: Any) -> None:
    """Widths of the sorted stack of an hour when metered pieces together stay below the peak."""
    left = peak_mw
    for k in range(cost.size):
        w = width[k]
        if metered[k]:
            w = min(w, left)
            left -= w
        width_out[k] = w


@compiled
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


@compiled
def _plain(change: float, store: Any) -> Any:
    """Charge and discharge behind a change of state where they exclude each other."""
    if change < 0.0:
        return 0.0, -change * store[_OUT]
    return change / store[_INTO], 0.0


@compiled
def _burning(cost: Any, width: Any, demand: float, store: Any, change: float) -> Any:
    """Charge, discharge and cost at this change of state where burning energy in the storage may pay.

    With k the withdrawal beyond the plain one, burning costs cycle * e / (1 - e) per unit (e: round trip), so the best
    withdrawal is where the stack's cost rises above minus that, within the limits of both converters.
    """
    power, into, out, cycle = store[_POWER], store[_INTO], store[_OUT], store[_COST]
    trip = into * out
    charge, discharge = _plain(change, store)
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


@compiled
def _burning_pieces(cost: Any, width: Any, demand: float, store: Any, slope: Any, length: Any) -> Any:
    """Pieces of g where energy has negative value somewhere in the stack's reach (see `_burning`)."""
    power, into, out = store[_POWER], store[_INTO], store[_OUT]
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
        _, _, here, level = _burning(cost, width, demand, store, change)
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


@compiled
def _burns(least_cost: float, demand: float, store: Any) -> Any:
    """Whether burning energy in the storage may pay: where it is paid for, or the bus cannot take what it gives."""
    trip = store[_INTO] * store[_OUT]
    return trip < 1.0 and (demand < store[_POWER] or least_cost < -store[_COST] * trip / (1.0 - trip))


@compiled
def pieces(
    cost: FloatArray, width: FloatArray, metered: Any, demand: FloatArray, peak: FloatArray, store: FloatArray
) -> Any:
    """The cost of every hour as a function g of the change of stored energy.

    Parameters
    ----------
    cost, width, metered : array, shape (hours, k)
        Stack sorted by cost [USD/MWh], width [MW], and whether the piece counts for the peak.
    demand : array, shape (hours,)
        Firm load plus all uses at full power. [MW], >= 0
    peak : array, shape (hours,)
        Limit of metered power. [MW]
    store : array, shape (6,)
        Power, energy, charge and discharge efficiency, share kept per hour, cost of discharge.

    Returns
    -------
    tuple
        Slopes [USD/MWh] and lengths [MWh] of the pieces of all hours in a row, offsets (hours + 1,) of each hour's,
        least change (hours,) [MWh] and g there (hours,) [USD].
    """
    hours, k = cost.shape
    power, cycle = store[_POWER], store[_COST]
    into, out = store[_INTO], store[_OUT]
    per_into, per_out = 1.0 / into, 1.0 / out
    most = 5 * k + 9
    slopes, lengths = np.empty(hours * (k + 2) + most), np.empty(hours * (k + 2) + most)
    offsets, lows, values = np.zeros(hours + 1, dtype=np.int64), np.empty(hours), np.empty(hours)
    limited = np.empty(k)
    at = 0
    for t in range(hours):
        if at + most > slopes.size:
            more, more_length = np.empty(2 * slopes.size), np.empty(2 * slopes.size)
            more[:at], more_length[:at] = slopes[:at], lengths[:at]
            slopes, lengths = more, more_length
        if _burns(cost[t, 0], demand[t], store):
            _limited(cost[t], width[t], metered[t], peak[t], limited)
            count, lows[t], values[t] = _burning_pieces(cost[t], limited, demand[t], store, slopes[at:], lengths[at:])
            at += count
            offsets[t + 1] = at
            continue
        # Charging and discharging exclude each other. Inlined: this loop takes most of what a year's pieces take.
        left, low = peak[t], -min(power, demand[t])
        end, value = -demand[t], -cycle * low
        for j in range(k):
            wide, c = width[t, j], cost[t, j]
            if metered[t, j]:
                wide = min(wide, left)
                left -= wide
            begin, end = end, end + wide
            if begin < low:
                value += (min(end, low) - begin) * c
                begin = low
            if begin < 0.0 and min(end, 0.0) > begin:
                stop = min(end, 0.0)
                slopes[at], lengths[at] = (c - cycle) * out, (stop - begin) * per_out
                begin = stop
                at += 1
            if begin >= 0.0 and min(end, power) > begin:
                slopes[at], lengths[at] = c * per_into, (min(end, power) - begin) * into
                at += 1
            if end >= power:
                break
        offsets[t + 1], lows[t], values[t] = at, low * per_out, value
    return slopes, lengths, offsets, lows, values


@compiled
def _bus_price(left: float, right: float, charge: float, discharge: float, value: float, store: Any) -> float:
    """A price of energy at the bus that supports stack and storage together; any such price is a dual solution."""
    power, tiny = store[_POWER], 1e-9 * store[_POWER]
    buy, sell = value * store[_INTO], value / store[_OUT] + store[_COST]
    low, high = left, right
    if charge > tiny:
        high = min(high, buy)
    if charge < power - tiny:
        low = max(low, buy)
    if discharge > tiny:
        low = max(low, sell)
    if discharge < power - tiny:
        high = min(high, sell)
    if low == -np.inf:
        return high
    if high == np.inf:
        return low
    return 0.5 * (low + high)


@compiled
def _settle_hour(cost: Any, limited: Any, demand: float, store: Any, change: float, worth: float, power: Any) -> Any:
    """Power of the hour's pieces (written), charge, discharge and bus price."""
    if _burns(cost[0], demand, store):
        charge, discharge, _, level = _burning(cost, limited, demand, store, change)
    else:
        charge, discharge = _plain(change, store)
        level = charge - discharge + demand
    tiny = 1e-12 * (demand + store[_POWER])
    left, right = -np.inf, np.inf
    rest = max(level, 0.0)
    for j in range(cost.size):
        take = min(limited[j], rest)
        power[j] = take
        rest -= take
        if take > tiny:
            left = cost[j]
        if limited[j] - take > tiny:
            right = cost[j]
            break
    return charge, discharge, _bus_price(left, right, charge, discharge, worth, store)


@compiled
def relieve(
    cost: FloatArray, width: FloatArray, metered: Any, demand: FloatArray, peak: FloatArray, store: FloatArray,
    change: FloatArray, worth: FloatArray,
) -> FloatArray:  # fmt: skip
    """What one more MW of peak would save in each hour, at the given changes of state. [USD/MW], shape (hours,)"""
    hours, k = cost.shape
    relief, limited, power = np.zeros(hours), np.empty(k), np.empty(k)
    for t in range(hours):
        _limited(cost[t], width[t], metered[t], peak[t], limited)
        for j in range(k):
            if metered[t, j] and width[t, j] > limited[j]:
                price = _settle_hour(cost[t], limited, demand[t], store, change[t], worth[t], power)[2]
                relief[t] = max(price - cost[t, j], 0.0)
                break
    return relief


@compiled
def settle(
    cost: FloatArray, width: FloatArray, metered: Any, demand: FloatArray, peak: FloatArray, store: FloatArray,
    change: FloatArray, worth: FloatArray,
) -> Any:  # fmt: skip
    """Power of every piece, charge and discharge at the given changes of state, and the price at the bus.

    Returns
    -------
    tuple of arrays
        Power by piece (hours, k), charge, discharge and bus price (hours,).
    """
    hours, k = cost.shape
    power, limited = np.zeros((hours, k)), np.empty(k)
    charge, discharge, price = np.zeros(hours), np.zeros(hours), np.zeros(hours)
    for t in range(hours):
        _limited(cost[t], width[t], metered[t], peak[t], limited)
        charge[t], discharge[t], price[t] = _settle_hour(
            cost[t], limited, demand[t], store, change[t], worth[t], power[t]
        )
    return power, charge, discharge, price
