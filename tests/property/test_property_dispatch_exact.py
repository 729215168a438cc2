"""The exact solver against HiGHS on random problems, and what any optimum must satisfy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.dispatch import HourlyPlan, HourlyProblem, ledger, optimise
from tests.unit.dispatch.hourly_builders import drawn_hours

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


@settings(max_examples=40, deadline=None)
@given(seeds, st.booleans())
def test_exact_solver_and_highs_agree(seed: int, several: bool) -> None:
    problem = drawn_hours(seed, several=several)
    exact, highs = optimise(problem, "exact"), optimise(problem, "highs", "simplex")
    assert exact.objective_usd == pytest.approx(highs.objective_usd, rel=1e-6, abs=1e-3)
    _balanced(problem, exact)


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
    cost = optimise(problem, "exact").objective_usd
    dearer = dataclasses.replace(problem.imports, usd_per_mwh=problem.imports.usd_per_mwh + rise)
    assert optimise(dataclasses.replace(problem, imports=dearer), "exact").objective_usd >= cost - 1e-3
    larger = tuple(dataclasses.replace(s, energy_mwh=2.0 * s.energy_mwh) for s in problem.storages)
    assert optimise(dataclasses.replace(problem, storages=larger), "exact").objective_usd <= cost + 1e-3
