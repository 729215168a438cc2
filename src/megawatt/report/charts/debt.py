"""Charts of debt and owners in the base case: service and its cover by month, balances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from megawatt.chain.records import UseResult
from megawatt.report.axes import category_x, line, mark_line, nice_bounds, option, value_y
from megawatt.report.charts.money import CASH_GRID, INK, MILLION, first_path
from megawatt.report.figure import Chart, Legend, Option, Table, bar_heights, months_axis, significant, use_colour
from megawatt.report.format import factor, money

__all__ = ["balance_chart", "cover_chart"]

_DEBT: Final = "#b03a7a"
"""Debt and its service; no use has this colour."""
_SHORT: Final = "#c62828"
_DSCR_SHOWN: Final = 10.0
"""Higher covers say no more and flatten the chart."""


def cover_chart(use: UseResult, index: int) -> Chart:
    """Cash available for debt service and the service by month [$m]; below it the trailing-year DSCR [times]."""
    months = months_axis(use)
    cash, colour = "cash for debt service", use_colour(index)
    bars = {
        "type": "bar",
        "name": cash,
        "data": bar_heights(first_path(use.cash.cfads) / MILLION),
        "itemStyle": {"color": colour, "opacity": 0.75},
        "barCategoryGap": "15%",
    }
    lines, legend = _service_lines(use)
    if not lines:
        chart = option(CASH_GRID, category_x(months), value_y("$m per month"), [bars], "shadow")
    else:
        grids: list[Option] = [
            {"left": 8, "right": 30, "top": 34, "height": "46%"},
            {"left": 8, "right": 30, "top": "68%", "bottom": 28},
        ]
        x = [category_x(months, axisLabel={"show": False}), category_x(months, gridIndex=1)]
        low, high, step = nice_bounds([1.2, *(v for v in lines[0]["data"] if v is not None)])
        cover = value_y("DSCR [×]", gridIndex=1, min=low, max=high, interval=2 * step)
        y = [value_y("$m per month"), cover]
        chart = option(grids, x, y, [bars, *lines], "shadow")
        chart["axisPointer"] = {"link": [{"xAxisIndex": "all"}]}
    return Chart(
        id=f"cover-{index}",
        title=f"Cash and debt service by month: {use.title}",
        caption="Base case. " + (_COVER_NOTE if lines else "This use carries no debt."),
        option=chart,
        table=_cover_table(use, months),
        units=("$m", "×", "$m"),
        legend=(Legend(cash, colour), *legend),
        height_px=400 if lines else 300,
        use=use.title,
        colour=colour,
    )


def _service_lines(use: UseResult) -> tuple[list[Option], list[Legend]]:
    """DSCR in the lower panel, service in the upper, and what was owed and unpaid where there is any."""
    service = (first_path(use.cash.interest_paid) + first_path(use.cash.principal_paid)) / MILLION
    short = first_path(use.cash.arrears) / MILLION
    if not (np.any(service > 0) or np.any(short > 0)):
        return [], []
    dscr = first_path(use.cash.dscr)
    shown = significant(np.where(np.abs(dscr) <= _DSCR_SHOWN, dscr, np.nan), 3)
    one = mark_line({"yAxis": 1}, "1.00×", "insideEndTop")
    names = ("DSCR, trailing year", "debt service paid", "owed and unpaid")
    lines = [
        line(names[0], INK, shown, xAxisIndex=1, yAxisIndex=1, markLine=one),
        line(names[1], _DEBT, significant(service), step="middle"),
    ]
    legend = [Legend(names[1], _DEBT, "solid"), Legend(names[0], INK, "solid")]
    if np.any(short > 0):
        dots = bar_heights(short)
        lines.append(
            {"type": "scatter", "name": names[2], "data": dots, "symbolSize": 8, "itemStyle": {"color": _SHORT}}
        )
        legend.append(Legend(names[2], _SHORT, "dot"))
    return lines, legend


_COVER_NOTE: Final = (
    "DSCR: cash available for debt service, less tax as it accrues, over interest and instalments (balloons left "
    "out), trailing twelve months; above "
    f"{_DSCR_SHOWN:.0f}× it is left out."
)


def _cover_table(use: UseResult, months: Sequence[str]) -> Table:
    columns = (
        "Month",
        "Cash for debt service",
        "Interest",
        "Principal",
        "Owed and unpaid",
        "DSCR",
        "Closing cash",
        "Debt balance",
    )
    cash = use.cash
    money_columns = [first_path(v) for v in (cash.cfads, cash.interest_paid, cash.principal_paid, cash.arrears)]
    balances = [first_path(v) for v in (cash.closing_cash, cash.debt_balance)]
    dscr = np.broadcast_to(first_path(cash.dscr), (len(months),))
    rows = tuple(
        (
            name,
            *(money(float(v[m])) for v in money_columns),
            factor(float(dscr[m])),
            *(money(float(v[m])) for v in balances),
        )
        for m, name in enumerate(months)
    )
    return Table(columns, rows)


def balance_chart(use: UseResult, index: int) -> Chart:
    """Closing cash and debt balance by month. [$m]"""
    months = months_axis(use)
    cash = first_path(use.cash.closing_cash) / MILLION
    debt = first_path(use.cash.debt_balance) / MILLION
    colour = use_colour(index)
    series = [line("closing cash", colour, significant(cash), areaStyle={"color": colour, "opacity": 0.14})]
    legend = [Legend("closing cash", colour, "solid")]
    if np.any(debt > 0):
        series.append(line("debt balance", _DEBT, significant(debt)))
        legend.append(Legend("debt balance", _DEBT, "solid"))
    given = np.cumsum(first_path(use.cash.equity_in)) / MILLION
    taken = np.cumsum(first_path(use.cash.distributions)) / MILLION
    series.append(
        line("equity paid in, sum", INK, significant(given), lineStyle={"width": 1.5, "type": "dashed", "color": INK})
    )
    series.append(
        line(
            "distributions, sum",
            INK,
            significant(taken),
            lineStyle={"width": 1.5, "type": "dotted", "color": INK},
        )
    )
    legend += [Legend("equity paid in, sum", INK, "dashed"), Legend("distributions, sum", INK, "dotted")]
    ends = [m for m in range(len(months)) if months[m].endswith("-12") or m == len(months) - 1]
    rows = tuple((months[m], *(money(float(v[m]) * MILLION) for v in (cash, debt, given, taken))) for m in ends)
    return Chart(
        id=f"balance-{index}",
        title=f"Balances: {use.title}",
        caption="Month-end cash on the account and debt outstanding; sums of what owners paid in and took out.",
        option=option(CASH_GRID, category_x(months), value_y("$m"), series),
        table=Table(("End of", "Closing cash", "Debt balance", "Equity paid in", "Distributions"), rows),
        units=("$m",),
        legend=tuple(legend),
        use=use.title,
        colour=colour,
    )
