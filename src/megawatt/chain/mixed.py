"""Several uses of one connection: each with its own cash and debt, all behind one tariff, hour by hour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.chain.businesses import AIMoney
from megawatt.chain.capital import calendar_of
from megawatt.chain.chip_money import busy_it_mw
from megawatt.chain.links import Links, forge
from megawatt.chain.mixed_shared import Shared, load_site, shared_money
from megawatt.chain.money import CashModel
from megawatt.dispatch import HourlyPlan, HourlyProblem, monthly_response, optimise, phased, solve_merit
from megawatt.dispatch.achieved import Achieved, achieved
from megawatt.dispatch.halls import hourly_response
from megawatt.errors import InfeasibleError, ScenarioError, SolverError
from megawatt.facility import FacilityResponse
from megawatt.finance import CashFlow, live_share
from megawatt.hours import HOURS_IN_YEAR
from megawatt.scenario.mixed import LoadedMix, LoadedPart
from megawatt.units import LITRE_PER_M3

__all__ = ["MixedPart", "MixedSite", "forge_parts", "mixed_site", "site_of", "water_m3"]

_MOST_CURTAILED: Final = 0.01
"""Share of contracted AI energy that the connection may cost, as of a site with one use."""
_ROUNDING_MW: Final = 1e-6
"""A watt: less is rounding."""


@dataclass(frozen=True)
class MixedPart:
    """One business of a mixed site, at the size of its scenario; ``scale`` is its size in the site.

    ``live`` (months of the site,) is the share of its halls that runs; ``draw_mw`` (8760,) what all of them draw at
    full load, chips at their mean power, and ``busy_mw`` with every chip busy or all of a lease drawn; ``model`` its
    cash beside the others, which take the connection before it, ``left_mw`` what they leave it in each phase, where
    that binds.
    """

    loaded: LoadedPart
    links: Links
    scale: float
    live: FloatArray
    draw_mw: FloatArray
    busy_mw: FloatArray
    model: CashModel
    left_mw: tuple[FloatArray | None, ...] = ()

    @property
    def name(self) -> str:
        """What the part is called."""
        return self.loaded.name

    @cached_property
    def base(self) -> CashFlow:
        """Cash of the base case at the size of its scenario."""
        return self.model.base()

    @property
    def value_usd(self) -> float:
        """Net present value at the site's first month, at the part's discount rate and size."""
        return self.scale * float(self.base.measures.npv_usd[0])

    @property
    def capital_usd(self) -> float:
        """All spending of the base case at its size."""
        return self.scale * float(self.base.capex_total.sum())


@dataclass(frozen=True)
class MixedSite:
    """A mixed site: parts, what they share, and the phases in which the same blocks are live.

    ``phase`` (months,) numbers the phases; ``phases`` (phases, parts) are shares of each part that are live.
    """

    name: str
    grid_mw: float
    months: int
    parts: tuple[MixedPart, ...]
    phase: IntArray
    phases: FloatArray
    common: Shared

    @cached_property
    def shared(self) -> CashModel | None:
        """Cash of what the parts share, along any path."""
        return shared_money(self.common, self.parts, self.phase, self.phases, base_only=False)

    @cached_property
    def shared_base(self) -> CashFlow | None:
        """Cash of what the parts share in the base case; None where they share nothing but the connection."""
        money = shared_money(self.common, self.parts, self.phase, self.phases, base_only=True)
        return None if money is None else money.base()

    @property
    def shared_usd(self) -> float:
        """Net present value of what is shared: plants, services, one peak instead of several, load held back."""
        return 0.0 if self.shared_base is None else float(self.shared_base.measures.npv_usd[0])

    @property
    def value_usd(self) -> float:
        """Net present value of the site: parts and what they share."""
        return sum(part.value_usd for part in self.parts) + self.shared_usd

    @property
    def full_phase(self) -> int:
        """The phase that is shown by the hour: the one with most load."""
        size = np.array([part.scale * part.draw_mw.max() for part in self.parts])
        return int(np.argmax(self.phases @ size))

    @cached_property
    def hours(self) -> tuple[HourlyProblem, HourlyPlan]:
        """The site's year in its fullest phase, at the base case's values of mined energy."""
        problem = self.common.joint(self.parts, self.phases[self.full_phase])
        return problem, optimise(problem)

    @cached_property
    def known(self) -> Achieved | str:
        """What an operator achieves of the flexible value of that year, or why it is not told."""
        problem, plan = self.hours
        try:
            return achieved(problem, plan)
        except (ScenarioError, InfeasibleError, SolverError) as error:
            return str(error)

    def peak_mw(self) -> FloatArray:
        """Highest draw of the parts' halls, every machine busy, in each month of the site, (months,). [MW]"""
        drawn = np.array([part.scale * part.busy_mw for part in self.parts])
        highest = np.minimum((self.phases @ drawn).max(axis=1), self.grid_mw)
        return np.asarray(highest[self.phase], dtype=np.float64)

    def idle_mw(self) -> FloatArray:
        """Megawatts of the connection that no part ever draws, month by month, (months,)."""
        return np.maximum(self.grid_mw - self.peak_mw(), 0.0)

    def water_m3(self) -> float:
        """Water of the year with the parts as they run at most, drawn on site."""
        return float(sum(part.scale * self.phases[:, i].max() * water_m3(part) for i, part in enumerate(self.parts)))


def water_m3(part: MixedPart) -> float:
    """Water of a part's year at the size of its scenario, drawn on site."""
    return float(solve_merit(part.links.problem).water_l.sum()) / LITRE_PER_M3


def forge_parts(
    loaded: LoadedMix,
    progress: Callable[[str], None] = lambda text: None,
    near: Mapping[str, Links] = MappingProxyType({}),
) -> tuple[MixedPart, ...]:
    """Every part alone on the site's connection; ``near`` holds links of parts that differ little, by name.

    What a part has in common with such a one, or with the part before it, is not computed again.
    """
    made: list[MixedPart] = []
    months = _months(loaded)
    for part in loaded.parts:
        progress(part.name)
        like = near.get(part.name, made[-1].links if made else None)
        made.append(_alone(part, forge(part.use.scenario, loaded.catalogue, part.use.folder, near=like), months))
    return tuple(made)


def _months(loaded: LoadedMix) -> int:
    return calendar_of(loaded.site.scenario.timeline).spine.months


def _alone(part: LoadedPart, links: Links, months: int) -> MixedPart:
    spine = links.model.calendar.spine
    live = np.zeros(months)
    live[: spine.months] = live_share(links.model.calendar.halls, spine.months)
    problem = links.problem
    if problem.mining_response is not None:
        drawn = _drawn_mw(problem.mining_response, np.full(HOURS_IN_YEAR, problem.mining_it_mw))
        return MixedPart(part, links, part.scale, live, drawn, drawn, links.model)
    assert problem.ai_response is not None, "a use has AI or mining halls"
    drawn = _drawn_mw(problem.ai_response, problem.ai_it_mw)
    busy = _drawn_mw(problem.ai_response, np.full(HOURS_IN_YEAR, busy_it_mw(links.scenario, links.compute)))
    return MixedPart(part, links, part.scale, live, drawn, busy, links.model)


def _drawn_mw(response: FacilityResponse, load_it_mw: FloatArray) -> FloatArray:
    """What halls draw at the connection under a load, (8760,). [MW]"""
    it_mw = np.clip(np.minimum(load_it_mw, response.it_limit_mw), 0.0, response.it_mw[-1])
    return hourly_response(response, response.facility_mw, it_mw)


def _worth(part: MixedPart) -> tuple[bool, float]:
    """Parts in the order in which they take the connection: contracted load first, then miners by their strike."""
    mined = part.links.mined
    return mined is not None, 0.0 if mined is None else -mined.strike_usd_per_mwh


def mixed_site(
    loaded: LoadedMix,
    progress: Callable[[str], None] = lambda text: None,
    near: Mapping[str, Links] = MappingProxyType({}),
) -> MixedSite:
    """A mixed site through the whole chain: every part, the connection that they share, plants and services.

    ``near``: as `forge_parts`.

    Raises
    ------
    InfeasibleError
        If the connection cannot carry the AI load of all parts, or the right of water is too small.
    """
    parts = forge_parts(loaded, progress, near)
    site = site_of(loaded, parts, load_site(loaded))
    right = loaded.mix.water_m3_per_year
    if right is not None and site.water_m3() > right.number():
        raise InfeasibleError(
            f"water_m3_per_year: the parts draw {site.water_m3():,.0f} m3 in their fullest year, the right is "
            f"{right.number():,.0f} m3; choose dry cooling, smaller parts, or megawatt best with this limit"
        )
    return site


def site_of(loaded: LoadedMix, parts: Sequence[MixedPart], common: Shared) -> MixedSite:
    """The site of parts at their scales.

    Contracted AI load takes the connection first, miners have what it leaves, the fleet with the highest strike price
    first: that is the best order wherever chips earn more than power costs, since of two fleets the one that stops at
    the higher price also earns more with a MW of the connection.
    """
    grid_mw, months = loaded.mix.grid_mw.number(), _months(loaded)
    rows = np.array([part.live for part in parts]).reshape(len(parts), months)
    phases, phase = np.unique(rows.T, axis=0, return_inverse=True)
    phase = np.asarray(phase, dtype=np.int64).reshape(-1)
    left = np.full((len(phases), HOURS_IN_YEAR), grid_mw)
    made: dict[str, MixedPart] = {}
    for part in sorted(parts, key=_worth):
        index = [p.name for p in parts].index(part.name)
        asked = part.scale * phases[:, index, np.newaxis] * part.draw_mw
        made[part.name] = _beside(part, phases[:, index], phase, left, asked)
        left = np.maximum(left - asked, 0.0)
    joined = tuple(made[part.name] for part in parts)
    return MixedSite(loaded.mix.name, grid_mw, months, joined, phase, phases, common)


def _beside(part: MixedPart, live: FloatArray, phase: IntArray, left_mw: FloatArray, asked: FloatArray) -> MixedPart:
    """A part with what the others leave of the connection in each phase."""
    if part.scale <= 0.0:
        return part
    on = np.flatnonzero(live > 0.0)
    if not (asked[on] > left_mw[on] + _ROUNDING_MW).any():
        return part
    limits = tuple(
        np.minimum(left_mw[p] / (part.scale * live[p]), part.links.problem.import_limit_mw) if live[p] > 0.0 else None
        for p in range(live.size)
    )
    model = part.links.model
    if part.links.mined is None:
        return _held(part, limits)
    first = next(limit for limit in limits if limit is not None)
    years = [
        monthly_response(replace(part.links.problem, import_limit_mw=first if limit is None else limit))
        for limit in limits
    ]
    response = phased(years, phase[: model.calendar.spine.months])
    return replace(part, model=replace(model, response=response), left_mw=limits)


def _held(part: MixedPart, limits: tuple[FloatArray | None, ...]) -> MixedPart:
    """AI load that the connection holds back in some hours: what it serves less is not paid."""
    tightest = np.min([limit for limit in limits if limit is not None], axis=0)
    problem = replace(part.links.problem, import_limit_mw=tightest)
    response = monthly_response(problem)
    offered = float(problem.ai_it_mw.sum())
    lost = float(response.ai_unserved_mwh.sum()) / offered
    if lost > _MOST_CURTAILED:
        raise InfeasibleError(
            f"parts: {part.name} cannot run {lost:.1%} of its energy beside the parts before it on the connection; "
            "raise grid_mw or lower a scale"
        )
    served = min(float(response.ai_it_mwh.sum()) / offered, 1.0)
    model = part.links.model
    businesses = tuple(
        replace(business, served_frac=served) if isinstance(business, AIMoney) else business
        for business in model.businesses
    )
    return replace(part, model=replace(model, response=response, businesses=businesses), left_mw=limits)
