"""Tranches behind the loan and partners in the workbook: formulas come to the engine's figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from megawatt.finance import CashFlow, project
from megawatt.finance.partnership import PartnershipTerms
from megawatt.finance.records import JuniorTerms
from megawatt.finance.tranches import stack_below
from megawatt.results.workbook.book import cashflow_book, write_cashflow
from megawatt.results.workbook.coverage import without_formulas
from megawatt.results.workbook.owners import Behind
from megawatt.results.workbook.sheet import Book, Scalar
from tests.spreadsheet import recalculated
from tests.unit.results.test_results_workbook import MONTHS
from tests.unit.results.test_results_workbook_debt import made

FLIP = PartnershipTerms(0.2, 0.8, 0.9, 0.1, 0.05, 0.06)

CASES: dict[str, tuple[str, tuple[JuniorTerms, ...], PartnershipTerms | None, bool]] = {
    "mezzanine, monthly": ("interest alone, floating", (
        JuniorTerms("mezzanine", "mezzanine", 3e6, 0.1, 0.02, 6, 15, "equal-principal", 0.5),), None, False),
    "three by quarters": ("quarters by days", (
        JuniorTerms("second lien", "second-lien", 4e6, 0.09, 0.0, 5, 16, "equal-principal"),
        JuniorTerms("preferred", "preferred", 2e6, 0.0, 0.12, 5, 16, "bullet", 0.3),
        JuniorTerms("mezzanine", "mezzanine", 3e6, 0.05, 0.05, 5, 10),), None, False),
    "poor, behind": ("half-years, poor", (
        JuniorTerms("mezzanine", "mezzanine", 5e6, 0.14, 0.0, 5, 16, "equal-principal"),), None, False),
    "a convertible in shares": ("call prices", (
        JuniorTerms("notes", "convertible", 4e6, 0.03, 0.0, 6, 15, converted_worth=1.3),), None, False),
    "a convertible in cash": ("call prices", (
        JuniorTerms("notes", "convertible", 4e6, 0.03, 0.0, 6, 15, converted_worth=0.9),), FLIP, False),
    "tax equity": ("dated", (), FLIP, True),
    "by date, behind notes": ("call prices", (
        JuniorTerms("notes", "mezzanine", 4e6, 0.03, 0.01, 6, 12),),
        PartnershipTerms(0.3, 0.2, 0.99, 0.6, 0.5, flip_period=11), True),
    "a plain venture": ("cures", (), PartnershipTerms(0.501, 0.501, 0.501), False),
}  # fmt: skip


def case(name: str) -> tuple[CashFlow, Behind]:
    deal, juniors, terms, passes = CASES[name]
    cash = made(deal)
    if passes:
        tax = cash.terms.tax
        assert tax is not None
        owned = replace(cash.terms, owners_taxed=True, tax=replace(tax, losses="refund"))
        cash = project(owned, cash.flows, grid_mw=10.0)
    return cash, Behind(stack_below(cash, juniors) if juniors else None, terms)


def agrees(cash: CashFlow, behind: Behind, book: Book, value: Any) -> None:
    """Every row within half a cent, every check true."""

    def row(name: str) -> list[float]:
        return [float(value(name, m)) for m in range(MONTHS)]

    for key, tranche in enumerate(behind.stack.tranches if behind.stack else (), 1):
        for name, of in (("balance", tranche.balance), ("draw", tranche.draw), ("interest", tranche.interest_paid),
                         ("principal", tranche.principal_paid), ("converted", tranche.converted),
                         ("late", tranche.arrears)):  # fmt: skip
            assert row(f"j{key}_{name}") == pytest.approx(of[0], abs=0.005), (key, name)
    tax = np.zeros(MONTHS) if cash.owners_tax is None else cash.owners_tax[0]
    assert row("owners_tax") == pytest.approx(tax, abs=0.005)
    assert row("equity_flow") == pytest.approx(cash.owners_flow[0], abs=0.005)
    found = behind.partners(cash)
    if found is not None:
        assert row("v_flow") == pytest.approx(found.investor.flow, abs=0.005)
        assert row("u_flow") == pytest.approx(found.sponsor.flow, abs=0.005)
        flipped = np.arange(MONTHS) >= found.flip if found.flip >= 0 else np.zeros(MONTHS)
        assert row("v_flipped") == flipped.tolist()
    for item in book.sheets["Checks"]:
        if isinstance(item, Scalar):
            assert bool(value(item.name)), item.name


@pytest.mark.parametrize("name", CASES)
def test_formulas_come_to_the_run(name: str) -> None:
    cash, behind = case(name)
    assert without_formulas(cash) == ()
    book = cashflow_book(cash, grid_mw=10.0, behind=behind)
    values = book.values()
    agrees(cash, behind, book, lambda of, m=None: values.scalar(of) if m is None else values.line(of)[m])


def test_the_cases_show_what_they_are_of() -> None:
    stacks = {name: case(name)[1].stack for name in CASES}
    assert any(t.arrears.any() for s in stacks.values() if s for t in s.tranches)
    shares, cash = stacks["a convertible in shares"], stacks["a convertible in cash"]
    assert shares is not None
    assert cash is not None
    assert shares.tranches[0].converted.any()
    assert not cash.tranches[0].converted.any()
    for name in ("tax equity", "by date, behind notes"):
        flow, behind = case(name)
        found = behind.partners(flow)
        assert found is not None
        assert 0 < found.flip < MONTHS - 1, name
        assert flow.owners_tax is not None
        assert flow.owners_tax.any()


def test_another_engine_comes_to_it_too(tmp_path: Path) -> None:
    (cash, behind), path = case("by date, behind notes"), tmp_path / "cash.xlsx"
    write_cashflow(path, cash, "behind", grid_mw=10.0, behind=behind)
    book, found = cashflow_book(cash, grid_mw=10.0, behind=behind), recalculated(path)

    def value(name: str, month: int | None = None) -> Any:
        sheet, cell = book.cell_of(name, month)
        return found[sheet.upper(), cell]

    agrees(cash, behind, book, value)
