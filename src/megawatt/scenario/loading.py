"""Read scenario files: every problem of a file in one error, nothing half-read."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from megawatt.catalogue import Catalogue
from megawatt.catalogue.section import as_problems
from megawatt.errors import CatalogueError, MegawattError, Problem, ScenarioError, counted, shown
from megawatt.facility.place_file import is_place_file
from megawatt.files import is_file, parse_toml_value, read_toml
from megawatt.scenario.comparison import Comparison, Conversion
from megawatt.scenario.engine_rules import engine_problems
from megawatt.scenario.mixed_sections import Mix
from megawatt.scenario.own_machines import with_own_machines
from megawatt.scenario.plant_sections import PLANTS
from megawatt.scenario.rules import between_conversion, between_sections
from megawatt.scenario.schema import Scenario
from megawatt.scenario.site_tariff import with_own_tariff
from megawatt.scenario.tariff_rules import tariff_problems
from megawatt.tariff import catalogued_sheet

__all__ = [
    "LoadedComparison",
    "LoadedScenario",
    "apply_setting",
    "json_schema",
    "load",
    "load_price_years",
    "load_tables",
    "set_value",
    "validate_raw",
]


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A valid scenario, the folder its relative paths start from, and the hash of what was read."""

    scenario: Scenario
    folder: Path
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class LoadedComparison:
    """Scenarios to run side by side; a single scenario is a comparison of one.

    ``catalogue`` is what they are to be run with: machines and kernels of their own files are in it.
    """

    name: str
    title: str
    question: str
    uses: tuple[LoadedScenario, ...]
    file: str
    sha256: str
    catalogue: Catalogue
    conversion: Conversion | None = None


_FILES = (("site", "weather"), ("site", "place"), ("power", "price_file"), ("solar", "profile"), ("wind", "profile"))
_OF_COMPARISON = "conversion."
_WHAT = "a scenario file (TOML); megawatt init writes a starter"
_KINDS = ("scenario", "comparison", "mix")
_DEEPEST_SETTING = 8
"""Levels of a dotted path of `--set`."""


def load(path: str | Path, catalogue: Catalogue, settings: Iterable[str] = ()) -> LoadedComparison:
    """Read a scenario or a comparison of scenarios.

    Parameters
    ----------
    path : str or Path
        TOML file.
    catalogue : Catalogue
        Where keys and @references are looked up.
    settings : iterable of str
        ``dotted.path=value`` replacements (TOML values), applied to every scenario; ``conversion.*`` to the comparison.

    Raises
    ------
    ScenarioError
        With every problem found in the file.
    """
    file = Path(path)
    raw, digest = read_toml(file, _WHAT, _KINDS)
    return _loaded(file, raw, digest, catalogue, tuple(settings))


def load_tables(tables: Mapping[str, Any], catalogue: Catalogue, folder: Path = Path()) -> LoadedComparison:
    """A scenario or a comparison whose tables are at hand; files that it names are relative to the folder.

    Raises
    ------
    ScenarioError
        As `load`.
    """
    raw = copy.deepcopy(dict(tables))
    digest = hashlib.sha256(json.dumps(raw, sort_keys=True, default=str).encode()).hexdigest()
    return _loaded(folder / f"{raw.get('name', 'scenario')}", raw, digest, catalogue, ())


def _loaded(
    file: Path, raw: dict[str, Any], digest: str, catalogue: Catalogue, settings: tuple[str, ...]
) -> LoadedComparison:
    if "parts" in raw:
        problem = Problem("parts", "a mixed site", "a scenario or a comparison", "megawatt mix, or megawatt best")
        raise ScenarioError(f"{file}: several uses behind one connection; megawatt mix", [problem], str(file))
    if "compare" not in raw:
        use, catalogue = _one(file, raw, digest, catalogue, settings)
        return LoadedComparison(use.scenario.name, use.scenario.title, "", (use,), str(file), digest, catalogue)
    for setting in settings:
        if setting.startswith(_OF_COMPARISON):
            apply_setting(raw, setting, file)
    settings = tuple(setting for setting in settings if not setting.startswith(_OF_COMPARISON))
    top = _validated(Comparison, raw, file, catalogue)
    uses, problems = [], []
    for name in top.compare:
        try:
            child = file.parent / name
            child_raw, child_digest = read_toml(child, _WHAT, _KINDS)
            if top.seed is not None:
                child_raw["seed"] = top.seed
            use, catalogue = _one(child, child_raw, child_digest, catalogue, settings)
            uses.append(use)
        except ScenarioError as error:
            problems += [
                Problem(f"{name}: {p.path}" if p.path else name, p.found, p.allowed, p.hint) for p in error.problems
            ]
    problems += _repeated([u.scenario.name for u in uses])
    if top.conversion is not None and not problems:
        problems += between_conversion(top.conversion, {u.scenario.name: u.scenario for u in uses}, catalogue)
        problems += _behind_the_meter(uses)
    if problems:
        raise ScenarioError(f"{file}: {counted(len(problems), 'problem')}", problems, str(file))
    return LoadedComparison(
        top.name, top.title, top.question, tuple(uses), str(file), digest, catalogue, top.conversion
    )


def load_price_years(
    path: str | Path, catalogue: Catalogue, years: Iterable[int], settings: Iterable[str] = ()
) -> tuple[LoadedComparison, ...]:
    """A scenario or comparison once for each year of its grid's price table.

    Parameters
    ----------
    path, catalogue, settings
        As of `load`.
    years : iterable of int
        Years of the table.

    Raises
    ------
    ScenarioError
        As `load`; where the grid has no table of a year, or the prices are a file's or made up.
    """
    settings = tuple(settings)
    loaded = tuple(load(path, catalogue, (*settings, f"power.price_year={year}")) for year in years)
    for use in (use for comparison in loaded for use in comparison.uses):
        power = use.scenario.power
        for name in ("price_file", "mean_price_usd_per_mwh", "fixed_price_usd_per_mwh", "forward"):
            if getattr(power, name):
                problem = Problem(f"power.{name}", "prices of one year", "the grid's price table", f"remove {name}")
                raise ScenarioError(f"{use.file}: price years are of the grid's table", [problem], use.file)
    return loaded


def _repeated(names: list[str]) -> list[Problem]:
    twice = sorted({n for n in names if names.count(n) > 1})
    return [Problem("compare", f"two scenarios named {n!r}", "a different name for each") for n in twice]


def _behind_the_meter(uses: Iterable[LoadedScenario]) -> list[Problem]:
    """Plants stay when halls are converted; a conversion values the halls alone."""
    return [
        Problem(f"{use.scenario.name}: {name}", "a plant of a use that is converted", "no such section", "remove it")
        for use in uses
        for name in PLANTS
        if getattr(use.scenario, name) is not None
    ]


def _one(
    file: Path, raw: dict[str, Any], digest: str, catalogue: Catalogue, settings: tuple[str, ...]
) -> tuple[LoadedScenario, Catalogue]:
    for setting in settings:
        apply_setting(raw, setting, file)
    problems, scenario, catalogue = validate_raw(raw, catalogue, file.parent)
    if problems or scenario is None:
        raise ScenarioError(f"{file}: {counted(len(problems), 'problem')}", problems, str(file))
    if settings:
        digest = hashlib.sha256((digest + "\n" + "\n".join(settings)).encode()).hexdigest()
    return LoadedScenario(scenario, file.parent, str(file), digest), catalogue


def apply_setting(raw: dict[str, Any], setting: str, file: Path) -> None:
    """Set ``a.b.c=value`` in the raw scenario; the value is TOML, or plain text where it is not."""
    path, equals, text = setting.partition("=")
    if not equals:
        _no_path(setting, file)
    set_value(raw, path, parse_toml_value(text), file)


def set_value(raw: dict[str, Any], path: str, value: Any, file: Path) -> None:
    """Set the value at a dotted path of a raw scenario; a number in the path is a place in a list."""
    keys = path.strip().split(".")
    if not all(keys) or len(keys) > _DEEPEST_SETTING or not path.strip().isprintable():
        _no_path(path, file)
    table: Any = raw
    *parents, last = keys
    for key in parents:
        table = table[_place_in(table, key, path, file)] if isinstance(table, list) else table.setdefault(key, {})
        if not isinstance(table, dict | list):
            problem = Problem(path, "not a section", "a dotted path of the scenario")
            raise ScenarioError(f"--set {shown(path)}: not a section", [problem], str(file))
    if isinstance(table, list):
        table[_place_in(table, last, path, file)] = value
    else:
        table[last] = value


def _place_in(table: list[Any], key: str, path: str, file: Path) -> int:
    if not (key.isdecimal() and key.isascii() and len(key) < 5 and int(key) < len(table)):
        problem = Problem(path, shown(key), f"a place in the list, 0 to {len(table) - 1}")
        raise ScenarioError(f"--set {shown(path)}: {problem}", [problem], str(file))
    return int(key)


def _no_path(text: str, file: Path) -> NoReturn:
    problem = Problem("--set", shown(text), "dotted.path=value")
    raise ScenarioError(f"--set {shown(text)}: not dotted.path=value", [problem], str(file))


def validate_raw(
    raw: Mapping[str, Any], catalogue: Catalogue, folder: Path
) -> tuple[list[Problem], Scenario | None, Catalogue]:
    """All problems of a raw scenario, the scenario if there is none, and the catalogue with its own machines."""
    problems = between_sections(raw)
    raw, catalogue, unread = with_own_machines(raw, catalogue, folder)
    raw, catalogue, untold = with_own_tariff(raw, catalogue, folder)
    problems += [*untold, *tariff_problems(raw, catalogue)]
    scenario: Scenario | None = None
    try:
        scenario = Scenario.model_validate(raw, context={"catalogue": catalogue})
    except ValidationError as error:
        problems += as_problems(Scenario, error)
    unread_at = {p.path.partition(":")[0] for p in unread}
    problems = [p for p in problems if p.path not in unread_at] + unread
    problems += _files(raw, folder) + _model(raw, catalogue, folder) + _prices(raw, catalogue)
    wrong = {p.path.partition(".")[0] for p in problems}
    whole = scenario if scenario is not None and not problems else _stood_in(raw, wrong, catalogue)
    if whole is not None:
        problems += engine_problems(whole, catalogue, folder, wrong)
    seen = {p.path: p for p in reversed(problems)}
    return sorted(seen.values(), key=lambda p: p.path), scenario if not problems else None, catalogue


def _stood_in(raw: Mapping[str, Any], wrong: Collection[str], catalogue: Catalogue) -> Scenario | None:
    """The scenario with the starter's sections for those that are wrong, so that the others can be tried too."""
    starter, _ = read_toml(files(__package__).joinpath("starter.toml"))
    kept = {name: value for name, value in raw.items() if name not in wrong and name in Scenario.model_fields}
    needed = {name for name, field in Scenario.model_fields.items() if field.is_required()}
    filled = {name: starter[name] for name in needed - set(kept)} | kept
    if "tariff" in filled:
        filled["power"] = {key: value for key, value in filled["power"].items() if key != "tariff"}
    try:
        return Scenario.model_validate(filled, context={"catalogue": catalogue})
    except (ValidationError, AttributeError):
        return None


def _files(raw: Mapping[str, Any], folder: Path) -> list[Problem]:
    problems = []
    for section, key in _FILES:
        table = raw.get(section)
        name = table.get(key) if isinstance(table, dict) else None
        if key == "place" and not (isinstance(name, str) and is_place_file(name)):
            continue
        if isinstance(name, str) and not is_file(folder / name):
            problems.append(Problem(f"{section}.{key}", shown(name), f"an existing file (relative to {folder})"))
    return problems


def _model(raw: Mapping[str, Any], catalogue: Catalogue, folder: Path) -> list[Problem]:
    """Models must be catalogue keys or files that we can read."""
    return [p for section in ("training", "serving") for p in _model_of(raw.get(section), section, catalogue, folder)]


def _model_of(table: Any, section: str, catalogue: Catalogue, folder: Path) -> list[Problem]:
    from megawatt.workload import load_model

    name = table.get("model") if isinstance(table, dict) else None
    if not isinstance(name, str):
        return []
    try:
        load_model(name, catalogue, folder)
    except CatalogueError:
        near = catalogue.near(name, "model")
        hint = (f"nearest: {', '.join(near)}; " if near else "") + "megawatt catalogue list model"
        return [
            Problem(f"{section}.model", shown(name), "a model key, or the path of a config.json or a model file", hint)
        ]
    except MegawattError as error:
        return [Problem(f"{section}.model", shown(name), str(error))]
    return []


def _prices(raw: Mapping[str, Any], catalogue: Catalogue) -> list[Problem]:
    """A grid without a price table of the year needs prices of its own."""
    power = raw.get("power")
    if not isinstance(power, dict) or {"price_file", "fixed_price_usd_per_mwh"} & set(power):
        return []
    shape = power.get("price_shape")
    if shape in ("flat", "made-up") or (shape is None and "mean_price_usd_per_mwh" in power):
        return []
    grid, year = power.get("grid"), power.get("price_year", 2023)
    if not isinstance(grid, str) or not isinstance(year, int) or not catalogue.knows(grid) or _bundled(raw, catalogue):
        return []
    try:
        catalogue.price_shape(grid, year)
    except CatalogueError as error:
        hint = "or fixed_price_usd_per_mwh, or price_file, or mean_price_usd_per_mwh with price_shape"
        return [Problem("power.price_year", f"{year}", str(error).removeprefix("catalogue: "), hint)]
    return []


def _bundled(raw: Mapping[str, Any], catalogue: Catalogue) -> bool:
    """Whether the tariff is the whole price of energy."""
    own, key = raw.get("tariff"), raw["power"].get("tariff")
    if isinstance(own, dict):
        return own.get("bundled") is True
    try:
        return isinstance(key, str) and catalogued_sheet(catalogue, key)[0].bundled
    except MegawattError:
        return False


def _validated(model: type[Comparison], raw: Mapping[str, Any], file: Path, catalogue: Catalogue) -> Comparison:
    try:
        return model.model_validate(raw, context={"catalogue": catalogue})
    except ValidationError as error:
        problems = as_problems(model, error)
        raise ScenarioError(f"{file}: {counted(len(problems), 'problem')}", problems, str(file)) from None


def json_schema() -> dict[str, Any]:
    """JSON Schema of scenario files (a single use, a comparison, or a mixed site)."""
    kinds = [kind.model_json_schema() for kind in (Scenario, Comparison, Mix)]
    definitions: dict[str, Any] = {}
    for kind in kinds:
        definitions |= kind.pop("$defs", {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "megawatt scenario",
        "anyOf": kinds,
        "$defs": definitions,
    }
