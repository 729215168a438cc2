"""Loan schedules: what is drawn, accrues, falls due and remains when every payment is made on time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

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
    """A loan paid on time, USD by month, arrays (months,); or (paths, months) where every path has its own loan.

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
        """Interest and principal due in cash, shape of the schedule."""
        return self.interest_due + self.principal


def level_payment_usd(balance_usd: float, rate: float, payments: int) -> float:
    """Equal monthly payment that repays a balance: B i / (1 - (1 + i)^-n), i = rate / 12. [USD a month]"""
    monthly = rate / 12.0
    if monthly * payments < _TINY:
        return balance_usd / payments * (1.0 + 0.5 * (payments + 1) * monthly)
    return balance_usd * monthly / -math.expm1(-payments * math.log1p(monthly))


def loan_schedule(loan: LoanTerms | None, months: int) -> LoanSchedule:
    """Month-by-month schedule of a term loan; zeros without a loan.

    Interest of a month is rate / 12 on the opening balance (30/360). A draw falls at the end of its month, so it
    bears interest from the next one. Until the first payment, interest is added to the balance
    (``capitalise_interest``) or due in cash. ``level`` pays equal amounts, ``equal-principal`` equal principal plus
    interest, ``sculpted`` payments in proportion to the loan's weights (principal is negative in a month whose
    payment is
    less than its interest: the loan grows), ``bullet`` interest and the whole principal in the last month. With
    ``clock_months`` every draw is a loan of its own; with ``balloon_frac`` a share of the debt waits for the last
    payment.

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
    if loan is None:
        return _nothing(months)
    _check(loan, months)
    if loan.clock_months is not None:
        return _by_draw(loan, months)
    draw, fee, amortised, due, capitalised, principal, balance = (np.zeros(months) for _ in range(7))
    draw[loan.draw_month] = loan.principal_usd
    if loan.draws is not None:
        draw[:] = loan.draws
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


def _nothing(months: int) -> LoanSchedule:
    return LoanSchedule(*(np.zeros(months) for _ in range(7)))


def _by_draw(loan: LoanTerms, months: int) -> LoanSchedule:
    """Sum of the schedules of every draw on a clock of its own."""
    draws = _nothing(months).draw if loan.draws is None else loan.draws
    if loan.draws is None:
        draws[loan.draw_month] = loan.principal_usd
    wait = loan.first_payment_month - loan.draw_month
    total = _nothing(months)
    for month in np.flatnonzero(draws):
        vintage = replace(
            loan,
            principal_usd=float(draws[month]),
            draw_month=int(month),
            first_payment_month=int(month) + wait,
            last_payment_month=int(month) + (loan.clock_months or 0),
            draws=None,
            clock_months=None,
        )
        part = loan_schedule(vintage, months)
        total = LoanSchedule(
            draw=total.draw + part.draw,
            fee=total.fee + part.fee,
            fee_amortised=total.fee_amortised + part.fee_amortised,
            interest_due=total.interest_due + part.interest_due,
            capitalised=total.capitalised + part.capitalised,
            principal=total.principal + part.principal,
            balance=total.balance + part.balance,
        )
    return total


def _principal(loan: LoanTerms, m: int, opening: float, at_start: float, interest: float, payments: int) -> float:
    """Principal due in month m; the last payment clears the balance."""
    if m == loan.last_payment_month:
        return opening
    if loan.shape == "bullet":
        return 0.0
    repaid = at_start * (1.0 - loan.balloon_frac)
    if loan.shape == "equal-principal":
        return repaid / payments
    # the balloon bears interest only, the rest is repaid with its own interest
    own_interest = interest - at_start * loan.balloon_frac * loan.rate / 12.0
    if loan.shape == "sculpted":
        return repaid * _sculpted_share(loan, m) - own_interest
    return level_payment_usd(repaid, loan.rate, payments) - own_interest


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
    if not 0.0 <= loan.balloon_frac <= 1.0:
        raise ScenarioError(f"loan.balloon_frac = {loan.balloon_frac}, must be between 0 and 1")
    _check_weights(loan, months)
    _check_draws(loan, months)
    if not 0 <= loan.draw_month < loan.first_payment_month <= loan.last_payment_month < months:
        raise ScenarioError(
            f"loan: draw in month {loan.draw_month}, payments in months {loan.first_payment_month} to "
            f"{loan.last_payment_month}; must be 0 <= draw < first payment <= last payment < {months} (project months)"
        )


def _check_draws(loan: LoanTerms, months: int) -> None:
    if loan.clock_months is not None and not loan.first_payment_month - loan.draw_month <= loan.clock_months:
        raise ScenarioError(
            f"loan.clock_months = {loan.clock_months}, must be at least the months between draw and first payment "
            f"({loan.first_payment_month - loan.draw_month})"
        )
    if loan.draws is None:
        return
    draws = loan.draws
    if draws.shape != (months,) or not np.all(np.isfinite(draws) & (draws >= 0.0)):
        raise ScenarioError(f"loan.draws: shape {draws.shape}, must be ({months},) with amounts of 0 or more in USD")
    if not np.isclose(draws.sum(), loan.principal_usd, rtol=1e-9):
        raise ScenarioError(
            f"loan.draws sum to {draws.sum():,.0f} USD, must be principal_usd = {loan.principal_usd:,.0f}"
        )
    used = np.flatnonzero(draws)
    last = int(used[-1]) + loan.clock_months if loan.clock_months is not None else int(used[-1])
    limit = months if loan.clock_months is not None else loan.first_payment_month
    if int(used[0]) < loan.draw_month or last >= limit:
        raise ScenarioError(
            f"loan.draws: from month {used[0]} to {used[-1]}; must start at draw_month = {loan.draw_month} or later "
            "and " + ("end clock_months before the end of the project" if loan.clock_months is not None
               else f"end before the first payment in month {loan.first_payment_month}")
        )  # fmt: skip


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
