"""Several uses of one connection: what each mix is worth and leaves idle, what parts add, idle megawatts by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from megawatt.report.axes import bar_rows, category_x, option, value_y
from megawatt.report.figure import LINE_INK, Chart, Legend, Table, bar_heights, significant, use_colour
from megawatt.report.format import DASH, chance, fixed, money, plain

__all__ = ["adds_chart", "idle_chart", "mix_table", "mix_words", "part_table", "use_of_connection", "worth_chart"]

_MILLION: Final = 1e6
"""Dollars in the unit of the charts."""
_LEAST_SIZE: Final = 1e-3
"""Sizes below are rounding of the programme."""


def mix_words(scales: Mapping[str, float], sizes: bool = False) -> str:
    """The parts of a mix in words, with their sizes over their scenarios' own where asked for."""
    there = {name: size for name, size in scales.items() if size > _LEAST_SIZE}
    return " + ".join(f"{name} × {plain(size, 3)}" if sizes else name for name, size in there.items()) or "nothing"


def named_mixes(told: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The best mix and the best of every business alone, as they are called on the page."""
    return [("best mix", told["best"]), *((f"{row['name']} alone", row) for row in told["single_use"])]


def mix_table(told: Mapping[str, Any]) -> Table:
    """The best mix beside the best single uses."""
    rows = []
    for name, row in named_mixes(told):
        plants = ", ".join(f"{plant} {plain(size, 3)}" for plant, size in row["plants"].items())
        rows.append(
            (
                name,
                money(row["value_usd"], 4),
                fixed(row["idle_mw"], "MW", 0),
                money(row["tail_usd"], 4),
                "no debt" if row["probability_missed"] is None else chance(row["probability_missed"]),
                money(row["capital_usd"], 4),
                mix_words(row["scales"], sizes=True) + (f"; {plants}" if plants else ""),
            )
        )
    columns = ("", "Value", "Idle", "Worst paths", "Some payment missed", "Capital", "Sizes")
    return Table(columns, tuple(rows))


def worth_chart(told: Mapping[str, Any]) -> Chart:
    """Mean net present value of the best mix and of each business alone, and of their worst paths. [$m]"""
    rows = named_mixes(told)
    parts = [("mean of the paths", use_colour(0), [row["value_usd"] / _MILLION for _, row in rows])]
    chart = bar_rows([name for name, _ in rows], parts, "net present value [$m]")
    worst = [[significant(row["tail_usd"] / _MILLION), place] for place, (_, row) in enumerate(rows)]
    dots = {"type": "scatter", "name": "mean of the worst paths", "data": worst, "symbol": "diamond", "symbolSize": 11}
    chart["series"].append(dots | {"itemStyle": {"color": use_colour(1)}})
    return Chart(
        id="worth",
        title="What the connection is worth: the best mix beside each use alone",
        caption="Net present value at the first month, after tax, every path through the whole chain. "
        "Worst paths: the share that [best] tail says, 5\u202f% unless set.",
        option=chart,
        table=mix_table(told),
        units=("$m",),
        legend=(Legend("mean of the paths", use_colour(0)), Legend("mean of the worst paths", use_colour(1), "dot")),
        height_px=76 + 46 * len(rows),
    )


def use_of_connection(told: Mapping[str, Any]) -> Chart:
    """Megawatts of the connection that halls draw at most, and what no hall ever draws. [MW]"""
    rows, grid = named_mixes(told), told["grid_mw"]
    idle = [row["idle_mw"] for _, row in rows]
    parts = [("drawn at most", use_colour(0), [grid - mw for mw in idle]), ("idle", use_colour(1), idle)]
    chart = bar_rows([name for name, _ in rows], parts, "connection [MW]", min=0, max=significant(grid))
    cells = ((name, fixed(grid - mw, "MW"), fixed(mw, "MW")) for (name, _), mw in zip(rows, idle, strict=True))
    return Chart(
        id="connection",
        title="Idle megawatts of the connection",
        caption=f"Of {fixed(grid, 'MW', 0)}, what all halls draw with every machine busy in the worst hour of the "
        "weather year, and what is paid for and never drawn.",
        option=chart,
        table=Table(("", "Drawn at most", "Idle"), tuple(cells)),
        units=("MW",),
        legend=(Legend("drawn at most", use_colour(0)), Legend("idle", use_colour(1))),
        height_px=76 + 46 * len(rows),
    )


def adds_chart(adds: Sequence[Mapping[str, Any]]) -> Chart:
    """What every part adds to the site; the bars sum to the whole. [$m]"""
    whole = sum(row["adds_usd"] for row in adds)
    names = [*(row["name"] for row in adds), "site"]
    parts = [
        ("adds", use_colour(0), [*(row["adds_usd"] / _MILLION for row in adds), 0.0]),
        ("site", LINE_INK, [*(0.0 for _ in adds), whole / _MILLION]),
    ]
    rows = [
        (row["name"], money(row["adds_usd"], 4), money(row["alone_usd"], 4), money(row["last_usd"], 4)) for row in adds
    ]
    rows.append(("site", money(whole, 4), "", ""))
    return Chart(
        id="adds",
        title="What each part adds",
        caption="Base case. Adds: the mean over all orders in which the parts may come; these sum to the site. Alone: "
        "the site with this part only. With less without: the site less the site without it.",
        option=bar_rows(names, parts, "added to the net present value [$m]"),
        table=Table(("Part", "Adds", "Alone", "With less without"), tuple(rows)),
        units=("$m",),
        height_px=76 + 46 * len(names),
    )


def part_table(told: Mapping[str, Any]) -> Table:
    """Every part of a mixed site: size, months, capital, value, debt and cover."""
    rows = [
        (
            part["name"],
            plain(part["scale"], 3),
            fixed(part["peak_mw"], "MW", 0),
            f"{part['first_month']} to {part['last_month']}",
            money(part["capital_usd"], 4),
            money(part["debt_usd"], 4),
            DASH if part["min_dscr"] is None else f"{part['min_dscr']:.2f}×",
            money(part["value_usd"], 4),
            DASH if part["adds_usd"] is None else money(part["adds_usd"], 4),
        )
        for part in told["parts"]
    ]
    nothing = ("",) * 6
    if told["shared_usd"]:
        rows.append(("shared: plants, services, charges", *nothing, money(told["shared_usd"], 4), ""))
    rows.append(("site", *nothing, money(told["value_usd"], 4), money(told["value_usd"], 4)))
    columns = ("Part", "Size", "Draws at most", "Runs", "Capital", "Debt", "Least DSCR", "Value", "Adds")
    return Table(columns, tuple(rows))


def idle_chart(told: Mapping[str, Any]) -> Chart:
    """Megawatts of the connection that no hall ever draws, month by month. [MW]"""
    idle = told["idle_mw"]
    months, mw = idle["months"], idle["by_month"]
    bars = {"type": "bar", "name": "idle", "data": bar_heights(mw), "barCategoryGap": "0%"}
    grid = {"left": 8, "right": 14, "top": 34, "bottom": 30}
    y = value_y("idle [MW]", min=0, max=significant(told["grid_mw"]))
    return Chart(
        id="idle",
        title="Idle megawatts by month",
        caption=f"Of {fixed(told['grid_mw'], 'MW', 0)}, what is left when every live hall has every machine busy in "
        "the worst hour of the weather year.",
        option=option(grid, category_x(months), y, [bars | {"itemStyle": {"color": use_colour(1)}}], "shadow"),
        table=Table(("Month", "Idle"), tuple((m, fixed(v, "MW")) for m, v in zip(months, mw, strict=True))),
        units=("MW",),
    )
