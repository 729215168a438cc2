"""The links of the chain in order; a changed input recomputes its own link and those after it, nothing before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.chain.businesses import AIMoney, MiningMoney, RunningCost, ShedMoney
from megawatt.chain.capital import calendar_of, capital
from megawatt.chain.compute import Compute, compute, priced, replanned
from megawatt.chain.inputs import scenario_assumptions
from megawatt.chain.lease import LeaseMoney, lease_money
from megawatt.chain.money import CashModel
from megawatt.chain.site import Grid, Halls, ai_halls, grid_of, mining_halls, site_problem, weather_of
from megawatt.dispatch import MonthlyResponse, SiteProblem, monthly_response
from megawatt.errors import ScenarioError
from megawatt.facility import Weather
from megawatt.finance import CashFlow
from megawatt.hours import HOURS_IN_YEAR
from megawatt.mining import fleet, hash_response, network_state
from megawatt.risk import FactorTerms, factor_terms
from megawatt.scenario.schema import Scenario

__all__ = ["Links", "forge", "reforge", "with_hash_value"]

_CHIP_ROOMS: Final = frozenset({"catalogue", "workload", "hardware", "training"})


@dataclass(frozen=True, slots=True)
class Links:
    """Everything of a use up to its base-case cash flow; no randomness, no solver."""

    scenario: Scenario
    catalogue: Catalogue
    folder: Path
    weather: Weather
    compute: Compute | None
    ai: Halls | None
    mining: Halls | None
    miners: MiningMoney | None
    grid: Grid
    problem: SiteProblem
    response: MonthlyResponse
    terms: FactorTerms
    model: CashModel
    base: CashFlow

    @property
    def it_mw(self) -> float:
        """Critical IT power of the site's halls, AI or mining."""
        halls = self.ai or self.mining
        return halls.it_mw if halls else 0.0

    @property
    def tokens_per_s(self) -> float | None:
        """Training tokens per second of the whole site in its busy hours, failures included, averaged over the year."""
        if self.compute is None:
            return None
        goodput = self.compute.run.goodput if self.compute.run else 1.0
        return self.compute.plan.tokens_per_s_per_chip * self.compute.chips * self.compute.busy_frac * goodput

    @property
    def tokens_per_mwh(self) -> float | None:
        """Training tokens per MWh at the connection."""
        rate = self.tokens_per_s
        if rate is None:
            return None
        drawn = float(self.response.ai_facility_mwh.sum())
        served = float(self.response.ai_it_mwh.sum() / self.problem.ai_it_mw.sum())
        return rate * served * 3600.0 * HOURS_IN_YEAR / drawn

    @property
    def ai_contract_usd_per_year(self) -> float:
        """What a year of the whole AI load is paid at the first year's terms: chip-hours, or rent. [USD]"""
        chips, lease = self.model.find(AIMoney), self.model.find(LeaseMoney)
        if chips is not None:
            paid_h = chips.availability_frac * HOURS_IN_YEAR
            return chips.chips * chips.price_usd_per_chip_hour * paid_h
        return 12.0 * 1000.0 * lease.it_mw * lease.rent_usd_per_kw_month if lease is not None else 0.0

    def assumptions(self) -> tuple[Assumption, ...]:
        """Every input that the result rests on, once, in the order of the rooms."""
        rows = [*scenario_assumptions(self.scenario), *(self.compute.assumptions if self.compute else ())]
        rows += self.weather.assumptions
        for halls in (self.ai, self.mining):
            rows += halls.response.assumptions if halls else ()
        if self.miners:
            rows += (*self.miners.fleet.assumptions, *self.miners.state.assumptions, *self.miners.follows.assumptions)
        rows += (*self.grid.assumptions, *self.terms.assumptions)
        return tuple({row.name: row for row in reversed(rows)}.values())[::-1]


def _miners(scenario: Scenario, catalogue: Catalogue, it_mw: float) -> MiningMoney | None:
    if scenario.mining is None:
        return None
    machines = fleet(catalogue, scenario.mining.miner, it_mw)
    return MiningMoney(machines, network_state(catalogue, scenario.mining.network), hash_response(catalogue))


def _firm_value_usd_per_mwh(chips: Compute | None, halls: Halls, grid: Grid) -> float:
    """What keeps contracted chips running in every hour: their price, or more than the dearest hour's power.

    A tenant that pays by the chip-hour is not shut off for a price spike; the owner bears it.
    """
    earned = chips.chips * chips.price_usd_per_chip_hour / chips.it_mw if chips else 0.0
    dearest = float((grid.delivered_usd_per_mwh + grid.adder_usd_per_mwh).max())
    steepest = float((np.diff(halls.response.facility_mw, axis=1) / np.diff(halls.response.it_mw)).max())
    return max(earned, 2.0 * dearest * steepest)


def _ai_load_mw(scenario: Scenario, chips: Compute | None) -> float:
    """IT power that the AI halls draw in every hour: the owner's chips, or the tenant's share of what it rents."""
    if chips is not None:
        return chips.it_mw
    if scenario.lease is None or scenario.site.it_mw is None:
        return 0.0
    return scenario.site.it_mw.number() * scenario.lease.it_load_frac.number()


def _problem(
    scenario: Scenario, grid: Grid, chips: Compute | None, ai: Halls | None, mining: Halls | None
) -> SiteProblem:
    return site_problem(
        grid,
        scenario.site.grid_mw.number(),
        ai=ai,
        ai_it_mw=_ai_load_mw(scenario, chips),
        ai_value_usd_per_mwh=_firm_value_usd_per_mwh(chips, ai, grid) if ai else 0.0,
        mining=mining,
        mining_value_usd_per_mwh=0.0,
    )


def _ai_money(
    scenario: Scenario, chips: Compute, response: MonthlyResponse, problem: SiteProblem, let: float
) -> AIMoney:
    contract = scenario.contract
    if contract is None:
        raise AssertionError("the scenario's rules let no AI use through without a contract")
    return AIMoney(
        chips=chips.chips,
        price_usd_per_chip_hour=chips.price_usd_per_chip_hour,
        availability_frac=contract.availability_frac.number(),
        served_frac=min(float(response.ai_it_mwh.sum() / problem.ai_it_mw.sum()), 1.0),
        term_months=contract.term_months,
        prepayment_frac=contract.prepayment_frac.number(),
        prepayment_lead_months=contract.prepayment_lead_months,
        prepayment_credit_after_months=contract.prepayment_credit_after_months,
        idle_frac=chips.idle_frac,
        market_utilisation_frac=let,
        take_or_pay_frac=contract.take_or_pay_frac.number() if contract.take_or_pay_frac else 1.0,
        tenant_use_frac=contract.tenant_use_frac.number() if contract.tenant_use_frac else 1.0,
    )


def _cash_model(
    scenario: Scenario,
    chips: Compute | None,
    miners: MiningMoney | None,
    response: MonthlyResponse,
    problem: SiteProblem,
    terms: FactorTerms,
    it_mw: float,
) -> CashModel:
    calendar = calendar_of(scenario.timeline)
    machines = chips.chips * chips.chip_cost_usd if chips else 0.0
    if miners is not None:
        machines += miners.fleet.hashrate_eh_per_s * 1e6 * miners.fleet.price_usd_per_th
    utilisation = scenario.contract.market_utilisation_frac.number() if scenario.contract else 0.0
    opex = scenario.opex
    businesses = (
        RunningCost(it_mw, opex.site_usd_per_kw_month.number(), opex.growth_per_year.number()),
        _ai_money(scenario, chips, response, problem, utilisation) if chips else None,
        lease_money(scenario.lease, it_mw) if scenario.lease else None,
        replace(miners, called_frac=_called_frac(scenario, it_mw)) if miners else None,
        _shed_money(scenario),
    )
    return CashModel(
        calendar=calendar,
        capital=capital(scenario, calendar, it_mw=it_mw, machines_cost_usd=machines),
        response=response,
        terms=terms,
        grid_mw=scenario.site.grid_mw.number(),
        businesses=tuple(business for business in businesses if business is not None),
        discount_rate=scenario.discount_rate.number(),
    )


def _shed_money(scenario: Scenario) -> ShedMoney | None:
    """Programme pay with all halls live."""
    programme = scenario.demand_response
    if programme is None:
        return None
    kw = programme.enrolled_mw.number() * 1000.0
    return ShedMoney(kw * programme.usd_per_kw_month.number() * programme.paid_frac.number())


def _called_frac(scenario: Scenario, it_mw: float) -> float:
    """Share of the miners' hours that calls take: the enrolled load's share of them."""
    programme = scenario.demand_response
    if programme is None or it_mw <= 0.0:
        return 0.0
    share = min(programme.enrolled_mw.number() / it_mw, 1.0)
    return share * programme.called_hours_per_year.number() / HOURS_IN_YEAR


def forge(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Links:
    """Compute every link of a use from its scenario.

    Raises
    ------
    InfeasibleError
        If no layout fits, or the load does not fit the halls or the connection.
    """
    return _link(scenario, catalogue, folder, None, "catalogue")


def reforge(links: Links, scenario: Scenario, catalogue: Catalogue, room: str) -> Links:
    """The links with one input changed, which ``room`` is the first to use; the layout is held.

    For the value before debt alone: the loan is left out of the cash flow.
    """
    return _link(scenario, catalogue, links.folder, links, room)


def _link(scenario: Scenario, catalogue: Catalogue, folder: Path, old: Links | None, room: str) -> Links:
    weather = old.weather if old else weather_of(scenario, catalogue, folder)
    chips = _chips(scenario, catalogue, folder, old, room)
    ai, mining = _halls(scenario, catalogue, weather, chips, old, room)
    grid = old.grid if old and room not in ("dispatch", "catalogue") else grid_of(scenario, catalogue, folder)
    miners = _miners(scenario, catalogue, mining.it_mw) if mining else None
    terms = _terms(scenario, catalogue, old)
    same = old is not None and old.ai is ai and old.mining is mining and old.grid is grid
    if old is not None and same and _ai_load_mw(old.scenario, old.compute) == _ai_load_mw(scenario, chips):
        problem, response = old.problem, old.response
    else:
        problem = _problem(scenario, grid, chips, ai, mining)
        response = monthly_response(problem)
    halls = ai or mining
    model = _cash_model(scenario, chips, miners, response, problem, terms, halls.it_mw if halls else 0.0)
    model = model.sculpted() if old is None else model.without_loan()
    return Links(
        scenario=scenario,
        catalogue=catalogue,
        folder=folder,
        weather=weather,
        compute=chips,
        ai=ai,
        mining=mining,
        miners=miners,
        grid=grid,
        problem=problem,
        response=response,
        terms=terms,
        model=model,
        base=model.base(),
    )


def _chips(scenario: Scenario, catalogue: Catalogue, folder: Path, old: Links | None, room: str) -> Compute | None:
    if scenario.ai is None:
        return None
    before = old.compute if old else None
    if before is None:
        return compute(scenario, catalogue, folder)
    if old is not None and room in _CHIP_ROOMS:
        moved = [key for key, entry in catalogue.entries.items() if entry is not old.catalogue.entries[key]]
        return replanned(scenario, catalogue, folder, before, moved)
    return priced(scenario, before) if room == "finance" else before


def _halls(
    scenario: Scenario, catalogue: Catalogue, weather: Weather, chips: Compute | None, old: Links | None, room: str
) -> tuple[Halls | None, Halls | None]:
    ai, mining = (old.ai, old.mining) if old else (None, None)
    if chips is not None and (ai is None or room == "facility" or _other_heat(old, chips)):
        ai = ai_halls(scenario, catalogue, weather, chips.system, chips.it_mw)
    if scenario.lease is not None and (ai is None or old is None or room in ("facility", "finance")):
        ai = ai_halls(scenario, catalogue, weather, None, _ai_load_mw(scenario, None))
    if scenario.mining is not None and (mining is None or room in ("facility", "mining")):
        if chips is not None:
            raise ScenarioError("mining: beside AI halls is not supported in one scenario yet; compare two scenarios")
        mining = mining_halls(scenario, catalogue, weather)
    return ai, mining


def _other_heat(old: Links | None, chips: Compute) -> bool:
    if old is None or old.compute is None:
        return True
    before, after = old.compute.system, chips.system
    return (before.liquid_share, before.coolant_supply_max_c) != (after.liquid_share, after.coolant_supply_max_c)


def _terms(scenario: Scenario, catalogue: Catalogue, old: Links | None) -> FactorTerms:
    if old is not None:
        return old.terms
    tenant = scenario.contract or scenario.lease
    payer = tenant.payer if tenant else None
    return factor_terms(catalogue, payer=payer)


def with_hash_value(links: Links, hash_value_usd_per_mwh: float) -> SiteProblem:
    """The site year's problem with a mining revenue, for the solver."""
    return replace(links.problem, mining_value_usd_per_mwh=np.full(HOURS_IN_YEAR, hash_value_usd_per_mwh))
