"""A cash flow as a spreadsheet with live formulas: what the engine does, month by month, for one case.

With the terms of the case, revenue follows from the contract, running cost, spending and sale from theirs; what earlier
rooms compute hour by hour (mining revenue, energy bills) enters as monthly inputs, as does everything in a cash flow
without terms, with a factor each. No circular references: interest is on the opening balance, the debt's size is an
input, cover tests look back. The checks compare the formulas with the run's own numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Assumption
from megawatt.errors import NotSupportedError
from megawatt.finance import (
    CashFlow,
    LenderTerms,
    LoanTerms,
    ProjectTerms,
    TaxTerms,
    calendar_periods,
    loan_schedule,
)
from megawatt.finance.agreements import SOLD, OperatingTerms
from megawatt.finance.engine import construction_months, operation_start_month
from megawatt.results.workbook.assets import add_asset_inputs, add_depreciation, tax_table_of
from megawatt.results.workbook.checks import add_checks, add_ratios
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
from megawatt.results.workbook.waterfall import FACILITIES, add_cash, add_lender_inputs
from megawatt.results.workbook.whatif import add_scenarios, add_switch

__all__ = ["cashflow_book", "has_formulas", "without_formulas", "write_cashflow"]


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
    _inputs(book, cash, lender, grid_mw)
    add_lender_inputs(book, lender)
    if operating is not None:
        add_operation_inputs(book, operating)
    else:
        _calendar_inputs(book, cash)
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
    _list_assumptions(book, assumptions)
    add_annual(book, loan=loan is not None)
    add_cover(book, cash)
    return book


def has_formulas(cash: CashFlow) -> bool:
    """Whether the workbook has formulas for a cash flow: calendar months, and terms that a scenario can ask for."""
    return not without_formulas(cash)


def without_formulas(cash: CashFlow) -> tuple[str, ...]:
    """What of a cash flow the workbook has no formulas for, in words; none where it can be written."""
    terms, lender = cash.terms, cash.terms.lender or LenderTerms()
    loan, tax, forced = terms.loan, terms.tax, lender.proceeds_usd
    pays = lender.premium_frac is not None or lender.make_whole_rate is not None
    found = {
        "periods other than months": _day_count(terms) is None or terms.owners_pay_all,
        "a make-whole beside a sweep": lender.make_whole_rate is not None and lender.sweep_frac > 0.0,
        "a make-whole of a loan that grows": pays and lender.make_whole_rate is not None and _grows(loan, terms),
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


def _told_losses(terms: ProjectTerms, tax: TaxTerms) -> bool:
    """Losses that are carried forward, or used by owners who are taxed on them."""
    return tax.losses == ("refund" if terms.owners_taxed else "carry-forward")


def _day_count(terms: ProjectTerms) -> str | None:
    """How interest counts days, one of the workbook's; None for periods that are not the calendar's months."""
    for name in _DAY_COUNTS:
        months = calendar_periods(terms.start_year, terms.start_month, terms.months, day_count=name)
        if terms.periods is None or (
            np.array_equal(terms.periods.years, months.years) and np.allclose(terms.periods.fractions, months.fractions)
        ):
            return name
    return None


_DAY_COUNTS: Final = ("30/360", "ACT/360", "ACT/365", "ACT/ACT")
"""In the order of the workbook's input."""


def _grows(loan: LoanTerms | None, terms: ProjectTerms) -> bool:
    if loan is None:
        return False
    balance = loan_schedule(loan, terms.timing).balance[loan.first_payment_month - 1 :]
    return bool((np.diff(balance) > _GROWTH_USD).any())


_GROWTH_USD: Final = 0.005
"""Half a cent is rounding."""


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
               1 + _DAY_COUNTS.index(_day_count(terms) or "30/360"), choices=4),
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


def _calendar_inputs(book: Book, cash: CashFlow) -> None:
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
