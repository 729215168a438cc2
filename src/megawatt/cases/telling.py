"""A case in Markdown, and all of them as one page: every figure and verdict from a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from megawatt.cases.judging import claimed, rests_on
from megawatt.cases.records import VERDICTS, CaseResult
from megawatt.cases.tracing import formulas_of
from megawatt.cases.words import figure

__all__ = ["case_markdown", "counts_text"]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return [
        *lines,
        *("| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in row) + " |" for row in rows),
    ]


def counts_text(result: CaseResult) -> str:
    """How many claims have each verdict, e.g. ``2 hold, 1 holds if``."""
    found = [v.verdict for v in result.verdicts]
    return ", ".join(f"{found.count(kind)} {kind}" for kind in VERDICTS if kind in found)


def _title(result: CaseResult) -> str:
    case = result.case
    return f"{case.number}. {case.title}" if case.number else case.title


def case_markdown(result: CaseResult) -> str:
    """One case: question, what was claimed and found, inputs with sources, what happened since."""
    case = result.case
    lines = [f"# {_title(result)}", "", *([case.about, ""] if case.about else [])]
    lines += [*(f"- {text}" for text in result.story), *([""] if result.story else [])]
    rows = [
        (v.claim.text, v.claim.by, _found(v.figure, result, v.claim.measure),
         claimed(v.claim, result.unit(v.claim.measure)), f"**{v.verdict}**",
         v.because if v.verdict == "cannot be checked" else v.would_change)
        for v in result.verdicts
    ]  # fmt: skip
    lines += _table(("claimed", "by", "found", "bound", "verdict", "what would change it"), rows)
    for table in result.tables:
        lines += ["", f"**{table.title}**", "", *_table(table.columns, table.rows)]
    if case.inputs:
        lines += ["", "**Inputs**", ""]
        inputs = (
            (i.name, figure(i.value), _range(i.low, i.high), i.unit, f"{i.source}{': ' + i.note if i.note else ''}")
            for i in case.inputs
        )
        lines += _table(("input", "value", "range", "unit", "source"), inputs)
        lines += [f"\n{text}" for text in rests_on(result)]
    lines += [f"\nNobody has published {u.name}: {u.note}." for u in case.unknown]
    events = [f"- {s.date}: {s.text} ({s.source})" for s in case.since] or ["No event is recorded for this case."]
    lines += ["", "**What has happened since**", "", *events]
    lines += [*([""] if result.notes else []), *result.notes]
    how = f", `megawatt cases show {case.key}` says how every figure is made" if formulas_of(case) else ""
    lines += ["", f"`megawatt cases run {case.key}`{how}; as of {case.as_of}.", ""]
    return "\n".join(lines)


def _range(low: float, high: float) -> str:
    return "-" if low == high else f"{figure(low)} to {figure(high)}"


def _found(value: float | None, result: CaseResult, measure: str) -> str:
    if value is None:
        return "-"
    found = result.measures[measure]
    low, high = (figure(end) for end in found.ends)
    span = f" ({low} to {high})" if low != high else ""
    what = f": {found.title}" if found.title else ""
    return f"{figure(value)}{span}{' ' + found.unit if found.unit else ''}{what}"
