"""Capacity of a connection: worst hour, shedding, miners on the remainder; hand-computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.facility import capacity, capacity_plan, design_hours, miners_beside, simulate
from tests.unit.facility.halls import liquid_hall, mining_hall, steady_weather

# 38 degC in hour 100, 36 in 200, 34 in 300, 20 otherwise: a ranking known in advance
DRY = np.full(8760, 20.0)
DRY[[100, 200, 300]] = 38.0, 36.0, 34.0
WEATHER = steady_weather(DRY)


def test_without_shedding_it_is_the_worst_hour() -> None:
    plan = capacity_plan(liquid_hall(), WEATHER, 250.0)
    assert (plan.it_mw, plan.hour) == capacity(liquid_hall(), WEATHER, 250.0)
    assert (plan.shed_hours, plan.shed_mwh) == (0, 0.0)
    assert plan.facility_mw.max() == pytest.approx(250.0, rel=1e-9)
    assert plan.spare_mw.min() == pytest.approx(0.0, abs=1e-6)


def test_design_hours_are_ranked() -> None:
    first, second, third = design_hours(liquid_hall(), WEATHER, (1, 2, 3))
    assert (first.hour, second.hour, third.hour) == (100, 200, 300)
    assert (first.dry_bulb_c, third.dry_bulb_c) == (38.0, 34.0)
    full = simulate(liquid_hall(), WEATHER, np.full(8760, 100.0))
    assert first.facility_per_it == pytest.approx(full.facility_mw[100] / 100.0)
    with pytest.raises(ScenarioError, match="design hour 9000"):
        design_hours(liquid_hall(), WEATHER, (9000,))


def test_shedding_the_worst_hours_sizes_for_the_next() -> None:
    none, two = capacity_plan(liquid_hall(), WEATHER, 250.0), capacity_plan(liquid_hall(), WEATHER, 250.0, 2)
    full = simulate(liquid_hall(), WEATHER, np.full(8760, 100.0))
    assert two.hour == 300
    assert two.it_mw == pytest.approx(250.0 * 100.0 / full.facility_mw[300], rel=1e-9)
    assert two.it_mw > none.it_mw
    assert two.shed_hours == 2
    assert np.flatnonzero(two.served_it_mw < two.it_mw * (1 - 1e-9)).tolist() == [100, 200]
    # in the shed hours the connection is full
    np.testing.assert_allclose(two.facility_mw[[100, 200, 300]], 250.0, rtol=1e-6)
    assert two.shed_mwh == pytest.approx(2 * two.it_mw - two.served_it_mw[[100, 200]].sum())
    assert two.shed_max_mw == pytest.approx(two.it_mw - two.served_it_mw[100])


def test_miners_fill_what_is_left() -> None:
    plan = capacity_plan(liquid_hall(), WEATHER, 250.0)
    miners = miners_beside(plan, replace(mining_hall(), it_capacity_mw=30.0), WEATHER)
    served = simulate(replace(mining_hall(), it_capacity_mw=30.0), WEATHER, miners)
    on = miners > 0
    assert (served.facility_mw[on] <= plan.spare_mw[on] * (1 + 1e-6)).all()
    assert miners[100] == 0.0, "nothing is left in the hour that binds"
    assert miners[0] > 0.0
    small = miners_beside(plan, replace(mining_hall(), it_capacity_mw=1.0), WEATHER)
    assert small[0] == pytest.approx(1.0), "the installed miners run in full where they fit"


def test_a_connection_must_carry_the_hall() -> None:
    with pytest.raises(InfeasibleError, match="grid_mw = 0"):
        capacity_plan(liquid_hall(), WEATHER, 0.0)
    with pytest.raises(ScenarioError, match="shed_hours"):
        capacity_plan(liquid_hall(), WEATHER, 100.0, 8760)
