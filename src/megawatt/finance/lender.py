"""What lenders ask for beside payment on time: reserves, cover tests, lock-up, refinancing of a balloon."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.finance.debt import LoanSchedule, level_payment_usd
from megawatt.finance.measures import LEAST_SERVICE_USD
from megawatt.finance.records import Events, LenderTerms, ProjectTerms, Refinancing
from megawatt.finance.reserves import ahead

__all__ = ["CoverTests", "Safeguards", "first_events", "monthly_rate", "safeguards"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_YEAR = 12
"""Months of cover in a test: lenders test on the last twelve months."""


def _months_first(schedule: LoanSchedule) -> LoanSchedule:
    """The schedule with months on the first axis: (months,) stays, (paths, months) becomes (months, paths)."""
    parts = {f.name: np.ascontiguousarray(getattr(schedule, f.name).T) for f in fields(schedule)}
    return LoanSchedule(**parts)


@dataclass(slots=True)
class Safeguards:
    """Schedule, rates and reserves by month, and the balloon's new loan once it is made (per path).

    ``schedule`` has months first, so that a month of it is a number or (paths,). ``rate`` (months,) is the monthly
    interest rate; ``balloon`` is what the last payment repays beyond an ordinary instalment; ``unit_balance`` and
    ``unit_service`` belong to a dollar of the new loan.
    """

    lender: LenderTerms
    schedule: LoanSchedule
    rate: FloatArray
    service: FloatArray
    reserve: FloatArray
    first: int
    last: int
    unit_balance: FloatArray
    unit_service: FloatArray
    unit_reserve: FloatArray
    balloon: FloatArray | float
    refinanced: FloatArray | float = 0.0

    def scheduled_balance(self, m: int) -> FloatArray:
        """Balance at the end of month m if paid on time, the new loan included."""
        return np.asarray(self.schedule.balance[m] + self.refinanced * self.unit_balance[m])

    def reserve_target(self, m: int) -> FloatArray:
        """Restricted cash that should stand at the end of month m."""
        extra = 0.0 if self.lender.other_reserve_usd is None else float(self.lender.other_reserve_usd[m])
        return np.asarray(self.reserve[m] + self.refinanced * self.unit_reserve[m] + extra)

    def repaying(self, m: int) -> bool:
        """Whether the loan is in repayment."""
        return self.first <= m

    def refinance(self, m: int, balance: FloatArray, cfads: FloatArray) -> FloatArray | float:
        """New loan taken in month m, (paths,): what is left of the old one, as far as last year's cash carries it."""
        terms = self.lender.refinancing
        if terms is None or m != self.last:
            return 0.0
        year = cfads[max(m - _YEAR + 1, 0) : m + 1].mean(axis=0)
        per_dollar = level_payment_usd(1.0, terms.rate, terms.payments)
        capacity = np.maximum(year, 0.0) / terms.minimum_dscr / per_dollar
        self.refinanced = np.minimum(np.minimum(self.balloon, balance), capacity)
        return self.refinanced


def safeguards(terms: ProjectTerms, schedule: LoanSchedule, months: int) -> Safeguards:
    """Prepare a run of the waterfall.

    Raises
    ------
    ScenarioError
        If the lender's terms are out of range.
    """
    lender = terms.lender or LenderTerms()
    _check(lender, terms, months)
    loan, by_month = terms.loan, _months_first(schedule)
    first = loan.first_payment_month if loan else months
    last = loan.last_payment_month if loan else months
    service = by_month.service.copy()
    service[:first] = 0.0
    unit_balance, unit_service = _new_loan(lender.refinancing, last, months)
    balloon: FloatArray | float = 0.0
    if loan is not None:
        left = 1.0 if loan.shape == "bullet" else loan.balloon_frac
        balloon = np.asarray(by_month.balance[first - 1] * left)
    return Safeguards(
        lender=lender,
        schedule=by_month,
        rate=monthly_rate(terms),
        service=service,
        reserve=_ahead(service, lender.reserve_months, first - 1),
        first=first,
        last=last,
        unit_balance=unit_balance,
        unit_service=unit_service,
        unit_reserve=_ahead(unit_service, lender.reserve_months, last),
        balloon=balloon,
    )


def monthly_rate(terms: ProjectTerms) -> FloatArray:
    """Interest of each month on its opening balance, (months,): the loan's, then its refinancing's."""
    loan, new = terms.loan, terms.lender.refinancing if terms.lender else None
    rate = np.full(terms.months, loan.rate / 12.0 if loan else 0.0)
    if loan is not None and new is not None:
        rate[loan.last_payment_month + 1 :] = new.rate / 12.0
    return rate


def _ahead(service: FloatArray, reserve_months: float, start: int) -> FloatArray:
    """Reserve that covers the months ahead, months first."""
    held = ahead(np.atleast_2d(service.T), reserve_months, max(start, 0))
    return np.ascontiguousarray(held.reshape(service.T.shape).T)


def _new_loan(new: Refinancing | None, last: int, months: int) -> tuple[FloatArray, FloatArray]:
    """Closing balance and service of a dollar lent in month ``last``, (months,)."""
    balance, service = np.zeros(months), np.zeros(months)
    if new is None:
        return balance, service
    payment, owed = level_payment_usd(1.0, new.rate, new.payments), 1.0
    balance[last] = owed
    for m in range(last + 1, last + new.payments + 1):
        owed = owed * (1.0 + new.rate / 12.0) - payment
        service[m] = payment
        balance[m] = owed if m < last + new.payments else 0.0
    return balance, service


def _check(lender: LenderTerms, terms: ProjectTerms, months: int) -> None:
    if not 0.0 <= lender.sweep_frac <= 1.0:
        raise ScenarioError(f"lender.sweep_frac = {lender.sweep_frac}, must be between 0 and 1")
    if not lender.reserve_months >= 0.0:
        raise ScenarioError(f"lender.reserve_months = {lender.reserve_months}, must be 0 or more")
    if lender.test_every_months < 1 or lender.lockup_release_tests < 1:
        raise ScenarioError("lender.test_every_months, lender.lockup_release_tests: must be 1 or more")
    for name, level in (("lockup_dscr", lender.lockup_dscr), ("covenant_dscr", lender.covenant_dscr)):
        if level is not None and not level > 0.0:
            raise ScenarioError(f"lender.{name} = {level}, must be above 0 (1.15 is usual); leave it out for no test")
    other = lender.other_reserve_usd
    if other is not None and (other.shape != (months,) or not np.all(other >= 0.0)):
        raise ScenarioError(f"lender.other_reserve_usd: must be ({months},) with amounts of 0 or more in USD")
    forced = lender.mandatory_prepayment_usd
    if forced is not None and (forced.ndim != 2 or forced.shape[1] != months or not np.all(forced >= 0.0)):
        raise ScenarioError(
            f"lender.mandatory_prepayment_usd: shape {forced.shape}, must be (paths, {months}), amounts of 0 or more"
        )
    new = lender.refinancing
    if new is None:
        return
    if terms.loan is None or terms.loan.clock_months is not None:
        raise ScenarioError("lender.refinancing: needs a loan with one last payment (no clock per draw)")
    if not (new.payments >= 1 and 0.0 <= new.rate < 1.0 and new.minimum_dscr > 0.0):
        raise ScenarioError(
            f"lender.refinancing: {new.payments} payments at {new.rate} with cover {new.minimum_dscr}; payments must "
            "be 1 or more, the rate 0 to below 1, the cover above 0"
        )
    if terms.loan.last_payment_month + new.payments >= months:
        raise ScenarioError(
            f"lender.refinancing: the new loan ends in month {terms.loan.last_payment_month + new.payments}, after the "
            f"end of the project ({months} months)"
        )


class CoverTests:
    """Trailing-twelve-month cover at test dates, and whether the project is locked up or in breach, by path."""

    __slots__ = ("_cash", "_clean", "_guard", "_months", "_service", "breached", "locked")

    def __init__(self, guard: Safeguards, paths: int) -> None:
        self._guard = guard
        self._cash = np.zeros((_YEAR, paths))
        self._service = np.zeros((_YEAR, paths))
        self._clean = np.zeros(paths, dtype=np.int64)
        self._months = 0
        self.locked: BoolArray = np.zeros(paths, dtype=np.bool_)
        self.breached: BoolArray = np.zeros(paths, dtype=np.bool_)

    def observe(self, m: int, cfads: FloatArray) -> None:
        """Take in a month; test if it is a test date."""
        guard, lender = self._guard, self._guard.lender
        if (lender.lockup_dscr is None and lender.covenant_dscr is None) or not guard.repaying(m):
            return
        self._cash[self._months % _YEAR] = cfads
        self._service[self._months % _YEAR] = guard.service[m] + guard.refinanced * guard.unit_service[m]
        self._months += 1
        if self._months < _YEAR or (self._months - _YEAR) % lender.test_every_months:
            return
        cash, service = self._cash.sum(axis=0), self._service.sum(axis=0)
        due = service > LEAST_SERVICE_USD
        cover = np.where(due, cash / np.where(due, service, 1.0), np.inf)
        if lender.covenant_dscr is not None:
            self.breached = cover < lender.covenant_dscr
        if lender.lockup_dscr is not None:
            low = cover < lender.lockup_dscr
            self._clean = np.where(low, 0, self._clean + 1)
            self.locked = low | (self.locked & (self._clean < lender.lockup_release_tests))


def _first(flags: BoolArray) -> NDArray[np.int64]:
    """First month (axis 0) that is set, by path; -1 if none."""
    return np.where(flags.any(axis=0), flags.argmax(axis=0), -1).astype(np.int64)


def first_events(
    *,
    locked: BoolArray,
    breached: BoolArray,
    shortfall: FloatArray,
    cash_ahead: FloatArray,
    cash: FloatArray,
    debt: FloatArray,
    monthly_rate: FloatArray,
) -> Events:
    """First month of lock-up, covenant breach, payment default and insolvency, arrays (months, paths).

    Insolvency: debt above cash in hand plus the worth, at the loan's rate, of CFADS and sale still to come on that
    path.

    Parameters
    ----------
    cash_ahead : array
        CFADS and proceeds of the sale by month. [USD]
    cash, debt : array
        Closing cash and balance. [USD]
    monthly_rate : (months,)
        The loan's rate per month.
    """
    worth = np.zeros(cash.shape[1])
    insolvent = np.zeros(cash.shape, dtype=np.bool_)
    for m in range(cash.shape[0] - 1, -1, -1):
        insolvent[m] = debt[m] > worth + cash[m] + 0.005
        worth = (worth + cash_ahead[m]) / (1.0 + monthly_rate[m])
    return Events(_first(locked), _first(breached), _first(shortfall > 0.0), _first(insolvent))
