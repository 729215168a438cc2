"""Whole scenarios as a few readable numbers, and the command that writes them anew.

    python -m tests.golden.whole

A change that moves a number here moves what users are told: say before, after and why in the commit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from megawatt.catalogue import load_catalogue
from megawatt.chain import compare
from megawatt.results import summary_of
from megawatt.scenario import load

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("childress.json")
SETTINGS = ("risk.paths=2048",)

TOLERANCE = {
    "value_usd_per_grid_mw_year": 2000.0,
    "value_p5": 5000.0,
    "value_p95": 5000.0,
    "margin_usd_per_grid_mw_year": 2000.0,
    "tokens_per_grid_mwh": 2e6,
    "min_dscr": 0.005,
    "probability_missed": 0.005,
    "peak_mw": 0.2,
    "pue": 0.0005,
    "project_irr": 0.0005,
}
"""Absolute tolerance of each number: what a rounding or a library version may move."""


def numbers() -> dict[str, dict[str, Any]]:
    """Headline numbers and layout of the Childress comparison, by use."""
    catalogue = load_catalogue()
    summary = summary_of(compare(load(ROOT / "examples" / "childress-compare.toml", catalogue, SETTINGS), catalogue))
    out = {}
    for use in summary["uses"]:
        row: dict[str, Any] = {name: use["headline"][name]["value"] for name in TOLERANCE}
        row["layout"] = use["training"]["layout"] if use["training"] else None
        out[use["name"]] = row
    return out


if __name__ == "__main__":
    FILE.write_text(json.dumps(numbers(), indent=1) + "\n", encoding="utf-8")
    print(FILE)
