"""Cover tests on each path: lock-up, breach, cures, and the first month of each event."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import BoolArray, FloatArray
from megawatt.finance.lender import Safeguards
from megawatt.finance.measures import CENT, LEAST_SERVICE_USD
from megawatt.finance.records import Events

__all__ = ["CoverTests", "first_events"]


class CoverTests:
    """Cover over the last twelve months at test dates, and whether the project is locked up or in breach, by path."""

    __slots__ = ("_cash", "_clean", "_cured", "_cures", "_every", "_guard", "_seen", "_service", "breached", "locked")

    def __init__(self, guard: Safeguards, paths: int) -> None:
        self._guard = guard
        self._cash = np.zeros((guard.year, paths))
        self._service = np.zeros((guard.year, paths))
        self._clean = np.zeros(paths, dtype=np.int64)
        self._every = max(guard.lender.test_every_months * guard.year // 12, 1)
        self._seen = 0
        self._cured = np.zeros((guard.year, paths), dtype=np.bool_)
        self._cures = np.zeros(paths, dtype=np.int64)
        self.locked: BoolArray = np.zeros(paths, dtype=np.bool_)
        self.breached: BoolArray = np.zeros(paths, dtype=np.bool_)

    def observe(
        self, m: int, cfads: FloatArray, left: FloatArray, owes: BoolArray, behind: BoolArray
    ) -> FloatArray | float:
        """Take in a period; test if it is a test date and anything is owed (``owes``, (paths,)).

        ``left`` (paths,) is what prepayments left of its service. Returns what owners put in to cure a breach,
        (paths,): nothing where service is unpaid (``behind``).
        """
        guard, lender, year = self._guard, self._guard.lender, self._guard.year
        if (lender.lockup_dscr is None and lender.covenant_dscr is None) or not guard.repaying(m):
            return 0.0
        place = self._seen % year
        self._cash[place], self._cured[place] = cfads, False
        self._service[place] = left * (guard.service[m] + guard.refinanced * guard.unit_service[m])
        self._seen += 1
        if self._seen < year or (self._seen - year) % self._every:
            return 0.0
        cash, service = self._cash.sum(axis=0), self._service.sum(axis=0)
        due = (service > LEAST_SERVICE_USD) & owes
        cover = np.where(due, cash / np.where(due, service, 1.0), np.inf)
        paid: FloatArray | float = 0.0
        if lender.covenant_dscr is not None:
            self.breached = cover < lender.covenant_dscr
            if lender.cures_most > 0:
                can = (self._cures < lender.cures_most) & (self._cured.sum(axis=0) < lender.cures_per_year)
                cures = self.breached & can & ~behind
                paid = np.where(cures, lender.covenant_dscr * service - cash, 0.0)
                self._cash[place] += paid
                self._cured[place], self.breached = cures, self.breached & ~cures
                self._cures = self._cures + cures
        if lender.lockup_dscr is not None:
            low = cover < lender.lockup_dscr
            self._clean = np.where(low, 0, self._clean + 1)
            self.locked = low | (self.locked & (self._clean < lender.lockup_release_tests))
        return paid

    @property
    def cured(self) -> BoolArray:
        """Whether the money of a cure counts in the tested year, (paths,)."""
        return np.asarray(self._cured.any(axis=0))


def _first(flags: BoolArray) -> NDArray[np.int64]:
    """First month (axis 0) that is set, by path; -1 if none."""
    return np.where(flags.any(axis=0), flags.argmax(axis=0), -1).astype(np.int64)


def first_events(
    *,
    locked: BoolArray,
    breached: BoolArray,
    arrears: FloatArray,
    balloon: FloatArray,
    cash_ahead: FloatArray,
    cash: FloatArray,
    debt: FloatArray,
    rates: FloatArray,
) -> Events:
    """First month of lock-up, covenant breach, payment default and insolvency, arrays (periods, paths).

    Insolvency: debt above cash in hand plus the worth, at the loan's rate, of CFADS and sale still to come on that
    path.

    Parameters
    ----------
    arrears, balloon : array
        Owed and unpaid, and the part of it that is a balloon. [USD]
    cash_ahead : array
        CFADS and proceeds of the sale by month. [USD]
    cash, debt : array
        Closing cash and balance. [USD]
    rates : (periods,)
        The loan's rate of each period.
    """
    worth = np.zeros(cash.shape[1])
    insolvent = np.zeros(cash.shape, dtype=np.bool_)
    for m in range(cash.shape[0] - 1, -1, -1):
        insolvent[m] = debt[m] > worth + cash[m] + CENT
        worth = (worth + cash_ahead[m]) / (1.0 + rates[m])
    return Events(
        _first(locked), _first(breached), _first(arrears - balloon > 0.0), _first(balloon > 0.0), _first(insolvent)
    )
