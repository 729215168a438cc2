"""Returns on dated flows, every root of a rate equation, and levelised cost: (paths or rows, periods) arrays."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.finance.irr import IrrResult

__all__ = [
    "all_rates",
    "break_even_price",
    "dated_factors",
    "dated_irr",
    "dated_npv_usd",
    "levelised",
]

FloatArray = NDArray[np.float64]

_LOWEST, _HIGHEST = float(np.log(1e-4)), float(np.log1p(1e4))
_SCAN: Final = 721
_HALVINGS: Final = 64


def dated_factors(annual_rate: float, years: FloatArray) -> FloatArray:
    """Discount factors (1 + rate)^-years, (periods,); years of 365 days make it the spreadsheet's XNPV.

    Raises
    ------
    ScenarioError
        If the rate is -100 % or less.
    """
    if not annual_rate > -1.0:
        raise ScenarioError(f"discount_rate = {annual_rate} a year, must be above -1 (0.09 is 9 %)")
    return np.asarray((1.0 + annual_rate) ** -np.asarray(years, dtype=np.float64), dtype=np.float64)


def dated_npv_usd(flows: FloatArray, annual_rate: float, years: FloatArray) -> FloatArray:
    """Present value at year 0, (rows,). [USD]"""
    return np.asarray(flows @ dated_factors(annual_rate, years), dtype=np.float64)


def _values(scaled: FloatArray, years: FloatArray, log_growth: FloatArray) -> FloatArray:
    """Present values at each log growth up to a positive factor, (growths, rows)."""
    # below zero growth, values are taken at the end, so that the weights stay within range
    shift = np.where(log_growth[:, None] < 0.0, years - years[-1], years)
    return np.asarray(np.exp(-log_growth[:, None] * shift) @ scaled.T, dtype=np.float64)


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
    scaled = (flows / largest)[None, :]
    grid = np.linspace(_LOWEST, _HIGHEST, _SCAN)
    value = _values(scaled, years, grid)[:, 0]
    roots = [float(grid[k]) for k in np.flatnonzero(value == 0.0)]
    for k in np.flatnonzero(value[:-1] * value[1:] < 0.0):
        low, high, sign = grid[k], grid[k + 1], np.sign(value[k])
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            if np.sign(_values(scaled, years, np.array([middle]))[0, 0]) == sign:
                low = middle
            else:
                high = middle
        roots.append(float(0.5 * (low + high)))
    return tuple(float(np.expm1(root)) for root in sorted(roots))


def dated_irr(flows: FloatArray, years: FloatArray) -> IrrResult:
    """Rate at which each row of dated flows is worth zero (XIRR where years are days / 365). [annual, fraction]

    NaN with a reason where there is none or more than one (see `IRR_REASONS`).

    Parameters
    ----------
    flows : (rows, periods)
        Money in positive, finite.
    years : (periods,)
        Time of each flow in years, rising.

    Raises
    ------
    ScenarioError
        If the shapes disagree or a flow is not finite.
    """
    if flows.ndim != 2 or flows.shape[1:] != years.shape or not np.all(np.isfinite(flows)):
        raise ScenarioError(f"irr: flows of shape {flows.shape} on {years.size} dates, must be finite (rows, dates)")
    rate, reason = np.full(flows.shape[0], np.nan), np.zeros(flows.shape[0], dtype=np.int64)
    for row, amounts in enumerate(flows):
        positive, negative = bool((amounts > 0.0).any()), bool((amounts < 0.0).any())
        roots = all_rates(amounts, years) if positive and negative else ()
        if len(roots) == 1:
            rate[row] = roots[0]
        elif not (positive and negative):
            reason[row] = 2 if positive else 3 if negative else 1
        else:
            reason[row] = 5 if roots else 4
    return IrrResult(rate, reason)


def levelised(cost: FloatArray, units: FloatArray, factors: FloatArray, unit_factors: FloatArray) -> FloatArray:
    """Present value of costs over present value of units, (paths,). [USD per unit]

    With the same factors for both this is the constant nominal price that pays the costs; with units discounted at the
    real rate it is the constant real price. Units may be chip-hours, MWh of IT energy or million tokens, sold or
    available: the caller says which.

    Raises
    ------
    ScenarioError
        If there are no units.
    """
    amount = units @ unit_factors
    if not np.all(amount > 0.0):
        raise ScenarioError("levelised cost: no units to spread the cost on; give units above 0 in some period")
    return np.asarray((cost @ factors) / amount, dtype=np.float64)


def break_even_price(npv_at_zero: FloatArray, npv_at_one: FloatArray) -> FloatArray:
    """Price at which a value that is linear in price is zero, from the values at prices 0 and 1, (paths,).

    NaN where price does not move the value. Exact before tax, or where losses are refunded; otherwise use a root
    search on the whole model.
    """
    slope = npv_at_one - npv_at_zero
    return np.where(slope != 0.0, -npv_at_zero / np.where(slope != 0.0, slope, 1.0), np.nan)
