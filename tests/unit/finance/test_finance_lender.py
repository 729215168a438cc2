"""Reserves, sweep, lock-up, covenants, balloons and delayed draws in the monthly waterfall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import (
    LenderTerms,
    LoanTerms,
    OperatingFlows,
    ProjectTerms,
    Refinancing,
    SizingTerms,
    TaxTerms,
    calendar_periods,
    fit_loan,
    loan_schedule,
    project,
    size_loan,
)
from megawatt.finance.credit import uses_usd
from megawatt.finance.tax import depreciation_by_class
from tests.cash_identity import cash_gap

MONTHS = 48


def case(
    monthly: float | np.ndarray, loan: LoanTerms | None = None, **change: object
) -> tuple[ProjectTerms, OperatingFlows]:
    """1,200 USD spent in month 0, cash from month 1 on, no tax."""
    capex = np.zeros(MONTHS)
    capex[0] = 1200.0
    cash = np.broadcast_to(np.asarray(monthly, dtype=float), (1, MONTHS)).copy()
    cash[:, 0] = 0.0
    loan = loan or LoanTerms(600.0, 0.12, 0, 1, 36, shape="equal-principal")
    terms = ProjectTerms(2026, 1, MONTHS, {"machines": capex}, {}, loan, None, 0.1, construction_months=1)
    zero = np.zeros((1, MONTHS))
    return replace(terms, **change), OperatingFlows({"sales": cash}, {"site": zero}, zero, zero)


def test_the_reserve_fills_before_owners_and_returns_with_the_last_payment() -> None:
    terms, flows = case(40.0, lender=LenderTerms(reserve_months=3))
    done = project(terms, flows)
    service = loan_schedule(terms.loan, MONTHS).service
    assert done.reserve_balance is not None
    # month 1: 40 - 22.67 service = 17.33 goes to the reserve, none to owners
    assert done.distributions[0, 1] == 0.0
    assert done.reserve_balance[0, 1] == pytest.approx(40 - service[1])
    # once full it holds the next three payments
    assert done.reserve_balance[0, 10] == pytest.approx(service[11:14].sum())
    assert done.reserve_balance[0, 36] == 0.0
    assert done.distributions.sum() + done.interest_paid.sum() + done.principal_paid.sum() == pytest.approx(
        40 * 47 + 600 + done.equity_in.sum() - 1200
    )


def test_owners_fill_the_reserve_at_close() -> None:
    terms, flows = case(40.0, lender=LenderTerms(reserve_months=3, reserve_at_close=True))
    service = loan_schedule(terms.loan, MONTHS).service
    done = project(terms, flows)
    assert done.equity_in[0, 0] == pytest.approx(600.0 + service[1:4].sum())
    # from then on each month releases what the falling service no longer needs
    assert done.distributions[0, 1] == pytest.approx(40 - service[1] + service[1:4].sum() - service[2:5].sum())


def test_the_reserve_pays_before_a_payment_is_missed() -> None:
    cash = np.full(MONTHS, 40.0)
    cash[20:22] = 0.0
    terms, flows = case(cash)
    assert project(terms, flows).missed[0] == 20
    assert project(replace(terms, lender=LenderTerms(reserve_months=3)), flows).missed[0] == -1


def test_half_of_the_excess_prepays_the_last_instalments() -> None:
    terms, flows = case(40.0, lender=LenderTerms(sweep_frac=0.5))
    done = project(terms, flows)
    assert done.swept is not None
    # month 1: 40 - 6 - 16.667 = 17.333 excess, half each way
    assert done.swept[0, 1] == pytest.approx(17.3333333 / 2)
    assert done.distributions[0, 1] == pytest.approx(17.3333333 / 2)
    # month 2: the instalment is unchanged, interest is on the smaller balance
    owed = 600 - 600 / 36 - 17.3333333 / 2
    assert done.interest_paid[0, 2] == pytest.approx(0.01 * owed)
    assert done.principal_paid[0, 2] - done.swept[0, 2] == pytest.approx(600 / 36)
    # the loan ends early, nothing is missed, all of it is repaid once
    assert done.debt_balance[0, 30] == pytest.approx(0.0, abs=1e-6)
    assert done.missed[0] == -1
    assert done.principal_paid.sum() == pytest.approx(600.0)


def test_lock_up_holds_cash_and_releases_it() -> None:
    # service of month 12 on is about 22.7 falling; 23 a month is cover near 1.05, then 60 lifts it
    cash = np.full(MONTHS, 23.0)
    cash[20:] = 60.0
    lender = LenderTerms(lockup_dscr=1.2, covenant_dscr=1.02, test_every_months=1)
    terms, flows = case(cash, lender=lender)
    done = project(terms, flows)
    service = loan_schedule(terms.loan, MONTHS).service
    cover = np.array(
        [flows.revenue["sales"][0, m - 11 : m + 1].sum() / service[m - 11 : m + 1].sum() for m in range(12, 37)]
    )
    first = 12 + int(np.argmax(cover < 1.2))
    clean = 12 + int(np.argmax((cover >= 1.2) & (np.arange(12, 37) > first)))
    assert done.events is not None
    assert done.events.lockup[0] == first == 12
    assert not done.distributions[0, first:clean].any()
    # trapped cash comes out with the first clean test
    trapped = (cash[first:clean] - service[first:clean]).sum()
    assert done.distributions[0, clean] == pytest.approx(trapped + cash[clean] - service[clean])
    assert done.events.payment_default[0] == -1
    assert done.events.breach[0] == (12 + int(np.argmax(cover < 1.02)) if (cover < 1.02).any() else -1)


def test_the_four_events_are_four() -> None:
    """Cash that falls month by month meets lock-up first, then the covenant, then default; worth tells insolvency."""
    cash = 45.0 * 0.95 ** np.arange(MONTHS)
    lender = LenderTerms(lockup_dscr=1.3, covenant_dscr=1.15, test_every_months=1, reserve_months=2)
    done = project(*case(cash, lender=lender))
    assert done.events is not None
    lockup, breach, default, insolvent = (
        int(month[0])
        for month in (done.events.lockup, done.events.breach, done.events.payment_default, done.events.insolvency)
    )
    assert 12 <= lockup < breach < default
    # what is still to come was worth less than the debt long before the cash ran out
    assert 0 <= insolvent < default
    # worth by hand in that month and the one before
    ahead = done.cfads[0] + done.residual_total[0]
    for month, sign in ((insolvent, 1), (insolvent - 1, -1)) if insolvent > 0 else ((insolvent, 1),):
        worth = sum(ahead[t] / 1.01 ** (t - month) for t in range(month + 1, MONTHS)) + done.closing_cash[0, month]
        assert sign * (done.debt_balance[0, month] - worth) > 0


def balloon_loan() -> LoanTerms:
    return LoanTerms(600.0, 0.12, 0, 1, 24, balloon_frac=0.5)


def test_a_balloon_is_due_in_full_without_a_new_loan() -> None:
    schedule = loan_schedule(balloon_loan(), MONTHS)
    # 300 over 24 months at 1 %: 14.122042; the balloon bears 3 a month
    assert schedule.service[1:24] == pytest.approx(np.full(23, 17.122042), rel=1e-6)
    assert schedule.service[24] == pytest.approx(317.122042, rel=1e-6)
    done = project(*case(20.0, balloon_loan()))
    # every instalment is paid; the balloon is not, which is no missed payment
    assert done.events is not None
    assert (done.missed[0], done.events.balloon_default[0]) == (-1, 24)


def test_a_balloon_is_refinanced_as_far_as_cash_carries() -> None:
    new = Refinancing(rate=0.12, payments=20, minimum_dscr=1.25)
    terms, flows = case(40.0, balloon_loan(), lender=LenderTerms(refinancing=new))
    done = project(terms, flows)
    # 40 / 1.25 = 32 a month carries 32 x 18.04555 = 577 > 300: all of it
    assert done.debt_draw[0, 24] == pytest.approx(300.0)
    assert done.missed[0] == -1
    assert done.debt_balance[0, 44] == pytest.approx(0.0, abs=1e-6)
    assert done.interest_paid[0, 25] == pytest.approx(3.0)
    # 18 a month carries 18 / 1.25 x 18.04555 = 259.86: the rest is missed
    terms, flows = case(18.0, balloon_loan(), lender=LenderTerms(refinancing=new))
    poor = project(terms, flows)
    assert poor.debt_draw[0, 24] == pytest.approx(259.856, rel=1e-5)
    assert poor.events is not None
    assert (poor.missed[0], poor.events.balloon_default[0]) == (-1, 24)
    # 10 a month does not pay the 17.12 of the instalments: those are missed, whatever becomes of the balloon
    short = project(*case(10.0, balloon_loan()))
    assert short.events is not None
    assert 0 < short.missed[0] < 24 == short.events.balloon_default[0]


def test_every_draw_has_its_own_clock() -> None:
    draws = np.zeros(MONTHS)
    draws[[0, 3]] = 100.0, 200.0
    loan = LoanTerms(300.0, 0.12, 0, 2, 27, shape="equal-principal", draws=draws, clock_months=24)
    schedule = loan_schedule(loan, MONTHS)
    # the first draw: interest of month 1 added, 101 in 23 parts from month 2 to 24; the second three months later
    assert schedule.principal[2:5] == pytest.approx([101 / 23] * 3)
    assert schedule.principal[5] == pytest.approx(303 / 23)
    assert schedule.principal[25] == pytest.approx(202 / 23)
    assert schedule.balance[27] == pytest.approx(0.0, abs=1e-9)
    # one window for all draws
    shared = loan_schedule(replace(loan, clock_months=None, first_payment_month=5), MONTHS)
    assert shared.balance[4] == pytest.approx(100 * 1.01**4 + 200 * 1.01)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (LenderTerms(sweep_frac=1.5), "sweep_frac"),
        (LenderTerms(reserve_months=-1), "reserve_months"),
        (LenderTerms(lockup_dscr=0.0), "lockup_dscr"),
        (LenderTerms(refinancing=Refinancing(0.1, 40, 1.2)), "new loan ends"),
        (LenderTerms(other_reserve_usd=np.ones(3)), "other_reserve_usd"),
    ],
)
def test_lender_terms_out_of_range_are_refused(terms: LenderTerms, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        project(*case(40.0, lender=terms))


def test_sculpted_loans_of_many_paths() -> None:
    cash = np.array([np.full(MONTHS, 30.0), np.full(MONTHS, 45.0)])
    loan = LoanTerms(1.0, 0.12, 0, 3, 38, shape="sculpted", upfront_fee_frac=0.02)
    terms, flows = case(30.0, loan)
    sized = fit_loan(terms, cash, SizingTerms(1.5))
    # 36 payments of 20 at 1 %: 20 x 30.107505, less two months of capitalised interest
    assert sized.size == pytest.approx([602.1501, 1.5 * 602.1501], rel=1e-6)
    assert sized.schedule.draw[:, 0] == pytest.approx(sized.size / 1.01**2)
    flows = replace(flows, revenue={"sales": cash})
    done = project(terms, flows, schedule=sized.schedule)
    assert done.missed.tolist() == [-1, -1]
    assert done.measures.min_dscr == pytest.approx([1.5, 1.5])
    assert done.measures.llcr == pytest.approx([1.5, 1.5])
    assert done.debt_balance[:, 38] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_the_sized_loan_keeps_its_target_after_tax() -> None:
    terms, flows = case(
        45.0, LoanTerms(1.0, 0.12, 0, 1, 36, shape="sculpted"), tax=TaxTerms(0.21, {}, tables={"machines": "macrs-3"})
    )
    sized = size_loan(terms, flows, SizingTerms(1.4))
    assert sized.binding == ("DSCR",)
    done = project(replace(terms, loan=sized.loan), flows)
    service = (done.interest_paid + done.principal_paid)[0]
    # a year's cash covers its service at the target: 2027 and 2028 lie within the loan's life
    for year in (slice(12, 24), slice(24, 36)):
        assert done.cfads[0, year].sum() / service[year].sum() == pytest.approx(1.4, rel=1e-6)
    assert done.missed[0] == -1
    capped = size_loan(terms, flows, SizingTerms(1.4, gearing=0.5))
    assert capped.binding == ("gearing",)
    assert capped.loan.principal_usd == pytest.approx(600.0)


def test_macrs_by_calendar_year() -> None:
    capex = {"machines": np.r_[1000.0, np.zeros(47)]}
    written = depreciation_by_class(
        capex, TaxTerms(0.21, {}, tables={"machines": "macrs-5"}), 3, calendar_periods(2026, 7, 48)
    )["machines"]
    # in service in October 2026 (month 3): 20 % over October to December, then 32 % over 2027
    assert written[3:6] == pytest.approx([200 / 3] * 3)
    assert written[6:18] == pytest.approx([320 / 12] * 12)
    bonus = TaxTerms(0.21, {"machines": 5.0}, bonus_frac={"machines": 1.0})
    assert depreciation_by_class(capex, bonus, 3, calendar_periods(2026, 7, 48))["machines"][:6].sum() == pytest.approx(
        1000.0
    )


@pytest.mark.parametrize("way", ["capitalised", "cash", "reserve"])
def test_interest_of_construction(way: str) -> None:
    """600 drawn in month 0 at 1 % a month, first payment in month 4: added, paid by owners, or put aside at the
    draw."""
    months = 30
    capex = np.where(np.arange(months) < 4, 250.0, 0.0)
    loan = LoanTerms(600.0, 0.12, 0, 4, 24, capitalise_interest=way == "capitalised")
    earned = np.where(np.arange(months) >= 4, 60.0, 0.0)[None, :]
    zero = np.zeros((1, months))
    terms = ProjectTerms(
        2026, 1, months, {"all": capex}, {}, loan, None, 0.1, construction_months=4,
        lender=LenderTerms(interest_reserve=way == "reserve"),
    )  # fmt: skip
    cash = project(terms, OperatingFlows({"rent": earned}, {"site": zero}, zero, zero))
    assert cash_gap(cash) < 0.005
    assert cash.reserve_balance is not None
    if way == "capitalised":
        assert cash.debt_balance[0, 3] == pytest.approx(600 * 1.01**3)
        assert not cash.interest_paid[0, :4].any()
    else:
        assert cash.debt_balance[0, 3] == pytest.approx(600.0)
        assert cash.interest_paid[0, :4].tolist() == pytest.approx([0, 6, 6, 6])
    held = {"reserve": [18, 12, 6, 0]}.get(way, [0, 0, 0, 0])
    assert cash.reserve_balance[0, :4].tolist() == pytest.approx(held)
    # all uses: spending and interest; debt and owners pay them
    interest = 600 * (1.01**3 - 1) if way == "capitalised" else 18.0
    assert uses_usd(cash) == pytest.approx(1000 + interest)
    added = interest if way == "capitalised" else 0.0
    assert cash.equity_in.sum() + 600 + added == pytest.approx(1000 + interest)
    assert cash.missed[0] == -1


@pytest.mark.parametrize("shape", ["equal-principal", "level"])
def test_a_loan_that_a_sweep_has_repaid_is_tested_no_more(shape: str) -> None:
    """Cash falls away after the last dollar is repaid, long before the last scheduled payment: no cover is low then."""
    cash = np.full(MONTHS, 80.0)
    cash[24:] = 1.0
    lender = LenderTerms(sweep_frac=1.0, lockup_dscr=1.2, covenant_dscr=1.1, test_every_months=1)
    terms, flows = case(cash, LoanTerms(600.0, 0.12, 0, 1, 36, shape=shape), lender=lender, minimum_cash_usd=50.0)
    done = project(terms, flows)
    repaid = int(np.argmax(done.debt_balance[0] < 0.005))
    assert repaid < 24
    assert done.events is not None
    assert done.events.lockup[0] == done.events.breach[0] == -1
    assert np.isnan(done.dscr[0, repaid + 1 :]).all()
    assert done.service[0, repaid] <= done.interest_paid[0, repaid] + done.principal_paid[0, repaid] + 1e-9
    assert done.measures.min_dscr[0] == pytest.approx(np.nanmin(done.dscr[0]))
    # what was kept for the loan goes to the owners in the month after
    assert done.closing_cash[0, repaid + 1] == pytest.approx(0.0, abs=1e-9)


def test_a_loan_repaid_on_time_is_tested_no_more_after_its_last_payment() -> None:
    cash = np.full(MONTHS, 40.0)
    cash[37:] = -45.0
    loan = LoanTerms(600.0, 0.12, 0, 1, 36)
    terms, flows = case(cash, loan, lender=LenderTerms(covenant_dscr=1.1, test_every_months=1))
    events = project(terms, flows).events
    assert events is not None
    assert events.breach[0] == -1
