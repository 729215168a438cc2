"""Charts of money in the base case: revenue and cost by year, energy bill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.records import UseResult
from megawatt.report.axes import bar_rows, category_x, line, option, value_y
from megawatt.report.figure import (
    Chart,
    Legend,
    Option,
    Table,
    bar_heights,
    part_colour,
    significant,
    stack_names,
    use_colour,
    wording,
)
from megawatt.report.format import DASH, money

__all__ = ["annual_charts", "by_year", "energy_bill_chart", "first_path", "years_axis"]

MILLION: Final = 1e6
"""Dollars of a million."""
INK: Final = "#7a7f87"
"""Neutral grey of totals and of debt service, 3:1 on white and on the dark page."""
CASH_GRID: Final = {"left": 8, "right": 30, "top": 34, "bottom": 28}
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
            "data": bar_heights(values / MILLION),
            "itemStyle": {"color": colour},
        }
        for name, colour, values in stack
    ]
    cfads = by_year(use, use.cash.cfads)
    label = "cash for debt service"
    series.append(line(label, INK, significant(cfads / MILLION), showSymbol=True, symbolSize=6))
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
        option=option(CASH_GRID, category_x(years), value_y("$m per year"), series, "shadow"),
        table=Table(("Part", *years), rows + kept),
        units=("$m",),
        legend=(*(Legend(name, colour) for name, colour, _ in stack), Legend(label, INK, "solid")),
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
