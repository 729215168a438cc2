"""Run a case: compute, judge, say it in three sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from megawatt.cases.figures import compute_figures
from megawatt.cases.judging import claimed, judge
from megawatt.cases.machines import compute_machines
from megawatt.cases.points import Answers
from megawatt.cases.records import VERDICTS, CaseFile, CaseResult, Computed, Verdict
from megawatt.cases.tracing import formulas_of, questions_of
from megawatt.errors import MegawattError, ScenarioError, shown

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["case_dict", "run_case"]

_Computation = Callable[[CaseFile, Any, Answers], Computed]


def _machines(case: CaseFile, catalogue: Catalogue, _: Answers) -> Computed:
    measures, tables, notes = compute_machines(case, catalogue)
    return Computed(measures, tuple(tables), tuple(notes))


_COMPUTATIONS: Final[Mapping[str, _Computation]] = MappingProxyType({"machines": _machines, "figures": compute_figures})
"""Computations by the name that a case file gives: its settings stand in the section of that name."""


def run_case(case: CaseFile, catalogue: Catalogue, answers: Answers | None = None) -> CaseResult:
    """Compute a case's measures and judge its claims.

    Parameters
    ----------
    case : CaseFile
        The case.
    catalogue : Catalogue
        Facts.
    answers : Answers, optional
        What rooms have answered before, shared by cases that are run together; added to.

    Raises
    ------
    ScenarioError
        If its computation is not known, or a setting is missing.
    MegawattError
        If a room refuses the base case.
    """
    if case.computation not in _COMPUTATIONS:
        raise ScenarioError(f"computation = {shown(case.computation)}; allowed: {', '.join(_COMPUTATIONS)}")
    try:
        found = _COMPUTATIONS[case.computation](case, catalogue, answers or Answers())
    except MegawattError as error:
        raise type(error)(f"case {case.key}: {error}", error.problems, error.file) from None
    verdicts = tuple(judge(claim, found) for claim in case.claims)
    return CaseResult(case, found.measures, found.tables, verdicts, _answer(verdicts), found.notes, found.story)


def _answer(verdicts: Sequence[Verdict]) -> tuple[str, str, str]:
    """What holds, what does not or only under conditions, and what would change it."""

    def of(kind: str) -> list[Verdict]:
        return [v for v in verdicts if v.verdict == kind]

    holds = "; ".join(f"{v.claim.text} ({v.because})" for v in of("holds")) or "none of the claims as they stand"
    holds_if = "; ".join(f"{v.claim.text} ({v.because})" for v in of("holds if")) or "none"
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
    case, formulas = result.case, formulas_of(result.case)
    return {
        "case": case.key,
        "number": case.number,
        "title": case.title,
        "as_of": case.as_of,
        "answer": list(result.answer),
        "inputs": {
            i.name: {"value": i.value, "low": i.low, "high": i.high, "unit": i.unit, "source": i.source, "note": i.note,
                     "assumed": i.assumed, "from_memory": i.unread}
            for i in case.inputs
        },
        "measures": {
            name: {"value": m.base[1], "low": m.ends[0], "high": m.ends[1], "unit": m.unit, "title": m.title,
                   "formula": formulas.get(name, ""), "tried": dict(m.values)}
            for name, m in result.measures.items()
        },
        "asked": {name: {"room": room, "arguments": told} for name, (room, told) in questions_of(case).items()},
        "verdicts": [
            {"claim": v.claim.key, "text": v.claim.text, "source": v.claim.source, "ours": v.claim.ours,
             "verdict": v.verdict, "figure": v.figure,
             "claimed": claimed(v.claim, result.unit(v.claim.measure)), "because": v.because,
             "would_change": v.would_change,
             "turns": [{"input": t.input, "at": t.at, "unit": t.unit, "published": t.published} for t in v.turns]}
            for v in result.verdicts
        ],
        "verdict_words": list(VERDICTS),
        "tables": [
            {"title": t.title, "columns": list(t.columns), "rows": [list(row) for row in t.rows]} for t in result.tables
        ],
        "story": list(result.story),
        "since": [{"date": s.date, "text": s.text, "source": s.source} for s in case.since],
        "unknown": [{"name": u.name, "unit": u.unit, "note": u.note} for u in case.unknown],
        "notes": list(result.notes),
    }  # fmt: skip
