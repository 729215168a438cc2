"""Which facts a calculation reads: a view of the catalogue that notes them, and whether they still hold later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from megawatt.catalogue.records import Entry, Fact

if TYPE_CHECKING:
    from megawatt.catalogue.memo import Memo
    from megawatt.catalogue.store import Catalogue

__all__ = ["FactsRead", "recording", "still_hold"]

FactsRead: TypeAlias = Mapping[tuple[str, str], Fact]
"""Facts by key of their entry and name."""


class _Facts(Mapping[str, Fact]):
    __slots__ = ("_facts", "_key", "_read")

    def __init__(self, entry: Entry, read: dict[tuple[str, str], Fact]) -> None:
        self._key, self._facts, self._read = entry.key, entry.facts, read

    def __getitem__(self, name: str) -> Fact:
        fact = self._facts[name]
        self._read[self._key, name] = fact
        return fact

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)


class _Entries(Mapping[str, Entry]):
    __slots__ = ("_entries", "_read", "_seen")

    def __init__(self, entries: Mapping[str, Entry], read: dict[tuple[str, str], Fact]) -> None:
        self._entries, self._read = entries, read
        self._seen: dict[str, Entry] = {}

    def __getitem__(self, key: str) -> Entry:
        view = self._seen.get(key)
        if view is None:
            entry = self._entries[key]
            view = Entry(entry.key, entry.family, entry.title, _Facts(entry, self._read), entry.aliases)
            self._seen[key] = view
        return view

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def recording(catalogue: Catalogue, memo: Memo | None = None) -> tuple[Catalogue, FactsRead]:
    """A view of a catalogue, and the facts that are read through it: they fill in as the view is used.

    ``memo`` keeps what is resolved through the view.
    Names of entries and facts are not noted: `Catalogue.replace_fact` changes values alone.
    """
    read: dict[tuple[str, str], Fact] = {}
    return replace(catalogue, entries=_Entries(catalogue.entries, read), memo=memo), read


def still_hold(catalogue: Catalogue, read: FactsRead) -> bool:
    """Whether a catalogue holds all these facts as they were read."""
    entries = catalogue.entries
    found = ((entries[key].facts[name], fact) for (key, name), fact in read.items())
    return all(now is fact or now == fact for now, fact in found)
