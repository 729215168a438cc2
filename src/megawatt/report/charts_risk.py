"""Charts of what can happen: fans of monthly quantities and the probability of a missed payment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from megawatt.chain.records import UseResult
from megawatt.report.axes import category_x, line, option, value_y
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

_LEVELS: Final = (5, 25, 50, 75, 95)
_GRID: Final = {"left": 8, "right": 20, "top": 34, "bottom": 28}
_FANS: Final = {
    "cash_usd": ("Cash to owners by month", "Operating cash after debt service, by month.", 1e6, "$m"),
    "closing_cash_usd": ("Cash on the account", "Month-end cash on the account.", 1e6, "$m"),
    "hashprice_usd_per_ph_day": ("Hashprice", "What a petahash per second earns in a day.", 1.0, "$ per PH/s and day"),
}
"""Title, caption, scale and unit of the fans that are known by name; others get their key as title."""


def fan_charts(use: UseResult, index: int) -> list[Chart]:
    """One chart per fan of the use: median, and bands of 50 % and 90 % of the simulated paths."""
    return [_fan(use, index, key, np.asarray(fan, dtype=np.float64)) for key, fan in use.risk.fans.items()]


def _fan(use: UseResult, index: int, key: str, fan: np.ndarray) -> Chart:
    title, caption, scale, unit = _FANS.get(key, (wording(key), "", 1e6 if key.endswith("_usd") else 1.0, ""))
    unit = unit or ("$m" if key.endswith("_usd") else "")
    colour, months = use_colour(index), months_axis(use)[: fan.shape[1]]
    levels = fan / scale
    series = _bands(levels, colour)
    for level, values in zip(_LEVELS, levels, strict=True):
        style = {"width": 2.2 if level == 50 else 0.8, "opacity": 1 if level == 50 else 0.45, "color": colour}
        series.append(line(f"P{level}", colour, significant(values), lineStyle=style))
    picked = range(0, len(months), 3)
    show = money if unit.startswith("$") else plain
    rows = tuple((months[m], *(show(float(v)) for v in fan[:, m])) for m in picked)
    key_id = key.replace("_", "-")
    return Chart(
        id=f"fan-{key_id}-{index}",
        title=f"{title}: {use.title}",
        caption=f"{caption} Line: median; bands: 25 to 75 % and 5 to 95 % of {plain(use.risk.paths)} paths, month by "
        "month (no single path follows an edge).".strip(),
        option=option(_GRID, category_x(months), value_y(unit), series),
        table=Table(("Month", *(f"P{level}" for level in _LEVELS)), rows),
        units=(unit,),
        legend=(
            Legend("median", colour, "solid"),
            Legend("P25 to P75", colour, "band50"),
            Legend("P5 to P95", colour, "band90"),
        ),
        use=use.title,
        colour=colour,
    )


def _bands(levels: np.ndarray, colour: str) -> list[Option]:
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


def is_running(curve: np.ndarray, total: float | None) -> bool:
    """Whether a curve counts up to the total probability (missed by then) instead of naming each month's own."""
    rising = bool(np.all(np.diff(curve) >= -1e-12))
    return rising and total is not None and bool(abs(curve[-1] - total) <= 1e-9)
