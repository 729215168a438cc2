"""Two runs side by side: which inputs and which code differ, and which figures moved by how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from megawatt.files import read_json
from megawatt.ours import MANIFEST
from megawatt.results.explanation import RunTables, explained, run_tables
from megawatt.results.explanation.parts import UseTables
from megawatt.results.explanation.records import Input

__all__ = ["diff_runs"]

_SAME: Final = 1e-9
"""Share by which a figure may differ and is the same still: rounding of another machine."""
_MOVED: Final = ("value", "tokens", "dscr", "llcr")
"""Figures whose moves with each input a run recorded; the first is value_usd_per_grid_mw_year."""
_ORIGIN: Final = ("megawatt", "python", "packages", "catalogue_sha256", "scenarios", "own_files", "seeds", "solvers")


def diff_runs(a: Path, b: Path) -> dict[str, Any]:
    """What differs between two run folders.

    Parameters
    ----------
    a, b : Path
        Run folders of `megawatt plan`.

    Returns
    -------
    dict
        ``origin``: what of the manifest differs; ``rooms``: rooms of the package whose code differs (None where a run
        did not record it); ``uses``: of each use in both ``inputs`` that differ (``name_b``: its name in the second,
        where one's own figure stands for a fact of the catalogue), with what that alone moves by the
        ranges that the first run recorded (None where it recorded none), ``figures`` that differ, and ``unexplained``:
        the rest of each move; ``only_in``: uses of one of them.
    """
    first, second = run_tables(a), run_tables(b)
    said = [read_json(folder / MANIFEST) for folder in (a, b)]
    names = [[str(use["name"]) for use in run.summary["uses"]] for run in (first, second)]
    pairs = [(name, name) for name in names[0] if name in names[1]]
    if not pairs and len(names[0]) == len(names[1]) == 1:
        pairs = [(names[0][0], names[1][0])]
    seen = {name for pair in pairs for name in pair}
    return {
        "a": str(a),
        "b": str(b),
        "origin": [
            {"name": name, "a": said[0].get(name), "b": said[1].get(name)}
            for name in _ORIGIN
            if said[0].get(name) != said[1].get(name)
        ],
        "rooms": _rooms(said[0].get("code"), said[1].get("code")),
        "uses": [_use(first, second, *pair) for pair in pairs],
        "only_in": {"a": [n for n in names[0] if n not in seen], "b": [n for n in names[1] if n not in seen]},
    }


def _rooms(a: Mapping[str, str] | None, b: Mapping[str, str] | None) -> list[str] | None:
    """Rooms whose code is not the same."""
    if a is None or b is None:
        return None
    return sorted(room for room in {*a, *b} if a.get(room) != b.get(room))


def _use(first: RunTables, second: RunTables, ours: str, theirs: str) -> dict[str, Any]:
    a, b = first.use(ours), second.use(theirs)
    inputs = sorted(_inputs(a, b), key=lambda row: -abs(row["moves"].get("value") or 0.0))
    figures = list(_figures(a, b))
    return {
        "name": ours if ours == theirs else f"{ours}, {theirs}",
        "inputs": inputs,
        "figures": figures,
        "unexplained": _rest(inputs, figures),
    }


def _inputs(a: UseTables, b: UseTables) -> Iterator[dict[str, Any]]:
    """Inputs that differ, or that one of the runs has alone."""
    ours, theirs = a.inputs(), b.inputs()
    instead = _instead(ours, theirs)
    for name in dict.fromkeys([*ours, *theirs]):
        if name in instead.values():
            continue
        one, other = ours.get(name), theirs.get(instead.get(name, name))
        if one is not None and other is not None and (one.value, one.low, one.high) == (
            other.value, other.low, other.high,
        ):  # fmt: skip
            continue
        some = one or other
        before, after = (None if row is None else row.value for row in (one, other))
        moves = {what: _move(a.summary, name, after, what) for what in _MOVED} if before != after else {}
        yield {
            "name": name,
            "name_b": instead.get(name, name),
            "unit": some.unit if some else "",
            "a": before,
            "b": after,
            "range_a": None if one is None else [one.low, one.high],
            "range_b": None if other is None else [other.low, other.high],
            "moves": {what: by for what, by in moves.items() if by is not None},
        }


def _instead(ours: Mapping[str, Input], theirs: Mapping[str, Input]) -> dict[str, str]:
    """Inputs under another name in the other run: a fact of the catalogue, and one's own figure for it."""
    fields: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for side, (rows, others) in enumerate(((ours, theirs), (theirs, ours))):
        for name in rows.keys() - others.keys():
            fields.setdefault((name.rpartition(".")[2], rows[name].unit), ([], []))[side].append(name)
    return {one[0]: other[0] for one, other in fields.values() if len(one) == len(other) == 1}


def _move(use: Mapping[str, Any], name: str, value: Any, what: str) -> float | None:
    """What an input at another value alone moves a figure by, on straight lines between the recorded ends."""
    row = next((s for s in use["sensitivities"] if s["name"] == name), None)
    at_base = _base(use, what)
    if row is None or at_base is None or not isinstance(value, int | float):
        return None
    end = "low" if value < row["base"] else "high"
    at_end, span = row.get(f"{what}_at_{end}"), row[end] - row["base"]
    if at_end is None:
        return None
    return 0.0 if span == 0.0 else float((at_end - at_base) * (value - row["base"]) / span)


def _base(use: Mapping[str, Any], what: str) -> float | None:
    """The figure of the base case whose moves are recorded so."""
    names = {"value": "value_usd_per_grid_mw_year", "tokens": "tokens_per_grid_mwh", "dscr": "min_dscr"}
    found = use["lender"].get("llcr") if what == "llcr" else use["headline"][names[what]]["value"]
    return None if found is None else float(found)


def _figures(a: UseTables, b: UseTables) -> Iterator[dict[str, Any]]:
    """Figures that differ by more than rounding."""
    ours, theirs = explained(a.summary), explained(b.summary)
    for name in dict.fromkeys([*ours, *theirs]):
        before, after = ours.get(name, {}).get("value"), theirs.get(name, {}).get("value")
        if before == after:
            continue
        row = {"name": name, "unit": (ours.get(name) or theirs[name]).get("unit", ""), "a": before, "b": after}
        numbers = [value for value in (before, after) if isinstance(value, int | float)]
        if len(numbers) == 2:
            change = numbers[1] - numbers[0]
            if abs(change) <= _SAME * max(map(abs, numbers)):
                continue
            row |= {"change": change, "change_frac": change / abs(numbers[0]) if numbers[0] else None}
        yield row


def _rest(inputs: list[dict[str, Any]], figures: list[dict[str, Any]]) -> dict[str, float]:
    """Of each move, what the changed inputs with a range do not add up to: others, interactions, code."""
    named = {"value_usd_per_grid_mw_year": "value", "tokens_per_grid_mwh": "tokens", "min_dscr": "dscr", "llcr": "llcr"}
    return {
        figure["name"]: figure["change"] - sum(row["moves"].get(named[figure["name"]], 0.0) for row in inputs)
        for figure in figures
        if figure["name"] in named and "change" in figure
    }
