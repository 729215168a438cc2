"""Colocation: what a landlord of AI halls earns and pays along factor paths."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.chain.capital import Calendar
from megawatt.chain.ground import Ground, earned
from megawatt.finance import (
    NEVER,
    ContractRevenue,
    Hall,
    OperatingFlows,
    Tenancy,
    colocation_revenue,
    live_share,
    market_utilisation,
    tenancy,
)
from megawatt.finance.backstop import Guarantee, claim_payments, fee_schedule, guarantee_payments
from megawatt.months import months_between
from megawatt.risk import FactorPaths, base_factors
from megawatt.scenario.schema import Lease

__all__ = ["LeaseMoney", "lease_flows", "lease_money", "owner_power_frac"]


@dataclass(frozen=True, slots=True)
class LeaseMoney:
    """A lease resolved to numbers.

    ``owner_power_frac`` is the share of the energy bill that the landlord bears while halls are let: 0 for a
    triple-net lease, 1 where rent includes power. Empty halls draw nothing. ``discount_rate`` turns later rent into a
    fee.
    """

    it_mw: float
    rent_usd_per_kw_month: float
    escalator_frac: float
    term_months: int
    owner_power_frac: float
    market_rent_usd_per_kw_month: float
    market_utilisation_frac: float
    guarantee: Guarantee | None = None
    discount_rate: float = 0.0

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """Rent, backstop and the landlord's energy along factor paths."""
        expected = base_factors(ground.terms, ground.months).compute
        rent_index = (factors.compute / expected) ** ground.terms.hall_rent_elasticity
        revenue, paid, occupied = lease_flows(
            self,
            ground.calendar.halls,
            ground.ai_energy_usd(factors),
            factors,
            rent_index,
            ground.terms.relet_lag_months,
            ground.terms.claim_recovery_frac,
            ground.terms.claim_lag_months,
        )
        charges = {k: usd * self.owner_power_frac for k, usd in ground.ai_charges_usd(occupied).items()}
        return earned(ground.months, revenue=revenue, cost={"energy_ai": paid} | charges)


def owner_power_frac(lease: Lease) -> float:
    """Share of the energy bill that the landlord bears while halls are let."""
    return 0.0 if lease.power_paid_by == "tenant" else 1.0


def lease_money(lease: Lease, it_mw: float, calendar: Calendar, discount_rate: float) -> LeaseMoney:
    """The scenario's lease in numbers; the market rent is the lease's own where none is given."""
    rent = lease.rent_usd_per_kw_month.number()
    market = lease.market_rent_usd_per_kw_month
    return LeaseMoney(
        it_mw=it_mw,
        rent_usd_per_kw_month=rent,
        escalator_frac=lease.escalator_per_year.number(),
        term_months=lease.term_months,
        owner_power_frac=owner_power_frac(lease),
        market_rent_usd_per_kw_month=market.number() if market else rent,
        market_utilisation_frac=lease.market_utilisation_frac.number(),
        guarantee=_guarantee(lease, calendar),
        discount_rate=discount_rate,
    )


def _guarantee(lease: Lease, calendar: Calendar) -> Guarantee | None:
    """The promise as it is written; the amount of one that is not dated falls evenly over the lease."""
    spine, pays = calendar.spine, lease.backstop_pays
    if lease.backstop_usd is None and not lease.backstop_schedule and pays is None:
        return None
    points: dict[int, float] = {}
    if lease.backstop_usd is not None:
        first, last = min(h.month for h in calendar.halls), calendar.last_live + lease.term_months
        most = lease.backstop_usd.number()
        points = {first: most, last: most * lease.backstop_at_end_frac.number()}
    for step in lease.backstop_schedule:
        points[months_between(spine.label(0), step.month)] = step.usd.number()
    cap = fee_schedule(points, spine.months) if points else None
    return Guarantee(pays or "fee", lease.backstop_lag_months, cap)


def lease_flows(
    lease: LeaseMoney,
    halls: tuple[Hall, ...],
    energy_usd: FloatArray,
    factors: FactorPaths,
    rent_index: FloatArray,
    relet_lag_months: int,
    claim_recovery_frac: float = 0.0,
    claim_lag_months: int = 0,
) -> tuple[dict[str, FloatArray], FloatArray, FloatArray]:
    """Revenue by who pays, the landlord's energy cost [USD a month], and the share that is occupied, (paths, months).

    Parameters
    ----------
    energy_usd : array, (paths, months)
        Energy bill of the site with every hall let.
    rent_index : array, (paths, months)
        Market rent of halls on the path over the expected one.

    Notes
    -----
    Halls are re-let at the market that the path has: rents follow the price of compute in part, vacancy follows demand.
    A guarantor that has stepped in keeps the halls: they are not let to others within the lease.
    """
    months = factors.power.shape[1]

    def let(default_month: IntArray) -> Tenancy:
        return tenancy(
            halls,
            months,
            term_months=lease.term_months,
            default_month=default_month,
            relet_lag_months=relet_lag_months,
            escalator_frac=lease.escalator_frac,
        )

    used = market_utilisation(factors.demand, lease.market_utilisation_frac)

    def rent(shares: Tenancy) -> ContractRevenue:
        return colocation_revenue(
            shares,
            it_mw=lease.it_mw,
            rent_usd_per_it_kw_month=lease.rent_usd_per_kw_month,
            market_rent_usd_per_it_kw_month=lease.market_rent_usd_per_kw_month,
            market_price_factor=rent_index,
            market_utilisation_frac=used,
        )

    kept, found = let(NEVER), let(factors.tenant_default_month)
    taken_over = lease.guarantee is not None and lease.guarantee.pays == "step-in"
    if taken_over:
        found = replace(found, market=np.broadcast_to(kept.market, found.market.shape))
    earned_now, promised = rent(found), rent(kept)
    bill = energy_usd * lease.owner_power_frac
    held = kept.contracted if taken_over else found.contracted
    occupied = np.minimum(held + found.market * used, live_share(halls, months))
    revenue = {"contract": earned_now.contract, "market": earned_now.market}
    saved = bill * (np.minimum(kept.contracted + kept.market * used, live_share(halls, months)) - occupied)
    relet = np.maximum(earned_now.market - promised.market, 0.0)
    lost = promised.contract - earned_now.contract - relet - saved
    if lease.guarantee is not None:
        part = "backstop" if lease.guarantee.pays == "fee" else "guarantor"
        revenue[part] = guarantee_payments(lease.guarantee, lost, factors.tenant_default_month, lease.discount_rate)
    elif claim_recovery_frac > 0.0:
        revenue["claim"] = claim_payments(
            lost, promised.contract, factors.tenant_default_month, claim_recovery_frac, claim_lag_months
        )
    return revenue, bill * occupied, occupied
