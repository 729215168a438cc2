"""What AI halls draw and what they are paid: chips let by the hour, chips that serve, a tenant's own."""

from __future__ import annotations

from megawatt.chain.businesses import AIMoney
from megawatt.chain.compute import Compute
from megawatt.chain.lease import LeaseMoney
from megawatt.chain.money import CashModel
from megawatt.chain.served import ServedChips, ServingMoney
from megawatt.dispatch import MonthlyResponse, SiteProblem
from megawatt.hours import HOURS_IN_YEAR
from megawatt.scenario.schema import Scenario

__all__ = ["ai_load_mw", "busy_it_mw", "chip_money", "contract_usd_per_year"]


def ai_load_mw(scenario: Scenario, chips: Compute | None) -> tuple[float, ...]:
    """IT power that the AI halls draw, (1,) in every hour or (24,) by hour of the day: of chips, or of a tenant."""
    if chips is not None:
        return chips.by_hour_it_mw
    if scenario.lease is None or scenario.site.it_mw is None:
        return (0.0,)
    return (scenario.site.it_mw.number() * scenario.lease.it_load_frac.number(),)


def busy_it_mw(scenario: Scenario, chips: Compute | None) -> float:
    """IT power of the AI halls with every chip busy; of leased halls all that is let: the tenant may draw it. [MW]"""
    if chips is not None:
        return chips.busy_it_mw
    return 0.0 if scenario.lease is None or scenario.site.it_mw is None else scenario.site.it_mw.number()


def _serving_money(
    scenario: Scenario, chips: Compute, fleet: ServedChips, response: MonthlyResponse, problem: SiteProblem
) -> ServingMoney:
    serving = scenario.serving
    if serving is None:
        raise AssertionError("a fleet that serves has a section of what it serves")
    spare = serving.spare_usd_per_chip_hour
    return ServingMoney(
        chips=chips.chips,
        fleet=fleet,
        price_growth_per_year=serving.price_growth_per_year.number(),
        availability_frac=serving.availability_frac.number(),
        served_frac=_served_frac(response, problem),
        spare_usd_per_chip_hour=spare.number() if spare is not None else 0.0,
    )


def _served_frac(response: MonthlyResponse, problem: SiteProblem) -> float:
    """Share of the offered load that the dispatch serves."""
    return min(float(response.ai_it_mwh.sum() / problem.ai_it_mw.sum()), 1.0)


def chip_money(
    scenario: Scenario, chips: Compute, response: MonthlyResponse, problem: SiteProblem, let: float
) -> AIMoney | ServingMoney:
    """What the owner's chips earn: rent by the hour, or the price of tokens."""
    if chips.served is not None:
        return _serving_money(scenario, chips, chips.served, response, problem)
    return _ai_money(scenario, chips, response, problem, let)


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
        served_frac=_served_frac(response, problem),
        term_months=contract.term_months,
        prepayment_frac=contract.prepayment_frac.number(),
        prepayment_lead_months=contract.prepayment_lead_months,
        prepayment_credit_after_months=contract.prepayment_credit_after_months,
        idle_frac=chips.idle_frac,
        market_utilisation_frac=let,
        take_or_pay_frac=contract.take_or_pay_frac.number() if contract.take_or_pay_frac else 1.0,
        tenant_use_frac=contract.tenant_use_frac.number() if contract.tenant_use_frac else 1.0,
    )


def contract_usd_per_year(model: CashModel) -> float:
    """What a year of the whole AI load is paid at the first year's terms: chip-hours, tokens, or rent. [USD]"""
    chips, lease = model.find(AIMoney), model.find(LeaseMoney)
    if chips is not None:
        paid_h = chips.availability_frac * HOURS_IN_YEAR
        return chips.chips * chips.price_usd_per_chip_hour * paid_h
    serving = model.find(ServingMoney)
    if serving is not None:
        busy_h = serving.fleet.demand.first_busy_frac * serving.availability_frac * HOURS_IN_YEAR
        return serving.chips * serving.fleet.usd_per_chip_hour * busy_h
    return 12.0 * 1000.0 * lease.it_mw * lease.rent_usd_per_kw_month if lease is not None else 0.0
