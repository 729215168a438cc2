"""Random tariffs: the exact solver and HiGHS agree, and no plan is billed other than by its account."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.dispatch import Service, earned_usd, ledger, optimise
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
    plan = optimise(problem, "auto", "simplex")
    assert plan_cost_usd(problem, plan.mw) == pytest.approx(plan.objective_usd, rel=1e-6, abs=1e-2)
    assert plan.gap_usd <= 1e-6 * (1.0 + abs(plan.objective_usd))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_no_choice_of_tiers_is_cheaper_than_the_plan_of_falling_ones(seed: int) -> None:
    """A charge whose rates fall is the cheapest of its tiers' straight lines: all of them are tried."""
    problem = replace(tariffed(seed, falling=True), minimums=(), availability=(), storages=())
    falling = [charge for charge in (*problem.peaks, *problem.energy_tiers) if not charge.rising][:4]
    held = {c.name for c in falling}
    problem = replace(
        problem,
        peaks=tuple(c for c in problem.peaks if c.rising or c.name in held),
        energy_tiers=tuple(c for c in problem.energy_tiers if c.rising or c.name in held),
    )
    plan = optimise(problem, "auto", "simplex")
    least = np.inf
    for lines in itertools.product(*(range(len(c.tiers)) for c in falling)):
        tried, fixed = problem, 0.0
        for charge, k in zip(falling, lines, strict=True):
            start, rate = charge.tiers[k]
            fixed += charge.cost_usd(start) - rate * start
            kind = "peaks" if charge in problem.peaks else "energy_tiers"
            there = tuple(
                replace(c, tiers=((0.0, rate),)) if c.name == charge.name else c for c in getattr(tried, kind)
            )
            tried = replace(tried, **{kind: there})
        least = min(least, optimise(tried).objective_usd + fixed)
    assert plan.objective_usd == pytest.approx(least, rel=1e-6, abs=1e-2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_services_beside_a_tariff_are_solved_alike(seed: int) -> None:
    """Ratchets, windows, tiers, minimum bills and services that one use holds ready, all at once."""
    problem = tariffed(seed)
    uses = [b.name for b in problem.uses]
    rng = np.random.default_rng([seed, 5])
    held = tuple(
        Service(
            f"service {k}",
            rng.uniform(0.0, 25.0) * (rng.random(problem.hours) < 0.8),
            rng.uniform(-2.0, 30.0, problem.hours),
            (str(rng.choice(uses)),),
        )
        for k in range(int(rng.integers(1, 4)) if uses else 0)
    )
    problem = replace(problem, services=held)
    auto, highs = optimise(problem), optimise(problem, "highs", "simplex")
    assert auto.objective_usd == pytest.approx(highs.objective_usd, rel=1e-6, abs=1e-3)
    assert plan_cost_usd(problem, auto.mw) == pytest.approx(auto.objective_usd, rel=1e-7, abs=1e-3)
