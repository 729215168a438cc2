"""The generated pages of cases: one case, or all of them with a contents list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from megawatt.cases.judging import claimed, rests_on
from megawatt.cases.records import CaseResult, Verdict
from megawatt.cases.telling import counts_text
from megawatt.cases.tracing import formulas_of, questions_of
from megawatt.cases.words import figure
from megawatt.report.figure import DIVERGING, LINE_INK, Chart, Option, Table
from megawatt.report.frame import fill

__all__ = ["render_case", "render_cases"]

_ROW_PX = 30
"""Height of a row of a chart."""
_MOST_ROWS = 24
"""Inputs that a chart shows: those that move the measure most."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What the template reads of a case."""

    key: str
    title: str
    as_of: str
    about: str
    answer: tuple[str, ...]
    story: tuple[str, ...]
    verdicts: Table
    inputs: Table | None
    tables: list[tuple[str, Table]]
    since: Table | None
    notes: tuple[str, ...]
    traces: list[tuple[str, Table]]
    charts: tuple[Chart, ...]


def _part(result: CaseResult) -> _Part:
    case = result.case
    verdicts = Table(
        ("claim", "verdict", "because", "what would change it", "by"),
        tuple((v.claim.text, v.verdict, v.because, v.would_change, v.claim.by) for v in result.verdicts),
    )
    inputs = Table(
        ("input", "value", "from", "to", "unit", "note", "source"),
        tuple((i.name, figure(i.value), figure(i.low), figure(i.high), i.unit, i.note, i.source) for i in case.inputs),
    )
    since = Table(("date", "what", "source"), tuple((s.date, s.text, s.source) for s in case.since))
    return _Part(
        case.key, f"{case.number}. {case.title}" if case.number else case.title, case.as_of, case.about,
        () if result.story else result.answer, result.story, verdicts, inputs if case.inputs else None,
        [(t.title, Table(t.columns, t.rows)) for t in result.tables], since if case.since else None,
        (*rests_on(result), *result.notes), _traces(result),
        tuple(chart for v in result.verdicts if (chart := _chart(result, v)) is not None),
    )  # fmt: skip


def _traces(result: CaseResult) -> list[tuple[str, Table]]:
    """Formulas and questions of a case of figures."""
    formulas, asked = formulas_of(result.case), questions_of(result.case)
    if not formulas:
        return []
    titles = {name: measured.title for name, measured in result.measures.items()}
    made = tuple((name, titles.get(name, ""), formula) for name, formula in formulas.items())
    told = tuple((name, room, arguments) for name, (room, arguments) in asked.items())
    return [
        ("How every figure is made", Table(("figure", "what", "formula"), made)),
        ("What rooms are asked", Table(("name", "room", "arguments"), told)),
    ][: 2 if told else 1]


def _chart(result: CaseResult, verdict: Verdict) -> Chart | None:
    """A claim's measure under everything that was tried, beside what was claimed; None where one figure is all."""
    found = result.measures.get(verdict.claim.measure)
    if found is None or len(found.values) < 2:
        return None
    (base_at, base), claim = found.base, verdict.claim
    others = sorted(
        ((at, value) for at, value in found.values.items() if at != base_at), key=lambda row: -abs(row[1] - base)
    )
    shown = [(base_at, base), *others[: _MOST_ROWS - 1]][::-1]
    bounds = sorted({bound for bound in claim.bounds if abs(bound) != float("inf")})
    points = [
        {"value": [value, number], "itemStyle": {"color": DIVERGING["low" if claim.met(value) else "high"]},
         "symbolSize": 14 if at == base_at else 10}
        for number, (at, value) in enumerate(shown)
    ]  # fmt: skip
    line = {"silent": True, "symbol": "none", "lineStyle": {"color": LINE_INK, "type": "dashed"},
            "label": {"show": False}, "data": [{"xAxis": bound} for bound in bounds]}  # fmt: skip
    ends = [value for _, value in shown] + bounds
    room = 0.05 * (max(ends) - min(ends) or 1.0)
    option: Option = {
        "grid": {"left": 8, "right": 16, "top": 8, "bottom": 40, "containLabel": True},
        "xAxis": {"type": "value", "scale": True, "name": found.unit, "nameLocation": "middle", "nameGap": 26,
                  "min": _tidy(min(ends) - room), "max": _tidy(max(ends) + room)},
        "yAxis": {"type": "category", "data": [at for at, _ in shown],
                  "axisLabel": {"width": 150, "overflow": "break", "lineHeight": 13}},
        "tooltip": {"trigger": "item"},
        "series": [{"type": "scatter", "name": "computed", "data": points, "markLine": line}],
    }  # fmt: skip
    return Chart(
        id=f"{result.case.key}-{claim.key}".replace(".", "-"),
        title=f"{claim.text}: {verdict.verdict}",
        caption=f"{found.title or claim.measure}{', ' + found.unit if found.unit else ''}; dashed: "
        f"{claimed(claim, found.unit)}. Blue meets the claim, orange does not; the largest dot is the base case.",
        option=option,
        table=Table(("tried", found.unit or "value"), tuple((at, figure(value)) for at, value in found.values.items())),
        units=(found.unit,),
        height_px=70 + _ROW_PX * len(shown),
    )


def _tidy(value: float) -> float:
    return float(f"{value:.3g}")


def render_case(result: CaseResult) -> str:
    """One offline HTML file: the answer, claims with verdicts and charts, inputs, tables, what happened since."""
    part = _part(result)
    return fill("case.html", part.charts, title=part.title, parts=[part], contents=None)


def render_cases(results: Sequence[CaseResult]) -> str:
    """All cases in one offline HTML file, with a contents list."""
    parts = [_part(result) for result in results]
    contents = [(part.key, part.title, counts_text(result)) for part, result in zip(parts, results, strict=True)]
    charts = [chart for part in parts for chart in part.charts]
    return fill("case.html", charts, title="Cases", parts=parts, contents=contents)
