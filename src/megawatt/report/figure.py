"""A chart and the table behind it, palette and rounding: what every chart builder shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.records import UseResult

__all__ = [
    "DIVERGING",
    "HEAT",
    "LINE_INK",
    "PARTS",
    "USES",
    "Chart",
    "Legend",
    "Option",
    "Table",
    "Titled",
    "bar_heights",
    "months_axis",
    "part_colour",
    "significant",
    "stack_names",
    "use_colour",
    "use_dash",
    "use_legend",
    "use_stroke",
    "wording",
]

Option = dict[str, Any]
"""An ECharts option: plain dicts, lists, strings and finite numbers; no functions."""

USES: Final = ("#0072b2", "#d55e00", "#1a9a76", "#a566a8", "#a8790b", "#5b7083", "#c2497a", "#6f8a1f")
"""One colour per use, in order. Okabe-Ito hues (told apart by colour-blind readers), their lightness moved so that
each has a contrast of 3:1 on white as well as on the dark page (WCAG 2.1, 1.4.11)."""

LINE_INK: Final = "#5b7083"
"""Lines that belong to no use or part: a state, a price, saturated air."""

PARTS: Final = (
    "#2b7bba",
    "#e08214",
    "#1a9a76",
    "#b2569b",
    "#8a8f98",
    "#c9a227",
    "#5aa9d6",
    "#b5462c",
    "#6a6fb5",
    "#5f8a3a",
    "#c27b8e",
    "#3f6f78",
    "#7d5a3c",
    "#9c9a2e",
    "#4f8fa8",
)
"""Colours of parts in a stack, in order of appearance."""

HEAT: Final = (
    "#00224e",
    "#123570",
    "#3b496c",
    "#575d6d",
    "#707173",
    "#8a8678",
    "#a59c74",
    "#c3b369",
    "#e1cc55",
    "#fee838",
)
"""Cividis, ten steps: even in lightness for every kind of colour vision (Nunez et al. 2018)."""

DASHES: Final = ("solid", "dashed", "dotted")
"""Line pattern per use, in order: the second sign of a use, for print and for colour-blind readers."""

DIVERGING: Final = {"low": "#0072b2", "high": "#d55e00"}

_WORDS: Final = {
    "it": "IT",
    "ai": "AI",
    "tp": "tensor parallel",
    "pp": "pipeline sends",
    "cp": "context parallel",
    "ep": "expert parallel",
    "dp": "data parallel",
    "ups": "UPS",
    "4cp": "4CP",
    "usd": "USD",
    "crah": "CRAH",
    "cdu": "CDU",
    "gpu": "GPU",
    "gpus": "GPUs",
    "dscr": "DSCR",
    "om": "O&M",
    "btc": "BTC",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of ready text; the first column names the row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Legend:
    """One entry of a chart's legend; ``mark`` is bar, solid, dashed, dotted, dot, band50 or band90."""

    name: str
    colour: str
    mark: str = "bar"


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure of the report.

    ``units`` holds the unit of each series for the tooltip (one for all if it has one element). ``renderer`` is svg,
    or canvas where there are thousands of marks.
    """

    id: str
    title: str
    caption: str
    option: Option
    table: Table
    units: tuple[str, ...] = ("",)
    legend: tuple[Legend, ...] = ()
    height_px: int = 300
    renderer: str = "svg"
    use: str = ""
    colour: str = ""


class Titled(Protocol):
    """Anything with a title: a use, a hall."""

    @property
    def title(self) -> str:
        """Name in titles and legends."""
        ...


def use_colour(index: int) -> str:
    """Colour of the use at this position of the comparison."""
    return USES[index % len(USES)]


def use_dash(index: int) -> str:
    """Line pattern of the use at this position of the comparison."""
    return DASHES[index % len(DASHES)]


def use_stroke(index: int) -> Option:
    """Line style of the use at this position of the comparison."""
    return {"width": 2, "type": use_dash(index), "color": use_colour(index)}


def use_legend(uses: Iterable[tuple[int, Titled]]) -> tuple[Legend, ...]:
    """Legend of a chart with one line per use."""
    return tuple(Legend(use.title, use_colour(i), use_dash(i)) for i, use in uses)


def part_colour(index: int) -> str:
    """Colour of the part at this position of a stack."""
    return PARTS[index % len(PARTS)]


def significant(values: float | Iterable[float] | NDArray[np.float64], digits: int = 4) -> Any:
    """Round to significant digits; what is not finite becomes None (a gap in a chart).

    Parameters
    ----------
    values : float or array of any shape
    digits : int
        Significant digits, >= 1.

    Returns
    -------
    float, None or nested list of them
    """
    array = np.asarray(values if isinstance(values, float | int | np.ndarray) else list(values), dtype=np.float64)
    if array.ndim:
        return [significant(item, digits) for item in array]
    value = float(array)
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def bar_heights(values: Iterable[float] | NDArray[np.float64]) -> list[float | None]:
    """Bars rounded for display; a bar of nothing is left out, for its outline would break the axis."""
    return [value or None for value in significant(values)]


def wording(name: str) -> str:
    """A key as words: ``hosts_and_switches`` is "hosts and switches", ``ups`` is UPS; units at the end are dropped.

    What already holds a space is prose and stays.
    """
    if " " in name:
        return name
    stem = name
    for unit in ("_usd", "_mw", "_bytes", "_s"):
        stem = stem.removesuffix(unit) or stem
    words = [_WORDS.get(word.lower(), word) for word in stem.replace("-", " ").replace("_", " ").split()]
    return " ".join(words) or name


def months_axis(use: UseResult) -> list[str]:
    """Calendar months of the project spine: ``2026-07`` and on, shape (months,)."""
    terms = use.cash.terms
    first = terms.start_year * 12 + terms.start_month - 1
    return [f"{month // 12}-{month % 12 + 1:02d}" for month in range(first, first + terms.months)]


def stack_names(mappings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys of all mappings in order of first appearance."""
    names: dict[str, None] = {}
    for mapping in mappings:
        names.update(dict.fromkeys(mapping))
    return list(names)
