"""The table and the picture of docs/training.md: how far predicted step times are from published ones.

``python -m megawatt.validation.training_report FILE... --svg docs/img/training-residuals.svg``
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.catalogue import load_catalogue
from megawatt.evidence.training_layouts import Row
from megawatt.validation.scoring import Case
from megawatt.validation.training_runs import predictions
from megawatt.writing import write_text

__all__ = ["main", "residual_svg", "source_table", "target_table"]

Rows = Sequence[tuple[Row, Case]]


def _source(text: str) -> Callable[[Row], bool]:
    return lambda row: row.get("source", "").startswith(text)


def _asic(row: Row) -> bool:
    return row.get("accelerator", "").startswith(("tpu", "trn"))


_TARGETS: Final[tuple[tuple[str, Callable[[Row], bool]], ...]] = (
    ("Narayanan 2021 table 1", _source("Narayanan 2021 table 1")),
    ("Korthikanti 2022 table 5", _source("Korthikanti 2022 table 5")),
    ("both together", lambda r: _source("Narayanan 2021 table 1")(r) or _source("Korthikanti 2022 table 5")(r)),
    ("vTrain multi-node, TP up to 8", lambda r: _source("vTrain multi")(r) and int(r["tp"]) <= 8),
    ("vTrain single-node", _source("vTrain single")),
    ("SimuMax B200", _source("SimuMax")),
    (
        "fully configured GPU rows, fold = score",
        lambda r: (
            r.get("full_config") == "1"
            and r.get("fold") == "score"
            and not _asic(r)
            and not _source("vTrain single")(r)
        ),
    ),
    ("fully configured TPU and Trainium rows", lambda r: r.get("full_config") == "1" and _asic(r)),
    ("all scorable rows", lambda r: True),
)
_SMALLEST_GROUP: Final = 5
"""Sources with fewer rows are not listed."""
_WIDTH, _LINE, _LEFT, _TOP = 820, 17, 300, 30
"""Size of the picture, of a line, and of the room for names and title. [px]"""
_LIMIT: Final = 0.5
"""Errors beyond this are drawn at the edge."""
_COLOURS: Final = {"fit": "#9aa5b1", "score": "#c0392b"}


def _errors(rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([case.predicted / case.measured - 1.0 for _, case in rows])


def _null(rows: Rows) -> str:
    errors = [abs(c.null / c.measured - 1.0) for _, c in rows if c.null is not None]
    return f"{np.mean(errors):.1%}" if len(errors) == len(rows) else "-"


def _by_source(rows: Rows) -> list[tuple[str, Rows]]:
    groups: dict[str, list[tuple[Row, Case]]] = defaultdict(list)
    for row, case in rows:
        groups[row.get("source", "")].append((row, case))
    return sorted(groups.items(), key=lambda item: -float(np.abs(_errors(item[1])).mean()))


def target_table(rows: Rows) -> str:
    """Markdown: mean, 90th percentile and bias of the error of each selection, and the null model's mean."""
    lines = ["| rows | n | mean error | 90 % within | bias | null |", "|---|---|---|---|---|---|"]
    for name, keep in _TARGETS:
        chosen = [item for item in rows if keep(item[0])]
        if chosen:
            lines.append(_line(name, chosen))
    return "\n".join(lines)


def source_table(rows: Rows) -> str:
    """Markdown: the same for every source of at least five rows, the worst first."""
    lines = ["| source | n | mean error | 90 % within | bias | null |", "|---|---|---|---|---|---|"]
    lines += [_line(name, group) for name, group in _by_source(rows) if len(group) >= _SMALLEST_GROUP]
    return "\n".join(lines)


def _line(name: str, rows: Rows) -> str:
    errors = _errors(rows)
    size = np.abs(errors)
    figures = f"{size.mean():.1%} | {np.quantile(size, 0.9):.1%} | {errors.mean():+.1%} | {_null(rows)}"
    return f"| {name} | {len(rows)} | {figures} |"


def residual_svg(rows: Rows) -> str:
    """A small picture: the error of every row, one line per source, the worst on top; beyond 50 % at the edge."""
    groups = _by_source(rows)
    height = _TOP + _LINE * len(groups) + 30
    middle, scale = (_LEFT + _WIDTH) / 2, (_WIDTH - _LEFT - 20) / 2 / _LIMIT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif" '
        'font-size="11" role="img">',
        "<title>Error of the predicted step time, by source</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="14">predicted / published - 1: <tspan fill="{_COLOURS["fit"]}">fitted on</tspan>, '
        f'<tspan fill="{_COLOURS["score"]}">never seen</tspan></text>',
    ]
    bottom = _TOP + _LINE * len(groups)
    for tick in (-0.4, -0.2, -0.1, 0.0, 0.1, 0.2, 0.4):
        x, colour = middle + tick * scale, "#333" if tick == 0 else "#ddd"
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{tick:+.0%}</text>')
    for number, (name, group) in enumerate(groups):
        y = _TOP + _LINE * number + 6
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(name[:46])} ({len(group)})</text>')
        for (row, _), error in zip(group, _errors(group), strict=True):
            x = middle + min(max(float(error), -_LIMIT), _LIMIT) * scale
            colour = _COLOURS.get(row.get("fold", ""), _COLOURS["score"])
            parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="2.5" fill="{colour}" fill-opacity="0.5"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables of some files of training runs; write the picture where asked."""
    parser = argparse.ArgumentParser(description="Tables and picture of docs/training.md")
    parser.add_argument("files", nargs="+", type=Path, help="CSV files of training runs")
    parser.add_argument("--svg", type=Path, help="where the picture is written")
    given = parser.parse_args(arguments)
    rows: list[tuple[Row, Case]] = []
    for path in given.files:
        found = predictions(path, load_catalogue())
        rows += zip(found.rows, found.cases, strict=True)
    sys.stdout.write(f"{target_table(rows)}\n\n{source_table(rows)}\n")
    if given.svg:
        write_text(given.svg, residual_svg(rows))


if __name__ == "__main__":
    main()
