"""The site year, by linear programme and by merit order, against hand arithmetic."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from megawatt.catalogue import Fact
from megawatt.catalogue.records import Assumption
from megawatt.dispatch import Dispatch, SiteProblem, overloads, solve, solve_merit
from megawatt.errors import InfeasibleError, ScenarioError
from tests.unit.dispatch.builders import HOURS, hall, problem

Solve = Callable[[SiteProblem], Dispatch]
both = pytest.mark.parametrize("run", [solve, solve_merit])


def _with(hour: int, value: float, base: float) -> np.ndarray:
    array = np.full(HOURS, base)
    array[hour] = value
    return array


@both
def test_everything_runs_where_it_pays(run: Solve) -> None:
    plan = run(problem())
    # AI 30 x 1.2 = 36 MW, mining 20 x 1.1 = 22 MW: 58 of 60 MW
    assert plan.import_mw == pytest.approx(np.full(HOURS, 58.0))
    assert plan.energy_cost_usd["market"] == pytest.approx(58.0 * 50.0 * HOURS)
    assert plan.energy_cost_usd["delivery"] == pytest.approx(58.0 * 2.0 * HOURS)
    assert plan.revenue_usd == pytest.approx({"ai": 30.0 * 1000.0 * HOURS, "mining": 20.0 * 80.0 * HOURS})
    assert plan.objective_usd == pytest.approx((30_000.0 + 1_600.0 - 58.0 * 52.0) * HOURS)
    assert plan.carbon_t == pytest.approx(58.0 * 0.4 * HOURS)
    # 100 l per hour and MW of IT in both halls
    assert plan.water_l == pytest.approx(np.full(HOURS, 5000.0))
    # every rack and every miner runs beside a connection with room: space binds, nothing else
    assert {name: hours for name, hours in plan.binding.items() if hours} == {"ai_space": HOURS, "mining_space": HOURS}


@both
def test_miners_stop_where_power_costs_more_than_they_earn(run: Solve) -> None:
    # break-even at the connection: 80 / 1.1 = 72.73; 70.6 + 2 runs, 70.8 + 2 does not
    plan = run(problem(price_usd_per_mwh=_with(10, 70.8, 70.6)))
    assert plan.mining_it_mw[10] == pytest.approx(0.0, abs=1e-9)
    assert plan.mining_it_mw[11] == pytest.approx(20.0)
    assert plan.ai_it_mw[10] == pytest.approx(30.0)
    assert plan.binding["mining_curtailed"] == 1


@both
def test_miners_take_what_the_connection_leaves(run: Solve) -> None:
    plan = run(problem(import_limit_mw=_with(5, 47.0, 60.0)))
    # 47 - 36 = 11 MW at 1.1 is 10 MW of miners
    assert plan.mining_it_mw[5] == pytest.approx(10.0)
    assert plan.import_mw[5] == pytest.approx(47.0)
    assert plan.binding["import"] == 1


@both
def test_a_loaded_hall_throttles_its_costly_segment_first(run: Solve) -> None:
    # second half of the hall costs 1.6 MW per MW: 80 / 1.6 = 50 < 52, first half 80 / 1.1 = 72.7 > 52
    plan = run(problem(mining_response=hall(20.0, (1.1, 1.6))))
    assert plan.mining_it_mw == pytest.approx(np.full(HOURS, 10.0))


@both
def test_ai_is_curtailed_only_where_power_costs_more_than_it_earns(run: Solve) -> None:
    # 1000 / 1.2 = 833 USD/MWh at the connection
    plan = run(problem(price_usd_per_mwh=_with(7, 4000.0, 50.0)))
    assert plan.ai_curtailed_mw[7] == pytest.approx(30.0)
    assert plan.import_mw[7] == pytest.approx(0.0, abs=1e-9)
    assert plan.binding["ai_curtailed"] == 1


@both
def test_cooling_limits_are_kept_and_counted(run: Solve) -> None:
    tight = dataclasses.replace(hall(30.0), it_limit_mw=_with(3, 25.0, 30.0))
    plan = run(problem(ai_response=tight))
    assert plan.ai_it_mw[3] == pytest.approx(25.0)
    assert plan.binding["ai_cooling"] == 1
    assert plan.ai_curtailed_mw.sum() == pytest.approx(5.0)


@both
def test_paid_consumption_runs_all_it_can_and_no_more(run: Solve) -> None:
    # at -30 even worthless mining runs; halls draw what they use, never the whole connection
    plan = run(problem(price_usd_per_mwh=np.full(HOURS, -30.0), mining_value_usd_per_mwh=np.zeros(HOURS)))
    assert plan.mining_it_mw == pytest.approx(np.full(HOURS, 20.0))
    assert plan.import_mw == pytest.approx(np.full(HOURS, 58.0))
    assert plan.energy_cost_usd["market"] == pytest.approx(-30.0 * 58.0 * HOURS)


@both
def test_a_site_of_miners_alone(run: Solve) -> None:
    plan = run(problem(ai_it_mw=np.zeros(HOURS), ai_response=None))
    assert plan.import_mw == pytest.approx(np.full(HOURS, 22.0))
    assert plan.revenue_usd["ai"] == 0.0


def test_the_solver_is_named() -> None:
    assert solve(problem()).solver.startswith("HiGHS 1.")
    assert solve_merit(problem()).solver == "merit order"


def test_assumptions_pass_through_once() -> None:
    fact = Assumption("a.b", "facility", Fact(1.0, "", "assumed", "assumption"))
    site = problem(assumptions=(fact,), mining_response=dataclasses.replace(hall(20.0, (1.1,)), assumptions=(fact,)))
    assert solve_merit(site).assumptions == (fact,)


@both
def test_idle_halls_beyond_the_connection_name_the_hour(run: Solve) -> None:
    # hour 4670 is 14 July 14:00: 181 days to the end of June, 13 more days, 14 hours
    site = problem(import_limit_mw=_with(4670, 2.0, 60.0), ai_response=hall(30.0, idle_mw=3.0))
    with pytest.raises(InfeasibleError, match=r"import limit at 14 Jul 14:00: idle halls draw 3\.000 MW, limit 2\.000"):
        run(site)


def test_firm_load_beyond_a_limit_names_limit_and_hour() -> None:
    tight = problem(ai_response=hall(30.0, limit_mw=28.0), import_limit_mw=_with(0, 35.0, 60.0))
    lines = overloads(tight)
    assert len(lines) == 2
    assert "cooling limit at 1 Jan 00:00: load 30.000 MW IT, cooling carries 28.000 MW (8760 such hours)" in lines[0]
    assert "import limit at 1 Jan 00:00: AI halls need 36.000 MW" in lines[1]
    with pytest.raises(InfeasibleError, match="AI cooling limit"):
        solve(tight, firm_ai=True)
    assert overloads(problem()) == ()
    assert solve(problem(), firm_ai=True).ai_curtailed_mw.max() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"price_usd_per_mwh": np.zeros(24)}, r"price_usd_per_mwh: shape \(24,\)"),
        ({"adder_usd_per_mwh": _with(25, np.nan, 1.0)}, "nan at 2 Jan 01:00"),
        ({"ai_it_mw": _with(0, -1.0, 1.0)}, "-1 at 1 Jan 00:00"),
        ({"mining_it_mw": -2.0}, "mining_it_mw: -2"),
        ({"ai_value_usd_per_mwh": float("inf")}, "ai_value_usd_per_mwh: inf"),
        ({"ai_response": None}, "ai_response: none, with 30 MW"),
        ({"mining_it_mw": 21.0}, "IT load of 21 MW; allowed: at most 20 MW"),
        ({"ai_response": hall(30.0, (1.3, 1.2))}, "not convex"),
        ({"ai_response": hall(30.0, (-0.1,))}, "not rising"),
    ],
)
def test_wrong_inputs_are_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        solve_merit(problem(**changes))
