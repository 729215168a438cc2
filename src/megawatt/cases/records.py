"""What a case holds: inputs, claims, what was computed, and the verdict on each claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from megawatt.cases.sections import FigureSections

__all__ = [
    "VERDICTS",
    "CaseFile",
    "CaseInput",
    "CaseResult",
    "CaseTable",
    "Claim",
    "Computed",
    "Happened",
    "Measured",
    "Turn",
    "Unknown",
    "Verdict",
]

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

    @property
    def assumed(self) -> bool:
        """Whether nobody's figure stands behind the value."""
        return self.source.startswith("assumed")

    @property
    def unread(self) -> bool:
        """Whether a source is named that was not read again."""
        return not self.assumed and "from memory" in self.source + self.note


@dataclass(frozen=True, slots=True)
class Unknown:
    """A number that the case needs and nobody has published; ``--set NAME=VALUE`` makes it an input."""

    name: str
    unit: str
    note: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody said, as a bound of a computed measure, or as a figure that it meets within a share of it."""

    key: str
    text: str
    source: str
    measure: str
    at_least: float | None = None
    at_most: float | None = None
    equals: float | None = None
    within_frac: float = 0.05
    ours: str = ""
    """``bound``: the claim was made in words, the number is the case's own; ``claim``: the whole question is."""

    @property
    def by(self) -> str:
        """Who said it, or that the case asks it."""
        return f"asked here: {self.source}" if self.ours == "claim" else self.source

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and most value of the measure that meets the claim."""
        if self.equals is not None:
            room = abs(self.equals) * self.within_frac
            return self.equals - room, self.equals + room
        low = -float("inf") if self.at_least is None else self.at_least
        return low, float("inf") if self.at_most is None else self.at_most

    def met(self, value: float) -> bool:
        """Whether a value of the measure meets the claim."""
        low, high = self.bounds
        return low <= value <= high


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened since."""

    date: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A ``case.toml``; ``settings`` are those of its computation, ``folder`` is where files that they name lie."""

    key: str
    title: str
    as_of: str
    computation: str
    settings: Mapping[str, Any]
    inputs: tuple[CaseInput, ...]
    claims: tuple[Claim, ...]
    since: tuple[Happened, ...]
    number: int = 0
    about: str = ""
    unknown: tuple[Unknown, ...] = ()
    figures: FigureSections | None = None
    folder: Path = Path()

    def value(self, name: str, default: float = 1.0) -> float:
        """The value of an input; the default where the case has none of that name (1: a factor that nobody moves)."""
        return next((i.value for i in self.inputs if i.name == name), default)


@dataclass(frozen=True, slots=True)
class Measured:
    """A computed measure under every workload, precision and input that was tried: ``values`` by what was tried, the
    base case first; ``turns`` is a sentence on what would change a verdict."""

    values: Mapping[str, float]
    turns: str = ""
    unit: str = ""
    title: str = ""

    @property
    def base(self) -> tuple[str, float]:
        """What the base case is, and its value."""
        return next(iter(self.values.items()))

    @property
    def ends(self) -> tuple[float, float]:
        """Least and most."""
        return min(self.values.values()), max(self.values.values())


@dataclass(frozen=True, slots=True)
class Turn:
    """An input's value at which a claim's verdict turns; ``published``: whether it lies in the input's range."""

    input: str
    at: float
    unit: str
    base: float
    low: float
    high: float
    published: bool
    upward: bool
    """Whether the claim is met above the value (below it otherwise)."""


@dataclass(frozen=True, slots=True)
class CaseTable:
    """A table of the page: title, columns, rows of ready text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Computed:
    """What a computation gives: measures by name, tables, notes, and by claim the inputs that turn it.

    ``together`` holds by claim the measure with every input at the end of its range that favours the opposite verdict,
    for claims that no single input turns; ``missing`` by measure what nobody has published; ``story`` sentences.
    """

    measures: Mapping[str, Measured]
    tables: tuple[CaseTable, ...] = ()
    notes: tuple[str, ...] = ()
    turns: Mapping[str, tuple[Turn, ...]] = field(default_factory=dict)
    together: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    story: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of `VERDICTS` on a claim, with the figure it rests on and what would change it."""

    claim: Claim
    verdict: str
    because: str
    would_change: str
    figure: float | None = None
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A case that was run: measures, tables, verdicts, and the answer in three sentences."""

    case: CaseFile
    measures: Mapping[str, Measured]
    tables: tuple[CaseTable, ...]
    verdicts: tuple[Verdict, ...]
    answer: tuple[str, str, str]
    notes: tuple[str, ...] = ()
    story: tuple[str, ...] = ()

    def unit(self, measure: str) -> str:
        """Unit of a measure; '' where it was not computed."""
        return self.measures[measure].unit if measure in self.measures else ""
