"""Money behind the senior loan: second lien, mezzanine and preferred, paid in order from what the senior lets out.

A junior tranche lends to the owners (or to the company above the project): it is drawn in place of their money, gets
nothing while the senior's reserves, sweep or lock-up hold cash back, and cannot bring the senior loan into default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.finance.records import CashFlow

__all__ = ["JuniorTerms", "Stack", "Tranche", "stack_below"]

_CENT = 0.005
"""Amounts below half a cent are rounding, not arrears. [USD]"""


@dataclass(frozen=True, slots=True)
class JuniorTerms:
    """A junior tranche.

    Attributes
    ----------
    name, kind : str
        What it is called, and what it is; the kind changes no number.
    amount_usd : float
        Drawn in proportion to the owners' money, in whose place it comes.
    rate, pik_rate : float
        Annual rates paid in cash, and added to the balance. Cash interest that cannot be paid is added too.
    first_payment_month, last_payment_month : int
        Periods between which principal falls due; cash interest is owed from the first on.
    shape : str
        ``bullet``: all of it in the last period; ``equal-principal``.
    sweep_frac : float
        Share of what is left after what is due that prepays it.
    """

    name: str
    kind: str
    amount_usd: float
    rate: float
    pik_rate: float
    first_payment_month: int
    last_payment_month: int
    shape: str = "bullet"
    sweep_frac: float = 0.0


@dataclass(frozen=True, slots=True)
class Tranche:
    """A tranche by period, arrays (paths, periods): balance = balance before + draw + accrued - interest - principal.

    ``accrued`` is all interest of the period, paid or not; ``arrears`` is what was due at its end and is not paid.
    """

    terms: JuniorTerms
    draw: FloatArray
    accrued: FloatArray
    interest_paid: FloatArray
    principal_paid: FloatArray
    balance: FloatArray
    arrears: FloatArray

    @property
    def drawn_usd(self) -> float:
        """All draws of the first path."""
        return float(self.draw[0].sum())

    @property
    def paid_usd(self) -> float:
        """All that the first path pays it."""
        return float((self.interest_paid + self.principal_paid)[0].sum())

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
    equity, left = cash.equity_in.copy(), cash.distributions.copy()
    asked = equity.sum(axis=1)
    amount = sum(junior.amount_usd for junior in juniors)
    if amount > float(asked[0]) * (1.0 + 1e-9):
        raise InfeasibleError(
            f"debt.junior: {amount:,.0f} USD are more than the {float(asked[0]):,.0f} USD that the project asks of its "
            "owners; lower them, or the senior loan"
        )
    share = equity / np.where(asked > 0.0, asked, 1.0)[:, None]
    tranches = []
    for junior in juniors:
        # a path that asks less of its owners draws no more than that
        draw = share * np.minimum(junior.amount_usd, asked)[:, None]
        tranche, left = _served(cash, junior, draw, left)
        equity = equity - draw
        tranches.append(tranche)
    return Stack(tuple(tranches), np.maximum(equity, 0.0), left)


def _served(cash: CashFlow, terms: JuniorTerms, draw: FloatArray, left: FloatArray) -> tuple[Tranche, FloatArray]:
    """The tranche, and the cash after it."""
    fractions, left = cash.terms.timing.fractions, left.copy()
    accrued, interest, principal, balance, arrears = (np.zeros(draw.shape) for _ in range(5))
    owed = at_first = np.zeros(draw.shape[0])
    first, last = terms.first_payment_month, terms.last_payment_month
    for k in range(draw.shape[1]):
        if k == first:
            at_first = owed
        paying = owed * terms.rate * fractions[k]
        accrued[:, k] = paying + owed * terms.pik_rate * fractions[k]
        closing = owed + draw[:, k] + accrued[:, k]
        if k < last:
            # until the last period what is kept back or not amortised yet is not due; interest that was added is not
            kept = at_first * (last - k) / (last - first + 1) if terms.shape == "equal-principal" else at_first
            due = paying + np.maximum(owed - np.maximum(kept, 0.0), 0.0) * (terms.shape == "equal-principal")
            due = due if k >= first else np.zeros_like(due)
        else:
            due = closing
        paid = np.minimum(np.minimum(left[:, k], due), closing)
        prepaid = np.minimum(terms.sweep_frac * (left[:, k] - paid), closing - paid)
        interest[:, k] = np.minimum(paid + prepaid, accrued[:, k])
        principal[:, k] = paid + prepaid - interest[:, k]
        owed = closing - paid - prepaid
        balance[:, k], left[:, k] = owed, left[:, k] - paid - prepaid
        short = np.minimum(due - paid, owed)
        arrears[:, k] = np.where(short > _CENT, short, 0.0)
    return Tranche(terms, draw, accrued, interest, principal, balance, arrears), left


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
