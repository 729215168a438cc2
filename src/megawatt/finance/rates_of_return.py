"""Internal rates of return of many cash-flow rows at once, with a reason wherever there is none, and every root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError

__all__ = ["IRR_REASONS", "IrrResult", "all_rates", "irr"]


IRR_REASONS: Final = (
    "",
    "every flow is zero",
    "no flow is negative: nothing is invested",
    "no flow is positive: nothing comes back",
    "no rate between -99.99 % and 1,000,000 % a year balances the flows",
    "several rates balance the flows, so none of them is the return",
)
"""Why a rate is NaN, by reason code; code 0 is a rate that was found."""

_LOWEST, _HIGHEST = np.log(1e-4), np.log1p(1e4)
_SCAN_POINTS: Final = 181
"""Rates at which flows with several changes of sign are looked at."""
_FINE_SCAN_POINTS: Final = 721
"""The same where the coarse scan finds no root."""
_HALVINGS: Final = 64
"""Halvings of a bracket: to machine precision."""
_ITERATIONS: Final = 200
"""Newton steps at most."""
_WIDTH: Final = 1e-13
"""Step of the rate that ends the search."""
_DROP: Final = 0.1
"""Share of finished rows at which they are taken out of the iteration."""
_FIRST_STEP: Final = 0.01
"""First guess: 1 % growth a period above the bracket's lower end; brackets are far wider than usual rates."""


@dataclass(frozen=True, slots=True)
class IrrResult:
    """Annual effective rate, (rows,), NaN where there is none; ``reason`` holds codes into `IRR_REASONS`."""

    rate: FloatArray
    reason: IntArray

    def note(self, row: int = 0) -> str:
        """Why this row has no rate; empty if it has one."""
        return IRR_REASONS[int(self.reason[row])]


def irr(flows: FloatArray, years: FloatArray | None = None) -> IrrResult:
    """Rate at which the present value of each row of flows is zero. [annual effective, fraction]

    With one change of sign there is exactly one rate (Descartes). With several, the present value is scanned at 181
    rates from -99.99 % to 1,000,000 % a year: one crossing is the rate, several crossings are no rate. Two crossings
    closer together than the scan's steps (a factor 1.11 in 1 + rate) would be missed. The crossing is found by
    Newton's method inside a bracket that only ever shrinks, to 1e-13 in the logarithm of one period's growth.

    Parameters
    ----------
    flows : array, shape (rows, periods)
        Money in positive, finite.
    years : (periods,), optional
        Time of each flow in years, rising (years of 365 days: the spreadsheet's XIRR); None: months.

    Returns
    -------
    IrrResult

    Raises
    ------
    ScenarioError
        If the flows are not a finite (rows, periods) array, or times do not rise.
    """
    if flows.ndim != 2 or not np.all(np.isfinite(flows)):
        raise ScenarioError(f"irr: flows of shape {flows.shape}, must be finite and of shape (rows, periods)")
    gaps, per_year = _gaps(flows.shape[1], years)
    largest = np.abs(flows).max(axis=1)
    scaled = np.ascontiguousarray((flows / np.where(largest > 0.0, largest, 1.0)[:, None]).T)
    scaled[np.abs(scaled) < 1e-14] = 0.0
    log_rate, reason = np.full(flows.shape[0], np.nan), _screen(scaled)
    changes = _sign_changes(scaled)
    bounds = np.array([_LOWEST, _HIGHEST]) / per_year
    for rows, grid in (
        (np.flatnonzero((reason == 0) & (changes == 1)), np.array([bounds[0], 0.0, bounds[1]])),
        (np.flatnonzero((reason == 0) & (changes > 1)), np.linspace(bounds[0], bounds[1], _SCAN_POINTS)),
    ):
        if rows.size:
            log_rate[rows], reason[rows] = _solve_rows(scaled[:, rows], gaps, grid)
    return IrrResult(np.expm1(log_rate * per_year), reason)


def all_rates(flows: FloatArray, years: FloatArray) -> tuple[float, ...]:
    """Every annual rate between -99.99 % and 1,000,000 % at which one row's value is zero, lowest first.

    The value is scanned at 721 rates; two roots nearer than a factor of 1.026 in 1 + rate may be missed, and so may a
    root at which the value only touches zero. [annual effective, fraction]

    Parameters
    ----------
    flows : (periods,)
        Money in positive.
    years : (periods,)
        Time of each flow in years, rising.
    """
    largest = float(np.abs(flows).max(initial=0.0))
    if largest == 0.0:
        return ()
    gaps, per_year = _gaps(flows.size, years)
    column = (flows / largest)[:, None]
    grid = np.linspace(_LOWEST, _HIGHEST, _FINE_SCAN_POINTS) / per_year
    value = _scan(column, gaps, grid)[:, 0]
    roots = [float(grid[k]) for k in np.flatnonzero(value == 0.0)]
    for k in np.flatnonzero(value[:-1] * value[1:] < 0.0):
        low, high, sign = grid[k], grid[k + 1], np.sign(value[k])
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            same = np.sign(_scan(column, gaps, np.array([middle]))[0, 0]) == sign
            low, high = (middle, high) if same else (low, middle)
        roots.append(float(0.5 * (low + high)))
    return tuple(float(np.expm1(root * per_year)) for root in sorted(roots))


def _gaps(count: int, years: FloatArray | None) -> tuple[FloatArray, float]:
    """Time from each flow to the next in units of the first gap, (periods - 1,), and those units in a year."""
    if years is None:
        return np.ones(max(count - 1, 0)), 12.0
    steps = np.diff(years)
    if years.shape != (count,) or not np.all(steps > 0.0):
        raise ScenarioError(f"irr: {years.size} times for {count} flows, must be one each, rising")
    if count < 2:
        return steps, 1.0
    even = bool(np.all(np.abs(steps / steps[0] - 1.0) < 1e-9))
    return np.ones(count - 1) if even else steps / steps[0], 1.0 / float(steps[0])


def _screen(scaled: FloatArray) -> IntArray:
    """Reason codes of rows in which no rate can exist, 0 elsewhere; ``scaled`` is (periods, rows)."""
    positive, negative = (scaled > 0.0).any(axis=0), (scaled < 0.0).any(axis=0)
    codes = np.where(positive & negative, 0, np.where(positive, 2, np.where(negative, 3, 1)))
    return codes.astype(np.int64)


def _sign_changes(scaled: FloatArray) -> IntArray:
    """Changes of sign down each column, zeros skipped, (rows,)."""
    count, previous = np.zeros(scaled.shape[1], dtype=np.int64), np.zeros(scaled.shape[1])
    for flow in scaled:
        sign = np.sign(flow)
        count += (sign * previous) < 0.0
        previous = np.where(sign != 0.0, sign, previous)
    return count


def _solve_rows(flows: FloatArray, gaps: FloatArray, grid: FloatArray) -> tuple[FloatArray, IntArray]:
    """Log growth per period at which each column's value is zero, and reason codes, both (rows,)."""
    signs = np.sign(_scan(flows, gaps, grid))
    crossing = signs[:-1] * signs[1:] < 0.0
    exact = signs == 0.0
    roots = crossing.sum(axis=0) + exact.sum(axis=0)
    reason = np.where(roots == 1, 0, np.where(roots == 0, 4, 5)).astype(np.int64)
    root = np.full(flows.shape[1], np.nan)
    on_grid = (roots == 1) & exact.any(axis=0)
    root[on_grid] = grid[exact.argmax(axis=0)[on_grid]]
    rows = np.flatnonzero((roots == 1) & ~on_grid)
    if rows.size:
        left = crossing.argmax(axis=0)[rows]
        root[rows] = _refine(flows[:, rows], gaps, grid[left], grid[left + 1])
    return root, reason


def _scan(flows: FloatArray, gaps: FloatArray, grid: FloatArray) -> FloatArray:
    """Present value of each column at each log growth up to a positive factor, (grid, rows).

    Below zero growth the weights would overflow, so the value is taken at the last period instead of the first.
    """
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    exponent = -grid[:, None] * np.where(grid[:, None] < 0.0, times - times[-1], times)
    return np.asarray(np.exp(exponent) @ flows, dtype=np.float64)


def _refine(flows: FloatArray, gaps: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Safeguarded Newton inside brackets that do not straddle zero growth, (rows,)."""
    found = np.zeros(low.size)
    for mirrored in (False, True):
        # below zero growth, time is run backwards
        rows = np.flatnonzero((low < 0.0) == mirrored)
        if rows.size:
            order = slice(None, None, -1) if mirrored else slice(None)
            ends = (-high[rows], -low[rows]) if mirrored else (low[rows], high[rows])
            root = _newton(flows[order, rows], gaps[order], *ends)
            found[rows] = -root if mirrored else root
    return found


def _newton(columns: FloatArray, gaps: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    at_low = np.sign(_value(columns, gaps, low)[0])
    guess = np.minimum(0.5 * (low + high), low + _FIRST_STEP)
    found, open_rows = guess.copy(), np.arange(guess.size)
    for _ in range(_ITERATIONS):
        value, slope = _value(columns, gaps, guess)
        same_side = np.sign(value) == at_low
        low, high = np.where(same_side, guess, low), np.where(same_side, high, guess)
        newton = guess - value / np.where(slope == 0.0, 1.0, slope)
        inside = (slope != 0.0) & (newton > low) & (newton < high)
        following = np.where(inside, newton, 0.5 * (low + high))
        done = (np.abs(following - guess) <= _WIDTH) | (value == 0.0)
        guess = np.where(value == 0.0, guess, following)
        found[open_rows] = guess
        if done.all():
            break
        # most rows need a few steps and few need many: carry on with those that move
        if done.sum() > _DROP * done.size:
            going = ~done
            open_rows, columns, at_low = open_rows[going], columns[:, going], at_low[going]
            guess, low, high = guess[going], low[going], high[going]
    return found


def _value(columns: FloatArray, gaps: FloatArray, log_growth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sum of flows x exp(-t y) down each column and its slope in y, by Horner's rule; y >= 0."""
    factor = np.exp(-log_growth)
    value, slope, width = np.array(columns[-1]), np.zeros_like(factor), 1.0
    for flow, gap in zip(columns[-2::-1], gaps[::-1], strict=True):
        if gap != width:
            width, factor = gap, np.exp(-gap * log_growth)
        slope += value if width == 1.0 else width * value
        slope *= factor
        value *= factor
        value += flow
    return value, -slope
