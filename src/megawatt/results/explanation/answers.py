"""Figures of an answer in JSON (``--json``) explained: meaning from the record's docstring, parts, inputs, ranges."""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from megawatt.errors import ScenarioError, shown
from megawatt.results.explanation.records import Explanation, Input, Mover, Part, by_move, unit_of
from megawatt.results.glossary import FIGURES
from megawatt.results.view import METRICS

__all__ = ["explain_answer", "leaves_of", "meaning"]

_RECORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "train": ("training.records:TrainingPlan", "training.records:StepCost", "runs.records:TrainingRun",
              "runs.bill:Bill"),
    "compare": ("training.machines:Machine", "training.records:TrainingPlan"),
    "serve": ("serving.records:ServingChoice", "serving.planning:ServingPlan"),
    "hall": ("facility.records:FacilityYear", "facility.records:CapacityPlan", "facility.water:WaterChoice"),
    "dispatch": ("dispatch.hourly:HourlyPlan", "dispatch.operator:OperatorYear", "chain.mined_records:MinedYear",
                 "tariff.bill:Bill"),
    "convert": ("chain.records:ConversionResult", "chain.records:ConversionDate"),
    "mix": ("chain.mixed:MixedSite",),
    "best": ("chain.best:Best", "chain.best:MixValue"),
}  # fmt: skip
"""Records behind the JSON of each command, as ``module:class``; their docstrings say what a name means."""

_SENTENCE: Final = re.compile(r"(?<=[.;])\s")


def explain_answer(content: Mapping[str, Any], number: str) -> Explanation:
    """Where a figure of a command's JSON comes from.

    Parameters
    ----------
    content : mapping
        The whole JSON object.
    number : str
        A name, or a dotted path of names and places (``plans.perfect.earned_usd``, ``1.pue`` of the second result).

    Raises
    ------
    ScenarioError
        If it has no such number; names the nearest.
    """
    command, leaves, results = str(content.get("command", "")), leaves_of(content), content["results"]
    path = _path_of(number, leaves)
    value, table = leaves[path]
    name = path.rpartition(".")[2]
    top = results[int(path.partition(".")[0])] if len(results) > 1 else results[0]
    movers, inputs = _movers(top), _inputs(top)
    named = path.split(".")[-2] if name == "value" and "." in path else name
    words = meaning(command, named) or named.replace("_", " ")
    return Explanation(
        str(top.get("name") or top.get("title") or top.get("design") or top.get("model") or command), path, value,
        str(table.get("unit") or "") if name == "value" else unit_of(name), words, words, parts=_parts(table, name),
        movers=movers, moved="" if command == "compare" or not movers else "the answer",
        inputs=by_move(movers, inputs),
    )  # fmt: skip


def leaves_of(content: Mapping[str, Any]) -> dict[str, tuple[float | int | str | None, Mapping[str, Any]]]:
    """Every number of a command's JSON by its path, with the table that it stands in.

    Raises
    ------
    ScenarioError
        If it holds no results.
    """
    results = content.get("results")
    if not isinstance(results, list) or not results or not isinstance(results[0], Mapping):
        raise ScenarioError("explain: no results; allowed: a run folder, or JSON of a command that succeeded")
    whole = results if len(results) > 1 else results[0]
    return {path: (value, table) for path, value, table in _leaves(whole, "")}


def _leaves(content: Any, path: str) -> Iterator[tuple[str, float | int | str | None, Mapping[str, Any]]]:
    """Every number with its path and the table that it stands in."""
    items = content.items() if isinstance(content, Mapping) else enumerate(content)
    for name, value in items:
        here = f"{path}.{name}" if path else str(name)
        if isinstance(value, Mapping | list):
            yield from _leaves(value, here)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield here, value, content if isinstance(content, Mapping) else {}


def _path_of(number: str, leaves: Mapping[str, Any]) -> str:
    """The path that is meant: itself, or the shortest that ends in it."""
    if number in leaves:
        return number
    ends = [path for path in leaves if path.endswith(f".{number}")]
    if ends:
        return min(ends, key=lambda path: (path.count("."), len(path)))
    near = difflib.get_close_matches(number, {path.rpartition(".")[2] for path in leaves} | set(leaves), 3)
    hint = f"; near: {', '.join(near)}" if near else ""
    top = [path for path in leaves if "." not in path]
    raise ScenarioError(f"{shown(number)}: no number{hint}; allowed: {', '.join(top[:20]) or 'a dotted path'}")


def meaning(command: str, name: str) -> str:
    """What a name means: from the glossary, else from the docstring of the record behind it."""
    if name in FIGURES or name in METRICS:
        return FIGURES.get(name) or METRICS[name][1]
    for place in _RECORDS.get(command, ()):
        module, _, kind = place.partition(":")
        record = getattr(importlib.import_module(f"megawatt.{module}"), kind, None)
        if record is None:
            continue
        found = inspect.getattr_static(record, name, None)
        if isinstance(found, property) and found.__doc__:
            return " ".join(found.__doc__.split())
        text = inspect.getdoc(record) or ""
        listed = re.search(
            rf"^(?:\w+, )*{re.escape(name)}(?:, \w+)* : [^\n]*\n((?:    [^\n]*\n?)+)", text, re.MULTILINE
        )
        if listed:
            return " ".join(listed[1].split())
        told = re.search(rf"``{re.escape(name)}``(?:: | is | are | counts | holds )([^`]+)", text)
        if told:
            return _SENTENCE.split(" ".join(told[1].split()))[0]
    return ""


def _parts(table: Mapping[str, Any], name: str) -> tuple[Part, ...]:
    """Tables beside the number that are of its unit (``parts_s`` of a time), and the lines of a ledger."""
    unit, found = unit_of(name), []
    for other, value in table.items():
        if isinstance(value, Mapping) and other != name and unit and unit_of(other) == unit:
            found.append(Part(other, None, unit, "", tuple(Part(str(n), v, unit) for n, v in value.items()
                                                           if isinstance(v, int | float))))  # fmt: skip
        elif other == "ledger" and isinstance(value, list):
            found.append(Part(other, None, "USD", "line by line:", tuple(
                Part(f"{e['name']} ({e['amount']:,.0f} {e['unit']})", e["usd"], "USD") for e in value)))  # fmt: skip
        elif isinstance(value, int | float) and not isinstance(value, bool) and other in ("low", "high"):
            found.append(Part(other, value, str(table.get("unit") or "")))
    return tuple(found)


def _inputs(result: Mapping[str, Any]) -> list[Input]:
    """Assumptions, or inputs, that the answer lists."""
    listed = result.get("assumptions")
    if isinstance(listed, list):
        names = ("value", "unit", "low", "high", "kind", "source", "note")
        return [Input(str(row["name"]), **{n: row[n] for n in names if row.get(n) is not None}) if row.get("value")
                is not None else Input(str(row["name"]), None) for row in listed]  # fmt: skip
    given = result.get("inputs")
    if isinstance(given, Mapping):
        return [Input(name, row["value"], row.get("unit", ""), row.get("low"), row.get("high"), "case")
                for name, row in given.items()]  # fmt: skip
    return []


def _movers(result: Mapping[str, Any]) -> tuple[Mover, ...]:
    """Ranges of inputs that the answer was worked out at."""
    rows = []
    for row in result.get("widest_inputs") or ():
        low, high = row["step_time_s"]
        rows.append(Mover(row["name"], "", row["low"], float("nan"), row["high"], low, high))
    for row in (result.get("robust") or {}).get("flips") or ():
        rows.append(Mover(row["name"], row["unit"], row["low"], row["base"], row["high"], row["value_at_low_usd"],
                          row["value_at_high_usd"]))  # fmt: skip
    return tuple(sorted(rows, key=lambda row: (-row.swing, row.name)))
