"""The cash model of a use: its calendar, capital and businesses, from the scenario and the links before it."""

from __future__ import annotations

from dataclasses import replace

from megawatt.chain.businesses import MiningMoney, RunningCost, ShedMoney
from megawatt.chain.capital import calendar_of, capital
from megawatt.chain.chip_money import chip_money
from megawatt.chain.compute import Compute
from megawatt.chain.ground import PowerIndex
from megawatt.chain.lease import lease_money, owner_power_frac
from megawatt.chain.money import CashModel
from megawatt.chain.power import BlockMoney, block_money
from megawatt.chain.site import Grid
from megawatt.dispatch import MonthlyResponse, SiteProblem
from megawatt.finance import Spine
from megawatt.hours import HOURS_IN_YEAR
from megawatt.risk import FactorTerms
from megawatt.scenario.schema import Scenario

__all__ = ["blocks_of", "cash_model"]


def cash_model(
    scenario: Scenario,
    chips: Compute | None,
    miners: MiningMoney | None,
    response: MonthlyResponse,
    problem: SiteProblem,
    terms: FactorTerms,
    index: PowerIndex,
    grid: Grid,
    it_mw: float,
) -> CashModel:
    """Everything that the months of a use rest on; without what plants add, and with the loan as it is asked for."""
    calendar = calendar_of(scenario.timeline)
    machines = chips.chips * chips.chip_cost_usd if chips else 0.0
    if miners is not None:
        machines += miners.fleet.hashrate_eh_per_s * 1e6 * miners.fleet.price_usd_per_th
    spent = capital(scenario, calendar, it_mw=it_mw, machines_cost_usd=machines)
    utilisation = scenario.contract.market_utilisation_frac.number() if scenario.contract else 0.0
    opex = scenario.opex
    businesses = (
        RunningCost(it_mw, opex.site_usd_per_kw_month.number(), opex.growth_per_year.number()),
        chip_money(scenario, chips, response, problem, utilisation) if chips else None,
        lease_money(scenario.lease, it_mw, calendar, scenario.discount_rate.number()) if scenario.lease else None,
        replace(miners, called_frac=_called_frac(scenario, it_mw), replaced=spent.replacement) if miners else None,
        _shed_money(scenario),
        blocks_of(scenario, grid, calendar.spine),
    )
    return CashModel(
        calendar=calendar,
        capital=spent,
        response=response,
        terms=terms,
        power=index,
        grid_mw=scenario.site.grid_mw.number(),
        businesses=tuple(business for business in businesses if business is not None),
        discount_rate=scenario.discount_rate.number(),
    )


def blocks_of(scenario: Scenario, grid: Grid, spine: Spine, since: int = 0) -> BlockMoney | None:
    """What a scenario's blocks of power settle for over some months; those before ``since`` are another's."""
    owner_frac = owner_power_frac(scenario.lease) if scenario.lease else 1.0
    return block_money(scenario.power, grid.price_usd_per_mwh, grid.year, spine, owner_frac, since)


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
