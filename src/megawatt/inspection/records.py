"""What is said of a key or a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from megawatt.catalogue.records import Fact, Source
from megawatt.errors import Problem
from megawatt.words import amount, plain, span

__all__ = ["Description", "Line", "Section"]

_WIDE: Final = 20
"""Characters of a value in its own column of a table."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was understood: a number or a word with its unit, range and, where there is one, its source."""

    name: str
    value: float | int | str | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    kind: str = ""
    source: str = ""
    date: str = ""
    note: str = ""

    @classmethod
    def of(cls, name: str, fact: Fact) -> Line:
        """A fact of the catalogue or of a scenario."""
        unit = "FLOP/s" if fact.unit == "1/s" and name.endswith("flops_per_s") else fact.unit
        return cls(name, fact.value, unit, fact.low, fact.high, fact.kind, fact.source, fact.date, fact.note)

    @property
    def told(self) -> str:
        """The value with its unit, in words."""
        return amount(self.value, self.unit)

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Name, value, what stands beside it, and kind, for a table. Beside stands the range; of long words, which have
        none, the words themselves; the note of a line that rests on no source."""
        long = isinstance(self.value, str) and len(self.value) > _WIDE
        note = "" if self.source else self.note
        beside = (self.told if long else "", span(self.low, self.high, self.value, self.unit) or note)
        return self.name, "" if long else self.told, ", ".join(filter(None, beside)), self.kind

    def as_dict(self, sources: Mapping[str, Source]) -> dict[str, float | int | str | None]:
        """Plain values for JSON; a number without limit is the word ``unlimited``."""
        values = {name: plain(value) for name, value in asdict(self).items()}
        source = sources.get(self.source)
        return values | {"url": source.url if source else ""}


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that belong together."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """What a key or a file is and what was understood of it.

    Attributes
    ----------
    kind : str
        A family of the catalogue, or the name of a kind of file.
    name : str
        The key, or the path as it was given.
    title : str
        What it calls itself, or what its kind is.
    sections : tuple of Section
        What was understood.
    assumed : tuple of str
        What it does not say and was filled in.
    problems : tuple of Problem
        What is wrong with it; empty where it can be used.
    exit_code : int
        Of the gravest problem; 0 without.
    warnings : tuple of str
        What can be used, but is not plausible.
    """

    kind: str
    name: str
    title: str
    sections: tuple[Section, ...] = ()
    assumed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    exit_code: int = 0
    warnings: tuple[str, ...] = ()

    def as_dict(self, sources: Mapping[str, Source]) -> dict[str, Any]:
        """Plain values for JSON, without the problems."""
        sections = [{"title": s.title, "lines": [line.as_dict(sources) for line in s.lines]} for s in self.sections]
        named = {"kind": self.kind, "name": self.name, "title": self.title}
        return {**named, "sections": sections, "assumed": list(self.assumed), "warnings": list(self.warnings)}
