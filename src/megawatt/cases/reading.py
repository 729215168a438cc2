"""Case files: where they lie, what is in them, and inputs that are set to other values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import megawatt
from megawatt.cases.records import CaseFile, CaseInput, Claim, Happened
from megawatt.errors import ScenarioError, shown
from megawatt.files import is_file, parse_number, read_toml

__all__ = ["case_keys", "read_case", "with_inputs"]

_FOLDER: Final = Path("examples") / "cases"
_FILE: Final = "case.toml"
_T = TypeVar("_T", CaseInput, Claim, Happened)


def _folders() -> list[Path]:
    """Folders of cases: below the current one, and beside the source."""
    return [_FOLDER, Path(megawatt.__file__).parents[2] / _FOLDER]


def case_keys() -> list[str]:
    """Keys of the cases at hand."""
    found = [f for folder in _folders() if folder.is_dir() for f in folder.iterdir() if is_file(f / _FILE)]
    return sorted({f.name for f in found})


def read_case(key: str) -> CaseFile:
    """A case by its key or the path of its folder.

    Raises
    ------
    ScenarioError
        If there is none, or its file is not one.
    """
    places = [Path(key), *(folder / key for folder in _folders())]
    path = next((p / _FILE for p in places if len(key) < 1000 and "\0" not in key and is_file(p / _FILE)), None)
    if path is None:
        raise ScenarioError(f"case {shown(key)}; allowed: {', '.join(case_keys()) or 'the folder of a case.toml'}")
    content, _ = read_toml(path, "a case file")
    wanted = {"title", "as_of", "computation", "inputs", "claims"}
    if missing := wanted - set(content):
        raise ScenarioError(f"{path}: no {', '.join(sorted(missing))}; allowed: a case file (docs/cases.md)")
    computation = str(content["computation"])
    return CaseFile(
        key=path.parent.name,
        title=str(content["title"]),
        as_of=str(content["as_of"]),
        computation=computation,
        settings=content.get(computation, {}),
        inputs=tuple(_records(path, CaseInput, content["inputs"])),
        claims=tuple(_records(path, Claim, content["claims"])),
        since=tuple(_records(path, Happened, content.get("since", []))),
    )


def _records(path: Path, kind: type[_T], rows: Any) -> Iterable[_T]:
    if not isinstance(rows, list):
        raise ScenarioError(f"{path}: {shown(rows)}; allowed: a list of tables")
    for row in rows:
        try:
            yield kind(**row)
        except TypeError:
            names = ", ".join(f.name for f in fields(kind))
            raise ScenarioError(f"{path}: {shown(row)}; allowed: a table of {names}") from None


def with_inputs(case: CaseFile, said: Iterable[str]) -> CaseFile:
    """The case with inputs at other values, each as ``name=value``.

    Raises
    ------
    ScenarioError
        If one names no input or no number.
    """
    values: Mapping[str, CaseInput] = {i.name: i for i in case.inputs}
    for text in said:
        name, equals, value = text.partition("=")
        number = parse_number(value)
        if not equals or name not in values or number is None or not 0.0 < number < 1e15:
            raise ScenarioError(f"--set {shown(text)}; allowed: NAME=NUMBER above 0, of {', '.join(values)}")
        one = values[name]
        moved = replace(one, value=number, low=min(one.low, number), high=max(one.high, number))
        values = {**values, name: moved}
    return replace(case, inputs=tuple(values.values()))
