"""What an operator reads, drawn: what a MWh from the grid costs by month, and the months' table."""

from __future__ import annotations

import numpy as np

from megawatt.dispatch.operator import OperatorYear
from megawatt.report.axes import category_x, line, option, value_y
from megawatt.report.charts.dispatch import DispatchRun
from megawatt.report.figure import (
    LINE_INK,
    Chart,
    Legend,
    Option,
    Table,
    bar_heights,
    part_colour,
    significant,
    use_colour,
)
from megawatt.report.format import count, fixed, money

__all__ = ["bill_charts"]

_COLUMNS = (
    "Month", "From the grid", "All-in", "Energy", "Charges per MWh", "Charges on peaks", "Machines", "Hours off",
    "Saved by it", "Heat", "Carbon",
)  # fmt: skip


def bill_charts(run: DispatchRun, index: int) -> list[Chart]:
    """The bill of the first plan per MWh by month: energy, charges per MWh, charges on peaks; more in the table."""
    if not run.operated:
        return []
    year = next(iter(run.operated.values()))
    drawn = np.where(year.import_mwh > 0.0, year.import_mwh, np.inf)
    bill = (("energy", year.energy_usd), ("charges per MWh", year.adders_usd), ("charges on peaks", year.charges_usd))
    parts = [(name, usd) for name, usd in bill if usd.any()]
    series: list[Option] = [
        {
            "type": "bar",
            "name": name,
            "stack": "bill",
            "data": bar_heights(usd / drawn),
            "itemStyle": {"color": part_colour(i)},
        }
        for i, (name, usd) in enumerate(parts)
    ]
    all_in = significant(np.nan_to_num(year.all_in_usd_per_mwh))
    series.append(line("all-in", LINE_INK, all_in, lineStyle={"width": 2, "type": "dashed", "color": LINE_INK}))
    total = float(year.bill_usd.sum() / max(float(year.import_mwh.sum()), 1e-9))
    keys = [Legend(name, part_colour(i)) for i, (name, _) in enumerate(parts)]
    chart = Chart(
        id=f"bill-{index}",
        title=f"What a MWh costs: {run.title}",
        caption=f"The bill of each month over its MWh from the grid: {money(total)}/MWh over the year. "
        "Own power, sales and pay for services are not in it.",
        option=option({"left": 8, "right": 14, "top": 34, "bottom": 30}, category_x(list(year.months)),
                      value_y("[$/MWh]"), series, "shadow"),
        table=operator_table(year),
        units=("$/MWh",) * (len(parts) + 1),
        legend=(*keys, Legend("all-in", LINE_INK, "dashed")),
        use=run.title,
        colour=use_colour(index),
    )  # fmt: skip
    return [chart]


def operator_table(year: OperatorYear) -> Table:
    """Months and the year: energy, bill, hours off and what they saved, heat, carbon."""
    rows = [_row(name, year, slice(i, i + 1)) for i, name in enumerate(year.months)]
    return Table(_COLUMNS, (*rows, _row("year", year, slice(None))))


def _row(name: str, year: OperatorYear, at: slice) -> tuple[str, ...]:
    drawn = float(year.import_mwh[at].sum())
    bill = float(year.bill_usd[at].sum())
    usd = (float(part[at].sum()) for part in (year.energy_usd, year.adders_usd, year.charges_usd))
    return (
        name,
        count(drawn, "MWh", 4),
        f"{money(bill / drawn)}/MWh" if drawn > 0.0 else "n/a",
        *(money(part) for part in usd),
        count(float(year.used_mwh[at].sum()), "MWh", 4),
        fixed(float(year.curtailed_hours[at].sum()), "h", 0),
        money(float(year.saved_usd[at].sum())),
        count(float(year.heat_mwh[at].sum()), "MWh", 3),
        count(float(year.carbon_t[at].sum()), "t", 4),
    )
