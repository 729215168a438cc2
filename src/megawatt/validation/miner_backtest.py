"""Score the miner crisis of 2022: from positions at the end of 2021, the probability of distress within 12 months."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.company import (
    Markets,
    PositionFact,
    company_of,
    distress_probability,
    markets_of,
    practice,
    simulate_company,
)
from megawatt.files import read_table
from megawatt.validation.scoring import Case, Skipped, result_entry

__all__ = ["auc", "distress_class", "score"]

_YEAR: Final = 2021  # positions are those of the end of this year
_MONTHS: Final = 12  # in which distress counts
_PATHS: Final = 8192  # simulated for each company
_SEED: Final = 2021  # of the paths, and of the bootstrap
_RESAMPLES: Final = 4000  # of the companies, for intervals
_NEEDED: Final = ("company", "field", "value", "unit", "as_of", "confidence")
_HALF: Final = re.compile(r"spv|ring|subsidiary")
_GOOD: Final = re.compile(r"surviv|delever|solvent|acquired_healthy|none|no_distress")
_BAD: Final = re.compile(
    r"chapter|bankrupt|insolv|default|takeback|surrender|forbear|restruct|exchange|accelerat|foreclos|rescue|liquidat|receiver|administrat|ccaa|distress"
)


def distress_class(outcome: str) -> float | None:
    """1 for distress, 0.5 where a ring-fenced company's counts for its group, 0 for none; None for other words."""
    word = outcome.strip().lower().replace("-", "_").replace(" ", "_")
    if _GOOD.search(word):
        return 0.0
    if _HALF.search(word):
        return 0.5
    return 1.0 if _BAD.search(word) else None


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Simulate every company of the file and compare with what happened to it.

    Parameters
    ----------
    path : Path
        CSV with company, field, value, unit, as_of, confidence; a row ``outcome`` a company. Only rows that describe a
        day up to the end of 2021 are read; outcomes whose confidence is ``memory`` are not scored.
    catalogue : Catalogue
        Markets of 2021, what is usual, positions from filings where the file has none of that time.

    Returns
    -------
    list of dict
        One entry; beside the errors ``auc`` and ``brier`` with bootstrap intervals over companies.
    """
    table = read_table(path, _NEEDED).rows
    facts: dict[str, list[PositionFact]] = defaultdict(list)
    for row in table:
        fields = (row["field"].strip(), row["value"].strip(), row["unit"], row["as_of"], row["confidence"].strip())
        facts[row["company"].strip()].append(PositionFact(*fields, row.get("note", "")))
    markets = markets_of(catalogue, "markets-2021", "bitcoin-2021-12")
    cases: list[Case] = []
    skipped: list[Skipped] = []
    for name, known in facts.items():
        outcome = next((fact for fact in known if fact.field == "outcome"), None)
        happened = distress_class(outcome.value) if outcome is not None else None
        if outcome is None or outcome.confidence == "memory":
            skipped.append(Skipped(name, "no outcome" if outcome is None else "outcome from memory"))
        elif happened is None:
            skipped.append(Skipped(name, f"outcome {outcome.value[:40]!r} is neither distress nor survival"))
        else:
            cases.append(_case(name, known, happened, markets, catalogue))
    return [_entry(path, len(table), cases, skipped)]


def _case(name: str, known: Sequence[PositionFact], happened: float, markets: Markets, catalogue: Catalogue) -> Case:
    facts = [fact for fact in known if fact.field != "outcome"] + _filed(name, known, catalogue)
    company = company_of(name, facts, _YEAR, 12, catalogue)
    found = simulate_company(company, markets, practice(catalogue), months=_MONTHS, paths=_PATHS, seed=_SEED)
    return Case(name, happened, distress_probability(found), company.assumed)


def _filed(name: str, known: Sequence[PositionFact], catalogue: Catalogue) -> list[PositionFact]:
    """Facts of a company's filings for 2021 from the catalogue, for fields of which the file knows nothing by then."""
    key = f"{name.lower().replace(' ', '-')}-{_YEAR}-12"
    if not catalogue.knows(key):
        return []
    from megawatt.company import known_by

    there = known_by(known, _YEAR, 12)
    return [
        PositionFact(
            field, str(fact.value), fact.unit, fact.date, "memory" if fact.kind == "assumed" else "", fact.note
        )
        for field, fact in catalogue.get(key).facts.items()
        if field not in there
    ]


def auc(happened: FloatArray, predicted: FloatArray) -> float:
    """Chance that a distressed company was given a higher probability than one that was not; half an event counts half
    on each side. NaN where there is only one side."""
    weight = np.outer(happened, 1.0 - happened)
    np.fill_diagonal(weight, 0.0)
    higher = (predicted[:, None] > predicted[None, :]) + 0.5 * (predicted[:, None] == predicted[None, :])
    return float((weight * higher).sum() / weight.sum()) if weight.sum() > 0.0 else float("nan")


def _entry(path: Path, rows: int, cases: list[Case], skipped: list[Skipped]) -> dict[str, Any]:
    entry = result_entry(
        file=str(path),
        kind="miner-backtest",
        quantity="probability of distress in 2022",
        unit="",
        error="absolute",
        rows=rows,
        scorable=len(cases),
        cases=cases,
        skipped=skipped,
    )
    if not cases:
        return entry
    happened, predicted = (np.array([getattr(c, n) for c in cases]) for n in ("measured", "predicted"))
    rng = np.random.default_rng(_SEED)
    drawn = rng.integers(0, len(cases), (_RESAMPLES, len(cases)))
    briers = ((predicted - happened) ** 2)[drawn].mean(axis=1)
    areas = np.array([auc(happened[d], predicted[d]) for d in drawn])
    base = float(happened.mean())
    area = auc(happened, predicted)
    if np.isfinite(area):
        entry["auc"] = {"value": area, "interval": _interval(areas[np.isfinite(areas)])}
    entry["brier"] = {
        "value": float(((predicted - happened) ** 2).mean()),
        "interval": _interval(briers),
        "base_rate": float(((base - happened) ** 2).mean()),
    }
    return entry


def _interval(values: FloatArray) -> list[float]:
    return [float(q) for q in np.quantile(values, (0.025, 0.975))] if values.size else []
