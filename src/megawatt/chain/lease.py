"""Colocation: what a landlord of AI halls earns and pays along factor paths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.ground import Ground, earned
from megawatt.finance import Hall, OperatingFlows, colocation_revenue, live_share, market_utilisation, tenancy
from megawatt.finance.backstop import backstop_payments
from megawatt.risk import FactorPaths
from megawatt.scenario.schema import Lease

__all__ = ["LeaseMoney", "lease_flows", "lease_money", "owner_power_frac"]


@dataclass(frozen=True, slots=True)
class LeaseMoney:
    """A lease resolved to numbers.

    ``owner_power_frac`` is the share of the energy bill that the landlord bears while halls are let: 0 for a
    triple-net lease, 1 where rent includes power. Empty halls draw nothing.
    """

    it_mw: float
    rent_usd_per_kw_month: float
    escalator_frac: float
    term_months: int
    owner_power_frac: float
    market_rent_usd_per_kw_month: float
    market_utilisation_frac: float
    backstop_usd: float
    backstop_at_end_frac: float
    backstop_lag_months: int

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """Rent, backstop and the landlord's energy along factor paths."""
        halls, energy, lag = ground.calendar.halls, ground.ai_energy_usd(factors), ground.terms.relet_lag_months
        revenue, paid = lease_flows(self, halls, energy, factors, lag)
        return earned(ground.months, revenue=revenue, cost={"energy_ai": paid})


def owner_power_frac(lease: Lease) -> float:
    """Share of the energy bill that the landlord bears while halls are let."""
    return 0.0 if lease.power_paid_by == "tenant" else 1.0


def lease_money(lease: Lease, it_mw: float) -> LeaseMoney:
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
        backstop_usd=lease.backstop_usd.number() if lease.backstop_usd else 0.0,
        backstop_at_end_frac=lease.backstop_at_end_frac.number(),
        backstop_lag_months=lease.backstop_lag_months,
    )


def lease_flows(
    lease: LeaseMoney,
    halls: tuple[Hall, ...],
    energy_usd: FloatArray,
    factors: FactorPaths,
    relet_lag_months: int,
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Revenue by who pays, and the landlord's energy cost, (paths, months). [USD a month]

    Parameters
    ----------
    energy_usd : array, (paths, months)
        Energy bill of the site with every hall let.

    Notes
    -----
    Rents at re-letting do not follow the price of compute hours, which moves far more than hall rents; vacancy follows
    demand.
    """
    months = factors.power.shape[1]
    let = tenancy(
        halls,
        months,
        term_months=lease.term_months,
        default_month=factors.tenant_default_month,
        relet_lag_months=relet_lag_months,
        escalator_frac=lease.escalator_frac,
    )
    used = market_utilisation(factors.demand, lease.market_utilisation_frac)
    rent = colocation_revenue(
        let,
        it_mw=lease.it_mw,
        rent_usd_per_it_kw_month=lease.rent_usd_per_kw_month,
        market_rent_usd_per_it_kw_month=lease.market_rent_usd_per_kw_month,
        market_price_factor=np.ones((1, months)),
        market_utilisation_frac=used,
    )
    backstop = backstop_payments(
        halls,
        months,
        cap_usd=lease.backstop_usd,
        cap_at_end_frac=lease.backstop_at_end_frac,
        lag_months=lease.backstop_lag_months,
        rent_usd_per_month=lease.it_mw * 1000.0 * lease.rent_usd_per_kw_month,
        escalator_frac=lease.escalator_frac,
        term_months=lease.term_months,
        default_month=factors.tenant_default_month,
    )
    occupied = np.minimum(let.contracted + let.market * used, live_share(halls, months))
    revenue = {"contract": rent.contract, "market": rent.market}
    if lease.backstop_usd > 0.0:
        revenue["backstop"] = backstop
    return revenue, energy_usd * occupied * lease.owner_power_frac
