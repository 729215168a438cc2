"""The loan of a use from its scenario: amount, dates, prices of prepaying it, facilities beside it, money behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.finance import LenderTerms, LoanTerms, Refinancing, SizingTerms, Spine, calendar_periods, loan_schedule
from megawatt.finance.debt_terms import FacilityTerms, FloatingRate, JuniorTerms
from megawatt.finance.periods import Periods
from megawatt.months import months_between
from megawatt.scenario.debt_sections import DatedAmount
from megawatt.scenario.schema import Debt, Scenario
from megawatt.scenario.site_miners import number

if TYPE_CHECKING:
    from megawatt.chain.capital import Calendar

__all__ = ["junior_terms", "lender_terms", "loan_terms", "sizing_terms", "timing"]


def _amount_usd(debt: Debt, machines_cost_usd: float) -> float | None:
    """Amount that the scenario states, or a share of the machines; None where it states none."""
    if debt.share_of_machines_frac:
        return debt.share_of_machines_frac.number() * machines_cost_usd
    return debt.principal_usd.number() if debt.principal_usd else None


def sizing_terms(debt: Debt | None, machines_cost_usd: float) -> SizingTerms | None:
    """What limits the loan; None where its amount is given alone."""
    limits = debt and (debt.target_dscr, debt.gearing_frac, debt.minimum_llcr, debt.maximum_ltv, debt.advance_frac)
    if debt is None or not any(limits or ()):
        return None
    return SizingTerms(
        target_dscr=number(debt.target_dscr),
        gearing=number(debt.gearing_frac),
        minimum_llcr=number(debt.minimum_llcr),
        maximum_ltv=number(debt.maximum_ltv),
        appraisal_usd=number(debt.appraisal_usd),
        advance_rate=number(debt.advance_frac),
        amount_usd=_amount_usd(debt, machines_cost_usd),
        cash_basis=debt.sizing_cash,
    )


def loan_terms(
    scenario: Scenario, calendar: Calendar, machines_cost_usd: float, machines: FloatArray, spent: FloatArray
) -> LoanTerms | None:
    """The loan; ``machines`` and ``spent`` are what the first machines, and all that is built, cost by month."""
    debt = scenario.debt
    if debt is None:
        return None
    principal = _amount_usd(debt, machines_cost_usd)
    if principal is None and sizing_terms(debt, machines_cost_usd) is not None:
        principal = 1.0  # a pattern: its amount is found from the base case
    if not principal:
        return None
    first = max(*(h.month for h in calendar.paid_by), 1)
    drawn_for = spent if debt.drawn == "with-spending" else machines
    last = first + debt.payments * debt.payment_every_months - 1
    if debt.clock_months is not None:
        last = int(np.flatnonzero(drawn_for)[-1]) + debt.clock_months
    else:
        # what is paid in the month of the first payment or later is drawn before it
        drawn_for = np.concatenate(
            [drawn_for[: first - 1], [drawn_for[first - 1 :].sum()], np.zeros(drawn_for.size - first)]
        )
    delayed = debt.drawn != "at-once" and drawn_for.sum() > 0.0
    first_draw = int(np.argmax((drawn_for if delayed else machines if machines.any() else spent) > 0))
    loan = LoanTerms(
        draws=principal * drawn_for / drawn_for.sum() if delayed else None,
        clock_months=debt.clock_months,
        principal_usd=principal,
        rate=debt.rate.number(),
        draw_month=min(first_draw, first - 1),
        first_payment_month=first,
        last_payment_month=last,
        capitalise_interest=debt.interest_of_construction == "capitalised",
        shape=debt.shape,
        # a discount is a fee that is taken off what is paid out
        upfront_fee_frac=debt.upfront_fee_frac.number() + debt.oid_frac.number(),
        commitment_fee=debt.commitment_fee_per_year.number(),
        interest_only=debt.interest_only_payments,
        rate_by_period=_floating(debt, calendar),
        floating=_unhedged(debt, calendar),
        balloon_frac=debt.balloon_frac.number(),
        every=debt.payment_every_months,
    )
    if debt.shape != "dated":
        return loan
    shares = _by_month(debt.repayments, calendar, _owed_usd(debt, calendar, loan))
    return replace(loan, principal_frac=shares)


def _owed_usd(debt: Debt, calendar: Calendar, loan: LoanTerms) -> float:
    """Owed at the first payment; of a loan that is still to be sized it says nothing."""
    months = timing(debt, calendar.spine) or calendar.spine.months
    plain = replace(loan, shape="bullet", principal_frac=None, balloon_frac=0.0, interest_only=0, clock_months=None)
    return float(loan_schedule(plain, months).balance[loan.first_payment_month - 1])


def timing(debt: Debt | None, spine: Spine) -> Periods | None:
    """The months with the loan's day count; None where it is the usual one."""
    if debt is None or debt.day_count == "30/360":
        return None
    return calendar_periods(spine.start_year, spine.start_month, spine.months, day_count=debt.day_count)


def _month(label: str, calendar: Calendar) -> int:
    """Index of a month, ``YYYY-MM``."""
    return months_between(calendar.spine.label(0), label)


def _by_month(rows: Sequence[DatedAmount], calendar: Calendar, owed_usd: float) -> FloatArray:
    """Dated amounts as shares of what is owed at the first payment, (months,)."""
    out = np.zeros(calendar.spine.months)
    for row in rows:
        out[_month(row.month, calendar)] = row.usd.number() / owed_usd if row.usd else number(row.frac) or 0.0
    return out


def _floating(debt: Debt, calendar: Calendar) -> FloatArray | None:
    """Annual rate by month of a loan that floats in part, (months,)."""
    part = debt.floating_frac.number()
    if part == 0.0:
        return None
    floats = np.maximum(_forward(debt, calendar), debt.floating_floor.number()) + debt.floating_margin.number()
    return np.asarray((1.0 - part) * debt.rate.number() + part * floats)


def _unhedged(debt: Debt, calendar: Calendar) -> FloatingRate | None:
    """What of a loan moves with floating rates."""
    part = debt.floating_frac.number()
    return FloatingRate(part, _forward(debt, calendar), debt.floating_floor.number()) if part > 0.0 else None


def _forward(debt: Debt, calendar: Calendar) -> FloatArray:
    """Floating rate expected by month, (months,)."""
    spine = calendar.spine
    years = spine.start_year + (spine.start_month - 1 + np.arange(spine.months)) // 12
    at = [row.year for row in debt.forward_rates]
    row = np.clip(np.searchsorted(at, years, side="right") - 1, 0, len(at) - 1)
    return np.asarray(np.array([row.rate.number() for row in debt.forward_rates])[row])


def junior_terms(
    debt: Debt | None, loan: LoanTerms | None, calendar: Calendar, equity_usd: float, share_beta: float
) -> tuple[JuniorTerms, ...]:
    """Tranches behind the loan; ``equity_usd`` is what the project asks of its owners, ``share_beta`` how their share
    moves with shares at large.
    """
    if debt is None:
        return ()
    first = loan.first_payment_month if loan else max(*(h.month for h in calendar.paid_by), 1)
    return tuple(
        JuniorTerms(
            name=row.name,
            kind=row.kind,
            amount_usd=row.principal_usd.number() if row.principal_usd else
            (row.share_of_equity_frac.number() if row.share_of_equity_frac else 0.0) * equity_usd,
            rate=row.rate.number(),
            pik_rate=row.pik_rate.number(),
            first_payment_month=first,
            last_payment_month=first + row.payments * debt.payment_every_months - 1,
            shape=row.shape,
            sweep_frac=row.sweep_frac.number(),
            converted_worth=row.share_price_usd.number() / row.conversion_price_usd.number()
            if row.share_price_usd and row.conversion_price_usd else None,
            share_beta=share_beta,
        )
        for row in debt.junior
    )  # fmt: skip


def lender_terms(debt: Debt | None, calendar: Calendar, loan: LoanTerms | None) -> LenderTerms | None:
    """Sweep, cover tests, facilities, prices of prepayments and refinancing; None where the scenario asks for none."""
    if debt is None or loan is None:
        return None
    refinancing = None
    if debt.refinance_payments > 0:
        rate = debt.refinance_rate or debt.rate
        refinancing = Refinancing(rate.number(), debt.refinance_payments, debt.refinance_dscr.number())
    plain = LenderTerms(test_every_months=debt.test_every_months, lockup_release_tests=debt.lockup_release_tests)
    terms = replace(
        plain,
        sweep_frac=debt.sweep_frac.number(),
        lockup_dscr=number(debt.lockup_dscr),
        covenant_dscr=number(debt.covenant_dscr),
        refinancing=refinancing,
        interest_reserve=debt.interest_of_construction == "reserve",
        prepayment_order=debt.prepayment_order,
        opex_reserve_months=debt.opex_reserve_months.number(),
        cures_most=debt.cures_most,
        cures_per_year=(debt.cures_per_year or debt.cures_most) if debt.cures_most else 0,
        facilities=_facilities(debt),
    )
    if debt.prepayments or debt.target_balance:
        terms = _with_amounts(terms, debt, calendar, _owed_usd(debt, calendar, loan))
    if debt.call_prices or debt.make_whole_rate:
        premium = np.zeros(calendar.spine.months)
        for row in debt.call_prices:
            premium[_month(row.month, calendar) :] = row.premium_frac.number()
        par = _month(debt.call_prices[0].month, calendar) if debt.call_prices else None
        return replace(terms, premium_frac=premium, make_whole_rate=number(debt.make_whole_rate), par_month=par)
    asked = debt.prepayments or debt.target_balance or terms != plain
    return terms if asked else None


def _with_amounts(terms: LenderTerms, debt: Debt, calendar: Calendar, owed_usd: float) -> LenderTerms:
    """Prepayments at will and target balances, as shares of what is owed at the first payment."""
    ahead = _by_month(debt.prepayments, calendar, owed_usd) if debt.prepayments else None
    target = None
    if debt.target_balance:
        target = np.full(calendar.spine.months, np.inf)
        for row in debt.target_balance:
            target[_month(row.month, calendar) :] = row.usd.number() / owed_usd if row.usd else number(row.frac) or 0.0
    return replace(terms, prepaid_frac=ahead, target_frac=target)


def _facilities(debt: Debt) -> tuple[FacilityTerms, ...]:
    """The letter of credit in place of a reserve, and the revolver, in the order in which they are drawn."""
    out, line = [], debt.revolver
    if debt.reserve_held_as == "letter-of-credit":
        rate, fee = debt.letter_of_credit_rate or debt.rate, debt.letter_of_credit_fee_per_year.number()
        out.append(FacilityTerms("letter of credit", 0.0, debt.reserve_months.number(), rate.number(), fee))
    if line is not None:
        fee = line.commitment_fee_per_year.number()
        out.append(FacilityTerms("revolver", line.limit_usd.number(), 0.0, line.rate.number(), fee, pays_bills=True))
    return tuple(out)
