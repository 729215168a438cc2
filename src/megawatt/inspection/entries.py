"""Keys of the catalogue, described."""

from __future__ import annotations

from collections.abc import Iterator

from megawatt.catalogue import Catalogue, Entry
from megawatt.errors import MegawattError
from megawatt.inspection.machines import machine_sections
from megawatt.inspection.models import model_sections
from megawatt.inspection.records import Description, Line, Section
from megawatt.workload import model_from_entry

__all__ = ["describe_entry", "describe_source"]


def describe_entry(catalogue: Catalogue, key: str, *, seq_len: int) -> Description:
    """What the catalogue holds under a key or alias, and for models and machines what follows from it.

    Raises
    ------
    CatalogueError
        If there is no such key; names the nearest.
    """
    entry = catalogue.get(key)
    facts = Section("facts", tuple(Line.of(name, entry.facts[name]) for name in sorted(entry.facts)))
    named = Section("", (Line("also called", ", ".join(entry.aliases)),)) if entry.aliases else None
    more = tuple(_derived(catalogue, entry, seq_len))
    sections = (*([named] if named else ()), *more, facts)
    return Description(entry.family, entry.key, entry.title, sections)


def _derived(catalogue: Catalogue, entry: Entry, seq_len: int) -> Iterator[Section]:
    try:
        if entry.family == "model":
            yield from model_sections(model_from_entry(entry), seq_len)
        elif entry.family == "system":
            yield from machine_sections(catalogue, catalogue.system(entry.key))
        elif entry.family == "accelerator":
            systems = catalogue.systems_of(entry.key)
            yield Section("machines", (Line("systems with this chip", ", ".join(systems) or "none"),))
    except MegawattError as error:
        yield Section("not to be computed with", (Line("why", str(error)),))


def describe_source(catalogue: Catalogue, key: str) -> Description:
    """A source, and the facts that cite it."""
    source = catalogue.sources[key]
    named = {"publisher": source.publisher, "date": source.date, "address": source.url, "licence": source.licence}
    lines = tuple(Line(name, value) for name, value in named.items() if value)
    cited = tuple(
        Line.of(f"{entry.key}.{name}", fact)
        for entry in catalogue.entries.values()
        for name, fact in entry.facts.items()
        if fact.source == key
    )
    return Description("source", key, source.title, (Section("", lines), Section("facts that cite it", cited)))
