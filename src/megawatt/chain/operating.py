"""The base case's contract, costs and capital as plain terms, for a workbook that computes them again."""

from __future__ import annotations

import numpy as np

from megawatt.chain.businesses import AIMoney, RunningCost, ShedMoney
from megawatt.chain.lease import LeaseMoney
from megawatt.chain.links import Links
from megawatt.finance import market_utilisation
from megawatt.finance.agreements import Agreement, CapitalPlan, OperatingTerms
from megawatt.risk import base_factors

__all__ = ["operating_terms"]


def operating_terms(links: Links) -> OperatingTerms:
    """Terms from which every month of a use's base case follows, energy and mining by the hour aside."""
    model, capex = links.model, links.scenario.capex
    idle, owner = 0.0, 1.0
    replacement = model.capital.replacement
    ai, lease, shed = model.find(AIMoney), model.find(LeaseMoney), model.find(ShedMoney)
    if ai is not None:
        idle = ai.idle_frac
    elif lease is not None:
        owner = lease.owner_power_frac
    running = model.find(RunningCost)
    assert running is not None, "every site has a running cost"
    base = base_factors(model.terms, model.calendar.spine.months)
    return OperatingTerms(
        halls=model.calendar.paid_by,
        delay_months=links.scenario.timeline.delay_months,
        demand_response_usd_per_month=shed.usd_per_month if shed else 0.0,
        agreement=_agreement(links),
        opex_kw=running.it_mw * 1000.0,
        opex_usd_per_kw_month=running.usd_per_kw_month,
        opex_growth_frac=running.growth_per_year,
        energy_let_usd=model.ground.ai_energy_usd(base)[0] if (ai or lease) is not None else None,
        energy_idle_frac=idle,
        energy_owner_frac=owner,
        capital=CapitalPlan(
            shell_usd=float(model.capital.capex_cost["shell"].sum()),
            machines_usd=model.capital.machines_cost_usd,
            build_months=capex.build_months,
            lead_months=capex.chip_lead_months,
            shell_life_years=capex.shell_life_years.number(),
            machines_residual_frac=model.capital.residual_frac,
            shell_obsolescence_per_year=capex.shell_obsolescence_per_year.number(),
            replace_after_months=replacement.after_months if replacement else 0,
            replacement_cost_frac=replacement.cost_frac if replacement else 1.0,
        ),
    )


def _agreement(links: Links) -> Agreement | None:
    model = links.model
    months = model.calendar.spine.months
    base = base_factors(model.terms, months)
    ai, lease = model.find(AIMoney), model.find(LeaseMoney)
    if ai is not None:
        contract = links.scenario.contract
        return Agreement(
            per_hour=True,
            units=ai.chips,
            price_usd=ai.price_usd_per_chip_hour,
            market_price_usd=ai.price_usd_per_chip_hour,
            term_months=ai.term_months,
            market_price_factor=base.compute[0],
            market_use_frac=market_utilisation(base.demand, ai.market_utilisation_frac)[0],
            availability_frac=ai.availability_frac * ai.served_frac,
            take_or_pay_frac=ai.take_or_pay_frac,
            tenant_use_frac=ai.tenant_use_frac,
            prepaid_frac=ai.prepayment_frac,
            prepaid_availability_frac=contract.availability_frac.number() if contract else ai.availability_frac,
            prepayment_lead_months=ai.prepayment_lead_months,
            credit_after_months=ai.prepayment_credit_after_months,
        )
    if lease is not None:
        return Agreement(
            per_hour=False,
            units=lease.it_mw * 1000.0,
            price_usd=lease.rent_usd_per_kw_month,
            market_price_usd=lease.market_rent_usd_per_kw_month,
            term_months=lease.term_months,
            market_price_factor=np.ones(months),
            market_use_frac=market_utilisation(base.demand, lease.market_utilisation_frac)[0],
            escalator_frac=lease.escalator_frac,
        )
    return None
