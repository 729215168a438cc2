"""What lenders ask for beside payment on time: reserves, sweeps, refinancing of a balloon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.debt import LoanSchedule
from megawatt.finance.measures import CENT, LEAST_SERVICE_USD
from megawatt.finance.money_market import check_money, moved_rates, new_loan
from megawatt.finance.periods import Periods
from megawatt.finance.prepayment import Prices, prices
from megawatt.finance.records import LenderTerms, LoanTerms, ProjectTerms, Refinancing
from megawatt.finance.reserves import ahead

__all__ = ["Safeguards", "period_rates", "safeguards"]


def _periods_first(schedule: LoanSchedule) -> LoanSchedule:
    """The schedule with periods on the first axis: (periods,) stays, (paths, periods) becomes (periods, paths)."""
    parts = {f.name: np.ascontiguousarray(getattr(schedule, f.name).T) for f in fields(schedule)}
    return LoanSchedule(**parts)


@dataclass(slots=True)
class Safeguards:
    """Schedule, rates and reserves by period, and the balloon's new loan once it is made (per path).

    ``schedule`` has periods first, so that a period of it is a number or (paths,). ``rate`` (periods,) is the interest
    rate that falls due in each period, (periods, paths) where it floats; ``pays`` (periods,) where payments and with
    them sweeps and distributions fall,
    ``prices`` what prepaying costs beside itself, ``year`` the periods in a year; ``reserve`` is for service,
    ``opex_reserve`` for running cost; ``owed`` is the balance at the first payment; ``holds_proceeds`` and
    ``charges_premiums``: termination payments come, and a prepayment costs more than itself, on some path;
    ``service`` leaves the balloon out, which is what the last payment repays beyond an ordinary instalment;
    ``unit_balance`` and ``unit_service`` belong to a dollar of the new loan.
    """

    lender: LenderTerms
    schedule: LoanSchedule
    rate: FloatArray
    pays: BoolArray
    prices: Prices
    owed: FloatArray | float
    holds_proceeds: bool
    charges_premiums: bool
    service: FloatArray
    reserve: FloatArray
    opex_reserve: FloatArray
    year: int
    first: int
    last: int
    unit_balance: FloatArray
    unit_service: FloatArray
    unit_reserve: FloatArray
    interest_reserve: FloatArray
    balloon: FloatArray | float
    service_so_far: FloatArray
    bills_so_far: FloatArray
    refinanced: FloatArray | float = 0.0

    def scheduled_balance(self, m: int) -> FloatArray:
        """Balance at the end of month m if paid on time, the new loan included."""
        return np.asarray(self.schedule.balance[m] + self.refinanced * self.unit_balance[m])

    def reserve_target(self, m: int) -> FloatArray:
        """Restricted cash that should stand at the end of month m."""
        extra = 0.0 if self.lender.other_reserve_usd is None else float(self.lender.other_reserve_usd[m])
        return np.asarray(self.reserve[m] + self.refinanced * self.unit_reserve[m] + extra)

    def opex_target(self, m: int) -> FloatArray:
        """Restricted cash for running cost at the end of period m: it stays whole when the loan shrinks."""
        return np.asarray(self.opex_reserve[m])

    def left(self, m: int, scale: FloatArray, claim: FloatArray) -> FloatArray:
        """Share of a month's service that prepayments have left, (paths,); no more is due than ``claim``, all that is
        owed.
        """
        if not self.prepays:
            return scale
        service = np.asarray(self.service[m] + self.refinanced * self.unit_service[m])
        due = service > LEAST_SERVICE_USD
        share = np.where(due, claim / np.where(due, service, 1.0), np.inf)
        return np.where(claim > CENT, np.minimum(scale, share), 0.0)

    def keeps(self, m: int, balance: FloatArray) -> BoolArray:
        """Whether cash is kept for the loan at the end of a month, (paths,): until it is repaid."""
        return np.asarray((balance > CENT) | (m < self.first))

    @property
    def prepays(self) -> bool:
        """Whether anything is repaid ahead of the schedule on any path."""
        return self.holds_proceeds or self.lender.sweep_frac > 0.0 or self.lender.prepaid_frac is not None

    def until_let(self, m: int) -> tuple[FloatArray, FloatArray]:
        """Service, and bills of operation, of the periods after m that termination payments are held for, (paths,)."""
        until = self.lender.proceeds_until
        if until is None:
            return np.zeros(1), np.zeros(1)
        end = np.clip(until, m, self.service_so_far.shape[0] - 1)

        def ahead_of(so_far: FloatArray) -> FloatArray:
            column = np.arange(end.size) if so_far.shape[1] > 1 else 0
            return np.asarray(so_far[end, column] - so_far[m])

        return ahead_of(self.service_so_far), ahead_of(self.bills_so_far)

    def repaying(self, m: int) -> bool:
        """Whether the loan is in repayment."""
        return self.first <= m

    def tested(self) -> FloatArray:
        """Service that cover is tested on, the new loan's included, (periods,) or (periods, paths)."""
        if self.lender.refinancing is None:
            return self.service
        own = self.service if self.service.ndim == 2 else self.service[:, None]
        return np.asarray(own + self.unit_service * self.refinanced)

    def refinance(self, m: int, balance: FloatArray, cover_cash: Callable[[slice], FloatArray]) -> FloatArray | float:
        """New loan taken in month m, (paths,): what is left of the old one, as far as last year's cash carries it."""
        terms = self.lender.refinancing
        if terms is None or m != self.last:
            return 0.0
        year = cover_cash(slice(max(m - self.year + 1, 0), m + 1)).mean(axis=0)
        capacity = np.maximum(year, 0.0) / terms.minimum_dscr / self.unit_service[m + 1]
        self.refinanced = np.minimum(np.minimum(self.balloon, balance), capacity)
        return self.refinanced


def safeguards(
    terms: ProjectTerms, schedule: LoanSchedule, periods: Periods, opex: FloatArray, construction: int
) -> Safeguards:
    """Prepare a run of the waterfall.

    Parameters
    ----------
    opex : array, (periods, paths)
        Running cost, for its reserve. [USD]
    construction : int
        Periods of construction; the reserve for running cost is filled in the last of them.

    Raises
    ------
    ScenarioError
        If the lender's terms are out of range.
    """
    lender, months = terms.lender or LenderTerms(), periods.count
    _check(lender, terms, months)
    loan, by_month = terms.loan, _periods_first(schedule)
    first = loan.first_payment_month if loan else months
    last = loan.last_payment_month if loan else months
    service = by_month.service.copy()
    service[:first] = 0.0
    # what a negative service pays in is drawn; a balloon is no instalment: it is refinanced or paid, and tested apart
    service[first:] -= by_month.draw[first:] + by_month.balloon[first:]
    check_money(terms.money, months)
    rate, unit_balance, unit_service, moved = _rates(terms, lender, periods)
    by_path = _with_moves(service, by_month, moved, first, last)
    held = lender.reserve_months / periods.months
    costs = prices(lender, loan, schedule, periods)
    return Safeguards(
        lender=lender,
        schedule=by_month,
        rate=rate,
        pays=_payment_dates(loan, lender, months),
        holds_proceeds=lender.proceeds_usd is not None and bool(lender.proceeds_usd.any()),
        charges_premiums=bool(costs.even.any() or costs.ladders),
        owed=by_month.balance[first - 1] if loan is not None else 0.0,
        prices=costs,
        service=by_path,
        reserve=_ahead(service + by_month.balloon, held, first - 1),
        opex_reserve=_ahead(opex, lender.opex_reserve_months / periods.months, construction - 1),
        year=periods.per_year,
        first=first,
        last=last,
        unit_balance=unit_balance,
        unit_service=unit_service,
        unit_reserve=_ahead(unit_service, held, last),
        interest_reserve=_interest_reserve(by_month, loan, lender),
        balloon=by_month.balloon[last] if loan is not None else 0.0,
        service_so_far=np.cumsum(np.atleast_2d(by_path.T).T, axis=0),
        bills_so_far=np.cumsum(opex, axis=0),
    )


def _payment_dates(loan: LoanTerms | None, lender: LenderTerms, count: int) -> BoolArray:
    """Periods in which payments can fall, (periods,): each, but the last of each payment period once there is service;
    a new loan is paid each period, and the project's last settles all.
    """
    place = np.arange(count)
    if loan is None or loan.every == 1:
        return np.ones(count, dtype=np.bool_)
    on_date = (place - loan.first_due_month) % loan.every == 0
    anew = (place > loan.last_payment_month) & (lender.refinancing is not None)
    return np.asarray((place < loan.first_payment_month) | on_date | anew | (place == count - 1))


def _interest_reserve(by_month: LoanSchedule, loan: LoanTerms | None, lender: LenderTerms) -> FloatArray:
    """Interest still due in cash before the first payment, periods first, from the first draw on."""
    due = by_month.interest_due.copy()
    if loan is None or not lender.interest_reserve:
        return np.zeros_like(due)
    due[loan.first_payment_month :] = 0.0
    left = np.cumsum(due[::-1], axis=0)[::-1] - due
    left[: loan.draw_month] = 0.0
    return left


def period_rates(terms: ProjectTerms, periods: Periods) -> FloatArray:
    """Interest of each period on its opening balance, (periods,): the loan's, then its refinancing's."""
    loan, new = terms.loan, terms.lender.refinancing if terms.lender else None
    if loan is None:
        return np.zeros(periods.count)
    rates = loan.period_rates(periods)
    if new is not None:
        rates[loan.last_payment_month + 1 :] = (new.rate * periods.fractions)[loan.last_payment_month + 1 :]
    return rates


def _rates(
    terms: ProjectTerms, lender: LenderTerms, periods: Periods
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray | float]:
    """Rate of each period, a dollar of the new loan's balance and service, and what floating adds to the rate, each
    (periods,) or (periods, paths).
    """
    loan, last = terms.loan, terms.loan.last_payment_month if terms.loan else periods.count
    moved = moved_rates(loan, terms.money, periods) if loan else 0.0
    rate = period_rates(terms, periods)
    if isinstance(moved, np.ndarray):
        rate = rate[:, None] + moved
    anew, balance, service = new_loan(lender.refinancing, last, terms.money, periods)
    if lender.refinancing is not None:
        wide = np.atleast_2d(rate.T).T
        shape = np.broadcast_shapes(wide.shape, anew.shape)
        rate = np.array(np.broadcast_to(wide, shape))
        rate[last + 1 :] = anew[last + 1 :]
    return rate, balance, service, moved


def _with_moves(
    service: FloatArray, by_month: LoanSchedule, moved: FloatArray | float, first: int, last: int
) -> FloatArray:
    """Service with the interest that floating adds on the scheduled balance, (periods,) or (periods, paths)."""
    if not isinstance(moved, np.ndarray):
        return service
    opening = np.concatenate([np.zeros_like(by_month.balance[:1]), by_month.balance[:-1]])
    opening[:first], opening[last + 1 :] = 0.0, 0.0
    return np.asarray(np.atleast_2d(service.T).T + np.atleast_2d(opening.T).T * moved)


def _ahead(due: FloatArray, held: float, start: int) -> FloatArray:
    """Reserve that covers so many periods ahead, periods first."""
    balance = ahead(np.atleast_2d(due.T), held, max(start, 0))
    return np.ascontiguousarray(balance.reshape(due.T.shape).T)


def _check(lender: LenderTerms, terms: ProjectTerms, months: int) -> None:
    if not 0.0 <= lender.sweep_frac <= 1.0:
        raise ScenarioError(f"lender.sweep_frac = {lender.sweep_frac}, must be between 0 and 1")
    for name in ("reserve_months", "opex_reserve_months", "reserve_rate", "cures_most", "cures_per_year"):
        if not getattr(lender, name) >= 0.0:
            raise ScenarioError(f"lender.{name} = {getattr(lender, name)}, must be 0 or more")
    if lender.test_every_months < 1 or lender.lockup_release_tests < 1:
        raise ScenarioError("lender.test_every_months, lender.lockup_release_tests: must be 1 or more")
    for name, level in (("lockup_dscr", lender.lockup_dscr), ("covenant_dscr", lender.covenant_dscr)):
        if level is not None and not level > 0.0:
            raise ScenarioError(f"lender.{name} = {level}, must be above 0 (1.15 is usual); leave it out for no test")
    other = lender.other_reserve_usd
    if other is not None and (other.shape != (months,) or not np.all(other >= 0.0)):
        raise ScenarioError(f"lender.other_reserve_usd: must be ({months},) with amounts of 0 or more in USD")
    _check_proceeds(lender, months)
    _check_refinancing(lender.refinancing, terms, months)


def _check_proceeds(lender: LenderTerms, months: int) -> None:
    paid, until = lender.proceeds_usd, lender.proceeds_until
    if paid is not None and (paid.ndim != 2 or paid.shape[1] != months or not np.all(paid >= 0.0)):
        raise ScenarioError(
            f"lender.proceeds_usd: shape {paid.shape}, must be (paths, {months}), amounts of 0 or more in USD"
        )
    if until is not None and (paid is None or until.shape != paid.shape[:1]):
        raise ScenarioError(f"lender.proceeds_until: shape {until.shape}, must be one period for each path of payments")
    if lender.prepayment_order not in ("pro-rata", "inverse"):
        raise ScenarioError(f"lender.prepayment_order = {lender.prepayment_order!r}, must be pro-rata or inverse")


def _check_refinancing(new: Refinancing | None, terms: ProjectTerms, months: int) -> None:
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
