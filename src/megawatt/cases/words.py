"""Numbers as the pages of cases write them."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["figure", "rough"]

_GREAT: Final = ((1e12, "trillion"), (1e9, "bn"), (1e6, "m"))
"""From where numbers are written in millions and more, and the word."""


def figure(value: float) -> str:
    """A number with three to six figures: 2 trillion, 1.23 bn, 501,384, 123, 12.3, 1.23, 0.0123."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else "no end"
    size = abs(value)
    if value == 0.0 or size >= 1e15 or size < 1e-4:
        return f"{value:.3g}"
    for step, word in _GREAT:
        if size >= step * (1.0 - 5e-7):
            return f"{figure(value / step)} {word}"
    if size >= 100.0 or float(value).is_integer():
        return f"{value:,.0f}"
    places = 1 if size >= 10.0 else 2
    return f"{value:.{places}f}" if size >= 1.0 else f"{value:.3g}"


def rough(value: float) -> str:
    """A number that was searched for, in four figures at most: 501,100, 14.2 m, 0.971."""
    return figure(float(f"{value:.4g}"))
