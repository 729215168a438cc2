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
from megawatt.finance.debt_terms import JuniorTerms, LenderTerms, LoanTerms, Refinancing
from megawatt.finance.facilities import Facility
from megawatt.finance.money_market import MoneyPaths
from megawatt.finance.periods import Periods, calendar_periods

__all__ = [
    "CashFlow",
    "Events",
    "JuniorTerms",
    "LenderTerms",
    "LoanTerms",
    "Measures",
    "OperatingFlows",
    "ProjectTerms",
    "Refinancing",
    "TaxTerms",
    "construction_months",
    "equity_of_construction",
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
    carried forward (26 U.S.C. 38(c)), all at once where losses are refunded; ``credit_basis_frac`` by class is the
    share of its cost that is not written off.
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
    missing in any period, so nothing is missed and no tax is set aside. ``money``: rates, spreads and shares by path
    (None: as in the base case). ``juniors``: money behind the loan, which
    `project` does not look at (`megawatt.finance.tranches.stack_below` does). ``owners_taxed``: the project is a
    partnership, so its owners pay the tax on its income or save it; cash and covers are before tax.
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
    juniors: tuple[JuniorTerms, ...] = ()
    money: MoneyPaths | None = None
    owners_taxed: bool = False

    @property
    def own_tax(self) -> TaxTerms | None:
        """Tax that the project itself pays."""
        return None if self.owners_taxed else self.tax

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
    - interest_paid - principal_paid - distributions + draws of ``facilities`` - what they are repaid, to the cent, in
    every period. ``fees`` include those of facilities and premiums on what is prepaid; ``cures`` is the part of
    ``equity_in`` that cures a covenant (None: there are no cures). ``cfads`` = revenue -
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
    arrears of service, -1 if none; ``balloon_unpaid`` is the part of ``arrears`` that is a balloon, or what facilities
    are owed once the loan's last payment has come: all that falls due at once then.
    ``reserve_balance`` is the part of ``closing_cash`` that is restricted, ``swept`` the part of
    ``principal_paid`` that prepays; ``locked`` marks months of lock-up; ``working_capital`` is receivables less
    payables at each month's end (None: all is paid at once). ``reserve_interest`` (None: reserves earn nothing) and the
    state's part of all tax, ``state_tax``, are for terms that have them; so is ``not_refinanced`` (paths,), the part of
    the balloon that no new lender takes, whether cash then repays it or not. ``owners_tax`` is what owners pay on the
    project's income, below 0 what they save (None: the project pays its own).
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
    facilities: tuple[Facility, ...] = ()
    cures: FloatArray | None = None
    not_refinanced: FloatArray | None = None
    owners_tax: FloatArray | None = None

    @property
    def owners_flow(self) -> FloatArray:
        """What owners get less what they put in and pay in tax, (paths, periods). [USD]"""
        flow = self.distributions - self.equity_in
        return flow if self.owners_tax is None else flow - self.owners_tax

    @property
    def cover_cash(self) -> FloatArray:
        """CFADS less the tax accrued instead of the tax paid, (paths, periods). [USD]"""
        return self.cfads + self.tax - self.tax_accrued


def construction_months(terms: ProjectTerms) -> int:
    """Months from the start in which equity may come in: as stated, else up to the last month with capex."""
    if terms.construction_months is not None:
        return terms.construction_months
    spent = np.flatnonzero(np.sum([np.asarray(c) for c in terms.capex_cost.values()], axis=0))
    return int(spent[-1]) + 1 if spent.size else 0


def equity_of_construction(cash: CashFlow) -> FloatArray:
    """What owners put in while the project is built, (paths, periods): no cures, no prepayments. [USD]"""
    if cash.terms.owners_pay_all:
        return cash.equity_in
    built = np.arange(cash.equity_in.shape[1]) < construction_months(cash.terms)
    return np.asarray(np.where(built, cash.equity_in, 0.0))
