"""A cash flow as a spreadsheet with live formulas: what the engine does, month by month, for one case.

Revenue, running cost, capital spending and proceeds of the sale enter as monthly inputs with a factor each, because
earlier rooms compute them hour by hour; everything after them is formulas. No circular references: interest is on the
opening balance and the debt's size is an input. The checks compare the formulas with the run's own numbers.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.catalogue.records import Assumption
from megawatt.errors import NotSupportedError
from megawatt.finance import CashFlow, LenderTerms, LoanTerms, loan_schedule
from megawatt.finance.engine import construction_months, operation_start_month
from megawatt.finance.tax import depreciation_by_class
from megawatt.results.workbook_rows import add_cash, add_checks, add_debt, add_ratios, add_tax, add_timing
from megawatt.results.workbook_sheet import Book, Line, Scalar

__all__ = ["cashflow_book", "write_cashflow"]


def write_cashflow(
    path: Path, cash: CashFlow, title: str, *, grid_mw: float = 0.0, assumptions: tuple[Assumption, ...] = ()
) -> None:
    """Write the first path of a cash flow as a workbook.

    Parameters
    ----------
    path : Path
        File to write, ``.xlsx``. Equal inputs give equal bytes.
    cash : CashFlow
        Statements and the terms they rest on.
    title : str
        What the sheets are headed with.
    grid_mw : float
        Contracted grid capacity, for the value per megawatt; 0: not shown.
    assumptions : tuple of Assumption
        What the case rests on: listed with kind and source, and named beside the inputs that they set.

    Raises
    ------
    NotSupportedError
        If the loan is drawn on clocks of its own or refinanced.
    """
    cashflow_book(cash, grid_mw=grid_mw, assumptions=assumptions).save(path, title)


def cashflow_book(cash: CashFlow, *, grid_mw: float = 0.0, assumptions: tuple[Assumption, ...] = ()) -> Book:
    """The workbook of a cash flow before it is written; see `write_cashflow`."""
    terms = cash.terms
    loan, lender = terms.loan, terms.lender or LenderTerms()
    if lender.refinancing is not None or (loan is not None and loan.clock_months is not None):
        raise NotSupportedError("cashflow.xlsx: loans on clocks of their own and refinanced loans have no formulas yet")
    book = Book(terms.months)
    revenue, opex, capex = list(cash.flows.revenue), list(cash.flows.opex_cost), list(terms.capex_cost)
    _inputs(book, cash, lender, grid_mw)
    _factors(book, revenue, opex, capex)
    _series(book, cash, lender)
    add_timing(book)
    _parts(book, "Revenue", "revenue", revenue)
    _parts(book, "Opex", "opex", opex)
    _parts(book, "Capex", "capex", capex)
    add_debt(book, loan)
    add_tax(book, capex)
    add_cash(book)
    add_ratios(book, with_debt=loan is not None, with_grid=grid_mw > 0.0)
    add_checks(book, with_debt=loan is not None)
    _list_assumptions(book, assumptions)
    return book


_SET_BY: Final = {
    "discount_rate": "discount_rate",
    "grid_mw": "site.grid_mw",
    "federal_rate": "tax.rate",
    "loan_rate": "debt.rate",
    "upfront_fee": "debt.upfront_fee_frac",
    "reserve_months": "debt.reserve_months",
}
"""Inputs of the workbook that are numbers of the scenario, and their paths in it."""


def _list_assumptions(book: Book, assumptions: tuple[Assumption, ...]) -> None:
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


def _inputs(book: Book, cash: CashFlow, lender: LenderTerms, grid_mw: float) -> None:
    terms = cash.terms
    loan, tax = terms.loan, terms.tax
    start = operation_start_month(terms, cash.revenue_total.T)
    committed = 1e18 if terms.committed_equity_usd is None else terms.committed_equity_usd
    book.add(
        "Inputs",
        "Calendar",
        Scalar("start_year", "year of month 0", terms.start_year),
        Scalar("start_month", "calendar month of month 0", terms.start_month),
        Scalar("months", "months of the project", terms.months, "months"),
        Scalar("operation_start", "first month of operation", start, "month"),
        Scalar("construction_months", "months in which equity may come in", construction_months(terms), "months"),
        "Owners",
        Scalar("discount_rate", "discount rate, annual effective", terms.discount_rate),
        Scalar("minimum_cash", "minimum cash", terms.minimum_cash_usd, "USD"),
        Scalar("committed_equity", "equity commitment (1e18: as needed)", committed, "USD"),
        Scalar("grid_mw", "contracted grid capacity", grid_mw, "MW"),
        "Tax",
        Scalar("federal_rate", "federal tax rate", tax.rate if tax else 0.0),
        Scalar("state_rate", "state tax rate, deducted from federal income", tax.state_rate if tax else 0.0),
        Scalar("loss_limit", "share of income that old losses offset", tax.loss_offset_limit_frac if tax else 0.0),
        "Debt",
        *_loan_inputs(loan),
        Scalar("reserve_months", "months of service ahead held in reserve", lender.reserve_months, "months"),
        Scalar("reserve_at_close", "1: owners fill the reserve at the end of construction", lender.reserve_at_close),
        Scalar("sweep", "share of excess cash that prepays", lender.sweep_frac),
    )


def _loan_inputs(loan: LoanTerms | None) -> tuple[Scalar, ...]:
    shapes = ("level", "equal-principal", "sculpted", "bullet")
    if loan is None:
        loan = LoanTerms(0.0, 0.0, -1, -1, -1, upfront_fee_frac=0.0)
    return (
        Scalar("loan_shape", "1 level, 2 equal principal, 3 sculpted, 4 bullet", 1 + shapes.index(loan.shape)),
        Scalar("loan_rate", "nominal annual rate, 30/360", loan.rate),
        Scalar("draw_month", "month of the first draw", loan.draw_month, "month"),
        Scalar("first_payment", "month of the first payment", loan.first_payment_month, "month"),
        Scalar("last_payment", "month of the last payment", loan.last_payment_month, "month"),
        Scalar("upfront_fee", "upfront fee, share of the amount drawn", loan.upfront_fee_frac),
        Scalar("capitalise", "1: interest of construction is added to the loan", float(loan.capitalise_interest)),
        Scalar("balloon", "share left for the last payment", loan.balloon_frac),
    )


def _factors(book: Book, revenue: list[str], opex: list[str], capex: list[str]) -> None:
    book.add("Inputs", "Factors on the monthly inputs (change these to ask what if)")
    for kind, names in (("revenue", revenue), ("opex", opex), ("capex", capex)):
        for name in names:
            book.add("Inputs", Scalar(f"factor_{kind}_{name}", f"{kind}: {name}", 1.0))
    book.add("Inputs", Scalar("factor_residual", "proceeds of the sale", 1.0))


def _series(book: Book, cash: CashFlow, lender: LenderTerms) -> None:
    terms, flows = cash.terms, cash.flows
    months = terms.months
    for kind, parts in (("revenue", flows.revenue), ("opex", flows.opex_cost)):
        for name, part in parts.items():
            book.add("Series", Line(f"in_{kind}_{name}", f"{kind}: {name}", part[0].tolist()))
    for name, spent in terms.capex_cost.items():
        book.add("Series", Line(f"in_capex_{name}", f"capex: {name}", spent.tolist()))
    residual = np.sum([part[0] for part in terms.residual.values()], axis=0) if terms.residual else np.zeros(months)
    draw = loan_schedule(terms.loan, months).draw
    weights = terms.loan.service_weights if terms.loan else None
    other = lender.other_reserve_usd
    locked = np.zeros(months) if cash.locked is None else cash.locked[0].astype(np.float64)
    book.add(
        "Series",
        Line("in_residual", "proceeds of the sale, before tax", np.broadcast_to(residual, (months,)).tolist()),
        Line("in_prepayment", "prepayments received", flows.prepayment[0].tolist()),
        Line("in_credit", "prepayments credited", flows.prepayment_credit[0].tolist()),
        Line("in_draw", "loan draws", draw.tolist()),
        Line("in_weight", "sculpting weights", (weights if weights is not None else np.zeros(months)).tolist(), ""),
        Line("in_other_reserve", "other reserves held", (other if other is not None else np.zeros(months)).tolist()),
        Line("in_locked", "1: locked up (solved by the run)", locked.tolist(), ""),
        *_written_off(cash),
        "Results of the run, for the checks",
        *(
            Line(f"run_{name}", label, getattr(cash, name)[0].tolist())
            for name, label in (
                ("tax", "tax"),
                ("cfads", "CFADS"),
                ("debt_balance", "debt balance"),
                ("equity_in", "equity in"),
                ("distributions", "distributions"),
                ("closing_cash", "closing cash"),
                ("shortfall", "shortfall"),
            )
        ),
        Line("run_npv", "project NPV after tax", [float(cash.measures.npv_usd[0]), *([0.0] * (months - 1))]),
    )


def _written_off(cash: CashFlow) -> list[Line]:
    """Tax depreciation per dollar of each class's spending plan: it follows the class's factor."""
    terms = cash.terms
    if terms.tax is None:
        parts = {name: np.zeros(terms.months) for name in terms.capex_cost}
    else:
        start = operation_start_month(terms, cash.revenue_total.T)
        parts = depreciation_by_class(terms.capex_cost, terms.tax, start, terms.start_month)
    return [Line(f"in_written_{name}", f"tax depreciation: {name}", part.tolist()) for name, part in parts.items()]


def _parts(book: Book, sheet: str, kind: str, names: list[str]) -> None:
    for name in names:
        book.add(
            sheet, Line(f"{kind}_{name}", name, f"=[in_{kind}_{name}]*{{factor_{kind}_{name}}}", total=True)
        )  # fmt: skip
    total = "+".join(f"[{kind}_{name}]" for name in names) or "0"
    book.add(sheet, Line(f"{kind}_total", f"{kind} total", f"={total}", total=True))
