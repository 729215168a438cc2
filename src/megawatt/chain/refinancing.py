"""The option to refinance a loan on the way: at which date a new loan is taken, decided on each path's rate of then.

The new loan repays what the old one leaves, with level payments to the day on which the old one (or the loan that
repays its balloon) would have ended. It costs the path's rate of its date, the old loan's call price or make-whole,
and the fee that the old one cost; it is lent only where service was paid on time and last year's cash carries all of
it. A loan that ends earlier would repay and deduct otherwise before the date comes: the old schedule is ended by hand.
The debt reserve is that of the loan held to its end under every plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.chain.links import Links
from megawatt.chain.money import CashModel
from megawatt.finance import LenderTerms, LoanTerms, OperatingFlows, ProjectTerms, Refinancing
from megawatt.finance.accounts import Statements
from megawatt.finance.debt import LoanSchedule, loan_schedule
from megawatt.finance.engine import first_missed, statements
from megawatt.finance.measures import CENT, net_present_value_usd
from megawatt.finance.money_market import MoneyPaths, new_rate
from megawatt.finance.option import OptionValue, value_option
from megawatt.finance.prepayment import prices
from megawatt.risk import BLOCK_PATHS, FactorPaths
from megawatt.risk.sampling import Draws
from megawatt.risk.summary import Z95

__all__ = ["RefinancingTerms", "refinancing_option", "refinancing_terms"]

_MOST_DATES: Final = 8
"""Dates at which the decision is taken, at most."""
_YEAR: Final = 12
"""Months from the first payment to the first date, between dates, and from the last one to the loan's end."""


@dataclass(frozen=True, slots=True)
class RefinancingTerms:
    """Months in which the old loan can be refinanced, (dates,), the new loan's rate at today's market and the cover
    that its lender asks for.
    """

    dates: tuple[int, ...]
    rate: float
    minimum_dscr: float


def refinancing_terms(links: Links) -> RefinancingTerms | None:
    """Terms of a use whose scenario speaks of refinancing or of the price of prepaying; None for others, for draws on
    clocks of their own, for lines that are drawn beside the loan, for loans of less than three years, and where a
    make-whole meets other prepayments.
    """
    debt, loan, lender = links.scenario.debt, links.base.terms.loan, links.base.terms.lender
    if debt is None or loan is None or loan.clock_months is not None or (lender is not None and lender.facilities):
        return None
    if not (debt.refinance_payments or debt.refinance_rate or debt.call_prices or debt.make_whole_rate):
        return None
    if debt.make_whole_rate and (debt.sweep_frac.number() > 0.0 or debt.prepayments):
        return None
    first, last = loan.first_due_month + _YEAR, loan.last_payment_month - _YEAR
    if last < first:
        return None
    step = _YEAR * max(-(-(last - first + 1) // (_YEAR * _MOST_DATES)), 1)
    rate = debt.refinance_rate or debt.rate
    return RefinancingTerms(tuple(range(first, last + 1, step)), rate.number(), debt.refinance_dscr.number())


def refinancing_option(
    links: Links,
    model: CashModel,
    draws: Draws,
    factors_of: Callable[..., FactorPaths],
    run: Callable[..., list[Any]],
) -> dict[str, Any] | None:
    """What the option is worth to the owners, as plain numbers; None where `refinancing_terms` has none.

    Parameters
    ----------
    model : CashModel
        With the owners' commitment.
    draws : Draws
        Plain ones: every second path shapes the rule, the others value it.
    factors_of : callable
        Factors from a part of the draws.
    run : callable
        Takes calls and gives their results in order.
    """
    terms = refinancing_terms(links)
    if terms is None:
        return None
    count = draws.weights.size
    calls = [
        partial(_block, model, terms, factors_of, *draws.part(start, min(start + BLOCK_PATHS, count)))
        for start in range(0, count, BLOCK_PATHS)
    ]
    results = run(calls)
    found = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    value = value_option(found["never"], found["switched"], found["state"], found["can"])
    return _told(terms, value, found, links.model.calendar.spine.label)


def _block(
    model: CashModel, terms: RefinancingTerms, factors_of: Callable[..., FactorPaths], *drawn: FloatArray
) -> dict[str, NDArray[Any]]:
    """Worth to the owners of holding the loan and of refinancing it at each date, [USD], and what is known there."""
    factors, paths = factors_of(*drawn), drawn[0].shape[2]
    (cash, flows), failed = model.case(factors), factors.tenant_default_month
    loan = cash.loan
    assert loan is not None, "the caller asks where there is one"
    cash = replace(cash, money=MoneyPaths(factors.rate, factors.spread, factors.equity))
    schedule = loan_schedule(loan, cash.timing)
    lender = cash.lender or LenderTerms()
    plain = statements(cash, flows)
    fee = loan.upfront_fee_frac * plain.draw[loan.last_payment_month] if lender.refinancing else np.zeros(1)
    hold = _worth(cash, plain, fee, loan.last_payment_month)

    def wide(rows: list[NDArray[Any]]) -> NDArray[Any]:
        return np.stack([np.broadcast_to(row, (paths,)) for row in rows], axis=1)

    anew = [_refinanced(model, terms, cash, flows, schedule, date) for date in terms.dates]
    paid = [~(plain.arrears[:date] > CENT).any(axis=0) for date in terms.dates]
    known = (factors.rate, factors.spread, factors.power, factors.compute, factors.demand)
    return {
        "never": np.broadcast_to(hold, (paths,)),
        "switched": wide([one.worth for one in anew]),
        "can": wide([one.lent & on_time for one, on_time in zip(anew, paid, strict=True)]),
        "missed": wide([first_missed(plain) >= 0, *(one.missed for one in anew)]),
        "state": np.stack(
            [np.stack([*(each[:, d] for each in known), (failed >= 0) & (failed <= d)], axis=1) for d in terms.dates],
            axis=1,
        ),
        "rate": wide([new_rate(_new(model, terms, loan, lender, d), d, cash.money) for d in terms.dates]),
    }


def _new(model: CashModel, terms: RefinancingTerms, loan: LoanTerms, lender: LenderTerms, date: int) -> Refinancing:
    """The new loan of a date: it ends when the old one, or the one that repays its balloon, would have."""
    later = lender.refinancing.payments if lender.refinancing is not None else 0
    reference = float(loan.floating.reference[date]) if loan.floating else model.terms.reference_rate
    return Refinancing(terms.rate, loan.last_payment_month - date + later, terms.minimum_dscr, reference)


@dataclass(frozen=True, slots=True)
class _Anew:
    """Refinancing at one date, (paths,): worth to the owners [USD], whether all of it is lent, service missed."""

    worth: FloatArray
    lent: NDArray[np.bool_]
    missed: NDArray[np.bool_]


def _refinanced(
    model: CashModel,
    terms: RefinancingTerms,
    cash: ProjectTerms,
    flows: OperatingFlows,
    schedule: LoanSchedule,
    date: int,
) -> _Anew:
    loan, lender = cash.loan, cash.lender or LenderTerms()
    assert loan is not None, "the caller asks where there is one"
    anew = replace(
        cash,
        loan=replace(loan, last_payment_month=date),
        lender=replace(lender, refinancing=_new(model, terms, loan, lender, date)),
    )
    done = statements(anew, flows, _ended(schedule, date))
    lent, nothing = done.draw[date], np.zeros(1)
    price = prices(lender, loan, schedule, cash.timing).premium(date, lent, nothing, np.ones(1))
    return _Anew(
        worth=_worth(anew, done, price + loan.upfront_fee_frac * lent, date),
        lent=done.not_refinanced[date] <= CENT,
        missed=first_missed(done) >= 0,
    )


def _ended(schedule: LoanSchedule, date: int) -> LoanSchedule:
    """The schedule to a date, with all that is left then as its balloon; fees not deducted yet are deducted then."""
    left, after = schedule.balance[date], np.arange(schedule.balance.size) > date
    parts = {name: np.where(after, 0.0, getattr(schedule, name)) for name in LoanSchedule.__slots__}
    parts["balloon"] = np.where(np.arange(after.size) == date, left, 0.0)
    parts["principal"][date] += left
    parts["balance"][date] = 0.0
    parts["fee_amortised"][date] += schedule.fee_amortised[after].sum()
    return LoanSchedule(**parts)


def _worth(cash: ProjectTerms, done: Statements, costs: FloatArray, month: int) -> FloatArray:
    """What the owners are paid less what they put in and what a new loan costs them in a month, (paths,). [USD]"""
    flow = done.distributions - done.equity_in
    flow[month] -= costs
    return net_present_value_usd(flow.T, cash.discount_rate, cash.timing.years)


def _told(
    terms: RefinancingTerms, value: OptionValue, found: dict[str, NDArray[Any]], label: Callable[[int], str]
) -> dict[str, Any]:
    gains = np.where(found["can"], found["switched"] - found["never"][:, None], 0.0)
    gain, error = value.option - value.never, value.option_error
    missed = found["missed"][value.judged].astype(np.float64)
    decided = np.take_along_axis(missed, value.chosen[value.judged, None] + 1, axis=1)[:, 0]
    less = missed[:, 0] - decided
    return {
        "rate": terms.rate,
        "hold_usd": value.never,
        "option_gain_usd": gain,
        "standard_error": error,
        "interval": [gain - Z95 * error, gain + Z95 * error],
        "over_best_date_usd": value.worth_of_waiting,
        "held_to_the_end": float(1.0 - value.taken.sum()),
        "payment_default_held": float(missed[:, 0].mean()),
        "payment_default_decided": float(decided.mean()),
        "payment_default_less_error": float(less.std(ddof=1) / np.sqrt(less.size)),
        "dates": [
            {
                "month": label(date),
                "gain_usd": float(gains[:, k].mean()),
                "standard_error": float(gains[:, k].std(ddof=1) / np.sqrt(gains.shape[0])),
                "lent": float(found["can"][:, k].mean()),
                "taken": float(value.taken[k]),
                "rate_p5": float(np.percentile(found["rate"][:, k], 5.0)),
                "rate_p95": float(np.percentile(found["rate"][:, k], 95.0)),
            }
            for k, date in enumerate(terms.dates)
        ],
    }
