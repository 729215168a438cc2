"""Charts of power and water: where the megawatts go, and what heat costs by month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.records import UseResult
from megawatt.hours import MONTH_NAMES, monthly_sum
from megawatt.report.axes import bar_rows, category_x, line, option, value_y
from megawatt.report.charts.hall import HasHall
from megawatt.report.figure import (
    Chart,
    Legend,
    Table,
    bar_heights,
    part_colour,
    significant,
    stack_names,
    use_colour,
    use_legend,
    use_stroke,
    wording,
)
from megawatt.report.format import DASH, fixed, percent, plain

__all__ = [
    "overhead_chart",
    "power_parts_chart",
    "pue_chart",
    "water_bars",
    "water_chart",
]

_IT_PART: Final = "it"
_CHIPS: Final = "chips"
_HOSTS: Final = "hosts, switches and supplies"
_MINERS: Final = "miners"
_IT_NAMES: Final = (_CHIPS, _HOSTS, _MINERS, _IT_PART)
_LINE_GRID: Final = {"left": 8, "right": 30, "top": 34, "bottom": 28}


def energy_parts_mwh(use: UseResult) -> dict[str, float]:
    """Energy of the facility year by part. [MWh]

    IT power is divided into chips and the rest of the rack in the proportion of steady training where a plan gives it.
    """
    parts = {name: float(np.sum(hourly)) for name, hourly in use.facility.parts_mw.items()}
    total = parts.pop(_IT_PART, 0.0)
    if use.plan is None or use.plan.it_w_per_chip <= 0:
        return {_MINERS if use.fleet is not None else _IT_PART: total, **parts}
    share = min(1.0, use.plan.chip_power_w / use.plan.it_w_per_chip)
    return {_CHIPS: total * share, _HOSTS: total * (1 - share), **parts}


def _colours(uses: Sequence[UseResult]) -> dict[str, str]:
    """Colour of every part, the same in both charts of parts."""
    names = [*_IT_NAMES, *stack_names([use.facility.parts_mw for use in uses])]
    drawn = {name for use in uses for name, energy in energy_parts_mwh(use).items() if energy > 0}
    return {name: part_colour(n) for n, name in enumerate(dict.fromkeys(n for n in names if n in drawn))}


def power_parts_chart(uses: Sequence[UseResult]) -> Chart | None:
    """Share of the facility's energy by part, one bar per use. [%]"""
    mappings = [energy_parts_mwh(use) for use in uses]
    totals = [sum(m.values()) for m in mappings]
    if not any(total > 0 for total in totals):
        return None
    keys = [*_IT_NAMES, *(name for name in stack_names(mappings) if name not in _IT_NAMES)]
    colours = _colours(uses)
    shares = {
        key: [100 * m.get(key, 0.0) / t if t > 0 else 0.0 for m, t in zip(mappings, totals, strict=True)]
        for key in keys
    }
    keys = [key for key in keys if any(v > 0 for v in shares[key])]
    parts = [(wording(key), colours[key], shares[key]) for key in keys]
    rows = tuple(
        (
            wording(key),
            *(
                f"{fixed(m.get(key, 0.0) / 1e3, 'GWh', 1)} ({percent(s / 100)})"
                for m, s in zip(mappings, shares[key], strict=True)
            ),
        )
        for key in keys
    )
    return Chart(
        id="power-parts",
        title="Where the facility's energy goes",
        caption="Share of a year's energy at the meter. The rack is divided into chips and the rest as in training.",
        option=bar_rows([use.title for use in uses], parts, "share of the year's energy [%]", min=0, max=100),
        table=Table(("Part", *(use.title for use in uses)), rows),
        units=("%",),
        legend=tuple(Legend(name, colour) for name, colour, _ in parts),
        height_px=62 * len(uses) + 84,
    )


def overhead_chart(uses: Sequence[UseResult]) -> Chart | None:
    """What makes up PUE - 1: energy of cooling and losses per unit of IT energy, by part. [Wh per Wh of IT, as %]"""
    it = [float(np.sum(use.facility.it_mw)) for use in uses]
    keys = [key for key in stack_names([use.facility.parts_mw for use in uses]) if key != _IT_PART]
    loads: dict[str, list[float]] = {}
    for key in keys:
        sums = [float(np.sum(use.facility.parts_mw.get(key, 0.0))) for use in uses]
        loads[key] = [100 * s / total if total > 0 else 0.0 for s, total in zip(sums, it, strict=True)]
    keys = [key for key in keys if any(v > 0 for v in loads[key])]
    if not keys:
        return None
    colours = _colours(uses)
    parts = [(wording(key), colours[key], loads[key]) for key in keys]
    rows = tuple((wording(key), *(percent(v / 100) for v in loads[key])) for key in keys)
    pues = ("PUE of the year", *(plain(use.facility.pue) for use in uses))
    worst = ("PUE of the worst hour", *(plain(use.facility.pue_worst_hour) for use in uses))
    return Chart(
        id="overhead",
        title="What cooling and losses add to each IT megawatt-hour",
        caption="Parts sum to PUE − 1 of the year.",
        option=bar_rows([use.title for use in uses], parts, "energy added to IT energy [%]", min=0),
        table=Table(("Part", *(use.title for use in uses)), (*rows, pues, worst)),
        units=("%",),
        legend=tuple(Legend(name, colour) for name, colour, _ in parts),
        height_px=62 * len(uses) + 84,
    )


def pue_chart(uses: Sequence[HasHall]) -> Chart:
    """PUE of each month: facility energy over IT energy; a gap where no IT ran. [1]"""
    monthly: list[list[float]] = []
    for use in uses:
        it, facility = monthly_sum(use.facility.it_mw), monthly_sum(use.facility.facility_mw)
        monthly.append(list(np.where(it > 0, facility / np.where(it > 0, it, 1.0), np.nan)))
    series = [
        line(use.title, use_colour(i), significant(monthly[i]), showSymbol=True, symbolSize=6, lineStyle=use_stroke(i))
        for i, use in enumerate(uses)
    ]
    rows = tuple((name, *(plain(values[m]) for values in monthly)) for m, name in enumerate(MONTH_NAMES))
    year = ("Year", *(plain(use.facility.pue) for use in uses))
    return Chart(
        id="pue",
        title="PUE by month",
        caption="Facility energy over IT energy of the month.",
        option=option(_LINE_GRID, category_x(MONTH_NAMES), value_y("PUE [MWh per IT MWh]", scale=True), series),
        table=Table(("Month", *(use.title for use in uses)), (*rows, year)),
        legend=use_legend(enumerate(uses)),
    )


def water_chart(uses: Sequence[UseResult]) -> Chart | None:
    """Water drawn on site by month; None where no use draws any. [million litres]"""
    return water_bars(uses, [use.dispatch.water_l for use in uses])


def water_bars(uses: Sequence[HasHall], water_l: Sequence[NDArray[np.float64]]) -> Chart | None:
    """Hourly water of each hall, summed by month; None where there is none. [million litres]"""
    monthly = [monthly_sum(hourly) / 1e6 for hourly in water_l]
    if not any(np.any(m > 0) for m in monthly):
        return None
    series = [
        {
            "type": "bar",
            "name": use.title,
            "data": bar_heights(monthly[i]),
            "itemStyle": {"color": use_colour(i)},
            "barMaxWidth": 16,
            "barGap": "10%",
        }
        for i, use in enumerate(uses)
    ]
    rows = tuple((name, *(fixed(float(m[k]), "ML", 2) for m in monthly)) for k, name in enumerate(MONTH_NAMES))
    year = ("Year", *(fixed(float(m.sum()), "ML", 1) for m in monthly))
    wue = (
        "Per IT kWh",
        *(f"{plain(u.facility.wue_l_per_kwh, 3)}\u202fL" if u.facility.wue_l_per_kwh >= 0 else DASH for u in uses),
    )
    return Chart(
        id="water",
        title="Water drawn on site by month",
        caption="Evaporation and blowdown of the cooling plant; water used where the power is made is not counted.",
        option=option(_LINE_GRID, category_x(MONTH_NAMES), value_y("water [million litres]"), series, "shadow"),
        table=Table(("Month", *(use.title for use in uses)), (*rows, year, wue)),
        units=("million litres",),
        legend=tuple(Legend(use.title, use_colour(i)) for i, use in enumerate(uses)),
    )
