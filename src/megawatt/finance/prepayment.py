"""What a dollar repaid ahead of time costs beside itself: call prices, and what makes the lender whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.debt import LoanSchedule
from megawatt.finance.debt_terms import LenderTerms, LoanTerms
from megawatt.finance.periods import Periods

__all__ = ["Prices", "prices"]

Ladder = tuple[FloatArray, FloatArray]
"""Principal prepaid, the last instalments first, and the premium on it, both from 0 on. [USD]"""


@dataclass(frozen=True, slots=True)
class Prices:
    """Premiums by period: ``even`` (periods,) on a dollar of all instalments alike, ``ladders`` where the lender is
    made whole.

    Amounts, what is prepaid of the last instalments already, and the share of every instalment that is left (``scale``)
    are arrays (paths,). [USD]
    """

    even: FloatArray
    ladders: Mapping[int, Ladder]

    def premium(self, m: int, amount: FloatArray, prepaid: FloatArray, scale: FloatArray) -> FloatArray:
        """On an amount of the last instalments, (paths,)."""
        if m not in self.ladders:
            return np.asarray(amount * self.even[m])
        principal, premium = self.ladders[m]
        of = np.where(scale > 0.0, scale, 1.0)
        ends = (np.interp(at / of, principal, premium) for at in (prepaid + amount, prepaid))
        return np.maximum(of * (next(ends) - next(ends)), 0.0)

    def affordable(self, m: int, cash: FloatArray, prepaid: FloatArray, scale: FloatArray) -> FloatArray:
        """Amount of the last instalments that cash pays with its premium, (paths,)."""
        if m not in self.ladders:
            return np.asarray(cash / (1.0 + self.even[m]))
        principal, premium = self.ladders[m]
        of = np.where(scale > 0.0, scale, 1.0)
        paid = (cash + prepaid) / of + np.interp(prepaid / of, principal, premium)
        return np.minimum(np.maximum(of * np.interp(paid, principal + premium, principal) - prepaid, 0.0), cash)


def prices(lender: LenderTerms, loan: LoanTerms | None, schedule: LoanSchedule, periods: Periods) -> Prices:
    """Premiums of a loan's prepayments.

    From ``par_month`` on the call price less 1. Before it, with ``make_whole_rate``: what the instalments that are
    prepaid, their interest until then, and the call price on what is due later are worth at that rate, less what is
    prepaid; never below 0.

    Raises
    ------
    ScenarioError
        If a premium is negative, a rate is out of range, or each path has a loan of its own.
    """
    called = np.zeros(periods.count) if lender.premium_frac is None else lender.premium_frac
    if called.shape != (periods.count,) or not np.all(called >= 0.0):
        raise ScenarioError(f"lender.premium_frac: must be ({periods.count},) with shares of 0 or more")
    if loan is None or lender.make_whole_rate is None:
        return Prices(called, {})
    if not 0.0 <= lender.make_whole_rate < 1.0:
        raise ScenarioError(f"lender.make_whole_rate = {lender.make_whole_rate}, must be 0 or more and below 1")
    if schedule.balance.ndim > 1:
        raise ScenarioError("lender.make_whole_rate: needs one loan for all paths")
    last = loan.last_payment_month
    par = last if lender.par_month is None else min(lender.par_month, last)
    even, ladders = np.array(called), {}
    rates, asked = loan.period_rates(periods), loan.gathered(lender.make_whole_rate * periods.fractions)
    # a loan that grows is no dollar shorter for it
    owed = np.maximum.accumulate(schedule.balance[::-1])[::-1]
    for m in range(loan.first_payment_month, par):
        if owed[m] > 0.0:
            ladders[m] = _ladder(m, par, owed, rates, asked, float(called[par]))
            even[m] = max(ladders[m][1][-1] / owed[m], 0.0)
    return Prices(even, ladders)


def _ladder(m: int, par: int, owed: FloatArray, rates: FloatArray, asked: FloatArray, call: float) -> Ladder:
    """Premiums at the end of period m: a dollar due by ``par`` as scheduled, what is due later called there."""
    worth = 1.0 / np.cumprod(1.0 + asked[m + 1 : par + 1])
    interest = np.cumsum(rates[m + 1 : par + 1] * worth)
    due = owed[m:par] - owed[m + 1 : par + 1]
    price = np.append(interest + worth - 1.0, interest[-1] + worth[-1] * (1.0 + call) - 1.0)
    principal = np.append(due, owed[par])[::-1]
    return np.append(0.0, np.cumsum(principal)), np.append(0.0, np.cumsum(principal * price[::-1]))
