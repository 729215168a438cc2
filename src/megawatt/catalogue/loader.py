"""Read the data files: one fact per row of ``data/*.csv``, one source per table of ``data/sources*.toml``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from megawatt.catalogue.rate_sheets import RATE_PREFIX, rate_entry
from megawatt.catalogue.records import KINDS, Entry, Fact, Source
from megawatt.errors import CatalogueError, Problem, ScenarioError
from megawatt.files import read_bytes, read_rows, read_toml

__all__ = ["HEADER", "TABLE_PREFIX", "RawData", "data_folder", "data_hash", "read_data", "read_entries", "read_table"]

HEADER: Final = ("key", "field", "value", "unit", "low", "high", "kind", "source", "date", "note")
TABLE_PREFIX: Final = "table-"
"""Files with this prefix are plain tables (normals, prices), not facts."""

_MOST_BYTES: Final = 64 * 2**20
_SOURCE_FIELDS: Final = ("title", "publisher", "date", "url")


@dataclass(frozen=True, slots=True)
class RawData:
    """Everything that was read: entries by key, sources by key, and keys by alias."""

    entries: Mapping[str, Entry]
    sources: Mapping[str, Source]
    aliases: Mapping[str, str]


@dataclass(slots=True)
class _Draft:
    """An entry while its rows are being collected."""

    family: str
    title: str = ""
    aliases: tuple[str, ...] = ()
    facts: dict[str, Fact] = field(default_factory=dict)


def data_folder() -> Traversable:
    """The folder of data files inside the installed package."""
    return files("megawatt.catalogue") / "data"


def _named(folder: Traversable, suffix: str) -> list[Traversable]:
    return sorted((item for item in folder.iterdir() if item.name.endswith(suffix)), key=lambda item: item.name)


def data_hash(folder: Traversable) -> str:
    """SHA-256 over names and bytes of all data files, in the order of their names; hexadecimal."""
    digest = sha256()
    for item in sorted(_named(folder, ".csv") + _named(folder, ".toml"), key=lambda item: item.name):
        content = read_bytes(item, _MOST_BYTES, "a catalogue file")
        digest.update(f"{item.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def read_data(folder: Traversable) -> RawData:
    """Read all facts and sources of a data folder.

    Raises
    ------
    CatalogueError
        If a file is malformed, or a key or alias is used twice.
    """
    sources = _read_sources(folder)
    drafts: dict[str, _Draft] = {}
    for item in _named(folder, ".csv"):
        if not item.name.startswith(TABLE_PREFIX):
            _read_facts(item, drafts)
    entries = _entries(drafts)
    for item in _named(folder, ".toml"):
        if item.name.startswith(RATE_PREFIX):
            rate = rate_entry(item)
            known = entries.get(rate.key)
            if known is not None and (rate.facts or known.family != rate.family):
                raise CatalogueError(f"{item.name}: key {rate.key} has facts elsewhere; keys are unique")
            entries[rate.key] = known or rate
    return RawData(entries, sources, _alias_index(entries))


def read_table(folder: Traversable, name: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of one ``table-*.csv``.

    Raises
    ------
    CatalogueError
        If there is no such table.
    """
    item = folder / name
    if not item.is_file():
        tables = [other.name for other in _named(folder, ".csv") if other.name.startswith(TABLE_PREFIX)]
        raise CatalogueError(f"catalogue table {name}: not found; tables: {', '.join(tables) or 'none'}")
    rows = [cells for _, cells in _lines(item)]
    if not rows:
        raise CatalogueError(f"catalogue table {name}: is empty")
    return rows[0], rows[1:]


def _lines(item: Traversable) -> list[tuple[int, list[str]]]:
    try:
        return read_rows(item, "a catalogue file")[0]
    except ScenarioError as error:
        raise CatalogueError(f"{item.name}: not valid CSV: {error}") from error


def _read_sources(folder: Traversable) -> dict[str, Source]:
    sources: dict[str, Source] = {}
    for item in _named(folder, ".toml"):
        if not item.name.startswith("sources"):
            continue
        try:
            tables, _ = read_toml(item, "a catalogue file")
        except ScenarioError as error:
            raise CatalogueError(f"{item.name}: not valid TOML: {error}") from error
        for key, table in tables.items():
            known = table if isinstance(table, dict) else {}
            missing = [name for name in _SOURCE_FIELDS if not isinstance(known.get(name), str)]
            if missing:
                raise CatalogueError(f"{item.name}: {key}: missing text field {', '.join(missing)}")
            source = Source(
                key, table["title"], table["publisher"], table["date"], table["url"], table.get("licence", "")
            )
            if sources.get(key, source) != source:
                raise CatalogueError(f"{item.name}: source {key} is defined twice, and differently; use another key")
            sources[key] = source
    return sources


def read_entries(item: Traversable) -> dict[str, Entry]:
    """The entries of one table of facts, by key.

    Raises
    ------
    CatalogueError
        With every line that is malformed.
    """
    drafts: dict[str, _Draft] = {}
    _read_facts(item, drafts)
    return _entries(drafts)


def _entries(drafts: Mapping[str, _Draft]) -> dict[str, Entry]:
    return {key: Entry(key, d.family, d.title or key, d.facts, d.aliases) for key, d in drafts.items()}


def _read_facts(item: Traversable, drafts: dict[str, _Draft]) -> None:
    family = item.name.split("-")[0].split(".")[0]
    lines = _lines(item)
    if not lines or tuple(lines[0][1]) != HEADER:
        raise CatalogueError(f"{item.name}: first line must be {','.join(HEADER)}")
    wrong: dict[int, str] = {}
    for line, row in lines[1:]:
        try:
            _read_fact(row, family, drafts)
        except CatalogueError as error:
            wrong[line] = str(error)
    if wrong:
        line, first = next(iter(wrong.items()))
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        problems = [Problem(f"line {n}", text, "a fact as docs/catalogue.md says") for n, text in wrong.items()]
        raise CatalogueError(f"{item.name}:{line}: {first}{more}", problems, str(item))


def _read_fact(row: list[str], family: str, drafts: dict[str, _Draft]) -> None:
    """Add one row to the entry it belongs to."""
    if len(row) != len(HEADER):
        raise CatalogueError(f"{len(row)} cells, must be {len(HEADER)} (quote cells that hold commas)")
    key, name = row[0], row[1]
    draft = drafts.setdefault(key, _Draft(family))
    if draft.family != family:
        raise CatalogueError(f"key {key} is in family {draft.family} already; keys are unique")
    if name == "title":
        draft.title = row[2]
    elif name == "aliases":
        draft.aliases += tuple(alias.strip() for alias in row[2].split(",") if alias.strip())
    elif name in draft.facts:
        raise CatalogueError(f"{key}.{name} is given twice")
    else:
        draft.facts[name] = _fact(row)


def _fact(row: list[str]) -> Fact:
    _, name, text, unit, low, high, kind, source, date, note = row
    if not text:
        raise CatalogueError(f"{name} has no value; leave the row out if nothing is known")
    if kind not in KINDS:
        raise CatalogueError(f"{name}: kind {kind!r}, must be one of {', '.join(KINDS)}")
    value = _number_or_word(text)
    if isinstance(value, float) and math.isnan(value):
        raise CatalogueError(f"{name} is NaN; leave the row out if nothing is known")
    low_value, high_value = _bound(low, name), _bound(high, name)
    if isinstance(value, str) and (low or high):
        raise CatalogueError(f"{name} = {value!r} is a word and can have no low or high")
    if isinstance(value, float) and not _ordered(low_value, value, high_value):
        raise CatalogueError(f"{name}: low {low or '-'} <= value {text} <= high {high or '-'} does not hold")
    return Fact(value, unit, kind, source, date, low_value, high_value, note)


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _bound(text: str, name: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise CatalogueError(f"{name}: low or high {text!r} is not a number") from None


def _ordered(low: float | None, value: float, high: float | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)


def _alias_index(entries: Mapping[str, Entry]) -> dict[str, str]:
    index: dict[str, str] = {}
    for alias, key in _aliases(entries.values()):
        if alias in entries or index.get(alias, key) != key:
            raise CatalogueError(f"catalogue: alias {alias} of {key} is the name of {index.get(alias, alias)} already")
        index[alias] = key
    return index


def _aliases(entries: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        for alias in entry.aliases:
            yield alias, entry.key
