"""Loan schedules: what is drawn, accrues, falls due and remains when every payment is made on time."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.debt_terms import LoanTerms
from megawatt.finance.periods import Periods, calendar_periods
from megawatt.finance.repayment import PROFILES, repay, service_per_dollar

__all__ = ["LoanSchedule", "loan_schedule", "one_draw", "schedule_of", "unit_service"]


@dataclass(frozen=True, slots=True)
class LoanSchedule:
    """A loan paid on time, USD by period, arrays (periods,); or (paths, periods) where every path has its own loan.

    ``balance`` is the closing balance: opening + draw + capitalised - principal. ``interest_due`` and ``principal``
    are the service due in cash; ``capitalised`` interest is added to the balance. ``fee`` is all fees as they are paid
    and ``fee_amortised`` their even deduction for tax from the draw to the last payment. ``balloon`` is the part of
    ``principal`` that waits for the last payment (a bullet: all of it).
    """

    draw: FloatArray
    fee: FloatArray
    fee_amortised: FloatArray
    interest_due: FloatArray
    capitalised: FloatArray
    principal: FloatArray
    balance: FloatArray
    balloon: FloatArray

    @property
    def service(self) -> FloatArray:
        """Interest and principal due in cash, shape of the schedule."""
        return self.interest_due + self.principal


def loan_schedule(loan: LoanTerms | None, periods: Periods | int) -> LoanSchedule:
    """Schedule of a term loan, (periods,); zeros without a loan.

    A draw falls at the end of its period, so it bears interest from the next one. Until the first payment, interest is
    added to the balance (``capitalise_interest``) or due in cash. ``level`` pays equal amounts, ``equal-principal``
    equal principal plus interest, ``sculpted`` payments in proportion to the loan's weights (interest that a payment
    does not cover is added to the balance: the loan grows), ``bullet`` interest and the whole principal in the last
    period. With ``clock_months`` every draw is a loan of its own; with ``balloon_frac`` a share of the debt waits for
    the last payment.

    Parameters
    ----------
    loan : LoanTerms or None
        Terms; see the record.
    periods : Periods or int
        The project's periods; a number stands for so many calendar months.

    Raises
    ------
    ScenarioError
        If terms are out of range or the periods are out of order.
    """
    timing = calendar_periods(2000, 1, periods) if isinstance(periods, int) else periods
    if loan is None:
        return LoanSchedule(*(np.zeros(timing.count) for _ in fields(LoanSchedule)))
    _check(loan, timing.count)
    draws = one_draw(loan, timing.count) if loan.draws is None else loan.draws
    if loan.clock_months is not None:
        return _by_draw(loan, draws, timing)
    weights = None if loan.service_weights is None else loan.service_weights[None, :]
    rows = schedule_of(loan, timing, draws[None, :], unit_service(loan, timing, weights))
    return LoanSchedule(*(getattr(rows, f.name)[0] for f in fields(rows)))


def one_draw(loan: LoanTerms, count: int) -> FloatArray:
    """The principal drawn at once, (periods,). [USD]"""
    draws = np.zeros(count)
    draws[loan.draw_month] = loan.principal_usd
    return draws


def unit_service(loan: LoanTerms, periods: Periods, cash: FloatArray | None, *, negative: bool = False) -> FloatArray:
    """Service per dollar owed at the first payment, (paths or 1, periods); see `service_per_dollar`."""
    rates = loan.period_rates(periods)
    return service_per_dollar(
        loan.shape, rates, loan.window, cash, negative=negative, balloon_frac=loan.balloon_frac,
        principal_frac=loan.principal_frac,
    )  # fmt: skip


def schedule_of(loan: LoanTerms, periods: Periods, draws: FloatArray, per_dollar: FloatArray) -> LoanSchedule:
    """Schedules of loans that are drawn and served as given, (paths, periods). [USD]

    Service below the interest of its period makes the loan grow: the interest that is not paid is capitalised, and
    what a negative service pays in is drawn.

    Parameters
    ----------
    loan : LoanTerms
        Rate, periods and fees; principal, draws and weights are not used.
    draws : array, (paths, periods)
        Draws before the first payment.
    per_dollar : array, (paths or 1, periods)
        Service per dollar owed at the first payment.
    """
    rates, first = loan.period_rates(periods), loan.first_payment_month
    shape = np.broadcast_shapes(draws.shape, per_dollar.shape)
    draw = np.array(np.broadcast_to(draws, shape))
    commitment, owed = draw.sum(axis=1), np.zeros(shape[0])
    fee, accrued, grown = (np.zeros(shape) for _ in range(3))
    undrawn = commitment.copy()
    for k in range(loan.draw_month, first):
        accrued[:, k] = owed * rates[k]
        fee[:, k] = loan.commitment_fee * periods.fractions[k] * undrawn
        owed = owed + draw[:, k] + (accrued[:, k] if loan.capitalise_interest else 0.0)
        undrawn = undrawn - draw[:, k]
        grown[:, k] = owed
    fee[:, loan.draw_month] += loan.upfront_fee_frac * commitment + loan.closing_cost_usd
    repaid = repay(owed, per_dollar, rates, loan.window)
    capitalised = accrued.copy() if loan.capitalise_interest else np.zeros(shape)
    short = np.maximum(-repaid.principal, 0.0)
    capitalised[:, first:] = np.minimum(short, repaid.interest)[:, first:]
    draw[:, first:] += (short - capitalised)[:, first:]
    grown[:, first:] = repaid.balance[:, first:]
    life = slice(loan.draw_month, loan.last_payment_month + 1)
    runs = np.where(periods.fractions[life] > 0.0, 1.0, 0.0) * loan.deduct_fees
    amortised = np.zeros(shape)
    amortised[:, life] = fee.sum(axis=1, keepdims=True) * (runs / max(runs.sum(), 1.0))
    due = accrued + repaid.interest - capitalised
    balloon = np.zeros(shape)
    balloon[:, loan.last_payment_month] = owed * loan.left_for_last
    return LoanSchedule(draw, fee, amortised, due, capitalised, np.maximum(repaid.principal, 0.0), grown, balloon)


def _by_draw(loan: LoanTerms, draws: FloatArray, periods: Periods) -> LoanSchedule:
    """Sum of the schedules of every draw on a clock of its own."""
    wait = loan.first_payment_month - loan.draw_month
    parts = [
        loan_schedule(
            replace(
                loan,
                principal_usd=float(draws[month]),
                draw_month=int(month),
                first_payment_month=int(month) + wait,
                last_payment_month=int(month) + (loan.clock_months or 0),
                draws=None,
                clock_months=None,
            ),
            periods,
        )
        for month in np.flatnonzero(draws)
    ]
    return LoanSchedule(*(np.sum([getattr(part, f.name) for part in parts], axis=0) for f in fields(LoanSchedule)))


def _check(loan: LoanTerms, count: int) -> None:
    if loan.shape not in PROFILES:
        raise ScenarioError(f"loan.shape = {loan.shape!r}, must be one of {', '.join(PROFILES)}")
    if not (np.isfinite(loan.principal_usd) and loan.principal_usd > 0.0):
        raise ScenarioError(f"loan.principal_usd = {loan.principal_usd} USD, must be above 0 (no loan: leave it out)")
    if not 0.0 <= loan.rate < 1.0:
        raise ScenarioError(f"loan.rate = {loan.rate} a year, must be 0 or more and below 1 (0.09 is 9 %)")
    floats = loan.rate_by_period
    if floats is not None and (floats.shape != (count,) or not np.all((floats >= 0.0) & (floats < 1.0))):
        raise ScenarioError(f"loan.rate_by_period: must be ({count},) with annual rates of 0 or more and below 1")
    for name in ("upfront_fee_frac", "commitment_fee"):
        if not 0.0 <= getattr(loan, name) < 1.0:
            raise ScenarioError(f"loan.{name} = {getattr(loan, name)}, must be 0 or more and below 1")
    if loan.every > 1 and loan.clock_months is not None:
        raise ScenarioError("loan.clock_months: draws on clocks of their own are paid each period (loan.every = 1)")
    if not 0.0 <= loan.balloon_frac <= 1.0:
        raise ScenarioError(f"loan.balloon_frac = {loan.balloon_frac}, must be between 0 and 1")
    _check_weights(loan, count)
    _check_draws(loan, count)
    if not 0 <= loan.draw_month < loan.first_payment_month <= loan.last_payment_month < count:
        raise ScenarioError(
            f"loan: draw in month {loan.draw_month}, payments in months {loan.first_payment_month} to "
            f"{loan.last_payment_month}; must be 0 <= draw < first payment <= last payment < {count} (project months)"
        )


def _check_draws(loan: LoanTerms, count: int) -> None:
    if loan.clock_months is not None and not loan.first_payment_month - loan.draw_month <= loan.clock_months:
        raise ScenarioError(
            f"loan.clock_months = {loan.clock_months}, must be at least the months between draw and first payment "
            f"({loan.first_payment_month - loan.draw_month})"
        )
    if loan.draws is None:
        return
    draws = loan.draws
    if draws.shape != (count,) or not np.all(np.isfinite(draws) & (draws >= 0.0)):
        raise ScenarioError(f"loan.draws: shape {draws.shape}, must be ({count},) with amounts of 0 or more in USD")
    if not np.isclose(draws.sum(), loan.principal_usd, rtol=1e-9):
        raise ScenarioError(
            f"loan.draws sum to {draws.sum():,.0f} USD, must be principal_usd = {loan.principal_usd:,.0f}"
        )
    used = np.flatnonzero(draws)
    last = int(used[-1]) + loan.clock_months if loan.clock_months is not None else int(used[-1])
    limit = count if loan.clock_months is not None else loan.first_payment_month
    if int(used[0]) < loan.draw_month or last >= limit:
        raise ScenarioError(
            f"loan.draws: from month {used[0]} to {used[-1]}; must start at draw_month = {loan.draw_month} or later "
            "and " + ("end clock_months before the end of the project" if loan.clock_months is not None
               else f"end before the first payment in month {loan.first_payment_month}")
        )  # fmt: skip


def _check_weights(loan: LoanTerms, count: int) -> None:
    if loan.shape != "sculpted":
        return
    weights = loan.service_weights
    paid = slice(loan.first_payment_month, loan.last_payment_month + 1)
    if weights is None or weights.shape != (count,) or not np.all(weights[paid] >= 0.0) or not np.any(weights[paid]):
        raise ScenarioError(
            "loan.service_weights: must be one number of 0 or more per month of the project, not all zero while the "
            "loan is repaid (no cash before debt: nothing to sculpt on; take shape = 'level')"
        )
