"""Charts of the decision: value with its ranges, what moves it, how it is distributed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.records import Sensitivity, UseResult
from megawatt.report.axes import (
    bar_rows,
    line,
    literal,
    mark_line,
    named_value_x,
    nice_bounds,
    option,
    row_axis,
    value_y,
)
from megawatt.report.figure import (
    DIVERGING,
    Chart,
    Legend,
    Option,
    Table,
    significant,
    use_colour,
    use_legend,
    use_stroke,
)
from megawatt.report.format import DASH, count, money, percent, quantity

__all__ = ["tornado_chart", "value_chart", "value_histogram"]

_MILLION = 1e6
"""Dollars of a million."""
_TORNADO_ROWS = 12
"""Inputs that a first look can take in."""
_BINS = 60
"""Bars of a histogram."""
VALUE_UNIT = "$m per grid MW-year"


def value_chart(uses: Sequence[UseResult]) -> Chart:
    """Value of a grid megawatt-year per use: base case, market range P5-P95, envelope of published inputs. [$m]"""
    heads = [use.headline for use in uses]
    spread = [
        v / _MILLION
        for h in heads
        for v in (h.value_usd_per_grid_mw_year, h.value_p5, h.value_p95, h.value_low, h.value_high)
    ]
    low, high, step = nice_bounds(spread)
    series: list[Option] = []
    for i, use in enumerate(uses):
        series += _range_marks(use, i, low)
    if low < 0 < high:
        series[0]["markLine"] = mark_line({"xAxis": 0})
    x = named_value_x(f"value after capital [{VALUE_UNIT}]", min=low, max=high, interval=step)
    y = {"type": "value", "min": -0.55, "max": len(uses) - 0.45, "inverse": True, "show": False}
    grid = {"left": 16, "right": 24, "top": 6, "bottom": 48}
    rows = tuple(
        (
            use.title,
            money(h.value_usd_per_grid_mw_year),
            money(h.value_p5),
            money(h.value_p95),
            money(h.value_low),
            money(h.value_high),
        )
        for use, h in zip(uses, heads, strict=True)
    )
    chart = option(grid, x, y, series)
    chart["tooltip"] = {"trigger": "item", "confine": True}
    return Chart(
        id="value",
        title="Value of a grid megawatt-year after capital",
        caption="Diamond: base case. Thick bar: 5th to 95th percentile over market paths. Thin line with ends: "
        "published inputs moved one at a time to the worst and best ends of their ranges. Left of zero, the use does "
        "not earn back its capital at the discount rate.",
        option=chart,
        table=Table(("Use", "Base case", "Market P5", "Market P95", "Inputs, worst", "Inputs, best"), rows),
        height_px=82 * len(uses) + 70,
    )


def _range_marks(use: UseResult, row: int, left: float) -> list[Option]:
    """Title, market range, input envelope and base case of one use, at height ``row``."""
    h, colour, title = use.headline, use_colour(row), literal(use.title)
    market = [[significant(v / _MILLION), row + 0.04] for v in (h.value_p5, h.value_p95) if math.isfinite(v)]
    inputs = [[significant(v / _MILLION), row + 0.3] for v in (h.value_low, h.value_high) if math.isfinite(v)]
    base = h.value_usd_per_grid_mw_year
    tip = {
        "formatter": f"{escape(title)}<br>base case {money(base)}<br>market P5 to P95: {money(h.value_p5)} to "
        f"{money(h.value_p95)}<br>published inputs: {money(h.value_low)} to {money(h.value_high)}"
    }
    text = {"show": True, "formatter": title, "position": "right", "distance": 0, "fontWeight": "bold", "fontSize": 13}
    label = {"show": True, "formatter": money(base), "position": "top", "distance": 3, "fontWeight": "bold"}
    thick = {"width": 14, "opacity": 0.5, "color": colour, "cap": "butt"}
    marks: list[Option] = [
        line(title, colour, market, lineStyle=thick, tooltip=tip, z=2),
        line(title, colour, inputs, showSymbol=True, symbol="rect", symbolSize=[2, 11], tooltip=tip, z=2),
        {
            "type": "scatter",
            "name": title,
            "data": [[left, row - 0.4]],
            "symbolSize": 0.01,
            "label": text,
            "silent": True,
            "z": 6,
        },
    ]
    if math.isfinite(base):
        marks.append(
            {
                "type": "scatter",
                "name": title,
                "symbol": "diamond",
                "symbolSize": 15,
                "itemStyle": {"color": colour},
                "data": [[significant(base / _MILLION), row + 0.04]],
                "label": label,
                "tooltip": tip,
                "z": 7,
            }
        )
    return marks


def swing(s: Sensitivity) -> float:
    """Distance between the values at both ends of an input's range. [USD per grid MW-year]"""
    size = abs(s.value_at_high - s.value_at_low)
    return size if math.isfinite(size) else 0.0


def tornado_chart(use: UseResult, index: int) -> Chart | None:
    """Change of value when one input moves to the ends of its range. [$m per grid MW-year]

    None where the use has no sensitivities.
    """
    if not use.sensitivities:
        return None
    ranked = sorted(use.sensitivities, key=swing, reverse=True)
    base = use.headline.value_usd_per_grid_mw_year
    shown = ranked[:_TORNADO_ROWS]
    series = []
    pairs = [(s.value_at_low - base, s.value_at_high - base) for s in shown]
    for column, side in enumerate(("low", "high")):
        ends = [quantity(getattr(s, side), s.unit, s.name) for s in shown]
        series.append(
            {
                "type": "bar",
                "name": f"input at its {side} end",
                "barWidth": 13,
                "barGap": "-100%",
                "itemStyle": {"color": DIVERGING[side], "opacity": 0.85},
                "data": [_tornado_item(p[column], p[1 - column], e) for p, e in zip(pairs, ends, strict=True)],
            }
        )
    low, high, step = nice_bounds([v / _MILLION for pair in pairs for v in pair], pad=0.3)
    reached = low < -base / _MILLION < high
    if reached:
        series[0]["markLine"] = mark_line({"xAxis": significant(-base / _MILLION)}, "zero", "start")
    chart = bar_rows([s.title for s in shown], [], f"change of value [{VALUE_UNIT}]", min=low, max=high, interval=step)
    chart["series"] = series
    chart["yAxis"] = row_axis([s.title for s in shown], lift=13)
    chart["grid"]["top"] = 36
    return Chart(
        id=f"tornado-{index}",
        title=f"Sensitivity: {use.title}",
        caption=f"Change from the base case of {money(base)} per grid MW-year, one input at a time; the chain is run "
        "again at each end. Numbers at the bars are the input's ends."
        + (" Dashed line: the value becomes zero." if reached else "")
        + (f" The {len(ranked) - len(shown)} smallest are in the table only." if len(ranked) > len(shown) else ""),
        option=chart,
        table=_tornado_table(ranked),
        units=(VALUE_UNIT,),
        legend=(
            Legend("input at its low end", DIVERGING["low"]),
            Legend("input at its high end", DIVERGING["high"]),
        ),
        height_px=42 * len(shown) + 88,
        use=use.title,
        colour=use_colour(index),
    )


def _tornado_item(change: float, other: float, end: str) -> Option:
    """One bar with the input's end beside it; of two bars on one side the shorter is labelled on the free side."""
    free_side = change * other >= 0 and abs(change) < abs(other)
    position = "left" if (change < 0 or (change == 0 and other > 0)) != (free_side and change != 0) else "right"
    label = {"show": True, "position": position, "formatter": literal(end), "fontSize": 11, "distance": 4}
    return {"value": significant(change / _MILLION), "label": label}


def _tornado_table(ranked: Sequence[Sensitivity]) -> Table:
    rows = tuple(
        (
            s.title,
            *(quantity(v, s.unit, s.name) for v in (s.low, s.base, s.high)),
            money(s.value_at_low),
            money(s.value_at_high),
            DASH if s.tokens_at_low is None else count(s.tokens_at_low),
            DASH if s.tokens_at_high is None else count(s.tokens_at_high),
        )
        for s in ranked
    )
    columns = (
        "Input",
        "Low",
        "Base",
        "High",
        "Value at low",
        "Value at high",
        "Tokens/MWh at low",
        "Tokens/MWh at high",
    )
    return Table(columns, rows)


def _shares(sample: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of paths per bin; what lies outside goes to the edge bins, so that the shares sum to one."""
    counts, _ = np.histogram(np.clip(sample, edges[0], edges[-1]), bins=edges)
    return np.asarray(counts / len(sample), dtype=np.float64)


def value_histogram(uses: Sequence[UseResult]) -> Chart | None:
    """Distribution of the value of a grid megawatt-year over the simulated paths. [% of paths]

    None where no use has samples.
    """
    samples: list[tuple[int, NDArray[np.float64]]] = []
    for i, use in enumerate(uses):
        raw = np.asarray(use.risk.samples.get("value_usd_per_grid_mw_year", ()), dtype=np.float64)
        kept = raw[np.isfinite(raw)] / _MILLION
        if len(kept):
            samples.append((i, kept))
    if not samples:
        return None
    low = min(float(np.percentile(s, 0.5)) for _, s in samples)
    high = max(float(np.percentile(s, 99.5)) for _, s in samples)
    edges = np.linspace(low, high if high > low else low + 1e-6, _BINS + 1)
    centres = significant((edges[:-1] + edges[1:]) / 2)
    series, rows = [], []
    for i, sample in samples:
        use, colour = uses[i], use_colour(i)
        points = list(zip(centres, significant(100 * _shares(sample, edges), 3), strict=True))
        area = {"color": colour, "opacity": 0.16}
        data = [list(p) for p in points]
        series.append(line(use.title, colour, data, step="middle", areaStyle=area, lineStyle=use_stroke(i)))
        below = float(np.mean(sample < 0))
        percentiles = (money(float(v) * _MILLION) for v in np.percentile(sample, (5, 25, 50, 75, 95)))
        rows.append((use.title, f"{len(sample):,}".replace(",", "\u202f"), *percentiles, percent(below, 3)))
    if low < 0 < high:
        series[0]["markLine"] = mark_line({"xAxis": 0})
    grid = {"left": 8, "right": 20, "top": 34, "bottom": 44}
    x = named_value_x(f"value after capital [{VALUE_UNIT}]", scale=True)
    return Chart(
        id="value-histogram",
        title="Distribution of value over market paths",
        caption="Share of simulated paths by value of a grid megawatt-year. The outermost bins also hold what lies "
        "beyond them (0.5\u202f% at each end of the widest use, at most).",
        option=option(grid, x, value_y("share of paths [%]", axisLine={"onZero": False}), series),
        table=Table(("Use", "Paths", "P5", "P25", "P50", "P75", "P95", "Share below zero"), tuple(rows)),
        units=("%",),
        legend=use_legend((i, uses[i]) for i, _ in samples),
        height_px=320,
    )
