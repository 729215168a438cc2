"""The links of the chain in order; an input that moved recomputes the links that read it, and no other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.catalogue.memo import Made, Memo
from megawatt.catalogue.records import Assumption
from megawatt.chain.base_model import cash_model
from megawatt.chain.businesses import MiningMoney
from megawatt.chain.chip_money import ai_load_mw, contract_usd_per_year
from megawatt.chain.compute import Compute, Held, compute
from megawatt.chain.inputs import scenario_assumptions
from megawatt.chain.loan import junior_terms
from megawatt.chain.mined import mined_year, with_values
from megawatt.chain.mined_records import MinedYear
from megawatt.chain.miners import hosted_frac, mining_money, power_of
from megawatt.chain.money import CashModel
from megawatt.chain.plants import Plants, plants_of
from megawatt.chain.plants_added import PlantMoney, Solved, added_by_plants
from megawatt.chain.power import power_index
from megawatt.chain.site import (
    Grid,
    Halls,
    Metered,
    ai_hall,
    grid_of,
    halls_at_load,
    mining_halls,
    outdoor_air,
    site_problem,
    year_by_month,
)
from megawatt.dispatch import MonthlyResponse, SiteProblem
from megawatt.errors import InfeasibleError
from megawatt.facility import Ambient, DesignDay, Weather, with_dry_bulb
from megawatt.finance import CashFlow
from megawatt.finance.records import JuniorTerms, equity_of_construction
from megawatt.finance.tranches import Stack, stack_below
from megawatt.hours import HOURS_IN_YEAR
from megawatt.risk import FactorTerms
from megawatt.scenario.plant_sections import PLANTS
from megawatt.scenario.risk_terms import factor_terms_of
from megawatt.scenario.schema import Scenario
from megawatt.scenario.site_files import place_of_site, site_weather, worst_days
from megawatt.scenario.site_tariff import site_sheet

__all__ = ["Links", "forge", "forge_hours", "reforge"]


@dataclass(frozen=True)
class Links:
    """Everything of a use up to its base-case cash flow; no randomness, no solver.

    ``made`` holds the links that a moved input need not compute again, with what they were made from.
    """

    scenario: Scenario
    catalogue: Catalogue
    folder: Path
    weather: Weather
    compute: Compute | None
    ai: Halls | None
    mining: Halls | None
    miners: MiningMoney | None
    mined: MinedYear | None
    grid: Grid
    problem: SiteProblem
    plants: Plants
    response: MonthlyResponse
    terms: FactorTerms
    model: CashModel
    made: Mapping[str, tuple[Made, ...]] = field(default_factory=dict)

    @cached_property
    def base(self) -> CashFlow:
        """The base case's cash flow."""
        return self.model.base()

    @cached_property
    def stack(self) -> Stack | None:
        """Tranches behind the loan of the base case, and what is left to the owners; None where there are none."""
        juniors = self.juniors
        return stack_below(self.base, juniors) if juniors else None

    @cached_property
    def juniors(self) -> tuple[JuniorTerms, ...]:
        """Tranches behind the loan, in the order in which they are paid."""
        asked = float(equity_of_construction(self.base)[0].sum())
        return junior_terms(
            self.scenario.debt, self.model.capital.loan, self.model.calendar, asked, self.terms.share_beta
        )

    @property
    def it_mw(self) -> float:
        """Critical IT power of the site's halls, AI or mining."""
        halls = self.ai or self.mining
        return halls.it_mw if halls else 0.0

    @property
    def held(self) -> Held:
        """Layouts that were found."""
        chips = self.compute
        if chips is None:
            return Held()
        serving = chips.served.plan.best.layout if chips.served is not None else None
        return Held({key: plan.layout for key, plan in chips.plans.items()}, serving)

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens per second of the whole site over a year: trained on, failures included, or of answers served."""
        if self.compute is None:
            return None
        return self.compute.tokens_per_s

    @property
    def tokens_per_mwh(self) -> float | None:
        """Tokens per MWh at the connection."""
        rate = self.tokens_per_s
        if rate is None:
            return None
        drawn = float(self.response.ai_facility_mwh.sum())
        served = float(self.response.ai_it_mwh.sum() / self.problem.ai_it_mw.sum())
        return rate * served * 3600.0 * HOURS_IN_YEAR / drawn

    @property
    def ai_contract_usd_per_year(self) -> float:
        """What a year of the whole AI load is paid at the first year's terms: chip-hours, or rent. [USD]"""
        return contract_usd_per_year(self.model)

    def assumptions(self) -> tuple[Assumption, ...]:
        """Every input that the result rests on, once, in the order of the rooms."""
        rows = [*scenario_assumptions(self.scenario), *(self.compute.assumptions if self.compute else ())]
        rows += self.weather.assumptions
        for halls in (self.ai, self.mining):
            rows += halls.response.assumptions if halls else ()
        if self.miners:
            rows += (*self.miners.fleet.assumptions, *self.miners.state.assumptions, *self.miners.follows.assumptions)
        rows += self.mined.assumptions if self.mined else ()
        rows += (*self.grid.assumptions, *self.terms.assumptions)
        return tuple({row.name: row for row in reversed(rows)}.values())[::-1]


def _firm_value_usd_per_mwh(chips: Compute | None, halls: Halls, grid: Grid) -> float:
    """What keeps contracted chips running in every hour: their price, or more than the dearest hour's power.

    A tenant that pays by the chip-hour is not shut off for a price spike; the owner bears it.
    """
    earned = chips.chips * chips.price_usd_per_chip_hour / chips.it_mw if chips else 0.0
    dearest = float((grid.delivered_usd_per_mwh + grid.adder_usd_per_mwh).max())
    steepest = float((np.diff(halls.response.facility_mw, axis=1) / np.diff(halls.response.it_mw)).max())
    return max(earned, 2.0 * dearest * steepest)


def forge(
    scenario: Scenario,
    catalogue: Catalogue,
    folder: Path,
    held: Held | None = None,
    metered: Metered | None = None,
    near: Links | None = None,
) -> Links:
    """Compute every link of a use from its scenario.

    Parameters
    ----------
    held : Held, optional
        Layouts to hold; the best are looked for otherwise.
    metered : Metered, optional
        Measured hours in place of the scenario's.
    near : Links, optional
        Of a scenario that differs little: links that rest on nothing that differs are taken from it. The result is that
        without it.

    Raises
    ------
    InfeasibleError
        If no layout fits, or the load does not fit the halls or the connection.
    """
    before = {} if near is None else {name: made for name, made in near.made.items() if name != _HELD_YEAR}
    return _link(scenario, Memo(catalogue, before), folder, held or Held(), CashModel.sculpted, metered)


def forge_hours(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Links:
    """The links up to the site's hours: cash is without what plants and services add, and without a loan."""
    return _link(scenario, Memo(catalogue), folder, Held(), None)


def reforge(links: Links, scenario: Scenario, catalogue: Catalogue) -> Links:
    """The links after inputs of the scenario or facts of the catalogue moved; the layout is held.

    What rests on none of them is kept. The loan is the base case's where none of its own inputs moved: it was granted.
    """
    return _link(scenario, Memo(catalogue, links.made), links.folder, links.held, partial(_financed, links, scenario))


def _financed(links: Links, scenario: Scenario, model: CashModel) -> CashModel:
    """The moved model with the loan that was granted, or with one found anew; none where nobody would lend."""
    debt, granted = scenario.debt, links.model.capital
    if debt == links.scenario.debt and (debt is None or debt.share_of_machines_frac is None):
        return replace(model, capital=replace(model.capital, loan=granted.loan, sized_by=granted.sized_by))
    try:
        return model.sculpted()
    except InfeasibleError:
        return model.without_loan()


def _link(
    scenario: Scenario,
    memo: Memo,
    folder: Path,
    held: Held,
    financed: Callable[[CashModel], CashModel] | None,
    metered: Metered | None = None,
) -> Links:
    site, catalogue = scenario.site, memo.catalogue
    weather = memo("weather", site_weather, site, scenario.power.utc_offset_hours, scenario.seed, folder)
    measured = metered or Metered()
    if measured.dry_bulb_c is not None:
        weather = with_dry_bulb(weather, measured.dry_bulb_c)
    chips = compute(memo, scenario, folder, held) if scenario.ai is not None else None
    air = memo("outdoor air", outdoor_air, weather)
    days = memo("worst days", worst_days, site, weather)
    ai = _ai_halls(memo, scenario, weather, air, days, chips)
    mining = _mining_halls(memo, scenario, weather, air, days)
    own = memo("rate sheet", site_sheet, scenario.power, scenario.tariff)
    growth = own.sheet.growth_per_year.number()
    index = memo("power index", power_index, scenario.power, growth, scenario.timeline)
    price, seed = measured.price_usd_per_mwh, scenario.seed
    grid = memo("grid", grid_of, scenario.power, own, index, site, seed, folder, price)
    load = ai_load_mw(scenario, chips)
    power = power_of(memo, scenario.mining, mining.it_mw if mining else 0.0)
    segments, hosted = power.segments if power else None, hosted_frac(scenario.mining)
    problem = memo("site year", site_problem, grid, site.grid_mw.number(), ai, load, mining, segments, hosted)
    response = memo("year by month", year_by_month, problem)
    if ai is not None:
        problem = replace(problem, ai_value_usd_per_mwh=_firm_value_usd_per_mwh(chips, ai, grid))
    section = scenario.mining
    miners = mining_money(section, scenario.timeline, catalogue, power.rated_mw) if section and power else None
    terms = factor_terms_of(scenario, catalogue)
    halls = ai or mining
    it_mw = halls.it_mw if halls else 0.0
    model = cash_model(scenario, chips, miners, response, problem, terms, index, grid, it_mw)
    mined = mined_year(catalogue, section, model, power, mining.response) if section and mining and power else None
    sections = tuple(getattr(scenario, name) for name in PLANTS)
    terms_of_grid = (site.grid_mw.number(), scenario.services, scenario.curtailment, scenario.large_load)
    plants = memo(
        "plants",
        plants_of,
        sections,
        scenario.export,
        scenario.power,
        place_of_site(site, folder),
        grid,
        folder,
        *terms_of_grid,
    )
    if financed is not None:
        model = financed(_with_plants(memo, scenario, model, problem, plants, mined) if plants else model)
    if mined is not None:
        problem = with_values(problem, mined)
    return Links(
        scenario=scenario,
        catalogue=catalogue,
        folder=folder,
        weather=weather,
        compute=chips,
        ai=ai,
        mining=mining,
        miners=miners,
        mined=mined,
        grid=grid,
        problem=problem,
        plants=plants,
        response=response,
        terms=terms,
        model=model,
        made=memo.made,
    )


def _with_plants(
    memo: Memo, scenario: Scenario, model: CashModel, problem: SiteProblem, plants: Plants, mined: MinedYear | None
) -> CashModel:
    """The model with what the plants add: nodes of the mined value in steps, so that a small move keeps them."""
    worth = 0.0 if mined is None or mined.usd_per_mwh <= 0.0 else 1.25 ** round(math.log(mined.usd_per_mwh, 1.25))
    ageing = tuple(plant.name for plant in model.capital.plants if plant.degradation_per_year > 0.0)
    contract = contract_usd_per_year(model)
    miners = model.find(MiningMoney)
    hosted = miners.hosted if miners else None
    # The halls' year is held as the layout is: what plants add is not solved anew where only the halls moved.
    years = memo("solved years", _no_years)
    added = memo(
        _HELD_YEAR,
        partial(added_by_plants, problem=problem, solved=years),
        plants,
        worth,
        contract,
        ageing,
        hosted,
    )
    money = PlantMoney(
        costs=model.capital.plants,
        tables=added,
        fuel_frac=plants.fuel_frac,
        fuel_growth=scenario.gas.fuel_growth_per_year.number() if scenario.gas else 0.0,
        miners=miners,
    )
    return replace(model, businesses=(*model.businesses, money))


def _no_years(_: Catalogue) -> Solved:
    """No year is solved yet; those that are, are found again by what they are."""
    return {}


def _ai_halls(
    memo: Memo, scenario: Scenario, weather: Weather, air: Ambient, days: tuple[DesignDay, ...], chips: Compute | None
) -> Halls | None:
    if chips is None and scenario.lease is None:
        return None
    system = chips.system if chips else None
    hall = memo(
        "AI hall",
        ai_hall,
        weather,
        air,
        scenario.hall,
        scenario.site.it_mw.number() if scenario.site.it_mw else math.inf,
        system.liquid_share if system else None,
        system.coolant_supply_max_c if system else None,
    )
    return memo("AI halls", halls_at_load, hall, max(ai_load_mw(scenario, chips)), days)


def _mining_halls(
    memo: Memo, scenario: Scenario, weather: Weather, air: Ambient, days: tuple[DesignDay, ...]
) -> Halls | None:
    if scenario.mining is None:
        return None
    given, throttles = scenario.mining.it_mw, scenario.mining.derating
    it_mw = given.number() if given is not None else None
    derating = (throttles.from_c.number(), throttles.per_k_frac.number()) if throttles else None
    grid_mw = scenario.site.grid_mw.number()
    return memo("mining halls", mining_halls, weather, air, days, scenario.hall, grid_mw, it_mw, derating)


_HELD_YEAR: Final = "added by plants"
"""A result that rests on a year which is no input of it: held where an input moves, new for another scenario."""
