"""A cash flow as a spreadsheet with live formulas: what the engine does, month by month, for one case.

With the terms of the case, revenue follows from the contract, running cost, spending and sale from theirs; what earlier
rooms compute hour by hour (mining revenue, energy bills) enters as monthly inputs, as does everything in a cash flow
without terms, with a factor each. No circular references: interest is on the opening balance, the debt's size is an
input, cover tests look back. The checks compare the formulas with the run's own numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Assumption
from megawatt.errors import NotSupportedError
from megawatt.finance import (
    CashFlow,
    LenderTerms,
    ProjectTerms,
    loan_schedule,
)
from megawatt.finance.agreements import SOLD, OperatingTerms
from megawatt.results.workbook.assets import add_asset_inputs, add_depreciation, tax_table_of
from megawatt.results.workbook.checks import add_checks, add_ratios
from megawatt.results.workbook.coverage import has_formulas, without_formulas
from megawatt.results.workbook.inputs import add_inputs, calendar_inputs, list_assumptions
from megawatt.results.workbook.operation import (
    Formulas,
    add_blocks,
    add_contract,
    add_operation_inputs,
    operation_formulas,
)
from megawatt.results.workbook.overview import add_annual, add_cover, years_of
from megawatt.results.workbook.owners import Behind, add_behind
from megawatt.results.workbook.rows import add_debt, add_deferred, add_tax, add_timing
from megawatt.results.workbook.sheet import Book, Line, Scalar
from megawatt.results.workbook.statements import add_covenants, add_statements
from megawatt.results.workbook.waterfall import add_cash, add_lender_inputs
from megawatt.results.workbook.whatif import add_scenarios, add_switch

__all__ = ["cashflow_book", "write_cashflow"]


_NOTHING: Final = Behind()
"""Owners alone."""


def write_cashflow(
    path: Path,
    cash: CashFlow,
    title: str,
    *,
    operating: OperatingTerms | None = None,
    grid_mw: float = 0.0,
    assumptions: tuple[Assumption, ...] = (),
    behind: Behind = _NOTHING,
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
    operating : OperatingTerms, optional
        Contract, cost and capital terms of that path; None: they are monthly inputs.
    grid_mw : float
        Contracted grid capacity, for the value per megawatt; 0: not shown.
    assumptions : tuple of Assumption
        What the case rests on: listed with kind and source, and named beside the inputs that they set.
    behind : Behind
        Tranches behind the loan and the owners' partnership.

    Raises
    ------
    NotSupportedError
        If the loan is drawn on clocks of its own, refinanced, or prepaid by order of the lender, or the terms are such
        as no scenario has (`has_formulas`).
    """
    cashflow_book(cash, operating=operating, grid_mw=grid_mw, assumptions=assumptions, behind=behind).save(path, title)


def cashflow_book(
    cash: CashFlow,
    *,
    operating: OperatingTerms | None = None,
    grid_mw: float = 0.0,
    assumptions: tuple[Assumption, ...] = (),
    behind: Behind = _NOTHING,
) -> Book:
    """The workbook of a cash flow before it is written; see `write_cashflow`."""
    terms = cash.terms
    loan, lender = terms.loan, terms.lender or LenderTerms()
    if not has_formulas(cash):
        raise NotSupportedError(f"cashflow.xlsx: no formulas for {', '.join(without_formulas(cash))} (docs/finance.md)")
    book = Book(terms.months, years_of(cash), {"Cover": [], "Annual": [], "Inputs": []})
    add_switch(book, operating)
    formulas: Formulas = operation_formulas(operating) if operating else {}
    classes = list(terms.capex_cost)
    add_inputs(book, cash, lender, grid_mw)
    add_lender_inputs(book, lender)
    if operating is not None:
        add_operation_inputs(book, operating)
    else:
        calendar_inputs(book, cash)
    add_asset_inputs(book, terms.tax, classes, _book_lives(terms, operating))
    _series(book, cash, lender, formulas, prepaid=operating is None or operating.agreement is None)
    if operating is not None:
        add_blocks(book, operating)
    add_scenarios(book, operating)
    add_timing(book)
    if operating is not None:
        add_contract(book, operating)
    add_deferred(book)
    for sheet, kind, names in (
        ("Revenue", "revenue", list(cash.flows.revenue)),
        ("Opex", "opex", list(cash.flows.opex_cost)),
        ("Capex", "capex", classes),
        ("Sale", "residual", list(terms.residual)),
    ):
        _parts(book, sheet, kind, names, formulas.get(kind, {}))
    add_debt(book, loan)
    add_depreciation(book, terms.tax, classes)
    add_tax(book)
    add_cash(book, lender)
    add_covenants(book, cures=lender.cures_most > 0)
    add_behind(book, cash, behind)
    add_statements(book)
    add_ratios(book, cash, with_grid=grid_mw > 0.0)
    add_checks(book, cash, behind)
    list_assumptions(book, assumptions)
    add_annual(book, loan=loan is not None)
    add_cover(book, cash)
    return book


def _book_lives(terms: ProjectTerms, operating: OperatingTerms | None) -> dict[str, float]:
    """Lives in the books: the shell's own, else the tax life, else as long as the tax table."""
    lives: dict[str, float] = {}
    for name in terms.capex_cost:
        table = tax_table_of(terms.tax, name)
        given = terms.tax.life_years.get(name) if terms.tax else None
        lives[name] = given or (float(len(table) - 1) if table else _BOOK_LIFE_YEARS)
    if operating is not None and "shell" in lives:
        lives["shell"] = operating.capital.shell_life_years
    return lives


_BOOK_LIFE_YEARS: Final = 5.0
"""Books of a case that pays no tax: machines dominate; an input of the workbook."""


def _series(book: Book, cash: CashFlow, lender: LenderTerms, formulas: Formulas, *, prepaid: bool) -> None:
    """Monthly inputs: parts without a formula, each with a factor, draws and weights; results for the checks."""
    terms, flows = cash.terms, cash.flows
    months = terms.months
    given = {
        "revenue": {name: part[0] for name, part in flows.revenue.items()},
        "opex": {name: part[0] for name, part in flows.opex_cost.items()},
        "capex": dict(terms.capex_cost),
        "residual": {name: part[0] for name, part in terms.residual.items()},
    }
    book.add("Inputs", "Factors (change these to ask what if)")
    for kind, parts in given.items():
        for name, part in parts.items():
            if name in formulas.get(kind, {}):
                continue
            note = "from the hourly year and the market path" if kind in ("revenue", "opex") else ""
            factor = Scalar(f"factor_{kind}_{name}", f"{kind}: {name}, monthly input", 1.0, "", note)
            book.add("Inputs", factor)
            book.add("Series", Line(f"in_{kind}_{name}", f"{kind}: {name} (monthly input)",
                                    np.broadcast_to(part, (months,)).tolist()))  # fmt: skip
    book.add("Inputs", Scalar("factor_residual", "proceeds of the sale", 1.0))
    if prepaid:
        book.add(
            "Series",
            Line("in_prepayment", "prepayments received", flows.prepayment[0].tolist()),
            Line("in_credit", "prepayments credited", flows.prepayment_credit[0].tolist()),
        )
    loan, none = terms.loan, np.zeros(months)
    draw = loan_schedule(loan, terms.timing).draw
    weights = loan.gathered(loan.service_weights) if loan and loan.service_weights is not None else none
    dated = loan.principal_frac if loan and loan.principal_frac is not None else none
    rates = loan.rate_by_period if loan and loan.rate_by_period is not None else none
    other = none if lender.other_reserve_usd is None else lender.other_reserve_usd
    called = none if lender.make_whole_rate is not None and lender.premium_frac is None else lender.premium_frac
    beside = (("in_prepaid", "share of the debt that owners prepay", lender.prepaid_frac),
              ("in_target", "balance at which the sweep stops, share of the debt", lender.target_frac),
              ("in_call", "call price less 1", called))  # fmt: skip
    book.add(
        "Series",
        Line("in_draw", "loan draws", draw.tolist()),
        Line("in_weight", "sculpting weights", weights.tolist(), ""),
        Line("in_principal", "dated repayments, share of the debt", dated.tolist(), ""),
        Line("in_rate", "annual rate of a loan that floats", rates.tolist(), ""),
        Line("in_other_reserve", "other reserves held", other.tolist()),
        *(
            Line(name, label, np.minimum(part, _ALWAYS).tolist(), "")
            for name, label, part in beside
            if part is not None
        ),
        "Results of the run, for the checks",
        *(
            Line(f"run_{name}", label, getattr(cash, name)[0].tolist())
            for name, label in (
                ("tax", "tax"),
                ("tax_accrued", "tax accrued"),
                ("cfads", "CFADS"),
                ("debt_balance", "debt balance"),
                ("equity_in", "equity in"),
                ("distributions", "distributions"),
                ("closing_cash", "closing cash"),
                ("arrears", "owed and unpaid"),
            )
        ),
        Line("run_locked", "locked up", _flags(cash.locked, months), "flag"),
        Line("run_npv", "project NPV after tax", [float(cash.measures.npv_usd[0]), *([0.0] * (months - 1))]),
    )


_ALWAYS: Final = 1e9
"""Share of the debt above which a target balance is none."""

_MOVED: Final = {"revenue": "*{x_price}*{x_use}", "opex": "*{x_opex}", "capex": "*{x_capex}"}
"""What the scenario in use does to each part."""


def _flags(locked: NDArray[np.bool_] | None, months: int) -> list[float]:
    return [0.0] * months if locked is None else locked[0].astype(np.float64).tolist()


def _parts(book: Book, sheet: str, kind: str, names: list[str], formulas: Mapping[str, str]) -> None:
    """A row per part, by formula or from its monthly input, and their sum."""
    for name in names:
        scale = f"{{factor_{kind}_{name}}}" + ("*{factor_residual}" if kind == "residual" else "")
        formula = formulas.get(name, f"=[in_{kind}_{name}]*{scale}")
        moved = _MOVED.get(kind, "") if kind != "revenue" or name in SOLD else ""
        formula = f"=({formula.removeprefix('=')}){moved}" if moved else formula
        book.add(sheet, Line(f"{kind}_{name}", name, formula, total=True))
    total = "+".join(f"[{kind}_{name}]" for name in names) or "0"
    title = "residual" if kind == "residual" else f"{kind}_total"
    book.add(sheet, Line(title, f"{sheet.lower()} in all", f"={total}", total=True))
