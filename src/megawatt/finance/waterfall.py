"""The month-by-month waterfall; its rules are stated in the engine module."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.finance.debt import LoanSchedule
from megawatt.finance.lender import CoverTests, Safeguards, safeguards
from megawatt.finance.records import LenderTerms, ProjectTerms, TaxTerms
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

    ``tax`` is on operation; the tax on the sale's gain is taken off ``residual``. ``draw`` includes a refinancing.
    ``locked`` and ``breached`` are flags.
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
    reserve: FloatArray
    swept: FloatArray
    draw: FloatArray
    locked: NDArray[np.bool_]
    breached: NDArray[np.bool_]


@dataclass(slots=True)
class _Accounts:
    """What the months hand on, (paths,): a working record of one run, not shared."""

    cash: FloatArray
    balance: FloatArray
    equity: FloatArray
    year_income: FloatArray
    losses: FloatArray
    prepaid: FloatArray
    scale: FloatArray
    """Share of the scheduled instalments that mandatory prepayments have left."""
    due_balance: FloatArray
    """Balance that the loan should have after its prepayments, at the end of the month before."""


def _accounts(paths: int) -> _Accounts:
    zero = np.zeros(paths)
    return _Accounts(zero, zero, zero, zero, zero, zero, np.ones(paths), zero)


def _book(
    tax: TaxTerms | None, year_income: FloatArray, losses: FloatArray, settle: bool
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Tax paid this month, tax accrued but not yet due, and the year's income and losses carried on, all (paths,)."""
    nothing = np.zeros_like(year_income)
    if tax is None:
        return nothing, nothing, nothing, losses
    accrued, carried = annual_tax(year_income, losses, tax.combined_rate, tax.loss_offset_limit_frac)
    return (accrued, nothing, nothing, carried) if settle else (nothing, accrued, year_income, losses)


def _empty(months: int, paths: int) -> Statements:
    shape = (months, paths)
    money = {name: np.zeros(shape) for name in Statements.__slots__ if name not in ("locked", "breached")}
    return Statements(**money, locked=np.zeros(shape, dtype=np.bool_), breached=np.zeros(shape, dtype=np.bool_))


def run_waterfall(terms: ProjectTerms, inputs: Inputs, schedule: LoanSchedule) -> Statements:
    """Run the months in order for all paths.

    Parameters
    ----------
    terms : ProjectTerms
        Loan, tax, minimum cash, lender's terms and committed equity are used.
    inputs : Inputs
        Cash before tax and finance.
    schedule : LoanSchedule
        The loan as it would run if paid on time.
    """
    months, paths = inputs.operating.shape
    done = _empty(months, paths)
    guard = safeguards(terms, schedule, months)
    tests = CoverTests(guard, paths)
    acc = _accounts(paths)
    for m in range(months):
        set_aside = _operate(terms, inputs, guard, acc, done, m)
        _serve(terms, inputs, guard, acc, done, m)
        tests.observe(m, done.cfads[m])
        done.locked[m], done.breached[m] = tests.locked, tests.breached
        _distribute(terms, inputs, guard, acc, done, m, set_aside)
        done.debt_balance[m], done.closing_cash[m] = acc.balance, acc.cash
    return done


def _operate(
    terms: ProjectTerms,
    inputs: Inputs,
    guard: Safeguards,
    acc: _Accounts,
    done: Statements,
    m: int,
) -> FloatArray:
    """Operation, tax, spending and draws of a month; returns tax accrued but not yet due."""
    last = m == inputs.operating.shape[0] - 1
    accrued = acc.balance * guard.rate[m]
    acc.year_income = acc.year_income + inputs.income[m] - accrued - guard.schedule.fee_amortised[m]
    settle = bool(inputs.settles[m])
    operation = acc.year_income - inputs.disposal_income if last else acc.year_income
    paid_operation = _book(terms.tax, operation, acc.losses, settle)[0] if last else None
    tax, set_aside, acc.year_income, acc.losses = _book(terms.tax, acc.year_income, acc.losses, settle)
    done.tax[m] = tax if paid_operation is None else paid_operation
    done.cfads[m] = inputs.operating[m] - done.tax[m]
    done.residual[m] = inputs.residual[m] - (tax - done.tax[m])
    done.draw[m] = guard.schedule.draw[m]
    spent = guard.schedule.fee[m] + inputs.capex[m]
    acc.cash = acc.cash + done.cfads[m] + done.residual[m] + done.draw[m] - spent
    return set_aside


def _serve(
    terms: ProjectTerms,
    inputs: Inputs,
    guard: Safeguards,
    acc: _Accounts,
    done: Statements,
    m: int,
) -> None:
    """Interest, scheduled principal and arrears, with equity while the project is built."""
    capitalised = guard.schedule.capitalised[m]
    accrued = acc.balance * guard.rate[m]
    interest = np.maximum(accrued - capitalised, 0.0)
    refinanced = guard.refinance(m, acc.balance, done.cfads)
    done.draw[m] += refinanced
    acc.cash = acc.cash + refinanced
    if m == guard.last and guard.lender.refinancing is not None:
        acc.prepaid, acc.scale = np.zeros_like(acc.prepaid), np.ones_like(acc.scale)
    target = np.maximum(guard.scheduled_balance(m) * acc.scale - acc.prepaid, 0.0)
    owed = acc.balance + capitalised + done.draw[m]
    behind = owed - target
    demand = interest + np.where(behind > CENT, behind, 0.0)
    if m < inputs.construction_months:
        committed = np.inf if terms.committed_equity_usd is None else terms.committed_equity_usd
        kept = guard.reserve_target(m) if guard.lender.reserve_at_close and m == inputs.construction_months - 1 else 0.0
        done.equity_in[m] = np.clip(demand + kept - acc.cash, 0.0, committed - acc.equity)
        acc.equity = acc.equity + done.equity_in[m]
        acc.cash = acc.cash + done.equity_in[m]
    paid = np.clip(acc.cash, 0.0, demand)
    done.interest_paid[m] = np.minimum(paid, interest)
    done.principal_paid[m] = paid - done.interest_paid[m]
    on_time = np.maximum(acc.due_balance * guard.rate[m] - capitalised, 0.0)
    scheduled = on_time + acc.due_balance + capitalised + done.draw[m] - target
    missing = scheduled - paid
    done.shortfall[m] = np.where(missing > CENT, missing, 0.0)
    acc.balance = owed + (interest - done.interest_paid[m]) - done.principal_paid[m]
    acc.due_balance = target
    acc.cash = acc.cash - paid


def _distribute(
    terms: ProjectTerms,
    inputs: Inputs,
    guard: Safeguards,
    acc: _Accounts,
    done: Statements,
    m: int,
    set_aside: FloatArray,
) -> None:
    """Reserves, sweep, lock-up test, distribution: in this order."""
    last = m == inputs.operating.shape[0] - 1
    lender: LenderTerms = guard.lender
    reserve = np.zeros_like(acc.cash) if last else guard.reserve_target(m) * acc.scale
    done.reserve[m] = np.clip(acc.cash, 0.0, reserve)
    if m < inputs.construction_months and not last:
        return
    floor = set_aside + reserve + (0.0 if last else terms.minimum_cash_usd)
    on_schedule = acc.balance - acc.due_balance <= CENT
    free = np.where(on_schedule, np.maximum(acc.cash - floor, 0.0), 0.0)
    forced = lender.mandatory_prepayment_usd
    if forced is not None:
        before = acc.due_balance
        free = _prepay(acc, done, m, np.minimum(forced[:, m], free), free)
        left = np.where(before > 0.0, acc.due_balance / np.where(before > 0.0, before, 1.0), 1.0)
        acc.scale, acc.prepaid = acc.scale * left, acc.prepaid * left
    if lender.sweep_frac > 0.0 and guard.repaying(m):
        ahead = acc.balance
        free = _prepay(acc, done, m, lender.sweep_frac * free, free)
        acc.prepaid = acc.prepaid + ahead - acc.balance
    if not last:
        free = np.where(done.locked[m] & (acc.balance > CENT), 0.0, free)
    done.distributions[m] = free
    acc.cash = acc.cash - free


def _prepay(acc: _Accounts, done: Statements, m: int, asked: FloatArray, free: FloatArray) -> FloatArray:
    """Repay principal ahead of time, as far as there is any; returns the cash that is left for owners."""
    swept = np.minimum(asked, np.maximum(acc.balance, 0.0))
    done.swept[m] += swept
    done.principal_paid[m] += swept
    acc.balance, acc.cash = acc.balance - swept, acc.cash - swept
    acc.due_balance = np.maximum(acc.due_balance - swept, 0.0)
    return free - swept
