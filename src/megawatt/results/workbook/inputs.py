"""The blue numbers of the workbook: terms of the case, and the sources beside those that an assumption sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from megawatt.catalogue.records import Assumption
from megawatt.finance import (
    CashFlow,
    LenderTerms,
    LoanTerms,
)
from megawatt.finance.engine import construction_months, operation_start_month
from megawatt.results.workbook.coverage import DAY_COUNTS, day_count_of
from megawatt.results.workbook.sheet import Book, Scalar

__all__ = ["add_inputs", "calendar_inputs", "list_assumptions"]


_SET_BY: Final = {
    "discount_rate": "discount_rate",
    "grid_mw": "site.grid_mw",
    "federal_rate": "tax.rate",
    "loan_rate_stated": "debt.rate",
    "upfront_fee": "debt.upfront_fee_frac",
    "reserve_months": "debt.reserve_months",
    "lockup": "debt.lockup_dscr",
    "covenant": "debt.covenant_dscr",
    "sweep": "debt.sweep_frac",
    "state_rate": "tax.state_rate",
    "opex_rate": "opex.site_usd_per_kw_month",
    "opex_growth": "opex.growth_per_year",
    "receivable_days": "working_capital.receivable_days",
    "payable_days": "working_capital.payable_days",
    "shell_life": "capex.shell_life_years",
    "machines_left": "capex.chip_residual_frac",
    "prepaid_frac": "contract.prepayment_frac",
    "escalator": "lease.escalator_per_year",
}
"""Inputs of the workbook that are numbers of the scenario, and their paths in it."""


def list_assumptions(book: Book, assumptions: tuple[Assumption, ...]) -> None:
    """A sheet of every numeric assumption, and the source beside the inputs that one of them sets."""
    numeric = [a for a in assumptions if isinstance(a.fact.value, int | float) and np.isfinite(a.fact.value)]
    if not numeric:
        return
    known = {a.name: f"{a.fact.kind}, {a.fact.source}" for a in numeric}
    book.sheets["Inputs"] = [
        replace(item, source=known.get(_SET_BY.get(item.name, ""), "")) if isinstance(item, Scalar) else item
        for item in book.sheets["Inputs"]
    ]
    book.add(
        "Assumptions",
        "What the case rests on (kind, source, note)",
        *(
            Scalar(f"assumption_{number}", a.name, float(a.fact.value), a.fact.unit or "", _origin(a))
            for number, a in enumerate(numeric)
        ),
    )


def _origin(row: Assumption) -> str:
    return "; ".join(part for part in (row.fact.kind, row.fact.source, row.fact.note) if part)


def add_inputs(book: Book, cash: CashFlow, lender: LenderTerms, grid_mw: float) -> None:
    terms = cash.terms
    loan, tax = terms.loan, terms.tax
    committed = 1e18 if terms.committed_equity_usd is None else terms.committed_equity_usd
    book.add(
        "Inputs",
        "Calendar",
        Scalar("start_year", "year of month 0", terms.start_year),
        Scalar("start_month", "calendar month of month 0", terms.start_month),
        Scalar("months", "months of the project", terms.months, "months"),
        "Owners",
        Scalar("discount_rate", "discount rate, annual effective", terms.discount_rate),
        Scalar("minimum_cash", "minimum cash", terms.minimum_cash_usd, "USD"),
        Scalar("committed_equity", "equity commitment (1e18: as needed)", committed, "USD"),
        Scalar("grid_mw", "contracted grid capacity", grid_mw, "MW"),
        "Tax",
        Scalar("federal_rate", "federal tax rate", tax.rate if tax else 0.0),
        Scalar("state_rate", "state tax rate, deducted from federal income", tax.state_rate if tax else 0.0),
        Scalar("interest_limit", "share of income before interest and depreciation that interest may take (1e9: all)",
               1e9 if tax is None or tax.interest_limit_frac is None else tax.interest_limit_frac),
        Scalar("quarterly", "1: tax is paid in instalments over its year", tax is not None and tax.paid == "quarterly"),
        Scalar("passes", "1: owners pay the tax, losses are used in their year", terms.owners_taxed),
        Scalar("loss_limit", "share of income that old losses offset", tax.loss_offset_limit_frac if tax else 0.0),
        "Debt",
        *_loan_inputs(loan),
        Scalar("day_count", "days of interest: 1 30/360, 2 ACT/360, 3 ACT/365, 4 ACT/ACT",
               1 + DAY_COUNTS.index(day_count_of(terms) or "30/360"), choices=4),
        Scalar("interest_reserve", "1: interest before the first payment is put aside at the draw",
               lender.interest_reserve),
        Scalar("opex_reserve_months", "months of running cost ahead held in reserve",
               lender.opex_reserve_months, "months"),
        Scalar("reserve_months", "months of service ahead held in reserve", lender.reserve_months, "months"),
        Scalar("reserve_at_close", "1: owners fill the reserve at the end of construction", lender.reserve_at_close),
        Scalar("sweep", "share of excess cash that prepays", lender.sweep_frac),
        Scalar("lockup", "lock-up: trailing cover below which nothing is paid out (0: none)", lender.lockup_dscr or 0),
        Scalar("release_tests", "clean tests in a row that end a lock-up", lender.lockup_release_tests, "tests"),
        Scalar("covenant", "covenant: trailing cover below which it is breached (0: none)",
               lender.covenant_dscr or 0),
        Scalar("test_every", "months between tests", lender.test_every_months, "months"),
        "Working capital",
        Scalar("receivable_days", "days from delivery to the tenant's payment", terms.receivable_days, "days"),
        Scalar("payable_days", "days that bills of running cost stay unpaid", terms.payable_days, "days"),
    )  # fmt: skip


def calendar_inputs(book: Book, cash: CashFlow) -> None:
    start = operation_start_month(cash.terms, cash.revenue_total.T)
    builds = construction_months(cash.terms)
    book.add(
        "Inputs",
        "Construction",
        Scalar("operation_start", "first month of operation", start, "month"),
        Scalar("construction_months", "months in which equity may come in", builds, "months"),
    )


def _loan_inputs(loan: LoanTerms | None) -> tuple[Scalar, ...]:
    shapes = ("level", "equal-principal", "sculpted", "bullet", "dated")
    if loan is None:
        loan = LoanTerms(0.0, 0.0, -1, -1, -1, upfront_fee_frac=0.0)
    return (
        Scalar("loan_shape", "1 level, 2 equal principal, 3 sculpted, 4 bullet, 5 dated", 1 + shapes.index(loan.shape)),
        Scalar("loan_rate_stated", "nominal annual rate", loan.rate),
        Scalar("floats", "1: the rate by month of sheet Series instead", float(loan.rate_by_period is not None)),
        Scalar("every", "months of a payment period", loan.every, "months"),
        Scalar("interest_only", "payments at the start that repay nothing", loan.interest_only, "tests"),
        Scalar("commitment_fee", "annual fee on what is not drawn yet", loan.commitment_fee),
        Scalar("draw_month", "month of the first draw", loan.draw_month, "month"),
        Scalar("first_payment", "month of the first payment", loan.first_payment_month, "month"),
        Scalar("last_payment", "month of the last payment", loan.last_payment_month, "month"),
        Scalar("upfront_fee", "upfront fee, share of the amount drawn", loan.upfront_fee_frac),
        Scalar("capitalise", "1: interest of construction is added to the loan", float(loan.capitalise_interest)),
        Scalar("balloon", "share left for the last payment", loan.balloon_frac),
    )
