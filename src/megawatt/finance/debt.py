"""Loan schedules: what is drawn, accrues, falls due and remains when every payment is made on time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.finance.records import LoanTerms

__all__ = ["SHAPES", "LoanSchedule", "level_payment_usd", "loan_schedule"]

FloatArray = NDArray[np.float64]

SHAPES = ("level", "equal-principal", "sculpted", "bullet")

_TINY = 1e-8
"""Below this interest over the life, the annuity's first-order series is exact and its quotient is 0 / 0."""


@dataclass(frozen=True, slots=True)
class LoanSchedule:
    """A loan paid on time, USD by month, arrays (months,).

    ``balance`` is the closing balance: opening + draw + capitalised - principal. ``interest_due`` and ``principal``
    are the service due in cash; ``capitalised`` interest is added to the balance. ``fee`` is paid at the draw and
    ``fee_amortised`` is its straight-line deduction for tax from the draw to the last payment.
    """

    draw: FloatArray
    fee: FloatArray
    fee_amortised: FloatArray
    interest_due: FloatArray
    capitalised: FloatArray
    principal: FloatArray
    balance: FloatArray

    @property
    def service(self) -> FloatArray:
        """Interest and principal due in cash, (months,)."""
        return self.interest_due + self.principal


def level_payment_usd(balance_usd: float, rate: float, payments: int) -> float:
    """Equal monthly payment that repays a balance: B i / (1 - (1 + i)^-n), i = rate / 12. [USD a month]"""
    monthly = rate / 12.0
    if monthly * payments < _TINY:
        return balance_usd / payments * (1.0 + 0.5 * (payments + 1) * monthly)
    return balance_usd * monthly / -math.expm1(-payments * math.log1p(monthly))


def loan_schedule(loan: LoanTerms | None, months: int) -> LoanSchedule:
    """Month-by-month schedule of a term loan; zeros without a loan.

    Interest of a month is rate / 12 on the opening balance (30/360). The draw falls at the end of its month, so it
    bears interest from the next one. Until the first payment, interest is added to the balance
    (``capitalise_interest``) or due in cash. ``level`` pays equal amounts, ``equal-principal`` equal principal plus
    interest, ``sculpted`` payments in proportion to the loan's weights (principal is negative in a month whose
    payment is
    less than its interest: the loan grows), ``bullet`` interest and the whole principal in the last month.

    Parameters
    ----------
    loan : LoanTerms or None
        Terms; see the record.
    months : int
        Length of the spine.

    Raises
    ------
    ScenarioError
        If terms are out of range or the months are out of order.
    """
    draw, fee, amortised, due, capitalised, principal, balance = (np.zeros(months) for _ in range(7))
    if loan is None:
        return LoanSchedule(draw, fee, amortised, due, capitalised, principal, balance)
    _check(loan, months)
    draw[loan.draw_month] = loan.principal_usd
    fee[loan.draw_month] = loan.upfront_fee_frac * loan.principal_usd
    amortised[loan.draw_month : loan.last_payment_month + 1] = fee[loan.draw_month] / (
        loan.last_payment_month - loan.draw_month + 1
    )
    payments = loan.last_payment_month - loan.first_payment_month + 1
    opening, at_start = 0.0, 0.0
    for m in range(loan.draw_month, loan.last_payment_month + 1):
        interest = opening * loan.rate / 12.0
        if m < loan.first_payment_month:
            capitalised[m] = interest if loan.capitalise_interest else 0.0
            due[m] = interest - capitalised[m]
        else:
            at_start = opening if m == loan.first_payment_month else at_start
            due[m] = interest
            principal[m] = _principal(loan, m, opening, at_start, interest, payments)
        opening += draw[m] + capitalised[m] - principal[m]
        balance[m] = opening
    return LoanSchedule(draw, fee, amortised, due, capitalised, principal, balance)


def _principal(loan: LoanTerms, m: int, opening: float, at_start: float, interest: float, payments: int) -> float:
    """Principal due in month m; the last payment clears the balance."""
    if m == loan.last_payment_month:
        return opening
    if loan.shape == "bullet":
        return 0.0
    if loan.shape == "equal-principal":
        return at_start / payments
    if loan.shape == "sculpted":
        return at_start * _sculpted_share(loan, m) - interest
    return level_payment_usd(at_start, loan.rate, payments) - interest


def _sculpted_share(loan: LoanTerms, m: int) -> float:
    """Payment of month m per dollar owed at the first payment: w_m / sum of w_t (1 + i)^-(t - first + 1)."""
    if loan.service_weights is None:
        raise ScenarioError("loan.service_weights: none given, needed for shape = 'sculpted'")
    weights = loan.service_weights[loan.first_payment_month : loan.last_payment_month + 1]
    factors = (1.0 + loan.rate / 12.0) ** -(np.arange(weights.size) + 1.0)
    return float(loan.service_weights[m] / (weights * factors).sum())


def _check(loan: LoanTerms, months: int) -> None:
    if loan.shape not in SHAPES:
        raise ScenarioError(f"loan.shape = {loan.shape!r}, must be one of {', '.join(SHAPES)}")
    if not (np.isfinite(loan.principal_usd) and loan.principal_usd > 0.0):
        raise ScenarioError(f"loan.principal_usd = {loan.principal_usd} USD, must be above 0 (no loan: leave it out)")
    if not 0.0 <= loan.rate < 1.0:
        raise ScenarioError(f"loan.rate = {loan.rate} a year, must be 0 or more and below 1 (0.09 is 9 %)")
    if not 0.0 <= loan.upfront_fee_frac < 1.0:
        raise ScenarioError(f"loan.upfront_fee_frac = {loan.upfront_fee_frac}, must be 0 or more and below 1")
    _check_weights(loan, months)
    if not 0 <= loan.draw_month < loan.first_payment_month <= loan.last_payment_month < months:
        raise ScenarioError(
            f"loan: draw in month {loan.draw_month}, payments in months {loan.first_payment_month} to "
            f"{loan.last_payment_month}; must be 0 <= draw < first payment <= last payment < {months} (project months)"
        )


def _check_weights(loan: LoanTerms, months: int) -> None:
    if loan.shape != "sculpted":
        return
    weights = loan.service_weights
    paid = slice(loan.first_payment_month, loan.last_payment_month + 1)
    if weights is None or weights.shape != (months,) or not np.all(weights[paid] >= 0.0) or not np.any(weights[paid]):
        raise ScenarioError(
            "loan.service_weights: must be one number of 0 or more per month of the project, not all zero while the "
            "loan is repaid (no cash before debt: nothing to sculpt on; take shape = 'level')"
        )
