"""A case at one set of its inputs: rooms asked, each question once, and figures made of the answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from megawatt.cases.asking import ask
from megawatt.cases.formulas import evaluate, names_in
from megawatt.cases.records import CaseFile
from megawatt.cases.sections import FigureSections, MeasureSection, RunSection

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Answers", "Bench", "filled", "spread", "word"]

_FORMULA: Final = "="
"""Begins a text among the arguments of a question that is a formula."""


@dataclass
class Answers:
    """Figures by question, as they were found, and what rooms keep of one question for the next."""

    found: dict[str, dict[str, float]] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)


def spread(parts: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    """Each part of a file as often as it says, with what stands for ``{each}`` in it."""
    for part in parts:
        for each in part.each or ("",):
            yield part, each


def filled(value: Any, each: str) -> Any:
    """A part of a file with what stands for ``{each}`` in it."""
    if isinstance(value, str):
        return value.replace("{each}", each)
    if isinstance(value, dict):
        return {name: filled(inner, each) for name, inner in value.items()}
    return [filled(inner, each) for inner in value] if isinstance(value, list) else value


def _formulas(value: Any) -> Iterator[str]:
    """Formulas among arguments."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        yield value[1:]
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _formulas(inner)


def word(name: str) -> str:
    """A name as formulas write it: hyphens are no part of one."""
    return name.replace("-", "_")


@dataclass
class Bench:
    """A case and the catalogue, with the answers that were found so far.

    Parameters
    ----------
    case : CaseFile
        With a section [figures].
    catalogue : Catalogue
        Facts.
    answers : Answers
        Shared among cases that are run together.
    """

    case: CaseFile
    catalogue: Catalogue
    answers: Answers = field(default_factory=Answers)

    @property
    def sections(self) -> FigureSections:
        """The section [figures]."""
        assert self.case.figures is not None, "checked where the case is run"
        return self.case.figures

    def base(self) -> dict[str, float]:
        """Inputs at their values; what nobody has published is nan."""
        return {i.name: i.value for i in self.case.inputs} | {u.name: math.nan for u in self.case.unknown}

    def at(self, inputs: Mapping[str, float], only: frozenset[str] | None = None) -> dict[str, float]:
        """Every name that formulas may read, at these inputs: inputs, figures of runs, measures.

        ``only`` names what is wanted: runs and measures that it does not read are left out.

        Raises
        ------
        MegawattError
            If a room refuses, or a formula is wrong.
        """
        values = dict(inputs)
        void: set[str] = set()
        for place, (run, each) in enumerate(spread(self.sections.runs)):
            name = word(filled(run.name, each))
            if only is not None and name not in only:
                continue
            asked = self._asked(run, each, values, void)
            if asked is None:
                void.add(name)
                continue
            found = self._answer(run, asked, f"figures.runs.{place}.ask")
            values |= {f"{name}.{figure}": number for figure, number in found.items()}
        for measure, each in spread(self.sections.measures):
            name = word(filled(measure.name, each))
            if only is None or name in only:
                values[name] = evaluate(filled(measure.formula, word(each)), values, void)
        return values

    def _asked(self, run: RunSection, each: str, values: Mapping[str, float], void: set[str]) -> Any:
        """Arguments with their formulas worked out; None where one is not known."""

        def known(value: Any) -> Any:
            if isinstance(value, str) and value.startswith(_FORMULA):
                number = evaluate(value[1:], values, void)
                return int(number) if number.is_integer() and abs(number) < 1e15 else number
            if isinstance(value, dict):
                return {name: known(inner) for name, inner in value.items()}
            return [known(inner) for inner in value] if isinstance(value, list) else value

        asked = known(filled(run.ask, each))
        return None if _any_nan(asked) else asked

    def _answer(self, run: RunSection, asked: Mapping[str, Any], where: str) -> dict[str, float]:
        key = json.dumps([run.room, str(self.case.folder), asked], sort_keys=True, default=str)
        found, kept = self.answers.found, self.answers.kept
        if key not in found:
            found[key] = ask(run.room, asked, self.catalogue, self.case.folder, where, kept)
        return found[key]

    def reads(self) -> dict[str, frozenset[str]]:
        """By measure and run, every name that it rests on: inputs, runs, measures."""
        found: dict[str, frozenset[str]] = {}

        def resting(formulas: Iterable[str]) -> frozenset[str]:
            names = {name.partition(".")[0] for formula in formulas for name in names_in(formula)}
            return frozenset(names).union(*(found.get(name, frozenset()) for name in names))

        for run, each in spread(self.sections.runs):
            found[word(filled(run.name, each))] = resting(_formulas(filled(run.ask, word(each))))
        for measure, each in spread(self.sections.measures):
            name = word(filled(measure.name, each))
            found[name] = resting([filled(measure.formula, word(each))]) | {name}
        return found

    def measures(self) -> Iterator[tuple[str, MeasureSection, str]]:
        """Names of the measures with their sections and what stands for ``{each}``."""
        for measure, each in spread(self.sections.measures):
            yield word(filled(measure.name, each)), measure, each


def _any_nan(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_any_nan(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and math.isnan(value)
