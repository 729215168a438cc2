"""The optimiser against its closed form, and conservation, on random site years."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.dispatch import monthly_response, solve, solve_merit
from megawatt.dispatch.halls import hourly_response
from megawatt.mining import NetworkState, project_network, retarget
from tests.unit.dispatch.builders import drawn_problem

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=12, deadline=None)
@given(seeds)
def test_merit_order_is_the_optimum(seed: int) -> None:
    site = drawn_problem(seed)
    optimum, closed = solve(site), solve_merit(site)
    scale = abs(optimum.objective_usd) + sum(optimum.revenue_usd.values())
    assert abs(optimum.objective_usd - closed.objective_usd) <= 1e-6 * scale
    # the closed form is never the worse of the two
    assert closed.objective_usd >= optimum.objective_usd - 1e-9 * scale


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_energy_balances_and_limits_hold_every_hour(seed: int) -> None:
    site = drawn_problem(seed)
    plan = solve_merit(site)
    assert site.ai_response is not None
    assert site.mining_response is not None
    ai = hourly_response(site.ai_response, site.ai_response.facility_mw, plan.ai_it_mw)
    mining = hourly_response(site.mining_response, site.mining_response.facility_mw, plan.mining_it_mw)
    # What the grid gives is added up in another order than here.
    assert np.allclose(plan.import_mw, ai + mining, rtol=1e-12, atol=1e-12)
    assert np.all(plan.import_mw <= site.import_limit_mw + 1e-9)
    assert np.all(plan.ai_it_mw <= np.minimum(site.ai_it_mw, site.ai_response.it_limit_mw) + 1e-9)
    assert np.all(plan.mining_it_mw <= np.minimum(site.mining_it_mw, site.mining_response.it_limit_mw) + 1e-9)
    assert plan.ai_it_mw + plan.ai_curtailed_mw == pytest.approx(site.ai_it_mw)
    assert plan.ai_it_mw.min() >= 0.0
    assert plan.mining_it_mw.min() >= 0.0
    bill = site.price_usd_per_mwh @ plan.import_mw + site.adder_usd_per_mwh @ plan.import_mw
    assert sum(plan.energy_cost_usd.values()) == pytest.approx(float(bill))


@settings(max_examples=10, deadline=None)
@given(seeds, st.floats(0.0, 50.0))
def test_dearer_power_never_earns_more(seed: int, rise: float) -> None:
    site = drawn_problem(seed)
    dearer = dataclasses.replace(site, price_usd_per_mwh=site.price_usd_per_mwh + rise)
    assert solve_merit(dearer).objective_usd <= solve_merit(site).objective_usd + 1e-6


@settings(max_examples=10, deadline=None)
@given(seeds, st.floats(0.2, 5.0), st.floats(0.0, 200.0), st.floats(0.0, 50.0))
def test_monthly_margin_rises_with_value_and_energy_with_it(seed: int, level: float, value: float, more: float) -> None:
    months = monthly_response(drawn_problem(seed))
    levels = np.full((1, 12), level)
    low, high = (months.mining(np.full((1, 12), v), levels) for v in (value, value + more))
    assert np.all(high.mwh >= low.mwh - 1e-9)
    # convex in the value: the margin grows by at least the old energy, at most the new
    assert np.all(high.margin_usd - low.margin_usd >= more * low.mwh - 1e-3)
    assert np.all(high.margin_usd - low.margin_usd <= more * high.mwh + 1e-3)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 10.0), st.floats(0.0, 1.0), st.floats(0.0, 24.0))
def test_hash_rate_never_overshoots_its_revenue(btc: float, elasticity: float, lag_months: float) -> None:
    state = NetworkState("test", 2025, 11, 100_000.0, 1000.0, 3.0, 45.0)
    path = project_network(
        state, 2025, 12, 24, np.full((1, 24), btc), elasticity=elasticity, lag_months=lag_months, growth=0.0
    )
    moved = path.network_eh_per_s[0] / 1000.0
    low, high = sorted((1.0, btc**elasticity))
    assert np.all((moved >= low - 1e-9) & (moved <= high + 1e-9))
    revenue = path.hashprice_usd_per_ph_day * path.network_eh_per_s * 1000.0
    assert revenue == pytest.approx((450.0 + 3.0) * path.btc_price_usd)


@given(st.floats(1.0, 1e15), st.floats(1.0, 1e8))
def test_retarget_stays_within_a_factor_of_four(difficulty: float, period_s: float) -> None:
    assert difficulty / 4.0001 <= float(retarget(difficulty, period_s)) <= difficulty * 4.0001
