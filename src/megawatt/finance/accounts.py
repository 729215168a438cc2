"""What a run of the waterfall reads and writes: inputs, statements, the accounts that periods hand on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.finance.facilities import Lines
from megawatt.finance.lender import Safeguards
from megawatt.finance.records import ProjectTerms
from megawatt.finance.tax import Carried, YearIncome

__all__ = ["Accounts", "Inputs", "Run", "Statements", "empty_statements", "held"]


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
    that prepayments out of termination payments have left. ``charges`` are fees of facilities and premiums on what is
    prepaid, ``cures`` the part of ``equity_in`` that cures a covenant.

    ``tax`` is on operation as paid, ``tax_accrued`` as the year goes on; the tax on the sale's gain is taken off
    ``residual``. ``draw`` includes a refinancing, ``not_refinanced`` is what it leaves of the balloon.
    ``owners_tax`` is what owners are taxed on the project's income.
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
    charges: FloatArray
    cures: FloatArray
    not_refinanced: FloatArray
    draw: FloatArray
    reserve_interest: FloatArray
    state_tax: FloatArray
    owners_tax: FloatArray
    locked: NDArray[np.bool_]
    breached: NDArray[np.bool_]

    def cover_cash(self, span: slice) -> FloatArray:
        """CFADS of some periods with the tax accrued in them instead of the tax paid, (periods, paths)."""
        return np.asarray(self.cfads[span] + self.tax[span] - self.tax_accrued[span])


@dataclass(slots=True)
class Accounts:
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
    premium: FloatArray
    """Premiums paid in the period before, deducted for tax in this one."""


@dataclass(frozen=True, slots=True)
class Run:
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
    lines: Lines
    acc: Accounts
    done: Statements

    @property
    def last(self) -> int:
        """Index of the last period."""
        return self.settles.size - 1


def empty_statements(count: int, paths: int) -> Statements:
    shape = (count, paths)
    money = {name: np.zeros(shape) for name in Statements.__slots__ if name not in ("locked", "breached")}
    return Statements(**money, locked=np.zeros(shape, dtype=np.bool_), breached=np.zeros(shape, dtype=np.bool_))


def held(run: Run, m: int) -> FloatArray:
    """Reserves that should stand at the end of period m; none in the last."""
    if m == run.last:
        return np.zeros_like(run.acc.cash)
    guard = run.guard
    return np.asarray(guard.reserve_target(m) * run.acc.scale + guard.opex_target(m) + guard.interest_reserve[m])
