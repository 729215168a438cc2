"""Income tax: straight-line depreciation by class, losses carried forward, settled once a year."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.finance.depreciation import table_of
from megawatt.finance.records import TaxTerms

__all__ = ["annual_tax", "check_tax", "depreciation_by_class", "depreciation_usd", "tax_on_income"]

FloatArray = NDArray[np.float64]


def depreciation_usd(capex_cost: FloatArray, life_years: float, first_month: int) -> FloatArray:
    """Straight-line depreciation of spending by month, (months,). [USD a month]

    Spending of a month is written off from the month after, but not before ``first_month`` (when the asset is placed
    in service), over 12 x life months; what the spine cuts off stays as basis.

    Parameters
    ----------
    capex_cost : array, (months,)
        Spending by month, >= 0.
    life_years : float
        Tax life, > 0.
    first_month : int
        First month of operation.
    """
    months = capex_cost.size
    life_months = max(round(12.0 * life_years), 1)
    out = np.zeros(months)
    for spent in np.flatnonzero(capex_cost):
        start = max(int(spent) + 1, first_month)
        out[start : start + life_months] += capex_cost[spent] / life_months
    return out


def depreciation_by_class(
    capex_cost: Mapping[str, FloatArray], tax: TaxTerms, first_month: int, start_month: int = 1
) -> dict[str, FloatArray]:
    """Depreciation of each asset class, (months,) each. [USD a month]

    A class with a table is written off by tax (calendar) years from the year in which it is placed in service, each
    year's amount in equal parts over that year's months in service; its bonus share goes with the first year.

    Parameters
    ----------
    capex_cost : mapping
        Spending by class, (months,).
    tax : TaxTerms
        Lives, tables, bonus shares.
    first_month : int
        First month of operation.
    start_month : int
        Calendar month of month index 0, 1 to 12.

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
            out[name] = _by_tax_year(spending, (bonus, table), first_month, start_month)
        else:
            out[name] = depreciation_usd(spending, _life(tax, name), first_month)
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
    capex_cost: FloatArray, plan: tuple[float, tuple[float, ...]], first_month: int, start_month: int
) -> FloatArray:
    """Write-off by calendar years after spending is placed in service, (months,)."""
    bonus, table = plan
    months = capex_cost.size
    out = np.zeros(months)
    for spent in np.flatnonzero(capex_cost):
        begin = max(int(spent) + 1, first_month)
        year_end = begin + 12 - (begin + start_month - 1) % 12
        for number, share in enumerate(table):
            amount = capex_cost[spent] * ((1.0 - bonus) * share + (bonus if number == 0 else 0.0))
            out[begin:year_end] += amount / (year_end - begin)
            begin, year_end = year_end, year_end + 12
            if begin >= months:
                break
    return out


def check_tax(tax: TaxTerms) -> None:
    """Check rate and limit of tax terms.

    Raises
    ------
    ScenarioError
        If a share is out of range.
    """
    for name, rate in (("tax.rate", tax.rate), ("tax.state_rate", tax.state_rate)):
        if not 0.0 <= rate < 1.0:
            raise ScenarioError(f"{name} = {rate}, must be 0 or more and below 1")
    if not 0.0 <= tax.loss_offset_limit_frac <= 1.0:
        raise ScenarioError(f"tax.loss_offset_limit_frac = {tax.loss_offset_limit_frac}, must be between 0 and 1")


def annual_tax(
    income: FloatArray, losses: FloatArray, rate: float, offset_limit_frac: float
) -> tuple[FloatArray, FloatArray]:
    """Tax of a year and the losses carried into the next, both (paths,). [USD]

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
    Source: 26 U.S.C. 172(a)(2) (80 % limit for losses of years after 2017), 11(b) (21 % rate).
    """
    profit = np.maximum(income, 0.0)
    used = np.minimum(losses, offset_limit_frac * profit)
    return rate * (profit - used), losses - used + np.maximum(-income, 0.0)


def tax_on_income(income: FloatArray, settles: NDArray[np.bool_], tax: TaxTerms | None) -> FloatArray:
    """Tax of a stream of monthly taxable income, paid in the settlement months, (months, paths). [USD a month]

    Parameters
    ----------
    income : array, (months, paths)
        Taxable income by month.
    settles : array of bool, (months,)
        Months in which the year so far is settled (Decembers and the last month).
    """
    paid = np.zeros_like(income)
    if tax is None:
        return paid
    losses = np.zeros(income.shape[1])
    start = 0
    for m in np.flatnonzero(settles):
        year = income[start : m + 1].sum(axis=0)
        paid[m], losses = annual_tax(year, losses, tax.combined_rate, tax.loss_offset_limit_frac)
        start = int(m) + 1
    return paid
