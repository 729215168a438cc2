"""Which facts a calculation reads: a view of the catalogue that notes them, and whether they still hold later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from megawatt.catalogue.records import Entry, Fact

if TYPE_CHECKING:
    from megawatt.catalogue.memo import Memo
    from megawatt.catalogue.store import Catalogue

__all__ = ["FactsRead", "recording", "still_hold", "unwatched"]


@dataclass(frozen=True, slots=True)
class FactsRead:
    """Facts that were read.

    Attributes
    ----------
    facts : dict of str to (Entry, dict of str to Fact)
        By key of their entry and name, with the entry.
    within : list of FactsRead
        What results read that were taken as they stood, each once.
    """

    facts: dict[str, tuple[Entry, dict[str, Fact]]] = field(default_factory=dict)
    within: list[FactsRead] = field(default_factory=list)

    def hold(self, entries: Mapping[str, Entry]) -> bool:
        """Whether these entries hold all of the facts as they were read."""
        for key, (entry, facts) in self.facts.items():
            now = entries[key]
            if now is entry:
                continue
            if not all(now.facts[name] is fact or now.facts[name] == fact for name, fact in facts.items()):
                return False
        return all(read.hold(entries) for read in self.within)


class _Facts(Mapping[str, Fact]):
    __slots__ = ("_facts", "_read")

    def __init__(self, facts: Mapping[str, Fact], read: dict[str, Fact]) -> None:
        self._facts, self._read = facts, read

    def __getitem__(self, name: str) -> Fact:
        fact = self._facts[name]
        self._read[name] = fact
        return fact

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)


class _Entries(Mapping[str, Entry]):
    """Entries of a catalogue, or of another such view, which then notes what is read too."""

    __slots__ = ("_beyond", "_read", "_seen", "raw")

    def __init__(self, entries: Mapping[str, Entry], read: FactsRead) -> None:
        self._beyond = entries if isinstance(entries, _Entries) else None
        self.raw = unwatched(entries)
        self._read = read
        self._seen: dict[str, Entry] = {}

    def __getitem__(self, key: str) -> Entry:
        view = self._seen.get(key)
        if view is None:
            entry = self.raw[key]
            facts = self._beyond[key].facts if self._beyond is not None else entry.facts
            _, read = self._read.facts.setdefault(key, (entry, {}))
            view = Entry(entry.key, entry.family, entry.title, _Facts(facts, read), entry.aliases)
            self._seen[key] = view
        return view

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def note(self, read: FactsRead) -> None:
        """Count facts as read through this view."""
        if not any(one is read for one in self._read.within):
            self._read.within.append(read)
        if self._beyond is not None:
            self._beyond.note(read)


def recording(catalogue: Catalogue, memo: Memo | None = None) -> tuple[Catalogue, FactsRead]:
    """A view of a catalogue, and the facts that are read through it: they fill in as the view is used.

    ``memo`` keeps what is resolved through the view.
    Names of entries and facts are not noted: `Catalogue.replace_fact` changes values alone.
    """
    read = FactsRead()
    return replace(catalogue, entries=_Entries(catalogue.entries, read), memo=memo), read


def unwatched(entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    """The entries themselves where a view of them is given: for what looks at their names alone."""
    return entries.raw if isinstance(entries, _Entries) else entries


def still_hold(catalogue: Catalogue, read: FactsRead) -> bool:
    """Whether a catalogue holds all these facts as they were read; a view of one then counts them as read."""
    if not read.hold(unwatched(catalogue.entries)):
        return False
    if isinstance(catalogue.entries, _Entries):
        catalogue.entries.note(read)
    return True
