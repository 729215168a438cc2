"""What a dollar repaid ahead of time costs beside itself: call prices, and what makes the lender whole."""

from __future__ import annotations

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.debt import LoanSchedule
from megawatt.finance.debt_terms import LenderTerms, LoanTerms
from megawatt.finance.periods import Periods

__all__ = ["premiums"]


def premiums(lender: LenderTerms, loan: LoanTerms | None, schedule: LoanSchedule, periods: Periods) -> FloatArray:
    """Premium on a dollar prepaid in each period, (periods,) or (paths, periods).

    From ``par_month`` on the call price less 1. Before it, with ``make_whole_rate``: what service as scheduled until
    then and the call price on the balance left are worth at that rate, over the balance, less 1; never below 0.

    Raises
    ------
    ScenarioError
        If a premium is negative or a rate is out of range.
    """
    called = np.zeros(periods.count) if lender.premium_frac is None else lender.premium_frac
    if called.shape != (periods.count,) or not np.all(called >= 0.0):
        raise ScenarioError(f"lender.premium_frac: must be ({periods.count},) with shares of 0 or more")
    if loan is None or lender.make_whole_rate is None:
        return called
    if not 0.0 <= lender.make_whole_rate < 1.0:
        raise ScenarioError(f"lender.make_whole_rate = {lender.make_whole_rate}, must be 0 or more and below 1")
    last = loan.last_payment_month
    par = last if lender.par_month is None else min(lender.par_month, last)
    rates = loan.gathered(lender.make_whole_rate * periods.fractions)
    service, balance = schedule.service, schedule.balance
    out = np.array(np.broadcast_to(called, service.shape))
    worth = balance[..., par] * (1.0 + called[par])
    for m in range(par - 1, loan.first_payment_month - 1, -1):
        worth = (worth + service[..., m + 1]) / (1.0 + rates[m + 1])
        owed = balance[..., m]
        out[..., m] = np.maximum(np.where(owed > 0.0, worth / np.where(owed > 0.0, owed, 1.0), 1.0) - 1.0, 0.0)
    return out
