"""Depreciation and losses carried forward, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import TaxTerms, calendar_periods, depreciation_by_class, depreciation_usd, tax_on_income
from megawatt.finance.tax import YearIncome, after_losses, check_tax, instalments, nothing_carried, year_tax


def test_spending_is_written_off_from_operation_on() -> None:
    # 12 USD in month 0 and 24 in month 3 over one year, operation from month 2: 1 a month from month 2, 2 from month 4
    spent = np.zeros(20)
    spent[[0, 3]] = [12.0, 24.0]
    off = depreciation_usd(spent, 1.0, 2)
    assert off[:6].tolist() == [0, 0, 1, 1, 3, 3]
    assert off.sum() == pytest.approx(36.0)


def test_the_end_of_the_plan_cuts_depreciation() -> None:
    assert depreciation_usd(np.array([12.0, 0, 0]), 1.0, 0).tolist() == [0, 1, 1]


def test_every_class_needs_a_life() -> None:
    with pytest.raises(ScenarioError, match=r"life_years\.chips"):
        depreciation_by_class({"chips": np.ones(3)}, TaxTerms(0.21, {"shell": 39.0}), 0, calendar_periods(2026, 1, 3))


def test_old_losses_offset_at_most_eighty_percent_of_a_profit() -> None:
    taxed, losses = after_losses(np.array([-100.0, 50.0, 50.0]), np.array([0.0, 100.0, 10.0]), 0.8)
    # a loss is carried; of 50, 40 are offset and 10 taxed; 10 of losses leave 40 taxed
    assert taxed.tolist() == pytest.approx([0.0, 10.0, 40.0])
    assert losses.tolist() == pytest.approx([100.0, 60.0, 0.0])


def test_tax_of_a_stream_is_paid_at_each_settlement() -> None:
    income = np.array([[-10.0], [-20.0], [100.0], [50.0]])
    settles = np.array([False, True, False, True])
    paid = tax_on_income(income, settles, TaxTerms(0.25, {}, 0.8))
    # loss of 30 carried; 150 of profit less 30, at 25 %
    assert paid[:, 0].tolist() == pytest.approx([0, 0, 0, 30.0])
    assert not tax_on_income(income, settles, None).any()


def year(income: float, interest: float, adjusted: float) -> YearIncome:
    return YearIncome(np.array([income]), np.array([interest]), np.array([adjusted]))


def test_interest_above_thirty_percent_of_income_waits() -> None:
    """26 U.S.C. 163(j): of 50 of interest 30 % of 100 before depreciation is deducted, the rest next year."""
    tax = TaxTerms(0.21, {}, interest_limit_frac=0.3)
    first = year_tax(tax, year(60.0, 50.0, 100.0), nothing_carried(1))
    assert first.total[0] == pytest.approx(0.21 * (60 - 30))
    assert first.carried.interest[0] == pytest.approx(20.0)
    second = year_tax(tax, year(100.0, 5.0, 100.0), first.carried)
    assert second.total[0] == pytest.approx(0.21 * (100 - 25))
    assert second.carried.interest[0] == pytest.approx(0.0)
    # a year without income deducts none, and interest never makes a loss of such a year
    third = year_tax(tax, year(-10.0, 5.0, 0.0), second.carried)
    assert (third.carried.interest[0], third.carried.losses[0]) == pytest.approx((5.0, 10.0))
    unlimited = year_tax(replace(tax, interest_limit_frac=None), year(60.0, 50.0, 100.0), nothing_carried(1))
    assert unlimited.total[0] == pytest.approx(0.21 * 10)


def test_a_credit_pays_three_quarters_of_a_years_tax_and_the_rest_later() -> None:
    tax = TaxTerms(0.2, {}, credits_usd=np.array([30.0, 0.0, 0.0]))
    income, settles = np.full((3, 1), 100.0), np.ones(3, dtype=np.bool_)
    assert tax_on_income(income, settles, tax)[:, 0] == pytest.approx([5.0, 5.0, 20.0])
    half = replace(tax, life_years={"x": 1.0}, credit_basis_frac={"x": 0.15})
    cost = {"x": np.array([100.0, 0.0, 0.0])}
    assert depreciation_by_class(cost, half, 0, calendar_periods(2026, 1, 3, 12))["x"].sum() == pytest.approx(85.0)


def test_instalments_follow_the_year_and_december_settles_it() -> None:
    """Income 10 a month, then a loss in the last quarter: what was paid too much comes back in December."""
    periods = calendar_periods(2026, 1, 12)
    tax = TaxTerms(0.2, {}, paid="quarterly")
    income = np.array([10.0] * 9 + [-20.0] * 3)[:, None]
    paid = tax_on_income(income, periods.settles, tax, instalments(tax, periods))[:, 0]
    assert paid[[3, 5, 8, 11]] == pytest.approx([8.0, 4.0, 6.0, 0.2 * 30 - 18.0])


@pytest.mark.parametrize("tax", [TaxTerms(1.0, {}), TaxTerms(-0.1, {}), TaxTerms(0.2, {}, 1.2)])
def test_bad_terms_are_refused(tax: TaxTerms) -> None:
    with pytest.raises(ScenarioError, match="tax"):
        check_tax(tax, 3)
