"""Many years of one site: the optimum of each, and what they earn on average and at their ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.hourly import Block, HourlyPlan, HourlyProblem
from megawatt.dispatch.ledgers import earned_usd, ledger
from megawatt.dispatch.optimising import Solver, optimise
from megawatt.errors import ScenarioError

__all__ = ["PriceYears", "at_prices", "optimise_years"]


@dataclass(frozen=True, slots=True)
class PriceYears:
    """Optima by year: cost (years,), revenue less cost of the account (years,), energy by block (years,) [MWh], metered
    peaks by charge (years,) [MW]."""

    objective_usd: FloatArray
    earned_usd: FloatArray
    mwh: Mapping[str, FloatArray]
    peak_mw: Mapping[str, FloatArray]

    @property
    def mean_usd(self) -> float:
        """Mean of what the years earn. [USD]"""
        return float(self.earned_usd.mean())

    @property
    def range_usd(self) -> tuple[float, float]:
        """What the worst and the best year earn. [USD]"""
        return float(self.earned_usd.min()), float(self.earned_usd.max())


def optimise_years(problems: Iterable[HourlyProblem], *, solver: Solver = "auto", workers: int = 1) -> PriceYears:
    """Solve the years of a site.

    Parameters
    ----------
    problems : iterable of HourlyProblem
        One or more years with the same blocks and charges; taken a few at a time, so a generator saves memory.
    solver : {'auto', 'exact', 'highs'}
        As in `optimise`.
    workers : int
        Threads; the exact solver runs outside Python's lock.
    """

    def one(problem: HourlyProblem) -> tuple[HourlyPlan, float]:
        plan = optimise(problem, solver)
        return plan, earned_usd(ledger(problem, plan))

    rows: list[tuple[float, float, dict[str, float], dict[str, float]]] = []
    left = iter(problems)
    with ThreadPoolExecutor(workers) as pool:
        while some := list(itertools.islice(left, 4 * workers)):
            for plan, earned in pool.map(one, some):
                energy = {name: float(mw.sum()) for name, mw in plan.mw.items()}
                rows.append((plan.objective_usd, earned, energy, dict(plan.peak_mw)))
    cost, earned_by_year, energies, peaks = (tuple(parts) for parts in zip(*rows, strict=True))
    return PriceYears(
        objective_usd=np.array(cost),
        earned_usd=np.array(earned_by_year),
        mwh=MappingProxyType({name: np.array([e[name] for e in energies]) for name in energies[0]}),
        peak_mw=MappingProxyType({name: np.array([p[name] for p in peaks]) for name in peaks[0]}),
    )


def at_prices(
    problem: HourlyProblem, shift_usd_per_mwh: FloatArray, follows: tuple[str, ...] = ("import", "export")
) -> HourlyProblem:
    """A site at other market prices.

    Parameters
    ----------
    problem : HourlyProblem
        The site at the market prices of one year.
    shift_usd_per_mwh : array, shape (hours,)
        Market prices of the other year less those that the problem was built with.
    follows : tuple of str
        Blocks whose price moves with the market, dollar for dollar.

    Raises
    ------
    ScenarioError
        If the shape does not fit.
    """
    shift = np.asarray(shift_usd_per_mwh, dtype=np.float64)
    if shift.shape != (problem.hours,):
        raise ScenarioError(f"price year: shape {shift.shape}, must be ({problem.hours},), USD/MWh")

    def moved(block: Block) -> Block:
        if block.name not in follows:
            return block
        return replace(block, usd_per_mwh=block.usd_per_mwh + shift[:, np.newaxis])

    return replace(
        problem,
        imports=moved(problem.imports),
        energy_usd_per_mwh=problem.energy_price_usd_per_mwh + shift,
        supplies=tuple(moved(b) for b in problem.supplies),
        uses=tuple(moved(b) for b in problem.uses),
    )
