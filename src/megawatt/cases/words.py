"""Numbers as the pages of cases write them."""

from __future__ import annotations

import math

__all__ = ["figure"]


def figure(value: float) -> str:
    """A number with three or four figures: 1,234,567, 123, 12.3, 1.23, 0.0123."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else "no end"
    size = abs(value)
    if value == 0.0 or size >= 1e15 or size < 1e-4:
        return f"{value:.3g}"
    if size >= 100.0 or float(value).is_integer():
        return f"{value:,.0f}"
    places = 1 if size >= 10.0 else 2
    return f"{value:.{places}f}" if size >= 1.0 else f"{value:.3g}"
