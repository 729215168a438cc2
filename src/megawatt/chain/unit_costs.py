"""What a unit of a use costs and what price it needs; base case, after tax, before debt."""

from __future__ import annotations

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.businesses import AIMoney, MiningMoney
from megawatt.chain.lease import LeaseMoney
from megawatt.chain.links import Links
from megawatt.chain.records import UnitCost
from megawatt.chain.served import ServingMoney
from megawatt.errors import ScenarioError
from megawatt.finance import discount_factors, live_share
from megawatt.finance.levelised import break_even_factor, levelised_cost
from megawatt.risk import base_factors

__all__ = ["unit_costs"]


def unit_costs(links: Links) -> tuple[UnitCost, ...]:
    """Levelised costs and break-even prices of a use.

    Units are what the halls can deliver from the month they are live: billable chip-hours of a take-or-pay contract,
    MWh of IT energy and tokens at the planned load, kW of rented power. A levelised cost is the constant
    nominal price, paid as delivered, that earns the discount rate at the tax of the base case; a break-even price keeps
    the contract's own timing, prepayment and market terms, so the two differ by what those are worth.
    """
    months = links.model.calendar.spine.months
    live = live_share(links.model.calendar.halls, months)
    hours = links.model.calendar.spine.hours * live
    miners = links.model.find(MiningMoney)
    mined = miners.months(links.model.ground, base_factors(links.terms, months)).mwh[0] if miners else np.zeros(months)
    costs = [
        UnitCost(name, float(levelised_cost(links.base, units)[0]), unit, means)
        for name, unit, means, units in _units(links, hours, live, mined)
    ]
    costs += _paid_ahead(links, hours)
    factor = _break_even(links)
    return (*costs, *_prices(links, factor, mined)) if factor is not None else tuple(costs)


def _units(
    links: Links, hours: FloatArray, live: FloatArray, mined: FloatArray
) -> list[tuple[str, str, str, FloatArray]]:
    rows: list[tuple[str, str, str, FloatArray]] = []
    load = float(links.problem.ai_it_mw.mean())
    ai, lease = links.model.find(AIMoney), links.model.find(LeaseMoney)
    if ai is not None and links.compute is not None:
        sold = links.compute.chips * ai.availability_frac * hours
        rows.append(("usd_per_chip_hour", "USD/hour", "levelised cost of a billable chip-hour", sold))
    if links.ai is not None:
        rows.append(("usd_per_it_mwh", "USD/MWh", "levelised cost of a MWh of IT energy", load * hours))
    if links.tokens_per_s is not None:
        tokens = links.tokens_per_s * 3600.0 * hours / 1e6
        rows.append(("usd_per_million_tokens", "USD", "levelised cost of a million tokens", tokens))
    if lease is not None:
        rented = lease.it_mw * 1000.0 * live
        rows.append(("usd_per_kw_month", "USD/kW/month", "levelised cost of a kW rented for a month", rented))
    if links.miners is not None and mined.any():
        rows.append(("usd_per_mined_mwh", "USD/MWh", "levelised cost of a MWh at the miners", mined))
    return rows


def _paid_ahead(links: Links, hours: FloatArray) -> list[UnitCost]:
    """What prepayments are worth per chip-hour: why a price below the levelised cost can carry the site."""
    ai, flows = links.model.find(AIMoney), links.base.flows
    if ai is None or links.compute is None or not flows.prepayment.any():
        return []
    worth = discount_factors(links.base.terms.discount_rate, hours.size)
    sold = links.compute.chips * ai.availability_frac * hours
    ahead = float((flows.prepayment - flows.prepayment_credit)[0] @ worth / (sold @ worth))
    means = "worth of being paid ahead, per chip-hour: by so much, before tax, the price may lie below the cost"
    return [UnitCost("paid_ahead_usd_per_chip_hour", ahead, "USD/hour", means)]


def _break_even(links: Links) -> float | None:
    """Factor on all revenue at which the base case is worth nothing after all capital; None where there is none."""
    flows = links.base.flows
    total = np.sum(list(flows.revenue.values()), axis=0)
    merged = type(flows)({"all": total}, flows.opex_cost, flows.prepayment, flows.prepayment_credit)
    try:
        return break_even_factor(links.base.terms, merged, "all", with_prepayments=True)
    except ScenarioError:
        return None


def _prices(links: Links, factor: float, mined: FloatArray) -> tuple[UnitCost, ...]:
    means = "at which the base case is worth nothing after all capital"
    rows = [UnitCost("break_even_share_of_revenue", factor, "", f"share of the base case's revenue {means}")]
    ai, lease = links.model.find(AIMoney), links.model.find(LeaseMoney)
    if ai is not None:
        price = factor * ai.price_usd_per_chip_hour
        rows.append(UnitCost("break_even_usd_per_chip_hour", price, "USD/hour", f"price of a chip-hour {means}"))
    if lease is not None:
        rent = factor * lease.rent_usd_per_kw_month
        rows.append(UnitCost("break_even_usd_per_kw_month", rent, "USD/kW/month", f"first year's rent {means}"))
    serving = links.model.find(ServingMoney)
    if serving is not None:
        paid = factor * serving.fleet.usd_per_million_tokens
        said = f"what a million tokens of answers bring at first, prompts included, {means}"
        rows.append(UnitCost("break_even_usd_per_million_tokens", paid, "USD", said))
    if links.miners is not None and mined.any():
        worth = discount_factors(links.base.terms.discount_rate, mined.size)
        earned = [links.base.flows.revenue.get(name) for name in ("mining", "treasury", "hosting", "hash_hedge")]
        total = np.sum([part[0] for part in earned if part is not None], axis=0)
        mean = float(total @ worth / (mined @ worth))
        rows.append(
            UnitCost("break_even_usd_per_mined_mwh", factor * mean, "USD/MWh", f"mean revenue of a mined MWh {means}")
        )
    return tuple(rows)
