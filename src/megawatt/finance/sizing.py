"""How much a project can borrow: sculpted on its own cash, capped by gearing and loan life cover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError, SolverError
from megawatt.finance.debt import LoanSchedule
from megawatt.finance.records import CashFlow, LoanTerms, OperatingFlows, ProjectTerms
from megawatt.finance.repayment import Window, discount_to, repay, service_per_dollar
from megawatt.finance.spine import Spine, make_spine

__all__ = ["SizedLoan", "SizingTerms", "sculpted_schedule", "size_loan"]

FloatArray = NDArray[np.float64]

_PASSES: Final = 200
_REST: Final = 1e-10


@dataclass(frozen=True, slots=True)
class SizingTerms:
    """What limits a loan.

    Attributes
    ----------
    target_dscr : float
        Cover of every payment by the month's CFADS, and so of every tax year's service by its CFADS.
    gearing : float, optional
        Largest share of total uses: capital spending, fee, interest of construction, service reserve at close.
    minimum_llcr : float, optional
        Lowest loan life cover at the first payment.
    cash_basis : {'pre-tax', 'after-tax'}
        CFADS that sizes and sculpts; after tax is circular (interest lowers tax) and iterated to rest. A year's tax
        counts in equal parts over its months, not in the month it is paid.
    """

    target_dscr: float
    gearing: float | None = None
    minimum_llcr: float | None = None
    cash_basis: Literal["pre-tax", "after-tax"] = "after-tax"


@dataclass(frozen=True, slots=True)
class SizedLoan:
    """A loan whose amount and profile were found, and the limit that set it (``DSCR``, ``gearing`` or ``LLCR``)."""

    loan: LoanTerms
    binding: str


def sculpted_schedule(loan: LoanTerms, cash: FloatArray, target_dscr: float) -> tuple[FloatArray, LoanSchedule]:
    """Every path's own sculpted loan: amount drawn (paths,) and schedule (paths, months). [USD]

    Service is cash / target in every payment month (nothing where cash is negative); the debt is its present value at
    the loan's rate, taken back to the draw over the months whose interest is capitalised. Service below the interest of
    a month makes principal negative: the loan grows, and ``(schedule.principal < 0)`` shows where.

    Parameters
    ----------
    loan : LoanTerms
        Rate, months, fee; ``principal_usd`` and ``shape`` are not used. One draw.
    cash : array, (paths, months)
        CFADS that sizes the debt.
    target_dscr : float
        Cover, > 0.

    Raises
    ------
    ScenarioError
        If the target is not positive or the months are out of order.
    """
    if not target_dscr > 0.0:
        raise ScenarioError(f"target_dscr = {target_dscr}, must be above 0 (1.35 is usual)")
    months = cash.shape[1]
    window = Window(loan.first_payment_month, loan.last_payment_month)
    rates = np.full(months, loan.rate / 12.0)
    shape = service_per_dollar("sculpted", rates, window, cash)
    owed = np.maximum(cash[:, window.slice], 0.0) @ discount_to(rates, window.first - 1)[window.slice] / target_dscr
    repaid = repay(owed, owed[:, None] * shape, rates, window)
    waiting = window.first - 1 - loan.draw_month
    growth = (1.0 + loan.rate / 12.0) ** np.arange(waiting + 1)
    drawn = owed / (growth[-1] if loan.capitalise_interest else 1.0)
    draw, fee, amortised, capitalised, due = (np.zeros_like(repaid.balance) for _ in range(5))
    draw[:, loan.draw_month] = drawn
    fee[:, loan.draw_month] = loan.upfront_fee_frac * drawn
    life = slice(loan.draw_month, window.last + 1)
    amortised[:, life] = fee[:, [loan.draw_month]] / (window.last + 1 - loan.draw_month)
    balance = repaid.balance
    built = slice(loan.draw_month, window.first)
    balance[:, built] = drawn[:, None] * (growth if loan.capitalise_interest else np.ones_like(growth))
    accrued = balance[:, loan.draw_month : window.first - 1] * loan.rate / 12.0
    (capitalised if loan.capitalise_interest else due)[:, loan.draw_month + 1 : window.first] = accrued
    due += repaid.interest
    return drawn, LoanSchedule(draw, fee, amortised, due, capitalised, repaid.principal, balance)


def size_loan(
    terms: ProjectTerms,
    flows: OperatingFlows,
    sizing: SizingTerms,
    run: Callable[[ProjectTerms, OperatingFlows], CashFlow],
) -> SizedLoan:
    """Largest loan that meets cover, gearing and loan life cover in a base case of one path.

    Parameters
    ----------
    terms : ProjectTerms
        With a loan whose months, rate and fee are used; its amount and shape are found.
    flows : OperatingFlows
        Cash of operation of the base case (one path).
    sizing : SizingTerms
        Limits.
    run : callable
        The engine, `megawatt.finance.project`.

    Returns
    -------
    SizedLoan
        A ``sculpted`` loan. Where gearing or LLCR binds, service keeps its profile and cover is higher than the target.

    Raises
    ------
    ScenarioError
        If there is no loan, several paths, or no cash to borrow on.
    SolverError
        If after-tax sizing does not come to rest.
    """
    if terms.loan is None or terms.loan.draws is not None or terms.loan.clock_months is not None:
        raise ScenarioError("size_loan: the terms need a loan with one draw (its months, rate and fee are used)")
    loan = terms.loan
    trial = replace(terms, loan=None, lender=None, minimum_cash_usd=0.0)
    amount = 0.0
    for _ in range(_PASSES):
        flow = run(trial, flows)
        if flow.cfads.shape[0] != 1:
            raise ScenarioError(f"size_loan: {flow.cfads.shape[0]} paths, must be one (the base case)")
        cash = flow.cfads + flow.tax
        if sizing.cash_basis == "after-tax":
            cash = cash - _even_tax(flow.tax, make_spine(terms.start_year, terms.start_month, terms.months))
        drawn, schedule = sculpted_schedule(loan, cash, sizing.target_dscr)
        if not drawn[0] > 0.0:
            raise ScenarioError("size_loan: no cash before debt while the loan is repaid: nothing to borrow on")
        found, binding = _capped(terms, sizing, cash, float(drawn[0]), schedule)
        sized = replace(loan, principal_usd=found, shape="sculpted", service_weights=np.maximum(cash[0], 0.0))
        if sizing.cash_basis == "pre-tax" or terms.tax is None or abs(found - amount) <= _REST * found:
            return SizedLoan(sized, binding)
        amount, trial = found, replace(trial, loan=sized)
    raise SolverError(f"size_loan: after-tax size not at rest after {_PASSES} passes; size on pre-tax cash")


def _even_tax(tax: FloatArray, spine: Spine) -> FloatArray:
    """Tax of each tax year in equal parts over its months, (paths, months). [USD a month]"""
    out = np.zeros_like(tax)
    start = 0
    for end in np.flatnonzero(spine.settles_tax()):
        out[:, start : end + 1] = tax[:, start : end + 1].sum(axis=1, keepdims=True) / (end + 1 - start)
        start = int(end) + 1
    return out


def _capped(
    terms: ProjectTerms, sizing: SizingTerms, cash: FloatArray, drawn: float, schedule: LoanSchedule
) -> tuple[float, str]:
    """Smallest of the limits; gearing is linear in the debt because fee, interest and reserve are."""
    loan = terms.loan
    assert loan is not None, "checked by the caller"
    limits = {"DSCR": drawn}
    if sizing.minimum_llcr is not None:
        life = slice(loan.first_payment_month, loan.last_payment_month + 1)
        factors = discount_to(np.full(terms.months, loan.rate / 12.0), loan.first_payment_month - 1)
        owed = float(schedule.balance[0, loan.first_payment_month - 1])
        limits["LLCR"] = drawn * max(float(cash[0, life] @ factors[life]), 0.0) / (sizing.minimum_llcr * owed)
    if sizing.gearing is not None:
        if not 0.0 < sizing.gearing <= 1.0:
            raise ScenarioError(f"sizing.gearing = {sizing.gearing}, must be above 0 and at most 1")
        spent = float(sum(part.sum() for part in terms.capex_cost.values()))
        built = schedule.capitalised[0].sum() + schedule.interest_due[0, : loan.first_payment_month].sum()
        reserve = 0.0
        if terms.lender is not None and terms.lender.reserve_at_close:
            months = int(terms.lender.reserve_months)
            reserve = schedule.service[0, loan.first_payment_month : loan.first_payment_month + months].sum()
        # debt counts with its capitalised interest, as the lender is owed it
        own = float(schedule.capitalised[0].sum()) / drawn
        per_dollar = float(schedule.fee[0].sum() + built + reserve) / drawn
        limits["gearing"] = sizing.gearing * spent / (1.0 + own - sizing.gearing * per_dollar)
    name = min(limits, key=lambda key: limits[key])
    return limits[name], name
