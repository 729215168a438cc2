"""Sizes, draws and reserves that depend on each other, worked out by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance.construction import FundingTerms, fund_advance, fund_pro_rata, size_at_gearing
from megawatt.finance.depreciation import MACRS, table_of
from megawatt.finance.financing import DebtTerms, ProjectFlows, ReserveTerms, finance_project
from megawatt.finance.periods import annual_periods, dated_periods, year_fractions
from megawatt.finance.repayment import Window, repay, service_per_dollar
from megawatt.finance.reserves import ahead, movement
from megawatt.finance.returns import all_rates, break_even_price, dated_irr
from megawatt.finance.taxes import TaxBase, income_taxes

NO_TAX = TaxBase(0.0, 0.0, np.zeros(1), np.zeros(1))


def project_flows(cash: list[float], capex: float) -> ProjectFlows:
    revenue = np.array([[0.0, *cash]])
    spent = np.zeros_like(revenue)
    spent[0, 0] = capex
    return ProjectFlows(revenue, np.zeros_like(revenue), spent, np.zeros_like(revenue))


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
    done = repay(np.array([100.0]), 100.0 * shape, rates, window)
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


def test_advance_capitalises_interest_on_top() -> None:
    drawn = fund_advance(funding([100.0, 100.0], 0.1), 0.6, capitalise=True)
    assert drawn.draws[0] == pytest.approx([60.0, 60.0])
    assert drawn.balance[0] == pytest.approx([60.0, 126.0])
    assert drawn.uses.sum() == pytest.approx(200.0)


def test_reserve_covers_the_service_ahead() -> None:
    due = np.array([[0.0, 10.0, 20.0, 30.0]])
    # 1.5 periods: the next and half of the one after
    assert ahead(due, 1.5, 0)[0] == pytest.approx([20.0, 35.0, 30.0, 0.0])
    assert ahead(due, 1.5, 1)[0] == pytest.approx([0.0, 35.0, 30.0, 0.0])
    assert movement(ahead(due, 1.5, 1)).sum() == pytest.approx(0.0)


def test_sculpted_cover_is_the_target_and_the_loan_life_cover() -> None:
    debt = DebtTerms("sculpted", 0.08, Window(1, 4), target_dscr=1.3)
    done = finance_project(
        annual_periods(4), project_flows([30.0, 50.0, 20.0, 70.0], 150.0), debt, ReserveTerms(), NO_TAX
    )
    served = done.service[0, 1:]
    assert done.cfads[0, 1:] / served == pytest.approx([1.3] * 4)
    assert (done.cfads[0, 1:] @ 1.08 ** -np.arange(1.0, 5.0)) / done.size[0] == pytest.approx(1.3)
    assert done.binding == ("DSCR",)


@pytest.mark.parametrize(("limit", "name"), [({"gearing": 0.4}, "gearing"), ({"minimum_llcr": 2.5}, "LLCR")])
def test_the_limit_that_binds_is_named(limit: dict[str, float], name: str) -> None:
    debt = DebtTerms("sculpted", 0.08, Window(1, 4), target_dscr=1.3, **limit)
    done = finance_project(annual_periods(4), project_flows([40.0] * 4, 100.0), debt, ReserveTerms(), NO_TAX)
    # gearing: 0.4 x 100; LLCR: 40 x 3.3121268 / 2.5
    assert done.size[0] == pytest.approx(40.0 if name == "gearing" else 40 * 3.31212684 / 2.5, rel=1e-8)
    assert done.binding == (name,)


def test_after_tax_sizing_comes_to_rest() -> None:
    tax = TaxBase(0.3, 0.0, np.r_[0.0, np.full(4, 25.0)], np.zeros(5))
    debt = DebtTerms("sculpted", 0.08, Window(1, 4), target_dscr=1.3, cash_basis="after-tax")
    done = finance_project(annual_periods(4), project_flows([45.0] * 4, 100.0), debt, ReserveTerms(), tax)
    # last year, closed form: service s = (45 - 0.3 (45 - 25 - i)) / 1.3 with i = 0.08 s / 1.08
    s = (45 - 6) / (1.3 - 0.3 * 0.08 / 1.08)
    assert done.service[0, 4] == pytest.approx(s, rel=1e-9)
    assert done.cfads[0, 1:] / done.service[0, 1:] == pytest.approx([1.3] * 4, rel=1e-9)


def test_paths_are_independent_of_each_other() -> None:
    both = project_flows([40.0] * 4, 100.0)
    two = ProjectFlows(both.revenue * np.array([[1.0], [2.0]]), both.opex, both.capex, both.sale)
    debt = DebtTerms("sculpted", 0.08, Window(1, 4), target_dscr=2.0, gearing=0.7)
    done = finance_project(annual_periods(4), two, debt, ReserveTerms(), NO_TAX)
    assert done.size == pytest.approx([20 * 3.31212684, 70.0], rel=1e-8)
    assert done.binding == ("DSCR", "gearing")


def test_losses_refunded_or_carried() -> None:
    income = np.array([[0.0, -100.0, 60.0, 90.0]])
    base = TaxBase(0.2, 0.0, np.zeros(4), np.zeros(4))
    assert income_taxes(income, base, np.array([0, 0, 1, 2]))[0][0] == pytest.approx([0, -20, 12, 18])
    kept = TaxBase(0.2, 0.0, np.zeros(4), np.zeros(4), losses="carry-forward", loss_offset_limit_frac=0.8)
    # year 2: 48 of 60 offset, tax on 12; year 3: 52 left, tax on 38
    assert income_taxes(income, kept, np.array([0, 0, 1, 2]))[0][0] == pytest.approx([0, 0, 2.4, 7.6])


def test_state_tax_lowers_federal_income() -> None:
    tax = TaxBase(0.2, 0.05, np.zeros(2), np.zeros(2))
    federal, state = income_taxes(np.array([[0.0, 100.0]]), tax, np.array([0, 0]))
    assert (state[0, 1], federal[0, 1]) == pytest.approx((5.0, 19.0))


def test_tables_deduct_the_whole_basis() -> None:
    for name in [*MACRS, "sl-39", "sl-5"]:
        assert sum(table_of(name)) == pytest.approx(1.0, abs=1.1e-4)  # published tables round to four digits
    with pytest.raises(ScenarioError, match="depreciation class"):
        table_of("macrs-6")


def test_every_root_is_reported() -> None:
    # (1 + r) = 1.1 and 1.3: -1 (x - 1.1)(x - 1.3) = -x^2 + 2.4 x - 1.43, newest flow last
    flows = np.array([-100.0, 240.0, -143.0])
    assert all_rates(flows, np.arange(3.0)) == pytest.approx((0.1, 0.3), abs=1e-12)
    done = dated_irr(flows[None, :], np.arange(3.0))
    assert np.isnan(done.rate[0])
    assert "several" in done.note()
    assert "positive" in dated_irr(np.array([[-1.0, -2.0]]), np.arange(2.0)).note()


def test_break_even_price_of_a_linear_value() -> None:
    assert break_even_price(np.array([-50.0, 3.0]), np.array([-30.0, 3.0])) == pytest.approx([2.5, np.nan], nan_ok=True)
