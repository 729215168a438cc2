"""Scenarios, comparisons and the folders of their results, described."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from megawatt.catalogue import Catalogue, Fact
from megawatt.errors import Problem
from megawatt.files import read_json
from megawatt.inspection.records import Description, Line, Section
from megawatt.ours import differences
from megawatt.scenario import load
from megawatt.scenario.mixed import load_mix
from megawatt.scenario.site_files import place_of_site, price_warnings
from megawatt.scenario.size_doubts import size_doubts
from megawatt.tariff import TariffSheet
from megawatt.words import amount

__all__ = ["describe_mix", "describe_run", "describe_study", "said"]


def describe_study(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A scenario or a comparison: what it says, and which values it leaves to their defaults."""
    study = load(path, catalogue, settings)
    several = len(study.uses) > 1
    sections: list[Section] = []
    assumed: list[str] = []
    warnings: list[str] = []
    for use in study.uses:
        prefix = f"{use.scenario.name}: " if several else ""
        lines, left = said(use.scenario)
        sections += [Section(f"{prefix}{name}", tuple(rows)) for name, rows in lines.items()]
        assumed += [f"{prefix}{text}" for text in left]
        scenario = use.scenario
        doubts = price_warnings(study.catalogue, scenario.power, place_of_site(scenario.site, use.folder), use.folder)
        warnings += [f"{prefix}{text}" for text in (*doubts, *size_doubts(scenario))]
    return Description("", str(path), study.title, tuple(sections), tuple(assumed), warnings=tuple(warnings))


def describe_mix(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A mixed site: what it says, and each part's scenario as it runs on the site."""
    loaded = load_mix(path, catalogue, settings, candidates=True)
    lines, assumed = said(loaded.mix)
    sections = [Section(name, tuple(rows)) for name, rows in lines.items()]
    for part in loaded.parts:
        lines, _ = said(part.use.scenario)
        sections += [Section(f"{part.name}: {name}", tuple(rows)) for name, rows in lines.items()]
    return Description("", str(path), loaded.mix.title, tuple(sections), tuple(assumed), warnings=loaded.remarks)


def said(scenario: BaseModel, name_of_all: str = "scenario") -> tuple[dict[str, list[Line]], list[str]]:
    """Lines of what was set, by section, and sentences of what was left to its default.

    What stands in no section is of one that is called ``name_of_all``. Money of a tariff is in its own currency.
    """
    lines: dict[str, list[Line]] = {}
    left = []
    for name, value, is_set in _fields(scenario, ""):
        section, _, field = name.rpartition(".") if "[" not in name else name.partition(".")
        if is_set:
            line = Line.of(field, value) if isinstance(value, Fact) else Line(field, _plain(value))
            lines.setdefault(section or name_of_all, []).append(line)
        elif value is not None and not isinstance(value, bool | tuple | list):
            told = amount(value.value, value.unit) if isinstance(value, Fact) else str(value)
            left.append(f"{name} = {told}")
    return lines, left


def _fields(section: BaseModel, path: str, currency: str = "USD") -> Iterator[tuple[str, Any, bool]]:
    currency = section.currency if isinstance(section, TariffSheet) else currency
    for name in type(section).model_fields:
        value = _in_currency(getattr(section, name), currency)
        dotted = f"{path}{name}"
        parts = value if isinstance(value, tuple) and value and isinstance(value[0], BaseModel) else ()
        for place, part in enumerate(parts):
            yield from _fields(part, f"{dotted}[{place}].", currency)
        if isinstance(value, BaseModel):
            yield from _fields(value, f"{dotted}.")
        elif not parts:
            yield dotted, value, name in section.model_fields_set


def _in_currency(value: Any, currency: str) -> Any:
    """A fact of a rate sheet that is in another currency than USD, in that one."""
    if currency == "USD" or not isinstance(value, Fact) or "USD" not in value.unit:
        return value
    return replace(value, unit=value.unit.replace("USD", currency))


def _plain(value: object) -> float | int | str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, float | int | str):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{name} = {part}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def describe_run(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """The folder of a run: what it was made with, each use with its headline, and what was changed since."""
    summary, manifest = read_json(path / "summary.json"), read_json(path / "manifest.json")
    origin = [Line(name, str(manifest[name])) for name in ("megawatt", "created_utc", "python") if name in manifest]
    sections = [Section("origin", tuple(origin))]
    for use in summary.get("uses", []):
        told = (*_numbers(use), *_numbers(use.get("headline", {}))) if isinstance(use, dict) else ()
        sections.append(Section(str(use.get("name", "")) if isinstance(use, dict) else "", tuple(told)))
    foreign, missing = differences(path)
    problems = [Problem(name, "not as the manifest lists it", "the file as the run wrote it") for name in foreign]
    problems += [Problem(name, "missing", "the file as the run wrote it") for name in missing]
    title = str(summary.get("title", path.name))
    return Description("run", str(path), title, tuple(sections), problems=tuple(problems))


def _numbers(table: Mapping[str, Any]) -> Iterator[Line]:
    """Plain values of a table; of a table inside one that has a value, that value."""
    for name, value in table.items():
        one = value.get("value") if isinstance(value, dict) else value
        if isinstance(one, float | int | str) and not isinstance(one, bool) and name != "name":
            yield Line(name, one, str(value.get("unit") or "") if isinstance(value, dict) else "")
