"""Which cash flows the workbook has formulas for."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.finance import (
    CashFlow,
    LenderTerms,
    LoanTerms,
    ProjectTerms,
    calendar_periods,
    loan_schedule,
)
from megawatt.finance.measures import CENT
from megawatt.results.workbook.waterfall import FACILITIES

__all__ = ["DAY_COUNTS", "day_count_of", "has_formulas", "without_formulas"]


def has_formulas(cash: CashFlow) -> bool:
    """Whether the workbook has formulas for a cash flow: calendar months, and terms that a scenario can ask for."""
    return not without_formulas(cash)


def without_formulas(cash: CashFlow) -> tuple[str, ...]:
    """What of a cash flow the workbook has no formulas for, in words; none where it can be written."""
    terms, lender = cash.terms, cash.terms.lender or LenderTerms()
    loan, tax, forced = terms.loan, terms.tax, lender.proceeds_usd
    found = {
        "periods other than months": day_count_of(terms) is None or terms.owners_pay_all,
        "a make-whole beside a sweep": lender.make_whole_rate is not None and lender.sweep_frac > 0.0,
        "a make-whole of a loan that grows": lender.make_whole_rate is not None and _grows(loan, terms),
        "more than four facilities": len(lender.facilities) > len(FACILITIES),
        "a refinanced balloon": lender.refinancing is not None,
        "interest on reserves": lender.reserve_rate != 0.0,
        "a guarantor's payment": forced is not None and bool(np.any(forced[0] > 0.0)),
        "draws on clocks of their own": loan is not None and loan.clock_months is not None,
        "costs of closing": loan is not None and (loan.closing_cost_usd != 0.0 or not loan.deduct_fees),
        "deductions, credits or refunds of one's own": tax is not None
        and not (
            tax.deductions_usd is None
            and tax.credits_usd is None
            and (tax.losses == "carry-forward" or terms.owners_taxed)
        ),
    }
    return tuple(name for name, stands in found.items() if stands)


def day_count_of(terms: ProjectTerms) -> str | None:
    """How interest counts days, one of the workbook's; None for periods that are not the calendar's months."""
    for name in DAY_COUNTS:
        months = calendar_periods(terms.start_year, terms.start_month, terms.months, day_count=name)
        if terms.periods is None or (
            np.array_equal(terms.periods.years, months.years) and np.allclose(terms.periods.fractions, months.fractions)
        ):
            return name
    return None


DAY_COUNTS: Final = ("30/360", "ACT/360", "ACT/365", "ACT/ACT")
"""In the order of the workbook's input."""


def _grows(loan: LoanTerms | None, terms: ProjectTerms) -> bool:
    if loan is None:
        return False
    balance = loan_schedule(loan, terms.timing).balance[loan.first_payment_month - 1 :]
    return bool((np.diff(balance) > CENT).any())
