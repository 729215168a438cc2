"""Charts of the 8,760 hours: power from the grid, its price, and the load-duration curve."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.records import UseResult
from megawatt.hours import DAYS_IN_MONTH, MONTH_NAMES, MONTH_OF_HOUR
from megawatt.report.axes import category_x, line, mark_line, named_value_x, nice_bounds, option, value_y
from megawatt.report.charts.hall import colour_scale
from megawatt.report.figure import Chart, Option, Table, Titled, significant, use_colour, use_legend, use_stroke
from megawatt.report.format import fixed, money, percent

__all__ = ["duration_chart", "heat_chart", "load_curves", "price_charts"]

_CURVE_POINTS: Final = 240
"""Points of a duration curve: more cannot be seen."""
_PRICE_TOP_PERCENTILE: Final = 98.0
"""Where the colours of the price map end: a few scarcity hours would otherwise leave all others in one colour."""


def _days() -> list[str]:
    return [f"{day + 1} {name}" for name, days in zip(MONTH_NAMES, DAYS_IN_MONTH, strict=True) for day in range(days)]


def _heat_option(hourly: NDArray[np.float64], name: str, low: float, high: float, text: tuple[str, str]) -> Option:
    """Day by hour of the day in colours from ``low`` to ``high``; ``text`` labels the upper and the lower end."""
    cells = [[h // 24, h % 24, v] for h, v in enumerate(significant(hourly)) if v is not None]
    starts = [0, *itertools.accumulate(int(d) for d in DAYS_IN_MONTH[:-1])]
    x = category_x(
        _days(),
        axisLabel={"customValues": [start + 14 for start in starts], "hideOverlap": True},
        axisTick={"customValues": starts, "alignWithLabel": False},
    )
    y = value_y("hour of the day", type="category", data=[f"{hour:02d}:00" for hour in range(24)])
    y |= {"axisLabel": {"interval": 5}, "axisTick": {"show": False}}
    series = [
        {
            "type": "heatmap",
            "name": name,
            "data": cells,
            "progressive": 0,
            "progressiveThreshold": 10**6,
            "emphasis": {"disabled": True},
        }
    ]
    chart = option({"left": 8, "right": 14, "top": 30, "bottom": 64}, x, y, series)
    chart["tooltip"] = {"trigger": "item", "confine": True}
    chart["visualMap"] = colour_scale(low, high, text)
    return chart


def heat_chart(use: UseResult, index: int) -> Chart:
    """Power drawn from the grid in each of the year's 8,760 hours, day by hour. [MW]"""
    hourly = np.asarray(use.dispatch.import_mw, dtype=np.float64)
    low, high = float(np.nanmin(hourly)), float(np.nanmax(hourly))
    return Chart(
        id=f"heat-{index}",
        title=f"Power from the grid in every hour: {use.title}",
        caption="One column per day, one row per hour of the day (hour-beginning, standard time). The colours span "
        "this use's own range.",
        option=_heat_option(hourly, "grid import", low, high, (fixed(high, "MW", 1), fixed(low, "MW", 1))),
        table=_monthly_import(hourly),
        units=("MW",),
        renderer="canvas",
        use=use.title,
        colour=use_colour(index),
    )


def _monthly_import(hourly: NDArray[np.float64]) -> Table:
    rows = []
    for month, name in enumerate(MONTH_NAMES):
        part = hourly[month == MONTH_OF_HOUR]
        numbers = (float(part.mean()), float(part.min()), float(part.max()))
        rows.append((name, *(fixed(v, "MW", 1) for v in numbers), fixed(float(part.sum()) / 1e3, "GWh", 1)))
    return Table(("Month", "Mean", "Least hour", "Greatest hour", "Energy"), tuple(rows))


def price_charts(uses: Sequence[UseResult]) -> list[Chart]:
    """Energy price in each hour, day by hour; one chart for uses that share their prices. [USD/MWh]"""
    groups: list[list[int]] = []
    for index, use in enumerate(uses):
        for group in groups:
            if np.array_equal(uses[group[0]].price_usd_per_mwh, use.price_usd_per_mwh):
                group.append(index)
                break
        else:
            groups.append([index])
    return [_price_chart([uses[i] for i in group], group[0], len(groups) > 1) for group in groups]


def _price_chart(uses: Sequence[UseResult], index: int, several: bool) -> Chart:
    hourly = np.asarray(uses[0].price_usd_per_mwh, dtype=np.float64)
    low, high = float(np.nanmin(hourly)), float(np.nanpercentile(hourly, _PRICE_TOP_PERCENTILE))
    text = (f"{money(high)}/MWh or more", money(low))
    title = "Price of energy in every hour"
    return Chart(
        id=f"price-{index}",
        title=f"{title}: {', '.join(use.title for use in uses)}" if several else title,
        caption="Energy price at the connection, delivery charges not included. The colours end at the 98th "
        f"percentile; the dearest hour costs {money(float(np.nanmax(hourly)))}/MWh.",
        option=_heat_option(hourly, "price", low, high, text),
        table=_monthly_price(hourly, uses[0].dispatch.import_mw),
        units=("$/MWh",),
        renderer="canvas",
    )


def _monthly_price(hourly: NDArray[np.float64], import_mw: NDArray[np.float64]) -> Table:
    rows = []
    for month, name in enumerate(MONTH_NAMES):
        here = month == MONTH_OF_HOUR
        part, load = hourly[here], import_mw[here]
        paid = float((part * load).sum() / load.sum()) if load.sum() > 0 else float("nan")
        numbers = (float(part.mean()), paid, float(np.median(part)), float(part.min()), float(part.max()))
        rows.append((name, *(money(v) for v in numbers)))
    columns = ("Month", "Mean per MWh", "Mean weighted by the load", "Median", "Least hour", "Greatest hour")
    return Table(columns, tuple(rows))


def duration_chart(uses: Sequence[UseResult]) -> Chart:
    """Load-duration curves: hours of the year in which at least so much is drawn. [MW]"""
    caption = "Hours sorted by power from the grid. The gap to the contracted line is connection paid for and idle."
    grids = [use.grid_mw for use in uses]
    return load_curves(uses, [use.dispatch.import_mw for use in uses], grids, "power from the grid [MW]", caption)


def load_curves(
    uses: Sequence[Titled],
    hourly_mw: Sequence[NDArray[np.float64]],
    grid_mw: Sequence[float],
    y_name: str,
    caption: str,
) -> Chart:
    """Load-duration curves of hourly powers against the power contracted for each (none where empty). [MW]"""
    hours = hourly_mw[0].size
    # Denser at the peak, where the connection is decided, than in the long flat middle.
    spaced = hours * np.linspace(0.0, 1.0, _CURVE_POINTS) ** 2
    picks = np.unique(np.clip(np.round(spaced).astype(np.int64), 0, hours - 1))
    series, rows = [], []
    for i, use in enumerate(uses):
        curve = np.sort(hourly_mw[i])[::-1]
        points = [[int(h), v] for h, v in zip(picks, significant(curve[picks]), strict=True)]
        series.append(line(use.title, use_colour(i), points, lineStyle=use_stroke(i)))
        marks = (curve[0], curve[min(99, hours - 1)], curve[hours // 10], curve[hours // 2], curve[-1])
        row = [use.title, *(fixed(float(v), "MW", 1) for v in marks)]
        if grid_mw:
            load = float(curve.mean() / grid_mw[i]) if grid_mw[i] > 0 else float("nan")
            row += [fixed(grid_mw[i], "MW", 1), percent(load, 3)]
        rows.append(tuple(row))
    limits = sorted(set(grid_mw))
    if limits:
        series[0]["markLine"] = {
            **mark_line({"yAxis": limits[0]}),
            "label": {"position": "insideEndTop", "fontSize": 11, "formatter": "contracted {c} MW"},
            "data": [{"yAxis": significant(v)} for v in limits],
        }
    top = max([*limits, *(float(np.max(hourly)) for hourly in hourly_mw)])
    _, ceiling, step = nice_bounds([top])
    grid = {"left": 8, "right": 20, "top": 34, "bottom": 44}
    x = named_value_x("hours of the year, highest load first [h]", min=0, max=hours, interval=max(hours // 6, 1))
    columns = ("Peak hour", "100th hour", "10 % of hours", "Half of hours", "Least hour")
    return Chart(
        id="duration",
        title="Load-duration curve",
        caption=caption,
        option=option(grid, x, value_y(y_name, min=0, max=ceiling, interval=step), series),
        table=Table(("Use", *columns, *(("Contracted", "Load factor") if grid_mw else ())), tuple(rows)),
        units=("MW",),
        legend=use_legend(enumerate(uses)),
    )
