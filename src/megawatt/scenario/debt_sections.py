"""The section of a scenario about debt: the loan, its rate and safeguards, money behind it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from megawatt.catalogue.quantity import quantity
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.scenario.section import Month, ratio

__all__ = ["CallPrice", "DatedAmount", "Debt", "ForwardRate", "Junior", "Revolver"]


def _day_count(raw: Any) -> Any:
    return raw.upper() if isinstance(raw, str) else raw


class ForwardRate(Section):
    """The floating rate expected for a calendar year."""

    year: int = Field(ge=2000, le=2099, description="calendar year")
    rate: Annotated[Fact, *quantity(ge=0, le=0.5)] = Field(description="reference rate, nominal annual", title="SOFR")


class DatedAmount(Section):
    """An amount of the loan with a date: a share of what is owed at the first payment, or USD."""

    month: Month = Field(description="month, YYYY-MM")
    frac: Annotated[Fact, *ratio] | None = Field(
        None, description="share of what is owed at the first payment", title="share of the debt"
    )
    usd: Annotated[Fact, *quantity("USD", ge=0, le=1e12)] | None = Field(
        None, description="amount, USD, instead (with principal_usd)", title="amount"
    )


class CallPrice(Section):
    """What a dollar prepaid costs beside itself from a month on."""

    month: Month = Field(description="from this month on, YYYY-MM")
    premium_frac: Annotated[Fact, *quantity(ge=0, le=0.5)] = Field(
        description="call price less 1: 0.03 for 103", title="call premium"
    )


class Revolver(Section):
    """A line that is drawn before a bill or payment is missed and repaid from the first cash after service."""

    limit_usd: Annotated[Fact, *quantity("USD", ge=0, le=1e12)] = Field(
        description="most that is drawn, USD", title="revolver"
    )
    rate: Annotated[Fact, *quantity(ge=0, le=0.99)] = Field(
        description="annual rate on what is drawn", title="rate of the revolver"
    )
    commitment_fee_per_year: Annotated[Fact, *quantity(ge=0, le=0.1)] = Field(
        0.0, validate_default=True, description="annual rate on what is not drawn", title="fee of the revolver"
    )


class Junior(Section):
    """Money behind the loan: drawn in place of the owners' money, paid in order from what the loan lets out."""

    name: str = Field(min_length=1, max_length=40, description="what it is called")
    kind: Literal["second-lien", "mezzanine", "preferred", "convertible"] = Field(
        "mezzanine", description="what it is; convertible: repaid in shares if they are worth more than cash"
    )
    conversion_price_usd: Annotated[Fact, *quantity("USD", ge=0.01, le=1e6)] | None = Field(
        None, description="principal per share that it converts into, USD", title="conversion price"
    )
    share_price_usd: Annotated[Fact, *quantity("USD", ge=0, le=1e6)] | None = Field(
        None, description="price of the share expected at its last payment, USD: an input", title="price of the share"
    )
    share_of_equity_frac: Annotated[Fact, *ratio] | None = Field(
        None, description="amount as a share of what the owners would put in", title="junior money over owners' money"
    )
    principal_usd: Annotated[Fact, *quantity("USD", ge=0, le=1e12)] | None = Field(
        None, description="amount, USD, instead", title="junior money"
    )
    rate: Annotated[Fact, *quantity(ge=0, le=0.99)] = Field(
        0.0, validate_default=True, description="annual rate paid in cash; what cannot be paid is added", title="rate"
    )
    pik_rate: Annotated[Fact, *quantity(ge=0, le=0.99)] = Field(
        0.0, validate_default=True, description="annual rate that is added to the balance", title="rate in kind"
    )
    payments: int = Field(60, ge=1, le=480, description="number of payments, on the loan's payment dates")
    shape: Literal["bullet", "equal-principal"] = Field("bullet", description="how principal is repaid")
    sweep_frac: Annotated[Fact, *ratio] = Field(
        0.0, validate_default=True, description="share of what is left that prepays it", title="sweep"
    )


class Debt(Section):
    """A term loan drawn when the first chips are paid: an amount, a share of what the machines cost, or sized.

    With ``target_dscr``, ``gearing_frac`` or ``minimum_llcr`` the loan is the largest that meets all of them in the
    base case; an amount beside them is the most that is drawn.
    """

    principal_usd: Annotated[Fact, *quantity("USD", ge=0, le=1e12)] | None = Field(
        None, description="amount drawn, USD", title="loan"
    )
    share_of_machines_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="amount drawn as a share of the cost of chips or miners, instead of principal_usd",
        title="loan over cost of machines",
    )
    target_dscr: Annotated[Fact, *quantity(ge=1, le=10)] | None = Field(
        None,
        description="sizes the loan: lowest cover of a month's service by CFADS (sculpted: the cover of all)",
        title="cover that sizes the loan",
    )
    gearing_frac: Annotated[Fact, *quantity(ge=0.01, le=1)] | None = Field(
        None,
        description="sizes the loan: largest share of all uses (spending, fee, interest of construction)",
        title="gearing",
    )
    minimum_llcr: Annotated[Fact, *quantity(ge=0.1, le=10)] | None = Field(
        None, description="sizes the loan: lowest loan life cover at the first payment", title="loan life cover"
    )
    maximum_ltv: Annotated[Fact, *quantity(ge=0.01, le=1)] | None = Field(
        None,
        description="sizes the loan: largest share of the site's worth at the first payment (appraisal_usd, else cash "
        "to the end of the project at the discount rate, without the sale)",
        title="loan to value",
    )
    appraisal_usd: Annotated[Fact, *quantity("USD", ge=1, le=1e12)] | None = Field(
        None, description="the site's worth as appraised, for maximum_ltv, USD", title="appraisal"
    )
    advance_frac: Annotated[Fact, *quantity(ge=0.01, le=1)] | None = Field(
        None, description="sizes the loan: largest share of the spending before its first payment", title="loan to cost"
    )
    sizing_cash: Literal["pre-tax", "after-tax"] = Field(
        "after-tax", description="CFADS that sizes: before tax, or after tax in equal parts over each year"
    )
    rate: Annotated[Fact, *quantity(ge=0, le=0.99)] = Field(
        description="nominal annual rate, 30/360; with floating_frac that of the hedged part", title="interest rate"
    )
    floating_frac: Annotated[Fact, *ratio] = Field(
        0.0,
        validate_default=True,
        description="share that is not hedged: it pays forward_rates of the year, at least floating_floor, plus "
        "floating_margin",
        title="share that floats",
    )
    floating_margin: Annotated[Fact, *quantity(ge=0, le=0.3)] = Field(
        0.0, validate_default=True, description="margin over the floating rate", title="margin"
    )
    floating_floor: Annotated[Fact, *quantity(ge=0, le=0.3)] = Field(
        0.0, validate_default=True, description="least floating rate", title="floor of the rate"
    )
    forward_rates: tuple[ForwardRate, ...] = Field(
        (), max_length=60, description="floating rate by year, in order; the last holds for all later years"
    )
    payments: int = Field(
        60,
        ge=1,
        le=480,
        description="number of payments, each of payment_every_months, from the first month with every block live on; "
        "all within the project",
    )
    payment_every_months: Literal[1, 3, 6, 12] = Field(
        1,
        description="months of a payment period, paid at its end; prepayments, sweeps and distributions fall on the "
        "same dates; interest of construction falls monthly",
    )
    day_count: Annotated[Literal["30/360", "ACT/360", "ACT/365", "ACT/ACT"], BeforeValidator(_day_count)] = Field(
        "30/360", description="days of interest over days of a year, on calendar months"
    )
    repayments: tuple[DatedAmount, ...] = Field(
        (),
        max_length=480,
        description="shape = dated: principal by month, in order; the rest falls to the last payment",
    )
    prepayments: tuple[DatedAmount, ...] = Field(
        (),
        max_length=480,
        description="principal that the owners repay ahead, from what they would get and else from their pocket: the "
        "last instalments first; not in a lock-up",
    )
    target_balance: tuple[DatedAmount, ...] = Field(
        (), max_length=480, description="with sweep_frac: from each month on the sweep stops at this balance"
    )
    call_prices: tuple[CallPrice, ...] = Field(
        (), max_length=40, description="premium on whatever is prepaid, by month, in order; none before the first"
    )
    make_whole_rate: Annotated[Fact, *quantity(ge=0, le=0.5)] | None = Field(
        None,
        description="before the first call price (else to the last payment) a prepayment costs what service until then "
        "and that price are worth at this annual rate",
        title="make-whole rate",
    )
    drawn: Literal["at-once", "with-machines", "with-spending"] = Field(
        "at-once",
        description="with-machines: delayed draws, each block's share when its machines are paid (at-once: the first); "
        "with-spending: in proportion to all that is spent before the first payment",
    )
    interest_of_construction: Literal["capitalised", "cash", "reserve"] = Field(
        "capitalised",
        description="interest before the first payment: added to the loan, paid in cash by the owners as it accrues, "
        "or paid from a reserve that is filled at the first draw",
    )
    clock_months: int | None = Field(
        None,
        ge=1,
        le=480,
        description="with delayed draws: each is repaid on a clock of its own, its last payment so many months after "
        "it, its first as many months after it as the first draw's (payments is then not used)",
    )
    shape: Literal["level", "equal-principal", "sculpted", "bullet", "dated"] = Field(
        "level",
        description="how principal is repaid; dated: as repayments say; sculpted: service follows the base case's cash "
        "before debt and tax "
        "(prepayments left out), or the cash that sizes the loan",
    )
    reserve_months: Annotated[Fact, *quantity("month", ge=0, le=24)] = Field(
        "@finance-practice.debt_reserve_months",
        validate_default=True,
        description="months of average debt service kept as cash before owners are paid (DSRA)",
        title="debt service reserve",
    )
    reserve_held_as: Literal["cash", "letter-of-credit"] = Field(
        "cash",
        description="letter-of-credit: no cash is kept; the bank pays what service lacks, up to the reserve, and is "
        "repaid from the first cash after service",
    )
    letter_of_credit_fee_per_year: Annotated[Fact, *quantity(ge=0, le=0.2)] = Field(
        0.0, validate_default=True, description="annual fee on what is not drawn", title="fee of the letter of credit"
    )
    letter_of_credit_rate: Annotated[Fact, *quantity(ge=0, le=0.99)] | None = Field(
        None, description="annual rate on what is drawn; default: rate", title="rate of the letter of credit"
    )
    revolver: Revolver | None = Field(None, description="a line for bills and service that cash cannot pay")
    upfront_fee_frac: Annotated[Fact, *quantity(ge=0, le=0.99)] = Field(
        0.0, validate_default=True, description="fee on the principal", title="upfront fee"
    )
    oid_frac: Annotated[Fact, *quantity(ge=0, le=0.5)] = Field(
        0.0,
        validate_default=True,
        description="original issue discount: share of the principal that is owed and never paid out",
        title="original issue discount",
    )
    commitment_fee_per_year: Annotated[Fact, *quantity(ge=0, le=0.1)] = Field(
        0.0,
        validate_default=True,
        description="annual rate on what is not drawn yet, until the first payment",
        title="commitment fee",
    )
    interest_only_payments: int = Field(
        0, ge=0, le=479, description="payments at the start that repay nothing (level, equal-principal)"
    )
    opex_reserve_months: Annotated[Fact, *quantity("month", ge=0, le=24)] = Field(
        0.0, validate_default=True, description="months of running cost kept as cash beside", title="reserve for costs"
    )
    test_every_months: int = Field(3, ge=1, le=12, description="months between tests of lock-up and covenant")
    lockup_release_tests: int = Field(1, ge=1, le=40, description="clean tests in a row that end a lock-up")
    junior: tuple[Junior, ...] = Field(
        (), max_length=6, description="tranches behind the loan in the order in which they are paid"
    )
    balloon_frac: Annotated[Fact, *ratio] = Field(
        0.0, validate_default=True, description="share of the debt left for the last payment", title="balloon"
    )
    refinance_payments: int = Field(
        0, ge=0, le=480, description="monthly payments of a new loan that repays the balloon; 0: it is due in cash"
    )
    refinance_rate: Annotated[Fact, *quantity(ge=0, le=0.99)] | None = Field(
        None, description="rate of the new loan; default: that of the old one", title="rate of refinancing"
    )
    refinance_dscr: Annotated[Fact, *quantity(ge=0.1, le=10)] = Field(
        1.2,
        validate_default=True,
        description="the new lender lends what last year's cash carries at this cover",
        title="cover that a new lender asks for",
    )
    prepayment_order: Literal["pro-rata", "inverse"] = Field(
        "pro-rata",
        description="instalments that a guarantor's fee prepays, once reserves are full and service until the halls "
        "are let again is held: all later ones in proportion, or the last ones",
    )
    sweep_frac: Annotated[Fact, *ratio] = Field(
        0.0, validate_default=True, description="share of the owners' excess cash that prepays the loan", title="sweep"
    )
    lockup_dscr: Annotated[Fact, *quantity(ge=0.1, le=10)] | None = Field(
        None, description="trailing cover below which owners are paid nothing", title="lock-up cover"
    )
    covenant_dscr: Annotated[Fact, *quantity(ge=0.1, le=10)] | None = Field(
        None, description="trailing cover below which the covenant is breached", title="covenant cover"
    )
    cures_most: int = Field(
        0, ge=0, le=40, description="breaches that the owners cure with cash that counts as the tested year's, in all"
    )
    cures_per_year: int | None = Field(
        None, ge=1, le=12, description="the most of them in twelve months; default: cures_most"
    )
