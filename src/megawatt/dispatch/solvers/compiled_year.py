"""Compiled core of the exact solver, the year: dynamic programming on convex functions of the stored energy.

The least cost V(s) of reaching state s follows from hour to hour by infimal convolution with the hour's cost
(`megawatt.dispatch.solvers.compiled_hour`), which for convex piecewise linear functions merges two lists of (slope,
length) pieces sorted by slope: exact, no grid of states. Going back from the last hour, the same merge splits each
state into the state before and the hour's change, and the slope at the split is the value of stored energy (the dual),
so that every answer carries its proof.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.solvers.compiled import compiled

__all__ = ["NO_STATE", "backward", "forward"]


NO_STATE = -1.0
"""As a start: the state is free."""


@compiled
def _merge(slope: Any, length: Any, keep: float, new_slope: Any, new_length: Any, to: Any, to_l: Any) -> int:
    """Merge two sorted lists, the first with its argument scaled by ``keep``; equal neighbours become one."""
    n, m = slope.size, new_slope.size
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


@compiled
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


@compiled
def forward(
    pieces: Any, energy: float, keep: float, first_hour: int, start: float, slope_of_start: float,
    slopes: FloatArray, lengths: FloatArray,
) -> Any:  # fmt: skip
    """Least cost of reaching each state, hour by hour from ``first_hour`` around the year.

    Parameters
    ----------
    pieces : tuple
        Cost of every hour, from `megawatt.dispatch.solvers.compiled_hour.pieces`.
    energy, keep : float
        Room of the storage [MWh] and the share of its content that an hour leaves.
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
    piece_slopes, piece_lengths, piece_at, piece_lows, piece_values = pieces
    hours = piece_lows.size
    room = slopes.size
    offsets = np.zeros(hours + 2, dtype=np.int64)
    lows, values = np.zeros(hours + 1), np.zeros(hours + 1)
    merged, merged_length = np.empty(256), np.empty(256)
    if start == NO_STATE:
        slopes[0], lengths[0] = slope_of_start, energy
        offsets[1] = 1
    else:
        lows[0] = start
    for i in range(hours):
        t = (first_hour + i) % hours
        piece_slope = piece_slopes[piece_at[t] : piece_at[t + 1]]
        piece_length = piece_lengths[piece_at[t] : piece_at[t + 1]]
        begin, at = offsets[i], offsets[i + 1]
        most = at - begin + piece_slope.size
        if most > merged.size:
            merged, merged_length = np.empty(2 * most), np.empty(2 * most)
        n = _merge(slopes[begin:at], lengths[begin:at], keep, piece_slope, piece_length, merged, merged_length)
        low, value = lows[i] * keep + piece_lows[t], values[i] + piece_values[t]
        a, b, lows[i + 1], values[i + 1] = _truncate(merged, merged_length, n, low, value, energy)
        offsets[i + 2] = at + b - a
        if offsets[i + 2] > room:
            room = 2 * offsets[i + 2]
            more, more_length = np.empty(room), np.empty(room)
            more[:at], more_length[:at] = slopes[:at], lengths[:at]
            slopes, lengths = more, more_length
        slopes[at : at + b - a] = merged[a:b]
        lengths[at : at + b - a] = merged_length[a:b]
    return slopes, lengths, offsets, lows, values


@compiled
def _split(slope: Any, length: Any, keep: float, piece_slope: Any, piece_length: Any, rest: float, tiny: float) -> Any:
    """Walk the merged list for ``rest`` of state: parts taken from either list, and the slopes left and right.

    Pieces shorter than ``tiny`` are rounding; the slopes are those beyond it on either side, since a plan may hop over
    such a piece.
    """
    n, m = slope.size, piece_slope.size
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


@compiled
def backward(
    pieces: Any, energy: float, keep: float, first_hour: int, end: float, slope_of_end: float,
    slopes: FloatArray, lengths: FloatArray, offsets: Any, lows: FloatArray,
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
    piece_slopes, piece_lengths, piece_at, piece_lows, _ = pieces
    hours = piece_lows.size
    tiny = 1e-9 * energy
    change, worth, state = np.empty(hours), np.empty(hours), np.empty(hours)
    s, value = end, slope_of_end
    for back in range(hours):
        i = hours - 1 - back
        t = (first_hour + i) % hours
        piece_slope = piece_slopes[piece_at[t] : piece_at[t + 1]]
        piece_length = piece_lengths[piece_at[t] : piece_at[t + 1]]
        begin, at = offsets[i], offsets[i + 1]
        before, low = lows[i] * keep, piece_lows[t]
        of_state, of_hour, left, right = _split(
            slopes[begin:at], lengths[begin:at], keep, piece_slope, piece_length, s - before - low, tiny
        )
        value = min(max(value, left), right)
        change[t], worth[t], state[t] = low + of_hour, value, s
        s = (before + of_state) / keep
        value *= keep
    return change, worth, state, s
