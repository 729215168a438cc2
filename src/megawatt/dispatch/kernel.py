"""Compiled core of the exact solver: a year with one storage, by dynamic programming on convex functions of its state.

One hour is a stack: pieces of supply (a use given up counts as supply at its value) sorted by cost. Filling the stack
to the net withdrawal n of the storage costs h(n), convex and piecewise linear; so is the hour's cost g(d) as a
function of the change d of the stored energy. The least cost V(s) of reaching state s then follows from hour to hour
by infimal convolution, which for such functions merges two lists of (slope, length) pieces sorted by slope: exact, no
grid of states. Going back from the last hour, the same merge splits each state into the state before and the hour's
change, and the slope at the split is the value of stored energy (the dual), so that every answer carries its proof.

Importing this module imports numba; it is imported where the solver runs, nowhere else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from megawatt.dispatch.kernel_hour import (
    CYCLE_COST,
    ENERGY,
    INTO,
    KEEP,
    OUT,
    POWER,
    hour_pieces,
    limit_widths,
    with_burning,
)

__all__ = ["NO_STATE", "backward", "forward", "relieve", "settle"]

FloatArray = NDArray[np.float64]

NO_STATE = -1.0
"""As a start: the state is free."""


@njit(cache=True, nogil=True, error_model="numpy")
def _merge(
    slope: Any, length: Any, n: int, keep: float, new_slope: Any, new_length: Any, m: int, to: Any, to_l: Any
) -> int:
    """Merge two sorted lists, the first with its argument scaled by ``keep``; equal neighbours become one."""
    i = j = count = 0
    while i < n or j < m:
        if j >= m or (i < n and slope[i] / keep <= new_slope[j]):
            s, w = slope[i] / keep, length[i] * keep
            i += 1
        else:
            s, w = new_slope[j], new_length[j]
            j += 1
        if count > 0 and to[count - 1] == s:
            to_l[count - 1] += w
        else:
            to[count] = s
            to_l[count] = w
            count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _truncate(slope: Any, length: Any, n: int, low: float, value: float, energy: float) -> Any:
    """Cut the domain to 0 to ``energy``: first piece kept, end, new low end and the value there."""
    first = 0
    while first < n and low + length[first] <= 0.0:
        value += slope[first] * length[first]
        low += length[first]
        first += 1
    if low < 0.0 and first < n:
        value -= slope[first] * low
        length[first] += low
        low = 0.0
    high = low
    end = first
    while end < n and high < energy:
        if high + length[end] > energy:
            length[end] = energy - high
        high += length[end]
        end += 1
    return first, end, max(low, 0.0), value


@njit(cache=True, nogil=True, error_model="numpy")
def forward(
    cost: FloatArray, width: FloatArray, metered: Any, demand: FloatArray, peak: FloatArray, store: FloatArray,
    first_hour: int, start: float, slope_of_start: float, slopes: FloatArray, lengths: FloatArray,
) -> Any:  # fmt: skip
    """Least cost of reaching each state, hour by hour from ``first_hour`` around the year.

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
    first_hour : int
        Hour of the year that comes first.
    start : float
        State before it [MWh], or `NO_STATE`: free, at ``slope_of_start`` USD/MWh.
    slopes, lengths : array
        Room for the functions; replaced by larger arrays where it does not suffice.

    Returns
    -------
    tuple
        (slopes, lengths, offsets (hours + 2,), low ends, values at them): V before the first hour and after each.
    """
    hours, k = cost.shape
    energy, keep = store[ENERGY], store[KEEP]
    room = slopes.size
    offsets = np.zeros(hours + 2, dtype=np.int64)
    lows, values = np.zeros(hours + 1), np.zeros(hours + 1)
    piece_slope, piece_length, limited = np.empty(5 * k + 9), np.empty(5 * k + 9), np.empty(k)
    merged, merged_length = np.empty(256), np.empty(256)
    if start == NO_STATE:
        slopes[0], lengths[0] = slope_of_start, energy
        offsets[1] = 1
    else:
        lows[0] = start
    for i in range(hours):
        t = (first_hour + i) % hours
        limit_widths(cost[t], width[t], metered[t], peak[t], limited)
        m, low, value = hour_pieces(cost[t], limited, demand[t], store, piece_slope, piece_length)
        begin, n = offsets[i], offsets[i + 1] - offsets[i]
        if n + m > merged.size:
            merged, merged_length = np.empty(2 * (n + m)), np.empty(2 * (n + m))
        old, old_length = slopes[begin : begin + n], lengths[begin : begin + n]
        n = _merge(old, old_length, n, keep, piece_slope, piece_length, m, merged, merged_length)
        low += lows[i] * keep
        a, b, lows[i + 1], values[i + 1] = _truncate(merged, merged_length, n, low, values[i] + value, energy)
        at = offsets[i + 1]
        offsets[i + 2] = at + b - a
        if offsets[i + 2] > room:
            room = 2 * offsets[i + 2]
            more, more_length = np.empty(room), np.empty(room)
            more[:at], more_length[:at] = slopes[:at], lengths[:at]
            slopes, lengths = more, more_length
        slopes[at : at + b - a] = merged[a:b]
        lengths[at : at + b - a] = merged_length[a:b]
    return slopes, lengths, offsets, lows, values


@njit(cache=True, nogil=True, error_model="numpy")
def _split(
    slope: Any, length: Any, n: int, keep: float, piece_slope: Any, piece_length: Any, m: int, rest: float, tiny: float
) -> Any:
    """Walk the merged list for ``rest`` of state: parts taken from either list, and the slopes left and right.

    Pieces shorter than ``tiny`` are rounding; the slopes are those beyond it on either side, since a plan may hop over
    such a piece.
    """
    i = j = 0
    of_state = of_hour = beyond = 0.0
    left, right = -np.inf, np.inf
    while i < n or j < m:
        if j >= m or (i < n and slope[i] / keep <= piece_slope[j]):
            s, w = slope[i] / keep, length[i] * keep
            take = min(w, max(rest, 0.0))
            of_state += take
            i += 1
        else:
            s, w = piece_slope[j], piece_length[j]
            take = min(w, max(rest, 0.0))
            of_hour += take
            j += 1
        if rest > tiny:
            left = s
        rest -= take
        beyond += w - take
        if beyond > tiny:
            right = s
            break
    return of_state, of_hour, left, right


@njit(cache=True, nogil=True, error_model="numpy")
def backward(
    cost: FloatArray, width: FloatArray, metered: Any, demand: FloatArray, peak: FloatArray, store: FloatArray,
    first_hour: int, end: float, slope_of_end: float, slopes: FloatArray, lengths: FloatArray, offsets: Any,
    lows: FloatArray,
) -> Any:  # fmt: skip
    """The plan behind `forward`'s least cost: change of state and value of stored energy in each hour.

    Parameters
    ----------
    end : float
        State after the last hour, within the reach of `forward`. [MWh]
    slope_of_end : float
        Value of energy in it [USD/MWh]; cut to what the last hour allows, so infinity takes the highest.

    Returns
    -------
    tuple of arrays
        Change of state (hours,), its value (hours,) at the end of each hour [USD/MWh], state at the end of each hour
        (hours,), and the state before ``first_hour``.
    """
    hours, k = cost.shape
    keep = store[KEEP]
    tiny = 1e-9 * store[ENERGY]
    change, worth, state = np.empty(hours), np.empty(hours), np.empty(hours)
    piece_slope, piece_length, limited = np.empty(5 * k + 9), np.empty(5 * k + 9), np.empty(k)
    s, value = end, slope_of_end
    for back in range(hours):
        i = hours - 1 - back
        t = (first_hour + i) % hours
        limit_widths(cost[t], width[t], metered[t], peak[t], limited)
        m, low, _ = hour_pieces(cost[t], limited, demand[t], store, piece_slope, piece_length)
        begin, n = offsets[i], offsets[i + 1] - offsets[i]
        before = lows[i] * keep
        of_state, of_hour, left, right = _split(
            slopes[begin : begin + n], lengths[begin : begin + n], n, keep, piece_slope, piece_length, m,
            s - before - low, tiny,
        )  # fmt: skip
        value = min(max(value, left), right)
        change[t], worth[t], state[t] = low + of_hour, value, s
        s = (before + of_state) / keep
        value *= keep
    return change, worth, state, s


@njit(cache=True, nogil=True, error_model="numpy")
def _bus_price(left: float, right: float, charge: float, discharge: float, value: float, store: Any) -> float:
    """A price of energy at the bus that supports stack and storage together; any such price is a dual solution."""
    power, tiny = store[POWER], 1e-9 * store[POWER]
    buy, sell = value * store[INTO], value / store[OUT] + store[CYCLE_COST]
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


@njit(cache=True, nogil=True, error_model="numpy")
def _settle_hour(cost: Any, limited: Any, demand: float, store: Any, change: float, worth: float, power: Any) -> Any:
    """Power of the hour's pieces (written), charge, discharge and bus price."""
    charge, discharge, _, level = with_burning(cost, limited, demand, store, change)
    tiny = 1e-12 * (demand + store[POWER])
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


@njit(cache=True, nogil=True, error_model="numpy")
def relieve(
    cost: FloatArray, width: FloatArray, metered: Any, demand: FloatArray, peak: FloatArray, store: FloatArray,
    change: FloatArray, worth: FloatArray,
) -> FloatArray:  # fmt: skip
    """What one more MW of peak would save in each hour, at the given changes of state. [USD/MW], shape (hours,)"""
    hours, k = cost.shape
    relief, limited, power = np.zeros(hours), np.empty(k), np.empty(k)
    for t in range(hours):
        limit_widths(cost[t], width[t], metered[t], peak[t], limited)
        for j in range(k):
            if metered[t, j] and width[t, j] > limited[j]:
                price = _settle_hour(cost[t], limited, demand[t], store, change[t], worth[t], power)[2]
                relief[t] = max(price - cost[t, j], 0.0)
                break
    return relief


@njit(cache=True, nogil=True, error_model="numpy")
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
        limit_widths(cost[t], width[t], metered[t], peak[t], limited)
        charge[t], discharge[t], price[t] = _settle_hour(
            cost[t], limited, demand[t], store, change[t], worth[t], power[t]
        )
    return power, charge, discharge, price
