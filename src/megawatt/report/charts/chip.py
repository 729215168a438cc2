"""Charts of the machines: where a training step's time and memory go, what a hash earns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.records import UseResult
from megawatt.report.axes import bar_rows, category_x, line, option, value_y
from megawatt.report.figure import (
    Chart,
    Legend,
    Table,
    months_axis,
    part_colour,
    significant,
    stack_names,
    use_colour,
    wording,
)
from megawatt.report.format import DASH, money, percent, plain
from megawatt.training.records import TrainingPlan

__all__ = ["hashprice_chart", "memory_chart", "step_time_chart"]

_WORTH_NAMING: Final = 0.1
"""Share of the greatest loss below which a part is not named as a reason."""
Planned = list[tuple[int, UseResult, TrainingPlan]]


def planned(uses: Sequence[UseResult]) -> Planned:
    """Uses that train a model, with their position and plan."""
    return [(i, use, use.plan) for i, use in enumerate(uses) if use.plan is not None]


def step_time_chart(uses: Sequence[UseResult]) -> Chart | None:
    """Exposed seconds of one optimizer step by part, one bar per use that trains; None where none does. [s]"""
    return _stack(
        planned(uses),
        lambda plan: plan.cost.parts_s,
        1.0,
        ("step-time", "Where a training step's time goes", "s", "time of one optimizer step [s]"),
        "Seconds that are not hidden behind other work, on the slowest chip; they sum to the step time.",
    )


def memory_chart(uses: Sequence[UseResult]) -> Chart | None:
    """Memory of the fullest chip by part, one bar per use that trains; None where none does. [GB]"""
    return _stack(
        planned(uses),
        lambda plan: plan.cost.memory_parts_bytes,
        1e9,
        ("memory", "What fills the fullest chip's memory", "GB", "memory of the fullest chip [GB = 10⁹ bytes]"),
        "Parts sum to the memory of the fullest chip in the chosen layout.",
    )


def _stack(
    plans: Planned,
    parts_of: Callable[[TrainingPlan], Mapping[str, NDArray[np.float64]]],
    scale: float,
    names: tuple[str, str, str, str],
    caption: str,
) -> Chart | None:
    mappings = [parts_of(plan) for _, _, plan in plans]
    keys = stack_names(mappings)
    if not keys:
        return None
    chart_id, title, unit, axis = names
    amounts = {key: [float(m[key][0]) / scale if key in m else 0.0 for m in mappings] for key in keys}
    keys = [key for key in keys if any(abs(v) > 0 for v in amounts[key])]
    parts = [(wording(key), part_colour(n), amounts[key]) for n, key in enumerate(keys)]
    totals = [sum(amounts[key][row] for key in keys) for row in range(len(plans))]
    rows = tuple(
        (wording(key), *(_cell(v, total) for v, total in zip(amounts[key], totals, strict=True))) for key in keys
    )
    total_row = ("total", *(plain(total) for total in totals))
    return Chart(
        id=chart_id,
        title=title,
        caption=caption,
        option=bar_rows([use.title for _, use, _ in plans], parts, axis),
        table=Table(("Part", *(f"{use.title} [{unit}]" for _, use, _ in plans)), (*rows, total_row)),
        units=(unit,),
        legend=tuple(Legend(name, colour) for name, colour, _ in parts),
        height_px=62 * len(plans) + 84,
    )


def _cell(value: float, total: float) -> str:
    return f"{plain(value)} ({percent(value / total)})" if total > 0 else plain(value)


def hashprice_chart(uses: Sequence[UseResult]) -> Chart | None:
    """Base-case hashprice by month of each use that mines; None where none does. [USD per PH/s and day]"""
    miners = [(i, use, use.hash_economics) for i, use in enumerate(uses) if use.hash_economics is not None]
    if not miners:
        return None
    months = max((months_axis(use) for _, use, _ in miners), key=len)
    series, rows = [], []
    for i, use, hashes in miners:
        path = np.atleast_2d(hashes.hashprice_usd_per_ph_day)[0]
        earned = np.atleast_2d(hashes.usd_per_mwh)[0]
        series.append(line(use.title, use_colour(i), significant(path), step="middle"))
        for month in range(0, len(path), 12):
            name = months[month] if month < len(months) else str(month)
            price = float(np.atleast_2d(hashes.btc_price_usd)[0, month])
            rows.append((use.title, name, money(float(path[month])), money(float(earned[month])), money(price)))
    return Chart(
        id="hashprice",
        title="What a hash earns, base case",
        caption="Subsidy and fees of a day in dollars over the network's hash rate; steps down at halvings.",
        option=option(
            {"left": 8, "right": 30, "top": 34, "bottom": 28},
            category_x(months),
            value_y("hashprice [$ per PH/s and day]", min=0),
            series,
        ),
        table=Table(("Use", "Month", "Hashprice per PH/s-day", "Revenue per MWh at the plug", "Bitcoin"), tuple(rows)),
        units=("$",),
        legend=tuple(Legend(use.title, use_colour(i), "solid") for i, use, _ in miners),
    )


def exposed_loss(best: Mapping[str, NDArray[np.float64]], other: Mapping[str, NDArray[np.float64]], row: int) -> str:
    """The parts of a step in which a runner-up loses most, as text; a dash where it loses in none."""
    losses = {key: float(other[key][row]) - (float(best[key][0]) if key in best else 0.0) for key in other}
    most = max(losses.values(), default=0.0)
    worst = sorted((key for key in losses if losses[key] > _WORTH_NAMING * most), key=lambda key: -losses[key])[:2]
    return ", ".join(f"{wording(key)} +{_seconds(losses[key])}" for key in worst if losses[key] > 0) or DASH


def _seconds(value: float) -> str:
    return f"{plain(value, 2)}\u202fs" if value >= 0.1 else f"{plain(1e3 * value, 2)}\u202fms"
