"""Case files: where they lie, what is in them, and inputs that are set to other values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import ValidationError

import megawatt
from megawatt.cases.records import CaseFile, CaseInput, Claim, Happened, Unknown
from megawatt.cases.sections import CaseSections, InputSection
from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.catalogue.section import as_problems
from megawatt.errors import CatalogueError, ScenarioError, counted, shown
from megawatt.files import is_file, is_folder, parse_number, read_table, read_toml

__all__ = ["case_keys", "read_case", "with_inputs"]

_FOLDER: Final = Path("examples") / "cases"
_FILE: Final = "case.toml"
_SINCE: Final = "since.csv"
"""Beside the folders of cases: what happened since, a row an event with the keys of its cases."""


def _folders() -> list[Path]:
    """Folders of cases: below the current one, and beside the source."""
    return [_FOLDER, Path(megawatt.__file__).parents[2] / _FOLDER]


def case_keys() -> list[str]:
    """Keys of the cases at hand, by their number, then by name."""
    numbers = _numbers()
    return sorted(numbers, key=lambda key: (numbers[key], key))


def _numbers() -> dict[str, int]:
    """Numbers of the cases at hand by key, 0 where a file has none."""
    found = {
        f.name: f / _FILE
        for folder in reversed(_folders()) if folder.is_dir() for f in folder.iterdir() if is_file(f / _FILE)
    }  # fmt: skip
    numbers = {key: read_toml(path, "a case file")[0].get("number", 0) for key, path in found.items()}
    return {key: number if isinstance(number, int) else 0 for key, number in numbers.items()}


def read_case(key: str) -> CaseFile:
    """A case by its key, its number or the path of its folder.

    Raises
    ------
    ScenarioError
        If there is none, or its file is not one; holds every problem.
    """
    if key.isascii() and key.isdigit() and not is_folder(Path(key)):
        key = next((name for name, number in _numbers().items() if str(number) == key), key)
    places = [Path(key), *(folder / key for folder in _folders())]
    path = next((p / _FILE for p in places if len(key) < 1000 and "\0" not in key and is_file(p / _FILE)), None)
    if path is None:
        raise ScenarioError(f"case {shown(key)}; allowed: {', '.join(case_keys()) or 'the folder of a case.toml'}")
    content, _ = read_toml(path, "a case file")
    try:
        read = CaseSections.model_validate(content)
    except ValidationError as error:
        problems = as_problems(CaseSections, error)
        said = str(problems[0]) if len(problems) == 1 else counted(len(problems), "problem")
        raise ScenarioError(f"{path}: {said}", problems, str(path)) from None
    catalogue = load_catalogue()
    name = path.resolve().parent.name
    return CaseFile(
        key=name,
        title=read.title,
        as_of=read.as_of,
        computation=read.computation,
        settings=read.machines,
        figures=read.figures,
        inputs=tuple(_input(one, path, catalogue) for one in read.inputs),
        claims=tuple(Claim(**claim.model_dump()) for claim in read.claims),
        since=tuple(sorted((*(Happened(s.date, s.text, s.source) for s in read.since), *_listed(path, name)),
                           key=lambda s: s.date)),
        number=read.number,
        about=read.about,
        unknown=tuple(Unknown(u.name, u.unit, u.note) for u in read.unknown),
        folder=path.parent,
    )  # fmt: skip


def _input(read: InputSection, path: Path, catalogue: Catalogue) -> CaseInput:
    """An input of the file; of the catalogue, with its source and range, where it names a fact."""
    if read.fact is None:
        assert read.value is not None, "checked: a value or a fact"
        low = read.value if read.low is None else read.low
        high = read.value if read.high is None else read.high
        return CaseInput(read.name, read.value, low, high, read.unit, read.source, read.note)
    key, _, field = read.fact[1:].rpartition(".")
    try:
        fact = catalogue.fact(key, field)
        value = catalogue.number(key, field)
    except CatalogueError as error:
        raise ScenarioError(f"{path}: inputs, {read.name}: {error}", error.problems, str(path)) from None
    low, high = (
        own if own is not None else value if end is None else end
        for own, end in ((read.low, fact.low), (read.high, fact.high))
    )
    if not 0.0 <= low <= value <= high:
        raise ScenarioError(f"{path}: inputs, {read.name}: {low:g} <= {value:g} <= {high:g}; allowed: 0 <= low to high")
    source = catalogue.sources.get(fact.source)
    said = fact.kind if source is None or fact.kind == "assumed" else f"{source.title}, {source.url}".rstrip(", ")
    return CaseInput(
        read.name, value, low, high, read.unit or fact.unit, f"{said} ({read.fact})", read.note or fact.note
    )


def _listed(path: Path, name: str) -> Iterable[Happened]:
    """Events of the table beside the cases that name this one."""
    table = path.resolve().parent.parent / _SINCE
    if not is_file(table):
        return
    for row in read_table(table, ("cases", "date", "text", "source"), "a table of events").rows:
        if name in row["cases"].split():
            yield Happened(row["date"], row["text"], row["source"])


def with_inputs(case: CaseFile, said: Iterable[str]) -> CaseFile:
    """The case with inputs at other values, each as ``name=value``; an unknown number becomes an input.

    Raises
    ------
    ScenarioError
        If one names no input or no number.
    """
    values: Mapping[str, CaseInput] = {i.name: i for i in case.inputs}
    for text in said:
        name, equals, value = text.partition("=")
        number = parse_number(value)
        unknown = next((u for u in case.unknown if u.name == name), None)
        if not equals or (name not in values and unknown is None) or number is None or not 0.0 < number < 1e15:
            known = ", ".join((*values, *(u.name for u in case.unknown)))
            raise ScenarioError(f"--set {shown(text)}; allowed: NAME=NUMBER above 0, of {known}")
        if name in values:
            one = values[name]
            moved = replace(one, value=number, low=min(one.low, number), high=max(one.high, number))
        else:
            assert unknown is not None, "checked above"
            moved = CaseInput(name, number, number, number, unknown.unit, "--set", unknown.note)
        values = {**values, name: moved}
    kept = tuple(u for u in case.unknown if u.name not in values)
    return replace(case, inputs=tuple(values.values()), unknown=kept)
