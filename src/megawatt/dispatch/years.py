"""Many price years of one site: the optimum of each, for Monte Carlo."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from megawatt.dispatch.hourly import Block, HourlyProblem
from megawatt.dispatch.optimise import Solver, optimise
from megawatt.errors import ScenarioError

__all__ = ["PriceYears", "optimise_years"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PriceYears:
    """Optima by year: cost (years,), energy by block (years,) [MWh], metered peaks by charge (years,) [MW]."""

    objective_usd: FloatArray
    mwh: Mapping[str, FloatArray]
    peak_mw: Mapping[str, FloatArray]


def optimise_years(
    problem: HourlyProblem,
    shift_usd_per_mwh: FloatArray,
    *,
    follows: tuple[str, ...] = ("import", "export"),
    solver: Solver = "auto",
    workers: int = 1,
) -> PriceYears:
    """Solve a site for many years of market prices.

    Parameters
    ----------
    problem : HourlyProblem
        The site at the market prices of one year.
    shift_usd_per_mwh : array, shape (years, hours)
        Market prices of each year less those that the problem was built with.
    follows : tuple of str
        Blocks whose price moves with the market, dollar for dollar.
    solver : {'auto', 'exact', 'highs'}
        As in `optimise`.
    workers : int
        Threads; the exact solver runs outside Python's lock.

    Raises
    ------
    ScenarioError
        If the shapes do not fit.
    """
    years = np.atleast_2d(np.asarray(shift_usd_per_mwh, dtype=np.float64))
    if years.shape[1:] != (problem.hours,):
        raise ScenarioError(f"price years: shape {years.shape}, must be (years, {problem.hours}), USD/MWh")

    def one(shift: FloatArray) -> tuple[float, dict[str, float], dict[str, float]]:
        plan = optimise(_shifted(problem, shift, follows), solver)
        return plan.objective_usd, {name: float(mw.sum()) for name, mw in plan.mw.items()}, dict(plan.peak_mw)

    with ThreadPoolExecutor(workers) as pool:
        solved = list(pool.map(one, years))
    cost, energy, peaks = (tuple(parts) for parts in zip(*solved, strict=True))
    return PriceYears(
        objective_usd=np.array(cost),
        mwh=MappingProxyType({name: np.array([e[name] for e in energy]) for name in energy[0]}),
        peak_mw=MappingProxyType({name: np.array([p[name] for p in peaks]) for name in peaks[0]}),
    )


def _shifted(problem: HourlyProblem, shift: FloatArray, follows: tuple[str, ...]) -> HourlyProblem:
    def moved(block: Block) -> Block:
        if block.name not in follows:
            return block
        return replace(block, usd_per_mwh=block.usd_per_mwh + shift[:, np.newaxis])

    return replace(
        problem,
        imports=moved(problem.imports),
        supplies=tuple(moved(b) for b in problem.supplies),
        uses=tuple(moved(b) for b in problem.uses),
    )
