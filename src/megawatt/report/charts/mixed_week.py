"""A week of a mixed site, hour by hour: what each part draws, what stands behind the meter, the price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.trace import HOURS_IN_WEEK, week_start
from megawatt.report.axes import category_x, line, mark_line, option, value_y
from megawatt.report.figure import LINE_INK, Chart, Legend, Option, Table, part_colour, significant, use_colour
from megawatt.report.format import fixed

__all__ = ["mixed_week_chart"]

_WEEKS: Final = 52
"""Weeks of a year."""
_CHARGES: Final = use_colour(1)
_KNOWN: Final = ("idle_halls_mw", "import_mw")
"""Columns of power that are not of a part or a plant."""


def _liveliest(hours: Mapping[str, FloatArray]) -> int:
    """The week in which the draw on the connection moves most; the first of those alike."""
    drawn = hours["import_mw"]
    moves = []
    for week in range(1, _WEEKS + 1):
        first = week_start(week, drawn.size)
        moves.append(float(drawn[first : first + HOURS_IN_WEEK].std()))
    return 1 + int(np.argmax(np.round(moves, 6)))


def _tracks(
    hours: Mapping[str, FloatArray], parts: Sequence[str]
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """What is drawn, stacked, and what gives: lines. [MW]"""
    drawn = {"halls at no load": hours["idle_halls_mw"]}
    drawn |= {name: hours[f"{name}_mw"] for name in parts if f"{name}_mw" in hours}
    gives = {"grid import": hours["import_mw"]}
    taken = {*_KNOWN, *(f"{name}_mw" for name in parts)}
    for column, values in hours.items():
        name = column.removesuffix("_mw")
        if column in taken or not column.endswith("_mw") or not (values > 0.0).any():
            continue
        if name.endswith(".charge"):
            drawn[f"{name.removesuffix('.charge')} charges"] = values
        else:
            gives[f"{name.removesuffix('.discharge')} discharges" if name.endswith(".discharge") else name] = values
    return {name: mw for name, mw in drawn.items() if (mw > 0.0).any()}, gives


def mixed_week_chart(hours: Mapping[str, FloatArray], parts: Sequence[str], grid_mw: float) -> Chart:
    """The week in which the draw on the connection moves most: power by part, and the price. [MW], [USD/MWh]

    Parameters
    ----------
    hours : mapping of str to array
        Columns of the fullest year as `megawatt.results.mixed.mixed_hours` has them.
    parts : sequence of str
        Names of the parts.
    grid_mw : float
        The connection.
    """
    week = _liveliest(hours)
    first = week_start(week, hours["import_mw"].size)
    here = slice(first, first + HOURS_IN_WEEK)
    drawn, gives = _tracks(hours, parts)
    price = hours["energy_price_usd_per_mwh"][here]
    charges = hours["price_usd_per_mwh"][here] - price
    series: list[Option] = []
    legend = []
    for place, (name, mw) in enumerate(drawn.items()):
        area = {"areaStyle": {"opacity": 0.75, "color": part_colour(place)}, "stack": "drawn", "step": "end"}
        series.append(line(name, part_colour(place), significant(mw[here]), width=0.5, **area))
        legend.append(Legend(name, part_colour(place)))
    for place, (name, mw) in enumerate(gives.items()):
        colour, dash = (LINE_INK, "dashed") if place == 0 else (part_colour(len(drawn) + place - 1), "solid")
        style = {"width": 2, "type": dash, "color": colour}
        series.append(line(name, colour, significant(mw[here]), lineStyle=style, step="end"))
        legend.append(Legend(name, colour, dash))
    series[-1]["markLine"] = mark_line({"yAxis": significant(grid_mw)}, "connection", "insideEndTop")
    series.append(line("energy price", LINE_INK, significant(price), width=1.5, yAxisIndex=1, xAxisIndex=1, step="end"))
    series.append(line("charges", _CHARGES, significant(charges), width=1.5, yAxisIndex=2, xAxisIndex=2, step="end"))
    times = [f"day {t // 24 + 1}, {t % 24:02d}:00" for t in range(price.size)]
    grids: list[Option] = [
        {"left": 50, "right": 14, "top": 34, "height": 230},
        {"left": 50, "right": 14, "top": 322, "height": 90},
        {"left": 50, "right": 14, "top": 474, "height": 60},
    ]
    x = [category_x(times, gridIndex=i, axisLabel={"interval": 23, "hideOverlap": True}) for i in range(3)]
    y = [value_y("power [MW]", min=0), value_y("energy price [$/MWh]", gridIndex=1)]
    y.append(value_y("charges per MWh [$/MWh]", gridIndex=2) | {"splitNumber": 2})
    return Chart(
        id="week",
        title=f"Week {week} of the fullest year, hour by hour",
        caption=f"Hours {first:,} to {first + price.size - 1:,}: of all weeks the draw on the connection moves most in "
        "this one. Areas are what each part takes, stacked; lines are where it comes from. Perfect foresight of "
        "prices. Charges per MWh are delivery and the coincident peak, whose year falls on a few hours.",
        option=option(grids, x, y, series),
        table=_table(drawn | gives, {"energy price": price, "charges": charges}, here),
        units=(*("MW" for _ in (*drawn, *gives)), "$/MWh", "$/MWh"),
        legend=(*legend, Legend("energy price", LINE_INK, "solid"), Legend("charges", _CHARGES, "solid")),
        height_px=575,
    )


def _table(tracks: Mapping[str, FloatArray], prices: Mapping[str, FloatArray], here: slice) -> Table:
    def row(name: str, values: FloatArray, unit: str) -> tuple[str, ...]:
        return (name, *(fixed(float(f(values)), unit, 1) for f in (np.mean, np.min, np.max)))

    rows = [row(name, mw[here], "MW") for name, mw in tracks.items()]
    return Table(
        ("", "Mean", "Least hour", "Greatest hour"), (*rows, *(row(name, usd, "$/MWh") for name, usd in prices.items()))
    )
