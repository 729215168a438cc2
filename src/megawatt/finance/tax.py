"""Income tax: depreciation by class, federal and state tax of a year, losses carried forward or refunded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.depreciation import table_of
from megawatt.finance.periods import Periods
from megawatt.finance.records import TaxTerms

__all__ = [
    "Carried",
    "YearIncome",
    "YearTax",
    "accrued_tax",
    "after_losses",
    "check_tax",
    "credits_so_far",
    "depreciation_by_class",
    "depreciation_usd",
    "instalments",
    "nothing_carried",
    "state_gap_usd",
    "tax_on_income",
    "year_tax",
]


def depreciation_usd(capex_cost: FloatArray, life_years: float, first: int, per_year: int = 12) -> FloatArray:
    """Straight-line depreciation of spending by period, (periods,). [USD a period]

    Spending of a period is written off from the period after, but not before ``first`` (when the asset is placed in
    service), over its life; what the end of the project cuts off stays as basis.

    Parameters
    ----------
    capex_cost : array, (periods,)
        Spending by period, >= 0.
    life_years : float
        Tax life, > 0.
    first : int
        First period of operation.
    per_year : int
        Periods in a year.
    """
    life = max(round(per_year * life_years), 1)
    out = np.zeros(capex_cost.size)
    for spent in np.flatnonzero(capex_cost):
        start = max(int(spent) + 1, first)
        out[start : start + life] += capex_cost[spent] / life
    return out


def depreciation_by_class(
    capex_cost: Mapping[str, FloatArray], tax: TaxTerms, first: int, periods: Periods
) -> dict[str, FloatArray]:
    """Depreciation of each asset class, (periods,) each. [USD a period]

    A class with a table is written off by tax (calendar) years from the year in which it is placed in service, each
    year's amount in equal parts over that year's periods in service; its bonus share goes with the first year.

    Parameters
    ----------
    capex_cost : mapping
        Spending by class, (periods,).
    tax : TaxTerms
        Lives, tables, bonus shares.
    first : int
        First period of operation.
    periods : Periods
        Tax years of the project.

    Raises
    ------
    ScenarioError
        If a class has neither table nor life, or a life is not positive.
    """
    out: dict[str, FloatArray] = {}
    for name, spending in capex_cost.items():
        bonus = tax.bonus_frac.get(name, 0.0)
        spending = spending * (1.0 - tax.credit_basis_frac.get(name, 0.0))
        if not 0.0 <= bonus <= 1.0:
            raise ScenarioError(f"tax.bonus_frac.{name} = {bonus}, must be between 0 and 1")
        if name in tax.tables or bonus > 0.0:
            table = table_of(tax.tables[name]) if name in tax.tables else _straight_table(tax, name)
            out[name] = _by_tax_year(spending, (bonus, table), first, periods)
        else:
            out[name] = depreciation_usd(spending, _life(tax, name), first, periods.per_year)
    return out


def _life(tax: TaxTerms, name: str) -> float:
    life = tax.life_years.get(name)
    if life is None or not life > 0.0:
        raise ScenarioError(
            f"tax.life_years.{name} = {life}, must be a number of years above 0 (every class of capex needs one; "
            f"given: {', '.join(tax.life_years) or 'none'})"
        )
    return life


def _straight_table(tax: TaxTerms, name: str) -> tuple[float, ...]:
    return table_of(f"sl-{max(round(_life(tax, name)), 1)}")


def _by_tax_year(
    capex_cost: FloatArray, plan: tuple[float, tuple[float, ...]], first: int, periods: Periods
) -> FloatArray:
    """Write-off by tax years after spending is placed in service, (periods,)."""
    bonus, table = plan
    out = np.zeros(periods.count)
    for spent in np.flatnonzero(capex_cost):
        begin = max(int(spent) + 1, first)
        for number, share in enumerate(table):
            if begin >= periods.count:
                break
            amount = capex_cost[spent] * ((1.0 - bonus) * share + (bonus if number == 0 else 0.0))
            year_end = begin + int(periods.year_left[begin])
            out[begin:year_end] += amount / (year_end - begin)
            begin = year_end
    return out


def check_tax(tax: TaxTerms, count: int) -> None:
    """Check rates, limit and deductions of tax terms on so many periods.

    Raises
    ------
    ScenarioError
        If a share is out of range, or deductions do not fit the periods.
    """
    for name, rate in (("tax.rate", tax.rate), ("tax.state_rate", tax.state_rate)):
        if not 0.0 <= rate < 1.0:
            raise ScenarioError(f"{name} = {rate}, must be 0 or more and below 1 (0.21 is 21 %)")
    if not 0.0 <= tax.loss_offset_limit_frac <= 1.0:
        raise ScenarioError(f"tax.loss_offset_limit_frac = {tax.loss_offset_limit_frac}, must be between 0 and 1")
    if tax.losses not in ("refund", "carry-forward"):
        raise ScenarioError(f"tax.losses = {tax.losses!r}, must be 'refund' or 'carry-forward'")
    if tax.paid not in ("annual", "quarterly"):
        raise ScenarioError(f"tax.paid = {tax.paid!r}, must be 'annual' or 'quarterly'")
    limit = tax.interest_limit_frac
    if limit is not None and not 0.0 <= limit <= 1.0:
        raise ScenarioError(f"tax.interest_limit_frac = {limit}, must be between 0 and 1 (None: no limit)")
    for name in ("deductions_usd", "state_deductions_usd", "credits_usd"):
        given = getattr(tax, name)
        if given is not None and (given.shape != (count,) or not np.all(np.isfinite(given))):
            raise ScenarioError(f"tax.{name}: shape {given.shape}, must be ({count},), one amount a period")
    if tax.state_deductions_usd is not None and tax.deductions_usd is None:
        raise ScenarioError("tax.state_deductions_usd: needs tax.deductions_usd beside it")


def after_losses(income: FloatArray, losses: FloatArray, offset_limit_frac: float) -> tuple[FloatArray, FloatArray]:
    """Income of a year after old losses and the losses carried into the next, both (paths,). [USD]

    A profit is reduced by old losses, at most by ``offset_limit_frac`` of it; a loss is added to them and never
    refunded.

    Parameters
    ----------
    income : array, (paths,)
        Taxable income of the year before old losses.
    losses : array, (paths,)
        Losses carried in, >= 0.

    Notes
    -----
    Source: 26 U.S.C. 172(a)(2) (80 % limit for losses of years after 2017).
    """
    profit = np.maximum(income, 0.0)
    used = np.minimum(losses, offset_limit_frac * profit)
    return profit - used, losses - used + np.maximum(-income, 0.0)


@dataclass(frozen=True, slots=True)
class Carried:
    """What a tax year hands on to the next, all (paths,), >= 0: losses, disallowed interest, unused credits. [USD]"""

    losses: FloatArray
    state_losses: FloatArray
    interest: FloatArray
    credits: FloatArray


def nothing_carried(paths: int) -> Carried:
    """The start of a project."""
    zero = np.zeros(paths)
    return Carried(zero, zero, zero, zero)


@dataclass(frozen=True, slots=True)
class YearIncome:
    """A tax year, or the part of it so far, all (paths,). [USD]

    ``income`` is before interest, state tax and old losses; ``interest`` what accrued, less interest earned;
    ``adjusted``
    the income before depreciation, which the limit on interest counts.
    """

    income: FloatArray
    interest: FloatArray
    adjusted: FloatArray

    def plus(self, income: FloatArray, interest: FloatArray, adjusted: FloatArray) -> YearIncome:
        """The same with more."""
        return YearIncome(self.income + income, self.interest + interest, self.adjusted + adjusted)


@dataclass(frozen=True, slots=True)
class YearTax:
    """Federal and state tax of a year and its state part, (paths,), and what is carried on. [USD]"""

    total: FloatArray
    state: FloatArray
    carried: Carried


def year_tax(
    tax: TaxTerms, year: YearIncome, carried: Carried, *, state_gap: float = 0.0, credit: float = 0.0
) -> YearTax:
    """Tax of a year.

    State tax is deducted from federal income; the limit on old losses is on income before it. Interest above its limit
    is carried forward, before losses.

    Parameters
    ----------
    year : YearIncome
        The year before interest, state tax and old losses.
    carried : Carried
        What the years before have left; state losses are the same where both have the same deductions.
    state_gap : float
        Federal less state deductions of the year.
    credit : float
        Credits earned in the year.
    """
    allowed, kept_interest = _interest(tax, year, carried.interest)
    income = year.income - allowed
    if tax.losses == "refund":
        state = tax.state_rate * (income + state_gap)
        earned = credit if tax.credits_usd is not None else 0.0
        return YearTax(state + tax.rate * (income - state) - earned, state, replace(carried, interest=kept_interest))
    taxable, kept = after_losses(income, carried.losses, tax.loss_offset_limit_frac)
    state_kept = kept
    if tax.state_deductions_usd is None:
        state, total = tax.state_rate * taxable, tax.combined_rate * taxable
    else:
        state_taxable, state_kept = after_losses(income + state_gap, carried.state_losses, tax.loss_offset_limit_frac)
        state = tax.state_rate * state_taxable
        total = tax.rate * np.maximum(taxable - state, 0.0) + state
        kept = kept + np.maximum(state - taxable, 0.0)
    credits = carried.credits
    if tax.credits_usd is not None:
        used = np.minimum(credits + credit, _MOST_CREDITED * (total - state))
        total, credits = total - used, credits + credit - used
    return YearTax(total, state, Carried(kept, state_kept, kept_interest, credits))


_MOST_CREDITED: Final = 0.75
"""Share of a year's federal tax that credits may pay, 26 U.S.C. 38(c)(1), small amounts left out."""


def _interest(tax: TaxTerms, year: YearIncome, before: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Interest that a year may deduct, and what is carried on."""
    if tax.interest_limit_frac is None:
        return year.interest, before
    asked = year.interest + before
    allowed = np.minimum(asked, tax.interest_limit_frac * np.maximum(year.adjusted, 0.0))
    return allowed, np.maximum(asked - allowed, 0.0)


def state_gap_usd(tax: TaxTerms | None, settles: NDArray[np.bool_]) -> FloatArray:
    """Federal less state deductions of the tax year so far, (periods,). [USD]"""
    if tax is None or tax.deductions_usd is None or tax.state_deductions_usd is None:
        return np.zeros(settles.size)
    return _year_to_date(tax.deductions_usd - tax.state_deductions_usd, settles)


def _year_to_date(amounts: FloatArray | None, settles: NDArray[np.bool_]) -> FloatArray:
    """Sum of amounts from the start of each tax year, (periods,); zeros for none."""
    out, start = np.zeros(settles.size), 0
    if amounts is None:
        return out
    for end in np.flatnonzero(settles) + 1:
        out[start:end] = np.cumsum(amounts[start:end])
        start = int(end)
    return out


def instalments(tax: TaxTerms | None, periods: Periods) -> NDArray[np.bool_]:
    """Periods in which an instalment of the year's tax is paid, (periods,); none where tax is paid once a year."""
    return periods.instalments if tax is not None and tax.paid == "quarterly" else np.zeros(periods.count, np.bool_)


def credits_so_far(tax: TaxTerms | None, settles: NDArray[np.bool_]) -> FloatArray:
    """Credits earned in the tax year so far, (periods,). [USD]"""
    return _year_to_date(tax.credits_usd if tax else None, settles)


def accrued_tax(
    income: FloatArray, adjusted: FloatArray, interest: FloatArray, settles: NDArray[np.bool_], tax: TaxTerms
) -> FloatArray:
    """Tax of each period as its year goes on, (periods, paths). [USD]

    Parameters
    ----------
    income, adjusted, interest : array, (periods, paths)
        Income before interest, the same before depreciation, and interest as it accrues, by period.
    """
    out, none = np.zeros_like(income), np.zeros(income.shape[1])
    carried, gap, credit = nothing_carried(income.shape[1]), state_gap_usd(tax, settles), credits_so_far(tax, settles)
    year, before = YearIncome(none, none, none), none
    for m in range(settles.size):
        year = year.plus(income[m], interest[m], adjusted[m])
        so_far = year_tax(tax, year, carried, state_gap=float(gap[m]), credit=float(credit[m]))
        out[m] = so_far.total - before
        before = so_far.total
        if settles[m]:
            year, before, carried = YearIncome(none, none, none), none, so_far.carried
    return out


def tax_on_income(
    income: FloatArray, settles: NDArray[np.bool_], tax: TaxTerms | None, pays: NDArray[np.bool_] | None = None
) -> FloatArray:
    """Tax of a stream of taxable income without interest, as it is paid, (periods, paths). [USD]

    Parameters
    ----------
    income : array, (periods, paths)
        Taxable income by period.
    settles : array of bool, (periods,)
        Periods in which the year so far is settled (the last of each tax year and the last of all).
    pays : array of bool, (periods,), optional
        Periods with an instalment: the tax on the year so far, less what was paid.
    """
    paid = np.zeros_like(income)
    if tax is None:
        return paid
    carried, gap, credit = nothing_carried(income.shape[1]), state_gap_usd(tax, settles), credits_so_far(tax, settles)
    start, before, zero = 0, np.zeros(income.shape[1]), np.zeros(income.shape[1])
    for m in np.flatnonzero(settles if pays is None else settles | pays):
        so_far = YearIncome(income[start : m + 1].sum(axis=0), zero, zero)
        year = year_tax(tax, so_far, carried, state_gap=float(gap[m]), credit=float(credit[m]))
        paid[m] = year.total - before if settles[m] else np.maximum(year.total - before, 0.0)
        before = before + paid[m]
        if settles[m]:
            carried, before, start = year.carried, zero, int(m) + 1
    return paid
