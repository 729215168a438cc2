"""Sizes, draws and reserves that depend on each other, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Literal

import numpy as np
import pytest

from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.finance import (
    CashFlow,
    LenderTerms,
    LoanTerms,
    OperatingFlows,
    ProjectTerms,
    SizedLoan,
    SizingTerms,
    TaxTerms,
    all_rates,
    annual_periods,
    calendar_periods,
    dated_periods,
    irr,
    loan_schedule,
    project,
    size_loan,
)
from megawatt.finance.construction import FundingTerms, fund_pro_rata, size_at_gearing
from megawatt.finance.depreciation import MACRS, table_of
from megawatt.finance.periods import year_fractions
from megawatt.finance.repayment import Window, repay, service_per_dollar
from megawatt.finance.reserves import ahead
from megawatt.finance.tax import tax_on_income
from tests.cash_identity import cash_gap


def four_years(cash: float | list[float] | np.ndarray, **change: object) -> tuple[ProjectTerms, OperatingFlows]:
    """100 spent at close, cash of four years, a sculpted loan at 8 % over them, owners who pay whatever is missing."""
    earned = np.atleast_2d(np.broadcast_to(cash, (*np.shape(cash)[:-1], 4)))
    revenue = np.hstack([np.zeros((earned.shape[0], 1)), earned])
    none = np.zeros((1, 5))
    terms = ProjectTerms(
        start_year=2026,
        start_month=1,
        months=5,
        capex_cost={"plant": np.array([100.0, 0, 0, 0, 0])},
        residual={},
        loan=LoanTerms(1.0, 0.08, 0, 1, 4, shape="sculpted"),
        tax=None,
        discount_rate=0.1,
        construction_months=1,
        periods=annual_periods(4),
        owners_pay_all=True,
    )
    return replace(terms, **change), OperatingFlows({"sales": revenue}, {"site": none}, none, none)  # type: ignore[arg-type]


def run(case: tuple[ProjectTerms, OperatingFlows], sized: SizedLoan) -> CashFlow:
    return project(replace(case[0], loan=sized.loan), case[1], schedule=sized.schedule)


@pytest.mark.parametrize(
    ("day_count", "expected"),
    [
        ("ACT/360", 31 / 360),
        ("ACT/365", 31 / 365),
        ("30/360", 30 / 360),  # 31 January to 28 February: 28 - 30 + 30 days, see below
        ("ACT/ACT", 31 / 366),
    ],
)
def test_day_counts_of_a_january(day_count: str, expected: float) -> None:
    # from 31 December 2027 to 31 January 2028: 31 days, all but the first in the leap year's count
    found = year_fractions([date(2027, 12, 31), date(2028, 1, 31)], day_count)[0]
    if day_count == "ACT/ACT":
        expected = 1 / 365 + 30 / 366
    assert found == pytest.approx(expected, rel=1e-12)


def test_dates_out_of_order_are_refused() -> None:
    with pytest.raises(ScenarioError, match="in order"):
        dated_periods(date(2026, 1, 1), [date(2026, 3, 1), date(2026, 2, 1)], "ACT/360")
    with pytest.raises(ScenarioError, match="day_count"):
        dated_periods(date(2026, 1, 1), [date(2026, 2, 1)], "NL/365")


def test_profiles_pay_back_a_dollar() -> None:
    rates = np.array([0.0, 0.1, 0.1, 0.1])
    window = Window(1, 3)
    # level: 0.1 / (1 - 1.1^-3) = 0.402115
    assert service_per_dollar("level", rates, window)[0, 1:] == pytest.approx([0.40211480] * 3, rel=1e-7)
    assert service_per_dollar("bullet", rates, window)[0, 1:] == pytest.approx([0.1, 0.1, 1.1])
    assert service_per_dollar("equal-principal", rates, window)[0, 1:] == pytest.approx(
        [1 / 3 + 0.1, 1 / 3 + 0.2 / 3, 1 / 3 + 0.1 / 3]
    )
    # sculpted on 1 : 2 : 0, worth 1/1.1 + 2/1.21 = 2.5619835
    shape = service_per_dollar("sculpted", rates, window, np.array([[0.0, 1.0, 2.0, -4.0]]))
    assert shape[0, 1:] == pytest.approx([1 / 2.56198347, 2 / 2.56198347, 0.0], rel=1e-8)
    done = repay(np.array([100.0]), shape, rates, window)
    assert done.balance[0, -1] == 0.0
    assert done.principal[0].sum() == pytest.approx(100.0)


def test_level_after_interest_only() -> None:
    rates = np.array([0.0, 0.1, 0.1, 0.1])
    service = service_per_dollar("level", rates, Window(1, 3, 1))
    # a year of interest, then two equal payments: 0.1 / (1 - 1.1^-2) = 0.576190
    assert service[0, 1:] == pytest.approx([0.1, 0.57619048, 0.57619048], rel=1e-8)


def funding(capex: list[float], rate: float, **change: float) -> FundingTerms:
    periods = len(capex)
    rates = np.r_[0.0, np.full(periods - 1, rate)]
    return FundingTerms(
        capex=np.array([capex]),
        rates=rates,
        commitment_fee=np.r_[0.0, np.full(periods - 1, change.get("commitment_fee", 0.0))],
        upfront_fee_frac=change.get("fee", 0.0),
        fixed_at_close=np.zeros(1),
        fixed_at_end=np.zeros(1),
        reserve_per_dollar=np.array([change.get("reserve", 0.0)]),
    )


def test_gearing_includes_interest_fee_and_reserve() -> None:
    # close 100, then 100; gearing g = 0.5, rate 10 %, fee 2 %, reserve 5 % of D
    # uses: 100 + 0.02 D; draw1 = 50 + 0.01 D; then 100 + 0.1 draw1 + 0.05 D
    # D = 0.5 (205 + 0.02 D + 0.001 D + 0.05 D) => D = 102.5 / (1 - 0.0355)
    terms = funding([100.0, 100.0], 0.1, fee=0.02, reserve=0.05)
    size = size_at_gearing(terms, np.array([0.5]))
    assert size[0] == pytest.approx(102.5 / 0.9645, rel=1e-12)
    drawn = fund_pro_rata(terms, size)
    assert drawn.balance[0, -1] == pytest.approx(size[0], rel=1e-12)
    assert drawn.uses.sum() == pytest.approx(2 * size[0], rel=1e-12)


def test_a_smaller_debt_is_drawn_in_the_same_proportion_everywhere() -> None:
    terms = funding([100.0, 60.0, 40.0], 0.1, fee=0.01, commitment_fee=0.005)
    drawn = fund_pro_rata(terms, np.array([70.0]))
    share = drawn.draws / drawn.uses
    assert share == pytest.approx(np.full((1, 3), share[0, 0]), rel=1e-9)
    assert drawn.draws.sum() == pytest.approx(70.0, rel=1e-12)
    # the commitment fee of the first period is on what is not drawn at close
    assert drawn.fees[0, 1] == pytest.approx(0.005 * (70.0 - drawn.draws[0, 0]))


def test_a_debt_above_all_uses_is_refused() -> None:
    with pytest.raises(ScenarioError, match="cap the gearing"):
        fund_pro_rata(funding([10.0, 10.0], 0.1), np.array([50.0]))


def test_an_advance_on_spending_capitalises_interest_on_top() -> None:
    terms, flows = four_years(
        80.0,
        capex_cost={"plant": np.array([100.0, 100.0, 0, 0, 0])},
        loan=LoanTerms(1.0, 0.1, 0, 2, 4, shape="equal-principal", draws=np.array([0.5, 0.5, 0, 0, 0])),
    )
    sized = size_loan(terms, flows, SizingTerms(advance_rate=0.6))
    assert sized.schedule.draw[0].tolist() == pytest.approx([60.0, 60.0, 0, 0, 0])
    assert sized.schedule.balance[0].tolist() == pytest.approx([60.0, 126.0, 84.0, 42.0, 0.0])
    assert sized.binding == ("advance rate",)
    assert (sized.size[0], sized.uses[0]) == pytest.approx((126.0, 206.0))
    # the same in half-years bears half the interest
    halves = calendar_periods(2026, 1, 5, 6)
    slow = size_loan(replace(terms, periods=halves), flows, SizingTerms(advance_rate=0.6))
    assert slow.size[0] == pytest.approx(60 * 1.05 + 60)


def test_reserve_covers_the_service_ahead() -> None:
    due = np.array([[0.0, 10.0, 20.0, 30.0]])
    # 1.5 periods: the next and half of the one after
    assert ahead(due, 1.5, 0)[0] == pytest.approx([20.0, 35.0, 30.0, 0.0])
    assert ahead(due, 1.5, 1)[0] == pytest.approx([0.0, 35.0, 30.0, 0.0])


def test_sculpted_cover_is_the_target_and_the_loan_life_cover() -> None:
    case = four_years([30.0, 50.0, 20.0, 70.0])
    sized = size_loan(*case, SizingTerms(target_dscr=1.5, drawn="pro-rata"))
    done = run(case, sized)
    assert done.cfads[0, 1:] / (done.interest_paid + done.principal_paid)[0, 1:] == pytest.approx([1.5] * 4)
    assert done.measures.llcr[0] == pytest.approx(1.5)
    assert done.measures.min_dscr[0] == pytest.approx(1.5)
    assert sized.binding == ("DSCR",)


@pytest.mark.parametrize("drawn", ["pro-rata", "as-scheduled"])
def test_no_more_is_lent_than_there_is_to_pay_for(drawn: Literal["pro-rata", "as-scheduled"]) -> None:
    """Six times the cash that the uses need: the loan is all uses, and owners who put nothing in have no return."""
    case = four_years(200.0)
    sized = size_loan(*case, SizingTerms(target_dscr=1.3, drawn=drawn))
    assert sized.size[0] == pytest.approx(100.0)
    assert sized.binding == ("uses",)
    done = run(case, sized)
    assert np.isnan(done.measures.equity_irr[0])
    assert done.measures.irr_note == "equity IRR: owners put nothing in"


@pytest.mark.parametrize("drawn", ["pro-rata", "as-scheduled"])
@pytest.mark.parametrize(
    ("limit", "name"),
    [({"gearing": 0.4}, "gearing"), ({"minimum_llcr": 3.5}, "LLCR"), ({"amount_usd": 30.0}, "amount")],
)
def test_the_limit_that_binds_is_named(limit: dict[str, float], name: str, drawn: str) -> None:
    sized = size_loan(*four_years(40.0), SizingTerms(target_dscr=1.3, drawn=drawn, **limit))  # type: ignore[arg-type]
    # gearing: 0.4 x 100; LLCR: 40 x 3.3121268 / 3.5
    expected = {"gearing": 40.0, "LLCR": 40 * 3.31212684 / 3.5, "amount": 30.0}[name]
    assert sized.size[0] == pytest.approx(expected, rel=1e-8)
    assert sized.binding == (name,)


def test_after_tax_sizing_comes_to_rest() -> None:
    tax = TaxTerms(0.3, {}, losses="refund", deductions_usd=np.r_[0.0, np.full(4, 25.0)])
    case = four_years(45.0, tax=tax)
    done = run(case, size_loan(*case, SizingTerms(target_dscr=1.4, drawn="pro-rata")))
    # last year, closed form: service s = (45 - 0.3 (45 - 25 - i)) / 1.4 with i = 0.08 s / 1.08
    s = (45 - 6) / (1.4 - 0.3 * 0.08 / 1.08)
    service = (done.interest_paid + done.principal_paid)[0]
    assert service[4] == pytest.approx(s, rel=1e-9)
    assert done.cfads[0, 1:] / service[1:] == pytest.approx([1.4] * 4, rel=1e-9)


def test_paths_are_independent_of_each_other() -> None:
    case = four_years(np.array([[40.0] * 4, [80.0] * 4]))
    sized = size_loan(*case, SizingTerms(target_dscr=2.0, gearing=0.7, drawn="pro-rata"))
    assert sized.size == pytest.approx([20 * 3.31212684, 70.0], rel=1e-8)
    assert sized.binding == ("DSCR", "gearing")


def test_a_lender_pays_in_where_service_follows_negative_cash() -> None:
    case = four_years([60.0, -10.0, 60.0, 60.0])
    done = run(case, size_loan(*case, SizingTerms(target_dscr=1.5, drawn="pro-rata", negative_service=True)))
    net = (done.interest_paid + done.principal_paid - done.debt_draw)[0]
    assert net[1:] == pytest.approx([40.0, -10 / 1.5, 40.0, 40.0])
    assert (done.distributions - done.equity_in)[0, 1:] == pytest.approx([20.0, -10 / 3, 20.0, 20.0])
    assert done.debt_balance[0, 4] == pytest.approx(0.0, abs=1e-9)


def test_reserves_earn_interest_that_is_taxed() -> None:
    lender = LenderTerms(reserve_months=12, opex_reserve_months=6, reserve_rate=0.05)
    tax = TaxTerms(0.2, {}, losses="refund", deductions_usd=np.zeros(5))
    terms, flows = four_years(40.0, lender=lender, tax=tax, loan=LoanTerms(50.0, 0.08, 0, 1, 4, shape="bullet"))
    flows = replace(flows, opex_cost={"site": np.array([[0.0, 10, 10, 10, 10]])})
    done = project(terms, flows)
    # a year of interest and half a year's cost at close: 4 + 5; the last year's reserve holds the bullet
    assert done.reserve_balance is not None
    assert done.reserve_interest is not None
    assert done.reserve_balance[0].tolist() == pytest.approx([9.0, 9.0, 9.0, 59.0, 0.0])
    assert done.reserve_interest[0].tolist() == pytest.approx([0, 0.45, 0.45, 0.45, 2.95])
    assert done.tax[0].tolist() == pytest.approx([0, 5.29, 5.29, 5.29, 5.79])
    assert cash_gap(done) < 1e-9


def test_nothing_to_size_on_is_refused() -> None:
    with pytest.raises(ScenarioError, match="nothing sizes it"):
        size_loan(*four_years(40.0), SizingTerms())
    with pytest.raises(InfeasibleError, match=r"debt\.target_dscr: .* nothing to borrow on"):
        size_loan(*four_years(-1.0), SizingTerms(target_dscr=1.3))
    with pytest.raises(ScenarioError, match="gearing"):
        size_loan(*four_years(40.0), SizingTerms(gearing=1.2))
    with pytest.raises(ScenarioError, match="could be drawn for"):
        size_loan(
            *four_years(40.0, loan=LoanTerms(1.0, 0.1, 0, 1, 4, draws=np.zeros(5))), SizingTerms(advance_rate=0.5)
        )


@pytest.mark.parametrize("months", [3, 6, 12])
def test_longer_periods_agree_with_months_where_both_can_speak(months: int) -> None:
    """A bullet, cash at period ends and no interest between them: the same flows on either timing."""
    count = 48 // months
    ends = months * np.arange(1, count + 1) - 1
    capex = np.r_[120.0, np.zeros(count - 1)]
    cash = np.r_[0.0, np.full(count - 1, 20.0)][None, :]
    tax = TaxTerms(0.25, {"all": 2.0}, tables={"all": "macrs-3"}, state_rate=0.05)
    monthly_capex, monthly_cash = np.zeros(48), np.zeros((1, 48))
    monthly_capex[ends], monthly_cash[:, ends] = capex, cash
    last = count - 1
    slow_terms = ProjectTerms(
        2026, 1, count, {"all": capex}, {}, LoanTerms(10.0, 0.0, 0, 1, last, shape="bullet"), tax, 0.1,
        operation_start_month=1, construction_months=1, periods=calendar_periods(2026, 1, count, months),
    )  # fmt: skip
    fast_terms = replace(
        slow_terms,
        months=48,
        capex_cost={"all": monthly_capex},
        loan=LoanTerms(10.0, 0.0, int(ends[0]), int(ends[1]), int(ends[last]), shape="bullet"),
        operation_start_month=int(ends[0]) + 1,
        construction_months=int(ends[0]) + 1,
        periods=None,
    )
    none = np.zeros((1, 1))
    slow = project(slow_terms, OperatingFlows({"s": cash}, {"o": 0 * cash}, none * cash, none * cash))
    fast = project(fast_terms, OperatingFlows({"s": monthly_cash}, {"o": 0 * monthly_cash},
                                              0 * monthly_cash, 0 * monthly_cash))  # fmt: skip
    for name in ("cfads", "tax", "debt_balance", "equity_in", "closing_cash"):
        assert getattr(slow, name)[0] == pytest.approx(getattr(fast, name)[0, ends], abs=1e-9), name
    for name in ("npv_usd", "npv_pre_tax_usd", "project_irr"):
        assert getattr(slow.measures, name)[0] == pytest.approx(getattr(fast.measures, name)[0], rel=1e-9), name


def test_months_by_date_are_calendar_months() -> None:
    """Dates at month ends with 30/360 and a close a month before: the same loan and taxes as calendar months."""
    ends = [date(2026 + (m + 1) // 12, (m + 1) % 12 + 1, 1) for m in range(24)]
    periods = dated_periods(date(2026, 1, 1), ends, "30/360")
    loan = LoanTerms(100.0, 0.09, 0, 3, 20, interest_only=4, upfront_fee_frac=0.02, commitment_fee=0.01,
                     draws=np.r_[0.0, 60.0, 40.0, np.zeros(22)])  # fmt: skip
    dated, plain = loan_schedule(loan, periods), loan_schedule(loan, 25)
    for name in ("interest_due", "capitalised", "principal", "balance"):
        assert getattr(dated, name) == pytest.approx(getattr(plain, name), abs=1e-12), name


def test_losses_refunded_or_carried() -> None:
    income, settles = np.array([[0.0], [-100.0], [60.0], [90.0]]), np.array([False, True, True, True])
    refunded = TaxTerms(0.2, {}, losses="refund")
    assert tax_on_income(income, settles, refunded)[:, 0] == pytest.approx([0, -20, 12, 18])
    # year 2: 48 of 60 offset, tax on 12; year 3: 52 left, tax on 38
    assert tax_on_income(income, settles, TaxTerms(0.2, {}))[:, 0] == pytest.approx([0, 0, 2.4, 7.6])


def test_state_tax_lowers_federal_income() -> None:
    income, settles = np.array([[0.0], [100.0]]), np.array([False, True])
    assert tax_on_income(income, settles, TaxTerms(0.2, {}, state_rate=0.05))[1, 0] == pytest.approx(5.0 + 19.0)
    # the state allows 40 less: 140 x 5 % = 7, federal on 100 - 7
    none = np.zeros(2)
    own = TaxTerms(0.2, {}, state_rate=0.05, deductions_usd=np.array([0.0, 40.0]), state_deductions_usd=none)
    assert tax_on_income(income, settles, own)[1, 0] == pytest.approx(7.0 + 0.2 * 93.0)
    # a federal loss pays nothing, and the state's tax adds to it: 0.05 x 30 = 1.5, then 0.2 x (20 - 1 - 8 x 0.8)
    income = np.array([[-10.0], [20.0]])
    assert tax_on_income(income, np.array([True, True]), replace(own, deductions_usd=np.array([40.0, 0.0])))[
        :, 0
    ] == pytest.approx([1.5, 1.0 + 0.2 * (20 - 11.5 - 1.0)])


def test_tables_deduct_the_whole_basis() -> None:
    for name in [*MACRS, "sl-39", "sl-5"]:
        assert sum(table_of(name)) == pytest.approx(1.0, abs=1.1e-4)  # published tables round to four digits
    with pytest.raises(ScenarioError, match="depreciation class"):
        table_of("macrs-6")


def test_every_root_is_reported() -> None:
    # (1 + r) = 1.1 and 1.3: -1 (x - 1.1)(x - 1.3) = -x^2 + 2.4 x - 1.43, newest flow last
    flows = np.array([-100.0, 240.0, -143.0])
    assert all_rates(flows, np.arange(3.0)) == pytest.approx((0.1, 0.3), abs=1e-12)
    done = irr(flows[None, :], np.arange(3.0))
    assert np.isnan(done.rate[0])
    assert "several" in done.note()
    assert "positive" in irr(np.array([[-1.0, -2.0]]), np.arange(2.0)).note()


def test_rate_of_uneven_dates() -> None:
    years = np.array([0.0, 0.25, 1.5, 4.0])
    flows = np.array([[-100.0, 30.0, 40.0, 70.0], [-100.0, 10.0, 10.0, 20.0]])
    found = irr(flows, years).rate
    assert found[1] < 0.0 < found[0]
    assert (flows * (1.0 + found[:, None]) ** -years).sum(axis=1) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert [all_rates(row, years)[0] for row in flows] == pytest.approx(found, abs=1e-9)
