"""The generated page of a case."""

from __future__ import annotations

from megawatt.cases.records import CaseResult
from megawatt.report.figure import Table
from megawatt.report.frame import fill

__all__ = ["render_case"]


def render_case(result: CaseResult) -> str:
    """One offline HTML file: the answer, claims with verdicts, inputs, computation, what happened since."""
    case = result.case
    verdicts = Table(
        ("claim", "verdict", "because", "what would change it", "source"),
        tuple((v.claim.text, v.verdict, v.because, v.would_change, v.claim.source) for v in result.verdicts),
    )
    inputs = Table(
        ("input", "value", "from", "to", "unit", "note", "source"),
        tuple((i.name, f"{i.value:g}", f"{i.low:g}", f"{i.high:g}", i.unit, i.note, i.source) for i in case.inputs),
    )
    since = Table(("date", "what", "source"), tuple((s.date, s.text, s.source) for s in case.since))
    tables = [(t.title, Table(t.columns, t.rows)) for t in result.tables]
    return fill(
        "case.html", (), title=case.title, as_of=case.as_of, answer=result.answer, verdicts=verdicts, inputs=inputs,
        tables=tables, since=since if case.since else None, notes=result.notes,
    )  # fmt: skip
