"""Income tax: depreciation by class, federal and state tax of a year, losses carried forward or refunded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.depreciation import table_of
from megawatt.finance.periods import Periods
from megawatt.finance.records import TaxTerms

__all__ = [
    "YearTax",
    "after_losses",
    "check_tax",
    "depreciation_by_class",
    "depreciation_usd",
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
    for name in ("deductions_usd", "state_deductions_usd"):
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
class YearTax:
    """Federal and state tax of a year and its state part, and the losses carried on, all (paths,). [USD]"""

    total: FloatArray
    state: FloatArray
    losses: FloatArray
    state_losses: FloatArray


def year_tax(
    tax: TaxTerms, income: FloatArray, losses: FloatArray, state_losses: FloatArray, state_gap: float = 0.0
) -> YearTax:
    """Tax of a year on its income before state tax.

    State tax is deducted from federal income; the limit on old losses is on income before it.

    Parameters
    ----------
    income : array, (paths,)
        Federal income of the year before state tax and old losses.
    losses, state_losses : array, (paths,)
        Carried in, >= 0; the same where both have the same deductions.
    state_gap : float
        Federal less state deductions of the year.
    """
    if tax.losses == "refund":
        state = tax.state_rate * (income + state_gap)
        return YearTax(state + tax.rate * (income - state), state, losses, state_losses)
    taxable, kept = after_losses(income, losses, tax.loss_offset_limit_frac)
    if tax.state_deductions_usd is None:
        return YearTax(tax.combined_rate * taxable, tax.state_rate * taxable, kept, kept)
    state_taxable, state_kept = after_losses(income + state_gap, state_losses, tax.loss_offset_limit_frac)
    state = tax.state_rate * state_taxable
    federal = tax.rate * np.maximum(taxable - state, 0.0)
    return YearTax(federal + state, state, kept + np.maximum(state - taxable, 0.0), state_kept)


def state_gap_usd(tax: TaxTerms | None, settles: NDArray[np.bool_]) -> FloatArray:
    """Federal less state deductions of the tax year so far, (periods,). [USD]"""
    gap = np.zeros(settles.size)
    if tax is None or tax.deductions_usd is None or tax.state_deductions_usd is None:
        return gap
    start = 0
    for end in np.flatnonzero(settles) + 1:
        gap[start:end] = np.cumsum(tax.deductions_usd[start:end] - tax.state_deductions_usd[start:end])
        start = int(end)
    return gap


def tax_on_income(income: FloatArray, settles: NDArray[np.bool_], tax: TaxTerms | None) -> FloatArray:
    """Tax of a stream of taxable income, paid in the settlement periods, (periods, paths). [USD]

    Parameters
    ----------
    income : array, (periods, paths)
        Taxable income by period.
    settles : array of bool, (periods,)
        Periods in which the year so far is settled (the last of each tax year and the last of all).
    """
    paid = np.zeros_like(income)
    if tax is None:
        return paid
    losses = state_losses = np.zeros(income.shape[1])
    gap, start = state_gap_usd(tax, settles), 0
    for m in np.flatnonzero(settles):
        year = year_tax(tax, income[start : m + 1].sum(axis=0), losses, state_losses, float(gap[m]))
        paid[m], losses, state_losses = year.total, year.losses, year.state_losses
        start = int(m) + 1
    return paid
