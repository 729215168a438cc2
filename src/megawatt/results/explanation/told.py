"""A run folder, or a file with the JSON of a command: which figures it has, and where one comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from megawatt.files import is_file, is_folder, read_json, refused
from megawatt.results.explanation.answers import explain_answer, leaves_of
from megawatt.results.explanation.records import Explanation, unit_of
from megawatt.results.explanation.runs import explain_run, explained, run_summary, run_tables
from megawatt.results.run_folders import is_run, run_folder

__all__ = ["explain_path", "figures_in"]

_WHAT = "the JSON of a command (--json), or a run folder"
_DIGITS = 6
"""Digits of a figure in a list."""


def explain_path(path: Path, number: str, use: str = "") -> Explanation:
    """Where a figure comes from.

    Parameters
    ----------
    path : Path
        A run folder or a file in it, the name of one below ``runs``, or a file with the JSON of a command.
    number : str
        Name of a figure (``USE.NAME`` of a run with several uses), or a dotted path in JSON.
    use : str
        Use of a run; empty: the first.

    Raises
    ------
    ScenarioError
        If there is no such file or figure; names the nearest.
    """
    path = _place(path)
    if is_folder(path):
        return explain_run(run_tables(path), number, use)
    return explain_answer(read_json(path, _WHAT), number)


def figures_in(path: Path) -> list[dict[str, Any]]:
    """Every figure that can be explained: ``number``, ``value``, ``unit``, and both in words."""
    path = _place(path)
    if is_folder(path):
        summary = run_summary(path)
        several = len(summary["uses"]) > 1
        rows = [
            (f"{use['name']}.{name}" if several else name, figure.get("value"), str(figure.get("unit", "")))
            for use in summary["uses"]
            for name, figure in explained(use).items()
        ]
    else:
        rows = [(name, value, unit_of(name)) for name, (value, _) in leaves_of(read_json(path, _WHAT)).items()]
    return [{"number": name, "value": value, "unit": unit, "told": _told(value, unit)} for name, value, unit in rows]


def _place(path: Path) -> Path:
    """A run folder, by its path, its name or a file in it; else a file with the JSON of a command."""
    if is_file(path) and not is_run(path.parent):
        if path.suffix.lower() == ".toml":
            raise refused(path, "a TOML file", _WHAT, hint=f"megawatt plan {path} leaves a run")
        return path
    there = is_file(path / "summary.json") if is_folder(path) else bool(path.suffix) and not path.exists()
    return path if there else run_folder(path)


def _told(value: Any, unit: str) -> str:
    if isinstance(value, float):
        return f"{value:,.{_DIGITS}g} {unit}".rstrip()
    if isinstance(value, list):
        return " to ".join(f"{end:.4g}" for end in value)
    return "none" if value is None else f"{value} {unit}".rstrip()
