"""Print the README's validation table: every reference file scored, as Markdown.

python tools/validation_table.py REFERENCE_DIR
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from megawatt.catalogue import load_catalogue
from megawatt.errors import MegawattError
from megawatt.validation import validate


def _stat(stats: dict[str, Any], error: str) -> str:
    if not stats.get("n"):
        return "-"
    value = stats["mape"] if error == "relative" else stats["mae"]
    return f"{value:.1%}" if error == "relative" and value > 5e-4 else f"{value:.2g}"


def _spread(stats: dict[str, Any], error: str) -> str:
    if not stats.get("n"):
        return "-"
    value = stats["p90_ape"] if error == "relative" else stats["p90_ae"]
    return f"{value:.1%}" if error == "relative" and value > 5e-4 else f"{value:.2g}"


def rows(folder: Path) -> list[str]:
    """One Markdown row per file and quantity: all rows, rows not used for fitting, trivial predictor."""
    out = []
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*/*.parquet"), *folder.glob("*_cases/*.json"),
                        folder / "dispatch_case"]):  # fmt: skip
        try:
            entries = validate(path, load_catalogue())
        except MegawattError:
            continue
        for entry in entries:
            error, name = entry["error"], path.relative_to(folder)
            blind = _stat(entry["groups"].get("fold=score", {}), error)
            unit = "" if error == "relative" else " (difference)"
            cells = (f"`{name}`", entry["quantity"] + unit, str(entry["scored"]), _stat(entry["summary"], error), blind,
                     _spread(entry["summary"], error), _stat(entry.get("null", {}), error))  # fmt: skip
            out.append("| " + " | ".join(cells) + " |")
    return out


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    print("| file | quantity | rows | mean error | not fitted on | 90 % within | trivial predictor |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows(Path(sys.argv[1]))))
