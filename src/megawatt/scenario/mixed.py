"""A mixed site: several uses behind one connection, each a scenario of its own, and what they share."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import TypeAdapter, ValidationError

from megawatt.catalogue import Catalogue, Fact
from megawatt.catalogue.quantity import quantity
from megawatt.catalogue.section import as_problems
from megawatt.errors import Problem, ScenarioError, counted, shown
from megawatt.files import read_toml
from megawatt.scenario.loading import LoadedScenario, apply_setting, set_value, validate_raw
from megawatt.scenario.mixed_sections import Mix, Part
from megawatt.scenario.plant_sections import PLANTS
from megawatt.scenario.rules import between_conversion

__all__ = ["LoadedMix", "LoadedPart", "is_mix", "load_mix"]

_WHAT = "a mixed site (TOML with [[parts]]; docs/mixed-sites.md)"
_MOST_CANDIDATES: Final = 64
"""Ways of all parts together that `best` looks at."""
_SHARED: Final = (*PLANTS, "export", "services", "curtailment", "large_load")
_OF_SITE: Final = ("power", "tariff")
_SHIFT, _UNTIL, _FIRM = "shift_months", "until", "firm_frac"
_CONNECTION: Final = "site.grid_mw"
"""What a part's scenario says of its connection: in a mixed site that is the site's."""
_MONTH: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class LoadedPart:
    """A part as it runs: a scenario on the site's months, connection and tariff, and its size.

    ``way`` says what was chosen of ``either``; parts of one ``group`` are ways of one business; one that ``fills`` is
    of miners that take all of the site's connection, whatever that is.
    """

    name: str
    use: LoadedScenario
    scale: float
    firm_frac: float
    held_back_usd_per_mwh: float | None
    least: float
    most: float
    group: int
    fills: bool
    way: tuple[tuple[str, Any], ...] = ()

    @property
    def business(self) -> str:
        """What its part is called, whatever its way."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class LoadedMix:
    """A valid mixed site. ``site`` holds what all parts share: power, tariff, plants and the site's months."""

    mix: Mix
    parts: tuple[LoadedPart, ...]
    site: LoadedScenario
    file: str
    sha256: str
    catalogue: Catalogue
    remarks: tuple[str, ...] = ()
    """What of the parts' scenarios does not hold here."""


def is_mix(raw: Mapping[str, Any]) -> bool:
    """Whether the content of a TOML file is a mixed site."""
    return "parts" in raw


def load_mix(
    path: str | Path, catalogue: Catalogue, settings: Iterable[str] = (), *, candidates: bool = False
) -> LoadedMix:
    """Read a mixed site.

    Parameters
    ----------
    path : str or Path
        TOML file with ``[[parts]]``.
    settings : iterable of str
        ``dotted.path=value`` of this file (``parts.0.scale=0.5``), or of every part's scenario.
    candidates : bool
        Every way of ``either`` as a part of its own; else the scenarios as they are.

    Raises
    ------
    ScenarioError
        With every problem found.
    """
    file = Path(path)
    raw, digest = read_toml(file, _WHAT, ("mix", "scenario", "comparison"))
    if not is_mix(raw):
        problem = Problem("parts", "missing", "a list [[parts]]", "docs/mixed-sites.md; one use alone: megawatt plan")
        raise ScenarioError(f"{file}: no mixed site", [problem], str(file))
    to_parts = []
    for given in settings:
        path_of, equals, value = given.partition("=")
        setting = f"grid_mw{equals}{value}" if path_of.strip() == _CONNECTION else given
        head = setting.partition("=")[0].split(".")[0].strip()
        if head in Mix.model_fields and (head not in _OF_SITE or head in raw):
            apply_setting(raw, setting, file)
        else:
            to_parts.append(setting)
    try:
        mix = Mix.model_validate(raw, context={"catalogue": catalogue})
    except ValidationError as error:
        problems = as_problems(Mix, error)
        raise ScenarioError(f"{file}: {counted(len(problems), 'problem')}", problems, str(file)) from None
    problems, sources = _sources(mix, raw, file, to_parts)
    problems += _choices(mix)
    remarks = (*_other_connections(mix, sources, catalogue), *_with_partners(mix, sources))
    if problems:
        raise ScenarioError(f"{file}: {counted(len(problems), 'problem')}", problems, str(file))
    ways = [
        (index, way, _way(mix.parts[index], source, way))
        for index, source in enumerate(sources)
        for way in (itertools.islice(_ways(mix.parts[index].either), _MOST_CANDIDATES + 1) if candidates else ((),))
    ]
    if len(ways) > _MOST_CANDIDATES:
        problem = Problem(
            "parts", f"over {_MOST_CANDIDATES} ways of all parts", f"at most {_MOST_CANDIDATES}", "shorten an either"
        )
        raise ScenarioError(f"{file}: too many candidates", [problem], str(file))
    starts = [start for *_, made in ways if _MONTH.fullmatch(start := str(_table(made, "timeline").get("start")))]
    parts: list[LoadedPart] = []
    for index, way, made in ways:
        part = mix.parts[index]
        until = dict(way).get(_UNTIL, part.until)
        found, use, catalogue = _part(
            made,
            raw,
            mix.grid_mw.number(),
            min(starts, default=""),
            until,
            file.parent / part.scenario,
            digest,
            catalogue,
        )
        problems += [Problem(f"parts.{index}: {p.path}", p.found, p.allowed, p.hint) for p in found]
        if use is not None:
            parts.append(_loaded(part, use, index, way, fills=_fills(made)))
    problems += _between(mix, parts, catalogue)
    if not problems:
        found, site, catalogue = _site(mix, raw, parts, ways, file, digest, catalogue)
        problems += found
    if problems:
        raise ScenarioError(f"{file}: {counted(len(problems), 'problem')}", problems, str(file))
    return LoadedMix(mix, tuple(parts), site, str(file), digest, catalogue, remarks)


def _other_connections(mix: Mix, sources: list[dict[str, Any]], catalogue: Catalogue) -> tuple[str, ...]:
    """Parts whose scenario has another connection than the site; miners without a size of their own fill the site's."""
    said, there = [], mix.grid_mw.number()
    for part, source in zip(mix.parts, sources, strict=False):
        own = _connection_mw(source, catalogue)
        if own is not None and abs(own - there) > 1e-9 * own:
            name = part.name or str(source.get("name"))
            here = f"{name}: its scenario's connection of {own:,.6g} MW is the site's {there:,.6g} MW here"
            said.append(here + (", which miners without mining.it_mw fill" if _fills(source) else ""))
    return tuple(said)


def _with_partners(mix: Mix, sources: list[dict[str, Any]]) -> Iterator[str]:
    """Parts whose scenario has partners: the site values all owners together."""
    for part, source in zip(mix.parts, sources, strict=False):
        if "partnership" in source:
            name = part.name or str(source.get("name"))
            yield f"{name}: its partners are taken together here; megawatt plan of its scenario has each"


def _connection_mw(source: Mapping[str, Any], catalogue: Catalogue) -> float | None:
    """The connection of a raw scenario; None where it is none (refused when the scenario is checked)."""
    read = TypeAdapter[Fact](Annotated[Fact, *quantity("MW", ge=0, le=20000)])
    try:
        return read.validate_python(_table(source, "site").get("grid_mw"), context={"catalogue": catalogue}).number()
    except ValidationError:
        return None


def _fills(source: Mapping[str, Any]) -> bool:
    """Whether a raw scenario is of miners that take all of their connection."""
    return "mining" in source and "it_mw" not in _table(source, "mining")


def _loaded(
    part: Part, use: LoadedScenario, group: int, way: tuple[tuple[str, Any], ...], *, fills: bool
) -> LoadedPart:
    held = part.held_back_usd_per_mwh
    name = part.name or use.scenario.name
    return LoadedPart(
        name=name + "".join(f" {path.rpartition('.')[2]}={value}" for path, value in way),
        use=use,
        scale=part.scale.number(),
        firm_frac=float(dict(way).get(_FIRM, part.firm_frac.number())),
        held_back_usd_per_mwh=None if held is None else held.number(),
        least=part.least.number(),
        most=part.most.number(),
        group=group,
        fills=fills,
        way=way,
    )


def _sources(
    mix: Mix, raw: Mapping[str, Any], file: Path, settings: list[str]
) -> tuple[list[Problem], list[dict[str, Any]]]:
    """Raw scenarios of the parts with their settings; the power and tariff of all of them the same."""
    problems: list[Problem] = []
    sources: list[dict[str, Any]] = []
    for index, part in enumerate(mix.parts):
        try:
            source, _ = read_toml(file.parent / part.scenario, "a scenario file of one use (TOML)")
            for setting in settings:
                apply_setting(source, setting, file)
            for path, value in part.values.items():
                if path == _CONNECTION:
                    problems += _not_of_a_part(f"parts.{index}.values.{path}", path)
                set_value(source, path, value, file)
        except ScenarioError as error:
            problems.append(Problem(f"parts.{index}.scenario", shown(part.scenario), str(error)))
            continue
        if "compare" in source or "parts" in source:
            problems.append(Problem(f"parts.{index}.scenario", shown(part.scenario), "a scenario of one use"))
            continue
        problems += [
            Problem(f"parts.{index}: {name}", "a section of a part", "no such section", f"give [{name}] to the site")
            for name in _SHARED
            if name in source
        ]
        for name in _OF_SITE:
            if name in raw:
                source[name] = raw[name]
        sources.append(source)
    first = sources[0] if sources else {}
    for index, source in enumerate(sources[1:], 1):
        for name in (*_OF_SITE, "place"):
            here, there = ((_table(s, "site") if name == "place" else s).get(name) for s in (source, first))
            if here != there:
                problem = Problem(f"parts.{index}: {name}", "other than the first part's", "one for the whole site")
                problems.append(problem)
    return problems, sources


def _choices(mix: Mix) -> list[Problem]:
    """Months and shifts among the values to choose from that are none, and choices of nothing."""
    most = 240
    problems = []
    for index, part in enumerate(mix.parts):
        for path, values in part.either.items():
            where = f"parts.{index}.either.{path}"
            problems += _not_of_a_part(where, path)
            if not values:
                problems.append(Problem(where, "no values", "a list of at least one value"))
            for value in values:
                if path == _SHIFT and not (type(value) is int and abs(value) <= most):
                    problems.append(Problem(where, shown(value), f"whole numbers from {-most} to {most}"))
                if path == _FIRM and not (type(value) in (int, float) and 0 <= value <= 1):
                    problems.append(Problem(where, shown(value), "numbers from 0 to 1"))
                if path == _UNTIL and _MONTH.fullmatch(str(value)) is None:
                    problems.append(Problem(where, shown(value), "months, YYYY-MM"))
    return problems


def _not_of_a_part(where: str, path: str) -> list[Problem]:
    """A value that one part cannot have for itself."""
    head = path.partition(".")[0]
    if path == _CONNECTION:
        return [Problem(where, "a connection of one part", "the site's", "give grid_mw; a part's size is its scale")]
    if path == "site.place" or head in _OF_SITE:
        return [Problem(where, "another place or power for one part", "one for the whole site", "a file for each")]
    if head in _SHARED:
        return [Problem(where, "a section of a part", "no such section", f"give [{head}] to the site")]
    return []


def _ways(either: Mapping[str, tuple[Any, ...]]) -> Iterable[tuple[tuple[str, Any], ...]]:
    return itertools.product(*([(path, value) for value in values] for path, values in either.items()))


def _way(part: Part, source: dict[str, Any], way: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """A raw scenario with the values of a way, its blocks shifted."""
    made = copy.deepcopy(source)
    shift = part.shift_months
    for path, value in way:
        if path == _SHIFT:
            shift = value
        elif path not in (_UNTIL, _FIRM):
            set_value(made, path, value, Path(part.scenario))
    timeline = _table(made, "timeline")
    for row in [timeline, *_halls(timeline)] if shift else ():
        for key in ("start", "live"):
            if isinstance(row.get(key), str):
                row[key] = later(row[key], shift)
    return made


def _table(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A section of raw data; an empty one where there is none, or something else (refused when it is checked)."""
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _halls(timeline: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The blocks of a raw timeline that are tables."""
    rows = timeline.get("halls")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def later(month: str, months: int) -> str:
    """A month so many months after another; what is no month stays."""
    if _MONTH.fullmatch(month) is None:
        return month
    index = _index(month) + months
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def _index(month: str) -> int:
    year, number = month.split("-")
    return int(year) * 12 + int(number) - 1


def _part(
    made: dict[str, Any],
    raw: Mapping[str, Any],
    grid_mw: float,
    start: str,
    until: str | None,
    file: Path,
    digest: str,
    catalogue: Catalogue,
) -> tuple[list[Problem], LoadedScenario | None, Catalogue]:
    """A part's scenario on the site's first month and connection."""
    if not isinstance(made.get("site"), dict) or not isinstance(made.get("timeline"), dict):
        return validate_raw(made, catalogue, file.parent)[0], None, catalogue
    timeline = made["timeline"]
    lives = [r["live"] for r in _halls(timeline) if _MONTH.fullmatch(str(r.get("live")))]
    delay = timeline.get("delay_months", 0)
    own = None if _fills(made) else _connection_mw(made, catalogue)
    if own is None or own <= grid_mw:  # a part that is larger than the site is forged at its size, to be scaled
        made["site"] = {**made["site"], "grid_mw": raw["grid_mw"]}
    if _MONTH.fullmatch(str(timeline.get("start"))):
        timeline = made["timeline"] = timeline | {"start": start}
    if until is not None and lives and isinstance(delay, int):
        months = _index(until) - _index(max(lives)) + 1 - delay
        if months < 1:
            found = Problem("until", until, f"a month from {max(lives)} on, when its last block is live")
            return [found], None, catalogue
        made["timeline"] = timeline | {"operating_months": months}
    problems, scenario, catalogue = validate_raw(made, catalogue, file.parent)
    use = None if scenario is None else LoadedScenario(scenario, file.parent, str(file), digest)
    return problems, use, catalogue


def _between(mix: Mix, parts: list[LoadedPart], catalogue: Catalogue) -> list[Problem]:
    problems = []
    names = [p.name for p in parts]
    problems += [
        Problem("parts", f"two parts named {name!r}", "a different name for each", "give parts a name")
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    for index, part in enumerate(mix.parts):
        if part.least.number() > part.most.number():
            problems.append(Problem(f"parts.{index}.least", f"{part.least.number():g}", "at most parts.most"))
    for made in parts:
        path = f"parts.{made.group}"
        if made.firm_frac < 1.0 and made.use.scenario.use != "ai-cloud":
            why = "1, because only chips of one's own can be held back"
            problems.append(Problem(f"{path}.firm_frac", f"{made.firm_frac:g}", why))
        if made.firm_frac < 1.0 and made.held_back_usd_per_mwh is None:
            problems.append(Problem(f"{path}.held_back_usd_per_mwh", "missing", "a price, because of firm_frac"))
    if mix.best.conversion is not None:
        uses = {made.business: made.use.scenario for made in parts}
        between = between_conversion(mix.best.conversion, uses, catalogue, "part")
        problems += [replace(p, path=f"best.{p.path}") for p in between]
    sizes = {"battery_mw": "battery", "battery_mwh": "battery", "solar_mw": "solar", "wind_mw": "wind", "gas_mw": "gas"}
    problems += [
        Problem(f"best.{size}", "a size to choose", f"a section [{name}] with its costs")
        for size, name in sizes.items()
        if getattr(mix.best, size) is not None and getattr(mix, name) is None
    ]
    return problems


def _site(
    mix: Mix, raw: Mapping[str, Any], parts: list[LoadedPart], ways: list[Any], file: Path, digest: str,
    catalogue: Catalogue,
) -> tuple[list[Problem], LoadedScenario, Catalogue]:  # fmt: skip
    """The scenario of what the site itself owns: a part's sections without its debt, on the site's months."""
    chosen = next((i for i, p in enumerate(parts) if p.use.scenario.use == "mining"), 0)
    base = copy.deepcopy(ways[chosen][2])
    lives = [h.live for p in parts for h in p.use.scenario.timeline.halls]
    ends = [
        _index(max(h.live for h in t.halls)) + t.delay_months + t.operating_months
        for t in (p.use.scenario.timeline for p in parts)
    ]
    first = min(lives)
    base["timeline"] = {
        "start": parts[0].use.scenario.timeline.start,
        "halls": [{"live": first, "share": 1.0}],
        "operating_months": max(ends) - _index(first),
    }
    for name in ("debt", "partnership", "demand_response", "working_capital"):
        base.pop(name, None)
    larger = base["site"]["grid_mw"] != raw["grid_mw"]  # a part that is scaled down; the site has no halls of its own
    base["site"] = {**base["site"], "grid_mw": raw["grid_mw"]} | ({"it_mw": mix.grid_mw.number()} if larger else {})
    if "discount_rate" in raw:
        base["discount_rate"] = raw["discount_rate"]
    else:
        base["discount_rate"] = ways[0][2].get("discount_rate")
    base |= {name: raw[name] for name in _SHARED if name in raw}
    problems, scenario, catalogue = validate_raw(base, catalogue, (file.parent / mix.parts[0].scenario).parent)
    folder = file.parent
    if scenario is None:
        return problems, parts[0].use, catalogue
    return problems, LoadedScenario(scenario, folder, str(file), digest), catalogue
