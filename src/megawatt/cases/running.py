"""Run a case: compute, judge, say it in three sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from megawatt.cases.judging import judge
from megawatt.cases.machines import compute_machines
from megawatt.cases.records import VERDICTS, CaseFile, CaseResult, CaseTable, Measured, Verdict
from megawatt.errors import ScenarioError, shown

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["case_dict", "run_case"]

_Computation = Callable[[CaseFile, Any], tuple[dict[str, Measured], list[CaseTable], list[str]]]
_COMPUTATIONS: Final[Mapping[str, _Computation]] = MappingProxyType({"machines": compute_machines})
"""Computations by the name that a case file gives: its settings stand in the section of that name."""


def run_case(case: CaseFile, catalogue: Catalogue) -> CaseResult:
    """Compute a case's measures and judge its claims.

    Raises
    ------
    ScenarioError
        If its computation is not known, or a setting is missing.
    """
    if case.computation not in _COMPUTATIONS:
        raise ScenarioError(f"computation = {shown(case.computation)}; allowed: {', '.join(_COMPUTATIONS)}")
    measures, tables, notes = _COMPUTATIONS[case.computation](case, catalogue)
    verdicts = tuple(judge(claim, measures) for claim in case.claims)
    return CaseResult(case, measures, tuple(tables), verdicts, _answer(verdicts), tuple(notes))


def _answer(verdicts: Sequence[Verdict]) -> tuple[str, str, str]:
    """What holds, what does not or only under conditions, and what would change it."""

    def of(kind: str) -> list[Verdict]:
        return [v for v in verdicts if v.verdict == kind]

    holds = "; ".join(f"{v.claim.text} ({v.because})" for v in of("holds")) or "none of the claims as they stand"
    holds_if = "; ".join(f"{v.claim.text}: if {v.because}" for v in of("holds if")) or "none"
    fails = "; ".join(f"{v.claim.text} ({v.because})" for v in of("does not hold")) or "none"
    open_ = ", ".join(v.claim.text for v in of("cannot be checked"))
    turns = "; ".join(dict.fromkeys(v.would_change for v in verdicts if v.would_change)) or "nothing that is known"
    return (
        f"What holds: {holds}; what holds under conditions: {holds_if}.",
        f"What does not hold: {fails}" + (f"; what cannot be checked: {open_}." if open_ else "."),
        f"What would change it: {turns}.",
    )


def case_dict(result: CaseResult) -> dict[str, Any]:
    """A result as plain values."""
    case = result.case
    return {
        "case": case.key,
        "title": case.title,
        "as_of": case.as_of,
        "answer": list(result.answer),
        "inputs": {i.name: {"value": i.value, "low": i.low, "high": i.high, "unit": i.unit} for i in case.inputs},
        "measures": {
            name: {"value": m.base[1], "low": m.ends[0], "high": m.ends[1], "tried": dict(m.values)}
            for name, m in result.measures.items()
        },
        "verdicts": [
            {"claim": v.claim.key, "verdict": v.verdict, "because": v.because, "would_change": v.would_change}
            for v in result.verdicts
        ],
        "verdict_words": list(VERDICTS),
        "tables": [
            {"title": t.title, "columns": list(t.columns), "rows": [list(row) for row in t.rows]} for t in result.tables
        ],
        "notes": list(result.notes),
    }  # fmt: skip
