"""The exact solver against HiGHS on random problems, and what any optimum must satisfy."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.dispatch import HourlyPlan, HourlyProblem, Storage, ledger, optimise
from megawatt.dispatch.solvers.exact import solve_exact
from megawatt.dispatch.solvers.general import _solved
from tests.unit.dispatch.hourly_builders import drawn_hours, small

seeds = st.integers(0, 2**32 - 1)


def _balanced(problem: HourlyProblem, plan: HourlyPlan) -> None:
    """Energy balances, limits and the battery's state hold in every hour."""
    mw = plan.mw
    supply = mw["import"] + sum(mw[b.name] for b in problem.supplies)
    use = problem.firm_mw + sum((mw[b.name] for b in problem.uses), np.zeros(problem.hours))
    for s in problem.storages:
        charge, discharge, state = (mw[f"{s.name}.{part}"] for part in ("charge", "discharge", "state"))
        supply, use = supply + discharge, use + charge
        assert np.all((charge >= 0.0) & (charge <= s.power_mw + 1e-9))
        assert np.all((discharge >= 0.0) & (discharge <= s.power_mw + 1e-9))
        assert np.all((state >= -1e-6) & (state <= s.energy_mwh + 1e-6))
        carried = (1.0 - s.standing_loss_per_hour) * np.roll(state, 1)
        flows = s.charge_efficiency * charge - discharge / s.discharge_efficiency
        assert state == pytest.approx(carried + flows, abs=1e-6)
    assert supply == pytest.approx(use, abs=1e-6)
    for b in (problem.imports, *problem.supplies, *problem.uses):
        assert np.all((mw[b.name] >= -1e-9) & (mw[b.name] <= b.mw.sum(axis=1) + 1e-9))
    assert mw["import"].max() <= problem.import_limit_mw + 1e-9


def _burns(problem: HourlyProblem, plan: HourlyPlan) -> bool:
    """Whether a storage charges and discharges in one hour."""
    flows = ((plan.mw[f"{s.name}.charge"], plan.mw[f"{s.name}.discharge"]) for s in problem.storages)
    return any(bool((np.minimum(charge, discharge) > 1e-6).any()) for charge, discharge in flows)


@settings(max_examples=40, deadline=None)
@given(seeds, st.booleans())
def test_exact_solver_and_highs_agree(seed: int, several: bool) -> None:
    problem = drawn_hours(seed, several=several)
    exact, highs = solve_exact(problem), optimise(problem, "highs", "simplex")
    same = pytest.approx(highs.objective_usd, rel=1e-6, abs=1e-3)
    assert exact.objective_usd == same or (_burns(problem, exact) and exact.objective_usd < highs.objective_usd)
    assert not _burns(problem, highs)
    _balanced(problem, exact)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_one_direction_an_hour_is_the_best_of_all_directions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hours = int(rng.integers(2, 6))
    problem = small(
        rng.uniform(-90.0, 40.0, hours).tolist(),
        float(rng.uniform(0.0, 20.0)),
        storage=Storage(
            "battery", 10.0, float(rng.choice([5.0, 10.0, 40.0])), 0.9, 0.9, 0.0, float(rng.choice([0, 4]))
        ),
        peak_usd_per_mw=float(rng.choice([0.0, 30.0])),
    )
    plan = optimise(problem)
    assert not _burns(problem, plan)
    ways = (np.array(way, dtype=np.int8) for way in itertools.product((1, 2), repeat=hours))
    least = min(_solved(problem, "simplex", {"battery": way})[0].objective_usd for way in ways)
    assert plan.objective_usd == pytest.approx(least, rel=1e-6, abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_ledger_adds_up_to_the_objective(seed: int) -> None:
    problem = drawn_hours(seed, several=True)
    plan = optimise(problem)
    assert -sum(entry.usd for entry in ledger(problem, plan)) == pytest.approx(plan.objective_usd, rel=1e-9, abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0.0, 60.0))
def test_dearer_import_never_costs_less_and_more_storage_never_more(seed: int, rise: float) -> None:
    problem = drawn_hours(seed)
    cost = solve_exact(problem).objective_usd
    dearer = dataclasses.replace(problem.imports, usd_per_mwh=problem.imports.usd_per_mwh + rise)
    assert solve_exact(dataclasses.replace(problem, imports=dearer)).objective_usd >= cost - 1e-3
    larger = tuple(dataclasses.replace(s, energy_mwh=2.0 * s.energy_mwh) for s in problem.storages)
    assert solve_exact(dataclasses.replace(problem, storages=larger)).objective_usd <= cost + 1e-3
