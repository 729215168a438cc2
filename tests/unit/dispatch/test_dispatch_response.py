"""Twelve months in place of 8,760 hours, without losing a dollar."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from megawatt.dispatch import monthly_response, solve_merit
from megawatt.errors import ScenarioError
from megawatt.hours import HOURS_IN_MONTH, monthly_sum
from tests.unit.dispatch.builders import HOURS, drawn_problem, problem


def test_constant_hours_by_hand() -> None:
    months = monthly_response(problem())
    mining = months.mining(np.full((1, 12), 80.0), np.ones((1, 12)))
    # 20 MW at the plug, 22 MW at the connection, 50 + 2 USD/MWh
    assert mining.mwh[0] == pytest.approx(20.0 * HOURS_IN_MONTH)
    assert mining.energy_cost_usd[0] == pytest.approx(22.0 * 52.0 * HOURS_IN_MONTH)
    assert mining.margin_usd[0] == pytest.approx((20.0 * 80.0 - 22.0 * 52.0) * HOURS_IN_MONTH)
    # at level 1.5 only the market part of the AI bill grows: 36 MW x (75 + 2)
    cost = months.ai_energy_cost_usd(np.full((1, 12), 1.5))
    assert cost[0] == pytest.approx(36.0 * 77.0 * HOURS_IN_MONTH)


def test_mining_stops_at_its_break_even() -> None:
    months = monthly_response(problem())
    # (50 level + 2) x 1.1 = 80 at level 1.41455
    at = months.mining(np.full((1, 2), 80.0), np.array([[1.4145, 1.4146]]))
    assert at.mwh[0, 0] == pytest.approx(20.0 * 744)
    assert at.mwh[0, 1] == 0.0


def test_columns_follow_the_calendar_from_the_first_month() -> None:
    months = monthly_response(drawn_problem(3))
    year = months.mining(np.full((1, 12), 60.0), np.ones((1, 12)))
    later = months.mining(np.full((1, 14), 60.0), np.ones((1, 14)), first_month=12)
    assert later.mwh[0] == pytest.approx(np.concatenate((year.mwh[0, 11:], year.mwh[0], year.mwh[0, :1])))
    cost = months.ai_energy_cost_usd(np.ones((1, 2)), first_month=12)
    assert cost[0] == pytest.approx(months.ai_energy_cost_usd(np.ones((1, 12)))[0, [11, 0]])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("value", "level"), [(0.0, 1.0), (37.0, 1.0), (60.0, 0.4), (60.0, 2.5), (140.0, 7.0)])
def test_equals_the_dispatch_at_every_value_and_level(seed: int, value: float, level: float) -> None:
    site = drawn_problem(seed, ai_value=1e6)
    plan = solve_merit(
        dataclasses.replace(
            site,
            price_usd_per_mwh=level * site.price_usd_per_mwh,
            mining_value_usd_per_mwh=np.full(HOURS, value),
        )
    )
    months = monthly_response(site)
    mining = months.mining(np.full((1, 12), value), np.full((1, 12), level))
    energy = level * site.price_usd_per_mwh + site.adder_usd_per_mwh
    assert mining.mwh[0] == pytest.approx(monthly_sum(plan.mining_it_mw), rel=1e-10, abs=1e-8)
    assert mining.facility_mwh[0] == pytest.approx(monthly_sum(plan.mining_facility_mw), rel=1e-10, abs=1e-8)
    assert mining.energy_cost_usd[0] == pytest.approx(monthly_sum(energy * plan.mining_facility_mw), rel=1e-9, abs=1e-4)
    cost = months.ai_energy_cost_usd(np.full((1, 12), level))
    assert cost[0] == pytest.approx(monthly_sum(energy * plan.ai_facility_mw), rel=1e-10, abs=1e-4)
    assert months.ai_unserved_mwh == pytest.approx(monthly_sum(plan.ai_curtailed_mw), abs=1e-8)


def test_many_different_adders_stay_exact() -> None:
    site = drawn_problem(5, ai_value=1e6)
    adder = np.random.default_rng(1).uniform(0.0, 40.0, HOURS)
    site = dataclasses.replace(site, adder_usd_per_mwh=adder, mining_value_usd_per_mwh=np.full(HOURS, 70.0))
    plan = solve_merit(site)
    mining = monthly_response(site).mining(np.full((1, 12), 70.0), np.ones((1, 12)))
    assert mining.mwh[0] == pytest.approx(monthly_sum(plan.mining_it_mw), rel=1e-10)


def test_paths_are_independent_of_each_other() -> None:
    months = monthly_response(drawn_problem(7))
    rng = np.random.default_rng(0)
    value, level = rng.uniform(20.0, 120.0, (50, 24)), rng.uniform(0.3, 3.0, (50, 24))
    together = months.mining(value, level).margin_usd
    alone = np.concatenate([months.mining(value[[i]], level[[i]]).margin_usd for i in range(50)])
    assert together == pytest.approx(alone, rel=1e-12)


def test_wrong_values_are_refused() -> None:
    months = monthly_response(problem())
    with pytest.raises(ScenarioError, match="negative values or NaN"):
        months.mining([[-1.0]], [[1.0]])
    with pytest.raises(ScenarioError, match="power_level"):
        months.mining([[1.0]], [[0.0]])
    with pytest.raises(ScenarioError, match="power_level"):
        months.ai_energy_cost_usd([[np.nan]])
    with pytest.raises(ScenarioError, match="first_month = 13"):
        months.mining([[1.0]], [[1.0]], first_month=13)
