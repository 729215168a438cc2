"""The computation of cases made of figures: base case, every input to the ends of its range, and where claims turn."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from megawatt.cases.formulas import evaluate
from megawatt.cases.points import Answers, Bench
from megawatt.cases.records import CaseFile, CaseInput, CaseTable, Claim, Computed, Measured, Turn
from megawatt.cases.words import figure
from megawatt.errors import MegawattError, ScenarioError, shown

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["compute_figures"]

BASE: Final = "the base case"
"""What the first value of a measure is called."""
_BEYOND: Final = (2.0, 4.0, 8.0)
"""Times a range is left behind in search of a value that turns a claim which nothing published turns."""
_HOPELESS: Final = 0.02
"""Of the way to the other verdict that a range goes: below it nothing is looked for beyond."""
_NEAR: Final = 1e-3
"""Of an input: how near its turning value is found."""
_STEPS: Final = 24
"""Steps of the search at most."""
_NAMED: Final = re.compile(r"\{([a-z][a-z0-9_.]*)(:[^{}]*)?\}")


def compute_figures(case: CaseFile, catalogue: Catalogue, answers: Answers | None = None) -> Computed:
    """Measures over the ranges of the inputs, tables, and by claim the inputs that turn it.

    Raises
    ------
    ScenarioError
        If the section [figures] is missing, or names what there is not.
    MegawattError
        If a room refuses the base case.
    """
    if case.figures is None:
        raise ScenarioError(f"case {case.key}: figures: none; allowed: a section [figures] (docs/cases.md)")
    bench = Bench(case, catalogue, answers or Answers())
    base, reads = bench.at(bench.base()), bench.reads()
    for name in (claim.measure for claim in case.claims if claim.measure not in reads):
        raise ScenarioError(
            f"case {case.key}: measure {shown(name)}; allowed: {', '.join(n for n, *_ in bench.measures())}"
        )
    study = _Study(bench, base, reads)
    measures, missing = study.measured()
    judged = [claim for claim in case.claims if claim.measure in measures]
    turns = {claim.key: study.turns(claim) for claim in judged}
    together = {claim.key: study.together(claim) for claim in judged if not any(t.published for t in turns[claim.key])}
    for claim in judged:
        if not turns[claim.key]:
            turns[claim.key] = study.beyond(claim)
    return Computed(
        measures=measures,
        tables=tuple(_tables(bench, base)),
        turns=turns,
        together={key: value for key, value in together.items() if value is not None},
        missing=missing,
        story=tuple(_told(text, base) for text in bench.sections.story),
    )


class _Study:
    """A case at its base, and what moves it."""

    def __init__(self, bench: Bench, base: Mapping[str, float], reads: Mapping[str, frozenset[str]]) -> None:
        self.bench, self.base, self.reads = bench, base, reads
        self.ranged = [i for i in bench.case.inputs if i.low < i.high]

    def _moving(self, measure: str) -> Iterator[tuple[CaseInput, float]]:
        """Inputs that a measure rests on, at each end of their range."""
        for one in self.ranged:
            if one.name in self.reads[measure]:
                yield from ((one, end) for end in (one.low, one.high) if end != one.value)

    def value(self, measure: str, moved: Mapping[str, float]) -> float:
        """A measure with some inputs moved; nan where the rooms refuse them."""
        try:
            return self.bench.at(self.bench.base() | dict(moved), self.reads[measure])[measure]
        except MegawattError:
            return math.nan

    def measured(self) -> tuple[dict[str, Measured], dict[str, str]]:
        """Every measure over its inputs' ranges; and those that nobody's numbers give, with what is missing."""
        found, missing = {}, {}
        for name, section, each in self.bench.measures():
            title = section.title.replace("{each}", each)
            if not math.isfinite(self.base[name]):
                unknown = [u.note for u in self.bench.case.unknown if u.name in self.reads[name]]
                missing[name] = "; ".join(unknown) or f"{title} is not defined here"
                continue
            values = {BASE: self.base[name]}
            for one, end in self._moving(name):
                moved = self.value(name, {one.name: end})
                if math.isfinite(moved) and moved != self.base[name]:
                    values[f"{one.name} {figure(end)} {one.unit}".rstrip()] = moved
            found[name] = Measured(values, unit=section.unit, title=title)
        return found, missing

    def turns(self, claim: Claim) -> tuple[Turn, ...]:
        """Inputs that turn a claim within their published range, each alone, and where."""
        met, found = claim.met(self.base[claim.measure]), []
        for one, end in self._moving(claim.measure):
            moved = self.value(claim.measure, {one.name: end})
            if not met and not claim.met(moved) and _crosses(claim, self.base[claim.measure], moved):
                end = self._inside(claim, one, end)
                moved = self.value(claim.measure, {one.name: end})
            if not math.isnan(moved) and claim.met(moved) != met:
                at = self._edge(claim, one, one.value, end)
                found.append(_turn(one, at, claim, met == (end < one.value), published=True))
        return tuple(found)

    def _inside(self, claim: Claim, one: CaseInput, end: float) -> float:
        """A value of an input that meets a claim of equality, between its base and an end beyond the claim's far side;
        the end itself where the measure jumps over the claim."""
        low, high = claim.bounds
        here, there, above = one.value, end, self.base[claim.measure] > high
        for _ in range(_STEPS):
            middle = 0.5 * (here + there)
            moved = self.value(claim.measure, {one.name: middle})
            if math.isnan(moved) or low <= moved <= high:
                return end if math.isnan(moved) else middle
            here, there = (middle, there) if (moved > high) == above else (here, middle)
        return end

    def _edge(self, claim: Claim, one: CaseInput, inside: float, outside: float) -> float:
        """The value of an input at which a claim turns, between one where it is as at the base and one where not.

        Lines between the ends first (most measures are nearly straight), halves where they do not close in.
        """
        met = claim.met(self.base[claim.measure])
        here, there = (self.value(claim.measure, {one.name: at}) for at in (inside, outside))
        bound = min((b for b in claim.bounds if min(here, there) <= b <= max(here, there)), default=math.nan)
        for step in range(_STEPS):
            share = (bound - here) / (there - here) if step % 3 < 2 and there != here else 0.5
            middle = inside + min(max(share, 0.02), 0.98) * (outside - inside) if math.isfinite(share) else inside
            moved = self.value(claim.measure, {one.name: middle})
            if abs(moved - bound) <= _NEAR * abs(bound or there - here):
                return middle
            if not math.isnan(moved) and claim.met(moved) == met:
                inside, here = middle, moved
            else:
                outside, there = middle, moved
            if abs(outside - inside) <= _NEAR * max(abs(outside), abs(inside)):
                break
        return outside

    def _favourable(self, claim: Claim) -> dict[str, float]:
        """Each input at the end of its range that brings the measure nearest to the opposite verdict."""
        ends: dict[str, tuple[float, float]] = {}
        for one, end in self._moving(claim.measure):
            moved = self.value(claim.measure, {one.name: end})
            gain = _distance(claim, self.base[claim.measure]) - _distance(claim, moved)
            if gain > ends.get(one.name, (0.0, 0.0))[0]:
                ends[one.name] = (gain, end)
        return {name: end for name, (_, end) in ends.items()}

    def together(self, claim: Claim) -> float | None:
        """The measure with every input at the end that favours the opposite verdict; None where nothing moves it."""
        ends = self._favourable(claim)
        value = self.value(claim.measure, ends) if len(ends) > 1 else math.nan
        return None if math.isnan(value) else value

    def beyond(self, claim: Claim) -> tuple[Turn, ...]:
        """The input that moves the measure most, and the value beyond its range that would turn the claim, if any."""
        met, ends = claim.met(self.base[claim.measure]), self._favourable(claim)
        here = self.base[claim.measure]
        gains = {name: abs(self.value(claim.measure, {name: end}) - here) for name, end in ends.items()}
        strongest = max(gains, key=lambda name: gains[name], default="")
        near = gains.get(strongest, 0.0) > _HOPELESS * _distance(claim, here)
        for one in (i for i in self.ranged if near and i.name == strongest):
            end = ends[one.name]
            for times in _BEYOND:
                far = one.high * times if end > one.value else max(one.low, 1e-9) / times
                moved = self.value(claim.measure, {one.name: far})
                if not math.isnan(moved) and claim.met(moved) != met:
                    at = self._edge(claim, one, end, far)
                    return (_turn(one, at, claim, met == (far < one.value), published=False),)
        return ()


def _crosses(claim: Claim, here: float, there: float) -> bool:
    """Whether a claim lies between two values of its measure, neither of which meets it."""
    low, high = claim.bounds
    return min(here, there) < low and high < max(here, there)


def _distance(claim: Claim, value: float) -> float:
    """How far a measure is from the other verdict: from the claim's bound, on the side where it stands."""
    low, high = claim.bounds
    if math.isnan(value):
        return math.inf
    if claim.met(value):
        return min(value - low, high - value)
    return low - value if value < low else value - high


def _turn(one: CaseInput, at: float, claim: Claim, upward: bool, *, published: bool) -> Turn:
    return Turn(one.name, at, one.unit, one.value, one.low, one.high, published, upward)


def _tables(bench: Bench, base: Mapping[str, float]) -> Iterator[CaseTable]:
    for table in bench.sections.tables:
        rows = []
        for row, title in zip(table.rows, table.titles or table.rows, strict=True):
            name = row.replace("-", "_")
            cells = (evaluate(column.formula.replace("{row}", name), base, None) for column in table.columns)
            rows.append((title, *("-" if math.isnan(cell) else figure(cell) for cell in cells)))
        yield CaseTable(table.title, (table.head, *(column.title for column in table.columns)), tuple(rows))


def _told(text: str, base: Mapping[str, float]) -> str:
    """A sentence with the figures that it names.

    Raises
    ------
    ScenarioError
        If it names what there is not.
    """

    def number(found: re.Match[str]) -> str:
        value = evaluate(found[1], base, None)
        if math.isnan(value) or not found[2]:
            return "-" if math.isnan(value) else figure(value)
        return format(value, found[2][1:]).replace("%", " %")

    return _NAMED.sub(number, text)
