"""The month-by-month waterfall; its rules are stated in the engine module."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.finance.debt import LoanSchedule
from megawatt.finance.records import ProjectTerms, TaxTerms
from megawatt.finance.tax import annual_tax

__all__ = ["CENT", "Inputs", "Statements", "run_waterfall"]

FloatArray = NDArray[np.float64]

CENT = 0.005
"""Amounts below half a cent are rounding, not arrears. [USD]"""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the waterfall pays from and for, USD by month.

    Attributes
    ----------
    operating : (months, paths)
        Cash of operation before tax.
    income : (months, paths)
        Taxable income before interest and fee.
    residual : (months, paths)
        Cash from sale, before tax.
    disposal_income : (paths,)
        Part of the last month's income that comes from the sale, not from operation.
    capex : (months,)
        Capital spending.
    settles : (months,)
        Months in which tax is settled.
    construction_months : int
        Months from the start in which equity may come in.
    """

    operating: FloatArray
    income: FloatArray
    residual: FloatArray
    disposal_income: FloatArray
    capex: FloatArray
    settles: NDArray[np.bool_]
    construction_months: int


@dataclass(frozen=True, slots=True)
class Statements:
    """What was paid, USD by month, arrays (months, paths); names as in `CashFlow`.

    ``tax`` is on operation; the tax on the sale's gain is taken off ``residual``.
    """

    tax: FloatArray
    cfads: FloatArray
    residual: FloatArray
    interest_paid: FloatArray
    principal_paid: FloatArray
    debt_balance: FloatArray
    equity_in: FloatArray
    distributions: FloatArray
    closing_cash: FloatArray
    shortfall: FloatArray


def _book(
    tax: TaxTerms | None, year_income: FloatArray, losses: FloatArray, settle: bool
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Tax paid this month, tax accrued but not yet due, and the year's income and losses carried on, all (paths,)."""
    nothing = np.zeros_like(year_income)
    if tax is None:
        return nothing, nothing, nothing, losses
    accrued, carried = annual_tax(year_income, losses, tax.rate, tax.loss_offset_limit_frac)
    return (accrued, nothing, nothing, carried) if settle else (nothing, accrued, year_income, losses)


def run_waterfall(terms: ProjectTerms, inputs: Inputs, schedule: LoanSchedule) -> Statements:
    """Run the months in order for all paths.

    Parameters
    ----------
    terms : ProjectTerms
        Loan, tax, minimum cash and committed equity are used.
    inputs : Inputs
        Cash before tax and finance.
    schedule : LoanSchedule
        The loan as it would run if paid on time.
    """
    months, paths = inputs.operating.shape
    done = Statements(*(np.zeros((months, paths)) for _ in range(10)))
    monthly_rate = terms.loan.rate / 12.0 if terms.loan is not None else 0.0
    committed = np.inf if terms.committed_equity_usd is None else terms.committed_equity_usd
    cash, balance, equity, year_income, losses = (np.zeros(paths) for _ in range(5))
    for m in range(months):
        accrued = balance * monthly_rate
        year_income = year_income + inputs.income[m] - accrued - schedule.fee_amortised[m]
        settle = bool(inputs.settles[m])
        operation = year_income - inputs.disposal_income if m == months - 1 else year_income
        done.tax[m] = _book(terms.tax, operation, losses, settle)[0]
        tax, set_aside, year_income, losses = _book(terms.tax, year_income, losses, settle)
        done.cfads[m] = inputs.operating[m] - done.tax[m]
        done.residual[m] = inputs.residual[m] - (tax - done.tax[m])
        cash = cash + done.cfads[m] + done.residual[m] + schedule.draw[m] - schedule.fee[m] - inputs.capex[m]
        interest = np.maximum(accrued - schedule.capitalised[m], 0.0)
        behind = balance + schedule.capitalised[m] + schedule.draw[m] - schedule.balance[m]
        demand = interest + np.where(behind > CENT, behind, 0.0)
        if m < inputs.construction_months:
            done.equity_in[m] = np.clip(demand - cash, 0.0, committed - equity)
            equity = equity + done.equity_in[m]
            cash = cash + done.equity_in[m]
        paid = np.clip(cash, 0.0, demand)
        done.interest_paid[m] = np.minimum(paid, interest)
        done.principal_paid[m] = paid - done.interest_paid[m]
        unpaid_interest = interest - done.interest_paid[m]
        balance = balance + schedule.capitalised[m] + schedule.draw[m] + unpaid_interest - done.principal_paid[m]
        missing = schedule.service[m] - paid
        done.shortfall[m] = np.where(missing > CENT, missing, 0.0)
        cash = cash - paid
        if m >= inputs.construction_months or m == months - 1:
            floor = set_aside + (terms.minimum_cash_usd if m < months - 1 else 0.0)
            on_schedule = balance - schedule.balance[m] <= CENT
            done.distributions[m] = np.where(on_schedule, np.maximum(cash - floor, 0.0), 0.0)
            cash = cash - done.distributions[m]
        done.debt_balance[m], done.closing_cash[m] = balance, cash
    return done
