"""Cover of a project's debt on every path: DSCR, LLCR, and of a balloon by what comes after it."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.finance.debt import LoanSchedule
from megawatt.finance.measures import LEAST_SERVICE_USD, llcr, period_dscr, trailing_dscr
from megawatt.finance.periods import Periods
from megawatt.finance.records import ProjectTerms
from megawatt.finance.repayment import discount_to

__all__ = ["covers", "refinancing_cover"]

_ROUNDING: Final = 1e-9
"""Relative difference of two shares below which they are the same."""


def covers(
    terms: ProjectTerms, periods: Periods, schedule: LoanSchedule, service: FloatArray, cash: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lowest twelve-month DSCR, plain mean of each payment's DSCR, and LLCR at the first payment, (paths,).

    The rest of an instalment, the last payment of a loan that was repaid ahead, is not in the mean.
    """
    none = np.full(cash.shape[0], np.nan)
    if terms.loan is None:
        return none, none, none
    due = (service > 0.0).any(axis=tuple(range(service.ndim - 1)))
    trailing = trailing_dscr(cash, service, periods.per_year, terms.loan.every)
    cash = terms.loan.gathered(cash)
    lowest = np.min(np.where(np.isnan(trailing), np.inf, trailing), axis=1)
    ratio = period_dscr(cash[:, due], service[..., due])
    counted = np.isfinite(ratio)
    if service.ndim == 2:
        counted &= ~_rests(schedule, service)[:, due]
    tests = counted.sum(axis=1)
    average = np.where(tests > 0, np.where(counted, ratio, 0.0).sum(axis=1) / np.maximum(tests, 1), np.nan)
    balance = schedule.balance[..., terms.loan.first_payment_month - 1]
    repaying = schedule.service.copy()
    repaying[..., : terms.loan.first_payment_month] = 0.0
    life = llcr(cash, repaying, terms.loan.period_rates(periods), balance)
    return np.where(np.isinf(lowest), np.nan, lowest), average, life


def _rests(schedule: LoanSchedule, service: FloatArray) -> BoolArray:
    """The last payment of a loan repaid ahead of time, where it is less than its instalment, (paths, periods)."""
    usual = np.broadcast_to(schedule.service - schedule.draw - schedule.balloon, service.shape)
    owing = service > LEAST_SERVICE_USD
    share = np.where(usual > LEAST_SERVICE_USD, service / np.maximum(usual, LEAST_SERVICE_USD), 1.0)
    place = np.where(owing, np.arange(service.shape[1]), -1)
    before = np.maximum.accumulate(np.concatenate([np.full((len(place), 1), -1), place[:, :-1]], axis=1), axis=1)
    less = share < (1.0 - _ROUNDING) * np.take_along_axis(share, np.maximum(before, 0), axis=1)
    return np.asarray(owing & (place == place.max(axis=1, keepdims=True)) & (before >= 0) & less)


def refinancing_cover(terms: ProjectTerms, periods: Periods, schedule: LoanSchedule, cash: FloatArray) -> FloatArray:
    """Worth of what comes after the last payment over the balloon due with it, (paths,); NaN without one."""
    loan = terms.loan
    if loan is None:
        return np.full(cash.shape[0], np.nan)
    balloon = np.broadcast_to(schedule.balloon[..., loan.last_payment_month], cash.shape[:1])
    factors = discount_to(loan.period_rates(periods), loan.last_payment_month)
    worth = cash[:, loan.last_payment_month + 1 :] @ factors[loan.last_payment_month + 1 :]
    owed = balloon > LEAST_SERVICE_USD
    return np.where(owed, worth / np.where(owed, balloon, 1.0), np.nan)
