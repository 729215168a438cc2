"""What the finance room takes and hands on. Money in is positive; fields named ``cost`` are positive costs.

Arrays have shape (paths, periods); one case is one path. All dollars nominal, flows at period end. A period is a
calendar month unless the terms bring other `Periods`; names that say month then count periods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import Assumption
from megawatt.finance.periods import Periods, calendar_periods
from megawatt.finance.repayment import Window

__all__ = [
    "CashFlow",
    "Events",
    "LenderTerms",
    "LoanTerms",
    "Measures",
    "OperatingFlows",
    "ProjectTerms",
    "Refinancing",
    "TaxTerms",
]


@dataclass(frozen=True, slots=True)
class OperatingFlows:
    """Cash that the site earns and spends before capital and finance.

    ``revenue`` and ``opex_cost`` by part, each (paths, months), on an as-delivered basis; customer
    ``prepayment`` is cash
    received ahead of delivery (liability), ``prepayment_credit`` the part of later revenue that it has already paid.
    """

    revenue: Mapping[str, FloatArray]
    opex_cost: Mapping[str, FloatArray]
    prepayment: FloatArray
    prepayment_credit: FloatArray


@dataclass(frozen=True, slots=True)
class LoanTerms:
    """A term loan, drawn once during construction or in parts.

    Attributes
    ----------
    principal_usd : float
        Amount drawn, all draws together (capitalised interest comes on top where ``capitalise_interest``).
    rate : float
        Annual nominal rate; interest is rate x year fraction (a month: 1/12, 30/360) on the opening balance.
    draw_month, first_payment_month, last_payment_month : int
        Indices of the project's periods.
    shape : str
        ``level`` (equal payments), ``equal-principal``, ``sculpted`` (payments follow ``service_weights``) or
        ``bullet``.
    upfront_fee_frac, closing_cost_usd : float
        Fee on the principal and fixed cost, paid in ``draw_month``.
    commitment_fee : float
        Annual rate on what is not drawn yet, paid until the period before the first payment.
    deduct_fees : bool
        Fees are deducted for tax evenly from the draw to the last payment.
    interest_only : int
        Payments at the start that repay nothing (``level``, ``equal-principal``).
    service_weights : (months,), optional
        For ``sculpted``: interest plus principal of each payment is in proportion to these, >= 0; usually the base
        case's
        cash before debt, so that cover is even over the loan's life.
    draws : (months,), optional
        Delayed draws; they sum to ``principal_usd``. None: all of it in ``draw_month``.
    clock_months : int, optional
        Each draw is repaid on a clock of its own: its last payment falls this many months after it, its first
        ``first_payment_month`` - ``draw_month`` months after it. ``last_payment_month`` is then the last draw's.
    balloon_frac : float
        Share of what is owed at the first payment that is left for the last payment on top of it (not for ``bullet``).
    rate_by_period : (months,), optional
        Annual rate of each period, for a loan that floats; ``rate`` is then not used.
    """

    principal_usd: float
    rate: float
    draw_month: int
    first_payment_month: int
    last_payment_month: int
    shape: str = "level"
    upfront_fee_frac: float = 0.0
    capitalise_interest: bool = True
    service_weights: FloatArray | None = None
    draws: FloatArray | None = None
    clock_months: int | None = None
    balloon_frac: float = 0.0
    interest_only: int = 0
    commitment_fee: float = 0.0
    closing_cost_usd: float = 0.0
    deduct_fees: bool = True
    rate_by_period: FloatArray | None = None

    def period_rates(self, periods: Periods) -> FloatArray:
        """Interest of each period on its opening balance, year fraction included, (periods,)."""
        annual = self.rate if self.rate_by_period is None else self.rate_by_period
        return np.asarray(annual * periods.fractions, dtype=np.float64)

    @property
    def left_for_last(self) -> float:
        """Share of what is owed at the first payment that the last one repays at once."""
        return 1.0 if self.shape == "bullet" else self.balloon_frac

    @property
    def window(self) -> Window:
        """Periods with service."""
        return Window(self.first_payment_month, self.last_payment_month, self.interest_only)


@dataclass(frozen=True, slots=True)
class Refinancing:
    """A new level loan that repays what the old one leaves at its last payment.

    Attributes
    ----------
    rate : float
        Annual nominal rate of the new loan.
    payments : int
        Payments of the new loan, from the period after on.
    minimum_dscr : float
        The new lender lends at most what the last twelve months' CFADS carries at this cover; the rest is due in cash.
    """

    rate: float
    payments: int
    minimum_dscr: float


@dataclass(frozen=True, slots=True)
class LenderTerms:
    """What lenders ask for beside payment on time.

    Attributes
    ----------
    reserve_months : float
        Months of debt service ahead that are kept (DSRA); filled from cash before owners are paid, used before a
        payment is missed, released with the debt.
    opex_reserve_months : float
        Months of running cost ahead that are kept beside, from the end of construction on.
    reserve_rate : float
        Interest on all reserves, annual rate on the balance at the end of the period before; taxed, not in CFADS.
    reserve_at_close : bool
        Owners fill the reserves in the last period of construction.
    interest_reserve : bool
        Interest that falls due in cash before the first payment is put aside at the draw and paid from there.
    other_reserve_usd : (months,), optional
        Further restricted cash, e.g. for replacing chips, filled after the debt service reserve.
    sweep_frac : float
        Share of the cash that owners would get that prepays the loan, the last instalments first.
    lockup_dscr : float, optional
        Below this trailing-twelve-month cover nothing is distributed.
    lockup_release_tests : int
        Clean tests in a row after which distributions resume.
    covenant_dscr : float, optional
        Below this cover the covenant is breached.
    test_every_months : int
        Months between tests, counted from the first payment; the first test needs twelve months of service.
    proceeds_usd : (paths, months), optional
        Termination and insurance payments. They are in the cash of operation; after arrears and reserves they are held
        for service and bills until ``proceeds_until``, meanwhile owners get nothing; the rest prepays the loan.
    proceeds_until : (paths,) of int, optional
        Last period that they are held for: when the halls are let again. None: all of it prepays at once.
    prepayment_order : {'pro-rata', 'inverse'}
        They lower every later instalment in proportion, or take the last ones away.
    refinancing : Refinancing, optional
        How the balloon is refinanced; None: it is due in cash.
    """

    reserve_months: float = 0.0
    reserve_at_close: bool = False
    interest_reserve: bool = False
    other_reserve_usd: FloatArray | None = None
    sweep_frac: float = 0.0
    lockup_dscr: float | None = None
    lockup_release_tests: int = 1
    covenant_dscr: float | None = None
    test_every_months: int = 3
    refinancing: Refinancing | None = None
    proceeds_usd: FloatArray | None = None
    proceeds_until: NDArray[np.int64] | None = None
    prepayment_order: Literal["pro-rata", "inverse"] = "pro-rata"
    opex_reserve_months: float = 0.0
    reserve_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class TaxTerms:
    """Income tax: rates, depreciation by asset class, losses carried forward.

    ``loss_offset_limit_frac`` is the share of a year's taxable income that old losses may offset (0.8 in US federal
    law after 2017). Tax is settled in December (or the last month). ``life_years`` is the straight-line life by class;
    ``tables`` names a class's table instead (``macrs-5``, ``sl-39``) and ``bonus_frac`` the share of a class that is
    deducted in its first year. ``state_rate`` is on the same income and deducted from federal income.
    ``deductions_usd`` (periods,) replaces depreciation by class altogether (what it leaves of the cost is never written
    off), ``state_deductions_usd`` the state's where it differs. ``losses``: carried forward, or refunded in the same
    year because the owner has other income. ``paid``: once a year, or in instalments as the year's tax accrues
    (26 U.S.C. 6655: April, June, September, December). ``interest_limit_frac`` limits a year's interest to this share
    of
    income before interest, depreciation and old losses (26 U.S.C. 163(j): 0.3); the rest is carried forward.
    ``credits_usd``
    (periods,) are credits against federal tax as they are earned, at most three quarters of a year's tax, the rest
    carried forward (26 U.S.C. 38(c)); ``credit_basis_frac`` by class is the share of its cost that is not written off.
    """

    rate: float
    life_years: Mapping[str, float]
    loss_offset_limit_frac: float = 0.8
    state_rate: float = 0.0
    tables: Mapping[str, str] = field(default_factory=dict)
    bonus_frac: Mapping[str, float] = field(default_factory=dict)
    losses: Literal["carry-forward", "refund"] = "carry-forward"
    deductions_usd: FloatArray | None = None
    state_deductions_usd: FloatArray | None = None
    paid: Literal["annual", "quarterly"] = "annual"
    interest_limit_frac: float | None = None
    credits_usd: FloatArray | None = None
    credit_basis_frac: Mapping[str, float] = field(default_factory=dict)

    @property
    def combined_rate(self) -> float:
        """Federal and state rate together on the same income: s + f (1 - s)."""
        return self.state_rate + self.rate * (1.0 - self.state_rate)


@dataclass(frozen=True, slots=True)
class ProjectTerms:
    """The capital side of a project on its periods.

    ``capex_cost`` by asset class, each (months,); ``residual`` by asset class (paths, months) or (1, months),
    cash from sale or
    book of remaining worth in the last month. ``start_year``/``start_month``: calendar of month index 0 (month 1-12).
    ``discount_rate`` is annual effective. ``operation_start_month``: first month with revenue (None: found from the
    flows; state it when paths are simulated in blocks). ``construction_months``: months from the start in which equity
    may come in (None: up to the last month with capex). ``receivable_days``: days from delivery to the tenant's
    payment, on revenue less credited prepayments; ``payable_days``: days that bills of running cost stay unpaid. Both
    are settled in the last month. ``periods``: a timing other than ``months`` calendar months from the start on
    (quarters, half-years, years, dates; ``months`` is then their number). ``owners_pay_all``: owners put in whatever is
    missing in any period, so nothing is missed and no tax is set aside.
    """

    start_year: int
    start_month: int
    months: int
    capex_cost: Mapping[str, FloatArray]
    residual: Mapping[str, FloatArray]
    loan: LoanTerms | None
    tax: TaxTerms | None
    discount_rate: float
    minimum_cash_usd: float = 0.0
    committed_equity_usd: float | None = None
    assumptions: tuple[Assumption, ...] = ()
    operation_start_month: int | None = None
    construction_months: int | None = None
    lender: LenderTerms | None = None
    receivable_days: float = 0.0
    payable_days: float = 0.0
    periods: Periods | None = None
    owners_pay_all: bool = False

    @property
    def timing(self) -> Periods:
        """The project's periods: as given, else calendar months."""
        return self.periods or calendar_periods(self.start_year, self.start_month, self.months)


@dataclass(frozen=True, slots=True)
class Measures:
    """Measures per path, shape (paths,); NaN where undefined (``irr_note`` says why for the first path).

    ``refinancing_cover``: worth, at the loan's rate and at its last payment, of cover cash after it, over the balloon
    that falls due with it: below 1 no lender can be repaid out of the project. NaN without a balloon.
    """

    npv_usd: FloatArray
    npv_pre_tax_usd: FloatArray
    project_irr: FloatArray
    equity_irr: FloatArray
    min_dscr: FloatArray
    average_dscr: FloatArray
    llcr: FloatArray
    value_usd_per_grid_mw_year: FloatArray
    payback_month: FloatArray
    refinancing_cover: FloatArray
    irr_note: str = ""


@dataclass(frozen=True, slots=True)
class Events:
    """First month of each event, (paths,), -1 if it never comes: four things that lenders tell apart.

    ``lockup``: distributions stopped. ``breach``: cover below the covenant. ``payment_default``: service owed and not
    paid after all cash and reserves; ``balloon_default``: a balloon that neither cash nor a new lender repays (no
    missed payment: it has a probability of its own). ``insolvency``: the rest of the project's cash, at the loan's
    rate, and the cash in hand are worth less than the debt.
    """

    lockup: NDArray[np.int64]
    breach: NDArray[np.int64]
    payment_default: NDArray[np.int64]
    balloon_default: NDArray[np.int64]
    insolvency: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CashFlow:
    """Statements by period, arrays (paths, periods), and the cash identity that ties them.

    closing_cash = opening_cash + cfads + equity_in + debt_draw + residual_total + reserve_interest - capex_total - fees
    - interest_paid - principal_paid - distributions, to the cent, in every period. ``cfads`` = revenue -
    prepayment_credit + prepayment - opex - growth of ``working_capital`` - tax; ``residual_total`` is the sale's
    proceeds less the tax on its gain. ``arrears`` is what
    the lender is owed and has not been paid at the end of the period (interest, instalments, earlier arrears), after
    all cash and reserves: a default is this state, so a loan that is ahead of its schedule is never in one.
    ``tax_accrued`` is
    the tax on operation of each period as the year goes on, whenever it is paid; ``cover_cash``, CFADS with that tax
    instead of the tax paid, is what every ratio counts. ``service`` is what the lender's ratios count: interest and
    instalments
    due, balloons left out, (periods,) or (paths, periods). ``dscr`` (trailing twelve months) is NaN where no service is
    due. ``missed`` (paths,) is the first month with
    arrears of service, -1 if none; ``balloon_unpaid`` is the part of ``arrears`` that is a balloon.
    ``reserve_balance`` is the part of ``closing_cash`` that is restricted, ``swept`` the part of
    ``principal_paid`` that prepays; ``locked`` marks months of lock-up; ``working_capital`` is receivables less
    payables at each month's end (None: all is paid at once). ``reserve_interest`` (None: reserves earn nothing) and the
    state's part of all tax, ``state_tax``, are for terms that have them.
    """

    terms: ProjectTerms
    flows: OperatingFlows
    revenue_total: FloatArray
    opex_total: FloatArray
    tax: FloatArray
    tax_accrued: FloatArray
    cfads: FloatArray
    capex_total: FloatArray
    residual_total: FloatArray
    debt_draw: FloatArray
    interest_paid: FloatArray
    principal_paid: FloatArray
    fees: FloatArray
    debt_balance: FloatArray
    equity_in: FloatArray
    distributions: FloatArray
    closing_cash: FloatArray
    arrears: FloatArray
    service: FloatArray
    dscr: FloatArray
    missed: NDArray[np.int64]
    measures: Measures
    assumptions: tuple[Assumption, ...] = ()
    reserve_balance: FloatArray | None = None
    balloon_unpaid: FloatArray | None = None
    swept: FloatArray | None = None
    events: Events | None = None
    locked: NDArray[np.bool_] | None = None
    working_capital: FloatArray | None = None
    reserve_interest: FloatArray | None = None
    state_tax: FloatArray | None = None

    @property
    def cover_cash(self) -> FloatArray:
        """CFADS less the tax accrued instead of the tax paid, (paths, periods). [USD]"""
        return self.cfads + self.tax - self.tax_accrued
