"""The page of a site year as dispatched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.dispatch import Block, HourlyProblem, Storage, optimise
from megawatt.report import Chart, DispatchRun, dispatch_charts, render_dispatch
from megawatt.tariff import Bill, BillLine

HOURS = 8760


def _run(title: str = "site") -> DispatchRun:
    """Firm 10 MW and 5 MW of miners worth 60 $/MWh; nights at 20, days at 100 $/MWh; a battery of 2 MW, 8 MWh."""
    price = np.where(np.arange(HOURS) % 24 < 8, 20.0, 100.0)[:, np.newaxis]
    problem = HourlyProblem(
        firm_mw=np.full(HOURS, 10.0),
        imports=Block("import", np.full((HOURS, 1), 20.0), price),
        uses=(Block("mining", np.full((HOURS, 1), 5.0), np.full((HOURS, 1), 60.0)),),
        storages=(Storage("battery", 2.0, 8.0, 1.0, 1.0),),
    )
    return DispatchRun(title, problem, {"perfect": optimise(problem)})


@pytest.fixture(scope="module")
def charts() -> dict[str, Chart]:
    return {chart.id: chart for chart in dispatch_charts([_run()])}


def test_every_chart_of_the_year_is_there(charts: dict[str, Chart]) -> None:
    assert list(charts) == ["duration", "money-0", "response-0", "battery-0-0", "week-0"]


def test_miners_run_in_cheap_hours_alone(charts: dict[str, Chart]) -> None:
    firm, mining, imports = charts["response-0"].option["series"]
    # A third of the hours, eight groups of 24, are cheap; the battery's 8 MWh a night come on top, on average 1 MW.
    assert firm["data"] == [10] * 24
    assert mining["data"] == [5] * 8 + [None] * 16
    assert np.mean(imports["data"][:8]) == pytest.approx(16.0, rel=1e-3)
    assert np.mean(imports["data"][8:]) == pytest.approx(9.5, rel=1e-3)


def test_battery_takes_by_night_and_gives_by_day(charts: dict[str, Chart]) -> None:
    chart = charts["battery-0-0"]
    discharge, charge, _ = (series["data"] for series in chart.option["series"])
    assert sum(v or 0.0 for v in charge[:8]) == pytest.approx(-8.0, rel=1e-3)
    assert sum(v or 0.0 for v in discharge[8:]) == pytest.approx(8.0, rel=1e-3)
    assert "$20.0/MWh and gave at $100/MWh" in chart.caption
    name, charged, given, *_ = chart.table.rows[0]
    assert (name, charged, given) == ("perfect", charged, charged)


def test_money_sums_to_the_objective(charts: dict[str, Chart]) -> None:
    earns, costs = (series["data"] for series in charts["money-0"].option["series"])
    total = sum(v or 0.0 for v in (*earns, *costs))
    assert total == pytest.approx(-_run().plans["perfect"].objective_usd / 1e6, rel=1e-3)


def test_week_is_the_one_asked_for() -> None:
    *_, week = dispatch_charts([_run()], week=52)
    assert "Hours 8,568 to 8,735" in week.caption
    assert len(week.option["series"][0]["data"]) == 168


def test_page_is_the_same_every_time_and_escapes_names() -> None:
    run = _run("<one>")
    page = render_dispatch("<one>", [run])
    assert page == render_dispatch("<one>", [run])
    assert "<one>" not in page
    assert "&lt;one&gt;" in page


def test_the_bill_stands_by_line_and_month() -> None:
    run = _run()
    line = BillLine("transmission", "demand", "MW", np.full(12, 15.0), np.arange(12) * 1e3)
    page = render_dispatch("site", [replace(run, bill=Bill("rate", np.ones(12), (line,)))])
    assert "Power bill of site, by line and month" in page
    assert "transmission" in page
    assert ">66<" in page, "thousands of the year"
    assert "Power bill" not in render_dispatch("site", [run])


def test_without_a_battery_there_is_no_battery_chart() -> None:
    run = _run()
    problem = HourlyProblem(run.problem.firm_mw, run.problem.imports)
    bare = DispatchRun("bare", problem, {"perfect": optimise(problem)})
    assert [chart.id for chart in dispatch_charts([bare])] == ["duration", "money-0", "response-0", "week-0"]
