"""Numbers with their units as people write them: 3.35 TB/s, 989 TFLOP/s, 131,072."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

__all__ = ["amount", "plain", "span", "sparkline"]

_PREFIXED: Final = {"byte": "B", "byte/s": "B/s", "FLOP/s": "FLOP/s", "FLOP": "FLOP", "Hz": "Hz"}
"""Units that are written with a decimal prefix, and how."""
_PREFIXES: Final = ("", "k", "M", "G", "T", "P", "E")
_STEP: Final = 1000.0
"""From one prefix to the next."""
_FIRST_COMMA: Final = 1e4
"""Whole numbers from here on have commas; years have none."""
_LARGEST_PLAIN: Final = 1e15
"""Whole numbers below it are written out, with commas."""
_DIGITS: Final = 6
"""Digits of a number: more are in no source."""


def _number(value: float) -> str:
    if math.isinf(value):
        return "unlimited" if value > 0 else "-unlimited"
    if value == int(value) and abs(value) < _LARGEST_PLAIN:
        return f"{value:,.0f}" if abs(value) >= _FIRST_COMMA else f"{value:.0f}"
    return f"{value:,.{_DIGITS}g}" if abs(value) < _STEP**2 else f"{value:.{_DIGITS}g}"


def _order(value: float, unit: str) -> int:
    """Place of the decimal prefix of a value in `_PREFIXES`; 0 for units that take none."""
    if unit not in _PREFIXED or not value or math.isinf(value):
        return 0
    return min(max(int(math.log(abs(value), _STEP) + 1e-9), 0), len(_PREFIXES) - 1)


def amount(value: float | int | str | None, unit: str = "") -> str:
    """A value with its unit, in words of a table; ``none`` where there is no value, ``unlimited`` for infinity."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return f"{value} {unit}".rstrip()
    order = _order(value, unit)
    name = _PREFIXES[order] + _PREFIXED.get(unit, unit)
    return _number(value / _STEP**order) + (f" {name}" if name and not math.isinf(value) else "")


def span(low: float | None, high: float | None, value: float | int | str | None, unit: str = "") -> str:
    """A range in the unit in which `amount` tells the value; an end that is not given is left open."""
    scale = _STEP ** (0 if value is None or isinstance(value, str) else _order(value, unit))
    first, last = (None if end is None else _number(end / scale) for end in (low, high))
    if first is None or last is None:
        return f"from {first}" if first else f"to {last}" if last else ""
    return f"{first} to {last}"


def plain(value: float | int | str | None) -> float | int | str | None:
    """A value for JSON, which has no infinity: ``unlimited`` stands for it."""
    return amount(value) if isinstance(value, float) and math.isinf(value) else value


_BLOCKS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Iterable[float], most: int = 80) -> str:
    """Values as a row of blocks, the lowest and the highest of them at the ends; means where they are many."""
    row = [float(value) for value in values]
    if len(row) > most:
        step = len(row) / most
        cuts = [row[int(i * step) : int((i + 1) * step)] for i in range(most)]
        row = [sum(cut) / len(cut) for cut in cuts]
    if not row:
        return ""
    low, high = min(row), max(row)
    scale = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BLOCKS[int((value - low) * scale)] for value in row)
