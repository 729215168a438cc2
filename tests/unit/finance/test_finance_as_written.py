"""Debt as agreements write it, each number by hand to the cent: dates, day counts, facilities, prices, cures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import (
    CashFlow,
    LenderTerms,
    LoanTerms,
    OperatingFlows,
    ProjectTerms,
    SizingTerms,
    calendar_periods,
    fit_loan,
    loan_schedule,
    project,
)
from megawatt.finance.committee import yearly_dscr
from megawatt.finance.debt_terms import FacilityTerms
from tests.cash_identity import cash_gap

MONTHS = 25
"""January 2026, when all is spent and lent, and two years of service from February on."""


def loan(**change: object) -> LoanTerms:
    """1,000 at 12 %, bullet, drawn in January 2026, quarterly from February on."""
    start = LoanTerms(1000.0, 0.12, 0, 1, 24, shape="bullet", every=3)
    return replace(start, **change)


def ran(
    terms: LoanTerms, monthly: float | list[float] = 60.0, lender: LenderTerms | None = None, day_count: str = "30/360"
) -> CashFlow:
    """1,500 spent in January 2026, cash each month after it, sold for 1,000 in the last; no tax."""
    capex, cash, zero = np.zeros(MONTHS), np.zeros((1, MONTHS)), np.zeros((1, MONTHS))
    capex[0], cash[0, 1:] = 1500.0, monthly
    sale = np.zeros((1, MONTHS))
    sale[0, -1] = 1000.0
    periods = calendar_periods(2026, 1, MONTHS, day_count=day_count)
    case = ProjectTerms(
        2026, 1, MONTHS, {"machines": capex}, {"machines": sale}, terms, None, 0.1, construction_months=1,
        lender=lender, periods=periods, committed_equity_usd=1000.0,
    )  # fmt: skip
    found = project(case, OperatingFlows({"sales": cash}, {"site": zero}, zero, zero))
    assert cash_gap(found) < 1e-6
    return found


@pytest.mark.parametrize(
    ("day_count", "first", "second"),
    [
        ("30/360", 30.00, 30.00),
        ("ACT/360", 1000 * 0.12 * 89 / 360, 1000 * 0.12 * 92 / 360),
        ("ACT/365", 1000 * 0.12 * 89 / 365, 1000 * 0.12 * 92 / 365),
    ],
)
def test_a_quarter_is_paid_at_its_end_by_its_days(day_count: str, first: float, second: float) -> None:
    paid = ran(loan(), day_count=day_count).interest_paid[0]
    # February to April has 89 days, May to July 92
    assert list(np.flatnonzero(paid)) == [3, 6, 9, 12, 15, 18, 21, 24]
    assert paid[3] == pytest.approx(first, abs=0.005)
    assert paid[6] == pytest.approx(second, abs=0.005)
    assert (date(2026, 5, 1) - date(2026, 2, 1)).days == 89


def test_a_note_pays_half_of_its_coupon_twice_a_year() -> None:
    done = ran(loan(every=6, rate=0.0725))
    assert list(np.flatnonzero(done.interest_paid[0])) == [6, 12, 18, 24]
    assert done.interest_paid[0, 6] == pytest.approx(36.25)
    assert done.principal_paid[0, 24] == pytest.approx(1000.0)


def test_principal_falls_on_its_dates_and_the_rest_last() -> None:
    shares = np.zeros(MONTHS)
    shares[[3, 12]] = 0.25, 0.10
    done = ran(loan(shape="dated", principal_frac=shares), 100.0)
    assert done.principal_paid[0, [3, 12, 24]] == pytest.approx([250.0, 100.0, 650.0])
    # interest of a quarter on 1,000, then on 750, then on 650
    assert done.interest_paid[0, [3, 6, 12, 15]] == pytest.approx([30.0, 22.5, 22.5, 19.5])
    # what is repaid last is a balloon: it is in no cover
    assert np.atleast_1d(done.service)[24] == pytest.approx(19.5)


def test_level_payments_of_a_quarter_are_an_annuity_of_quarters() -> None:
    done = ran(loan(shape="level"), monthly=100.0)
    payment = 1000.0 * 0.03 / (1.0 - 1.03**-8)
    paid = (done.interest_paid + done.principal_paid)[0]
    assert paid[3::3] == pytest.approx(np.full(8, payment))
    assert done.debt_balance[0, 24] == pytest.approx(0.0, abs=1e-9)


def test_cover_of_a_quarter_counts_its_three_months() -> None:
    done = ran(loan(shape="equal-principal"), monthly=60.0)
    # January 2027: twelve months of cash over four payments of 125 and interest on 1,000 to 625
    assert done.dscr[0, 12] == pytest.approx(720.0 / (500.0 + 30.0 + 26.25 + 22.5 + 18.75))
    assert yearly_dscr(done)[0, 0] == pytest.approx(540.0 / (375.0 + 30.0 + 26.25 + 22.5))
    # owners wait for the payment
    assert not done.distributions[0, [1, 2, 4, 5]].any()
    assert done.distributions[0, 3] == pytest.approx(180.0 - 155.0)


def test_sculpted_quarters_keep_the_cover_that_sizes_them() -> None:
    rng = np.random.default_rng(3)
    cash = rng.uniform(40.0, 80.0, (1, MONTHS))
    terms = ProjectTerms(2026, 1, MONTHS, {}, {}, loan(shape="sculpted"), None, 0.1)
    service = fit_loan(terms, cash, SizingTerms(1.3)).schedule.service[0]
    quarters = cash[0, 1:].reshape(8, 3).sum(axis=1)
    assert quarters / service[3::3] == pytest.approx(np.full(8, 1.3))
    assert service[3::3] @ 1.03 ** -np.arange(1.0, 9.0) == pytest.approx(
        fit_loan(terms, cash, SizingTerms(1.3)).size[0]
    )


def test_an_appraisal_sets_the_loan_to_value() -> None:
    terms = ProjectTerms(2026, 1, MONTHS, {}, {}, loan(shape="level"), None, 0.1)
    sizing = SizingTerms(maximum_ltv=0.6, appraisal_usd=900.0)
    assert fit_loan(terms, np.full((1, MONTHS), 100.0), sizing).size[0] == pytest.approx(540.0)


def bad_quarter(cash: float = 0.0) -> list[float]:
    """60 a month, but for May to July 2026."""
    return [60.0] * 3 + [cash] * 3 + [60.0] * 18


def test_a_letter_of_credit_pays_what_service_lacks_and_is_repaid_first() -> None:
    # 6 months of a mean service of 10 a month; 2 % on what is not drawn, 9 % on what is
    credit = FacilityTerms("letter of credit", limit_months=6.0, rate=0.09, fee=0.02)
    done = ran(loan(), bad_quarter(), LenderTerms(facilities=(credit,)))
    line = done.facilities[0]
    assert line.limit[0] == pytest.approx(60.0)
    assert done.fees[0, 1] == pytest.approx(60.0 * 0.02 / 12)
    # July: fees of May and June have made cash negative and come before service: July's 30 and the quarter's fee
    assert done.missed[0] == 6
    # a revolver pays bills too, so nothing is missed
    revolver = FacilityTerms("revolver", 100.0, rate=0.09, fee=0.02, pays_bills=True)
    saved = ran(loan(), bad_quarter(), LenderTerms(facilities=(revolver,)))
    drawn = saved.facilities[0]
    assert saved.missed[0] == -1
    assert drawn.draw[0, 4] == pytest.approx(100.0 * 0.02 / 12)
    assert drawn.draw[0].sum() == pytest.approx(drawn.repaid[0].sum() - drawn.interest[0].sum())
    assert drawn.balance[0, 6] == pytest.approx(30.0 + drawn.draw[0, 4:6].sum() + drawn.draw[0, 6] - 30.0
                                                + drawn.interest[0, 4:7].sum())  # fmt: skip
    # October: three months of 60 less fees pay 30 of interest, then the line, then owners
    assert drawn.balance[0, 9] == 0.0
    assert not saved.distributions[0, 4:9].any()


def test_a_letter_of_credit_with_cash_for_its_fee() -> None:
    credit = FacilityTerms("letter of credit", limit_months=6.0, rate=0.09, fee=0.02)
    done = ran(loan(), bad_quarter(5.0), LenderTerms(facilities=(credit,)))
    line = done.facilities[0]
    # May to July: 15 less three fees of 0.10; 30 is due
    assert line.draw[0, 6] == pytest.approx(30.0 - (15.0 - 0.30), abs=0.005)
    assert done.missed[0] == -1
    # a quarter at 9 % on it, added monthly, and repaid in October before owners get anything
    assert line.repaid[0, 9] == pytest.approx(15.30 * 1.0075**3, abs=0.005)


def test_a_line_is_repaid_before_the_balloon() -> None:
    """The balloon that cash does not repay is no missed payment, though the line was drawn until then."""
    credit = FacilityTerms("letter of credit", limit_months=6.0, rate=0.0, fee=0.0)
    done = ran(loan(last_payment_month=21), [20.0] * 15 + [0.0] * 3 + [20.0] * 6, LenderTerms(facilities=(credit,)))
    line = done.facilities[0]
    assert line.draw[0, 18] == pytest.approx(30.0)
    # three months bring 60: 30 of interest, 30 of the line, nothing of the balloon
    assert line.repaid[0, 21] == pytest.approx(30.0)
    assert done.balloon_unpaid[0, 21] == done.arrears[0, 21] == pytest.approx(1000.0)
    assert done.missed[0] == -1


def test_what_is_drawn_at_the_end_is_owed() -> None:
    """The bank has paid the loan's last instalment: no payment is missed, and what the bank is owed is due at once."""
    credit = FacilityTerms("letter of credit", limit_months=6.0, rate=0.0, fee=0.0)
    done = ran(loan(shape="level", last_payment_month=21), [60.0] * 18 + [5.0] * 6, LenderTerms(facilities=(credit,)))
    short = 1000.0 * 0.03 / (1.0 - 1.03**-7) - 15.0
    assert done.facilities[0].balance[0, 21] == pytest.approx(short)
    assert done.arrears[0, 21] == pytest.approx(short)
    assert done.missed[0] == -1
    assert done.events is not None
    assert (done.events.payment_default[0], done.events.balloon_default[0]) == (-1, 21)
    # the sale repays it
    assert done.facilities[0].balance[0, 24] == 0.0


@pytest.mark.parametrize(("sale", "unpaid_from"), [(0.0, 21), (100.0, 21), (1000.0, -1)])
def test_what_is_drawn_at_the_end_is_owed_where_the_project_ends_too(sale: float, unpaid_from: int) -> None:
    """The same rule: what cash and the sale leave unpaid is due at once and unpaid, and no payment is missed."""
    credit = FacilityTerms("letter of credit", limit_months=6.0, rate=0.0, fee=0.0)
    plain = ran(loan(shape="level", last_payment_month=21), [60.0] * 18 + [5.0] * 6, LenderTerms(facilities=(credit,)))
    flows = {name: part[:, :22] for name, part in plain.flows.revenue.items()}
    none, sold = np.zeros((1, 22)), np.zeros((1, 22))
    sold[0, -1] = sale
    terms = replace(
        plain.terms, months=22, periods=calendar_periods(2026, 1, 22), residual={"machines": sold},
        capex_cost={"machines": plain.terms.capex_cost["machines"][:22]},
    )  # fmt: skip
    done = project(terms, OperatingFlows(flows, {"site": none}, none, none))
    short = max(1000.0 * 0.03 / (1.0 - 1.03**-7) - 15.0 - sale, 0.0)
    assert done.facilities[0].balance[0, 21] == pytest.approx(short)
    assert done.events is not None
    assert (done.missed[0], done.events.balloon_default[0]) == (-1, unpaid_from)


def test_a_prepayment_makes_the_lender_whole() -> None:
    ahead = np.zeros(MONTHS)
    ahead[12] = 0.2
    called = np.where(np.arange(MONTHS) >= 18, 0.03, 0.0)
    terms = LenderTerms(prepaid_frac=ahead, make_whole_rate=0.08, premium_frac=called, par_month=18)
    done = ran(loan(), lender=terms)
    # two coupons of 30 and 1,030 at 8 % (2 % a quarter) on 1,000: each dollar costs 1.04826
    worth = (30.0 / 1.02 + (30.0 + 1030.0) / 1.02**2) / 1000.0
    assert done.principal_paid[0, 12] == pytest.approx(200.0)
    assert done.fees[0, 12] == pytest.approx(200.0 * (worth - 1.0))
    assert done.interest_paid[0, 15] == pytest.approx(0.03 * 800.0)
    assert done.principal_paid[0, 24] == pytest.approx(800.0)
    # 180 of the quarter pay 30; the owners add what 200 and the premium lack
    assert done.equity_in[0, 12] == pytest.approx(200.0 * worth - 150.0)
    # from the call date on it costs the call price
    late = np.roll(ahead, 6)
    assert ran(loan(), lender=replace(terms, prepaid_frac=late)).fees[0, 18] == pytest.approx(6.0)


def test_what_makes_whole_is_of_the_instalments_that_are_prepaid() -> None:
    """Quarterly, 125 of principal each: after the fourth of eight, 200 of the last two go, owed for four and three."""
    ahead = np.zeros(MONTHS)
    ahead[12] = 0.2
    done = ran(loan(shape="equal-principal"), 90.0, LenderTerms(prepaid_frac=ahead, make_whole_rate=0.08))
    # each quarter's 3 % in place of 2 %: 1 % a quarter as long as it would have been owed, worth at 2 %
    each = {quarters: 0.01 * (1.0 - 1.02**-quarters) / 0.02 for quarters in (3, 4)}
    assert done.fees[0, 12] == pytest.approx(125.0 * each[4] + 75.0 * each[3])
    assert done.debt_balance[0, [12, 15, 18, 21]] == pytest.approx([300.0, 175.0, 50.0, 0.0])
    # 270 of the quarter's cash less 125 and 3 % of 625, all of it swept in place of the decision, its premium included
    swept = ran(loan(shape="equal-principal"), 90.0, LenderTerms(sweep_frac=1.0, make_whole_rate=0.08))
    first = {quarters: 0.01 * (1.0 - 1.02**-quarters) / 0.02 for quarters in (6, 7)}
    free = 270.0 - 125.0 - 30.0
    assert swept.swept is not None
    assert swept.swept[0, 3] == pytest.approx(free / (1.0 + first[7]))
    assert swept.fees[0, 3] == pytest.approx(free - swept.swept[0, 3])
    # the next sweep takes the rest of the last instalment, then of the one before
    rest, paid = 125.0 - swept.swept[0, 3], swept.swept[0, 6]
    assert paid > rest
    assert swept.fees[0, 6] == pytest.approx(rest * first[6] + (paid - rest) * 0.01 * (1.0 - 1.02**-5) / 0.02)


def test_all_of_it_prepaid_costs_what_all_service_is_worth() -> None:
    ahead = np.zeros(MONTHS)
    ahead[12] = 1.0
    terms = loan(shape="level", balloon_frac=0.4)
    done = ran(terms, 90.0, LenderTerms(prepaid_frac=ahead, make_whole_rate=0.05))
    schedule = loan_schedule(terms, calendar_periods(2026, 1, MONTHS))
    worth = sum(schedule.service[12 + 3 * k] * 1.0125**-k for k in range(1, 5))
    assert done.fees[0, 12] == pytest.approx(worth - schedule.balance[12])
    assert done.debt_balance[0, 12] == pytest.approx(0.0, abs=1e-9)


def test_the_rest_of_an_instalment_is_not_in_the_average_cover() -> None:
    """Owners repay 150 of 1,000 ahead: the last of eight payments of 125 falls away, and 100 remain of the seventh."""
    ahead = np.zeros(MONTHS)
    ahead[3] = 0.15
    terms = loan(shape="equal-principal", rate=0.0)
    done = ran(terms, 90.0, LenderTerms(prepaid_frac=ahead))
    assert np.atleast_2d(done.service)[0, [18, 21, 24]] == pytest.approx([125.0, 100.0, 0.0])
    assert done.measures.average_dscr[0] == pytest.approx(270.0 / 125.0)
    assert ran(terms, 90.0).measures.average_dscr[0] == pytest.approx(270.0 / 125.0)


def test_the_money_of_a_cure_repays_facilities_before_owners() -> None:
    """Poor quarters draw the revolver; owners cure the tested year, and nothing goes to them while it is drawn."""
    monthly = [20.0] * 12 + [60.0] * 12
    line = FacilityTerms("revolver", 500.0, pays_bills=True)
    lender = LenderTerms(covenant_dscr=1.5, cures_most=2, cures_per_year=2, facilities=(line,), sweep_frac=1.0)
    done = ran(loan(shape="equal-principal"), monthly, lender)
    assert done.cures is not None
    assert done.swept is not None
    cured = np.flatnonzero(done.cures[0])
    assert cured.size
    facility = done.facilities[0]
    assert facility.repaid[0, cured[0]] > 0.0
    assert not (facility.balance[0] > 0.005)[(done.distributions[0] > 0.005) | (done.swept[0] > 0.005)].any()


def test_at_the_loans_own_rate_nothing_makes_whole() -> None:
    ahead = np.zeros(MONTHS)
    ahead[12] = 0.2
    done = ran(loan(), lender=LenderTerms(prepaid_frac=ahead, make_whole_rate=0.12))
    assert done.fees[0].sum() == pytest.approx(0.0, abs=1e-9)


def test_the_sweep_stops_at_the_target_balance() -> None:
    target = np.full(MONTHS, np.inf)
    target[3:] = 0.9
    done = ran(loan(), lender=LenderTerms(sweep_frac=1.0, target_frac=target))
    # April: 180 less 30; 100 of it prepay to 900, the owners have 50
    assert done.swept is not None
    assert done.swept[0, 3] == pytest.approx(100.0)
    assert done.distributions[0, 3] == pytest.approx(50.0)
    assert done.debt_balance[0, 6] == pytest.approx(900.0)


def test_owners_cure_a_covenant_so_many_times() -> None:
    # 720 a year covers 120 of interest six times; 10 a month from February 2027 on does not
    cash = [60.0] * 12 + [10.0] * 12
    plain = ran(loan(), cash, LenderTerms(covenant_dscr=2.0))
    assert plain.events is not None
    first = int(plain.events.breach[0])
    assert first == 24
    # twelve months to January 2028: 120 of cash over 120 of service; 2.0 asks for 240
    cured = ran(loan(), cash, LenderTerms(covenant_dscr=2.0, cures_most=1, cures_per_year=1))
    assert cured.events is not None
    assert cured.cures is not None
    assert cured.cures[0, 24] == pytest.approx(120.0)
    assert cured.events.breach[0] == -1


def test_a_cure_counts_for_a_year_and_owners_wait() -> None:
    cash = [60.0] * 12 + [10.0] * 12
    lender = LenderTerms(covenant_dscr=4.0, cures_most=2, cures_per_year=1)
    done = ran(loan(), cash, lender)
    assert done.cures is not None
    # October 2027 (month 21): 3 x 60 + 9 x 10 = 270 of the 480 that 4.0 asks for; then one cure a year is used
    assert np.flatnonzero(done.cures[0])[0] == 18
    assert done.cures[0, 18] == pytest.approx(480.0 - (6 * 60.0 + 6 * 10.0))
    assert not done.distributions[0, 18:24].any()
    assert done.events is not None
    assert done.events.breach[0] == 21


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": "dated", "principal_frac": np.full(MONTHS, 0.1)}, "repayments"),
        ({"shape": "dated"}, "repayments"),
        ({"every": 5}, "multiple"),
        ({"every": 3, "clock_months": 20}, "clock"),
    ],
    ids=str,
)
def test_out_of_range_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        ran(loan(**change))
