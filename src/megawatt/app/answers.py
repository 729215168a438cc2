"""What the page is told: figures with their words, inputs, charts, layouts, as plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from megawatt.chain.inputs import is_number
from megawatt.chain.live import LiveFigures, LiveInput, LiveWeek
from megawatt.hours import DAYS_IN_MONTH, MONTH_NAMES
from megawatt.report.figure import PARTS, significant, wording

if TYPE_CHECKING:
    from megawatt.scenario import LoadedScenario
    from megawatt.training import LayoutMap, TrainingPlan

__all__ = ["figures_json", "input_json", "layouts_json", "moved_scenario", "week_json"]

_FIGURES: Final = (
    ("value_usd_per_grid_mw_year", "Value of a MW of connection and year", "USD", "higher"),
    ("npv_usd", "Net present value", "USD", "higher"),
    ("min_dscr", "Lowest debt cover (DSCR)", "", "higher"),
    ("llcr", "Loan life cover (LLCR)", "", "higher"),
    ("probability_missed", "Chance of a missed payment (256 paths)", "share", "lower"),
    ("tokens_per_grid_mwh", "Tokens from a MWh", "tokens", "higher"),
    ("pue", "PUE", "", "lower"),
    ("import_mwh", "Energy from the grid in a year", "MWh", ""),
    ("energy_usd", "Energy and its charges in a year", "USD", "lower"),
    ("peak_mw", "Highest import", "MW", ""),
    ("it_mw", "Critical IT power", "MW", ""),
    ("carbon_t", "Carbon in a year", "t", "lower"),
)
"""Figures in the order of the page: name, words, unit, which way is better."""


_MEANINGS: Final = {
    "probability_missed": "share of 256 simulated paths of markets and tenant on which the loan's service is missed",
    "import_mwh": "energy from the grid over the hours of the year",
    "energy_usd": "the year's power bill: energy at its price, every charge of the tariff",
    "carbon_t": "energy from the grid times its carbon, hour by hour",
    "it_mw": "power of the machines in all halls",
}
"""Meanings of figures that no summary has under this name."""


def figures_json(moved: LiveFigures, base: LiveFigures) -> list[dict[str, Any]]:
    """Figures beside those of the scenario as it stands; those that the use has not are left out."""
    from megawatt.results import METRICS
    from megawatt.results.glossary import FIGURES

    meanings, rows = {**FIGURES, **{name: means for name, (_, means, _) in METRICS.items()}, **_MEANINGS}, []
    for name, words, unit, better in _FIGURES:
        value, here = getattr(moved, name), getattr(base, name)
        if value is None and here is None:
            continue
        meaning = meanings.get(name, "")
        rows.append(
            {"name": name, "title": words, "unit": unit, "better": better, "value": value, "base": here,
             "meaning": meaning}
        )  # fmt: skip
    return rows


def input_json(one: LiveInput) -> dict[str, Any]:
    """An input with its range."""
    told = asdict(one)
    told["swing_usd"] = one.swing_usd if math.isfinite(one.swing_usd) else None
    return told


def week_json(week: LiveWeek) -> dict[str, Any]:
    """A week as a chart: power by part, energy price on a second axis; and its hours as a table."""
    hours = [_hour_name(week.first_hour + hour) for hour in range(len(week.import_mw))]
    parts = {"AI halls": week.ai_facility_mw, "miners": week.mining_facility_mw}
    parts = {name: values for name, values in parts.items() if values.any()}
    series: list[dict[str, Any]] = [
        {
            "type": "line", "name": name, "stack": "power", "areaStyle": {"opacity": 0.5}, "symbol": "none",
            "step": "end", "data": significant(values), "color": PARTS[place],
        }
        for place, (name, values) in enumerate(parts.items())
    ]  # fmt: skip
    price = {"type": "line", "name": "energy price", "symbol": "none", "step": "end", "yAxisIndex": 1}
    series.append(price | {"data": significant(week.price_usd_per_mwh), "color": PARTS[4], "lineStyle": {"width": 1.5}})
    option = {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 36, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "category", "data": hours, "axisLabel": {"interval": 23, "hideOverlap": True}},
        "yAxis": [
            {"type": "value", "name": "MW", "nameLocation": "end"},
            {"type": "value", "name": "USD/MWh", "nameLocation": "end", "splitLine": {"show": False}},
        ],
        "series": series,
    }
    columns = ["hour", "energy price USD/MWh", "import MW", *(f"{name} MW" for name in parts)]
    rows = [
        [hours[i], *(significant(values[i]) for values in (week.price_usd_per_mwh, week.import_mw, *parts.values()))]
        for i in range(len(hours))
    ]
    return {
        "option": option, "units": [*("MW" for _ in parts), "USD/MWh"], "columns": columns, "rows": rows,
        "first_hour": week.first_hour, "title": f"{hours[0]} to {hours[-1]}",
    }  # fmt: skip


def _hour_name(hour: int) -> str:
    day, of_day = divmod(hour, 24)
    for name, days in zip(MONTH_NAMES, DAYS_IN_MONTH, strict=True):
        if day < days:
            return f"{day + 1} {name} {of_day:02d}:00"
        day -= int(days)
    raise AssertionError("an hour of the year")


def layouts_json(found: LayoutMap, plan: TrainingPlan) -> dict[str, Any]:
    """Cells of a map of layouts, each with its step beside the best, and why it is slower or does not fit."""
    fitting = [cell for cell in found.cells if cell.fits]
    best = min(fitting, key=lambda cell: cell.step_time_s) if fitting else None
    cells = []
    for cell in found.cells:
        told = asdict(cell) | {"why": _why(cell.parts_s, best.parts_s if best else {})}
        if not cell.fits:
            missing = (cell.memory_bytes - found.hbm_bytes) / 1e9
            told["why"] = [f"does not fit: {missing:.1f} GB of {found.hbm_bytes / 1e9:.0f} GB are missing on a chip"]
        elif cell is best:
            told["why"] = ["the shortest step"]
        cells.append(told)
    head = {"model": plan.job.arch.key, "system": plan.system, "chips": plan.chips}
    return head | {"cells": cells, "hbm_bytes": found.hbm_bytes, "best": best.name if best else None}


def _why(parts: Mapping[str, float], best: Mapping[str, float]) -> list[str]:
    """The parts that take longer than in the best layout, most first."""
    more = {name: parts.get(name, 0.0) - best.get(name, 0.0) for name in {*parts, *best}}
    longer = sorted(((v, name) for name, v in more.items() if v > _SEEN_S), reverse=True)
    return [f"{wording(name)} {value:+.3g} s" for value, name in longer[:4]]


def moved_scenario(use: LoadedScenario, moves: Mapping[str, float]) -> str:
    """The file of a use with inputs at other values; facts of the catalogue, which no scenario holds, as comments."""
    import tomli_w

    from megawatt.files import read_toml
    from megawatt.scenario.loading import set_value

    path = Path(use.file)
    raw, _ = read_toml(path, "a scenario")
    lines = [f"# {path.name} with inputs moved; paths of files start from its folder."]
    for name, value in moves.items():
        if is_number(use.scenario, name):
            set_value(raw, name, value, path)
        else:
            lines.append(f"# Moved beside it, a fact of the catalogue: {name} = {value:g}")
    return "\n".join([*lines, "", tomli_w.dumps(raw)])


_SEEN_S: Final = 1e-4
"""Differences of a step's parts below this are not told. [s]"""
