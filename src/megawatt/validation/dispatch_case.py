"""Score the dispatch optimiser against a published reference case and its variants."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from megawatt.catalogue import Catalogue
from megawatt.dispatch.case import CaseResult, change_case, load_case, solve_case
from megawatt.errors import MegawattError, ScenarioError
from megawatt.validation.scoring import Case, Skipped, result_entry

__all__ = ["score"]

BASE: Final = "base"
_KIND: Final = "dispatch-case"


@dataclass(frozen=True, slots=True)
class _Quantity:
    """One entry of the answer: which totals it compares, and how (zero references make a ratio meaningless)."""

    name: str
    unit: str
    error: Literal["relative", "absolute"]
    suffixes: tuple[str, ...]


_OBJECTIVE: Final = _Quantity("objective", "USD", "relative", ("objective_usd",))
_TOTALS: Final = (
    _Quantity("annual_energy", "MWh", "absolute", ("_mwh",)),
    _Quantity("peak", "MW", "absolute", ("_mw",)),
    _Quantity("emissions", "t", "absolute", ("emissions_t",)),
    _Quantity("bill_parts", "USD", "absolute", ("_usd",)),
)
_NOT_TOTALS: Final = ("objective_usd", "objective_recomputed_usd")


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Solve the case of a folder and each row of its ``variants.csv``; compare objectives and annual totals.

    A variant is the case with some parameters replaced (``change``: JSON object; the text ``x2`` doubles).

    Parameters
    ----------
    path : Path
        Folder with ``parameters.json``, ``hourly.csv``, ``reference.json`` and, optionally, ``variants.csv``.
    catalogue : Catalogue
        Not used: the case brings all its numbers.

    Returns
    -------
    list of dict
        Entries for the objective (relative), annual energy, peak, emissions and parts of the bill (absolute). Cases
        are named ``base`` for ``reference.json`` and ``variants:NAME`` for rows of the variants.

    Raises
    ------
    ScenarioError
        If a file is missing or malformed.
    """
    case = load_case(path)
    solved: dict[str, CaseResult] = {"{}": solve_case(case)}
    answers: dict[str, tuple[Mapping[str, float], CaseResult]] = {BASE: (_reference(path), solved["{}"])}
    skipped = []
    for name, change, row in _variants(path):
        key = json.dumps(change, sort_keys=True)
        try:
            if key not in solved:
                solved[key] = solve_case(change_case(case, change))
        except MegawattError as error:
            skipped.append(Skipped(f"variants:{name}", str(error)))
            continue
        answers[f"variants:{name}"] = (row, solved[key])
    entries = [_entry(path, _OBJECTIVE, answers, skipped)]
    entries += [_entry(path, quantity, answers, skipped) for quantity in _TOTALS]
    return [entry for entry in entries if entry["rows"]]


def _entry(
    path: Path,
    quantity: _Quantity,
    answers: Mapping[str, tuple[Mapping[str, float], CaseResult]],
    skipped: list[Skipped],
) -> dict[str, Any]:
    cases = [case for name, (row, result) in answers.items() for case in _cases(quantity, name, row, result)]
    scorable = len(cases) + len(skipped)
    return result_entry(
        file=path.name,
        kind=_KIND,
        quantity=quantity.name,
        unit=quantity.unit,
        error=quantity.error,
        rows=scorable if cases else 0,
        scorable=scorable,
        cases=cases,
        skipped=skipped,
    )


def _cases(quantity: _Quantity, name: str, row: Mapping[str, float], result: CaseResult) -> Iterator[Case]:
    file = "reference.json" if name == BASE else "variants.csv"
    groups = (f"file={file}",)
    if quantity is _OBJECTIVE:
        if "objective_usd" in row:
            yield Case(name, row["objective_usd"], result.objective_usd, groups=groups)
        return
    for total, predicted in result.totals.items():
        if total in row and total not in _NOT_TOTALS and total.endswith(quantity.suffixes):
            yield Case(f"{name}:{total}", row[total], predicted, groups=(*groups, f"total={total}"))


def _reference(path: Path) -> dict[str, float]:
    file = path / "reference.json"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{file}: cannot be read: {error}", file=str(file)) from None
    return {name: float(value) for name, value in raw.items() if isinstance(value, int | float)}


def _variants(path: Path) -> Iterator[tuple[str, dict[str, float | str], dict[str, float]]]:
    file = path / "variants.csv"
    if not file.is_file():
        return
    with file.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if not {"variant", "change", "objective_usd"} <= set(reader.fieldnames or ()):
            raise ScenarioError(
                f"{file}: columns {reader.fieldnames}; needed: variant, change, objective_usd", file=str(file)
            )
        for row in reader:
            try:
                change = json.loads(row["change"])
                numbers = {n: float(v) for n, v in row.items() if n not in ("variant", "change") and v}
            except (TypeError, ValueError) as error:
                raise ScenarioError(f"{file}: line {reader.line_num}: {error}", file=str(file)) from None
            if not isinstance(change, dict):
                raise ScenarioError(
                    f"{file}: line {reader.line_num}: change = {row['change']}, must be a JSON object such as "
                    '{"solar_mw": 0}',
                    file=str(file),
                )
            yield row["variant"], change, {n: v for n, v in numbers.items() if math.isfinite(v)}
