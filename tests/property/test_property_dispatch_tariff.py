"""Random tariffs: the exact solver and HiGHS agree, and no plan is billed other than by its account."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.dispatch import earned_usd, ledger, optimise
from megawatt.dispatch.ledgers import plan_cost_usd
from tests.unit.dispatch.tariff_builders import tariffed


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**31))
def test_auto_and_highs_agree_on_random_tariffs(seed: int) -> None:
    problem = tariffed(seed)
    auto, highs = optimise(problem), optimise(problem, "highs", "simplex")
    assert auto.objective_usd == pytest.approx(highs.objective_usd, rel=1e-6, abs=1e-3)
    for plan in (auto, highs):
        assert plan_cost_usd(problem, plan.mw) == pytest.approx(plan.objective_usd, rel=1e-7, abs=1e-3)
        assert -earned_usd(ledger(problem, plan)) == pytest.approx(plan.objective_usd, rel=1e-7, abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_falling_tiers_are_billed_as_they_are(seed: int) -> None:
    problem = tariffed(seed, falling=True)
    plan = optimise(problem)
    assert plan_cost_usd(problem, plan.mw) == pytest.approx(plan.objective_usd, rel=1e-7, abs=1e-3)
    if problem.energy_tiers:
        assert "tier" in plan.solver
