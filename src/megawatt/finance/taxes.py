"""Federal and state income tax over any periods, losses refunded or carried forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.finance.tax import annual_tax

__all__ = ["TaxBase", "income_taxes"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TaxBase:
    """Rates and deductions of a project.

    Attributes
    ----------
    federal_rate, state_rate : float
        State tax is deducted from federal income.
    federal_depreciation, state_depreciation : (periods + 1,)
        Deductions by period. [USD]
    losses : {'refund', 'carry-forward'}
        Refund: a negative tax is cash in the same year (the owner has other income). Carry-forward: kept and offset.
    loss_offset_limit_frac : float
        Share of a year's income that old losses may offset.
    deduct_fees : bool
        Fees of the debt are deducted evenly over its life.
    """

    federal_rate: float
    state_rate: float
    federal_depreciation: FloatArray
    state_depreciation: FloatArray
    losses: Literal["refund", "carry-forward"] = "refund"
    loss_offset_limit_frac: float = 1.0
    deduct_fees: bool = False


def income_taxes(income: FloatArray, tax: TaxBase, tax_year: IntArray) -> tuple[FloatArray, FloatArray]:
    """Federal and state tax paid, (paths, periods + 1); a tax year's tax falls in its last period. [USD]

    Parameters
    ----------
    income : array, (paths, periods + 1)
        Income before depreciation and state tax.
    tax_year : (periods + 1,)
        Tax year of each period.

    Raises
    ------
    ScenarioError
        If a rate or the treatment of losses is out of range.
    """
    _check(tax)
    federal, state = np.zeros_like(income), np.zeros_like(income)
    if tax.federal_rate == 0.0 and tax.state_rate == 0.0:
        return federal, state
    ends = np.flatnonzero(np.diff(tax_year, append=tax_year[-1] + 1))
    state_losses, federal_losses = np.zeros(income.shape[0]), np.zeros(income.shape[0])
    start = 0
    for end in ends:
        year = slice(start, int(end) + 1)
        earned = income[:, year].sum(axis=1)
        state_income = earned - tax.state_depreciation[year].sum()
        state[:, end], state_losses = _tax(state_income, state_losses, tax.state_rate, tax)
        federal_income = earned - tax.federal_depreciation[year].sum() - state[:, end]
        federal[:, end], federal_losses = _tax(federal_income, federal_losses, tax.federal_rate, tax)
        start = int(end) + 1
    return federal, state


def _tax(income: FloatArray, losses: FloatArray, rate: float, tax: TaxBase) -> tuple[FloatArray, FloatArray]:
    if tax.losses == "refund":
        return rate * income, losses
    return annual_tax(income, losses, rate, tax.loss_offset_limit_frac)


def _check(tax: TaxBase) -> None:
    for name, rate in (("federal_tax_rate", tax.federal_rate), ("state_tax_rate", tax.state_rate)):
        if not 0.0 <= rate < 1.0:
            raise ScenarioError(f"{name} = {rate}, must be 0 or more and below 1 (0.21 is 21 %)")
    if tax.losses not in ("refund", "carry-forward"):
        raise ScenarioError(f"losses = {tax.losses!r}, must be 'refund' or 'carry-forward'")
