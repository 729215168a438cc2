"""What a case holds: inputs, claims, what was computed, and the verdict on each claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["VERDICTS", "CaseFile", "CaseInput", "CaseResult", "CaseTable", "Claim", "Happened", "Measured", "Verdict"]

VERDICTS: Final = ("holds", "holds if", "does not hold", "cannot be checked")


@dataclass(frozen=True, slots=True)
class CaseInput:
    """A number that the case rests on, within the ends of what is published."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody said, as a bound of a computed measure."""

    key: str
    text: str
    source: str
    measure: str
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened since."""

    date: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A ``case.toml``; ``settings`` are those of its computation."""

    key: str
    title: str
    as_of: str
    computation: str
    settings: Mapping[str, Any]
    inputs: tuple[CaseInput, ...]
    claims: tuple[Claim, ...]
    since: tuple[Happened, ...]

    def value(self, name: str, default: float = 1.0) -> float:
        """The value of an input; the default where the case has none of that name (1: a factor that nobody moves)."""
        return next((i.value for i in self.inputs if i.name == name), default)


@dataclass(frozen=True, slots=True)
class Measured:
    """A computed measure under every workload, precision and input that was tried: ``values`` by what was tried, the
    base case first; ``turns`` is a sentence on what would change a verdict."""

    values: Mapping[str, float]
    turns: str = ""

    @property
    def base(self) -> tuple[str, float]:
        """What the base case is, and its value."""
        return next(iter(self.values.items()))

    @property
    def ends(self) -> tuple[float, float]:
        """Least and most."""
        return min(self.values.values()), max(self.values.values())


@dataclass(frozen=True, slots=True)
class CaseTable:
    """A table of the page: title, columns, rows of ready text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of `VERDICTS` on a claim, with the figure it rests on and what would change it."""

    claim: Claim
    verdict: str
    because: str
    would_change: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A case that was run: measures, tables, verdicts, and the answer in three sentences."""

    case: CaseFile
    measures: Mapping[str, Measured]
    tables: tuple[CaseTable, ...]
    verdicts: tuple[Verdict, ...]
    answer: tuple[str, str, str]
    notes: tuple[str, ...] = field(default=())
