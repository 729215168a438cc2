"""An anchor by a row of a table of measured runs (the columns of docs/validation.md), as the fields it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from megawatt.errors import Problem, ScenarioError, shown
from megawatt.files import read_table

__all__ = ["with_row"]

_WHOLE: Final = ("chips", "seq_len", "global_batch")
_LAYOUT: Final[Mapping[str, str]] = MappingProxyType(
    {"tp": "tp", "pp": "pp", "vpp": "vpp", "cp": "cp", "ep": "ep", "micro_batch": "mb", "zero": "zero"}
)
"""Columns of degrees, as train's --layout writes them."""
_NEEDED: Final = ("tp", "pp", "micro_batch")
_MEASURED: Final = ("step_time_s", "tokens_per_s_per_chip")


def with_row(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Fields of ``[anchor]``: those that are given, and those of the row that it names.

    Raises
    ------
    ScenarioError
        If the table has no such row, or the row says nothing that an anchor could be.
    """
    rest = {name: value for name, value in given.items() if name not in ("runs", "row")}
    name, wanted = given.get("runs"), given.get("row")
    if not isinstance(name, str) or not isinstance(wanted, str):
        raise _refused(
            "runs", f"runs = {shown(name)}, row = {shown(wanted)}", "a CSV file and the id of one of its rows"
        )
    rows = [row for row in read_table(folder / name, ("id", "metric", "value")).rows if row.get("id") == wanted]
    if len(rows) != 1:
        raise _refused("row", f"{shown(wanted)}: {len(rows) or 'no'} rows of {name}", "the id of one row")
    row = rows[0]
    found: dict[str, Any] = {column: _whole(row, column) for column in _WHOLE if row.get(column)}
    found |= {field: row[column] for field, column in (("model", "model"), ("precision", "dtype")) if row.get(column)}
    if "layout" not in rest:
        found["layout"] = _layout(row, name)
    if not any(measured in rest for measured in _MEASURED):
        metric = row.get("metric", "")
        if metric not in _MEASURED:
            raise _refused("row", f"metric {shown(metric)}", f"one of {', '.join(_MEASURED)}, in the row or beside it")
        found[metric] = row.number("value")
    return found | rest


def _layout(row: Mapping[str, str], name: str) -> str:
    missing = [column for column in _NEEDED if not row.get(column)]
    if missing:
        raise _refused("layout", f"{', '.join(missing)} of the row are empty in {name}", "these, or layout beside row")
    degrees = [f"{word}={row[column]}" for column, word in _LAYOUT.items() if row.get(column)]
    if row.get("recompute"):
        degrees.append(f"recompute={row['recompute']}")
    if row.get("seq_parallel") in ("0", "1") and row["tp"] != "1":
        degrees.append(f"sp={'on' if row['seq_parallel'] == '1' else 'off'}")
    return ",".join(degrees)


def _whole(row: Mapping[str, str], column: str) -> int | str:
    text = row[column]
    return int(text) if text.isdecimal() else text


def _refused(path: str, found: str, allowed: str) -> ScenarioError:
    problem = Problem(f"anchor.{path}", found, allowed)
    return ScenarioError(str(problem), [problem])
