"""What a unit costs and what price it needs: levelised cost of compute, break-even price, further cover ratios."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.engine import npv_before_debt_usd
from megawatt.finance.measures import LEAST_SERVICE_USD, discount_factors, llcr
from megawatt.finance.records import CashFlow, OperatingFlows, ProjectTerms

__all__ = ["break_even_factor", "forward_dscr", "interest_cover", "levelised", "levelised_cost", "project_life_cover"]


_STEPS: Final = 80
"""Halvings at most."""
_REST: Final = 1e-12
"""Width of the bracket, as a share of the price, that ends the search."""


def levelised(cost: FloatArray, units: FloatArray, factors: FloatArray, unit_factors: FloatArray) -> FloatArray:
    """Present value of costs over present value of units, (paths,). [USD per unit]

    With the same factors for both this is the constant nominal price that pays the costs; with units discounted at the
    real rate it is the constant real price. Units may be chip-hours, MWh of IT energy or million tokens, sold or
    available: the caller says which.

    Raises
    ------
    ScenarioError
        If there are no units.
    """
    amount = units @ unit_factors
    if not np.all(amount > 0.0):
        raise ScenarioError("levelised cost: no units to spread the cost on; give units above 0 in some period")
    return np.asarray((cost @ factors) / amount, dtype=np.float64)


def levelised_cost(cash: CashFlow, units: FloatArray, *, inflation: float | None = None) -> FloatArray:
    """Cost of a unit after tax and before debt, return at the discount rate included, (paths,). [USD per unit]

    (present value of cash revenue - NPV) / present value of units. Constant nominal price; with ``inflation`` constant
    in the money of the project's start (units discounted at the real rate). Equal to the levelised price exactly where
    the NPV is zero.

    Parameters
    ----------
    cash : CashFlow
        Statements.
    units : array, (months,) or (paths, months)
        What is produced: chip-hours (sold or available: the caller says which), MWh of IT energy, million tokens.
    inflation : float, optional
        Annual.

    Raises
    ------
    ScenarioError
        If there are no units.
    """
    years, rate = cash.terms.timing.years, cash.terms.discount_rate
    factors = discount_factors(rate, years)
    real = factors if inflation is None else discount_factors((1.0 + rate) / (1.0 + inflation) - 1.0, years)
    received = cash.revenue_total - cash.flows.prepayment_credit + cash.flows.prepayment
    worth = received @ factors - cash.measures.npv_usd
    return levelised(worth[:, None], np.atleast_2d(units), np.ones(1), real)


def break_even_factor(
    terms: ProjectTerms, flows: OperatingFlows, part: str, *, with_prepayments: bool = False
) -> float:
    """Factor on one revenue part at which the NPV after tax and before debt is zero, first path. [1]

    The price that breaks even is the part's price times this factor. Found on the whole model, loss carry-forward
    included, by a secant kept inside a bracket.

    Parameters
    ----------
    terms, flows : ProjectTerms, OperatingFlows
        The case.
    part : str
        Name of the revenue part.
    with_prepayments : bool
        Prepayments and their credits are a share of this part's price and move with it.

    Raises
    ------
    ScenarioError
        If there is no such part, it earns nothing, or no factor up to a million breaks even.
    """
    if part not in flows.revenue or not np.any(flows.revenue[part][0] > 0.0):
        raise ScenarioError(f"break-even: revenue part {part!r} earns nothing; given: {', '.join(flows.revenue)}")

    def value(factor: float) -> float:
        scaled = {**flows.revenue, part: flows.revenue[part] * factor}
        moved = replace(flows, revenue=scaled)
        if with_prepayments:
            paid, credit = flows.prepayment * factor, flows.prepayment_credit * factor
            moved = replace(moved, prepayment=paid, prepayment_credit=credit)
        return float(npv_before_debt_usd(terms, moved)[0])

    low, high, at_low, at_high = 0.0, 1.0, value(0.0), value(1.0)
    if at_low >= 0.0:
        return 0.0
    while at_high < 0.0:
        low, at_low, high = high, at_high, 2.0 * high
        if high > 1e6:
            raise ScenarioError(
                f"break-even: no factor on {part!r} up to a million makes the project worth nothing less"
            )
        at_high = value(high)
    for _ in range(_STEPS):
        guess = low - at_low * (high - low) / (at_high - at_low)
        guess = guess if low < guess < high else 0.5 * (low + high)
        found = value(guess)
        if found < 0.0:
            # Illinois step: halve the kept end, so that the bracket closes from both sides
            low, at_low, at_high = guess, found, 0.5 * at_high
        else:
            high, at_high, at_low = guess, found, 0.5 * at_low
        if high - low <= _REST * high or found == 0.0:
            return guess
    return 0.5 * (low + high)


def forward_dscr(cfads: FloatArray, service: FloatArray, window: int = 12) -> FloatArray:
    """CFADS over service due, both summed over the month and the ``window`` - 1 after it, (paths, months).

    NaN where no service is due in the month or the window reaches past the last service.

    Parameters
    ----------
    cfads : array, (paths, months)
        Cash flow available for debt service. [USD]
    service : array, (months,)
        Interest and principal due. [USD]
    """
    out = np.full(cfads.shape, np.nan)
    due = np.flatnonzero(service > LEAST_SERVICE_USD)
    if due.size == 0:
        return out
    for m in range(int(due[0]), int(due[-1]) - window + 2):
        if service[m] > LEAST_SERVICE_USD:
            span = slice(m, m + window)
            out[:, m] = cfads[:, span].sum(axis=1) / service[span].sum()
    return out


def interest_cover(cash: CashFlow, window: int = 12) -> FloatArray:
    """ICR: revenue less operating cost over interest paid, trailing ``window`` months, (paths, months).

    NaN without interest, and where the window holds months before the loan is repaid: nothing is earned that interest
    of construction could be covered by. A loan of fewer months has one value, over all of them.
    """
    loan = cash.terms.loan
    out: FloatArray = np.full(cash.interest_paid.shape, np.nan)
    if loan is None:
        return out
    earned, first = cash.revenue_total - cash.opex_total, loan.first_payment_month
    window = min(window, loan.last_payment_month - first + 1)
    for m in range(first + window - 1, cash.terms.months):
        span = slice(m - window + 1, m + 1)
        interest = cash.interest_paid[:, span].sum(axis=1)
        due = interest > LEAST_SERVICE_USD
        out[:, m] = np.where(due, earned[:, span].sum(axis=1) / np.where(due, interest, 1.0), np.nan)
    return out


def project_life_cover(cash: CashFlow, service: FloatArray) -> FloatArray:
    """PLCR: worth of CFADS to the end of the project at the loan's rate over the debt at the first payment, (paths,).

    The sale is not part of CFADS. ``service`` is due from the first payment on, zero before.
    """
    loan = cash.terms.loan
    if loan is None:
        return np.full(cash.cfads.shape[0], np.nan)
    balance = cash.debt_balance[:, loan.first_payment_month - 1]
    return llcr(loan.gathered(cash.cover_cash), service, loan.period_rates(cash.terms.timing), balance, to_end=True)
