"""Charts of a site year as dispatched: what runs at which price, the battery's day, the money, a week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.mined_records import MinedYear
from megawatt.dispatch import HourlyPlan, HourlyProblem, Storage, earned_usd, ledger
from megawatt.dispatch.operator import OperatorYear
from megawatt.dispatch.trace import HOURS_IN_WEEK, week_start
from megawatt.report.axes import bar_rows, category_x, line, option, value_y
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
    wording,
)
from megawatt.report.format import count, fixed, money, plain

__all__ = ["DispatchRun", "battery_charts", "money_chart", "price_response_chart", "week_chart"]
from megawatt.tariff import Bill

_PRICE_GROUPS: Final = 24
"""Groups of hours by price."""
_LEAST_SHARE: Final = 1e-3
"""Bars shorter than this share of the longest cannot be seen."""


@dataclass(frozen=True, slots=True)
class DispatchRun:
    """One use of the site and its plans by foresight; the first plan is drawn, all stand in the tables.

    ``operated`` has each plan as its operator reads it; without heat where the machines' own power is not known.
    ``bill`` is the first plan's power bill, ``mined`` what its miners earn; None where there is none.
    """

    title: str
    problem: HourlyProblem
    plans: Mapping[str, HourlyPlan]
    operated: Mapping[str, OperatorYear] = field(default_factory=dict)
    bill: Bill | None = None
    mined: MinedYear | None = None


def _first(run: DispatchRun) -> HourlyPlan:
    return next(iter(run.plans.values()))


def _loads(run: DispatchRun) -> dict[str, FloatArray]:
    """Power taken by each use by hour, firm load first; what never runs is left out. [MW]"""
    plan = _first(run)
    taken = {"firm load": run.problem.firm_mw} | {block.name: plan.mw[block.name] for block in run.problem.uses}
    return {name: mw for name, mw in taken.items() if float(mw.max(initial=0.0)) > 0.0}


def price_response_chart(run: DispatchRun, index: int) -> Chart:
    """Mean power of every use by price of energy alone: hours sorted by it, in groups of equal number. [MW]"""
    price = run.problem.energy_price_usd_per_mwh
    groups = np.array_split(np.argsort(price, kind="stable"), min(_PRICE_GROUPS, price.size))
    names = [money(float(price[hours].mean())) for hours in groups]
    loads = _loads(run)
    imports = _first(run).mw[run.problem.imports.name]
    series: list[Option] = [
        {
            "type": "bar",
            "name": wording(name),
            "stack": "uses",
            "barCategoryGap": "8%",
            "data": bar_heights(np.array([mw[hours].mean() for hours in groups])),
            "itemStyle": {"color": part_colour(i)},
        }
        for i, (name, mw) in enumerate(loads.items())
    ]
    drawn = significant(np.array([imports[hours].mean() for hours in groups]))
    series.append(line("grid import", LINE_INK, drawn, lineStyle={"width": 2, "type": "dashed", "color": LINE_INK}))
    legend = [Legend(wording(name), part_colour(i)) for i, name in enumerate(loads)]
    rows = []
    for name, hours in zip(names, groups, strict=True):
        cells = [fixed(float(mw[hours].mean()), "MW", 1) for mw in (*loads.values(), imports)]
        rows.append((f"{name}/MWh", *cells))
    grid = {"left": 8, "right": 14, "top": 34, "bottom": 48}
    x = category_x(names, name="price of grid energy, mean of the group [$/MWh]", nameLocation="middle", nameGap=30)
    return Chart(
        id=f"response-{index}",
        title=f"Price response: {run.title}",
        caption=f"Hours sorted by the price of grid energy, charges per MWh left out, in {len(groups)} groups of equal "
        "number; mean power of what runs in each. Where bars end above the dashed line, the site runs on its own "
        "supply or storage.",
        option=option(grid, x, value_y("mean power [MW]", min=0), series, "shadow"),
        table=Table(("Price", *(wording(name) for name in loads), "Grid import"), tuple(rows)),
        units=("MW",),
        legend=(*legend, Legend("grid import", LINE_INK, "dashed")),
        use=run.title,
        colour=use_colour(index),
    )


def battery_charts(run: DispatchRun, index: int) -> list[Chart]:
    """A chart per storage: charge, discharge and state by hour of the day, averaged over the year. [MW], [MWh]"""
    stores = (s for s in run.problem.storages if s.power_mw > 0.0 and s.energy_mwh > 0.0)
    return [_battery_chart(run, store, f"battery-{index}-{i}", index) for i, store in enumerate(stores)]


def _battery_chart(run: DispatchRun, store: Storage, key: str, index: int) -> Chart:
    plan = _first(run)
    charge, discharge, state = (plan.mw[f"{store.name}.{part}"] for part in ("charge", "discharge", "state"))
    hour = np.arange(charge.size) % 24
    taken, given, held = (np.array([a[hour == h].mean() for h in range(24)]) for a in (charge, discharge, state))
    low, high = use_colour(0), use_colour(1)
    bars = (("discharge", high, given), ("charge", low, -taken))
    series: list[Option] = [
        {"type": "bar", "name": n, "stack": "power", "data": bar_heights(v), "itemStyle": {"color": c}}
        for n, c, v in bars
    ]
    series.append(line("state", LINE_INK, significant(held), yAxisIndex=1))
    right = value_y("state [MWh]", min=0, max=significant(store.energy_mwh), splitLine={"show": False})
    right |= {"nameTextStyle": {"align": "right"}, "position": "right"}
    x = category_x([f"{h:02d}:00" for h in range(24)])
    price = run.problem.energy_price_usd_per_mwh
    spread = f"{_weighted(price, charge)}/MWh and gave at {_weighted(price, discharge)}/MWh"
    return Chart(
        id=key,
        title=f"{wording(store.name).capitalize()} by hour of the day: {run.title}",
        caption=f"Mean over the year. The battery took energy when the grid's price was {spread}, weighted by energy.",
        option=option({"left": 8, "right": 8, "top": 34, "bottom": 30}, x, [value_y("power [MW]"), right], series),
        table=_battery_table(run, store),
        units=("MW", "MW", "MWh"),
        legend=(Legend("discharge", high), Legend("charge", low), Legend("state", LINE_INK, "solid")),
        use=run.title,
        colour=use_colour(index),
    )


def _weighted(price: FloatArray, energy: FloatArray) -> str:
    total = float(energy.sum())
    return money(float(price @ energy) / total if total > 0.0 else float("nan"))


def _battery_table(run: DispatchRun, store: Storage) -> Table:
    """The battery's year under every plan."""
    rows = []
    for name, plan in run.plans.items():
        discharge = plan.mw[f"{store.name}.discharge"]
        taken, given = float(plan.mw[f"{store.name}.charge"].sum()), float(discharge.sum())
        cycles = given / store.discharge_efficiency / store.energy_mwh
        busy = float((discharge > 1e-6 * store.power_mw).sum())
        cells = (count(taken, "MWh", 4), count(given, "MWh", 4), count(taken - given, "MWh", 3), plain(cycles, 4))
        rows.append((name, *cells, count(busy, "h", 4)))
    columns = ("Plan", "Charged", "Discharged", "Lost", "Full cycles", "Hours discharging")
    return Table(columns, tuple(rows))


def money_chart(run: DispatchRun, index: int) -> Chart:
    """Where the money came from and went: every line of the account. [USD]"""
    books = {name: ledger(run.problem, plan) for name, plan in run.plans.items()}
    drawn = next(iter(books.values()))
    largest = max(abs(e.usd) for e in drawn)
    shown = [e for e in drawn if abs(e.usd) > _LEAST_SHARE * largest]
    names = [wording(e.name) for e in shown]
    unit_usd, unit = (1e6, "$m") if largest >= 1e6 else (1e3, "$k")
    gain, cost = [max(e.usd, 0.0) / unit_usd for e in shown], [min(e.usd, 0.0) / unit_usd for e in shown]
    parts = (("earns", use_colour(0), gain), ("costs", use_colour(1), cost))
    rows = []
    for lines in zip(*books.values(), strict=True):
        amount = count(lines[0].amount, lines[0].unit, 4)
        rows.append((wording(lines[0].name), amount, *(money(e.usd, 4) for e in lines)))
    rows.append(("revenue less cost", "", *(money(earned_usd(book), 4) for book in books.values())))
    return Chart(
        id=f"money-{index}",
        title=f"Where the money came from: {run.title}",
        caption="The year's account of the plan, line by line; what moves less than a thousandth of "
        "the largest stands in the table alone.",
        option=bar_rows(names, parts, f"earned or spent in the year [{unit}]"),
        table=Table(("Line", "Amount", *run.plans), tuple(rows)),
        units=(unit, unit),
        legend=(Legend("earns", use_colour(0)), Legend("costs", use_colour(1))),
        height_px=90 + 44 * len(names),
        use=run.title,
        colour=use_colour(index),
    )


def week_chart(run: DispatchRun, index: int, week: int) -> Chart:
    """One week hour by hour: what every block takes or gives, and the price. [MW], [USD/MWh]

    Parameters
    ----------
    run : DispatchRun
        Problem and plans.
    index : int
        Position of the run on the page.
    week : int
        1 is the first of the year; the last one ends with the year.
    """
    first = week_start(week, run.problem.hours)
    here = slice(first, first + HOURS_IN_WEEK)
    plan = _first(run)
    tracks: dict[str, FloatArray] = {"grid import": plan.mw[run.problem.imports.name]}
    tracks |= {b.name: plan.mw[b.name] for b in run.problem.supplies if float(plan.mw[b.name].max(initial=0.0)) > 0.0}
    tracks |= _loads(run)
    for store in run.problem.storages:
        tracks[store.name] = plan.mw[f"{store.name}.discharge"] - plan.mw[f"{store.name}.charge"]
    price, all_in = (p[here] for p in (run.problem.energy_price_usd_per_mwh, run.problem.price_usd_per_mwh))
    series = [
        line(wording(name), part_colour(i), significant(mw[here]), step="end")
        for i, (name, mw) in enumerate(tracks.items())
    ]
    series.append(line("energy price", LINE_INK, significant(price), width=1, yAxisIndex=1, xAxisIndex=1, step="end"))
    adders = significant(all_in - price)
    series.append(line("charges per MWh", use_colour(1), adders, width=1, yAxisIndex=2, xAxisIndex=2, step="end"))
    hours = [f"day {t // 24 + 1}, {t % 24:02d}:00" for t in range(price.size)]
    grids: list[Option] = [
        {"left": 50, "right": 14, "top": 34, "height": 190},
        {"left": 50, "right": 14, "top": 270, "height": 90},
        {"left": 50, "right": 14, "top": 406, "height": 60},
    ]
    x = [category_x(hours, gridIndex=i, axisLabel={"interval": 23, "hideOverlap": True}) for i in range(3)]
    y = [value_y("power [MW]"), value_y("energy price [$/MWh]", gridIndex=1)]
    y.append(value_y("charges per MWh [$/MWh]", gridIndex=2) | {"splitNumber": 2})
    return Chart(
        id=f"week-{index}",
        title=f"Week {week}, hour by hour: {run.title}",
        caption=f"Hours {first:,} to {first + price.size - 1:,} of the year. A battery that gives is above zero. "
        "Charges per MWh are delivery, carbon and the coincident peak, whose year falls on a few hours.",
        option=option(grids, x, y, series),
        table=_week_table(tracks, {"energy price": price, "charges per MWh": all_in - price}, here),
        units=(*("MW" for _ in tracks), "$/MWh", "$/MWh"),
        legend=(
            *(Legend(wording(name), part_colour(i), "solid") for i, name in enumerate(tracks)),
            Legend("energy price", LINE_INK, "solid"),
            Legend("charges per MWh", use_colour(1), "solid"),
        ),
        height_px=510,
        use=run.title,
        colour=use_colour(index),
    )


def _week_table(tracks: Mapping[str, FloatArray], prices: Mapping[str, FloatArray], here: slice) -> Table:
    def row(name: str, values: FloatArray, unit: str) -> tuple[str, ...]:
        return (name, *(fixed(float(f(values)), unit, 1) for f in (np.mean, np.min, np.max)))

    rows: Sequence[tuple[str, ...]] = [row(wording(name), mw[here], "MW") for name, mw in tracks.items()]
    return Table(
        ("Block", "Mean", "Least hour", "Greatest hour"), (*rows, *(row(n, p, "$/MWh") for n, p in prices.items()))
    )
