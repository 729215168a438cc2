"""Services to the grid: never more held than there is, both solvers alike, worth what a hand calculation says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.dispatch import HourlyPlan, HourlyProblem, Service, Storage, block, earned_usd, ledger, optimise
from megawatt.dispatch.foresight import day_ahead
from megawatt.dispatch.ledgers import plan_cost_usd
from megawatt.errors import ScenarioError
from tests.unit.dispatch.hourly_builders import drawn_hours, small


def service(
    problem: HourlyProblem, mw: float, usd: float, *providers: str, name: str = "ecrs", **more: object
) -> Service:
    hours = problem.hours
    return Service(name, np.full(hours, mw), np.full(hours, usd), providers, **more)  # type: ignore[arg-type]


def miners(price: list[float], value: float = 60.0) -> HourlyProblem:
    return small(price, 0.0, uses=(block("bitcoin", len(price), 10.0, value),))


def drawn_services(seed: int) -> HourlyProblem:
    """A random problem with services of every kind that its blocks can hold."""
    problem, rng = drawn_hours(seed), np.random.default_rng([seed, 7])
    names = [b.name for b in (*problem.uses, *problem.supplies) if b.name != "unserved"]
    names += [s.name for s in problem.storages]
    made = []
    for k in range(int(rng.integers(1, 4))):
        pay = rng.uniform(-2.0, 30.0, problem.hours) * (rng.random(problem.hours) < 0.8)
        most = rng.uniform(0.0, 25.0) * (rng.random(problem.hours) < 0.9)
        some = tuple(n for n in names if rng.random() < 0.5) or (names[0],)
        share = float(rng.choice([0.0, 0.0, 0.02, 0.2]))
        call, last, down = rng.choice([0.0, 50.0]), rng.choice([0.5, 2.0]), rng.random() < 0.3
        made.append(Service(f"s{k}", most, pay, some, share, float(call), float(last), bool(down)))
    return replace(problem, services=tuple(made))


def test_a_mw_that_runs_earns_what_holding_it_pays() -> None:
    problem = miners([50.0, 65.0, 80.0])
    held = replace(problem, services=(service(problem, 4.0, 8.0, "bitcoin"),))
    plan = optimise(held, "exact")
    # 50: all run, 4 held; 65: 4 run because holding pays 8 beside 60; 80: off, nothing is held.
    assert plan.mw["bitcoin"].tolist() == pytest.approx([10.0, 4.0, 0.0])
    assert plan.mw["ecrs.bitcoin"].tolist() == pytest.approx([4.0, 4.0, 0.0])
    assert -plan.objective_usd == pytest.approx(10 * 10.0 + 4 * 8.0 + 4 * 3.0)
    assert earned_usd(ledger(held, plan)) == pytest.approx(-plan.objective_usd)


def test_a_called_mw_neither_earns_nor_draws() -> None:
    problem = miners([50.0])
    held = replace(problem, services=(service(problem, 10.0, 5.0, "bitcoin", called_frac=0.1, call_usd_per_mwh=20.0),))
    plan = optimise(held)
    assert "called" in plan.solver
    assert plan.mw["bitcoin"][0] == pytest.approx(9.0)
    assert -plan.objective_usd == pytest.approx(9.0 * (60.0 - 50.0) + 10.0 * 5.0 + 1.0 * 20.0)
    assert plan_cost_usd(held, plan.mw) == pytest.approx(plan.objective_usd)


def test_a_battery_keeps_the_energy_that_it_sells() -> None:
    battery = Storage("battery", 10.0, 20.0, 1.0, 1.0)
    problem = small([10.0, 10.0, 100.0, 100.0], 20.0, storage=battery)
    held = replace(problem, services=(service(problem, 10.0, 30.0, "battery", duration_hours=2.0),))
    plan = optimise(held)
    assert (plan.mw["battery.state"] >= 2.0 * plan.mw["ecrs.battery"] - 1e-6).all()
    most = 10.0 - plan.mw["battery.discharge"] + plan.mw["battery.charge"]
    assert (plan.mw["ecrs.battery"] <= most + 1e-6).all()
    empty = Storage("battery", 10.0, 0.0, 1.0, 1.0)
    none = small([10.0, 10.0], 20.0, storage=empty)
    plan = optimise(replace(none, services=(service(none, 10.0, 30.0, "battery"),)))
    assert plan.mw["ecrs.battery"].max() == pytest.approx(0.0, abs=1e-9)


def check_held(problem: HourlyProblem, plan: HourlyPlan) -> None:
    """Nothing holds more than it has, and no service more than is enrolled."""
    for s in problem.services:
        held = sum(plan.mw[s.award(p)] for p in s.providers)
        assert (held <= s.most_mw + 1e-5).all()
    for use in problem.uses:
        up = [s for s in problem.services if use.name in s.providers and not s.down]
        called = sum(s.called_frac * plan.mw[s.award(use.name)] for s in up)
        more = sum(
            s.called_frac * plan.mw[s.award(use.name)] for s in problem.services if use.name in s.providers and s.down
        )
        usual = plan.mw[use.name] + called - more
        assert (sum((plan.mw[s.award(use.name)] for s in up), np.zeros(problem.hours)) <= usual + 1e-5).all()
    for store in problem.storages:
        up = [s for s in problem.services if store.name in s.providers and not s.down]
        need = sum((s.duration_hours * plan.mw[s.award(store.name)] for s in up), np.zeros(problem.hours))
        assert (need / store.discharge_efficiency <= plan.mw[f"{store.name}.state"] + 1e-4).all()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_never_more_is_held_than_there_is(seed: int) -> None:
    problem = drawn_services(seed)
    plan = optimise(problem)
    check_held(problem, plan)
    bare = optimise(replace(problem, services=()))
    scale = 1.0 + abs(bare.objective_usd)
    assert plan.objective_usd <= bare.objective_usd + 1e-6 * scale, "services may be left unsold"
    assert plan_cost_usd(problem, plan.mw) == pytest.approx(plan.objective_usd, abs=2e-6 * scale)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_services_of_one_use_are_solved_exactly(seed: int) -> None:
    problem = drawn_services(seed)
    uses = [b.name for b in problem.uses]
    if not uses:
        return
    rng = np.random.default_rng(seed)
    own = tuple(replace(s, providers=(str(rng.choice(uses)),), called_frac=0.0, down=False) for s in problem.services)
    problem = replace(problem, services=own)
    exact, highs = optimise(problem), optimise(problem, "highs")
    assert exact.objective_usd == pytest.approx(highs.objective_usd, rel=1e-6, abs=1e-4)
    check_held(problem, exact)
    assert plan_cost_usd(problem, exact.mw) == pytest.approx(exact.objective_usd, rel=1e-6, abs=1e-4)


def test_wrong_services_are_named() -> None:
    problem = miners([50.0])
    for wrong, said in (
        (service(problem, -1.0, 5.0, "bitcoin"), "most_mw"),
        (service(problem, 1.0, np.nan, "bitcoin"), "usd_per_mw"),
        (service(problem, 1.0, 5.0, "solar"), "providers"),
        (service(problem, 1.0, 5.0, "bitcoin", called_frac=1.2), "called_frac"),
    ):
        with pytest.raises(ScenarioError, match=said):
            optimise(replace(problem, services=(wrong,)))
    with pytest.raises(ScenarioError, match="called"):
        optimise(replace(problem, services=(service(problem, 1.0, 5.0, "bitcoin", called_frac=0.1),)), "exact")


def test_a_plan_by_the_day_says_that_it_holds_no_services() -> None:
    problem = miners([50.0] * 48)
    with pytest.raises(ScenarioError, match="services"):
        day_ahead(replace(problem, services=(service(problem, 1.0, 5.0, "bitcoin"),)), np.zeros(0))
