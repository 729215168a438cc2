"""What the training run of a site costs there: chips of one's own or rented, carbon and water of the hall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from megawatt.chain.businesses import AIMoney
from megawatt.chain.links import Links
from megawatt.chain.records import Footprint, UnitCost
from megawatt.dispatch import Dispatch
from megawatt.finance import CashFlow, discount_factors
from megawatt.runs import (
    BillPrices,
    ConnectionRule,
    RuleAnswer,
    RunCost,
    embodied_per_chip_hour,
    power_caps,
    power_swing,
    run_bill,
)

__all__ = ["run_cost"]


def run_cost(
    links: Links, dispatch: Dispatch, footprint: Footprint, pue: float, unit_costs: tuple[UnitCost, ...]
) -> RunCost | None:
    """The bill of the training run of a use; None where nothing trains, or the year has next to no IT energy.

    Parameters
    ----------
    links : Links
        The use.
    dispatch, footprint, pue
        The site's year: its IT energy, carbon and water; facility over IT energy.
    unit_costs : tuple of UnitCost
        With the levelised cost of a billable chip-hour.
    """
    chips, ai = links.compute, links.model.find(AIMoney)
    cost = next((one.value for one in unit_costs if one.name == "usd_per_chip_hour"), None)
    if chips is None or chips.run is None or chips.plan is None or ai is None or cost is None:
        return None
    it_mwh = float(np.sum(dispatch.ai_it_mw))
    if not (it_mwh > 0.0 and pue >= 1.0):
        return None
    market_t = footprint.carbon_market_t
    training = links.scenario.training
    made = None if training is None else training.embodied_kg_per_chip
    # Spares and hours in which chips are down are paid too: of a billable hour's cost the share that is billable.
    own = BillPrices(
        usd_per_chip_hour=max(cost * ai.availability_frac, 0.0),
        pue=pue,
        location_kg_per_mwh=footprint.carbon_t / (it_mwh * pue) * 1e3,
        market_kg_per_mwh=0.0 if market_t is None else market_t / (it_mwh * pue) * 1e3,
        water_l_per_kwh=footprint.water_m3 / it_mwh,
        embodied_kg_per_chip_hour=0.0 if made is None else embodied_per_chip_hour(made.number()),
    )
    owned = run_bill(chips.run, chips.plan.chips, own)
    rented = run_bill(chips.run, chips.plan.chips, replace(own, usd_per_chip_hour=chips.price_usd_per_chip_hour))
    parts = {name: share * owned.usd for name, share in _shares(links.base).items()}
    return RunCost(
        owned, rented, parts, has_market=market_t is not None, has_embodied=made is not None, rule=_rule(links)
    )


def _rule(links: Links) -> RuleAnswer | None:
    """What the connection's rule makes of the run's swing; None where the scenario has none."""
    training, chips = links.scenario.training, links.compute
    if training is None or chips is None or chips.run is None or chips.plan is None:
        return None
    limits = {"swing_mw": training.swing_limit_mw, "ramp_mw_per_min": training.ramp_limit_mw_per_min}
    said = {name: fact.number() for name, fact in limits.items() if fact is not None}
    if not said:
        return None
    swing = power_swing(chips.plan, chips.run, chips.system, links.catalogue)
    return swing.under(ConnectionRule(**said), power_caps(chips.plan, chips.system, links.catalogue))


def _shares(cash: CashFlow) -> dict[str, float]:
    """Shares of the levelised cost by what it pays for, base case; they add up to 1."""
    worth = discount_factors(cash.terms.discount_rate, cash.terms.timing.years)
    received = cash.revenue_total - cash.flows.prepayment_credit + cash.flows.prepayment
    whole = float(received[0] @ worth - cash.measures.npv_usd[0])
    energy = sum(float(part[0] @ worth) for name, part in cash.flows.opex_cost.items() if name.startswith(_POWER))
    found = {
        "capital": float((cash.capex_total - cash.residual_total)[0] @ worth),
        "power": energy,
        "upkeep": float(cash.opex_total[0] @ worth) - energy,
    }
    shares = {name: value / whole for name, value in found.items()}
    return shares | {"tax": 1.0 - sum(shares.values())}


_POWER = ("energy", "power")
"""How names of running costs begin that are paid for power."""
