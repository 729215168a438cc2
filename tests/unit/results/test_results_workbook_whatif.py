"""With the switch moved, the workbook recalculates to the engine's answer; its overview sums, its inputs are held."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from megawatt.chain.businesses import AIMoney
from megawatt.chain.links import forge
from megawatt.chain.money import CashModel
from megawatt.chain.operating import operating_terms
from megawatt.finance import CashFlow, live_share, project
from megawatt.finance.agreements import SOLD
from megawatt.finance.committee import credit_years
from megawatt.results.workbook.book import cashflow_book, write_cashflow
from megawatt.results.workbook.sheet import Book, Line, Scalar, Text, allowed
from megawatt.results.workbook.whatif import scenarios
from tests.spreadsheet import recalculated
from tests.unit.results.test_results_workbook import example
from tests.unit.results.test_results_workbook_terms import linked, written

ROWS = {"cfads": "cfads", "debt": "debt_balance", "closing_cash": "closing_cash", "distribution": "distributions",
        "equity_in": "equity_in", "arrears": "arrears", "tax_operation": "tax", "c_sale": "residual_total"}  # fmt: skip


def levers(case: str, scenario: int) -> dict[str, float]:
    return {"x_late": 0.0} | [*scenarios(operating_terms(linked(case))).values()][scenario - 1]


def late_by(case: str, months: int) -> CashModel:
    """The case with every block late and the project's end and its loan as they were."""
    links = linked(case)
    if not months:
        return links.model
    held = links.scenario.timeline
    late = {"delay_months": held.delay_months + months, "operating_months": held.operating_months - months}
    scenario = links.scenario.model_copy(update={"timeline": held.model_copy(update=late)})
    model = forge(scenario, links.catalogue, links.folder, links.held).model
    return replace(model, capital=replace(model.capital, loan=links.model.capital.loan))


@functools.cache
def moved_by_the_engine(case: str, scenario: int) -> CashFlow:
    """The case under a scenario as the chain and the cash engine have it, the loan held."""
    move = levers(case, scenario)
    model = late_by(case, int(move["x_late"]))
    base, halls = model.base(), model.calendar.halls
    flows, terms, sold = base.flows, base.terms, move["x_price"] * move["x_use"]
    cost = dict(flows.opex_cost)
    if "energy_ai" in cost and operating_terms(linked(case)).energy_let_usd is not None:
        chips = model.find(AIMoney)
        idle = chips.idle_frac if chips is not None else 0.0
        months = model.calendar.spine.months
        bill = operating_terms(linked(case)).energy_let_usd
        empty = idle * bill * live_share(halls, months) if chips is not None else np.zeros(months)
        cost["energy_ai"] = empty + (cost["energy_ai"] - empty) * move["x_use"]
    flows = replace(
        flows,
        revenue={k: v * (sold if k in SOLD else 1.0) for k, v in flows.revenue.items()},
        opex_cost={k: v * move["x_opex"] for k, v in cost.items()},
    )
    loan = terms.loan and replace(terms.loan, rate=terms.loan.rate + move["x_rate"])
    capex = {k: v * move["x_capex"] for k, v in terms.capex_cost.items()}
    return project(replace(terms, loan=loan, capex_cost=capex), flows)


def agrees(book: Book, cash: CashFlow, value: Any) -> None:
    for name, of in ROWS.items():
        got = [float(value(name, m)) for m in range(cash.terms.months)]
        assert got == pytest.approx(getattr(cash, of)[0], abs=0.005), name


SETTINGS = [(case, k) for case, number in (("cloud", 6), ("lease", 6), ("mining", 5)) for k in range(1, number + 1)]


@pytest.mark.parametrize(("case", "scenario"), SETTINGS)
def test_every_setting_of_the_switch_is_the_engine_s_own_answer(case: str, scenario: int) -> None:
    book = cashflow_book(linked(case).base, operating=operating_terms(linked(case)), grid_mw=100.0)
    items = book.sheets["Inputs"]
    place = next(i for i, item in enumerate(items) if isinstance(item, Scalar) and item.name == "scenario")
    switch = items[place]
    assert isinstance(switch, Scalar)
    items[place] = replace(switch, content=float(scenario))
    values = book.values()
    agrees(book, moved_by_the_engine(case, scenario), lambda name, m: values.line(name)[m])
    assert values.scalar("identities") is True
    assert values.scalar("master") is True
    assert values.scalar("agrees") is (levers(case, scenario) == levers(case, 1))


@pytest.mark.parametrize("case", ["cloud", "lease"])
def test_another_engine_recalculates_the_moved_switch_to_the_same(case: str, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path, book = written(case, tmp_path)
    edited = openpyxl.load_workbook(path)
    sheet, cell = book.cell_of("scenario")
    edited[sheet][cell] = 5
    edited.save(path)
    found = recalculated(path)

    def value(name: str, month: int | None = None) -> Any:
        sheet, cell = book.cell_of(name, month)
        return found[sheet.upper(), cell]

    agrees(book, moved_by_the_engine(case, 5), value)
    assert [bool(value(n)) for n in ("identities", "agrees", "master")] == [True, False, True]


def test_the_annual_sheet_is_the_committee_s() -> None:
    cash = example(poor=True)
    values = cashflow_book(cash).values()
    years = credit_years(cash)
    for name, of, sign in (
        ("a_revenue", "revenue_usd", 1), ("a_opex", "opex_usd", -1), ("a_other", "other_usd", 1),
        ("a_tax", "tax_usd", -1), ("a_cfads", "cfads_usd", 1), ("a_interest", "interest_usd", -1),
        ("a_principal", "principal_usd", -1), ("a_debt", "balance_usd", 1), ("a_dscr", "dscr", 1),
    ):  # fmt: skip
        assert values.line(name) == pytest.approx([sign * getattr(y, of) for y in years], abs=0.005), name
    assert values.line("a_year") == [y.year for y in years]


def test_every_column_of_months_has_its_date(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "cash.xlsx"
    write_cashflow(path, example(), "an example")
    book, made = openpyxl.load_workbook(path, data_only=True), cashflow_book(example())
    for name, items in made.sheets.items():
        months = [item for item in items if isinstance(item, Line) and not item.yearly]
        if months:
            heads = [cell.value for cell in book[name][2][4:]]
            assert len(heads) == 20
            assert [f"{d:%Y-%m-%d}" for d in (heads[0], heads[8], heads[9])] == [
                "2027-05-31",
                "2028-01-31",
                "2028-02-29",
            ]
    assert [cell.value for cell in book["Annual"][2][4:]] == [2027, 2028]


def test_every_input_is_what_its_validation_allows(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path, book = written("lease", tmp_path)
    sheet = openpyxl.load_workbook(path)["Inputs"]
    held = {str(v.sqref): v for v in sheet.data_validations.dataValidation}
    inputs = [i for i in book.sheets["Inputs"] if isinstance(i, Scalar)]
    for item in inputs:
        rule, value = allowed(item), float(item.content)
        assert book.cell_of(item.name)[1] in held, item.name
        if rule["validate"] == "list":
            assert value in (0.0, 1.0), item.name
            continue
        assert rule["minimum"] <= value <= rule["maximum"], item.name
        assert rule["validate"] == "decimal" or value == int(value), item.name
    assert allowed(next(i for i in inputs if i.name == "scenario"))["maximum"] == 6
    kinds = {allowed(item)["validate"] for item in inputs}
    assert kinds == {"integer", "list", "decimal"}


def test_it_prints_in_landscape_with_a_page_for_each_two_years(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path, book = written("cloud", tmp_path)
    months, pages = linked("cloud").base.terms.months, 0
    for sheet in openpyxl.load_workbook(path).worksheets:
        assert sheet.page_setup.orientation == "landscape", sheet.title
        assert sheet.page_setup.paperSize == 9
        assert sheet.print_title_rows, sheet.title
        breaks = len(sheet.col_breaks.brk)
        kinds = {item.yearly for item in book.sheets[sheet.title] if isinstance(item, Line)}
        assert breaks == ((months - 1) // 24 if kinds == {False} else 0), sheet.title
        pages += breaks + 1
    assert pages < 60


def test_the_cover_leads_to_every_sheet_and_charts_show_cash_and_debt(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path, made = written("cloud", tmp_path)
    book = openpyxl.load_workbook(path)
    links = {cell.hyperlink.location for row in book["Cover"].iter_rows() for cell in row if cell.hyperlink}
    assert links == {f"'{name}'!A1" for name in made.sheets if name != "Cover"}
    notes = [item.note for item in made.sheets["Cover"] if isinstance(item, Text) and item.sheet]
    assert all(notes)
    assert len(book["Annual"]._charts) == 2
    assert book.sheetnames[:3] == ["Cover", "Annual", "Inputs"]
