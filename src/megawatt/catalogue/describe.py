"""The catalogue as plain rows (lists of dicts), for a terminal or JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from megawatt.catalogue.records import Assumption
from megawatt.catalogue.store import Catalogue

__all__ = ["assumption_rows", "entry_rows", "family_rows", "source_rows"]

Row = dict[str, str | int]


def family_rows(catalogue: Catalogue) -> list[Row]:
    """One row per family: its name, how many entries and facts it holds, and how many facts are assumed."""
    rows: list[Row] = []
    for family in catalogue.families():
        facts = [fact for key in catalogue.keys(family) for fact in catalogue.entries[key].facts.values()]
        assumed = sum(fact.kind == "assumed" for fact in facts)
        rows.append({"family": family, "entries": len(catalogue.keys(family)), "facts": len(facts), "assumed": assumed})
    return rows


def entry_rows(catalogue: Catalogue, family: str | None = None) -> list[Row]:
    """One row per entry, of one family or all, sorted by family and key.

    Raises
    ------
    CatalogueError
        If there is no such family.
    """
    families = (family,) if family is not None else catalogue.families()
    entries = [catalogue.entries[key] for name in families for key in catalogue.keys(name)]
    return [
        {
            "family": entry.family,
            "key": entry.key,
            "title": entry.title,
            "aliases": ", ".join(entry.aliases),
            "facts": len(entry.facts),
        }
        for entry in entries
    ]


def assumption_rows(assumptions: Iterable[Assumption]) -> list[dict[str, float | str | None]]:
    """One row per assumption, each once: its number or word with unit, range, kind, source and note."""
    names = ("value", "unit", "low", "high", "kind", "source", "note")
    rows = {a.name: {"name": a.name} | {name: getattr(a.fact, name) for name in names} for a in assumptions}
    return list(rows.values())


def source_rows(catalogue: Catalogue) -> list[Row]:
    """One row per source, sorted by key, with the number of facts that cite it."""
    cited = Counter(fact.source for entry in catalogue.entries.values() for fact in entry.facts.values())
    return [
        {
            "key": source.key,
            "title": source.title,
            "publisher": source.publisher,
            "date": source.date,
            "url": source.url,
            "licence": source.licence,
            "facts": cited[source.key],
        }
        for _, source in sorted(catalogue.sources.items())
    ]
