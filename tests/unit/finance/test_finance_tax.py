"""Depreciation and losses carried forward, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import TaxTerms, calendar_periods, depreciation_by_class, depreciation_usd, tax_on_income
from megawatt.finance.tax import after_losses, check_tax


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


@pytest.mark.parametrize("tax", [TaxTerms(1.0, {}), TaxTerms(-0.1, {}), TaxTerms(0.2, {}, 1.2)])
def test_bad_terms_are_refused(tax: TaxTerms) -> None:
    with pytest.raises(ScenarioError, match="tax"):
        check_tax(tax, 3)
