"""A scenario or a mixed site over many values of its inputs: points of a grid or a Latin hypercube, each valued."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.chain.links import Links, forge
from megawatt.chain.mixed import MixedSite, mixed_site
from megawatt.errors import MegawattError, Problem, ScenarioError, shown
from megawatt.files import parse_toml_value, read_toml
from megawatt.scenario import load
from megawatt.scenario.mixed import is_mix, load_mix

__all__ = ["MOST_POINTS", "Axis", "axis_of", "check_points", "check_words", "points_of", "value_points"]

MOST_POINTS: Final = 1_000_000
"""Points of a sweep."""
_STEPPED: Final = re.compile(r"(-?[0-9.eE+-]+)\.\.(-?[0-9.eE+-]+)(?::([0-9.eE+-]+))?")


@dataclass(frozen=True, slots=True)
class Axis:
    """A dotted path of the scenario and the values that it takes; ``ends`` where any number between them may be."""

    path: str
    values: tuple[Any, ...]
    ends: tuple[float, float] | None = None


def axis_of(text: str) -> Axis:
    """An axis as it is written: ``path=start..stop:step``, ``path=start..stop`` (sampled), or ``path=a,b,c``.

    Raises
    ------
    ScenarioError
        If it is neither.
    """
    path, equals, given = text.partition("=")
    found = _STEPPED.fullmatch(given.strip())
    if not equals or not path.strip() or not given.strip():
        raise _refused(text, "path=start..stop:step, path=start..stop, or path=a,b,c")
    if found is None:
        return Axis(path.strip(), tuple(parse_toml_value(word.strip()) for word in given.split(",")))
    try:
        start, stop = float(found[1]), float(found[2])
        step = float(found[3]) if found[3] else math.nan
    except ValueError:
        raise _refused(text, "numbers") from None
    if not (math.isfinite(start) and math.isfinite(stop) and start <= stop):
        raise _refused(text, "a start that is not above the stop")
    if not found[3]:
        return Axis(path.strip(), (), (start, stop))
    if not step > 0.0 or (stop - start) / step > MOST_POINTS:
        raise _refused(text, f"a step above 0, of which at most {MOST_POINTS:,} fit")
    count = math.floor((stop - start) / step + 1e-9) + 1
    return Axis(path.strip(), tuple(_plain(start + i * step) for i in range(count)), (start, stop))


def _plain(value: float) -> float | int:
    """A number as people write it: whole where it is, without the last bits of a sum."""
    rounded = float(f"{value:.12g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _refused(text: str, allowed: str) -> ScenarioError:
    return ScenarioError(f"--over {shown(text)}", [Problem("--over", shown(text), allowed, "docs/sweeps.md")])


def points_of(axes: Sequence[Axis], sample: int, seed: int) -> list[tuple[Any, ...]]:
    """Values of every axis at every point: the full grid, or a Latin hypercube of so many points.

    A sample takes each of its equal strata of every axis once; of a list each value about as often.

    Raises
    ------
    ScenarioError
        If a grid has an axis without a step, or there are too many points.
    """
    if not axes:
        raise _refused("", "at least one axis")
    paths = [axis.path for axis in axes]
    if len(set(paths)) < len(paths):
        raise _refused(", ".join(paths), "each path once")
    if sample == 0:
        for axis in axes:
            if not axis.values:
                raise _refused(
                    axis.path,
                    "a step (start..stop:step) where all of a grid is run",
                )
        if math.prod(len(axis.values) for axis in axes) > MOST_POINTS:
            raise _refused(", ".join(paths), f"at most {MOST_POINTS:,} points")
        return list(itertools.product(*(axis.values for axis in axes)))
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    columns = []
    for axis in axes:
        place = (generator.permutation(sample) + generator.random(sample)) / sample
        if axis.ends is not None:
            low, high = axis.ends
            columns.append([float(f"{low + p * (high - low):.12g}") for p in place.tolist()])
        else:
            columns.append([axis.values[min(int(p * len(axis.values)), len(axis.values) - 1)] for p in place.tolist()])
    return list(zip(*columns, strict=True))


def check_points(
    file: Path, catalogue: Catalogue, paths: Sequence[str], points: Sequence[tuple[Any, ...]], settings: Sequence[str]
) -> None:
    """Refuse a sweep of which none of some points is a scenario: a path or a file is wrong, not a point.

    Raises
    ------
    ScenarioError
        The first point's.
    """
    read = load_mix if is_mix(read_toml(file)[0]) else load
    first: ScenarioError | None = None
    for point in points:
        try:
            read(file, catalogue, _told(settings, paths, point))
        except ScenarioError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def check_words(
    file: Path, catalogue: Catalogue, paths: Sequence[str], points: Sequence[tuple[Any, ...]], settings: Sequence[str]
) -> None:
    """Refuse a sweep over words of which its path does not know one: a misspelt place is an error, not a point.

    Raises
    ------
    ScenarioError
        That of the first such word.
    """
    read = load_mix if is_mix(read_toml(file)[0]) else load
    for index, path in enumerate(paths):
        words = dict.fromkeys(point[index] for point in points if isinstance(point[index], str))
        for word in words:
            point = next(p for p in points if p[index] == word)
            try:
                read(file, catalogue, _told(settings, paths, point))
            except ScenarioError as error:
                if any(_of(problem.path, path) for problem in error.problems):
                    raise


def _of(found: str, path: str) -> bool:
    """Whether a problem's path is an axis's, or of a part's scenario."""
    return found == path or found.endswith(f": {path}")


def _told(settings: Sequence[str], paths: Sequence[str], point: Sequence[Any]) -> list[str]:
    return [*settings, *(f"{path}={_toml(value)}" for path, value in zip(paths, point, strict=True))]


def value_points(
    file: Path, catalogue: Catalogue, paths: Sequence[str], points: Sequence[tuple[Any, ...]], first: int,
    settings: Sequence[str] = (),
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of points: their values and what the base case is worth there; a point that cannot be says why.

    Parameters
    ----------
    file : Path
        A scenario, a comparison, or a mixed site.
    first : int
        Number of the first point.
    """
    mixed = is_mix(read_toml(file)[0])
    rows, near = [], dict[str, Links]()
    for number, point in enumerate(points, first):
        given = dict(zip(paths, point, strict=True))
        told = _told(settings, paths, point)
        head = {"point": number, **given}
        try:
            found = (_mixed if mixed else _uses)(file, catalogue, told, near)
        except MegawattError as error:
            found = [{"use": "", "refused": (str(error.problems[0]) if error.problems else str(error))[:500]}]
        rows += [{**head, **_EMPTY, **row} for row in found]
    return rows


_EMPTY: Final[Mapping[str, Any]] = {
    "use": "", "value_usd": math.nan, "value_usd_per_grid_mw_year": math.nan, "project_irr": math.nan,
    "min_dscr": math.nan, "capital_usd": math.nan, "it_mw": math.nan, "refused": "",
}  # fmt: skip


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _uses(file: Path, catalogue: Catalogue, settings: Sequence[str], near: dict[str, Links]) -> list[dict[str, Any]]:
    """Rows of the uses of a scenario; links of the point before (``near``) serve where they are the same."""
    loaded = load(file, catalogue, settings)
    for use in loaded.uses:
        name = use.scenario.name
        near[name] = forge(use.scenario, loaded.catalogue, use.folder, near=near.get(name))
    return [_row(near[use.scenario.name]) for use in loaded.uses]


def _row(links: Links) -> dict[str, Any]:
    cash = links.base
    return {
        "use": links.scenario.name,
        "value_usd": float(cash.measures.npv_usd[0]),
        "value_usd_per_grid_mw_year": float(cash.measures.value_usd_per_grid_mw_year[0]),
        "project_irr": float(cash.measures.project_irr[0]),
        "min_dscr": float(cash.measures.min_dscr[0]),
        "capital_usd": float(cash.capex_total.sum()),
        "it_mw": links.it_mw,
    }


def _mixed(file: Path, catalogue: Catalogue, settings: Sequence[str], near: dict[str, Links]) -> list[dict[str, Any]]:
    site = mixed_site(load_mix(file, catalogue, settings), near=near)
    near |= {part.name: part.links for part in site.parts}
    parts = [
        {
            "use": part.name,
            "value_usd": part.value_usd,
            "capital_usd": part.capital_usd,
            "it_mw": part.scale * part.links.it_mw,
            "project_irr": float(part.base.measures.project_irr[0]),
            "min_dscr": float(part.base.measures.min_dscr[0]),
        }
        for part in site.parts
    ]
    return [*parts, _site_row(site)]


def _site_row(site: MixedSite) -> dict[str, Any]:
    return {
        "use": "site",
        "value_usd": site.value_usd,
        "capital_usd": sum(part.capital_usd for part in site.parts),
        "it_mw": sum(part.scale * part.links.it_mw for part in site.parts),
    }
