"""Debt as agreements write it in the workbook: formulas come to the engine's figures, and another engine agrees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from megawatt.finance import CashFlow, LenderTerms, LoanTerms, calendar_periods, project
from megawatt.finance.debt_terms import FacilityTerms
from megawatt.results.workbook.book import cashflow_book, write_cashflow
from megawatt.results.workbook.coverage import without_formulas
from megawatt.results.workbook.sheet import Book, Scalar
from tests.spreadsheet import recalculated
from tests.unit.results.test_results_workbook import MONTHS, example

DRAWN = 5
"""Months before the first payment."""

ROWS = {"cfads": "cfads", "debt": "debt_balance", "closing_cash": "closing_cash", "distribution": "distributions",
        "equity_in": "equity_in", "arrears": "arrears", "tax_operation": "tax", "interest_paid": "interest_paid",
        "fees_paid": "fees", "prepaid_now": "swept", "c_sale": "residual_total"}  # fmt: skip

SERIES = np.arange(MONTHS)


def at(**shares: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Shares by month, named ``m7``."""
    out = np.zeros(MONTHS)
    for name, share in shares.items():
        out[int(name[1:])] = share
    return out


LINES = (FacilityTerms("letter of credit", limit_months=3.0, rate=0.08, fee=0.02),
         FacilityTerms("revolver", 8e6, rate=0.1, fee=0.01, pays_bills=True))  # fmt: skip
CALLED = np.where(SERIES >= 12, 0.03, 0.05)

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, bool]] = {
    "quarters by days": ({"every": 3, "last_payment_month": 16}, {}, "ACT/360", False),
    "half-years, poor": ({"every": 6, "last_payment_month": 16}, {"sweep_frac": 0.4}, "ACT/ACT", True),
    "a year at once": ({"every": 12, "last_payment_month": 16, "balloon_frac": 0.3}, {}, "ACT/365", False),
    "sculpted quarters": (
        {"every": 3, "last_payment_month": 16, "shape": "sculpted", "service_weights": 1.0 + np.sin(SERIES) ** 2},
        {"lockup_dscr": 1.5, "reserve_months": 3.0}, "ACT/360", True,
    ),
    "dated": (
        {"every": 3, "last_payment_month": 16, "shape": "dated", "principal_frac": at(m7=0.2, m10=0.3, m13=0.1)},
        {"sweep_frac": 1.0, "target_frac": np.where(SERIES >= 8, 0.4, np.inf)}, "30/360", False,
    ),
    "interest alone, floating": (
        {"every": 1, "interest_only": 4, "rate_by_period": 0.06 + 0.001 * SERIES, "commitment_fee": 0.01,
         "draws": 6e7 * at(m1=0.4, m3=0.6)},
        {"opex_reserve_months": 2.5}, "ACT/360", False,
    ),
    "cash interest from a reserve": ({"capitalise_interest": False}, {"interest_reserve": True}, "30/360", False),
    "letter of credit and revolver": ({}, {"facilities": LINES, "reserve_months": 0.0}, "30/360", True),
    "a revolver by quarters": (
        {"every": 3, "last_payment_month": 16, "balloon_frac": 0.4}, {"facilities": LINES[::-1]}, "ACT/360", True,
    ),
    "cures": (
        {}, {"covenant_dscr": 1.6, "lockup_dscr": 1.7, "cures_most": 2, "cures_per_year": 1, "test_every_months": 1},
        "30/360", True,
    ),
    "cures beside a line": (
        {"every": 3, "last_payment_month": 16, "shape": "equal-principal"},
        {"covenant_dscr": 1.6, "cures_most": 3, "cures_per_year": 3, "facilities": LINES, "sweep_frac": 0.5},
        "30/360", False,
    ),
    "call prices": (
        {}, {"sweep_frac": 0.6, "premium_frac": CALLED, "prepaid_frac": at(m9=0.1, m14=0.05)}, "30/360", False,
    ),
    "make-whole": (
        {"every": 3, "last_payment_month": 16, "shape": "equal-principal"},
        {"sweep_frac": 0.0, "prepaid_frac": at(m7=0.3, m10=0.1, m13=0.1), "make_whole_rate": 0.05,
         "premium_frac": np.where(SERIES >= 13, 0.02, 0.0), "par_month": 13},
        "ACT/360", False,
    ),
    "make-whole to the end": (
        {"balloon_frac": 0.3}, {"sweep_frac": 0.0, "prepaid_frac": at(m7=0.1, m10=0.4), "make_whole_rate": 0.04},
        "30/360", False,
    ),
}  # fmt: skip


def made(case: str) -> CashFlow:
    """The example of twenty months under the case's terms."""
    change, asked, day_count, poor = CASES[case]
    plain = example(poor=poor)
    assert plain.terms.loan is not None
    loan: LoanTerms = replace(plain.terms.loan, **({"balloon_frac": 0.0} | change))
    lender = LenderTerms(**({"reserve_months": 2.0, "sweep_frac": 0.3} | asked))
    periods = calendar_periods(2027, 5, MONTHS, day_count=day_count)
    return project(replace(plain.terms, loan=loan, lender=lender, periods=periods), plain.flows, grid_mw=10.0)


def agrees(book: Book, cash: CashFlow, value: Any) -> None:
    """Every row of the run within half a cent, the covers, and every check true."""
    for name, of in ROWS.items():
        got = [float(value(name, m)) for m in range(MONTHS)]
        expected = np.broadcast_to(getattr(cash, of), cash.cfads.shape)[0]
        assert got == pytest.approx(expected, abs=0.005), name
    for key, line in zip(("f1", "f2"), cash.facilities, strict=False):
        assert [value(f"{key}_balance", m) for m in range(MONTHS)] == pytest.approx(line.balance[0], abs=0.005)
    for name in ("min_dscr", "average_dscr", "llcr", "npv"):
        of = "npv_usd" if name == "npv" else name
        assert float(value(name)) == pytest.approx(float(getattr(cash.measures, of)[0]), rel=1e-9), name
    for item in book.sheets["Checks"]:
        if isinstance(item, Scalar):
            assert bool(value(item.name)), item.name


@pytest.mark.parametrize("case", CASES)
def test_formulas_come_to_the_run(case: str) -> None:
    cash = made(case)
    assert without_formulas(cash) == ()
    book = cashflow_book(cash, grid_mw=10.0)
    values = book.values()
    agrees(book, cash, lambda name, m=None: values.scalar(name) if m is None else values.line(name)[m])


def test_the_cases_show_what_they_are_of() -> None:
    assert all(line.draw.any() for name in ("letter of credit and revolver",) for line in made(name).facilities)
    for name in ("cures", "cures beside a line"):
        cures = made(name).cures
        assert cures is not None
        assert (cures > 0.0).any(), name
    for name in ("call prices", "make-whole", "make-whole to the end"):
        assert (made(name).fees[0, DRAWN:] > 0.0).any(), name


@pytest.mark.parametrize("case", ["cures beside a line", "make-whole", "sculpted quarters"])
def test_another_engine_comes_to_it_too(case: str, tmp_path: Path) -> None:
    cash, path = made(case), tmp_path / "cash.xlsx"
    write_cashflow(path, cash, case, grid_mw=10.0)
    book, found = cashflow_book(cash, grid_mw=10.0), recalculated(path)

    def value(name: str, month: int | None = None) -> Any:
        sheet, cell = book.cell_of(name, month)
        return found[sheet.upper(), cell]

    agrees(book, cash, value)
