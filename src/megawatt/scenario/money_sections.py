"""Sections of a scenario about money: contracts, spending, running cost, debt, tax, risk."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from megawatt.catalogue.quantity import catalogue_key, quantity
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.scenario.section import Month, ratio

__all__ = [
    "Capex",
    "Contract",
    "DemandResponse",
    "FeeStep",
    "Lease",
    "Opex",
    "Tax",
    "WorkingCapital",
]


class Contract(Section):
    """Who pays for the chips' hours.

    One of ``price_usd_per_chip_hour`` (published), or a basis: ``token-parity`` pays per training token what
    ``parity_system`` earns at ``parity_price_usd_per_chip_hour``; ``predecessor`` scales the published price of
    ``predecessor_system`` by training throughput per chip.
    """

    basis: Literal["published", "token-parity", "predecessor"] = Field("published", description="how the price is set")
    price_usd_per_chip_hour: Annotated[Fact, *quantity("USD/hour", ge=0, le=1000)] | None = Field(
        None, description="price of a chip-hour, USD (basis = published)", title="price of a chip-hour"
    )
    parity_system: Annotated[str, catalogue_key("system")] | None = Field(
        None, description="system with a published price"
    )
    parity_price_usd_per_chip_hour: Annotated[Fact, *quantity("USD/hour", ge=0, le=1000)] | None = Field(
        None, description="its price of a chip-hour, USD", title="parity system's price of a chip-hour"
    )
    predecessor_system: Annotated[str, catalogue_key("system")] | None = Field(None, description="older system")
    predecessor_price_usd_per_chip_hour: Annotated[Fact, *quantity("USD/hour", ge=0, le=1000)] | None = Field(
        None, description="its price of a chip-hour, USD", title="predecessor's price of a chip-hour"
    )
    term_months: int = Field(60, ge=1, le=480, description="months that the tenant pays for each block of halls")
    availability_frac: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        "@ai-hall-practice.availability_frac",
        validate_default=True,
        description="share of chip-hours that are billable",
        title="share of hours billed",
    )
    take_or_pay_frac: Annotated[Fact, *ratio] | None = Field(
        None, description="share of the billable hours paid in any case; default: all", title="take-or-pay share"
    )
    tenant_use_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="share of the billable hours that the tenant uses; paid where above take_or_pay_frac; default: "
        "all, so give it with take_or_pay_frac",
        title="tenant's use",
    )
    prepayment_frac: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        0.0,
        validate_default=True,
        description="share of the contract value paid ahead of delivery",
        title="share paid ahead",
    )
    prepayment_lead_months: int = Field(3, ge=0, le=60, description="months before a block is live that it is paid")
    prepayment_credit_after_months: int = Field(
        0,
        ge=0,
        le=479,
        description="months of service before the prepayment is credited, evenly over the rest of the term",
    )
    market_utilisation_frac: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        "@ai-hall-practice.market_utilisation_frac",
        validate_default=True,
        description="share of chip-hours sold when let at market terms (after the term, or after a default)",
        title="share of hours sold at market terms",
    )
    payer: Literal["hyperscaler", "investment-grade", "backstopped", "speculative"] = Field(
        description="class of the tenant: sets its default probability (megawatt show risk-base)"
    )


class FeeStep(Section):
    """What a guarantor pays at most for a default at a date."""

    month: Month = Field(description="month of the default, YYYY-MM")
    usd: Annotated[Fact, *quantity("USD", ge=0, le=1e12)] = Field(
        description="most that is paid, USD", title="backstop"
    )


class Lease(Section):
    """A lease of AI halls: the tenant brings the chips and pays rent per kW of critical IT power."""

    rent_usd_per_kw_month: Annotated[Fact, *quantity("USD/kW/month", ge=0, le=2000)] = Field(
        description="rent in the first year, USD per month and kW of critical IT", title="rent"
    )
    escalator_per_year: Annotated[Fact, *quantity(ge=-0.1, le=0.2)] = Field(
        0.0, validate_default=True, description="yearly step of the rent, from each block's start", title="escalator"
    )
    term_months: int = Field(120, ge=1, le=480, description="months that the tenant rents each block of halls")
    power_paid_by: Literal["tenant", "owner"] = Field(
        "tenant", description="tenant: energy is passed through (triple net); owner: rent includes it"
    )
    it_load_frac: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        "@ai-hall-practice.busy_frac",
        validate_default=True,
        description="average draw of the tenant's machines over the critical IT power that it rents",
        title="tenant's load",
    )
    market_rent_usd_per_kw_month: Annotated[Fact, *quantity("USD/kW/month", ge=0, le=2000)] | None = Field(
        None, description="rent after the term or a default; default: the lease's own", title="market rent"
    )
    market_utilisation_frac: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        "@ai-hall-practice.market_utilisation_frac",
        validate_default=True,
        description="share of the halls let at market rent (after the term, or after a default)",
        title="share of halls let at market rent",
    )
    backstop_pays: Literal["fee", "rent", "step-in"] | None = Field(
        None,
        description="what a guarantor does if the tenant defaults: pays once (fee), pays the lost rent as it falls due "
        "(rent), or takes over the lease (step-in); default: fee where an amount is given, else there is none",
    )
    backstop_usd: Annotated[Fact, *quantity("USD", ge=0, le=1e12)] | None = Field(
        None,
        description="most that the guarantor pays in all for a default at the first delivery, USD; it falls evenly "
        "over the lease",
        title="backstop",
    )
    backstop_at_end_frac: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        0.0,
        validate_default=True,
        description="share of the backstop left at the end of the lease",
        title="backstop left at the end",
    )
    backstop_schedule: tuple[FeeStep, ...] = Field(
        (), max_length=480, description="instead of backstop_usd: the most by date, in order, a straight line between"
    )
    backstop_lag_months: int = Field(3, ge=0, le=60, description="months from default to the guarantor's payment")
    payer: Literal["hyperscaler", "investment-grade", "backstopped", "speculative"] = Field(
        description="class of the tenant itself: sets its default probability (the backstop is modelled apart)"
    )


class Capex(Section):
    """What is spent before anything earns. Amounts per block follow its share; miners cost their catalogue price."""

    shell_usd_per_mw: Annotated[Fact, *quantity("USD/MW", ge=0, le=1e9)] = Field(
        description="building, power and cooling, USD per MW of critical IT (mining: of miner power)",
        title="cost of the shell",
    )
    chips_usd_per_chip: Annotated[Fact, *quantity("USD", ge=0, le=1e7)] | None = Field(
        None,
        description="chips with their share of rack, network and storage, USD per chip",
        title="cost of a chip with its share of rack and network",
    )
    chips_basis: Literal["published", "token-parity"] = Field(
        "published",
        description="token-parity: chips_usd_per_chip is the parity system's, scaled by training throughput per chip",
    )
    build_months: int = Field(
        12, ge=1, le=120, description="months over which a block's shell is paid, before it is live"
    )
    chip_lead_months: int = Field(2, ge=0, le=60, description="months before a block is live that its chips are paid")
    replace_after_months: int = Field(
        0,
        ge=0,
        le=240,
        description="months of service after which chips or miners are replaced, again and again; 0: never",
    )
    replacement_cost_frac: Annotated[Fact, *quantity(ge=0, le=2)] | None = Field(
        None,
        description="cost of replacing them over their first cost, less what the old ones fetch; default: 1 less their "
        "worth at that age",
        title="cost of replacement",
    )
    shell_life_years: Annotated[Fact, *quantity("year", ge=1, le=100)] = Field(
        "@finance-practice.shell_life_years",
        validate_default=True,
        description="life of the shell: its residual is the unused share",
        title="life of the shell",
    )
    shell_obsolescence_per_year: Annotated[Fact, *quantity(ge=0, le=0.5)] = Field(
        "@finance-practice.shell_obsolescence_per_year",
        validate_default=True,
        description="worth that a shell loses each year to newer designs, beside the used share of its life",
        title="ageing of the hall's design",
    )
    chip_residual_frac: Annotated[Fact, *quantity(ge=0.001, le=1)] = Field(
        "@finance-practice.chip_residual_frac",
        validate_default=True,
        description="worth of chips or miners after five years of service, as a share of cost, in the base case",
        title="worth of machines after five years",
    )
    machines_tax_life_years: Annotated[Fact, *quantity("year", ge=1, le=40)] = Field(
        "@finance-practice.machines_tax_life_years",
        validate_default=True,
        description="tax life of chips or miners, straight line",
        title="tax life of machines",
    )
    shell_tax_life_years: Annotated[Fact, *quantity("year", ge=1, le=40)] = Field(
        "@finance-practice.shell_tax_life_years",
        validate_default=True,
        description="tax life of the shell, straight line",
        title="tax life of the shell",
    )


class Opex(Section):
    """Cost of running, beside energy."""

    site_usd_per_kw_month: Annotated[Fact, *quantity("USD/kW/month", ge=0, le=1000)] = Field(
        description="staff, upkeep, insurance, property tax: USD per month and kW of critical IT (mining: of miners)",
        title="operating cost beside energy",
    )
    growth_per_year: Annotated[Fact, *quantity(ge=-0.5, le=0.5)] = Field(
        "@finance-practice.opex_growth_per_year",
        validate_default=True,
        description="escalation per year",
        title="growth of operating cost",
    )


class DemandResponse(Section):
    """Pay for being ready to shed load: a programme of the grid that the owner's machines are enrolled in."""

    enrolled_mw: Annotated[Fact, *quantity("MW", ge=0, le=20000)] = Field(
        description="load that can be shed, MW", title="enrolled load"
    )
    usd_per_kw_month: Annotated[Fact, *quantity("USD/kW/month", ge=0, le=1000)] = Field(
        description="payment per kW enrolled and month", title="payment for demand response"
    )
    paid_frac: Annotated[Fact, *ratio] = Field(
        1.0, validate_default=True, description="share of the payment left after penalties", title="share paid"
    )
    called_hours_per_year: Annotated[Fact, *quantity("hour", ge=0, le=8760)] = Field(
        0.0,
        validate_default=True,
        description="hours a year in which the enrolled load is off (mining only; chips ride through on back-up power)",
        title="hours called",
    )


class WorkingCapital(Section):
    """When invoices and bills are paid; without it, in the month of delivery."""

    receivable_days: Annotated[Fact, *quantity("day", ge=0, le=365)] = Field(
        0.0,
        validate_default=True,
        description="days from delivery to the tenant's payment",
        title="days of receivables",
    )
    payable_days: Annotated[Fact, *quantity("day", ge=0, le=365)] = Field(
        0.0, validate_default=True, description="days that bills of running cost stay unpaid", title="days of payables"
    )


class Tax(Section):
    """Income tax."""

    rate: Annotated[Fact, *quantity(ge=0, le=0.99)] = Field(
        "@finance-practice.federal_tax_rate",
        validate_default=True,
        description="income tax rate",
        title="income tax rate",
    )
    law: Literal["us", "plain"] = Field(
        "us",
        description="us: federal law of the United States since July 2025 (MACRS, bonus, limit on interest, four "
        "payments a year) for what is not given below; plain: straight line, no limits, paid once a year",
    )
    state_rate: Annotated[Fact, *quantity(ge=0, le=0.5)] = Field(
        0.0, validate_default=True, description="state tax rate, deducted from federal income", title="state tax rate"
    )
    machines_table: Literal["straight-line", "macrs-3", "macrs-5", "macrs-7"] | None = Field(
        None,
        description="depreciation of chips or miners; straight-line: over capex.machines_tax_life_years; default: "
        "macrs-5 (law = us), straight-line (plain)",
    )
    shell_table: Literal["straight-line", "macrs-15", "macrs-20", "sl-39"] = Field(
        "straight-line", description="depreciation of the shell; a table replaces capex.shell_tax_life_years"
    )
    machines_bonus_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="share of chips or miners deducted in the first year; default with a MACRS table and law = us: all "
        "if acquired after 19 January 2025 (26 U.S.C. 168(k)), before it by the year; else none",
        title="bonus depreciation of machines",
    )
    interest_limit_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="most of a year's income before interest and depreciation that interest may take, the rest is "
        "carried forward; default: 0.3 (law = us, 26 U.S.C. 163(j)), no limit (plain)",
        title="limit on interest",
    )
    loss_offset_limit_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="most of a year's income that old losses may offset; default: 0.8 (law = us), 1 (plain)",
        title="limit on old losses",
    )
    paid: Literal["annual", "quarterly"] | None = Field(
        None,
        description="when tax is paid: in December, or in April, June, September and December as it accrues; default: "
        "quarterly (law = us), annual (plain)",
    )
    storage_credit_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="credit on the cost of [battery], half of which is not written off; default: 0.3 (law = us, 26 "
        "U.S.C. 48E), none (plain)",
        title="tax credit on batteries",
    )
