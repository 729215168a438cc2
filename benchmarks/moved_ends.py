"""Every moved input of every example against a full recomputation with its layout held: ends that differ, and times."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue import Catalogue, load_catalogue
from megawatt.chain.links import Links, forge, reforge
from megawatt.chain.sensitivity import moved_input, ranged_inputs
from megawatt.errors import CatalogueError, InfeasibleError, ScenarioError
from megawatt.scenario import LoadedScenario, load
from megawatt.scenario.schema import Scenario

Outcome: TypeAlias = dict[str, NDArray[np.float64]] | str
"""Results of a chain, or why it was refused."""

EXAMPLES = Path(__file__).parents[1] / "examples"


def uses(paths: Iterable[Path]) -> list[LoadedScenario]:
    """Each use once, whatever compares it."""
    catalogue = load_catalogue()
    found = {use.file: use for path in sorted(paths) for use in load(path, catalogue).uses}
    return list(found.values())


def moved(links: Links) -> Iterator[tuple[str, Scenario, Catalogue]]:
    """Both ends of every ranged input, as scenario and catalogue; results among the assumptions left out."""
    for row in ranged_inputs(links):
        for end in (row.fact.low, row.fact.high):
            if end is None or end == row.fact.number():
                continue
            try:
                yield f"{row.name} = {end:g}", *moved_input(links, row.name, end)
            except CatalogueError:
                break


def outcome(links: Links) -> dict[str, NDArray[np.float64]]:
    """All that a moved input may change in the chain's results."""
    flows = links.base.flows
    out = {f"revenue {name}": values for name, values in flows.revenue.items()}
    out |= {f"cost {name}": values for name, values in flows.opex_cost.items()}
    out["value"] = links.base.measures.value_usd_per_grid_mw_year
    out["tokens"] = np.array(links.tokens_per_mwh or 0.0)
    out["prices"] = links.problem.price_usd_per_mwh
    out["ai_value"] = np.array(links.problem.ai_value_usd_per_mwh)
    return out


def same(quick: Outcome, full: Outcome) -> bool:
    """Equal bit for bit, or refused in the same words."""
    if isinstance(quick, str) or isinstance(full, str):
        return quick == full
    return quick.keys() == full.keys() and all(np.array_equal(quick[k], full[k], equal_nan=True) for k in quick)


def _timed(chain: Callable[[], Links]) -> tuple[Outcome, float]:
    start = time.perf_counter()
    try:
        found: Outcome = outcome(chain())
    except (InfeasibleError, ScenarioError) as error:
        found = str(error)
    return found, time.perf_counter() - start


def main(paths: Iterable[Path] = ()) -> dict[str, float]:
    """Ends and stale ends over all uses, and seconds of both ways."""
    ends = stale = 0
    quick_s = full_s = 0.0
    for use in uses(paths or [p for p in EXAMPLES.rglob("*.toml") if "[[parts]]" not in p.read_text("utf-8")]):
        links = forge(use.scenario, load_catalogue(), use.folder)
        before = ends, stale
        for name, scenario, catalogue in moved(links):
            quick, took_s = _timed(partial(reforge, links, scenario, catalogue))
            full, whole_s = _timed(partial(forge, scenario, catalogue, use.folder, links.held))
            ends, quick_s, full_s = ends + 1, quick_s + took_s, full_s + whole_s
            if not same(quick, full):
                stale += 1
                print(f"{use.scenario.name}: {name}", file=sys.stderr)
        print(f"{use.scenario.name:24} {stale - before[1]:4} stale of {ends - before[0]}", file=sys.stderr, flush=True)
    return {"ends": float(ends), "stale": float(stale), "reforged_s": quick_s, "recomputed_s": full_s}


if __name__ == "__main__":
    for name, value in main([Path(argument) for argument in sys.argv[1:]]).items():
        print(f"{name:24} {value:.4g}")
