"""Pictures as SVG text, without a library: bars and lines that read in print, on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

__all__ = ["Picture", "bars", "lines", "points"]

COLOURS: Final = ("#0072b2", "#d55e00", "#1a9a76", "#a566a8", "#a8790b", "#5b7083")
"""Okabe-Ito hues with a contrast of 3:1 on white and on a dark page."""
_WIDTH: Final = 640
"""Width of every picture. [px]"""
_ROW: Final = 26
"""Height of a bar with its gap. [px]"""
_HEIGHT: Final = 240
"""Height of the field of a picture with axes. [px]"""
_LEFT: Final = 64
"""Room for the numbers of the vertical axis. [px]"""
_TOP: Final = 34
"""Room for the title. [px]"""
_LONGEST: Final = 44
"""Characters of a name beside a bar."""
_MOST_POINTS: Final = 1_200
"""Points of a line that are drawn: of longer ones every so many, the first and the last among them."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn picture; a notebook shows it by itself."""

    title: str
    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write it as an SVG file.

        Raises
        ------
        ScenarioError
            If a file is there that megawatt did not write, unless ``force``.
        """
        from megawatt.writing import write_text

        on_paper = self.svg.replace("<svg ", '<svg style="background:#fff;color:#222" ', 1)
        write_text(Path(path), on_paper + "\n", force=force, seal=False)
        return Path(path)


def _number(value: float) -> str:
    """A number with three digits and a decimal prefix."""
    size = abs(value)
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= factor:
            scale = 1e3 if prefix == "k" else factor
            return f"{value / scale:.3g} {prefix}"
    return f"{value:,.0f}" if size >= 1000.0 else f"{value:.3g}"


def _text(x: float, y: float, text: str, anchor: str = "start", **more: str) -> str:
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{attributes}>{escape(text)}</text>'


def _frame(title: str, height: float, parts: Sequence[str]) -> Picture:
    body = "".join([_text(0, 16, title, font_weight="bold"), *parts])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title, quote=True)}" '
        'font-family="sans-serif" font-size="12" fill="currentColor">'
    )
    return Picture(title, f"{head}{body}</svg>")


def bars(title: str, values: Mapping[str, float], unit: str = "", colour: str = COLOURS[0]) -> Picture:
    """Horizontal bars, one for each name, with their values in words.

    Parameters
    ----------
    title : str
        What is shown.
    values : mapping of str to float
        By name, first on top; what is not finite is left out.
    unit : str
        Unit of the values.
    """
    shown = {name: float(value) for name, value in values.items() if math.isfinite(value)}
    names = {name: name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in shown}
    left = 8.0 + 6.6 * max(map(len, names.values()), default=0)
    low, high = min(0.0, *shown.values(), 0.0), max(0.0, *shown.values(), 0.0)
    span = high - low or 1.0
    room = _WIDTH - left - 110.0
    zero = left + room * -low / span
    parts = []
    for place, (name, value) in enumerate(shown.items()):
        y = _TOP + place * _ROW
        width = room * abs(value) / span
        x = zero if value >= 0.0 else zero - width
        parts += [
            _text(left - 6.0, y + 14.0, names[name], "end"),
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="18" fill="{colour}"/>',
            _text((zero + width if value >= 0.0 else zero) + 5.0, y + 14.0, f"{_number(value)} {unit}".rstrip()),
        ]
    return _frame(title, _TOP + _ROW * max(len(shown), 1), parts)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that span a range: steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low or 1.0) / 4.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= raw * (1.0 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def _axes(xs: Sequence[float], ys: Sequence[float], x_name: str, y_name: str) -> tuple[list[str], list[float]]:
    """Lines and numbers of two axes, and the ends of both."""
    across, up = _ticks(min(xs), max(xs)), _ticks(min(0.0, *ys), max(ys))
    ends = [across[0], across[-1], up[0], up[-1]]
    parts = [_text(0, _TOP - 2.0, y_name, font_size="11")]
    for y in up:
        at = _place(0.0, y, ends)[1]
        parts += [
            f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{at:.1f}" y2="{at:.1f}" stroke="currentColor" '
            'stroke-opacity="0.2"/>',
            _text(_LEFT - 6.0, at + 4.0, _number(y), "end"),
        ]
    parts += [_text(_place(x, 0.0, ends)[0], _TOP + _HEIGHT + 24.0, _number(x), "middle") for x in across]
    return [*parts, _text((_LEFT + _WIDTH) / 2.0, _TOP + _HEIGHT + 42.0, x_name, "middle", font_size="11")], ends


def _place(x: float, y: float, ends: Sequence[float]) -> tuple[float, float]:
    """Where a point of the axes stands in the picture. [px]"""
    left, right, low, high = ends
    across = (x - left) / (right - left or 1.0)
    return _LEFT + across * (_WIDTH - 24.0 - _LEFT), _TOP + 6.0 + (1.0 - (y - low) / (high - low or 1.0)) * _HEIGHT


def _legend(names: Sequence[str]) -> list[str]:
    """Names of several series in a row below the axes, each beside its colour."""
    if len(names) < 2:
        return []
    parts, x, y = [], float(_LEFT), _TOP + _HEIGHT + 62.0
    for place, name in enumerate(names):
        parts += [
            f'<rect x="{x:.1f}" y="{y - 9.0:.1f}" width="10" height="10" fill="{COLOURS[place % len(COLOURS)]}"/>',
            _text(x + 14.0, y, name),
        ]
        x += 30.0 + 7.0 * len(name)
    return parts


def lines(title: str, series: Mapping[str, Sequence[float]], x_name: str = "", y_name: str = "") -> Picture:
    """One line for each series over the number of its point, from 0 on.

    Parameters
    ----------
    title : str
        What is shown.
    series : mapping of str to sequence of float
        At least one with at least one point.
    x_name, y_name : str
        Words and units of the axes.
    """
    kept = {}
    for name, values in series.items():
        step = max(-(-len(values) // _MOST_POINTS), 1)
        kept[name] = [(float(x), float(values[x])) for x in range(0, len(values), step) if math.isfinite(values[x])]
    xs, ys = zip(*(point for points in kept.values() for point in points), strict=True)
    parts, ends = _axes(xs, ys, x_name, y_name)
    for place, points in enumerate(kept.values()):
        path = " ".join("{:.1f},{:.1f}".format(*_place(*point, ends)) for point in points)
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
    return _frame(title, _TOP + _HEIGHT + 72.0, [*parts, *_legend(list(kept))])


def points(
    title: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    x_name: str = "",
    y_name: str = "",
    *,
    diagonal: bool = False,
) -> Picture:
    """Dots of each series; with ``diagonal`` the line on which both are equal, as for predicted against measured.

    Parameters
    ----------
    title : str
        What is shown.
    series : mapping of str to sequence of (float, float)
        Across and up; at least one point in all.
    x_name, y_name : str
        Words and units of the axes.
    """
    every = [point for dots in series.values() for point in dots]
    xs, ys = [x for x, _ in every], [y for _, y in every]
    parts, ends = _axes(xs, ys, x_name, y_name)
    if diagonal:
        low, high = max(ends[0], ends[2]), min(ends[1], ends[3])
        (x1, y1), (x2, y2) = _place(low, low, ends), _place(high, high, ends)
        parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor" '
            'stroke-dasharray="4 3"/>'
        )
    for place, dots in enumerate(series.values()):
        colour = COLOURS[place % len(COLOURS)]
        for point in dots:
            x, y = _place(*point, ends)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}" fill-opacity="0.6"/>')
    return _frame(title, _TOP + _HEIGHT + 72.0, [*parts, *_legend(list(series))])
