"""A case file's sections, strictly checked: every problem of a file at once."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from megawatt.catalogue.quantity import refusal
from megawatt.catalogue.section import Section

__all__ = ["CaseSections", "FigureSections", "InputSection", "MeasureSection", "RunSection", "TableSection"]

_MOST: Final = 1e15
"""Largest size of a number of a case."""
_Number = Annotated[float, Field(ge=-_MOST, le=_MOST, allow_inf_nan=False)]
_Positive = Annotated[float, Field(ge=0, le=_MOST, allow_inf_nan=False)]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,79}$")]
_Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
_Spread = Annotated[str, StringConstraints(pattern=r"^(\{each\}|[a-z])[a-z0-9_]{0,59}(\{each\})?$")]
_Formula = Annotated[str, StringConstraints(min_length=1, max_length=3000)]
_EACH = Field((), max_length=40)


class InputSection(Section):
    """A number with its range; ``fact`` takes it from the catalogue."""

    name: _Name
    value: Annotated[float, Field(gt=0, lt=_MOST, allow_inf_nan=False)] | None = None
    fact: Annotated[str, StringConstraints(pattern=r"^@[a-z0-9.-]+\.[a-z0-9_]+$")] | None = None
    low: _Positive | None = None
    high: _Positive | None = None
    unit: str = Field("", max_length=40)
    source: str = Field("", max_length=400)
    note: str = Field("", max_length=1000)

    @model_validator(mode="after")
    def _whole(self) -> InputSection:
        if (self.value is None) == (self.fact is None):
            raise refusal("value and fact" if self.value is not None else "no value", "either value or fact")
        if self.value is not None and not self.source:
            raise refusal("no source", "a source, or 'assumed'")
        low, high = self.low, self.high
        if self.value is not None and not ((low is None or low <= self.value) and (high is None or self.value <= high)):
            raise refusal(f"{low} <= {self.value:g} <= {high}", "low <= value <= high")
        return self


class UnknownSection(Section):
    """A number that nobody has published."""

    name: _Name
    unit: str = Field("", max_length=40)
    note: _Text


class ClaimSection(Section):
    """A published claim on a measure."""

    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
    text: _Text
    source: _Text
    measure: _Text
    at_least: _Number | None = None
    at_most: _Number | None = None
    equals: _Number | None = None
    within_frac: Annotated[float, Field(gt=0, le=1)] = 0.05
    ours: Literal["", "bound", "claim"] = ""

    @model_validator(mode="after")
    def _one_bound(self) -> ClaimSection:
        stated = [n for n in ("at_least", "at_most", "equals") if getattr(self, n) is not None]
        if len(stated) != 1:
            raise refusal(" and ".join(stated) or "no bound", "one of at_least, at_most, equals")
        return self


class SinceSection(Section):
    """What happened since."""

    date: Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}(-[0-9]{2}(-[0-9]{2})?)?$")]
    text: _Text
    source: _Text


class RunSection(Section):
    """A room asked with arguments; a text ``$name`` among them is the input's value, ``{each}`` one of ``each``."""

    name: _Spread
    room: Literal["site", "hall", "mining", "company", "contagion", "training", "conversion", "replay", "access",
                  "auction", "owned", "made"]  # fmt: skip
    each: tuple[str, ...] = _EACH
    ask: dict[str, Any] = Field(default_factory=dict)


class MeasureSection(Section):
    """A figure of the case: arithmetic on inputs, on figures of runs (``run.figure``) and on measures before it."""

    name: _Spread
    title: _Text
    formula: _Formula
    unit: str = Field("", max_length=40)
    each: tuple[str, ...] = _EACH


class ColumnSection(Section):
    """A column of a table."""

    title: _Text
    formula: _Formula


class TableSection(Section):
    """A table with a row for each of ``rows``; ``titles`` names them."""

    title: _Text
    head: _Text
    rows: tuple[str, ...] = Field(min_length=1, max_length=60)
    titles: tuple[str, ...] = Field((), max_length=60)
    columns: tuple[ColumnSection, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _as_many(self) -> TableSection:
        if self.titles and len(self.titles) != len(self.rows):
            raise refusal(f"{len(self.titles)} titles", f"{len(self.rows)}, as rows")
        return self


class FigureSections(Section):
    """The section [figures]: what is asked of rooms, and the figures that are made of the answers."""

    runs: tuple[RunSection, ...] = Field((), max_length=60)
    measures: tuple[MeasureSection, ...] = Field(min_length=1, max_length=80)
    tables: tuple[TableSection, ...] = Field((), max_length=20)
    story: tuple[_Text, ...] = Field((), max_length=20)


class CaseSections(Section):
    """A case file; its computation has a section of its own name."""

    title: _Text
    as_of: Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-[0-9]{2}(-[0-9]{2})?$")]
    computation: str
    number: Annotated[int, Field(ge=0, le=999)] = 0
    about: str = Field("", max_length=4000)
    inputs: tuple[InputSection, ...] = Field(max_length=200)
    unknown: tuple[UnknownSection, ...] = Field((), max_length=50)
    claims: tuple[ClaimSection, ...] = Field(max_length=50)
    since: tuple[SinceSection, ...] = Field((), max_length=100)
    machines: dict[str, Any] = Field(default_factory=dict)
    figures: FigureSections | None = None

    @model_validator(mode="after")
    def _each_once(self) -> CaseSections:
        named = [*(one.name for one in self.inputs), *(one.name for one in self.unknown)]
        for what, names in (("inputs", named), ("claims", [claim.key for claim in self.claims])):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise refusal(f"two {what} named {twice!r}", "each once")
        return self
