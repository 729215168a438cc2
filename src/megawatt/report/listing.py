"""Assumptions with their sources, warnings, and the manifest, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from megawatt.catalogue.records import Assumption, Fact, Source
from megawatt.chain.records import Comparison, UseResult
from megawatt.report.format import quantity

__all__ = ["AssumptionRow", "Item", "assumption_rows", "listed", "manifest_items", "site_lines", "warnings_of"]

_LINKS: Final = ("http://", "https://")
_SCENARIO: Final = "scenario"
_SET_FOR_RUN: Final = "set for this run"


@dataclass(frozen=True, slots=True)
class AssumptionRow:
    """One assumption as text. ``url`` is empty unless it is a web address; ``mark`` says what an assumed value is."""

    name: str
    room: str
    value: str
    range: str
    kind: str
    mark: str
    source: str
    url: str
    date: str
    note: str
    uses: str


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the manifest; ``depth`` indents what is nested."""

    name: str
    text: str
    depth: int


def assumption_rows(comparison: Comparison, sources: Mapping[str, Source]) -> tuple[AssumptionRow, ...]:
    """Every assumption of every use, once, sorted by room and name, with the uses that rest on it.

    Parameters
    ----------
    comparison : Comparison
    sources : mapping of str to Source
        What the facts' source keys mean; a key that is not there is shown as it is.
    """
    return listed([(use.title, _all_of(use)) for use in comparison.uses], sources)


def listed(of: Sequence[tuple[str, Iterable[Assumption]]], sources: Mapping[str, Source]) -> tuple[AssumptionRow, ...]:
    """Every assumption of titled things once, sorted by room and name, with the things that rest on it."""
    users: dict[Assumption, list[int]] = {}
    for index, (_, assumptions) in enumerate(of):
        for assumption in assumptions:
            users.setdefault(assumption, [])
            if index not in users[assumption]:
                users[assumption].append(index)
    titles = [title for title, _ in of]
    ordered = sorted(users, key=lambda a: (a.room, a.name, users[a]))
    return tuple(_row(a, _users_text(users[a], titles), sources) for a in ordered)


def _all_of(use: UseResult) -> Iterator[Assumption]:
    yield from use.assumptions
    parts = (use.plan, use.run, use.fleet, use.hash_economics, use.weather, use.facility, use.dispatch)
    for part in (*parts, use.cash, use.cash.terms, use.risk):
        if part is not None:
            yield from part.assumptions


def _users_text(indices: Sequence[int], titles: Sequence[str]) -> str:
    return "all uses" if len(indices) == len(titles) > 1 else ", ".join(titles[i] for i in indices)


def _row(a: Assumption, uses: str, sources: Mapping[str, Source]) -> AssumptionRow:
    fact = a.fact
    source = sources.get(fact.source)
    url = source.url if source else fact.source
    title = ", ".join(p for p in (source.title, source.publisher) if p) if source else fact.source
    if fact.source == _SCENARIO:
        title = "this scenario"
    return AssumptionRow(
        name=a.name,
        room=a.room,
        value=quantity(fact.value, fact.unit, a.name),
        range=_range(fact, a.name),
        kind=fact.kind,
        mark=_mark(fact),
        source=title,
        url=url if url.startswith(_LINKS) else "",
        date=fact.date or (source.date if source else ""),
        note=fact.note,
        uses=uses,
    )


def _range(fact: Fact, name: str) -> str:
    low, high = (None if v is None else quantity(v, fact.unit, name) for v in (fact.low, fact.high))
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"from {low}" if low is not None else f"up to {high}" if high is not None else ""


def _mark(fact: Fact) -> str:
    if fact.kind != "assumed":
        return ""
    if fact.note.startswith(_SET_FOR_RUN) or fact.source == _SCENARIO:
        return _SET_FOR_RUN
    return "nobody has published this"


def site_lines(comparison: Comparison) -> tuple[str, ...]:
    """Weather and dispatch behind the hours, one line per distinct set, with the uses it belongs to."""
    lines: dict[str, list[int]] = {}
    for index, use in enumerate(comparison.uses):
        text = f"weather of {use.weather.place} ({use.weather.origin}), dispatch by {use.dispatch.solver}"
        lines.setdefault(text, []).append(index)
    return tuple(f"{_capital(_users_text(who, _titles(comparison)))}: {text}." for text, who in lines.items())


def _titles(comparison: Comparison) -> list[str]:
    return [use.title for use in comparison.uses]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def warnings_of(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """Warnings with the use (or uses) that raised them, each text once."""
    raised: dict[str, list[int]] = {}
    for index, use in enumerate(comparison.uses):
        for text in dict.fromkeys(use.warnings):
            raised.setdefault(text, []).append(index)
    return tuple((_capital(_users_text(who, _titles(comparison))), text) for text, who in raised.items())


def manifest_items(manifest: Mapping[str, object]) -> tuple[Item, ...]:
    """The manifest line by line, nested mappings indented."""
    return tuple(_walk(manifest, 0))


def _walk(mapping: Mapping[str, Any], depth: int) -> Iterator[Item]:
    for key, value in mapping.items():
        name = str(key).replace("_", " ")
        if isinstance(value, Mapping):
            yield Item(name, "", depth)
            yield from _walk(value, depth + 1)
        else:
            yield Item(name, _text(value), depth)


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{k}: {_text(v)}" for k, v in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return ", ".join(_text(item) for item in items) or "none"
    return str(value)
