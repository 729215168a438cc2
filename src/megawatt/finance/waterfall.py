"""The waterfall, period by period; its rules are stated in the engine module."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.finance.debt import LoanSchedule
from megawatt.finance.lender import CENT, CoverTests, Safeguards, safeguards
from megawatt.finance.periods import Periods
from megawatt.finance.records import LenderTerms, ProjectTerms, TaxTerms
from megawatt.finance.tax import (
    Carried,
    YearIncome,
    YearTax,
    credits_so_far,
    instalments,
    nothing_carried,
    state_gap_usd,
    year_tax,
)

__all__ = ["CENT", "Inputs", "Statements", "run_waterfall"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the waterfall pays from and for, USD by period.

    Attributes
    ----------
    operating, opex : (periods, paths)
        Cash of operation before tax, and the running cost in it.
    income : (periods, paths)
        Taxable income before interest, fees and interest on reserves.
    adjusted : (periods, paths)
        The same before depreciation.
    residual : (periods, paths)
        Cash from sale, before tax.
    disposal_income : (paths,)
        Part of the last period's income that comes from the sale, not from operation.
    capex : (periods,)
        Capital spending.
    construction : int
        Periods from the start in which equity may come in.
    """

    operating: FloatArray
    opex: FloatArray
    income: FloatArray
    adjusted: FloatArray
    residual: FloatArray
    disposal_income: FloatArray
    capex: FloatArray
    construction: int


@dataclass(frozen=True, slots=True)
class Statements:
    """What was paid, USD by period, arrays (periods, paths); names as in `CashFlow`.

    ``balloon_unpaid`` is the part of ``arrears`` that is a balloon, ``left`` the share of the scheduled instalments
    that prepayments out of termination payments have left.

    ``tax`` is on operation as paid, ``tax_accrued`` as the year goes on; the tax on the sale's gain is taken off
    ``residual``. ``draw`` includes a refinancing.
    ``arrears`` is owed and unpaid at the period's end; ``locked`` and ``breached`` are flags.
    """

    tax: FloatArray
    tax_accrued: FloatArray
    cfads: FloatArray
    residual: FloatArray
    interest_paid: FloatArray
    principal_paid: FloatArray
    debt_balance: FloatArray
    equity_in: FloatArray
    distributions: FloatArray
    closing_cash: FloatArray
    arrears: FloatArray
    balloon_unpaid: FloatArray
    reserve: FloatArray
    left: FloatArray
    swept: FloatArray
    draw: FloatArray
    reserve_interest: FloatArray
    state_tax: FloatArray
    locked: NDArray[np.bool_]
    breached: NDArray[np.bool_]

    def cover_cash(self, span: slice) -> FloatArray:
        """CFADS of some periods with the tax accrued in them instead of the tax paid, (periods, paths)."""
        return np.asarray(self.cfads[span] + self.tax[span] - self.tax_accrued[span])


@dataclass(slots=True)
class _Accounts:
    """What the periods hand on, (paths,): a working record of one run, not shared."""

    cash: FloatArray
    balance: FloatArray
    equity: FloatArray
    year: YearIncome
    carried: Carried
    tax_paid: FloatArray
    """Tax of the year so far that was paid, its state part, and what had accrued a period before."""
    state_paid: FloatArray
    tax_seen: FloatArray
    prepaid: FloatArray
    scale: FloatArray
    """Share of the scheduled instalments that mandatory prepayments have left."""
    proceeds: FloatArray
    balloon: FloatArray
    """Termination payments that are held, and the balloon that is owed and unpaid."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What every step of a run reads, and the statements that it writes."""

    terms: ProjectTerms
    inputs: Inputs
    guard: Safeguards
    settles: NDArray[np.bool_]
    pays: NDArray[np.bool_]
    state_gap: FloatArray
    credits: FloatArray
    reserve_rate: float
    """Interest on reserves per period."""
    acc: _Accounts
    done: Statements

    @property
    def last(self) -> int:
        """Index of the last period."""
        return self.settles.size - 1


def _empty(count: int, paths: int) -> Statements:
    shape = (count, paths)
    money = {name: np.zeros(shape) for name in Statements.__slots__ if name not in ("locked", "breached")}
    return Statements(**money, locked=np.zeros(shape, dtype=np.bool_), breached=np.zeros(shape, dtype=np.bool_))


def run_waterfall(
    terms: ProjectTerms, periods: Periods, inputs: Inputs, schedule: LoanSchedule
) -> tuple[Statements, FloatArray]:
    """Run the periods in order for all paths.

    Parameters
    ----------
    terms : ProjectTerms
        Loan, tax, minimum cash, lender's terms and committed equity are used.
    periods : Periods
        The project's timing.
    inputs : Inputs
        Cash before tax and finance.
    schedule : LoanSchedule
        The loan as it would run if paid on time.

    Returns
    -------
    Statements, service
        ``service`` (periods,) or (periods, paths): what cover counts, see `CashFlow`.
    """
    count, paths = inputs.operating.shape
    guard, settles = safeguards(terms, schedule, periods, inputs.opex, inputs.construction), periods.settles
    zero = np.zeros(paths)
    run = _Run(
        terms,
        inputs,
        guard,
        settles,
        instalments(terms.tax, periods),
        state_gap_usd(terms.tax, settles),
        credits_so_far(terms.tax, settles),
        # the nominal length, not the debt's day count
        guard.lender.reserve_rate * periods.months / 12.0,
        _Accounts(
            zero,
            zero,
            zero,
            YearIncome(zero, zero, zero),
            nothing_carried(paths),
            zero,
            zero,
            zero,
            zero,
            np.ones(paths),
            zero,
            zero,
        ),
        _empty(count, paths),
    )
    tests, acc, done = CoverTests(guard, paths), run.acc, run.done
    for m in range(count):
        set_aside = _operate(run, m)
        claim = _serve(run, m)
        done.left[m] = guard.left(m, acc.scale, claim)
        tests.observe(m, done.cover_cash(slice(m, m + 1))[0], done.left[m], claim > CENT)
        done.locked[m], done.breached[m] = tests.locked, tests.breached
        _distribute(run, m, set_aside)
        done.debt_balance[m], done.closing_cash[m] = acc.balance, acc.cash
    service = guard.tested()
    if guard.prepays:
        service = done.left * (service if service.ndim == 2 else service[:, None])
    return done, service


def _operate(run: _Run, m: int) -> FloatArray:
    """Operation, tax, spending and draws of a period; returns tax accrued but not yet due."""
    inputs, guard, acc, done = run.inputs, run.guard, run.acc, run.done
    interest = acc.balance * guard.rate[m]
    if run.reserve_rate > 0.0 and m > 0:
        done.reserve_interest[m] = run.reserve_rate * done.reserve[m - 1]
        interest = interest - done.reserve_interest[m]
    fee = guard.schedule.fee_amortised[m]
    acc.year = acc.year.plus(inputs.income[m] - fee, interest, inputs.adjusted[m] - fee)
    set_aside = _tax(run, m)
    done.cfads[m] = inputs.operating[m] - done.tax[m]
    done.draw[m] = guard.schedule.draw[m]
    spent = guard.schedule.fee[m] + inputs.capex[m]
    acc.cash = acc.cash + done.cfads[m] + done.residual[m] + done.draw[m] + done.reserve_interest[m] - spent
    return set_aside


def _tax(run: _Run, m: int) -> FloatArray:
    """Accrue tax; pay it where an instalment is due or the year ends; returns what has accrued and is not paid."""
    tax, acc, done, terms = run.terms.tax, run.acc, run.done, run.terms
    done.residual[m] = run.inputs.residual[m]
    nothing = np.zeros_like(acc.cash)
    if tax is None:
        return nothing
    year = _of_year(run, tax, m, acc.year)
    operation = year.total
    if m == run.last:
        # the tax on the gain of the sale is taken off its proceeds
        sale = run.inputs.disposal_income
        operation = _of_year(run, tax, m, acc.year.plus(-sale, nothing, -sale)).total
        done.residual[m] -= year.total - operation
    done.tax_accrued[m] = operation - acc.tax_seen
    acc.tax_seen = operation
    if run.settles[m]:
        done.tax[m], done.state_tax[m] = operation - acc.tax_paid, year.state - acc.state_paid
        acc.year, acc.carried = YearIncome(nothing, nothing, nothing), year.carried
        acc.tax_paid = acc.state_paid = acc.tax_seen = nothing
        return nothing
    if run.pays[m]:
        done.tax[m] = np.maximum(operation - acc.tax_paid, 0.0)
        done.state_tax[m] = np.maximum(year.state - acc.state_paid, 0.0)
        acc.tax_paid, acc.state_paid = acc.tax_paid + done.tax[m], acc.state_paid + done.state_tax[m]
    return nothing if terms.owners_pay_all else np.maximum(operation - acc.tax_paid, 0.0)


def _of_year(run: _Run, tax: TaxTerms, m: int, year: YearIncome) -> YearTax:
    """Tax on the year so far."""
    gap, credit = float(run.state_gap[m]), float(run.credits[m])
    return year_tax(tax, year, run.acc.carried, state_gap=gap, credit=credit)


def _serve(run: _Run, m: int) -> FloatArray:
    """Interest, scheduled principal and arrears, with equity while the project is built; returns all that is owed."""
    terms, inputs, guard, acc, done = run.terms, run.inputs, run.guard, run.acc, run.done
    accrued = acc.balance * guard.rate[m]
    capitalised = np.minimum(guard.schedule.capitalised[m] * acc.scale, accrued)
    interest = accrued - capitalised
    refinanced = guard.refinance(m, acc.balance, done.cover_cash)
    done.draw[m] += refinanced
    acc.cash = acc.cash + refinanced
    if m == guard.last and guard.lender.refinancing is not None:
        acc.prepaid, acc.scale = np.zeros_like(acc.prepaid), np.ones_like(acc.scale)
    target = np.maximum(guard.scheduled_balance(m) * acc.scale - acc.prepaid, 0.0)
    owed = acc.balance + capitalised + done.draw[m]
    behind = owed - target
    demand = interest + np.where(behind > CENT, behind, 0.0)  # all that is owed: what is ahead of schedule owes nothing
    if m < inputs.construction or terms.owners_pay_all:
        committed = np.inf if terms.committed_equity_usd is None else terms.committed_equity_usd
        close = guard.lender.reserve_at_close and m == inputs.construction - 1
        kept = _held(run, m) if close or terms.owners_pay_all else guard.interest_reserve[m]
        done.equity_in[m] = np.clip(demand + kept - acc.cash, 0.0, committed - acc.equity)
        acc.equity = acc.equity + done.equity_in[m]
        acc.cash = acc.cash + done.equity_in[m]
    balloon = _balloon_due(run, m, demand - interest)
    paid = np.clip(acc.cash, 0.0, demand)
    done.interest_paid[m] = np.minimum(paid, interest)
    done.principal_paid[m] = paid - done.interest_paid[m]
    unpaid = demand - paid
    done.arrears[m] = np.where(unpaid > CENT, unpaid, 0.0)
    acc.balloon = np.minimum(balloon, unpaid)
    done.balloon_unpaid[m] = np.where(unpaid - acc.balloon > CENT, acc.balloon, done.arrears[m])
    acc.balance = owed + (interest - done.interest_paid[m]) - done.principal_paid[m]
    acc.cash = acc.cash - paid
    return np.asarray(owed + interest)


def _balloon_due(run: _Run, m: int, principal: FloatArray) -> FloatArray:
    """Part of what is owed in a period that is the balloon, or its rest with interest; it is paid after the service."""
    acc, guard = run.acc, run.guard
    if m < guard.last:
        return acc.balloon
    if m > guard.last:
        return np.asarray(acc.balloon * (1.0 + guard.rate[m]))
    return np.asarray(np.clip(guard.balloon * acc.scale - acc.prepaid - guard.refinanced, 0.0, principal))


def _held(run: _Run, m: int) -> FloatArray:
    """Reserves that should stand at the end of period m; none in the last."""
    if m == run.last:
        return np.zeros_like(run.acc.cash)
    guard = run.guard
    return np.asarray(guard.reserve_target(m) * run.acc.scale + guard.opex_target(m) + guard.interest_reserve[m])


def _distribute(run: _Run, m: int, set_aside: FloatArray) -> None:
    """Reserves, sweep, lock-up test, distribution: in this order."""
    terms, guard, acc, done = run.terms, run.guard, run.acc, run.done
    last = m == run.last
    lender: LenderTerms = guard.lender
    reserve = _held(run, m)
    done.reserve[m] = np.clip(acc.cash, 0.0, reserve)
    if lender.proceeds_usd is not None:
        acc.proceeds = acc.proceeds + lender.proceeds_usd[:, m]
    if m < run.inputs.construction and not last and not terms.owners_pay_all:
        return
    floor = set_aside + reserve + (0.0 if last else terms.minimum_cash_usd * guard.keeps(m, acc.balance))
    free = np.where(done.arrears[m] > 0.0, 0.0, np.maximum(acc.cash - floor, 0.0))
    if guard.holds_proceeds:
        free = _hold(run, m, free)
    if lender.sweep_frac > 0.0 and guard.repaying(m):
        ahead = acc.balance
        free = _prepay(acc, done, m, lender.sweep_frac * free, free)
        acc.prepaid = acc.prepaid + ahead - acc.balance
    if not last:
        held = done.locked[m] | (acc.proceeds > CENT)
        free = np.where(held & (acc.balance > CENT), 0.0, free)
    done.distributions[m] = free
    acc.cash = acc.cash - free


def _hold(run: _Run, m: int, free: FloatArray) -> FloatArray:
    """Termination payments at a period's end, (paths,): reserves were filled, what service and bills until the halls
    are let again need is held, the rest prepays; returns the cash above what is held.
    """
    guard, acc, done = run.guard, run.acc, run.done
    acc.proceeds = np.minimum(acc.proceeds, free)
    if not acc.proceeds.any():
        return free
    before, pro_rata = acc.balance, guard.lender.prepayment_order == "pro-rata"
    service, bills = guard.until_let(m)
    service = service * acc.scale
    spare = np.maximum(acc.proceeds - service - bills, 0.0)
    # a pro rata prepayment lowers the service that is held for, so more than the spare can be prepaid
    share = service / np.where(before > CENT, before, 1.0) if pro_rata else np.zeros_like(spare)
    asked = np.where(share < 1.0, spare / np.where(share < 1.0, 1.0 - share, 1.0), np.where(spare > 0.0, before, 0.0))
    free = _prepay(acc, done, m, np.minimum(asked, acc.proceeds), free)
    paid = before - acc.balance
    acc.proceeds = np.where(acc.balance > CENT, acc.proceeds - paid, 0.0)
    if pro_rata:
        left = np.where(before > 0.0, acc.balance / np.where(before > 0.0, before, 1.0), 1.0)
        acc.scale, acc.prepaid = acc.scale * left, acc.prepaid * left
    else:
        acc.prepaid = acc.prepaid + paid
    done.reserve[m] += acc.proceeds
    return np.asarray(free - acc.proceeds)


def _prepay(acc: _Accounts, done: Statements, m: int, asked: FloatArray, free: FloatArray) -> FloatArray:
    """Repay principal ahead of time, as far as there is any; returns the cash that is left for owners."""
    swept = np.minimum(asked, np.maximum(acc.balance, 0.0))
    done.swept[m] += swept
    done.principal_paid[m] += swept
    acc.balance, acc.cash = acc.balance - swept, acc.cash - swept
    return free - swept
