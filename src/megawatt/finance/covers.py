"""Cover of a project's debt on every path: DSCR, LLCR, and of a balloon by what comes after it."""

from __future__ import annotations

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.finance.debt import LoanSchedule
from megawatt.finance.measures import LEAST_SERVICE_USD, llcr, period_dscr, trailing_dscr
from megawatt.finance.periods import Periods
from megawatt.finance.records import ProjectTerms
from megawatt.finance.repayment import discount_to

__all__ = ["covers", "refinancing_cover"]


def covers(
    terms: ProjectTerms, periods: Periods, schedule: LoanSchedule, service: FloatArray, cash: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lowest twelve-month DSCR, plain mean of each period's DSCR, and LLCR at the first payment, (paths,)."""
    none = np.full(cash.shape[0], np.nan)
    if terms.loan is None:
        return none, none, none
    due = (service > 0.0).any(axis=tuple(range(service.ndim - 1)))
    trailing = trailing_dscr(cash, service, periods.per_year, terms.loan.every)
    cash = terms.loan.gathered(cash)
    lowest = np.min(np.where(np.isnan(trailing), np.inf, trailing), axis=1)
    ratio = period_dscr(cash[:, due], service[..., due])
    counted = np.isfinite(ratio)
    tests = counted.sum(axis=1)
    average = np.where(tests > 0, np.where(counted, ratio, 0.0).sum(axis=1) / np.maximum(tests, 1), np.nan)
    balance = schedule.balance[..., terms.loan.first_payment_month - 1]
    repaying = schedule.service.copy()
    repaying[..., : terms.loan.first_payment_month] = 0.0
    life = llcr(cash, repaying, terms.loan.period_rates(periods), balance)
    return np.where(np.isinf(lowest), np.nan, lowest), average, life


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
