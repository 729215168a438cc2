"""Charts of what can happen: fans of monthly quantities and the probability of a missed payment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.records import UseResult
from megawatt.report.axes import category_x, line, nice_bounds, option, value_y
from megawatt.report.figure import (
    Chart,
    Legend,
    Option,
    Table,
    months_axis,
    significant,
    use_colour,
    use_legend,
    use_stroke,
    wording,
)
from megawatt.report.format import chance, money, plain

__all__ = ["fan_charts", "missed_chart"]

_SHARED: Final = "#7a7f87"
_USUAL_PERCENTILE: Final = 85.0
"""What most values stay below."""
_PEAK_RATIO: Final = 4.0
"""A peak so many times the usual value would flatten the rest, and is cut."""
_SAMPLING_ERROR: Final = 0.08
"""Relative difference of a fan's outer percentiles between two draws of a few thousand paths, rounded up."""
_LEVELS: Final = (5, 25, 50, 75, 95)
"""Percentiles of a fan."""
_GRID: Final = {"left": 8, "right": 30, "top": 34, "bottom": 28}
_LEVEL: Final = "times the base case"
_FANS: Final = {
    "cash_usd": ("Cash to owners by month", "Operating cash after debt service.", 1e6, "$m"),
    "net_cash_usd": (
        "Cash after debt service by month",
        "Operating cash and residual less debt service due.",
        1e6,
        "$m",
    ),
    "cfads_usd": ("Cash for debt service by month", "Operating cash after tax, before debt service.", 1e6, "$m"),
    "closing_cash_usd": ("Cash on the account", "Month-end cash on the account.", 1e6, "$m"),
    "hashprice_usd_per_ph_day": ("Hashprice", "What a petahash per second earns in a day.", 1.0, "$ per PH/s and day"),
    "btc": ("Bitcoin price", "Level relative to today's.", 1.0, _LEVEL),
    "network": ("Bitcoin network hash rate", "Level relative to the base case.", 1.0, _LEVEL),
    "power": ("Power price", "Level relative to the base case.", 1.0, _LEVEL),
    "compute": ("Price of compute", "Level relative to the base case.", 1.0, _LEVEL),
    "demand": ("Demand for compute", "Level relative to the base case.", 1.0, _LEVEL),
}
"""Title, caption, scale and unit of the fans that are known by name; others get their key as title."""


def fan_charts(uses: Sequence[UseResult]) -> list[Chart]:
    """One chart per fan: median, and bands of 50 % and 90 % of the simulated paths.

    Uses whose fans are equal, or whose market factors differ by no more than sampling does, share a chart.
    """
    drawn: list[tuple[int, str, FloatArray]] = []
    charts = []
    for index, use in enumerate(uses):
        for key, values in use.risk.fans.items():
            fan = np.asarray(values, dtype=np.float64)
            if not any(key == other and _alike(key, fan, known) for _, other, known in drawn):
                drawn.append((index, key, fan))
    for index, key, fan in drawn:
        shared = sum(key in u.risk.fans and _alike(key, fan, u.risk.fans[key]) for u in uses) > 1
        charts.append(_fan(uses[index], index, key, fan, shared))
    return charts


def _alike(key: str, fan: FloatArray, other: FloatArray) -> bool:
    """Whether one chart can stand for both fans; factors are compared over the months that both have."""
    if _FANS.get(key, ("", "", 1.0, ""))[3] != _LEVEL:
        return np.array_equal(fan, other)
    months = min(fan.shape[1], other.shape[1])
    return bool(np.allclose(fan[:, :months], other[:, :months], rtol=_SAMPLING_ERROR, atol=0.02))


def _fan(use: UseResult, index: int, key: str, fan: FloatArray, shared: bool) -> Chart:
    title, caption, scale, unit = _FANS.get(key, (wording(key), "", 1e6 if key.endswith("_usd") else 1.0, ""))
    unit = unit or ("$m" if key.endswith("_usd") else "")
    colour, months = _SHARED if shared else use_colour(index), months_axis(use)[: fan.shape[1]]
    levels = fan / scale
    series = _bands(levels, colour)
    for level, values in zip(_LEVELS, levels, strict=True):
        style = {"width": 2.2 if level == 50 else 0.8, "opacity": 1 if level == 50 else 0.45, "color": colour}
        series.append(line(f"P{level}", colour, significant(values), lineStyle=style))
    limits = _limits(levels)
    cut = f" {_CUT}" if limits else ""
    show = money if unit.startswith("$") else plain
    rows = tuple((name, *(show(float(v)) for v in fan[:, m])) for m, name in enumerate(months))
    names = [("median", "solid"), ("P25 to P75", "band50"), ("P5 to P95", "band90")]
    return Chart(
        id=f"fan-{key.replace('_', '-')}-{index}",
        title=title if shared else f"{title}: {use.title}",
        caption=f"{caption} Line: median; bands: 25 to 75\u202f% and 5 to 95\u202f% of the paths, month by month "
        f"(no single path follows an edge).{cut}".strip(),
        option=option(_GRID, category_x(months), value_y(unit, **limits), series),
        table=Table(("Month", *(f"P{level}" for level in _LEVELS)), rows),
        units=(unit,),
        legend=tuple(Legend(name, colour, mark) for name, mark in names),
        use="" if shared else use.title,
        colour="" if shared else colour,
    )


_CUT: Final = "The axis leaves out the peaks of a few months (prepayments, residual values); the table has them."


def _limits(levels: FloatArray) -> dict[str, float]:
    """Ends of the value axis where a few months would flatten all others; empty where they do not."""
    size = np.nanmax(np.abs(levels), axis=0)
    usual = float(np.nanpercentile(size, _USUAL_PERCENTILE))
    if not 0.0 < usual * _PEAK_RATIO < float(np.nanmax(size)):
        return {}
    here = levels[:, size <= 2.0 * usual]
    low, high, step = nice_bounds([float(here.min()), float(here.max())], pad=0.15)
    return {"min": low, "max": high, "interval": step}


def _bands(levels: FloatArray, colour: str) -> list[Option]:
    """Stacked areas between percentiles. ``stackStrategy`` all: bands may cross zero."""
    steps = [levels[0], levels[1] - levels[0], levels[3] - levels[1], levels[4] - levels[3]]
    series = []
    for step, opacity in zip(steps, (0.0, 0.18, 0.36, 0.18), strict=True):
        series.append(
            {
                "type": "line",
                "name": "band",
                "stack": "band",
                "stackStrategy": "all",
                "data": significant(step, 6),
                "showSymbol": False,
                "silent": True,
                "lineStyle": {"width": 0, "color": colour},
                "areaStyle": {"color": colour, "opacity": opacity},
                "tooltip": {"show": False},
                "z": 1,
            }
        )
    return series


def missed_chart(uses: Sequence[UseResult]) -> Chart | None:
    """Probability that debt service has been missed, by month; None where no use has debt. [%]"""
    curves = [
        (i, use, np.asarray(use.risk.probability_missed_by_month, dtype=np.float64))
        for i, use in enumerate(uses)
        if use.risk.probability_missed_by_month is not None
    ]
    if not curves:
        return None
    months = max((months_axis(use) for _, use, _ in curves), key=len)
    running = all(is_running(curve, use.risk.probability_missed) for _, use, curve in curves)
    series = [
        line(use.title, use_colour(i), significant(100 * c, 3), step="end", lineStyle=use_stroke(i))
        for i, use, c in curves
    ]
    rows = tuple(
        (use.title, name, chance(float(curve[m])))
        for _, use, curve in curves
        for m, name in enumerate(months_axis(use))
        if m < len(curve) and (name.endswith("-12") or m == len(curve) - 1)
    )
    word = "by the end of the month" if running else "in the month"
    return Chart(
        id="missed",
        title="Probability of missed debt service",
        caption=f"Share of paths in which a scheduled payment was missed {word}, after all cash was used.",
        option=option(_GRID, category_x(months), value_y("share of paths [%]", min=0), series),
        table=Table(("Use", "Month", f"Missed {word}"), rows),
        units=("%",),
        legend=use_legend((i, use) for i, use, _ in curves),
    )


def is_running(curve: FloatArray, total: float | None) -> bool:
    """Whether a curve counts up to the total probability (missed by then) instead of naming each month's own."""
    rising = bool(np.all(np.diff(curve) >= -1e-12))
    return rising and total is not None and bool(abs(curve[-1] - total) <= 1e-9)
