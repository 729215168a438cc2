"""The workbook of a scenario: revenue, cost, spending and sale follow from terms, by formula, as the run has them."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import Links, forge
from megawatt.chain.operating import operating_terms
from megawatt.results.workbook.book import cashflow_book, write_cashflow
from megawatt.results.workbook.sheet import Book, Line, Scalar
from megawatt.scenario import load
from tests.spreadsheet import OFFICE, recalculated, recalculated_by_office

EXAMPLES = Path(__file__).parents[3] / "examples"

CLOUD = (
    "childress-gb300.toml", "timeline.operating_months=16", "contract.term_months=14", "debt.payments=14",
    "contract.prepayment_credit_after_months=5", 'tax.machines_table="macrs-5"', "tax.machines_bonus_frac=0.4",
    "tax.state_rate=0.03", "working_capital.receivable_days=30", "working_capital.payable_days=20",
    "contract.take_or_pay_frac=0.8", "contract.tenant_use_frac=0.9", "debt.lockup_dscr=1.3", "timeline.delay_months=2",
    "capex.replace_after_months=7",
)  # fmt: skip
LEASE = (
    "deals/terawulf-lake-mariner.toml", "timeline.operating_months=15", "lease.term_months=13", "debt.payments=12",
    'lease.power_paid_by="owner"', 'tax.shell_table="macrs-15"',
)  # fmt: skip
MINING = (
    "childress-bitcoin.toml", "timeline.operating_months=14", "demand_response.enrolled_mw=60",
    "demand_response.usd_per_kw_month=4", "demand_response.paid_frac=0.9", "demand_response.called_hours_per_year=40",
    "capex.replace_after_months=6", "capex.replacement_cost_frac=0.7",
)  # fmt: skip
CASES = {"cloud": CLOUD, "lease": LEASE, "mining": MINING}


@functools.cache
def linked(case: str) -> Links:
    catalogue = load_catalogue()
    name, *settings = CASES[case]
    use = load(EXAMPLES / name, catalogue, settings).uses[0]
    return forge(use.scenario, catalogue, use.folder)


def written(case: str, folder: Path) -> tuple[Path, Book]:
    links, path = linked(case), folder / "cashflow.xlsx"
    terms = operating_terms(links)
    write_cashflow(path, links.base, case, operating=terms, grid_mw=100.0)
    return path, cashflow_book(links.base, operating=terms, grid_mw=100.0)


def holds(case: str, book: Book, found: dict[tuple[str, str], Any]) -> None:
    """Every row that the run knows equals it within half a cent, and every check is true."""
    cash = linked(case).base
    rows = {
        **{f"revenue_{name}": part[0] for name, part in cash.flows.revenue.items()},
        **{f"opex_{name}": part[0] for name, part in cash.flows.opex_cost.items()},
        **{f"capex_{name}": part for name, part in cash.terms.capex_cost.items()},
        **{f"residual_{name}": part[0] for name, part in cash.terms.residual.items()},
        "in_prepayment": cash.flows.prepayment[0], "in_credit": cash.flows.prepayment_credit[0],
        "tax_operation": cash.tax[0], "cfads": cash.cfads[0], "debt": cash.debt_balance[0],
        "closing_cash": cash.closing_cash[0], "distribution": cash.distributions[0],
    }  # fmt: skip
    for name, expected in rows.items():
        places = [book.cell_of(name, m) for m in range(cash.terms.months)]
        got = [float(found[sheet.upper(), cell]) for sheet, cell in places]
        assert got == pytest.approx(np.asarray(expected), abs=0.005), name
    for item in book.sheets["Checks"]:
        if not isinstance(item, str):
            sheet, cell = book.cell_of(item.name)
            assert bool(found[sheet.upper(), cell]), item.name


@pytest.mark.parametrize("case", CASES)
def test_formulas_equal_the_run(case: str, tmp_path: Path) -> None:
    path, book = written(case, tmp_path)
    holds(case, book, recalculated(path))


@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("case", CASES)
def test_libreoffice_agrees(case: str, tmp_path: Path) -> None:
    path, book = written(case, tmp_path)
    holds(case, book, recalculated_by_office(path))


def formulas_of(book: Book) -> dict[str, Line]:
    return {i.name: i for items in book.sheets.values() for i in items if isinstance(i, Line)}


def test_only_hourly_results_are_monthly_inputs_of_operation() -> None:
    cloud = formulas_of(cashflow_book(linked("cloud").base, operating=operating_terms(linked("cloud"))))
    given = {name for name, line in cloud.items() if name.startswith("in_") and not isinstance(line.content, str)}
    assert given == {
        "in_energy_let", "in_market_price", "in_market_use", "in_draw", "in_weight", "in_other_reserve",
        "in_principal", "in_rate",  # terms by date: repayments as agreed, and the rates of a loan that floats
    }  # fmt: skip
    mining = formulas_of(cashflow_book(linked("mining").base, operating=operating_terms(linked("mining"))))
    assert not isinstance(mining["in_revenue_mining"].content, str)
    assert "hourly" not in mining["revenue_mining"].label


def test_no_row_refers_to_itself_in_the_same_month_or_later(tmp_path: Path) -> None:
    """No circular reference: the rows of one month can be put in an order, and rows summed over all months first."""
    book = cashflow_book(linked("cloud").base, operating=operating_terms(linked("cloud")))
    lines = formulas_of(book)
    scalars = {
        i.name: i.content
        for items in book.sheets.values()
        for i in items
        if isinstance(i, Scalar) and isinstance(i.content, str)
    }
    same_month = {
        name: {m[0] for m in re.findall(r"\[(\w+)(<?)\]", line.content) if not m[1]} if isinstance(line.content, str)
        else set()
        for name, line in lines.items()
    }  # fmt: skip
    whole = {
        name: set(re.findall(r"\[(\w+)[:^]", text)) | set(re.findall(r"\[(\w+)\.", text))
        for name, text in {
            **{n: ln.content for n, ln in lines.items() if isinstance(ln.content, str)},
            **scalars,
        }.items()
    }
    used = {n: set(re.findall(r"\{(\w+)", str(getattr(ln, "content", "")))) for n, ln in lines.items()}
    seen: dict[str, bool] = {}

    def visit(name: str) -> None:
        if seen.get(name) is True:
            return
        assert name not in seen, f"{name} refers to itself"
        seen[name] = False
        text = scalars.get(name, "")
        for other in same_month.get(name, set()) | whole.get(name, set()) | used.get(name, set()):
            if other in lines or other in scalars:
                visit(other)
        for other in re.findall(r"\{(\w+)", str(text)):
            if other in scalars:
                visit(other)
        seen[name] = True

    for name in (*lines, *scalars):
        visit(name)


def test_a_late_block_earns_later_and_keeps_the_lenders_dates(tmp_path: Path) -> None:
    """Changing the delay of a block in the file moves its revenue; the balance sheet still balances."""
    openpyxl = pytest.importorskip("openpyxl")
    path, book = written("lease", tmp_path)
    edited = openpyxl.load_workbook(path)
    halls = linked("lease").model.calendar.halls
    sheet, cell = book.cell_of(f"delay_{len(halls)}")
    edited[sheet][cell] = 2
    edited.save(path)
    found = recalculated(path)
    last, base = halls[-1].month, linked("lease").base.flows.revenue["contract"][0]
    revenue = [float(found["REVENUE", book.cell_of("revenue_contract", m)[1]]) for m in (last, last + 2)]
    assert revenue[0] == pytest.approx((1 - halls[-1].share) * base[last])
    assert revenue[1] == pytest.approx(base[last + 2])
    assert bool(found["CHECKS", book.cell_of("check_balance")[1]])
    assert not bool(found["CHECKS", book.cell_of("master")[1]]), "the run had no delay: its figures differ"
