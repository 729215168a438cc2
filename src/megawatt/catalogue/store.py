"""The catalogue: look facts up by key, with the nearest keys in every error."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from hashlib import sha256
from importlib.resources.abc import Traversable
from typing import Final

from megawatt.catalogue.loader import data_folder, data_hash, read_data
from megawatt.catalogue.machines import build_accelerator, build_system
from megawatt.catalogue.memo import Memo, resolved
from megawatt.catalogue.reads import unwatched
from megawatt.catalogue.records import Accelerator, Assumption, Entry, Fact, Normals, PriceShape, Source, System
from megawatt.catalogue.tables import build_normals, build_price_shape
from megawatt.errors import CatalogueError, shown

__all__ = ["Catalogue", "load_catalogue", "read_catalogue"]

_USER: Final = "user"
"""Publisher of what a file of the user's says."""
_OTHER_WORDS: Final = {
    "chip": "accelerator",
    "gpu": "accelerator",
    "machine": "system",
    "climate": "place",
    "stack": "practice",
}
"""What people call families."""


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


_SLICE: Final = re.compile(r"(?:tpu-?)?(v4|v5p)-([0-9]{1,6})")
"""Slices that Google names by TensorCores, two a chip (Cloud TPU documentation, accelerator types); v5e, v6e and 7x
are named by chips."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """What is known, by key.

    Attributes
    ----------
    entries : mapping of str to Entry
        All entries by key, unique over the families.
    sources : mapping of str to Source
        Everything a fact can cite.
    aliases : mapping of str to str
        Other names, to keys.
    folder : Traversable
        Where the data files lie.
    replaced : tuple of (key, field, value)
        Numbers set by `replace_fact`, in order.
    files : mapping of str to str
        SHA-256 of the files that were laid over it (machine files, measured kernels), by name.
    memo : Memo, optional
        Keeps what `resolved` functions make of it.
    """

    entries: Mapping[str, Entry]
    sources: Mapping[str, Source]
    aliases: Mapping[str, str]
    folder: Traversable
    replaced: tuple[tuple[str, str, float], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    memo: Memo | None = None

    def families(self) -> tuple[str, ...]:
        """Names of the families, sorted."""
        return tuple(sorted({entry.family for entry in self.entries.values()}))

    def family(self, name: str) -> str:
        """The name of a family, from it, its plural or a word that people have for it.

        Raises
        ------
        CatalogueError
            If there is no such family; names the nearest.
        """
        word = name.strip().lower()
        known = {form: family for family in self.families() for form in (family, _plural(family))}
        known |= {form: f for w, f in _OTHER_WORDS.items() if f in known for form in (w, _plural(w))}
        if word in known:
            return known[word]
        near = list(dict.fromkeys(known[form] for form in get_close_matches(word[:80], known, n=4)))
        hint = f"nearest: {', '.join(near)}; " if near else ""
        raise CatalogueError(f"catalogue: no family {shown(name)}; {hint}families: {', '.join(self.families())}")

    def keys(self, family: str) -> tuple[str, ...]:
        """Keys of one family (`family`), sorted.

        Raises
        ------
        CatalogueError
            If there is no such family.
        """
        keys = sorted(key for key, entry in unwatched(self.entries).items() if entry.family == family)
        return tuple(keys) or self.keys(self.family(family))

    def knows(self, key: str) -> bool:
        """Whether a text is a key or an alias."""
        return self._key(key) in self.entries

    def get(self, key: str, family: str | None = None) -> Entry:
        """The entry of a key or alias, optionally of one family only.

        Capitals do not matter. Where a system is asked for, a chip stands for the one system that has it; where a chip
        is asked for, a system stands for its chip.

        Raises
        ------
        CatalogueError
            If there is no such entry, or several systems have the chip; names them, or the nearest keys.
        """
        entry = self.entries.get(self._key(key))
        if entry is not None and family in (None, entry.family):
            return entry
        where = f"{family} {shown(key)}" if family else shown(key)
        if entry is None:
            raise CatalogueError(f"catalogue: {where} is not known; {self._hint(key, family)}")
        if (family, entry.family) == ("accelerator", "system"):
            return self.get(str(entry.facts["accelerator"].value))
        if (family, entry.family) == ("system", "accelerator"):
            systems = self.systems_of(entry.key)
            if len(systems) == 1:
                return self.entries[systems[0]]
            have = f"say which system: {', '.join(systems)}" if systems else "no system of the catalogue has it"
            raise CatalogueError(f"catalogue: {where}: {entry.key} is a chip; {have}")
        raise CatalogueError(f"catalogue: {where}: {key} is of the family {entry.family}; {self._hint(key, family)}")

    def systems_of(self, chip: str) -> tuple[str, ...]:
        """Keys of the systems that have a chip, sorted."""
        key = self._key(chip)
        systems = ((k, entry.facts.get("accelerator")) for k, entry in self.entries.items() if entry.family == "system")
        return tuple(sorted(k for k, chip in systems if chip is not None and chip.value == key))

    def near(self, key: str, family: str | None = None) -> list[str]:
        """Up to four keys or aliases that look like a text, the nearest first, of one family or all; the systems that
        have it where a system is asked for and the text is a chip."""
        if family == "system" and (systems := self.systems_of(key)):
            return list(systems)
        pool = [k for k, entry in self.entries.items() if family in (None, entry.family)]
        pool += [alias for alias, k in self.aliases.items() if family in (None, self.entries[k].family)]
        return get_close_matches(key.lower()[:80], pool, n=4, cutoff=0.5)

    def _key(self, key: str) -> str:
        word = key.strip().lower()
        return self.aliases.get(word, word)

    def _hint(self, key: str, family: str | None) -> str:
        part = _SLICE.fullmatch(key.strip().lower())
        if part is not None and family == "system":
            chips = max(int(part[2]) // 2, 1)
            return f"{key} counts TensorCores, two a chip: --system tpu-{part[1]}-pod --chips {chips}"
        near = self.near(key, family)
        command = f"`megawatt catalogue list{f' {family}' if family else ''}`"
        return f"nearest: {', '.join(near)} (all: {command})" if near else f"see {command}"

    def fact(self, key: str, field: str) -> Fact:
        """One fact.

        Raises
        ------
        CatalogueError
            If the entry or the fact does not exist.
        """
        entry = self.get(key)
        fact = entry.facts.get(field)
        if fact is None:
            near = get_close_matches(field, entry.facts, n=3, cutoff=0.6)
            hint = f"nearest: {', '.join(near)}; " if near else ""
            raise CatalogueError(
                f"catalogue: {entry.key} has no fact {field!r}; {hint}present: {', '.join(sorted(entry.facts))}"
            )
        return fact

    def number(self, key: str, field: str) -> float:
        """The value of one fact, in the unit that ends its name.

        Raises
        ------
        CatalogueError
            If the fact does not exist or is a word.
        """
        value = self.fact(key, field).value
        if isinstance(value, str):
            raise CatalogueError(f"catalogue: {key}.{field} = {value!r} is a word, a number is needed")
        return value

    def assume(self, key: str, field: str, room: str) -> Assumption:
        """One fact as an assumption of a room, named ``key.field``.

        Raises
        ------
        CatalogueError
            If the fact does not exist.
        """
        return Assumption(f"{self.get(key).key}.{field}", room, self.fact(key, field))

    def replace_fact(self, key: str, field: str, value: float) -> Catalogue:
        """A copy of the catalogue with one number replaced; the fact says so.

        Raises
        ------
        CatalogueError
            If the fact does not exist or is a word.
        """
        before = self.number(key, field)
        entry, old = self.get(key), self.fact(key, field)
        inside = (old.low is None or old.low <= value) and (old.high is None or value <= old.high)
        new = dataclasses.replace(
            old,
            value=float(value),
            kind="assumed",
            low=old.low if inside else None,
            high=old.high if inside else None,
            note=f"set for this run; the catalogue holds {before:g} ({old.kind}, {old.source}). {old.note}".strip(),
        )
        changed = dataclasses.replace(entry, facts={**entry.facts, field: new})
        entries = {**self.entries, entry.key: changed}
        return dataclasses.replace(self, entries=entries, replaced=(*self.replaced, (entry.key, field, float(value))))

    def laid_over(self, entries: Iterable[Entry], file: str, sha256: str, title: str) -> Catalogue:
        """A copy of the catalogue with entries of a file of the user's: new ones, or in the place of its own.

        Parameters
        ----------
        entries : iterable of Entry
            Their facts name ``file`` as their source, or a source of the catalogue.
        file, sha256, title : str
            Name and hash of the file, and what it is.

        Raises
        ------
        CatalogueError
            If another file with an entry of the same key was laid over it before.
        """
        found = {entry.key: entry for entry in entries}
        own = {s.key for s in self.sources.values() if s.publisher == _USER}
        for key in found.keys() & self.entries.keys():
            others = {fact.source for fact in self.entries[key].facts.values()} & own - {file}
            if others:
                raise CatalogueError(f"{file}: {key} is in {min(others)} already; names must differ")
        return dataclasses.replace(
            self,
            entries={**self.entries, **found},
            sources={**self.sources, file: Source(file, title, _USER, "", "")},
            files={**self.files, file: sha256},
        )

    @resolved
    def accelerator(self, key: str) -> Accelerator:
        """The chip record of a key.

        Raises
        ------
        CatalogueError
            If the key is unknown, or a fact that the record needs is missing.
        """
        return build_accelerator(self.get(key, "accelerator"))

    @resolved
    def system(self, key: str) -> System:
        """The system record of a key, its chip included.

        Raises
        ------
        CatalogueError
            If the key is unknown, or a fact that the record needs is missing.
        """
        return build_system(self.get(key, "system"), self.accelerator)

    def normals(self, place: str) -> Normals:
        """Monthly climate normals of a place.

        Raises
        ------
        CatalogueError
            If the place is unknown.
        """
        entry = self.get(place, "place")
        return build_normals(self.folder, entry, self.fact(entry.key, "annual_mean_dry_bulb_c"))

    def price_shape(self, grid: str, year: int) -> PriceShape:
        """The price shape of a grid and year.

        Raises
        ------
        CatalogueError
            If the grid is unknown or has no prices of that year; names the years there are.
        """
        entry = self.get(grid, "grid")
        name = f"price_{year}_mean_usd_per_mwh"
        if name not in entry.facts:
            years = [field.split("_")[1] for field in entry.facts if field.startswith("price_2")]
            raise CatalogueError(f"catalogue: {entry.key} has no prices of {year}; years: {', '.join(years) or 'none'}")
        return build_price_shape(self.folder, entry, year, entry.facts[name])

    def content_hash(self) -> str:
        """SHA-256 of the data files; with numbers replaced or files laid over, of the files' hash and those."""
        changes = [repr(change) for change in (self.replaced, tuple(self.files.items())) if change]
        base = data_hash(self.folder)
        return sha256("".join([base, *changes]).encode()).hexdigest() if changes else base

    def ranged(self) -> tuple[tuple[str, str], ...]:
        """(key, field) of every number that carries a low or a high, sorted."""
        return tuple(
            sorted(
                (key, name)
                for key, entry in self.entries.items()
                for name, fact in entry.facts.items()
                if fact.low is not None or fact.high is not None
            )
        )


def read_catalogue(folder: Traversable) -> Catalogue:
    """Read a catalogue from any folder of data files.

    Raises
    ------
    CatalogueError
        If a file is malformed.
    """
    raw = read_data(folder)
    return Catalogue(raw.entries, raw.sources, raw.aliases, folder)


@functools.cache
def load_catalogue() -> Catalogue:
    """The catalogue shipped with the package; read once per process.

    Raises
    ------
    CatalogueError
        If a data file is malformed.
    """
    return read_catalogue(data_folder())
