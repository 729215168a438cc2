"""Score clearing vectors of published networks of debts (JSON, schema ``clearing-case/1``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.contagion import Clearing, clear
from megawatt.errors import Problem, ScenarioError, shown
from megawatt.files import read_json, refused
from megawatt.validation.answers import Answer, answer_entries, compared
from megawatt.validation.scoring import Case, Skipped

__all__ = ["score"]

_KIND: Final = "clearing-case"
_INPUTS: Final = ("liabilities", "external_assets", "external_liabilities", "alpha", "beta")
_SAID_ONLY: Final = ("published_value", "clearing_vector_exact")
"""Outputs that repeat the vector, rounded or as fractions."""


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Clear every network of the file and compare each output.

    Parameters
    ----------
    path : Path
        JSON file with ``cases``, each with ``label``, ``inputs`` and ``outputs``.
    catalogue : Catalogue
        Not used: the case brings all its numbers.

    Returns
    -------
    list of dict
        ``outputs`` with relative errors, ``outputs_at_zero`` with differences; waves of defaults are compared as the
        wave in which each node fails (0: never).

    Raises
    ------
    ScenarioError
        If the file is malformed, or holds an input that the package does not know.
    """
    case = read_json(path, "a clearing case")
    items = case.get("cases")
    if case.get("schema") != "clearing-case/1" or not isinstance(items, list) or not items:
        raise refused(path, f"schema {shown(case.get('schema'))}", "'clearing-case/1' with cases", where="schema")
    cases: list[Case] = []
    skipped: list[Skipped] = []
    for number, item in enumerate(items):
        where = f"cases.{number}"
        if not isinstance(item, Mapping) or not isinstance(item.get("outputs"), Mapping):
            raise refused(path, shown(item), "an object with label, inputs and outputs", where=where)
        found = _cleared(path, where, item.get("inputs"))
        one, without = compared(_said(item["outputs"], found), _computed(found), f"{item.get('label', number)}: ")
        cases += one
        skipped += without
    return answer_entries(path, _KIND, cases, skipped, lambda c: c.measured == 0.0)


def _cleared(path: Path, where: str, inputs: Any) -> Clearing:
    if not isinstance(inputs, Mapping):
        raise refused(path, shown(inputs), "an object", where=f"{where}.inputs")
    wrong = [
        Problem(f"{where}.inputs.{name}", "unknown input", f"one of {', '.join(_INPUTS)}")
        for name in inputs
        if name not in _INPUTS
    ]
    missing = [
        Problem(f"{where}.inputs.{name}", "missing", "an array of numbers")
        for name in _INPUTS[:2]
        if name not in inputs
    ]
    if wrong or missing:
        problems = wrong + missing
        raise ScenarioError(f"{path}: {problems[0]}", problems, str(path))
    try:
        arrays = {name: np.asarray(inputs[name], dtype=np.float64) for name in _INPUTS[:3] if name in inputs}
        shares = {name: float(inputs.get(name, 1.0)) for name in _INPUTS[3:]}
        owed, assets = (arrays[name] for name in _INPUTS[:2])
        return clear(owed, assets, arrays.get(_INPUTS[2]), alpha=shares["alpha"], beta=shares["beta"])
    except (TypeError, ValueError) as error:
        raise refused(path, str(error), "arrays of numbers of fitting shapes", where=f"{where}.inputs") from None
    except ScenarioError as error:
        raise refused(path, str(error), "a network that can be cleared", where=f"{where}.inputs") from None


def _said(outputs: Mapping[str, Any], found: Clearing) -> dict[str, Any]:
    """The file's outputs as numbers; waves as each node's wave."""
    said = {name: value for name, value in outputs.items() if name not in _SAID_ONLY}
    waves = said.get("default_rounds")
    if isinstance(waves, list) and all(isinstance(wave, list) for wave in waves):
        nodes = range(found.payments.size)
        said["default_rounds"] = [next((n for n, wave in enumerate(waves, 1) if i in wave), 0) for i in nodes]
    return said


def _computed(found: Clearing) -> dict[str, Answer]:
    return {
        "clearing_vector": found.payments,
        "total_obligations": found.obligations,
        "defaulted": found.defaulted.astype(np.float64),
        "default_rounds": found.default_round.astype(np.float64),
        "equity": found.equity,
        "recovery_rate": found.recovery,
        "total_shortfall": float((found.obligations - found.payments).sum()),
        "received": found.received,
    }
