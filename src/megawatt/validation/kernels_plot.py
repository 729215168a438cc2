"""One SVG page: predicted against measured, a panel for every family and precision."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.errors import ScenarioError
from megawatt.validation import kernels, kernels_curves, kernels_links
from megawatt.validation.case_set import CaseSet
from megawatt.validation.registry import kind_of

__all__ = ["collect_all", "page", "panels"]


_SIDE: Final = 250.0
"""Side of a plot. [px]"""
_MARGIN: Final = 46.0
"""Room for its axes. [px]"""
_GAP: Final = 26.0
"""Room between plots. [px]"""
_COLUMNS: Final = 4
"""Plots in a row."""
_CELLS: Final = 56
"""Cells of a plot in each direction."""
_BANDS: Final = (0.25,)
"""Errors that are marked beside the diagonal."""
_SHADES: Final = ("#cfe3f1", "#9ecae1", "#6baed6", "#3182bd", "#08519c", "#08306b")
"""Counts per cell by powers of two: light to dark, readable in grey."""
_TITLES: Final = {
    "kernels-gemm": "Multiplies",
    "kernels-attention": "Attention",
    "kernels-moe": "Experts",
    "kernels-collectives": "Collectives",
    "attention-published": "Published attention",
    "collectives-published": "Published collectives",
}


def collect_all(path: Path, catalogue: Catalogue) -> list[CaseSet]:
    """Scored rows of any file of measured or published kernels.

    Raises
    ------
    ScenarioError
        If the file holds no kernels.
    """
    kind = kind_of(path).name
    if kind == "kernels-collectives":
        return [kernels_links.collect(path, catalogue)]
    if kind == "collectives-published":
        return [kernels_links.collect_published(path, catalogue)]
    if kind == "attention-published":
        return [kernels_curves.collect(path, catalogue)]
    if kind.startswith("kernels-"):
        return kernels.collect(path, catalogue)
    raise ScenarioError(f"{path}: {kind}: no kernels to draw; kinds: {', '.join(_TITLES)}")


def panels(sets: Sequence[CaseSet], fold: str) -> list[tuple[str, str, FloatArray, FloatArray]]:
    """Title, unit, measured and predicted of every panel.

    Multiplies get a panel per precision, other families one per quantity; rows of ``fold`` only where there are any.
    """
    found = []
    for each in sets:
        title = _TITLES.get(each.kind, each.kind)
        values = np.array([[case.measured, case.predicted] for case in each.cases], dtype=np.float64)
        shown = np.array([f"fold={fold}" in case.groups for case in each.cases], dtype=np.bool_)
        if not shown.any():
            shown[:] = True
        if each.quantity == "power":
            shown &= np.array(["duration=long" in case.groups for case in each.cases], dtype=np.bool_)
            found.append((f"{title}: chip power, over 0.2 ms", each.unit, *values[shown].T))
            continue
        names = {g.removeprefix("dtype=") for case in each.cases for g in case.groups if g.startswith("dtype=")}
        for precision in sorted(names) if each.kind == "kernels-gemm" else [""]:
            here = np.array([not precision or f"dtype={precision}" in c.groups for c in each.cases], dtype=np.bool_)
            name = f"{title} in {precision}" if precision else title
            found.append((name, each.unit, *values[here & shown].T))
    return [(t, u, np.asarray(m), np.asarray(p)) for t, u, m, p in found if len(m)]


def _panel(title: str, unit: str, measured: FloatArray, predicted: FloatArray, x: float, y: float) -> list[str]:
    low = np.floor(np.log10(min(measured.min(), predicted.min())))
    high = np.ceil(np.log10(max(measured.max(), predicted.max())))
    scale = _SIDE / (high - low)
    parts = [f'<g transform="translate({x:.0f},{y:.0f})">']
    parts.append(f'<rect width="{_SIDE:.0f}" height="{_SIDE:.0f}" class="f"/>')
    column = np.clip(((np.log10(measured) - low) / (high - low) * _CELLS).astype(int), 0, _CELLS - 1)
    row = np.clip(((np.log10(predicted) - low) / (high - low) * _CELLS).astype(int), 0, _CELLS - 1)
    cells, counts = np.unique(row * _CELLS + column, return_counts=True)
    size = _SIDE / _CELLS
    by_shade: dict[int, list[str]] = {}
    for cell, count in zip(cells, counts, strict=True):
        shade = min(int(np.log2(count) / 1.7), len(_SHADES) - 1)
        left, top = (cell % _CELLS) * size, _SIDE - (cell // _CELLS + 1) * size
        by_shade.setdefault(shade, []).append(f"M{left:.1f} {top:.1f}h{size:.1f}v{size:.1f}h-{size:.1f}z")
    parts += [f'<path d="{"".join(p)}" fill="{_SHADES[s]}"/>' for s, p in sorted(by_shade.items())]
    parts.append(f'<path d="M0 {_SIDE:.0f}L{_SIDE:.0f} 0" class="d"/>')
    for band in _BANDS:
        for shift in (np.log10(1 + band) * scale, -np.log10(1 + band) * scale):
            start, end = max(0.0, -shift), min(_SIDE, _SIDE - shift)
            parts.append(
                f'<path d="M{start:.1f} {_SIDE - start - shift:.1f}L{end:.1f} {_SIDE - end - shift:.1f}" class="b"/>'
            )
    for power in range(int(low), int(high) + 1):
        at = (power - low) * scale
        parts.append(f'<text x="{at:.1f}" y="{_SIDE + 13:.0f}" class="t m">{10.0**power:g}</text>')
        parts.append(f'<text x="-4" y="{_SIDE - at + 3:.1f}" class="t e">{10.0**power:g}</text>')
    error = np.abs(predicted / measured - 1.0)
    note = f"{len(measured):,} rows, median {np.median(error):.1%}, 90 % within {np.quantile(error, 0.9):.1%}"
    parts.append(f'<text x="0" y="-17" class="h">{escape(title)} [{escape(unit)}]</text>')
    parts.append(f'<text x="0" y="-5" class="t">{note}</text></g>')
    return parts


def page(sets: Sequence[CaseSet], *, fold: str = "score") -> str:
    """The SVG page of scored rows.

    Parameters
    ----------
    sets : sequence of CaseSet
        What to draw (`collect_all`).
    fold : str
        Rows to show where a file has folds.
    """
    found = panels(sets, fold)
    rows = -(-len(found) // _COLUMNS)
    width = _COLUMNS * (_SIDE + _MARGIN) + _GAP
    height = rows * (_SIDE + _MARGIN + 2 * _GAP) + _GAP
    style = (
        "text{font-family:system-ui,sans-serif;fill:#222}.h{font-size:12px;font-weight:600}.t{font-size:10px}"
        ".m{text-anchor:middle}.e{text-anchor:end}.f{fill:#fff;stroke:#888}.d{stroke:#d95f02;stroke-width:1.2}"
        ".b{stroke:#d95f02;stroke-width:.8;stroke-dasharray:3 3}"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        "<title>Predicted (up) against measured (right), logarithmic; line: equal, dashes: 25 % off</title>",
        f"<style>{style}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
    ]
    for place, (title, unit, measured, predicted) in enumerate(found):
        x = _MARGIN + (place % _COLUMNS) * (_SIDE + _MARGIN)
        y = 2 * _GAP + (place // _COLUMNS) * (_SIDE + _MARGIN + 2 * _GAP)
        parts += _panel(title, unit, measured, predicted, x, y)
    return "\n".join([*parts, "</svg>", ""])
