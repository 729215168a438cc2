"""Floating rates and credit spreads along each path: what a loan that floats pays, and what a new loan costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.debt_terms import LoanTerms, Refinancing
from megawatt.finance.periods import Periods

__all__ = ["MoneyPaths", "check_money", "moved_rate", "moved_rates", "new_loan", "new_rate"]

_DEAREST: Final = 0.99
"""Annual rate above which none is asked."""


@dataclass(frozen=True, slots=True)
class MoneyPaths:
    """Floating rates, credit spreads and shares over those of the base case, (paths, periods) or (1, periods)."""

    rate: FloatArray
    spread: FloatArray
    equity: FloatArray


def check_money(money: MoneyPaths | None, count: int) -> None:
    """Check the paths of money.

    Raises
    ------
    ScenarioError
        If a level is not above 0 or the periods are not the project's.
    """
    for name in MoneyPaths.__slots__ if money is not None else ():
        levels = getattr(money, name)
        if levels.ndim != 2 or levels.shape[1] != count or not np.all(np.isfinite(levels) & (levels > 0.0)):
            raise ScenarioError(f"money.{name}: shape {levels.shape}, must be (paths, {count}) with levels above 0")


def moved_rates(loan: LoanTerms, money: MoneyPaths | None, periods: Periods) -> FloatArray | float:
    """What a path's floating rate adds to the interest of each period, year fraction included, (periods, paths).

    The part that floats pays the larger of the reference rate and its floor; the rest is hedged. 0: nothing floats.
    """
    floats = loan.floating
    if floats is None or money is None or floats.part_frac == 0.0:
        return 0.0
    found = np.maximum(floats.reference * money.rate, floats.floor) - np.maximum(floats.reference, floats.floor)
    return loan.gathered(floats.part_frac * found * periods.fractions).T


def new_rate(new: Refinancing, last: int, money: MoneyPaths | None) -> FloatArray:
    """Annual rate of a loan made in period ``last``, (paths,): the reference part moves with floating rates, the rest
    with credit spreads.
    """
    if money is None:
        return np.full(1, new.rate)
    return moved_rate(new.rate, new.reference_rate, money.rate[:, last], money.spread[:, last])


def moved_rate(rate: float, reference_rate: float, rate_level: FloatArray, spread_level: FloatArray) -> FloatArray:
    """What a loan that costs ``rate`` today costs where floating rates and spreads have moved to these levels."""
    reference = min(reference_rate, rate)
    return np.asarray(reference * rate_level + (rate - reference) * spread_level)


def new_loan(
    new: Refinancing | None, last: int, money: MoneyPaths | None, periods: Periods
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rate of each period, closing balance and service of a dollar lent anew in period ``last``, (periods, paths).

    The new loan's rate is fixed when it is made: its reference part at the path's floating rate of then, the rest at
    the path's credit spread. Payments are level; zeros without a new loan.
    """
    count = periods.count
    if new is None:
        return (np.zeros((count, 1)),) * 3
    rate = new_rate(new, last, money)
    window = slice(last + 1, last + 1 + new.payments)
    rates = np.zeros((count, rate.size))
    rates[last + 1 :] = np.minimum(rate, _DEAREST) * periods.fractions[last + 1 :, None]
    factors = 1.0 / np.cumprod(1.0 + rates[window], axis=0)
    level = 1.0 / factors.sum(axis=0)
    balance, service = np.zeros_like(rates), np.zeros_like(rates)
    service[window] = level
    balance[last] = 1.0
    ahead = level * (np.cumsum(factors[::-1], axis=0)[::-1] - factors)
    balance[window] = ahead / factors
    return rates, balance, service
