"""Charts of money in the base case: revenue and cost by year, energy bill, debt service and cover, balances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.records import UseResult
from megawatt.report.axes import bar_rows, category_x, line, mark_line, option, value_y
from megawatt.report.figure import (
    Chart,
    Legend,
    Option,
    Table,
    bar_heights,
    months_axis,
    part_colour,
    significant,
    stack_names,
    use_colour,
    wording,
)
from megawatt.report.format import DASH, factor, money

__all__ = ["annual_charts", "balance_chart", "cover_chart", "energy_bill_chart"]

_MILLION: Final = 1e6
_INK: Final = "#7a7f87"
"""Neutral grey of totals and of debt service, 3:1 on white and on the dark page."""
_DEBT: Final = "#b03a7a"
"""Debt and its service; no use has this colour."""
_CASH_GRID: Final = {"left": 8, "right": 20, "top": 34, "bottom": 28}
_DSCR_SHOWN: Final = 10.0
_TAX: Final = "income tax"


def first_path(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The base case of an array (paths, months), shape (months,)."""
    return np.asarray(np.atleast_2d(values)[0], dtype=np.float64)


def by_year(use: UseResult, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum monthly amounts by calendar year, shape (years,)."""
    terms = use.cash.terms
    path = np.broadcast_to(first_path(values), (terms.months,))
    year = (terms.start_month - 1 + np.arange(terms.months)) // 12
    return np.asarray(np.bincount(year, weights=path), dtype=np.float64)


def years_axis(use: UseResult) -> list[str]:
    """Calendar years that the project touches."""
    terms = use.cash.terms
    last = (terms.start_month - 1 + terms.months - 1) // 12
    return [str(terms.start_year + k) for k in range(last + 1)]


def _annual_parts(
    use: UseResult, parts: Mapping[str, NDArray[np.float64]], sign: int
) -> list[tuple[str, NDArray[np.float64]]]:
    rows = [(wording(name), sign * by_year(use, values)) for name, values in parts.items()]
    return [(name, values) for name, values in rows if np.any(values != 0)]


def annual_charts(uses: Sequence[UseResult]) -> list[Chart]:
    """Revenue and cost by calendar year, one chart per use; a part has the same colour in all of them. [$m]"""
    flows = [use.cash.flows for use in uses]
    keys = [*stack_names([f.revenue for f in flows]), *stack_names([f.opex_cost for f in flows])]
    names = dict.fromkeys([*(wording(key) for key in keys), _TAX])
    colours = {name: part_colour(n) for n, name in enumerate(names)}
    return [annual_chart(use, index, colours) for index, use in enumerate(uses)]


def annual_chart(use: UseResult, index: int, colours: Mapping[str, str]) -> Chart:
    """Revenue up, operating cost and tax down, by calendar year, with cash available for debt service. [$m]"""
    revenue = _annual_parts(use, use.cash.flows.revenue, 1)
    costs = _annual_parts(use, use.cash.flows.opex_cost, -1)
    tax = -by_year(use, use.cash.tax)
    if np.any(tax != 0):
        costs.append((_TAX, tax))
    stack = [(name, colours[name], values) for name, values in revenue + costs]
    series: list[Option] = [
        {
            "type": "bar",
            "name": name,
            "stack": "all",
            "barMaxWidth": 38,
            "data": bar_heights(values / _MILLION),
            "itemStyle": {"color": colour},
        }
        for name, colour, values in stack
    ]
    cfads = by_year(use, use.cash.cfads)
    label = "cash for debt service"
    series.append(line(label, _INK, significant(cfads / _MILLION), showSymbol=True, symbolSize=6))
    years = years_axis(use)
    rows = tuple((name, *(money(float(v)) for v in values)) for name, _, values in stack)
    extra = (
        ("prepayment received", *(money(float(v)) for v in by_year(use, use.cash.flows.prepayment))),
        ("prepayment credited", *(money(-float(v)) for v in by_year(use, use.cash.flows.prepayment_credit))),
        (label, *(money(float(v)) for v in cfads)),
        ("capital spent", *(money(-float(v)) for v in by_year(use, use.cash.capex_total))),
        ("residual value", *(money(float(v)) for v in by_year(use, use.cash.residual_total))),
    )
    kept = tuple(row for row in extra if any(cell not in ("$0", DASH) for cell in row[1:]))
    return Chart(
        id=f"annual-{index}",
        title=f"Revenue and cost by year: {use.title}",
        caption="Bars: revenue as delivered, operating cost and tax. Line: cash available for debt service, customer "
        "prepayments counted when they are received. First and last year may be part years.",
        option=option(_CASH_GRID, category_x(years), value_y("$m per year"), series, "shadow"),
        table=Table(("Part", *years), rows + kept),
        units=("$m",),
        legend=(*(Legend(name, colour) for name, colour, _ in stack), Legend(label, _INK, "solid")),
        use=use.title,
        colour=use_colour(index),
    )


def energy_bill_chart(uses: Sequence[UseResult]) -> Chart | None:
    """The energy bill of the dispatched year by part, per megawatt-hour imported. [USD/MWh]

    None where no use pays for energy.
    """
    bills = [use.dispatch.energy_cost_usd for use in uses]
    energy = [float(np.sum(use.dispatch.import_mw)) for use in uses]
    keys = [key for key in stack_names(bills) if any(bill.get(key, 0.0) != 0 for bill in bills)]
    if not keys or not any(e > 0 for e in energy):
        return None
    unit = {
        key: [bill.get(key, 0.0) / e if e > 0 else 0.0 for bill, e in zip(bills, energy, strict=True)] for key in keys
    }
    parts = [(wording(key), part_colour(n), unit[key]) for n, key in enumerate(keys)]
    rows = tuple(
        (
            wording(key),
            *(f"{money(bill.get(key, 0.0))} ({money(u)}/MWh)" for bill, u in zip(bills, unit[key], strict=True)),
        )
        for key in keys
    )
    sums = (
        "total",
        *(
            f"{money(sum(bill.values()))} ({money(sum(unit[k][row] for k in keys))}/MWh)"
            for row, bill in enumerate(bills)
        ),
    )
    return Chart(
        id="energy-bill",
        title="Energy bill by part",
        caption="The dispatched year's bill over the megawatt-hours imported; credits point left.",
        option=bar_rows([use.title for use in uses], parts, "energy bill [$ per MWh imported]"),
        table=Table(("Part", *(use.title for use in uses)), (*rows, sums)),
        units=("$/MWh",),
        legend=tuple(Legend(name, colour) for name, colour, _ in parts),
        height_px=62 * len(uses) + 84,
    )


def cover_chart(use: UseResult, index: int) -> Chart:
    """Cash available for debt service and the service by month [$m]; below it the trailing-year DSCR [times]."""
    months = months_axis(use)
    cfads = first_path(use.cash.cfads) / _MILLION
    service = (first_path(use.cash.interest_paid) + first_path(use.cash.principal_paid)) / _MILLION
    dscr = np.broadcast_to(first_path(use.cash.dscr), (len(months),))
    debt = bool(np.any(service > 0))
    series: list[Option] = [
        {
            "type": "bar",
            "name": "cash for debt service",
            "data": bar_heights(cfads),
            "itemStyle": {"color": use_colour(index), "opacity": 0.75},
            "barCategoryGap": "15%",
        }
    ]
    legend = [Legend("cash for debt service", use_colour(index))]
    if not debt:
        chart = option(_CASH_GRID, category_x(months), value_y("$m per month"), series, "shadow")
    else:
        series.append(line("debt service paid", _DEBT, significant(service), step="middle"))
        shown = np.where(np.abs(dscr) <= _DSCR_SHOWN, dscr, np.nan)
        series.append(
            line(
                "DSCR, trailing year",
                _INK,
                significant(shown, 3),
                xAxisIndex=1,
                yAxisIndex=1,
                markLine=mark_line({"yAxis": 1}, "1.00×", "insideEndTop"),
            )
        )
        grids: list[Option] = [
            {"left": 8, "right": 20, "top": 34, "height": "46%"},
            {"left": 8, "right": 20, "top": "68%", "bottom": 28},
        ]
        x = [category_x(months, axisLabel={"show": False}), category_x(months, gridIndex=1)]
        y = [value_y("$m per month"), value_y("DSCR [×]", gridIndex=1, splitNumber=3, min=0)]
        chart = option(grids, x, y, series, "shadow")
        chart["axisPointer"] = {"link": [{"xAxisIndex": "all"}]}
        legend += [Legend("debt service paid", _DEBT, "solid"), Legend("DSCR, trailing year", _INK, "solid")]
    return Chart(
        id=f"cover-{index}",
        title=f"Cash and debt service by month: {use.title}",
        caption="Base case. " + (_COVER_NOTE if debt else "This use carries no debt."),
        option=chart,
        table=_cover_table(use, months),
        units=("$m", "$m", "×"),
        legend=tuple(legend),
        height_px=400 if debt else 300,
        use=use.title,
        colour=use_colour(index),
    )


_COVER_NOTE: Final = (
    "DSCR: cash available for debt service over interest and scheduled principal, trailing twelve months; above "
    f"{_DSCR_SHOWN:.0f}× it is left out."
)


def _cover_table(use: UseResult, months: Sequence[str]) -> Table:
    columns = (
        "Month",
        "Cash for debt service",
        "Interest",
        "Principal",
        "Shortfall",
        "DSCR",
        "Closing cash",
        "Debt balance",
    )
    cash = use.cash
    money_columns = [first_path(v) for v in (cash.cfads, cash.interest_paid, cash.principal_paid, cash.shortfall)]
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
    cash = first_path(use.cash.closing_cash) / _MILLION
    debt = first_path(use.cash.debt_balance) / _MILLION
    colour = use_colour(index)
    series = [line("closing cash", colour, significant(cash), areaStyle={"color": colour, "opacity": 0.14})]
    legend = [Legend("closing cash", colour, "solid")]
    if np.any(debt > 0):
        series.append(line("debt balance", _DEBT, significant(debt)))
        legend.append(Legend("debt balance", _DEBT, "solid"))
    given = np.cumsum(first_path(use.cash.equity_in)) / _MILLION
    taken = np.cumsum(first_path(use.cash.distributions)) / _MILLION
    series.append(
        line("equity paid in, sum", _INK, significant(given), lineStyle={"width": 1.5, "type": "dashed", "color": _INK})
    )
    series.append(
        line(
            "distributions, sum",
            _INK,
            significant(taken),
            lineStyle={"width": 1.5, "type": "dotted", "color": _INK},
        )
    )
    legend += [Legend("equity paid in, sum", _INK, "dashed"), Legend("distributions, sum", _INK, "dotted")]
    ends = [m for m in range(len(months)) if months[m].endswith("-12") or m == len(months) - 1]
    rows = tuple((months[m], *(money(float(v[m]) * _MILLION) for v in (cash, debt, given, taken))) for m in ends)
    return Chart(
        id=f"balance-{index}",
        title=f"Balances: {use.title}",
        caption="Month-end cash on the account and debt outstanding; sums of what owners paid in and took out.",
        option=option(_CASH_GRID, category_x(months), value_y("$m"), series),
        table=Table(("End of", "Closing cash", "Debt balance", "Equity paid in", "Distributions"), rows),
        units=("$m",),
        legend=tuple(legend),
        use=use.title,
        colour=colour,
    )
