"""Money behind the senior loan: second lien, mezzanine and preferred, paid in order from what the senior lets out.

A junior tranche lends to the owners (or to the company above the project): it is drawn in place of what they pay while
the project is built (their cures and what they repay ahead are their own), falls due on the loan's payment dates, gets
nothing while the senior's reserves, sweep or lock-up hold cash back, and cannot bring the senior loan into default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.finance.measures import CENT
from megawatt.finance.records import CashFlow, JuniorTerms, equity_of_construction

__all__ = ["Stack", "Tranche", "TrancheLosses", "stack_below", "tranche_losses"]


@dataclass(frozen=True, slots=True)
class Tranche:
    """A tranche by period, arrays (paths, periods): balance = balance before + draw + accrued - interest - principal -
    converted.

    ``accrued`` is all interest of the period, paid or not; ``arrears`` is what was due at its end and is not paid;
    ``converted`` is principal that was repaid in shares.
    """

    terms: JuniorTerms
    draw: FloatArray
    accrued: FloatArray
    interest_paid: FloatArray
    principal_paid: FloatArray
    balance: FloatArray
    arrears: FloatArray
    converted: FloatArray

    @property
    def drawn_usd(self) -> float:
        """All draws of the first path."""
        return float(self.draw[0].sum())

    @property
    def paid_usd(self) -> float:
        """All that the first path pays it."""
        return float((self.interest_paid + self.principal_paid)[0].sum())

    @property
    def converted_usd(self) -> float:
        """Principal of the first path that was repaid in shares."""
        return float(self.converted[0].sum())

    @property
    def unpaid_at_end_usd(self) -> float:
        """What the first path still owes it at the end of the project."""
        return float(self.balance[0, -1])


@dataclass(frozen=True, slots=True)
class Stack:
    """Junior tranches in order, and what is left to the owners, arrays (paths, periods). [USD]"""

    tranches: tuple[Tranche, ...]
    equity_in: FloatArray
    distributions: FloatArray


@dataclass(frozen=True, slots=True)
class TrancheLosses:
    """What a tranche or facility suffers by path, (paths,): late in some period, owed at its last payment, and never
    repaid as of the end and of the start, at its own rate. [USD]
    """

    name: str
    late: BoolArray
    owed: FloatArray
    lost: FloatArray
    lost_today: FloatArray


def tranche_losses(cash: CashFlow) -> tuple[TrancheLosses, ...]:
    """Facilities beside the loan and tranches behind it (``cash.terms.juniors``), on every path."""
    loan, fractions = cash.terms.loan, cash.terms.timing.fractions
    out = []
    for line in cash.facilities:
        assert loan is not None, "no facility without a loan"
        drawn = np.asarray((line.draw > CENT).any(axis=1))
        out.append(_losses(line.terms.name, drawn, line.balance, line.terms.rate * fractions, loan.last_payment_month))
    for one in _stacked(cash, cash.terms.juniors).tranches:
        rates = (one.terms.rate + one.terms.pik_rate) * fractions
        late = np.asarray((one.arrears > 0.0).any(axis=1))
        out.append(_losses(one.terms.name, late, one.balance, rates, one.terms.last_payment_month))
    return tuple(out)


def _losses(name: str, late: BoolArray, balance: FloatArray, rates: FloatArray, last: int) -> TrancheLosses:
    left = np.where(balance[:, -1] > CENT, balance[:, -1], 0.0)
    owed = np.where(balance[:, last] > CENT, balance[:, last], 0.0)
    return TrancheLosses(name, late, owed, left, left / float(np.prod(1.0 + rates)))


def stack_below(cash: CashFlow, juniors: Sequence[JuniorTerms]) -> Stack:
    """Junior tranches on what a project asks of its owners and pays them.

    Parameters
    ----------
    cash : CashFlow
        Result of `project`, with its senior loan or without.
    juniors : sequence of JuniorTerms
        In the order in which they are paid.

    Raises
    ------
    ScenarioError
        If terms are out of range.
    InfeasibleError
        If they bring more than owners are asked for.
    """
    months = cash.terms.months
    for junior in juniors:
        _check(junior, months)
    asked = float(equity_of_construction(cash)[0].sum())
    amount = sum(junior.amount_usd for junior in juniors)
    if amount > asked * (1.0 + 1e-9):
        raise InfeasibleError(
            f"debt.junior: {amount:,.0f} USD are more than the {asked:,.0f} USD that the project asks of its "
            "owners; lower them, or the senior loan"
        )
    return _stacked(cash, juniors)


def _stacked(cash: CashFlow, juniors: Sequence[JuniorTerms]) -> Stack:
    """Tranches on every path; a path that asks less of its owners draws less."""
    equity, left = equity_of_construction(cash), cash.distributions.copy()
    later = cash.equity_in - equity
    asked = equity.sum(axis=1)
    share = equity / np.where(asked > 0.0, asked, 1.0)[:, None]
    tranches = []
    for junior in juniors:
        # what earlier tranches have taken is not there to be taken again
        room = equity.sum(axis=1)
        draw = share * np.minimum(junior.amount_usd, room)[:, None]
        tranche, left = _served(cash, junior, draw, left)
        equity = np.maximum(equity - draw, 0.0)
        tranches.append(tranche)
    return Stack(tuple(tranches), np.maximum(equity, 0.0) + later, left)


def _served(cash: CashFlow, terms: JuniorTerms, draw: FloatArray, left: FloatArray) -> tuple[Tranche, FloatArray]:
    """The tranche, and the cash after it."""
    fractions, left = cash.terms.timing.fractions, left.copy()
    accrued, interest, principal, balance, arrears, converted = (np.zeros(draw.shape) for _ in range(6))
    owed = at_first = np.zeros(draw.shape[0])
    first, last = terms.first_payment_month, terms.last_payment_month
    every = cash.terms.loan.every if cash.terms.loan else 1
    # interest since the last payment date: it is not added before the next one
    pending = np.zeros(draw.shape[0])
    for k in range(draw.shape[1]):
        if k == first:
            at_first = owed
        paying = (owed - pending) * terms.rate * fractions[k]
        accrued[:, k] = paying + (owed - pending) * terms.pik_rate * fractions[k]
        most = pending + accrued[:, k]
        paying, on_date = pending + paying, k >= first and (k - first + 1) % every == 0
        closing = owed + draw[:, k] + accrued[:, k]
        if k < last:
            # until the last period what is kept back or not amortised yet is not due; interest that was added is not
            kept = at_first * (last - k) / (last - first + 1) if terms.shape == "equal-principal" else at_first
            due = paying + np.maximum(owed - pending - np.maximum(kept, 0.0), 0.0) * (terms.shape == "equal-principal")
            due = due if on_date else np.zeros_like(due)
        else:
            if k == last and terms.converted_worth is not None:
                # worth more in shares than in cash: what is left but this period's interest
                converted[:, k] = np.where(_shares_worth(cash, terms) >= 1.0, closing - paying, 0.0)
                closing = closing - converted[:, k]
            due = closing
        paid = np.minimum(np.minimum(left[:, k], due), closing)
        prepaid = np.minimum(terms.sweep_frac * (left[:, k] - paid), closing - paid)
        interest[:, k] = np.minimum(paid + prepaid, most)
        principal[:, k] = paid + prepaid - interest[:, k]
        owed = closing - paid - prepaid
        pending = np.zeros_like(owed) if k < first or on_date else np.maximum(paying - paid - prepaid, 0.0)
        balance[:, k], left[:, k] = owed, left[:, k] - paid - prepaid
        short = np.minimum(due - paid, owed)
        arrears[:, k] = np.where(short > CENT, short, 0.0)
    return Tranche(terms, draw, accrued, interest, principal, balance, arrears, converted), left


def _shares_worth(cash: CashFlow, terms: JuniorTerms) -> FloatArray | float:
    """Worth of the shares that a dollar converts into, (paths,): as expected, moved with shares at large."""
    money, expected = cash.terms.money, terms.converted_worth or 0.0
    if money is None:
        return expected
    return np.asarray(expected * money.equity[:, terms.last_payment_month] ** terms.share_beta)


def _check(terms: JuniorTerms, months: int) -> None:
    if not terms.amount_usd > 0.0 or terms.shape not in ("bullet", "equal-principal"):
        raise ScenarioError(
            f"debt.junior {terms.name!r}: {terms.amount_usd} USD, {terms.shape!r}; must be above 0, and bullet or "
            "equal-principal"
        )
    if min(terms.rate, terms.pik_rate) < 0.0 or not 0.0 <= terms.sweep_frac <= 1.0:
        raise ScenarioError(f"debt.junior {terms.name!r}: rates must be 0 or more, the sweep between 0 and 1")
    if not 0 <= terms.first_payment_month <= terms.last_payment_month < months:
        raise ScenarioError(
            f"debt.junior {terms.name!r}: payments in months {terms.first_payment_month} to "
            f"{terms.last_payment_month}, must lie in order within the project's {months} months"
        )
