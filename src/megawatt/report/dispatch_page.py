"""The page of a site year as dispatched: load duration, price response, battery, money, any week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from megawatt.dispatch import earned_usd, ledger
from megawatt.report.charts.dispatch import DispatchRun, battery_charts, money_chart, price_response_chart, week_chart
from megawatt.report.charts.hours import load_curves
from megawatt.report.charts.operator import bill_charts
from megawatt.report.figure import Chart, Table
from megawatt.report.format import count, fixed, money
from megawatt.report.frame import fill

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
    return fill("dispatch.html", charts, title=title, summary=_summary(runs), charts=charts, warnings=())


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
