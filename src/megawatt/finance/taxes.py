"""Federal and state income tax over any periods: depreciation tables, bonus, losses refunded or carried forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.finance.tax import annual_tax

__all__ = ["MACRS", "TaxBase", "combined_rate", "income_taxes", "table_depreciation", "table_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MACRS: Final[Mapping[str, tuple[float, ...]]] = {
    "macrs-3": (0.3333, 0.4445, 0.1481, 0.0741),
    "macrs-5": (0.2, 0.32, 0.192, 0.1152, 0.1152, 0.0576),
    "macrs-7": (0.1429, 0.2449, 0.1749, 0.1249, 0.0893, 0.0892, 0.0893, 0.0446),
    "macrs-15": (0.05, 0.095, 0.0855, 0.077, 0.0693, 0.0623, 0.059, 0.059,
                 0.0591, 0.059, 0.0591, 0.059, 0.0591, 0.059, 0.0591, 0.0295),
    "macrs-20": (0.0375, 0.07219, 0.06677, 0.06177, 0.05713, 0.05285, 0.04888, 0.04522, 0.04462, 0.04461, 0.04462,
                 0.04461, 0.04462, 0.04461, 0.04462, 0.04461, 0.04462, 0.04461, 0.04462, 0.04461, 0.02231),
}  # fmt: skip
"""Shares of the basis by tax year, half-year convention: IRS Revenue Procedure 87-57, table 1 (Publication 946, A-1)."""


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


def combined_rate(federal: float, state: float) -> float:
    """Rate on income when state tax is deducted from federal income and both have the same base: s + f (1 - s)."""
    return state + federal * (1.0 - state)


def table_of(name: str) -> tuple[float, ...]:
    """Depreciation table of a class: ``macrs-5`` and the like, or ``sl-N`` (straight line, half-year convention).

    Raises
    ------
    ScenarioError
        If there is no such class.
    """
    if name in MACRS:
        return MACRS[name]
    kind, _, years = name.partition("-")
    if kind == "sl" and years.isdigit() and int(years) > 0:
        half = 0.5 / int(years)
        return (half, *([2 * half] * (int(years) - 1)), half)
    raise ScenarioError(f"depreciation class {name!r}, must be one of {', '.join(MACRS)} or sl-N (straight line)")


def table_depreciation(
    basis_usd: float, shares: Mapping[str, float], tables: Mapping[str, Sequence[float]], bonus: Mapping[str, float],
    years: int,
) -> FloatArray:  # fmt: skip
    """Deduction of tax years 1 to ``years``, (years,). [USD]

    The bonus share of a class is deducted in year 1 and the class's table applies to the rest; what lies beyond the
    last year is cut. Source: 26 U.S.C. 168(k) for the bonus.

    Parameters
    ----------
    basis_usd : float
        Depreciable cost.
    shares : mapping
        Share of the basis in each class.
    tables : mapping
        Yearly fractions by class.
    bonus : mapping
        Share deducted at once by class; missing: none.

    Raises
    ------
    ScenarioError
        If a class has no table, or a share is out of range.
    """
    out = np.zeros(years)
    for name in bonus:
        if name not in shares:
            raise ScenarioError(f"depreciation.bonus.{name}: no such class; given: {', '.join(shares)}")
    if sum(shares.values()) > 1.0 + 1e-9 or min(shares.values(), default=0.0) < 0.0:
        raise ScenarioError(f"depreciation.alloc sums to {sum(shares.values()):g}, shares must be 0 or more, at most 1")
    for name, share in shares.items():
        if name not in tables:
            raise ScenarioError(f"depreciation.tables.{name}: missing; given: {', '.join(tables) or 'none'}")
        at_once = bonus.get(name, 0.0)
        if not 0.0 <= at_once <= 1.0:
            raise ScenarioError(f"depreciation.bonus.{name} = {at_once}, must be between 0 and 1")
        table = np.asarray(tables[name], dtype=np.float64)[:years]
        out[: table.size] += basis_usd * share * (1.0 - at_once) * table
        out[0] += basis_usd * share * at_once
    return out


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
