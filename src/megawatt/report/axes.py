"""Axes, rows and lines in the house style; text and line colours come from the page's theme, not from here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from megawatt.report.figure import Option, bar_heights

__all__ = [
    "bar_rows",
    "category_x",
    "line",
    "literal",
    "mark_line",
    "named_value_x",
    "nice_bounds",
    "option",
    "row_axis",
    "value_y",
]


def literal(text: str) -> str:
    """Text that ECharts must not read as a template or as rich text."""
    return text.translate(str.maketrans("{}|", "()/"))


def option(grid: Option | list[Option], x: Any, y: Any, series: list[Option], pointer: str = "line") -> Option:
    """The frame of every chart: no animation (it prints), a tooltip that stays on the screen, a hidden legend.

    The page draws its own legend, which wraps on a phone; the component is there so that it can toggle series.
    """
    return {
        "animation": False,
        "legend": {"show": False},
        "tooltip": {"trigger": "axis", "confine": True, "axisPointer": {"type": pointer}},
        "grid": grid,
        "xAxis": x,
        "yAxis": y,
        "series": series,
    }


def value_y(name: str, **more: Any) -> Option:
    """A vertical value axis whose unit stands above it, where it takes no width."""
    return {
        "type": "value",
        "name": name,
        "nameLocation": "end",
        "nameGap": 12,
        "nameTextStyle": {"align": "left", "padding": [0, 0, 0, -34]},
        "splitNumber": 5,
        **more,
    }


def named_value_x(name: str, **more: Any) -> Option:
    """A horizontal value axis with its unit below."""
    return {
        "type": "value",
        "name": name,
        "nameLocation": "middle",
        "nameGap": 30,
        "splitNumber": 5,
        "axisLabel": {"hideOverlap": True},
        **more,
    }


def category_x(names: Sequence[str], **more: Any) -> Option:
    """A horizontal category axis (months, years)."""
    return {
        "type": "category",
        "data": list(names),
        "axisLabel": {"hideOverlap": True},
        "axisTick": {"alignWithLabel": True},
        **more,
    }


def row_axis(names: Sequence[str], lift: int = 14) -> Option:
    """A vertical category axis whose labels stand ``lift`` px above their bars, so that long names cost no width."""
    return {
        "type": "category",
        "data": list(names),
        "inverse": True,
        "axisTick": {"show": False},
        "axisLine": {"show": False},
        "axisLabel": {
            "inside": True,
            "align": "left",
            "verticalAlign": "bottom",
            "margin": 0,
            "padding": [0, 0, lift, 2],
            "interval": 0,
        },
        "z": 6,
    }


def bar_rows(
    names: Sequence[str], parts: Sequence[tuple[str, str, Sequence[float]]], x_name: str, **x_more: Any
) -> Option:
    """Horizontal stacked bars, one row per name.

    Parameters
    ----------
    names : sequence of str
        Row names, top first.
    parts : sequence of (name, colour, values)
        Stacked parts; values have one element per row.
    x_name : str
        Name of the value axis with its unit.
    """
    series = [
        {
            "type": "bar",
            "name": part,
            "stack": "all",
            "barWidth": 18,
            "data": bar_heights(values),
            "itemStyle": {"color": colour},
        }
        for part, colour, values in parts
    ]
    grid = {"left": 18, "right": 24, "top": 24, "bottom": 48, "outerBoundsMode": "none"}
    return option(grid, named_value_x(x_name, **x_more), row_axis(names), series, "shadow")


def line(name: str, colour: str, data: Sequence[Any], width: float = 2, **more: Any) -> Option:
    """A line without symbols."""
    return {
        "type": "line",
        "name": name,
        "data": list(data),
        "showSymbol": False,
        "symbol": "circle",
        "lineStyle": {"width": width, "color": colour},
        "itemStyle": {"color": colour},
        **more,
    }


def mark_line(at: Option, text: str = "", position: str = "insideEndTop") -> Option:
    """A dashed reference line at ``{"xAxis": v}`` or ``{"yAxis": v}`` with a label."""
    label = {"show": bool(text), "formatter": literal(text), "position": position, "fontSize": 11}
    return {"silent": True, "symbol": "none", "lineStyle": {"type": "dashed", "width": 1}, "label": label, "data": [at]}


def nice_bounds(values: Sequence[float], pad: float = 0.04) -> tuple[float, float, float]:
    """Round axis ends around finite values, zero included, and the step between ticks (1, 2 or 5 times a power of 10).

    Returns
    -------
    tuple of float
        Lower end, upper end, step.
    """
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(0.0, *finite), max(0.0, *finite)
    span = high - low if high - low > 1e-9 else 1.0
    low, high = (low - pad * span if low < 0 else 0.0), (high + pad * span if high > 0 else 0.0)
    raw = (high - low or 1.0) / 6
    exponent = math.floor(math.log10(raw))
    step = next(m * 10.0**exponent for m in (1, 2, 5, 10) if m * 10.0**exponent >= raw * (1 - 1e-9))
    ends = [round(n * step, 2 - exponent) for n in (math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9))]
    return ends[0], ends[1] or step, round(step, 2 - exponent)
