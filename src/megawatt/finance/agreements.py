"""What a base case earns and spends by, as plain terms: enough to write every month again, e.g. in a spreadsheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from megawatt.arrays import FloatArray
from megawatt.finance.spine import Hall

__all__ = ["SOLD", "Agreement", "CapitalPlan", "OperatingTerms"]


SOLD: Final = frozenset({"contract", "market", "mining", "treasury", "hosting", "served_tokens", "spare_chips"})
"""Parts of revenue that follow the price and the use of machines and halls."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A tenant that always pays: GPU hours or rented power.

    Attributes
    ----------
    per_hour : bool
        True: ``price_usd`` is per chip-hour; False: rent per kW of critical IT and month.
    units : float
        Chips, or kW, of the whole site.
    price_usd, market_price_usd : float
        In the contract, and at market terms before ``market_price_factor``.
    escalator_frac : float
        Yearly step of the contract price from each hall's start.
    availability_frac : float
        Share of the hours that is billable and served (1 for rent).
    take_or_pay_frac, tenant_use_frac : float
        Share of the billable hours paid in any case, and used by the tenant: the larger counts.
    prepaid_frac : float
        Share of the contract value paid ahead; the value counts ``prepaid_availability_frac`` of all hours of the term.
    prepayment_lead_months, credit_after_months : int
        Months of the payment before delivery, and of service before the first credit.
    market_price_factor, market_use_frac : (months,)
        Expected market price over today's, and share sold at market terms.
    """

    per_hour: bool
    units: float
    price_usd: float
    market_price_usd: float
    term_months: int
    market_price_factor: FloatArray
    market_use_frac: FloatArray
    escalator_frac: float = 0.0
    availability_frac: float = 1.0
    take_or_pay_frac: float = 1.0
    tenant_use_frac: float = 1.0
    prepaid_frac: float = 0.0
    prepaid_availability_frac: float = 1.0
    prepayment_lead_months: int = 0
    credit_after_months: int = 0


@dataclass(frozen=True, slots=True)
class CapitalPlan:
    """What is built and what it fetches.

    Attributes
    ----------
    shell_usd, machines_usd : float
        Cost of all halls, and of their machines.
    build_months, lead_months : int
        Months before a hall is live over which its shell is paid, and at which its machines are paid.
    shell_life_years : float
        The shell's unused share of this life is sold at the end.
    machines_residual_frac : float
        Worth of machines after five years as a share of cost.
    shell_obsolescence_per_year : float
        Share of that which the age of its design takes a year, from the first block on.
    replace_after_months, replacement_cost_frac : int, float
        Months of service after which machines are replaced (0: never), and the cost over the first.
    """

    shell_usd: float
    machines_usd: float
    build_months: int
    lead_months: int
    shell_life_years: float
    machines_residual_frac: float
    shell_obsolescence_per_year: float = 0.0
    replace_after_months: int = 0
    replacement_cost_frac: float = 1.0


@dataclass(frozen=True, slots=True)
class OperatingTerms:
    """Contract, costs and capital of a base case.

    Attributes
    ----------
    halls : tuple of Hall
        Deliveries as planned: the ramp of everything else.
    delay_months : int
        Months by which every delivery is late; spending stays as planned.
    demand_response_usd_per_month : float
        Pay for being ready to shed load, with all halls live.
    agreement : Agreement, optional
        None: revenue comes from hourly rooms (mining).
    opex_kw, opex_usd_per_kw_month, opex_growth_frac : float
        Running cost beside energy.
    energy_let_usd : (months,), optional
        Energy bill with every hall let, from the hourly year.
    energy_idle_frac, energy_owner_frac : float
        Share of that bill that stays in empty halls, and that the owner pays.
    capital : CapitalPlan
        Spending and sale.
    """

    halls: tuple[Hall, ...]
    agreement: Agreement | None
    opex_kw: float
    opex_usd_per_kw_month: float
    opex_growth_frac: float
    energy_let_usd: FloatArray | None
    energy_idle_frac: float
    energy_owner_frac: float
    capital: CapitalPlan
    delay_months: int = 0
    demand_response_usd_per_month: float = 0.0
