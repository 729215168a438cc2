"""Run every case and write what is made from it: ``python -m tools.cases_page [KEY...]``.

Writes ``examples/cases/KEY/README.md`` and the numbers that tests hold (``tests/golden/cases.json``) of the cases named
(all of them without names), and ``docs/cases.md`` from the texts of all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from megawatt.cases import Answers, CaseResult, case_keys, case_markdown, counts_text, read_case, run_case
from megawatt.catalogue import load_catalogue

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "examples" / "cases"
PAGE: Final = ROOT / "docs" / "cases.md"
GOLDEN: Final = ROOT / "tests" / "golden" / "cases.json"
MARK: Final = "<!-- below: made by python -m tools.cases_page -->\n"


def golden(result: CaseResult) -> dict[str, Any]:
    """Base figures and verdicts of a case."""
    return {
        "counts": counts_text(result),
        "measures": {name: measured.base[1] for name, measured in result.measures.items()},
        "verdicts": {verdict.claim.key: verdict.verdict for verdict in result.verdicts},
    }


def page(numbers: dict[str, Any]) -> str:
    """The whole of docs/cases.md: its own text, a list of the cases, and each one's page a level lower."""
    head = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    rows, texts = [], []
    for key in case_keys():
        text = (FOLDER / key / "README.md").read_text(encoding="utf-8")
        title = text.splitlines()[0].removeprefix("# ")
        rows.append(f"| [{title}](#{anchor(title)}) | {numbers[key]['counts']} |")
        texts.append("#" + text)
    return "\n".join([head + MARK, "| case | verdicts |", "|---|---|", *rows, "", *texts])


def anchor(title: str) -> str:
    """The anchor that Markdown renderers give a heading."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def main(keys: Sequence[str]) -> None:
    """Run cases and write their files."""
    catalogue, answers = load_catalogue(), Answers()
    numbers: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    for key in keys or case_keys():
        result = run_case(read_case(key), catalogue, answers)
        numbers[key] = golden(result)
        (FOLDER / key / "README.md").write_text(case_markdown(result), encoding="utf-8")
    numbers = {key: numbers[key] for key in case_keys() if key in numbers}
    GOLDEN.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(numbers), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
