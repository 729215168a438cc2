"""The workbook, recalculated by an independent engine, equals the run; its bytes are the same for equal inputs."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from megawatt.errors import NotSupportedError
from megawatt.finance import (
    CashFlow,
    LenderTerms,
    LoanTerms,
    OperatingFlows,
    ProjectTerms,
    Refinancing,
    TaxTerms,
    project,
)
from megawatt.results.workbook.book import cashflow_book, write_cashflow
from tests.spreadsheet import recalculated

MONTHS = 20


def example(shape: str = "level", *, poor: bool = False, lender: LenderTerms | None = None) -> CashFlow:
    """Twenty months from May 2027 with two classes of capex, a prepayment and a sale."""
    month = np.arange(MONTHS)
    live = month >= 4
    cash = 9e6 * live * (1 + 0.1 * np.sin(month))
    weights = cash * np.where(month == 9, 0.01, 1.0)  # a payment below its interest: the loan grows
    if poor:
        cash = cash * np.where((month > 8) & (month < 14), 0.1, 1.0)
    prepaid = np.zeros((1, MONTHS))
    prepaid[0, 2] = 6e6
    credit = (np.where(live, 6e6 / live.sum(), 0.0))[None, :]
    sale = np.zeros((1, MONTHS))
    sale[0, -1] = 3e7
    loan = LoanTerms(
        6e7, 0.09, 1, 5, 18, shape=shape, upfront_fee_frac=0.02, capitalise_interest=shape != "bullet",
        service_weights=weights if shape == "sculpted" else None, balloon_frac=0.2 if shape == "level" else 0.0,
    )  # fmt: skip
    terms = ProjectTerms(
        start_year=2027,
        start_month=5,
        months=MONTHS,
        capex_cost={"shell": np.where(month < 4, 5e6, 0.0), "machines": np.where(month == 3, 1e8, 0.0)},
        residual={"all": sale},
        loan=loan,
        tax=TaxTerms(0.21, {"shell": 39.0}, state_rate=0.04, tables={"machines": "macrs-5"}),
        discount_rate=0.1,
        minimum_cash_usd=1e6,
        operation_start_month=4,
        construction_months=4,
        lender=lender or LenderTerms(reserve_months=2.5, sweep_frac=0.3),
        receivable_days=25.0,
        payable_days=40.0,
    )
    return project(
        terms,
        OperatingFlows(
            {"contract": cash[None, :]}, {"site": 1e6 * live[None, :], "energy": 5e5 * live[None, :]}, prepaid, credit
        ),
        grid_mw=10.0,
    )


@pytest.mark.parametrize(
    ("shape", "poor", "lender"),
    [
        ("level", False, None),
        ("level", False, LenderTerms(reserve_months=1, sweep_frac=1.0, lockup_dscr=1.3, covenant_dscr=1.1)),
        (
            "sculpted",
            True,
            LenderTerms(
                reserve_months=3, lockup_dscr=1.6, reserve_at_close=True, lockup_release_tests=2, covenant_dscr=1.3
            ),
        ),
    ],
)
def test_formulas_equal_the_run(tmp_path: Path, shape: str, poor: bool, lender: LenderTerms | None) -> None:
    cash = example(shape, poor=poor, lender=lender)
    if poor:
        assert cash.missed[0] >= 0, "the case is meant to miss a payment"
    if lender and lender.sweep_frac == 1.0:
        assert cash.terms.loan is not None
        assert cash.debt_balance[0, cash.terms.loan.last_payment_month - 2] < 0.005, "meant to be repaid early"
    path = tmp_path / "cashflow.xlsx"
    write_cashflow(path, cash, "example", grid_mw=10.0)
    found, book = recalculated(path), cashflow_book(cash, grid_mw=10.0)

    def value(name: str, month: int | None = None) -> Any:
        sheet, cell = book.cell_of(name, month)
        return found[sheet.upper(), cell]

    rows = {
        "tax_operation": cash.tax, "cfads": cash.cfads, "debt": cash.debt_balance, "closing_cash": cash.closing_cash,
        "interest_paid": cash.interest_paid, "equity_in": cash.equity_in, "distribution": cash.distributions,
        "arrears": cash.arrears, "c_sale": cash.residual_total, "swept": cash.swept,
        "locked": cash.locked,
    }  # fmt: skip
    for name, expected in rows.items():
        assert expected is not None
        got = [float(value(name, m)) for m in range(MONTHS)]
        assert got == pytest.approx(np.asarray(expected[0], dtype=np.float64), abs=0.005), name
    measures = cash.measures
    for name, number in (
        ("npv", measures.npv_usd), ("min_dscr", measures.min_dscr), ("average_dscr", measures.average_dscr),
        ("llcr", measures.llcr), ("equity_irr", measures.equity_irr),
        ("value_per_mw", measures.value_usd_per_grid_mw_year),
    ):  # fmt: skip
        if np.isfinite(number[0]):
            assert float(value(name)) == pytest.approx(float(number[0]), rel=1e-9), name
    checks = [item.name for item in book.sheets["Checks"] if not isinstance(item, str)]
    assert {name: bool(value(name)) for name in checks} == dict.fromkeys(checks, True)


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        write_cashflow(tmp_path / name, example(), "example")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_calculations_hold_no_numbers_typed_over_formulas(tmp_path: Path) -> None:
    """Only the input sheets hold numbers: on every other sheet each value cell is a formula."""
    path = tmp_path / "cashflow.xlsx"
    write_cashflow(path, example(), "example")
    with zipfile.ZipFile(path) as archive:
        names = sorted(n for n in archive.namelist() if n.startswith("xl/worksheets/sheet"))
        sheets = [archive.read(name).decode() for name in names]
    book = cashflow_book(example())
    assert len(sheets) == len(book.sheets)
    for number, title in enumerate(book.sheets, start=1):
        text = sheets[names.index(f"xl/worksheets/sheet{number}.xml")]
        cells = [part for part in text.split("<c ")[1:] if 't="s"' not in part.split(">", 1)[0]]
        typed = [part for part in cells if "<f>" not in part and "<v>" in part]
        assert bool(typed) == (title in ("Inputs", "Series")), title


def test_what_has_no_formulas_is_refused() -> None:
    cash = example()
    assert cash.terms.lender is not None
    lender = replace(cash.terms.lender, refinancing=Refinancing(0.1, 2, 1.2))
    with pytest.raises(NotSupportedError, match="refinanced"):
        cashflow_book(replace(cash, terms=replace(cash.terms, lender=lender)))


def test_without_a_loan(tmp_path: Path) -> None:
    cash = example()
    plain = project(replace(cash.terms, loan=None, lender=None), cash.flows)
    path = tmp_path / "cashflow.xlsx"
    write_cashflow(path, plain, "no loan")
    book, found = cashflow_book(plain), recalculated(path)
    sheet, cell = book.cell_of("master")
    assert bool(found[sheet.upper(), cell])


def test_inputs_are_blue_and_formulas_black(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "cashflow.xlsx"
    write_cashflow(path, example(), "example")
    seen = {True: 0, False: 0}
    for sheet in openpyxl.load_workbook(path).worksheets:
        for cell in (cell for row in sheet.iter_rows() for cell in row if cell.value is not None):
            formula, number = cell.data_type == "f", isinstance(cell.value, int | float)
            if formula or number:
                blue = cell.font.color is not None and cell.font.color.rgb == "FF0000FF"
                assert blue is number, (sheet.title, cell.coordinate)
                seen[number] += 1
    assert min(seen.values()) > 100
