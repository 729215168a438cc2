"""What a credit committee reads of one case: sources and uses, years, covenants, loan to value, refinancing.

Every number is of the first path of a cash flow with a loan and ties to its statements: sources equal uses, and a
column of years sums to the column of periods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.finance.debt import loan_schedule
from megawatt.finance.lender import period_rates
from megawatt.finance.measures import CENT, LEAST_SERVICE_USD, discount_factors
from megawatt.finance.records import CashFlow, LenderTerms, LoanTerms
from megawatt.finance.repayment import Window, discount_to, service_per_dollar

__all__ = [
    "Amount",
    "Covenant",
    "CreditYear",
    "Maturity",
    "covenants",
    "credit_years",
    "default_losses_usd",
    "maturity",
    "periods_of_year",
    "sources_and_uses",
    "yearly_dscr",
]


@dataclass(frozen=True, slots=True)
class Amount:
    """A line of sources or uses. [USD]"""

    name: str
    usd: float


@dataclass(frozen=True, slots=True)
class CreditYear:
    """A calendar year of the case, sums of its periods. [USD]

    ``other_usd``: prepayments received less those credited, less the growth of working capital; revenue - operating
    cost + other - tax paid = CFADS. ``dscr``: cover cash (tax as it accrues) over interest and instalments due, both
    summed over the year's periods with service; None without. ``lowest_dscr``: least trailing twelve-month cover in
    it. ``balance_usd`` and ``ltv_frac`` at the year's end: debt over what the rest of the project is worth before debt
    at its discount rate, None during construction and where either is nothing.
    """

    year: int
    revenue_usd: float
    opex_usd: float
    other_usd: float
    tax_usd: float
    cfads_usd: float
    interest_usd: float
    principal_usd: float
    dscr: float | None
    lowest_dscr: float | None
    balance_usd: float
    ltv_frac: float | None


@dataclass(frozen=True, slots=True)
class Covenant:
    """A cover test of the base case: lock-up or covenant.

    ``level`` is None where none is set; ``lowest`` the least cover at a test date and ``month`` that date, None where
    no test falls; ``headroom`` the one less the other, and ``headroom_frac`` the share of cash that can go before the
    level is reached.
    """

    name: str
    level: float | None
    lowest: float | None
    month: str | None
    headroom: float | None
    headroom_frac: float | None


@dataclass(frozen=True, slots=True)
class Maturity:
    """What the last payment leaves to be refinanced, and how a new lender would see it.

    ``balloon_usd`` falls due in ``month``; ``agreed`` says whether the case has a new loan, ``new_loan_usd`` what it
    lends. A level loan of the whole balloon at ``rate`` over the ``months_left`` of the project would have
    ``dscr`` (lowest twelve months) and ``ltv_frac``; ``debt_yield_frac`` is the next twelve months' cover cash over
    the balloon. None where nothing comes after the last payment.
    """

    month: str
    balloon_usd: float
    agreed: bool
    new_loan_usd: float
    rate: float
    months_left: int
    dscr: float | None
    ltv_frac: float | None
    debt_yield_frac: float | None


def _loan(cash: CashFlow) -> LoanTerms:
    if cash.terms.loan is None:
        raise ValueError("a committee reads of a loan; this case has none")
    return cash.terms.loan


def _label(cash: CashFlow, period: int) -> str:
    terms = cash.terms
    month = terms.start_month - 1 + period * terms.timing.months + terms.timing.months - 1
    return f"{terms.start_year + month // 12}-{month % 12 + 1:02d}"


def periods_of_year(cash: CashFlow) -> tuple[IntArray, NDArray[np.int64]]:
    """Calendar years of a project, and the place of each period's year among them, (periods,)."""
    terms = cash.terms
    ends = terms.start_month - 1 + (np.arange(terms.months) + 1) * terms.timing.months - 1
    years = terms.start_year + ends // 12
    found = np.arange(years[0], years[-1] + 1)
    return found, years - years[0]


def sources_and_uses(cash: CashFlow) -> tuple[tuple[Amount, ...], tuple[Amount, ...]]:
    """Where all money before the first payment comes from and goes to; both sum to the same to the cent.

    Interest that is added to the loan stands on both sides. What is in hand at the first payment, reserves included, is
    a use.
    """
    first = _loan(cash).first_payment_month
    span = np.s_[0, :first]
    draw, paid_back = cash.debt_draw[span].sum(), cash.principal_paid[span].sum()
    added = float(cash.debt_balance[0, first - 1] - draw + paid_back)
    prepaid = float(cash.flows.prepayment[span].sum())
    operation = float(cash.cfads[span].sum()) - prepaid
    earned = 0.0 if cash.reserve_interest is None else float(cash.reserve_interest[span].sum())
    sources = (
        Amount("debt drawn", float(draw)),
        Amount("interest added to the debt", added),
        Amount("owners", float(cash.equity_in[span].sum())),
        Amount("customers' prepayments", prepaid),
        Amount("operation before the first payment", max(operation, 0.0)),
        Amount("interest on reserves", earned),
    )
    spent = tuple(Amount(name, float(part[:first].sum())) for name, part in cash.terms.capex_cost.items())
    held = float(cash.reserve_balance[0, first - 1]) if cash.reserve_balance is not None else 0.0
    uses = (
        *spent,
        Amount("fees", float(cash.fees[span].sum())),
        Amount("interest before the first payment", float(cash.interest_paid[span].sum()) + added),
        Amount("running cost before it", max(-operation, 0.0)),
        Amount("debt repaid before it", float(paid_back)),
        Amount("paid to owners before it", float(cash.distributions[span].sum())),
        Amount("reserves in hand", held),
        Amount("other cash in hand", float(cash.closing_cash[0, first - 1]) - held),
    )
    return tuple(a for a in sources if abs(a.usd) > CENT), tuple(a for a in uses if abs(a.usd) > CENT)


def yearly_dscr(cash: CashFlow) -> FloatArray:
    """Cover of each calendar year on every path, (paths, years); NaN in years without service.

    Cover cash over interest and instalments due, both summed over the year's periods in which service is due; cash of
    the other months of a payment period counts with its payment.
    """
    years, place = periods_of_year(cash)
    due = np.atleast_2d(cash.service)
    serves = due > LEAST_SERVICE_USD
    loan = cash.terms.loan
    paid = np.where(serves, cash.cover_cash if loan is None else loan.gathered(cash.cover_cash), 0.0)
    owed = np.where(serves, due, 0.0)
    in_year = (place[:, None] == np.arange(years.size)).astype(np.float64)
    service = owed @ in_year
    some = service > LEAST_SERVICE_USD
    return np.where(some, (paid @ in_year) / np.where(some, service, 1.0), np.nan)


def _worth_ahead(cash: CashFlow) -> FloatArray:
    """Worth at each period's end of what the project still brings before debt, at its discount rate, (periods,)."""
    ahead = (cash.cfads + cash.residual_total - cash.capex_total)[0]
    factors = discount_factors(cash.terms.discount_rate, cash.terms.timing.years)
    after = np.cumsum((ahead * factors)[::-1])[::-1] - ahead * factors
    return np.asarray(after / factors)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None


def credit_years(cash: CashFlow) -> tuple[CreditYear, ...]:
    """The first path by calendar year; every column sums to the statements."""
    years, place = periods_of_year(cash)
    worth, cover, built = _worth_ahead(cash), yearly_dscr(cash)[0], _loan(cash).first_payment_month - 1

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(place, weights=values[0], minlength=years.size), dtype=np.float64)

    revenue, opex, tax, cfads = (total(v) for v in (cash.revenue_total, cash.opex_total, cash.tax, cash.cfads))
    interest, principal = total(cash.interest_paid), total(cash.principal_paid)
    trailing = np.where(np.isnan(cash.dscr[0]), np.inf, cash.dscr[0])
    rows = []
    for k, year in enumerate(years):
        mine = np.flatnonzero(place == k)
        balance = float(cash.debt_balance[0, mine[-1]])
        rows.append(
            CreditYear(
                year=int(year),
                revenue_usd=float(revenue[k]),
                opex_usd=float(opex[k]),
                other_usd=float(cfads[k] - revenue[k] + opex[k] + tax[k]),
                tax_usd=float(tax[k]),
                cfads_usd=float(cfads[k]),
                interest_usd=float(interest[k]),
                principal_usd=float(principal[k]),
                dscr=_known(cover[k]),
                lowest_dscr=_known(trailing[mine].min()),
                balance_usd=balance,
                ltv_frac=_share(balance, float(worth[mine[-1]])) if balance > CENT and mine[-1] >= built else None,
            )
        )
    return tuple(rows)


def covenants(cash: CashFlow) -> tuple[Covenant, ...]:
    """Lock-up and covenant of the first path with the least cover at their test dates."""
    loan, lender = _loan(cash), cash.terms.lender or LenderTerms()
    periods = cash.terms.timing
    every = max(lender.test_every_months // periods.months, 1)
    dates = np.arange(loan.first_payment_month + periods.per_year - 1, cash.terms.months, every)
    cover = cash.dscr[0, dates]
    tested = np.flatnonzero(np.isfinite(cover))
    least = int(tested[np.argmin(cover[tested])]) if tested.size else None
    lowest = None if least is None else float(cover[least])
    month = None if least is None else _label(cash, int(dates[least]))
    levels = (("lock-up", lender.lockup_dscr), ("covenant", lender.covenant_dscr))
    return tuple(_covenant(name, level, lowest, month) for name, level in levels)


def _covenant(name: str, level: float | None, lowest: float | None, month: str | None) -> Covenant:
    if level is None or lowest is None:
        return Covenant(name, level, lowest, month, None, None)
    return Covenant(name, level, lowest, month, lowest - level, 1.0 - level / lowest if lowest > 0.0 else None)


def maturity(cash: CashFlow) -> Maturity | None:
    """How what the last payment leaves could be refinanced; None where it leaves nothing."""
    loan, lender, periods = _loan(cash), cash.terms.lender, cash.terms.timing
    due = loan.last_payment_month
    balloon = float(loan_schedule(loan, periods).balloon[due])
    if balloon <= LEAST_SERVICE_USD:
        return None
    agreed = lender.refinancing if lender else None
    left, rate = cash.terms.months - 1 - due, agreed.rate if agreed else loan.rate
    dscr = debt_yield = None
    if left > 0:
        window = Window(due + 1, cash.terms.months - 1)
        level = balloon * service_per_dollar("level", rate * periods.fractions, window)[0, due + 1 :]
        width = min(periods.per_year, left)
        ahead = np.convolve(cash.cover_cash[0, due + 1 :], np.ones(width), "valid")
        dscr = float((ahead / np.convolve(level, np.ones(width), "valid")).min())
        debt_yield = float(ahead[0]) / balloon
    return Maturity(
        month=_label(cash, due),
        balloon_usd=balloon,
        agreed=agreed is not None,
        new_loan_usd=float(cash.debt_draw[0, due]) if agreed else 0.0,
        rate=rate,
        months_left=left * periods.months,
        dscr=dscr,
        ltv_frac=_share(balloon, float(_worth_ahead(cash)[due])),
        debt_yield_frac=debt_yield,
    )


def default_losses_usd(cash: CashFlow) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What is owed at the first default, and lost as of then and of today, (paths,) each; 0 without one. [USD]

    A default is service or a balloon that is owed and unpaid. The loss is what is never repaid, brought back at the
    loan's rate from the end of the project: what is paid after the default, the sale included, is worth the exposure
    less the loss. Nothing is sold early or enforced.
    """
    unpaid = cash.arrears > 0.0
    missed, first = unpaid.any(axis=1), unpaid.argmax(axis=1)
    owed = np.where(missed, cash.debt_balance[np.arange(first.size), first], 0.0)
    factors = discount_to(period_rates(cash.terms, cash.terms.timing), 0)
    left = np.where(missed, np.maximum(cash.debt_balance[:, -1], 0.0), 0.0)
    today = left * factors[-1]
    return owed, today / np.where(missed, factors[first], 1.0), today
