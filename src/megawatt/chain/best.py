"""The best mix of uses of one connection: sizes, timing, plants; what binds, what it risks, what would change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from megawatt.chain.best_over_time import OverTime, decide_over_time
from megawatt.chain.best_ranges import BestUse, Flip, best_uses, flips
from megawatt.chain.best_records import Programme
from megawatt.chain.best_search import Bound, FrontierPoint, MixValue, Search, Unfit
from megawatt.chain.mixed import MixedSite
from megawatt.errors import InfeasibleError
from megawatt.scenario.mixed import LoadedMix

__all__ = ["Best", "find_best"]


@dataclass(frozen=True)
class Best:
    """The answer: the best mix, the best of each business alone, how far the programme is from the chain.

    ``programme_usd`` is the optimum of the programme, proven to HiGHS's tolerances; ``gap_usd`` what the chain's own
    value of the best mix lacks to it. ``shadow_prices`` are of limits, ``bounds`` of the sizes' bounds that bind;
    ``left_out`` what has no size here, and why. With a ``cost_of_equity`` values are those to owners, after debt.
    """

    best: MixValue
    single_use: tuple[MixValue, ...]
    programme: Programme
    programme_usd: float
    gap_usd: float
    frontier: tuple[FrontierPoint, ...]
    shadow_prices: Mapping[str, float]
    bounds: tuple[Bound, ...]
    robust: tuple[Flip, ...]
    uses: tuple[BestUse, ...]
    over_time: OverTime | None
    site: MixedSite
    left_out: tuple[Unfit, ...]
    cost_of_equity: float | None
    solver: str
    seconds: float


def find_best(
    loaded: LoadedMix, workers: int = 1, progress: Callable[[str], None] = lambda text: None, *, ranges: bool = True
) -> Best:
    """The best mix of a mixed site with candidates.

    Sizes and hours come from one linear programme; the mix and every business alone are then valued by the whole chain
    on the same simulated paths, and the best of these is the answer.

    Parameters
    ----------
    loaded : LoadedMix
        Read with ``candidates=True``.
    workers : int
        Processes of the simulation; results do not depend on it.
    ranges : bool
        Whether ranges of inputs and the map of prices are looked at.

    Raises
    ------
    InfeasibleError
        If no mix keeps all limits; names one.
    """
    search = Search(loaded, workers, progress)
    progress("sizes and hours")
    mix = search.solve_safe()
    best, site = search.value("mix", mix)
    chosen, singles, unfit = mix, list[MixValue](), search.unfit(mix)
    for group in sorted({part.group for part in loaded.parts}):
        names = [other.name for other in search.parts if other.loaded.group == group]
        business = next(part.business for part in loaded.parts if part.group == group)
        if not names:
            continue
        progress(f"alone: {business}")
        try:
            single, alone, sized = search.alone(names)
        except InfeasibleError as error:
            if business not in {row.name for row in unfit}:
                unfit.append(Unfit(business, str(error)))
            continue
        singles.append(single)
        others = [other for other in search.parts if other.loaded.group != group]
        given = any(plant.least > 0.0 for plant in search.programme.plants)
        if single.value_usd > best.value_usd and not given and all(other.loaded.least <= 0.0 for other in others):
            best, site, chosen = replace(single, name="mix", note=""), alone, sized
    progress("frontier")
    points = search.frontier(mix)
    terms = loaded.mix.best.conversion
    progress("decisions over time, ranges of inputs" if terms else "ranges of inputs")
    return Best(
        best=best,
        single_use=tuple(singles),
        programme=search.programme,
        programme_usd=mix.value_usd,
        gap_usd=mix.value_usd - best.value_usd,
        frontier=points,
        shadow_prices=chosen.shadow,
        bounds=search.priced(chosen),
        robust=flips(search.programme, search.parts) if ranges else (),
        uses=best_uses(search.programme, search.parts, loaded.mix.best.price_levels, loaded.mix.best.pay_levels)
        if ranges
        else (),
        over_time=None
        if terms is None
        else decide_over_time(terms, search.programme, search.parts, loaded.mix.seed, workers),
        site=site,
        left_out=tuple(unfit),
        cost_of_equity=search.owners,
        solver=mix.solver,
        seconds=mix.seconds,
    )
