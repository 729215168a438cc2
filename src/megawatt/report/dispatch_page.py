"""The page of a site year as dispatched: load duration, price response, battery, money, any week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from megawatt.chain.mined_records import MinedYear
from megawatt.dispatch import earned_usd, ledger
from megawatt.hours import MONTH_NAMES
from megawatt.report.charts.dispatch import DispatchRun, battery_charts, money_chart, price_response_chart, week_chart
from megawatt.report.charts.hours import load_curves
from megawatt.report.charts.operator import bill_charts
from megawatt.report.figure import Chart, Table
from megawatt.report.format import count, fixed, money
from megawatt.report.frame import fill
from megawatt.results.operator import coins, first_year
from megawatt.tariff import Bill

__all__ = ["DispatchRun", "dispatch_charts", "render_dispatch"]

_SUMMER_WEEK: Final = 28
"""Week that is shown first: mid-July."""


def dispatch_charts(runs: Sequence[DispatchRun], week: int = _SUMMER_WEEK) -> tuple[Chart, ...]:
    """Charts of all runs in reading order; ``week`` is the one drawn hour by hour, 1 to 52."""
    each = [
        replace(run, title=run.title if len(run.plans) == 1 else f"{run.title}, {name}", plans={name: plan})
        for run in runs
        for name, plan in run.plans.items()
    ]
    imports = [plan.mw[run.problem.imports.name] for run in runs for plan in run.plans.values()]
    caption = "Hours sorted by power from the grid."
    charts = [load_curves(each, imports, (), "power from the grid [MW]", caption)]
    for index, run in enumerate(runs):
        charts += [money_chart(run, index), *bill_charts(run, index), price_response_chart(run, index)]
        charts += [*battery_charts(run, index), week_chart(run, index, week)]
    return tuple(charts)


def render_dispatch(title: str, runs: Sequence[DispatchRun], week: int = _SUMMER_WEEK) -> str:
    """One offline HTML file on the hours of a site.

    Parameters
    ----------
    title : str
        Name of the site or case.
    runs : sequence of DispatchRun
        At least one, all of as many hours.
    week : int
        The week drawn hour by hour, 1 to 52.
    """
    charts = dispatch_charts(runs, week)
    tables = [(f"Power bill of {run.title}, by line and month", _bill(run.bill)) for run in runs if run.bill]
    tables += [(f"Coins of {run.title}, by month", _coins(run.mined)) for run in runs if run.mined]
    return fill("dispatch.html", charts, title=title, summary=_summary(runs), charts=charts, tables=tables, warnings=())


def _bill(bill: Bill) -> Table:
    """Each line of the bill in thousands of dollars, and the total."""
    lines = [*((line.name, line.usd) for line in bill.lines), ("total", bill.usd)]
    rows = tuple((name, *(f"{v / 1e3:,.0f}" for v in usd), f"{usd.sum() / 1e3:,.0f}") for name, usd in lines)
    return Table(("Line, thousand USD", *MONTH_NAMES, "Year"), rows)


def _coins(mined: MinedYear) -> Table:
    """Months of the dispatched year: coins of one's own, what one costs, and the price at which miners stop."""
    rows = []
    for name, month in first_year(mined).items():
        worth = coins([month])
        value = float(mined.by_month_usd_per_mwh[MONTH_NAMES.index(name)])
        strike = value * mined.strike_usd_per_mwh / mined.usd_per_mwh if mined.usd_per_mwh > 0.0 else 0.0
        cells = [worth["energy_usd_per_btc"], worth["cash_usd_per_btc"], worth["cash_usd_per_ph_day"], value, strike]
        rows.append(
            (month.month, f"{worth['mined_btc'] or 0.0:,.1f}", *("" if v is None else f"{v:,.2f}" for v in cells))
        )
    columns = ("Month", "Coins", "Energy a coin [$]", "Cash a coin [$]", "Cash a PH/s and day [$]", "A mined MWh [$]",
               "Miners stop above [$/MWh]")  # fmt: skip
    return Table(columns, tuple(rows))


def _summary(runs: Sequence[DispatchRun]) -> Table:
    """A line of figures per run and plan."""
    rows = []
    for run in runs:
        earned = {name: earned_usd(ledger(run.problem, plan)) for name, plan in run.plans.items()}
        best = next(iter(earned.values()))
        for name, plan in run.plans.items():
            imports = plan.mw[run.problem.imports.name]
            last = [plan.mw[n] for n in run.problem.last_resort]
            unserved = float(sum(mw.sum() for mw in last))
            rows.append(
                (
                    f"{run.title}, {name}",
                    money(earned[name], 4),
                    money(earned[name] - best, 3),
                    count(float(imports.sum()) / 1e3, "GWh", 4),
                    fixed(float(np.max(imports)), "MW", 1),
                    count(unserved, "MWh", 3),
                    plan.solver,
                )
            )
    columns = ("Plan", "Revenue less cost", "Against the first", "Grid energy", "Peak", "Not served", "Solver")
    return Table(columns, tuple(rows))
