"""Revolvers and letters of credit: drawn before a payment is missed, repaid from the first cash after service."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.debt import LoanSchedule
from megawatt.finance.debt_terms import FacilityTerms, LoanTerms
from megawatt.finance.periods import Periods

__all__ = ["Facility", "Lines", "idle_fees"]


@dataclass(frozen=True, slots=True)
class Facility:
    """A facility by period, (paths, periods): balance = balance before + interest + draw - repaid. [USD]

    ``limit`` (paths,) is the most that is drawn; interest is added to it.
    """

    terms: FacilityTerms
    limit: FloatArray
    interest: FloatArray
    draw: FloatArray
    repaid: FloatArray
    balance: FloatArray


def _limit(terms: FacilityTerms, loan: LoanTerms, schedule: LoanSchedule, periods: Periods) -> FloatArray:
    """Most that is drawn, (1,) or (paths,). [USD]"""
    if min(terms.limit_usd, terms.limit_months, terms.rate, terms.fee) < 0.0:
        raise ScenarioError(f"lender.facilities {terms.name!r}: limit, rate and fee must be 0 or more")
    paid = (schedule.service - schedule.balloon)[..., loan.window.slice].sum(axis=-1)
    length = (loan.last_payment_month - loan.first_payment_month + 1) * periods.months
    return np.atleast_1d(np.asarray(terms.limit_usd + terms.limit_months * paid / length))


def _pays_fee(terms: FacilityTerms, loan: LoanTerms, count: int) -> FloatArray:
    """1 in the periods with a fee, (periods,): from the loan's draw; months of service are stood in for from the first
    payment period on.
    """
    place = np.arange(count)
    begins = loan.first_payment_month if terms.limit_months > 0.0 else loan.draw_month
    return np.asarray((place >= begins) & (place <= loan.last_payment_month), dtype=np.float64)


def idle_fees(
    facilities: tuple[FacilityTerms, ...], loan: LoanTerms, schedule: LoanSchedule, periods: Periods
) -> FloatArray:
    """Fees of facilities that are never drawn, (periods,) or (paths, periods). [USD]"""
    total = np.zeros(periods.count)
    for terms in facilities:
        limit = _limit(terms, loan, schedule, periods)
        limit = limit[:, None] if schedule.service.ndim == 2 else limit
        total = total + terms.fee * periods.fractions * _pays_fee(terms, loan, periods.count) * limit
    return total


class Lines:
    """The facilities of a run, period by period: balances by facility, (facilities, paths)."""

    __slots__ = ("_done", "_fees", "_fractions", "_loan", "balance", "limit", "terms")

    def __init__(
        self,
        terms: tuple[FacilityTerms, ...],
        loan: LoanTerms | None,
        schedule: LoanSchedule,
        periods: Periods,
        paths: int,
    ) -> None:
        self.terms = () if loan is None else terms
        self._loan, self._fractions = loan, periods.fractions
        shape = (len(self.terms), paths)
        self.balance = np.zeros(shape)
        self.limit, self._fees = np.zeros(shape), np.zeros((len(self.terms), periods.count))
        if loan is not None:
            for i, one in enumerate(self.terms):
                self.limit[i] = _limit(one, loan, schedule, periods)
                self._fees[i] = one.fee * periods.fractions * _pays_fee(one, loan, periods.count)
        self._done = np.zeros((4, len(self.terms), periods.count, paths))

    def cost(self, m: int) -> tuple[FloatArray, FloatArray]:
        """Interest that is added in period m, and the fee that is paid, (paths,). [USD]"""
        rates = np.array([one.rate for one in self.terms]) * self._fractions[m]
        interest = self.balance * rates[:, None]
        fee = (np.maximum(self.limit - self.balance, 0.0) * self._fees[:, m, None]).sum(axis=0)
        self.balance = self.balance + interest
        self._done[0, :, m] = interest
        return interest.sum(axis=0), fee

    def draw(self, m: int, service: FloatArray, bills: FloatArray) -> FloatArray:
        """Drawn for service and bills that cash does not pay, (paths,). [USD]"""
        loan, total = self._loan, np.zeros_like(service)
        if loan is None or not loan.first_payment_month <= m <= loan.last_payment_month:
            return total
        for i, one in enumerate(self.terms):
            left = np.maximum(self.limit[i] - self.balance[i], 0.0)
            paid = np.minimum(bills, left) if one.pays_bills else np.zeros_like(bills)
            bills = bills - paid
            # cash below zero goes before service
            served = np.where(bills > 0.0, 0.0, np.minimum(service, left - paid))
            service = service - served
            self._done[1, i, m] = paid + served
            self.balance[i] += paid + served
            total = total + paid + served
        return total

    def repay(self, m: int, cash: FloatArray) -> FloatArray:
        """Repaid from cash, (paths,). [USD]"""
        left = cash
        for i in range(len(self.terms)):
            paid = np.minimum(left, self.balance[i])
            self._done[2, i, m] += paid
            self.balance[i] -= paid
            left = left - paid
        return np.asarray(cash - left)

    def unpaid(self, m: int) -> FloatArray | float:
        """Due and unpaid at the end of a period, (paths,): what is drawn once the loan's last payment has come."""
        if self._loan is None or m < self._loan.last_payment_month:
            return 0.0
        return np.asarray(self.balance.sum(axis=0))

    def close(self, m: int) -> None:
        """Note the closing balances of a period."""
        self._done[3, :, m] = self.balance

    def facilities(self) -> tuple[Facility, ...]:
        """What was drawn and repaid, by facility."""
        return tuple(
            Facility(one, self.limit[i], *(part[i].T for part in self._done)) for i, one in enumerate(self.terms)
        )
