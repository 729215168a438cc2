"""What the best mix risks and rests on: frontier, ranges of inputs, and a map over prices of power and of compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from megawatt.report.axes import category_x, line, literal, named_value_x, option, row_axis, value_y
from megawatt.report.charts.mixed import mix_words
from megawatt.report.figure import LINE_INK, Chart, Legend, Option, Table, significant, use_colour
from megawatt.report.format import DASH, chance, money, percent, quantity

__all__ = ["frontier_chart", "map_chart", "ranges_chart"]

_MILLION: Final = 1e6
"""Dollars in the unit of the charts."""
_MOST_ROWS: Final = 14
"""Ranges that are drawn; the table has all."""
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _point(row: Mapping[str, Any]) -> list[Any]:
    return [significant(row["tail_usd"] / _MILLION), significant(row["value_usd"] / _MILLION)]


def frontier_chart(told: Mapping[str, Any]) -> Chart:
    """Most mean value against the mean of the worst paths, each use alone beside it. [$m]"""
    points = told["frontier"]
    axes = ["mean of the worst paths [$m]", "mean value [$m]"]
    series: list[Option] = [
        line("frontier of mixes", use_colour(0), [_point(p) for p in points], showSymbol=True, symbolSize=9)
    ]
    legend = [Legend("frontier of mixes", use_colour(0), "solid")]
    for place, row in enumerate(told["single_use"], start=1):
        name, colour = f"{row['name']} alone", use_colour(place)
        dot = {"type": "scatter", "name": name, "data": [_point(row)], "symbol": "diamond", "symbolSize": 13}
        series.append(dot | {"itemStyle": {"color": colour}, "dimensions": axes})
        legend.append(Legend(name, colour, "dot"))
    rows = tuple(
        (
            money(p["value_usd"], 4),
            money(p["tail_usd"], 4),
            "no debt" if p["probability_missed"] is None else chance(p["probability_missed"]),
            mix_words(p["scales"], sizes=True),
        )
        for p in points
    )
    grid = {"left": 8, "right": 24, "top": 34, "bottom": 48}
    free: Option = {"scale": True, "axisLine": {"onZero": False}}
    chart = option(grid, named_value_x(axes[0], **free), value_y(axes[1], **free), series)
    chart["tooltip"] = {"trigger": "item", "confine": True}
    alone = " One mix is best at every level of risk: there is nothing to give up." if len(points) < 2 else ""
    return Chart(
        id="frontier",
        title="Value against risk",
        caption="The most mean value of any mix whose worst paths are worth at least so much in the mean; further "
        f"right is safer.{alone} Values of the programme; of each use alone, of the whole chain.",
        option=chart,
        table=Table(("Mean value", "Worst paths", "Some payment missed", "Sizes"), rows),
        units=("$m",),
        legend=tuple(legend),
        height_px=340,
    )


def _swing(row: Mapping[str, Any]) -> float:
    return abs(float(row["value_at_high_usd"]) - float(row["value_at_low_usd"]))


def _same(a: Mapping[str, float], b: Mapping[str, float]) -> bool:
    return mix_words(a) == mix_words(b)


def ranges_chart(told: Mapping[str, Any]) -> Chart | None:
    """The best mix's value with each input at both ends of its range, and where another mix is best. [$m]"""
    rows = sorted(told["robust"]["flips"], key=lambda row: (row["flips_at"] is None, -_swing(row)))
    if not rows:
        return None
    here, shown = told["best"]["scales"], rows[:_MOST_ROWS]
    bars: list[list[Any]] = []
    dots: dict[bool, list[list[Any]]] = {True: [], False: []}
    for place, row in enumerate(shown):
        ends = [significant(row[f"value_at_{end}_usd"] / _MILLION) for end in ("low", "high")]
        bars += [[ends[0], place], [ends[1], place], [None, None]]
        for end, value in zip(("low", "high"), ends, strict=True):
            dots[_same(row[f"best_at_{end}"], here)].append([value, place])
    names = ("the same mix is best", "another mix is best")
    series = [line("range", LINE_INK, bars, width=4)]
    for same, name, colour, symbol in (
        (True, names[0], use_colour(0), "circle"),
        (False, names[1], use_colour(1), "diamond"),
    ):
        marks = {"type": "scatter", "name": name, "data": dots[same], "symbol": symbol, "symbolSize": 11}
        series.append(marks | {"itemStyle": {"color": colour}, "dimensions": ["value of the best mix [$m]"]})
    grid = {"left": 18, "right": 24, "top": 28, "bottom": 48, "outerBoundsMode": "none"}
    x = named_value_x("value of the best mix with the input at an end of its range [$m]", scale=True)
    chart = option(grid, x, row_axis([row["title"] for row in shown], lift=12), series)
    chart["tooltip"] = {"trigger": "item", "confine": True}
    return Chart(
        id="ranges",
        title="What would change the best mix",
        caption=f"{told['robust']['inputs_that_flip']} of the {told['robust']['inputs']} widest ranges change which "
        "parts are in the mix; those first, then the widest. At each end the mix is chosen anew: the programme's "
        "value, every 13th hour, without plants."
        + (f" The other {len(rows) - len(shown)} are in the table." if len(rows) > len(shown) else ""),
        option=chart,
        table=_range_table(rows),
        units=("$m",),
        legend=(Legend(names[0], use_colour(0), "dot"), Legend(names[1], use_colour(1), "dot")),
        height_px=42 * len(shown) + 88,
    )


def _range_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = tuple(
        (
            row["title"],
            *(quantity(row[end], row["unit"], row["name"]) for end in ("low", "base", "high")),
            DASH if row["flips_at"] is None else quantity(row["flips_at"], row["unit"], row["name"]),
            *(mix_words(row[f"best_at_{end}"]) for end in ("low", "high")),
            *(money(row[f"value_at_{end}_usd"], 4) for end in ("low", "high")),
        )
        for row in rows
    )
    columns = (
        "Input",
        "Low",
        "Base",
        "High",
        "Flips at",
        "Best at low",
        "Best at high",
        "Value at low",
        "Value at high",
    )
    return Table(columns, cells)


def map_chart(told: Mapping[str, Any]) -> Chart | None:
    """Which parts are in the best mix, over the price of power and the price of compute. [$m]"""
    cells = told["robust"]["map"]
    if not cells:
        return None
    power, pay = (sorted({cell[key] for cell in cells}) for key in ("power_level", "pay_level"))
    mixes: dict[str, list[Option]] = {}
    for cell in cells:
        mixes.setdefault(mix_words(cell["scales"]), []).append(_cell(cell, power, pay, len(mixes), mixes))
    series: list[Option] = []
    legend = []
    for place, (mix, data) in enumerate(mixes.items()):
        name, colour = f"{_letter(place)}: {mix}", use_colour(place)
        body = {"type": "heatmap", "name": name, "data": data, "itemStyle": {"color": colour, "opacity": 0.45}}
        label = {"show": True, "fontSize": 11, "lineHeight": 13, "opacity": 1, "textBorderWidth": 0}
        series.append(body | {"label": label, "emphasis": {"disabled": True}, "tooltip": {"formatter": "{a}<br>{b}"}})
        legend.append(Legend(name, colour))
    y = value_y("price of compute, of today's", type="category", data=[percent(level) for level in pay])
    y |= {"axisTick": {"show": False}}
    below = {"name": "price of power, of today's", "nameLocation": "middle", "nameGap": 30, "axisTick": {"show": False}}
    x = category_x([percent(level) for level in power], **below)
    chart = option({"left": 8, "right": 14, "top": 34, "bottom": 48}, x, y, series)
    chart["tooltip"] = {"trigger": "item", "confine": True}
    return Chart(
        id="map",
        title="Best use by price of power and price of compute",
        caption="The letter is the best mix, the number what it is worth in $m. Power: the whole year's prices at so "
        "much of today's; compute: chip-hours and rents. The programme's value moved by the base case's, every 13th "
        "hour, without plants; not the whole chain on every path.",
        option=chart,
        table=_map_table(cells, power, pay),
        units=("$m",),
        legend=tuple(legend),
        height_px=90 + 56 * len(pay),
    )


def _letter(place: int) -> str:
    return _LETTERS[place] if place < len(_LETTERS) else f"Z{place}"


def _cell(
    cell: Mapping[str, Any], power: list[float], pay: list[float], new: int, mixes: Mapping[str, list[Option]]
) -> Option:
    """A cell with its letter and value; the one of today's prices has a frame."""
    words = mix_words(cell["scales"])
    place = list(mixes).index(words) if words in mixes else new
    at = [power.index(cell["power_level"]), pay.index(cell["pay_level"])]
    told = f"power {percent(cell['power_level'])}, compute {percent(cell['pay_level'])}: {money(cell['value_usd'], 4)}"
    worth = f"{_letter(place)}\n{cell['value_usd'] / _MILLION:,.0f}".replace("-", "\u2212")
    found: Option = {"value": [*at, place], "name": literal(told), "label": {"formatter": worth}}
    if cell["power_level"] == cell["pay_level"] == 1.0:
        found["itemStyle"] = {"borderColor": LINE_INK, "borderWidth": 3}
    return found


def _map_table(cells: Sequence[Mapping[str, Any]], power: list[float], pay: list[float]) -> Table:
    by = {(cell["power_level"], cell["pay_level"]): cell for cell in cells}
    rows = tuple(
        (
            percent(level),
            *(f"{mix_words(by[p, level]['scales'], sizes=True)}, {money(by[p, level]['value_usd'], 4)}" for p in power),
        )
        for level in reversed(pay)
    )
    return Table(("Compute, of today's", *(f"power {percent(p)}" for p in power)), rows)
