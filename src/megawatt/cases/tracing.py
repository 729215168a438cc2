"""Where the figures of a case come from: the formula of each, and what rooms were asked."""

from __future__ import annotations

import json

from megawatt.cases.points import filled, spread, word
from megawatt.cases.records import CaseFile

__all__ = ["formulas_of", "questions_of"]


def formulas_of(case: CaseFile) -> dict[str, str]:
    """Formula of every measure of a case of figures, by name; empty for another computation."""
    measures = () if case.figures is None else case.figures.measures
    return {word(filled(m.name, each)): filled(m.formula, each) for m, each in spread(measures)}


def questions_of(case: CaseFile) -> dict[str, tuple[str, str]]:
    """Room and arguments of every question of a case of figures, by the name that formulas read."""
    runs = () if case.figures is None else case.figures.runs
    return {
        word(filled(run.name, each)): (run.room, json.dumps(filled(run.ask, each), ensure_ascii=False)[1:-1])
        for run, each in spread(runs)
    }
