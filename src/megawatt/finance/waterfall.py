"""The waterfall, period by period; its rules are stated in the engine module."""

from __future__ import annotations

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.finance.accounts import Accounts, Inputs, Run, Statements, empty_statements, held
from megawatt.finance.cover_tests import CoverTests
from megawatt.finance.debt import LoanSchedule
from megawatt.finance.distribution import distribute
from megawatt.finance.facilities import Facility, Lines
from megawatt.finance.lender import safeguards
from megawatt.finance.measures import CENT
from megawatt.finance.periods import Periods
from megawatt.finance.records import ProjectTerms, TaxTerms
from megawatt.finance.tax import (
    YearIncome,
    YearTax,
    credits_so_far,
    instalments,
    nothing_carried,
    state_gap_usd,
    year_tax,
)

__all__ = ["run_waterfall"]


def run_waterfall(
    terms: ProjectTerms, periods: Periods, inputs: Inputs, schedule: LoanSchedule
) -> tuple[Statements, FloatArray, tuple[Facility, ...]]:
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
    Statements, service, facilities
        ``service`` (periods,) or (periods, paths): what cover counts, see `CashFlow`.
    """
    count, paths = inputs.operating.shape
    guard, settles = safeguards(terms, schedule, periods, inputs.opex, inputs.construction), periods.settles
    zero = np.zeros(paths)
    run = Run(
        terms,
        inputs,
        guard,
        settles,
        instalments(terms.tax, periods),
        state_gap_usd(terms.tax, settles),
        credits_so_far(terms.tax, settles),
        # the nominal length, not the debt's day count
        guard.lender.reserve_rate * periods.months / 12.0,
        Lines(guard.lender.facilities, terms.loan, schedule, periods, paths),
        Accounts(
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
            zero,
        ),
        empty_statements(count, paths),
    )
    tests, acc, done = CoverTests(guard, paths), run.acc, run.done
    for m in range(count):
        set_aside = _operate(run, m)
        claim = _serve(run, m)
        done.left[m] = guard.left(m, acc.scale, claim)
        cash, behind = done.cover_cash(slice(m, m + 1))[0], done.arrears[m] > 0.0
        cure = tests.observe(m, cash, done.left[m], claim > CENT, behind)
        shut = tests.locked
        if guard.lender.cures_most > 0:
            done.cures[m], shut = cure, shut | tests.cured
            done.equity_in[m] += cure
            acc.cash = acc.cash + cure
            if guard.pays[m]:
                # facilities come before owners, with the money of a cure too
                acc.cash = acc.cash - run.lines.repay(m, np.maximum(acc.cash, 0.0))
        run.lines.close(m)
        done.locked[m], done.breached[m] = tests.locked, tests.breached
        distribute(run, m, set_aside, shut)
        done.debt_balance[m], done.closing_cash[m] = acc.balance, acc.cash
    service = guard.tested()
    if guard.prepays:
        service = done.left * (service if service.ndim == 2 else service[:, None])
    return done, service, run.lines.facilities()


def _operate(run: Run, m: int) -> FloatArray:
    """Operation, tax, spending and draws of a period; returns tax accrued but not yet due."""
    inputs, guard, acc, done = run.inputs, run.guard, run.acc, run.done
    interest = acc.balance * guard.rate[m]
    if run.reserve_rate > 0.0 and m > 0:
        done.reserve_interest[m] = run.reserve_rate * done.reserve[m - 1]
        interest = interest - done.reserve_interest[m]
    fee, spent = guard.schedule.fee_amortised[m], guard.schedule.fee[m] + inputs.capex[m]
    if run.lines.terms or guard.charges_premiums:
        drawn, done.charges[m] = run.lines.cost(m)
        interest, spent = interest + drawn, spent + done.charges[m]
        fee = fee + done.charges[m] + acc.premium
        acc.premium = np.zeros_like(acc.premium)
    acc.year = acc.year.plus(inputs.income[m] - fee, interest, inputs.adjusted[m] - fee)
    set_aside = _tax(run, m)
    done.cfads[m] = inputs.operating[m] - done.tax[m]
    done.draw[m] = guard.schedule.draw[m]
    acc.cash = acc.cash + done.cfads[m] + done.residual[m] + done.draw[m] + done.reserve_interest[m] - spent
    return set_aside


def _tax(run: Run, m: int) -> FloatArray:
    """Accrue tax; pay it where an instalment is due or the year ends; returns what has accrued and is not paid."""
    tax, acc, done, terms = run.terms.tax, run.acc, run.done, run.terms
    done.residual[m] = run.inputs.residual[m]
    nothing = np.zeros_like(acc.cash)
    if tax is None:
        return nothing
    year = _of_year(run, tax, m, acc.year)
    if terms.owners_taxed:
        _pass_on(run, m, year)
        return nothing
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


def _pass_on(run: Run, m: int, year: YearTax) -> None:
    """The year's tax to its owners where an instalment is due or the year ends: a loss saves them theirs at its end."""
    acc, done = run.acc, run.done
    if run.settles[m]:
        done.owners_tax[m] = year.total - acc.tax_paid
        nothing = np.zeros_like(acc.cash)
        acc.year, acc.carried, acc.tax_paid = YearIncome(nothing, nothing, nothing), year.carried, nothing
    elif run.pays[m]:
        done.owners_tax[m] = np.maximum(year.total - acc.tax_paid, 0.0)
        acc.tax_paid = acc.tax_paid + done.owners_tax[m]


def _of_year(run: Run, tax: TaxTerms, m: int, year: YearIncome) -> YearTax:
    """Tax on the year so far."""
    gap, credit = float(run.state_gap[m]), float(run.credits[m])
    return year_tax(tax, year, run.acc.carried, state_gap=gap, credit=credit)


def _serve(run: Run, m: int) -> FloatArray:
    """Interest, scheduled principal and arrears, with equity while the project is built; returns all that is owed."""
    terms, inputs, guard, acc, done = run.terms, run.inputs, run.guard, run.acc, run.done
    accrued = acc.balance * guard.rate[m]
    capitalised = np.minimum(guard.schedule.capitalised[m] * acc.scale, accrued)
    interest = accrued - capitalised
    refinanced = guard.refinance(m, acc.balance, done.cover_cash)
    done.draw[m] += refinanced
    acc.cash = acc.cash + refinanced
    if m == guard.last and guard.lender.refinancing is not None:
        done.not_refinanced[m] = np.minimum(guard.balloon, acc.balance) - refinanced
        acc.prepaid, acc.scale = np.zeros_like(acc.prepaid), np.ones_like(acc.scale)
    target = np.maximum(guard.scheduled_balance(m) * acc.scale - acc.prepaid, 0.0)
    owed = acc.balance + capitalised + done.draw[m]
    behind = owed - target
    demand = interest + np.where(behind > CENT, behind, 0.0)  # all that is owed: what is ahead of schedule owes nothing
    if m < inputs.construction or terms.owners_pay_all:
        committed = np.inf if terms.committed_equity_usd is None else terms.committed_equity_usd
        close = guard.lender.reserve_at_close and m == inputs.construction - 1
        kept = held(run, m) if close or terms.owners_pay_all else guard.interest_reserve[m]
        done.equity_in[m] = np.clip(demand + kept - acc.cash, 0.0, committed - acc.equity)
        acc.equity = acc.equity + done.equity_in[m]
        acc.cash = acc.cash + done.equity_in[m]
    balloon = _balloon_due(run, m, demand - interest)
    # between payment dates arrears stand, and cash waits for the next one
    on_date = demand if guard.pays[m] else np.zeros_like(demand)
    if run.lines.terms:
        # no facility is drawn for a balloon
        short = np.maximum(on_date - balloon - np.maximum(acc.cash, 0.0), 0.0)
        acc.cash = acc.cash + run.lines.draw(m, short, np.maximum(-acc.cash, 0.0))
        if guard.pays[m]:
            # repaid from what service leaves, before the balloon
            acc.cash = acc.cash - run.lines.repay(m, np.maximum(acc.cash - (on_date - balloon), 0.0))
    paid = np.clip(acc.cash, 0.0, on_date)
    done.interest_paid[m] = np.minimum(paid, interest)
    done.principal_paid[m] = paid - done.interest_paid[m]
    unpaid = demand - paid
    done.arrears[m] = np.where(unpaid > CENT, unpaid, 0.0)
    acc.balloon = np.minimum(balloon, unpaid)
    done.balloon_unpaid[m] = np.where(unpaid - acc.balloon > CENT, acc.balloon, done.arrears[m])
    acc.balance = owed + (interest - done.interest_paid[m]) - done.principal_paid[m]
    acc.cash = acc.cash - paid
    if run.lines.terms:
        # what facilities are owed at the loan's end is due at once, as a balloon is: arrears and no missed payment
        left = np.where(run.lines.unpaid(m) > CENT, run.lines.unpaid(m), 0.0)
        done.arrears[m] += left
        done.balloon_unpaid[m] += left
    return np.asarray(owed + interest)


def _balloon_due(run: Run, m: int, principal: FloatArray) -> FloatArray:
    """Part of what is owed in a period that is the balloon, or its rest with interest; it is paid after the service."""
    acc, guard = run.acc, run.guard
    if m < guard.last:
        return acc.balloon
    if m > guard.last:
        return np.asarray(acc.balloon * (1.0 + guard.rate[m]))
    return np.asarray(np.clip(guard.balloon * acc.scale - acc.prepaid - guard.refinanced, 0.0, principal))
