"""What the parts of a mixed site share beside the connection: plants, services, one bill, load that is held back."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.chain.businesses import MiningMoney
from megawatt.chain.capital import Calendar, Capital, calendar_of, capital
from megawatt.chain.ground import Ground, PowerIndex
from megawatt.chain.links import Links
from megawatt.chain.money import CashModel
from megawatt.chain.plants import Plants, plants_of
from megawatt.chain.plants_added import AddedByPlants, Asked, PlantMoney, Solved, added_tables, at_market
from megawatt.chain.power import power_index
from megawatt.chain.site import Grid, grid_of, site_problem
from megawatt.dispatch import (
    HourlyProblem,
    MonthlyResponse,
    SiteAssets,
    SiteProblem,
    joint_hours,
    monthly_response,
    site_hours,
)
from megawatt.finance import OperatingFlows, net_present_value_usd
from megawatt.hours import HOURS_IN_YEAR, MONTH_OF_HOUR, monthly_sum
from megawatt.risk import FactorPaths, FactorTerms, base_factors
from megawatt.scenario.mixed import LoadedMix, LoadedPart
from megawatt.scenario.plant_sections import PLANTS
from megawatt.scenario.risk_terms import factor_terms_of
from megawatt.scenario.schema import Scenario
from megawatt.scenario.site_files import place_of_site
from megawatt.scenario.site_tariff import site_sheet

if TYPE_CHECKING:
    from megawatt.chain.mixed import MixedPart

__all__ = [
    "Shared",
    "load_site",
    "part_hours",
    "plants_at",
    "shared_capital",
    "shared_money",
    "sized_section",
    "tax_left",
    "worth_of_months",
]


@dataclass(frozen=True)
class Shared:
    """The site without its parts: prices and tariff of the connection, plants and services, months and terms."""

    scenario: Scenario
    calendar: Calendar
    index: PowerIndex
    problem: SiteProblem
    plants: Plants
    grid: Grid
    response: MonthlyResponse
    terms: FactorTerms
    solved: Solved = field(default_factory=dict, compare=False)
    """Years that were solved: sites of fewer parts have many of them in common."""

    @property
    def billed(self) -> bool:
        """Whether the tariff has charges that several parts share: peaks, blocks of energy, least and fixed bills."""
        hours = site_hours(self.problem)
        return bool(hours.peaks or hours.energy_tiers or hours.minimums or hours.fixed_usd)

    def joint(self, parts: Sequence[MixedPart], live: FloatArray, plants: Plants | None = None) -> HourlyProblem:
        """The year with these shares of the parts live, at the base case's values of mined energy."""
        halls = {
            part.name: (part_hours(part.loaded, part.links, None, 1.0), part.scale * share)
            for part, share in zip(parts, live.tolist(), strict=True)
            if part.scale * share > 0.0
        }
        return joint_hours(self.problem, (plants or self.plants).assets, halls)


def load_site(loaded: LoadedMix) -> Shared:
    """What the parts of a mixed site share."""
    use, catalogue = loaded.site, loaded.catalogue
    scenario = use.scenario
    own = site_sheet(catalogue, scenario.power, scenario.tariff)
    index = power_index(catalogue, scenario.power, own.sheet.growth_per_year.number(), scenario.timeline)
    part_folder = loaded.parts[0].use.folder
    grid = grid_of(catalogue, scenario.power, own, index, scenario.site, scenario.seed, part_folder)
    problem = site_problem(catalogue, grid, scenario.site.grid_mw.number())
    return Shared(
        scenario=scenario,
        calendar=calendar_of(scenario.timeline),
        index=index,
        problem=problem,
        response=monthly_response(problem),
        plants=_plants(loaded, scenario, grid),
        grid=grid,
        terms=factor_terms_of(scenario, catalogue),
    )


def sized_section(common: Shared, sizes: Mapping[str, float], others: Mapping[str, object] | None = None) -> Shared:
    """The site with sections of plants at other sizes: ``battery_mw``, ``battery_mwh``, ``solar_mw`` and so on."""
    made: dict[str, object] = dict(others or {})
    for key, size in sizes.items():
        name, _, unit = key.rpartition("_")
        section: Any = made.get(name, getattr(common.scenario, name))
        if section is not None:
            field = getattr(section, unit)
            made[name] = section.model_copy(update={unit: dataclasses.replace(field, value=size)})
    return replace(common, scenario=common.scenario.model_copy(update=made))


def plants_at(loaded: LoadedMix, common: Shared, sizes: Mapping[str, float]) -> Shared:
    """The site with plants of these sizes, hours and all; one of no size is none, and what is not named stays."""
    sized = sized_section(common, sizes)
    sections = {name: getattr(sized.scenario, name) for name in PLANTS}
    none = {name: None for name, section in sections.items() if section is not None and _none(section)}
    scenario = sized.scenario.model_copy(update=none)
    return replace(sized, scenario=scenario, plants=_plants(loaded, scenario, common.grid))


def worth_of_months(annual_rate: float, months: int) -> FloatArray:
    """Present value of a dollar in each month, (months,)."""
    return np.array(net_present_value_usd(np.eye(months), annual_rate))


def tax_left(common: Shared) -> float:
    """Share of a dollar of the site's own income that tax leaves."""
    tax = shared_capital(common).tax
    return 1.0 - tax.combined_rate


def _none(section: object) -> bool:
    sizes = [getattr(section, unit).number() for unit in ("mw", "mwh") if hasattr(section, unit)]
    return bool(min(sizes) <= 0.0)


def _plants(loaded: LoadedMix, scenario: Scenario, grid: Grid) -> Plants:
    use = loaded.site
    return plants_of(
        loaded.catalogue,
        tuple(getattr(scenario, name) for name in PLANTS),
        scenario.export,
        scenario.power,
        place_of_site(scenario.site, loaded.parts[0].use.folder),
        grid,
        use.folder,
        scenario.site.grid_mw.number(),
        scenario.services,
        scenario.curtailment,
        scenario.large_load,
    )


def part_hours(part: LoadedPart, links: Links, ratio: float | None, level: float) -> HourlyProblem:
    """The hours of a part: miners at a share of the year's mean value (None: at that of each calendar month).

    Load that may be held back earns what holding it back costs.
    """
    there = _market(links, ratio, level)
    if part.firm_frac >= 1.0:
        return site_hours(there)
    held = part.held_back_usd_per_mwh
    return site_hours(there, SiteAssets(ai_firm_frac=part.firm_frac, ai_interruptible_usd_per_mwh=held))


def _market(links: Links, ratio: float | None, level: float) -> SiteProblem:
    mined, value = links.mined, np.zeros(HOURS_IN_YEAR)
    if mined is not None:
        value = mined.by_month_usd_per_mwh[MONTH_OF_HOUR] if ratio is None else value + ratio * mined.usd_per_mwh
    miners = links.model.find(MiningMoney)
    return at_market(links.problem, level, value, miners.hosted if miners else None)


def _alone(part: MixedPart, phase: int, ratio: float, level: float, size: float) -> tuple[Asked, FloatArray]:
    """The hours of a part by itself on what the others leave it, all its AI load running, and what not holding any of
    it back saves by month, (12,)."""
    there = _market(part.links, ratio, level)
    limit = part.left_mw[phase] if part.left_mw else None
    if limit is not None:
        there = replace(there, import_limit_mw=limit)
    held, firm = part.loaded.held_back_usd_per_mwh, part.loaded.firm_frac
    left = None if limit is None else hashlib.sha256(limit.tobytes()).hexdigest()
    key = (part.name, None if part.links.mined is None else ratio, level, left)
    if firm >= 1.0 or held is None or there.ai_response is None:
        return Asked(partial(site_hours, there), size, key), np.zeros(12)
    served = monthly_sum(np.minimum(there.ai_it_mw, there.ai_response.it_limit_mw))
    return Asked(partial(site_hours, there, SiteAssets(ai_firm_frac=1.0)), size, key), held * (1.0 - firm) * served


@dataclass(frozen=True, slots=True)
class SharedMoney:
    """What the site earns and saves beside its parts' own cash, phase by phase."""

    phases: tuple[PlantMoney, ...]
    phase: IntArray

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """The flows of each phase in its months."""
        parts = [money.flows(ground, factors) for money in self.phases]
        masks = [self.phase == p for p in range(len(parts))]

        def joined(kind: str) -> dict[str, FloatArray]:
            names = dict.fromkeys(name for part in parts for name in getattr(part, kind))
            return {
                name: np.sum(
                    [np.where(m, getattr(p, kind).get(name, 0.0), 0.0) for p, m in zip(parts, masks, strict=True)],
                    axis=0,
                )
                for name in names
            }

        return OperatingFlows(joined("revenue"), joined("opex_cost"), parts[0].prepayment, parts[0].prepayment_credit)


def shared_capital(common: Shared) -> Capital:
    """Spending, resale and tax of the plants; the site has other income, so their losses are worth their tax."""
    spent = capital(common.scenario, common.calendar, it_mw=0.0, machines_cost_usd=0.0)
    return replace(spent, loan=None, lender=None, replacement=None, tax=replace(spent.tax, losses="refund"))


def shared_money(
    common: Shared, parts: Sequence[MixedPart], phase: IntArray, phases: FloatArray, *, base_only: bool
) -> CashModel | None:
    """Cash of what the parts share; None where that is the connection alone.

    ``base_only``: for the base case alone, which needs fewer years solved and has the same value.
    """
    live = [part for part in parts if part.scale > 0.0]
    held = any(part.loaded.firm_frac < 1.0 for part in live)
    if not (common.plants or held or (common.billed and len(live) > 1)):
        return None
    first = next((part.links for part in live if part.links.mined is not None), None)
    mean = 0.0 if first is None or first.mined is None else first.mined.usd_per_mwh
    scenario, calendar = common.scenario, common.calendar
    spent = shared_capital(common)
    ageing = tuple(plant.name for plant in spent.plants if plant.degradation_per_year > 0.0)
    miners = None if first is None else first.model.find(MiningMoney)
    level = common.index.level(base_factors(common.terms, calendar.spine.months))[0]
    value = np.zeros(level.size)
    if miners is not None:
        ground = Ground(calendar, common.response, common.terms, common.index)
        value = miners.economics(ground, base_factors(common.terms, level.size)).usd_per_mwh[0]
    moneys, none = [], np.zeros((1, 1, 3, 12))
    for p in range(len(phases)):
        years = partial(_years, common=common, parts=tuple(parts), phases=phases, phase=p, mean=mean)
        now = phase == p
        alone = sum(part.scale * share > 0.0 for part, share in zip(parts, phases[p].tolist(), strict=True)) < 2
        if alone and not common.plants and not held:
            tables = AddedByPlants(np.zeros(1), np.ones(1), none, {})
        else:
            tables = added_tables(common.plants, mean, ageing, years, common.solved)
            tables = tables.only(tables.around(value[now], level[now])[1] if base_only else None)
        moneys.append(
            PlantMoney(
                costs=spent.plants,
                tables=tables,
                fuel_frac=common.plants.fuel_frac,
                fuel_growth=scenario.gas.fuel_growth_per_year.number() if scenario.gas else 0.0,
                miners=miners,
            )
        )
    return CashModel(
        calendar=calendar,
        capital=spent,
        response=common.response,
        terms=common.terms,
        power=common.index,
        businesses=(SharedMoney(tuple(moneys), phase),),
        grid_mw=scenario.site.grid_mw.number(),
        discount_rate=scenario.discount_rate.number(),
    )


def _years(
    plants: Plants | None, value: float, level: float, *, common: Shared, parts: tuple[MixedPart, ...],
    phases: FloatArray, phase: int, mean: float,
) -> tuple[list[Asked], SiteAssets, FloatArray]:  # fmt: skip
    """The whole site with its plants; or (None) every part by itself on what the others leave it."""
    ratio = value / mean if mean > 0.0 else 1.0
    sized = [(part, part.scale * share) for part, share in zip(parts, phases[phase].tolist(), strict=True)]
    on = [(part, size) for part, size in sized if size > 0.0]
    if plants is None:
        alone = [(*_alone(part, phase, ratio, level, size), size) for part, size in on]
        beside = np.sum([size * usd for _, usd, size in alone], axis=0) + np.zeros(12)
        return [year for year, _, _ in alone], SiteAssets(), beside
    assets = plants.at_level(level)
    mines = any(part.links.mined is not None for part, _ in on)
    key = (*((part.name, size) for part, size in on), ratio if mines else None, level, _sizes(plants.assets))

    def joint() -> HourlyProblem:
        there = at_market(common.problem, level, np.zeros(HOURS_IN_YEAR), None)
        return joint_hours(
            there, assets, {p.name: (part_hours(p.loaded, p.links, ratio, level), size) for p, size in on}
        )

    return [Asked(joint, 1.0, key)], assets, np.zeros(12)


def _sizes(assets: SiteAssets) -> tuple[object, ...]:
    """What tells the plants of one site from others: their power and energy, and whether there are any."""
    own = assets.storage
    stored = None if own is None else (own.power_mw, own.energy_mwh)
    others = (assets.services, assets.programmes, assets.export_limit_mw, assets.import_left_frac is None)
    return (stored, tuple(float(b.mw.sum()) for b in assets.supplies), len(others[0]), len(others[1]), *others[2:])
