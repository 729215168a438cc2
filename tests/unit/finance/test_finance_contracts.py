"""What tenants pay, with and without default, and prepayments."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import (
    Hall,
    colocation_revenue,
    gpu_cloud_revenue,
    gpu_contract_values_usd,
    make_spine,
    market_utilisation,
    prepayment_flows,
    tenancy,
)

HALLS = (Hall(1, 0.5), Hall(3, 0.5))
NEVER_THEN_MONTH_4 = np.array([-1, 4])


def test_halls_go_from_contract_to_market_after_their_term() -> None:
    let = tenancy(HALLS, 8, term_months=3)
    assert let.contracted[0].tolist() == [0, 0.5, 0.5, 1.0, 0.5, 0.5, 0, 0]
    assert let.market[0].tolist() == [0, 0, 0, 0, 0.5, 0.5, 1.0, 1.0]


def test_after_a_default_halls_stand_empty_and_are_then_let_at_market() -> None:
    let = tenancy(HALLS, 9, term_months=6, default_month=NEVER_THEN_MONTH_4, relet_lag_months=2)
    assert let.contracted[1].tolist() == [0, 0.5, 0.5, 1.0, 0, 0, 0, 0, 0]
    assert let.market[1].tolist() == [0, 0, 0, 0, 0, 0, 1.0, 1.0, 1.0]
    assert let.market[0].tolist() == [0, 0, 0, 0, 0, 0, 0, 0.5, 0.5]


def test_a_hall_delivered_after_the_default_goes_to_market_on_delivery() -> None:
    let = tenancy((Hall(0, 0.5), Hall(6, 0.5)), 9, term_months=12, default_month=np.array([1]), relet_lag_months=3)
    assert let.contracted[0].tolist() == [0.5, 0, 0, 0, 0, 0, 0, 0, 0]
    assert let.market[0].tolist() == [0, 0, 0, 0, 0.5, 0.5, 1.0, 1.0, 1.0]


def test_a_default_after_the_term_changes_nothing() -> None:
    plain = tenancy(HALLS, 9, term_months=3)
    late = tenancy(HALLS, 9, term_months=3, default_month=np.array([7]), relet_lag_months=5)
    assert np.array_equal(plain.market, late.market)
    assert np.array_equal(plain.contracted, late.contracted)


def test_gpu_revenue_is_chips_times_hours_times_price() -> None:
    spine = make_spine(2026, 1, 3)  # 744, 672, 744 h
    let = tenancy((Hall(0, 1.0),), 3, term_months=2)
    earned = gpu_cloud_revenue(
        spine,
        let,
        chips=100,
        price_usd_per_chip_hour=3.0,
        availability_frac=0.5,
        market_price_usd_per_chip_hour=2.0,
        market_price_factor=np.array([[1.0, 1.0, 0.75]]),
        market_utilisation_frac=np.array([[0.9, 0.9, 0.4]]),
    )
    # 100 chips x 744 h x 0.5 x 3 USD = 111,600; 100 x 672 x 0.5 x 3 = 100,800
    assert earned.contract[0].tolist() == pytest.approx([111_600, 100_800, 0])
    # 100 x 744 x 0.5 x 2 x 0.75 x 0.4 = 22,320
    assert earned.market[0].tolist() == pytest.approx([0, 0, 22_320])


def test_take_or_pay_is_a_floor_under_what_the_tenant_uses() -> None:
    spine = make_spine(2026, 1, 2)
    let = tenancy((Hall(0, 1.0),), 2, term_months=2)
    one = np.ones((1, 2))
    earned = gpu_cloud_revenue(
        spine,
        let,
        chips=1,
        price_usd_per_chip_hour=1.0,
        availability_frac=1.0,
        market_price_usd_per_chip_hour=1.0,
        market_price_factor=one,
        market_utilisation_frac=one,
        take_or_pay_frac=0.6,
        tenant_use_frac=np.array([[0.2, 0.8]]),
    )
    assert earned.contract[0].tolist() == pytest.approx([744 * 0.6, 672 * 0.8])


def test_rent_escalates_from_each_halls_own_delivery() -> None:
    let = tenancy((Hall(0, 0.5), Hall(6, 0.5)), 20, term_months=36, escalator_frac=0.10)
    one = np.ones((1, 20))
    rent = colocation_revenue(
        let,
        it_mw=2.0,
        rent_usd_per_it_kw_month=100.0,
        market_rent_usd_per_it_kw_month=80.0,
        market_price_factor=one,
        market_utilisation_frac=one,
    ).contract[0]
    # 2,000 kW x 100 = 200,000 a month: half, all, first half up 10 %, both up 10 %
    assert rent[[0, 6, 12, 18]].tolist() == pytest.approx([100_000, 200_000, 210_000, 220_000])


def test_market_capacity_is_never_sold_twice() -> None:
    assert market_utilisation(np.array([0.5, 1.0, 2.0]), 0.8).tolist() == [0.4, 0.8, 1.0]


def test_contract_value_counts_calendar_hours_of_the_term() -> None:
    values = gpu_contract_values_usd(
        make_spine(2027, 12, 2),
        (Hall(1, 0.25), Hall(2, 0.75)),
        chips=10,
        price_usd_per_chip_hour=2.0,
        availability_frac=1.0,
        term_months=2,
    )
    # January and February 2028: 744 + 696 h; February and March 2028: 696 + 744 h
    assert values.tolist() == pytest.approx([10 * 2 * 0.25 * 1440, 10 * 2 * 0.75 * 1440])


def test_prepayment_comes_before_delivery_and_is_credited_over_the_term() -> None:
    paid, credit = prepayment_flows(
        HALLS, 8, amounts_usd=np.array([40.0, 60.0]), lead_months=2, term_months=4, credit_after_months=2
    )
    assert paid[0].tolist() == [40, 60, 0, 0, 0, 0, 0, 0]  # month -1 is paid in month 0
    assert credit[0].tolist() == pytest.approx([0, 0, 0, 20, 20, 30, 30, 0])


def test_a_prepayment_beyond_the_plan_is_settled_in_its_last_month() -> None:
    paid, credit = prepayment_flows((Hall(2, 1.0),), 4, amounts_usd=np.array([90.0]), lead_months=1, term_months=3)
    assert paid[0].tolist() == [0, 90, 0, 0]
    assert credit[0].tolist() == pytest.approx([0, 0, 30, 60])


def test_a_defaulted_tenant_neither_prepays_nor_is_credited() -> None:
    paid, credit = prepayment_flows(
        HALLS, 8, amounts_usd=np.array([40.0, 60.0]), lead_months=0, term_months=4, default_month=np.array([2])
    )
    assert paid[0].tolist() == [0, 40, 0, 0, 0, 0, 0, 0]
    assert credit[0].tolist() == [0, 10, 0, 0, 0, 0, 0, 0]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ScenarioError, match="term_months"):
        tenancy(HALLS, 8, term_months=0)
    with pytest.raises(ScenarioError, match="default months"):
        tenancy(HALLS, 8, term_months=3, default_month=np.array([8]))
    with pytest.raises(ScenarioError, match="relet_lag"):
        tenancy(HALLS, 8, term_months=3, relet_lag_months=-1)
    with pytest.raises(ScenarioError, match="one amount"):
        prepayment_flows(HALLS, 8, amounts_usd=np.array([1.0]), lead_months=0, term_months=4)
    with pytest.raises(ScenarioError, match="credit_after"):
        prepayment_flows(HALLS, 8, amounts_usd=np.ones(2), lead_months=0, term_months=4, credit_after_months=4)
    with pytest.raises(ScenarioError, match="utilisation"):
        market_utilisation(np.ones(1), 1.5)
