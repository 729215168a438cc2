"""Print the README's validation table: every reference file scored, and which commands use what it certifies.

python -m tools.validation_table REFERENCE_DIR [README]

With a file, the table between its ``validation-table`` marks is replaced. "used by": commands that run every function
whose results the scorer compares, found by tracing both (`tools.used_by`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tools.used_by import trace_all

from megawatt.catalogue import load_catalogue
from megawatt.errors import MegawattError
from megawatt.validation import validate

COLUMNS: Final = (
    "file",
    "quantity",
    "rows",
    "mean error",
    "not fitted on",
    "90 % within",
    "trivial predictor",
    "used by",
)
_TOTALS: Final = ("dispatch-case", "finance-case")
"""Kinds whose totals and zeros are compared in their own units: left out of the table, `validate` prints them."""
_MARKS: Final = re.compile(r"(<!-- validation-table -->\n).*?(<!-- /validation-table -->)", re.DOTALL)


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


def used_by(kind: str, traced: Mapping[str, Mapping[str, Any]]) -> str:
    """Commands that run all of what a kind of file certifies; ``none`` where no command does."""
    return ", ".join(f"`{command}`" for command in traced[kind]["used_by"]) or "none"


def rows(folder: Path, traced: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One Markdown row per file and quantity: all rows, rows not used for fitting, trivial predictor, users."""
    out = []
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*/*.parquet"), *folder.glob("*_cases/*.json"),
                        folder / "dispatch_case"]):  # fmt: skip
        try:
            entries = validate(path, load_catalogue())
        except MegawattError:
            continue
        for entry in entries:
            error, name = entry["error"], path.relative_to(folder)
            if error != "relative" and entry["kind"] in _TOTALS:
                continue
            blind = _stat(entry["groups"].get("fold=score", {}), error)
            unit = "" if error == "relative" else " (difference)"
            cells = (f"`{name}`", entry["quantity"] + unit, str(entry["scored"]), _stat(entry["summary"], error), blind,
                     _spread(entry["summary"], error), _stat(entry.get("null", {}), error),
                     used_by(entry["kind"], traced))  # fmt: skip
            out.append("| " + " | ".join(cells) + " |")
    return out


def with_table(text: str, table: str) -> str:
    """A text with the table between its marks replaced."""
    if not _MARKS.search(text):
        raise ValueError("no <!-- validation-table --> and <!-- /validation-table --> around a table")
    return _MARKS.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


def main(arguments: list[str]) -> None:
    """Print the table, or write it into a file."""
    if not 1 <= len(arguments) <= 2 or not Path(arguments[0]).is_dir():
        sys.exit(__doc__)
    head = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    table = "\n".join([*head, *rows(Path(arguments[0]), trace_all())])
    if len(arguments) == 1:
        print(table)
        return
    file = Path(arguments[1])
    file.write_text(with_table(file.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
