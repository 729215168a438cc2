"""Cover of many base cases at once: each loan as scheduled, tax as it accrues, no waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.finance.covers import covers
from megawatt.finance.debt import LoanSchedule, loan_schedule
from megawatt.finance.facilities import idle_fees
from megawatt.finance.records import OperatingFlows, ProjectTerms, TaxTerms
from megawatt.finance.tax import accrued_tax
from megawatt.finance.totals import before_interest

__all__ = ["Cover", "CoverCase", "cover_case", "scheduled_covers"]


@dataclass(frozen=True, slots=True)
class CoverCase:
    """A base case up to its tax, arrays (periods,): cash of operation, income, income before depreciation. [USD]"""

    terms: ProjectTerms
    operating: FloatArray
    income: FloatArray
    adjusted: FloatArray


@dataclass(frozen=True, slots=True)
class Cover:
    """Lowest trailing and average DSCR, and LLCR at the first payment; NaN where undefined."""

    min_dscr: float
    average_dscr: float
    llcr: float


def cover_case(terms: ProjectTerms, flows: OperatingFlows) -> CoverCase:
    """What the covers of a base case need (first path).

    Raises
    ------
    ScenarioError
        As `project`.
    """
    operating, income, adjusted = before_interest(terms, flows)
    return CoverCase(terms, operating[:, 0], income[:, 0], adjusted[:, 0])


def scheduled_covers(cases: Sequence[CoverCase]) -> list[Cover]:
    """Covers of base cases on the same periods, as `project` has them where every payment is made on schedule.

    Sweeps, arrears and a new loan for the balloon are not seen: the first two move interest and with it tax.
    """
    schedules: dict[int, LoanSchedule] = {}
    none = Cover(np.nan, np.nan, np.nan)
    out = [none] * len(cases)
    by_law: dict[object, list[int]] = {}
    for i, case in enumerate(cases):
        if case.terms.loan is not None:
            schedules.setdefault(id(case.terms.loan), loan_schedule(case.terms.loan, case.terms.timing))
            by_law.setdefault(_law(case.terms.own_tax), []).append(i)
    for members in by_law.values():
        taxed = _tax(cases, members, schedules)
        by_loan: dict[int, list[int]] = {}
        for column, i in enumerate(members):
            by_loan.setdefault(id(cases[i].terms.loan), []).append(column)
        for loan, columns in by_loan.items():
            cash = np.stack([cases[members[c]].operating - taxed[:, c] for c in columns])
            found = _covers(cases[members[columns[0]]].terms, schedules[loan], cash)
            for column, cover in zip(columns, found, strict=True):
                out[members[column]] = cover
    return out


def _law(tax: TaxTerms | None) -> object:
    """What two cases must share to be taxed together: all that is not by class of spending."""
    if tax is None:
        return None
    arrays = tuple(
        None if a is None else a.tobytes() for a in (tax.deductions_usd, tax.state_deductions_usd, tax.credits_usd)
    )
    return (tax.rate, tax.state_rate, tax.loss_offset_limit_frac, tax.losses, tax.interest_limit_frac, arrays)


def _tax(cases: Sequence[CoverCase], members: Sequence[int], schedules: dict[int, LoanSchedule]) -> FloatArray:
    """Tax as it accrues, (periods, members)."""
    first = cases[members[0]].terms
    if first.own_tax is None:
        return np.zeros((first.months, len(members)))
    loans = [schedules[id(cases[i].terms.loan)] for i in members]
    fees = np.stack([_fees(cases[i].terms, loan) for i, loan in zip(members, loans, strict=True)], axis=1)
    accrues = [_interest(cases[i].terms, loan) for i, loan in zip(members, loans, strict=True)]
    income, adjusted = (np.stack([getattr(cases[i], name) for i in members], axis=1) for name in ("income", "adjusted"))
    return accrued_tax(income - fees, adjusted - fees, np.stack(accrues, axis=1), first.timing.settles, first.own_tax)


def _fees(terms: ProjectTerms, schedule: LoanSchedule) -> FloatArray:
    """Fees that are deducted, of facilities too, none of which is drawn, (periods,). [USD]"""
    if terms.loan is None or terms.lender is None or not terms.lender.facilities:
        return schedule.fee_amortised
    return schedule.fee_amortised + idle_fees(terms.lender.facilities, terms.loan, schedule, terms.timing)


def _interest(terms: ProjectTerms, schedule: LoanSchedule) -> FloatArray:
    """Interest that accrues on the opening balance, (periods,). [USD]"""
    assert terms.loan is not None, "the caller leaves cases without a loan out"
    opening = np.concatenate([[0.0], schedule.balance[:-1]])
    return np.asarray(opening * terms.loan.period_rates(terms.timing))


def _covers(terms: ProjectTerms, schedule: LoanSchedule, cash: FloatArray) -> list[Cover]:
    """Covers of one loan by the cash of each case, (cases, periods)."""
    loan = terms.loan
    assert loan is not None, "the caller leaves cases without a loan out"
    service = schedule.service - schedule.draw - schedule.balloon
    service[: loan.first_payment_month] = 0.0
    found = covers(terms, terms.timing, schedule, service, cash)
    return [Cover(*map(float, cover)) for cover in zip(*found, strict=True)]
