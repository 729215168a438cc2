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

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.covers import covers, refinancing_cover
from megawatt.finance.debt import LoanSchedule, loan_schedule
from megawatt.finance.lender import first_events, period_rates
from megawatt.finance.measures import (
    level_annuity_usd_per_year,
    net_present_value_usd,
    payback_month,
    trailing_dscr,
)
from megawatt.finance.periods import Periods
from megawatt.finance.rates_of_return import irr
from megawatt.finance.records import CashFlow, Measures, OperatingFlows, ProjectTerms
from megawatt.finance.tax import check_tax, depreciation_by_class, instalments, tax_on_income
from megawatt.finance.waterfall import CENT, Inputs, Statements, run_waterfall

__all__ = [
    "EQUITY_CONTINGENCY_FRAC",
    "commit_equity",
    "construction_months",
    "operation_start_month",
    "project",
    "value_usd_per_grid_mw_year",
]


EQUITY_CONTINGENCY_FRAC: Final = 0.1
"""Assumed; the catalogue's ``finance-practice.equity_contingency_frac`` gives range and reason."""


@dataclass(frozen=True, slots=True)
class _Totals:
    """Sums over parts, money by period, (periods, paths); capex is the same on every path, (periods,)."""

    revenue: FloatArray
    opex: FloatArray
    prepayment: FloatArray
    credit: FloatArray
    residual: FloatArray
    capex: FloatArray
    working_capital: FloatArray | None

    @property
    def operating(self) -> FloatArray:
        """Cash of operation before tax: revenue - credit + prepayment - opex - growth of working capital."""
        cash = self.revenue - self.credit + self.prepayment - self.opex
        return cash if self.working_capital is None else cash - np.diff(self.working_capital, axis=0, prepend=0.0)

    @property
    def before_tax(self) -> FloatArray:
        """Cash of the project before tax and debt, (paths, periods)."""
        return (self.operating + self.residual - self.capex[:, None]).T


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
    totals = _totals(terms, periods, flows)
    schedule = loan_schedule(terms.loan, periods) if schedule is None else schedule
    start = operation_start_month(terms, totals.revenue)
    income, adjusted, disposal_income = _taxable_income(terms, periods, totals, start)
    inputs = Inputs(
        totals.operating,
        totals.opex,
        income,
        adjusted,
        totals.residual,
        disposal_income,
        totals.capex,
        construction_months(terms),
    )
    statements, service = run_waterfall(terms, periods, inputs, schedule)
    project_tax = tax_on_income(income, periods.settles, terms.tax, instalments(terms.tax, periods))
    measures = _measures(terms, periods, totals, schedule, statements, service.T, project_tax, start, grid_mw)
    return _cash_flow(terms, periods, flows, totals, schedule, statements, service.T, measures)


def value_usd_per_grid_mw_year(terms: ProjectTerms, flows: OperatingFlows, *, grid_mw: float) -> FloatArray:
    """The measure of that name of `project` alone, (paths,): it is before debt, so that no statement is needed. [USD]

    Parameters
    ----------
    terms, flows, grid_mw
        As of `project`; loan and lender are not looked at.

    Raises
    ------
    ScenarioError
        As `project`.
    """
    periods = terms.timing
    _check_terms(terms, periods, grid_mw)
    totals = _totals(terms, periods, flows)
    start = operation_start_month(terms, totals.revenue)
    income, _, _ = _taxable_income(terms, periods, totals, start)
    after_tax = totals.before_tax - tax_on_income(income, periods.settles, terms.tax, instalments(terms.tax, periods)).T
    npv = net_present_value_usd(after_tax, terms.discount_rate, periods.years)
    return _yearly_value(terms, periods, npv, start, grid_mw)


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
    return replace(terms, committed_equity_usd=float(base.equity_in[0].sum()) * (1.0 + contingency_frac))


def construction_months(terms: ProjectTerms) -> int:
    """Months from the start in which equity may come in: as stated, else up to the last month with capex."""
    if terms.construction_months is not None:
        return terms.construction_months
    spent = np.flatnonzero(np.sum([np.asarray(c) for c in terms.capex_cost.values()], axis=0))
    return int(spent[-1]) + 1 if spent.size else 0


def operation_start_month(terms: ProjectTerms, revenue: FloatArray | None = None) -> int:
    """First month of operation: as stated, else the first with revenue (months, paths) on any path, else 0.

    State it in the terms when paths are simulated in blocks, so that every block sees the same month.
    """
    if terms.operation_start_month is not None:
        return terms.operation_start_month
    earning = np.flatnonzero((revenue > 0.0).any(axis=1)) if revenue is not None else np.array([], dtype=np.int64)
    return int(earning[0]) if earning.size else 0


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


def _totals(terms: ProjectTerms, periods: Periods, flows: OperatingFlows) -> _Totals:
    named = {
        **{f"revenue.{name}": part for name, part in flows.revenue.items()},
        **{f"opex_cost.{name}": part for name, part in flows.opex_cost.items()},
        "prepayment": flows.prepayment,
        "prepayment_credit": flows.prepayment_credit,
        **{f"residual.{name}": part for name, part in terms.residual.items()},
    }
    paths = max(part.shape[0] for part in named.values())
    for name, part in named.items():
        if part.ndim != 2 or part.shape[1] != terms.months or part.shape[0] not in (1, paths):
            raise ScenarioError(f"{name}: shape {part.shape}, must be (paths, months) = ({paths} or 1, {terms.months})")
        if not np.all(np.isfinite(part)):
            raise ScenarioError(f"{name}: holds a value that is not finite; check the factors and prices it is made of")
    capex = np.zeros(terms.months)
    for spending in terms.capex_cost.values():
        capex += spending
    shape = (terms.months, paths)
    revenue, opex = _sum(flows.revenue, shape), _sum(flows.opex_cost, shape)
    credit = _sum({"": flows.prepayment_credit}, shape)
    return _Totals(
        revenue=revenue,
        opex=opex,
        prepayment=_sum({"": flows.prepayment}, shape),
        credit=credit,
        residual=_sum(terms.residual, shape),
        capex=capex,
        working_capital=_working_capital(terms, periods, revenue - credit, opex),
    )


def _working_capital(
    terms: ProjectTerms, periods: Periods, invoiced: FloatArray, opex: FloatArray
) -> FloatArray | None:
    """Receivables less payables at period ends, (periods, paths): the days' share of the period's invoices and bills.

    More days than the period has hold more than its amount; the last period settles everything.
    """
    if terms.receivable_days == 0.0 and terms.payable_days == 0.0:
        return None
    days = periods.hours[:, None] / 24.0
    balance = (invoiced * terms.receivable_days - opex * terms.payable_days) / np.maximum(days, 1.0)
    balance[-1] = 0.0
    return np.asarray(balance, dtype=np.float64)


def _sum(parts: Mapping[str, FloatArray], shape: tuple[int, int]) -> FloatArray:
    """Sum of (paths or 1, months) parts as (months, paths): months first, so that a month is contiguous."""
    total = np.zeros(shape)
    for part in parts.values():
        total += part.T
    return total


def _taxable_income(
    terms: ProjectTerms, periods: Periods, totals: _Totals, start: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Income before interest and before depreciation too, (periods, paths), and the disposal in the last, (paths,).

    Revenue counts as delivered, whoever paid it when.
    """
    if terms.tax is None:
        return np.zeros_like(totals.revenue), np.zeros_like(totals.revenue), np.zeros(totals.revenue.shape[1])
    adjusted = totals.revenue - totals.opex
    basis_left = 0.0
    written_off = terms.tax.deductions_usd
    if written_off is None:
        written_off = np.zeros(periods.count)
        for part in depreciation_by_class(terms.capex_cost, terms.tax, start, periods).values():
            written_off += part
        kept = {name: 1.0 - share for name, share in terms.tax.credit_basis_frac.items()}
        basis = sum(float(spent.sum()) * kept.get(name, 1.0) for name, spent in terms.capex_cost.items())
        basis_left = basis - float(written_off.sum())
    uncredited = totals.prepayment.sum(axis=0) - totals.credit.sum(axis=0)
    disposal = totals.residual.sum(axis=0) - basis_left + uncredited
    adjusted[-1] += disposal
    return adjusted - written_off[:, None], adjusted, disposal


def _measures(
    terms: ProjectTerms,
    periods: Periods,
    totals: _Totals,
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
    returned = (done.distributions - done.equity_in).T
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
    totals: _Totals,
    schedule: LoanSchedule,
    done: Statements,
    service: FloatArray,
    measures: Measures,
) -> CashFlow:
    missed = done.arrears - done.balloon_unpaid > 0.0
    shape = done.cfads.T.shape
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
        fees=np.broadcast_to(schedule.fee, shape),
        debt_balance=done.debt_balance.T,
        equity_in=done.equity_in.T,
        distributions=done.distributions.T,
        closing_cash=done.closing_cash.T,
        arrears=done.arrears.T,
        service=service,
        dscr=trailing_dscr(done.cover_cash(slice(None)).T, service, periods.per_year),
        missed=np.where(missed.any(axis=0), missed.argmax(axis=0), -1).astype(np.int64),
        measures=measures,
        assumptions=terms.assumptions,
        reserve_balance=done.reserve.T,
        balloon_unpaid=done.balloon_unpaid.T,
        swept=done.swept.T,
        locked=done.locked.T,
        reserve_interest=done.reserve_interest.T if terms.lender and terms.lender.reserve_rate > 0.0 else None,
        state_tax=done.state_tax.T if terms.tax and terms.tax.state_rate > 0.0 else None,
        working_capital=None if totals.working_capital is None else totals.working_capital.T,
        events=first_events(
            locked=done.locked,
            breached=done.breached,
            arrears=done.arrears,
            balloon=done.balloon_unpaid,
            cash_ahead=done.cfads + done.residual,
            cash=done.closing_cash,
            debt=done.debt_balance,
            rates=period_rates(terms, periods),
        ),
    )
