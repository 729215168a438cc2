"""The project's cash flow: one waterfall over its periods (months, quarters, half-years, years), all paths at once.

Order of payment in each period: operating cost and tax (inside CFADS), capital spending and fees, interest, principal
and arrears of principal, then distributions. Rules:

* Equity pays what is missing while the project is built (the first ``construction_months``), debt service then due
  included, up to ``committed_equity_usd``. Afterwards no equity comes in, unless ``owners_pay_all``.
* Service that cash cannot pay is carried: unpaid interest is added to the loan and unpaid principal stays in it, at
  the loan's rate, and every later month pays what brings the loan back to its schedule, as far as cash goes.
* Cash below zero is bills that are not paid; it is carried without interest and comes before debt service.
* Then come reserves, the cash sweep, the lock-up test and distributions (`LenderTerms`). Cash above the reserves,
  ``minimum_cash_usd`` and the tax accrued in the year so far is distributed, after construction and only while the loan
  is on schedule and the project is not locked up; in the last month all of it. Reserves are part of the closing cash.
* Interest that a scheduled payment does not cover is added to the loan, on schedule.
* A sweep prepays the last instalments first. A balloon is refinanced as far as last year's cash carries a new loan.
* Tax is on income as delivered, less depreciation and interest as it accrues; the upfront fee is deducted over the
  loan's life. What is left of the tax basis, and a prepayment that was never credited, count in the last month. The
  tax on the gain of the sale is taken off its proceeds, so that CFADS and debt cover are of operation alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError
from megawatt.finance.accounts import Inputs, Statements
from megawatt.finance.cover_tests import first_events
from megawatt.finance.covers import covers, refinancing_cover
from megawatt.finance.debt import LoanSchedule, loan_schedule
from megawatt.finance.facilities import Facility
from megawatt.finance.lender import period_rates
from megawatt.finance.measures import (
    CENT,
    level_annuity_usd_per_year,
    net_present_value_usd,
    payback_month,
    trailing_dscr,
)
from megawatt.finance.periods import Periods
from megawatt.finance.rates_of_return import irr
from megawatt.finance.records import (
    CashFlow,
    Measures,
    OperatingFlows,
    ProjectTerms,
    construction_months,
    equity_of_construction,
)
from megawatt.finance.tax import check_tax, instalments, tax_on_income
from megawatt.finance.totals import Totals, operation_start_month, taxable_income, totals
from megawatt.finance.waterfall import run_waterfall

__all__ = [
    "EQUITY_CONTINGENCY_FRAC",
    "commit_equity",
    "construction_months",
    "first_missed",
    "missed_period",
    "npv_before_debt_usd",
    "operation_start_month",
    "project",
    "statements",
    "value_usd_per_grid_mw_year",
]


EQUITY_CONTINGENCY_FRAC: Final = 0.1
"""Assumed; the catalogue's ``finance-practice.equity_contingency_frac`` gives range and reason."""


def project(
    terms: ProjectTerms,
    flows: OperatingFlows,
    *,
    grid_mw: float | None = None,
    schedule: LoanSchedule | None = None,
) -> CashFlow:
    """Statements by period, debt cover and returns of a project on every path. [USD]

    Parameters
    ----------
    terms : ProjectTerms
        Calendar, capital spending, residual values, loan, tax, discount rate.
    flows : OperatingFlows
        Revenue and operating cost by part, prepayments and credits; arrays (paths, periods) or (1, periods).
    grid_mw : float, optional
        Contracted capacity at the interconnection, for ``value_usd_per_grid_mw_year``; NaN without it.
    schedule : LoanSchedule, optional
        Loans of the paths' own, arrays (paths, periods), e.g. of `fit_loan`; None: the loan of the terms.

    Returns
    -------
    CashFlow
        Arrays (paths, periods) and measures (paths,). Project measures are before debt: their tax is that of the
        project without its loan. ``tax`` in the statements is the tax that is paid, interest deducted.

    Raises
    ------
    ScenarioError
        If shapes disagree, a value is not finite, or terms are out of range.
    """
    periods = terms.timing
    _check_terms(terms, periods, grid_mw)
    found = totals(terms, periods, flows)
    schedule = loan_schedule(terms.loan, periods) if schedule is None else schedule
    start = operation_start_month(terms, found.revenue)
    done, service, drawn, income = _statements(terms, periods, found, schedule, start)
    project_tax = tax_on_income(income, periods.settles, terms.tax, instalments(terms.tax, periods))
    measures = _measures(terms, periods, found, schedule, done, service.T, project_tax, start, grid_mw)
    return _cash_flow(terms, periods, flows, found, schedule, done, service.T, measures, drawn)


def missed_period(terms: ProjectTerms, flows: OperatingFlows) -> tuple[IntArray, FloatArray]:
    """First period with service owed and unpaid, (paths,), -1 if none, and what owners put in, (paths,) [USD]: the same
    as of `project`, without its measures.

    Raises
    ------
    ScenarioError
        As `project`.
    """
    done = statements(terms, flows)
    return first_missed(done), done.equity_in.sum(axis=0)


def statements(terms: ProjectTerms, flows: OperatingFlows, schedule: LoanSchedule | None = None) -> Statements:
    """What is paid in each period, (periods, paths), without the measures of `project`. [USD]

    Parameters
    ----------
    terms, flows, schedule
        As of `project`.

    Raises
    ------
    ScenarioError
        As `project`.
    """
    periods = terms.timing
    _check_terms(terms, periods, None)
    found = totals(terms, periods, flows)
    schedule = loan_schedule(terms.loan, periods) if schedule is None else schedule
    return _statements(terms, periods, found, schedule, operation_start_month(terms, found.revenue))[0]


def first_missed(done: Statements) -> IntArray:
    """First period with service owed and unpaid, a balloon apart, (paths,); -1 if none."""
    missed = done.arrears - done.balloon_unpaid > 0.0
    return np.where(missed.any(axis=0), missed.argmax(axis=0), -1).astype(np.int64)


def _statements(
    terms: ProjectTerms, periods: Periods, totals: Totals, schedule: LoanSchedule, start: int
) -> tuple[Statements, FloatArray, tuple[Facility, ...], FloatArray]:
    """Statements, service that cover counts, facilities, and taxable income before interest, (periods, paths)."""
    income, adjusted, disposal_income = taxable_income(terms, periods, totals, start)
    # cash that no factor reaches still pays rates that move
    paths = 1 if terms.money is None else terms.money.rate.shape[0]

    def wide(values: FloatArray) -> FloatArray:
        return np.broadcast_to(values, (*values.shape[:-1], max(values.shape[-1], paths)))

    inputs = Inputs(
        wide(totals.operating),
        wide(totals.opex),
        wide(income),
        wide(adjusted),
        wide(totals.residual),
        wide(disposal_income),
        totals.capex,
        construction_months(terms),
    )
    return *run_waterfall(terms, periods, inputs, schedule), income


def npv_before_debt_usd(terms: ProjectTerms, flows: OperatingFlows) -> FloatArray:
    """The measure ``npv_usd`` of `project` alone, (paths,): it is before debt, so that no statement is needed. [USD]

    Parameters
    ----------
    terms, flows
        As of `project`; loan and lender are not looked at.

    Raises
    ------
    ScenarioError
        As `project`.
    """
    return _before_debt(terms, flows, None)[0]


def value_usd_per_grid_mw_year(terms: ProjectTerms, flows: OperatingFlows, *, grid_mw: float) -> FloatArray:
    """The measure of that name of `project` alone, as `npv_before_debt_usd`, (paths,). [USD]"""
    npv, start = _before_debt(terms, flows, grid_mw)
    return _yearly_value(terms, terms.timing, npv, start, grid_mw)


def _before_debt(terms: ProjectTerms, flows: OperatingFlows, grid_mw: float | None) -> tuple[FloatArray, int]:
    """Value after tax and before debt (paths,), and the first month of operation."""
    periods = terms.timing
    _check_terms(terms, periods, grid_mw)
    found = totals(terms, periods, flows)
    start = operation_start_month(terms, found.revenue)
    income, _, _ = taxable_income(terms, periods, found, start)
    after_tax = found.before_tax - tax_on_income(income, periods.settles, terms.tax, instalments(terms.tax, periods)).T
    return net_present_value_usd(after_tax, terms.discount_rate, periods.years), start


def _yearly_value(terms: ProjectTerms, periods: Periods, npv_usd: FloatArray, start: int, grid_mw: float) -> FloatArray:
    return level_annuity_usd_per_year(npv_usd, terms.discount_rate, start, periods.years) / grid_mw


def commit_equity(
    terms: ProjectTerms, base: CashFlow, contingency_frac: float = EQUITY_CONTINGENCY_FRAC
) -> ProjectTerms:
    """Terms whose equity commitment is what construction took in the base case, plus a contingency.

    Use it before simulating: owners commit an amount, they do not follow every path. Without a contingency every
    second path would miss a payment at the end of construction for want of some thousand dollars.

    Parameters
    ----------
    base : CashFlow
        Result of the base case, one path.
    contingency_frac : float
        Extra commitment as a share of the base case's, >= 0.
    """
    if not contingency_frac >= 0.0:
        raise ScenarioError(f"equity contingency = {contingency_frac}, must be 0 or more (0.1 is 10 %)")
    return replace(terms, committed_equity_usd=float(equity_of_construction(base)[0].sum()) * (1.0 + contingency_frac))


def _check_terms(terms: ProjectTerms, periods: Periods, grid_mw: float | None) -> None:
    if terms.months != periods.count:
        raise ScenarioError(f"months = {terms.months}, must be the number of periods given, {periods.count}")
    if terms.tax is not None:
        check_tax(terms.tax, periods.count)
    if not terms.discount_rate > -1.0:
        raise ScenarioError(f"discount_rate = {terms.discount_rate} a year, must be above -1 (0.09 is 9 %)")
    if not (np.isfinite(terms.minimum_cash_usd) and terms.minimum_cash_usd >= 0.0):
        raise ScenarioError(f"minimum_cash_usd = {terms.minimum_cash_usd} USD, must be 0 or more")
    for name, length in (("receivable_days", terms.receivable_days), ("payable_days", terms.payable_days)):
        if not 0.0 <= length <= 365.0:
            raise ScenarioError(f"{name} = {length} days, must be between 0 and 365")
    if terms.committed_equity_usd is not None and not terms.committed_equity_usd >= 0.0:
        raise ScenarioError(
            f"committed_equity_usd = {terms.committed_equity_usd} USD, must be 0 or more (None: as construction needs)"
        )
    if grid_mw is not None and not (np.isfinite(grid_mw) and grid_mw > 0.0):
        raise ScenarioError(f"grid_mw = {grid_mw} MW, must be above 0 (contracted capacity at the interconnection)")
    _check_places(terms)


def _check_places(terms: ProjectTerms) -> None:
    """Check the periods and the spending."""
    for name, month in (
        ("operation_start_month", terms.operation_start_month),
        ("construction_months", terms.construction_months),
    ):
        if month is not None and not 0 <= month <= terms.months - (name == "operation_start_month"):
            raise ScenarioError(f"{name} = {month}, must lie in the project's {terms.months} months")
    for name, spending in terms.capex_cost.items():
        if spending.shape != (terms.months,) or not np.all(np.isfinite(spending) & (spending >= 0.0)):
            raise ScenarioError(
                f"capex_cost.{name}: shape {spending.shape}, must be ({terms.months},) with costs of 0 or more in USD"
            )


def _measures(
    terms: ProjectTerms,
    periods: Periods,
    totals: Totals,
    schedule: LoanSchedule,
    done: Statements,
    service: FloatArray,
    project_tax: FloatArray,
    start: int,
    grid_mw: float | None,
) -> Measures:
    before_tax = totals.before_tax
    after_tax = before_tax - project_tax.T
    npv = net_present_value_usd(after_tax, terms.discount_rate, periods.years)
    returned = (done.distributions - done.equity_in - done.owners_tax).T
    project_irr, equity_irr = irr(after_tax, periods.years), irr(returned, periods.years)
    nothing_in = done.equity_in.sum(axis=0) <= CENT
    notes = [
        f"{name} IRR: {result.note()}"
        for name, result in (("project", project_irr), ("equity", equity_irr))
        if result.note()
    ]
    if terms.loan is not None and nothing_in[0]:
        notes = [note for note in notes if not note.startswith("equity")] + ["equity IRR: owners put nothing in"]
    value = np.full(npv.shape, np.nan)
    if grid_mw is not None:
        value = _yearly_value(terms, periods, npv, start, grid_mw)
    cover_cash = done.cover_cash(slice(None)).T
    cover, average, life = covers(terms, periods, schedule, service, cover_cash)
    return Measures(
        npv_usd=npv,
        npv_pre_tax_usd=net_present_value_usd(before_tax, terms.discount_rate, periods.years),
        project_irr=project_irr.rate,
        equity_irr=np.where(nothing_in & (terms.loan is not None), np.nan, equity_irr.rate),
        min_dscr=cover,
        average_dscr=average,
        llcr=life,
        value_usd_per_grid_mw_year=value,
        payback_month=payback_month(after_tax),
        refinancing_cover=refinancing_cover(terms, periods, schedule, cover_cash),
        irr_note="; ".join(notes),
    )


def _cash_flow(
    terms: ProjectTerms,
    periods: Periods,
    flows: OperatingFlows,
    totals: Totals,
    schedule: LoanSchedule,
    done: Statements,
    service: FloatArray,
    measures: Measures,
    facilities: tuple[Facility, ...],
) -> CashFlow:
    shape = done.cfads.T.shape
    every = terms.loan.every if terms.loan else 1
    drawn = sum((facility.balance for facility in facilities), np.zeros(1))
    return CashFlow(
        terms=terms,
        flows=flows,
        revenue_total=totals.revenue.T,
        opex_total=totals.opex.T,
        tax=done.tax.T,
        tax_accrued=done.tax_accrued.T,
        cfads=done.cfads.T,
        capex_total=np.broadcast_to(totals.capex, shape),
        residual_total=done.residual.T,
        debt_draw=done.draw.T,
        interest_paid=done.interest_paid.T,
        principal_paid=done.principal_paid.T,
        fees=np.broadcast_to(schedule.fee, shape) + (done.charges.T if done.charges.any() else 0.0),
        debt_balance=done.debt_balance.T,
        equity_in=done.equity_in.T,
        distributions=done.distributions.T,
        closing_cash=done.closing_cash.T,
        arrears=done.arrears.T,
        service=service,
        dscr=trailing_dscr(done.cover_cash(slice(None)).T, service, periods.per_year, every),
        missed=first_missed(done),
        measures=measures,
        assumptions=terms.assumptions,
        reserve_balance=done.reserve.T,
        balloon_unpaid=done.balloon_unpaid.T,
        swept=done.swept.T,
        locked=done.locked.T,
        reserve_interest=done.reserve_interest.T if terms.lender and terms.lender.reserve_rate > 0.0 else None,
        state_tax=done.state_tax.T if terms.own_tax and terms.own_tax.state_rate > 0.0 else None,
        owners_tax=done.owners_tax.T if terms.owners_taxed else None,
        facilities=facilities,
        not_refinanced=done.not_refinanced.sum(axis=0) if terms.lender and terms.lender.refinancing else None,
        cures=done.cures.T if terms.lender and terms.lender.cures_most > 0 else None,
        working_capital=None if totals.working_capital is None else totals.working_capital.T,
        events=first_events(
            locked=done.locked,
            breached=done.breached,
            arrears=done.arrears,
            balloon=done.balloon_unpaid,
            cash_ahead=done.cfads + done.residual,
            cash=done.closing_cash,
            debt=done.debt_balance + drawn.T,
            rates=period_rates(terms, periods),
        ),
    )
