"""The hourly optimum by hand: storage, peak charges, tiers, credits, programmes, infeasible hours."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from megawatt.dispatch import (
    Availability,
    HourlyProblem,
    PeakCharge,
    Programme,
    Storage,
    block,
    monthly_peaks,
    optimise,
)
from megawatt.dispatch.solvers.blocks import called, dearer_with_load
from megawatt.dispatch.solvers.exact import MOST_PEAKS, solve_exact
from megawatt.dispatch.years import at_prices, optimise_years
from megawatt.errors import InfeasibleError, ScenarioError, SolverError
from tests.unit.dispatch.hourly_builders import drawn_hours, small

IDEAL = Storage("battery", power_mw=10.0, energy_mwh=10.0, charge_efficiency=1.0, discharge_efficiency=1.0)
SOLVERS = ("exact", "highs")


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_ideal_battery_moves_its_energy_from_cheap_to_dear(solver: str) -> None:
    # 5 MW in each hour at 10, 50, 20, 40: the load costs 600. 10 MWh bought at 10 serve 5 at 50 and 5 at 40: -450 + 100
    plan = optimise(small([10.0, 50.0, 20.0, 40.0], 5.0, storage=IDEAL), solver)  # type: ignore[arg-type]
    assert plan.objective_usd == pytest.approx(5.0 * 120.0 + 100.0 - 250.0 - 200.0)
    assert plan.mw["battery.charge"][0] == pytest.approx(10.0)
    assert plan.mw["import"] == pytest.approx([15.0, 0.0, 5.0, 0.0])


@pytest.mark.parametrize("solver", SOLVERS)
def test_losses_wear_and_standing_loss_by_hand(solver: str) -> None:
    store = Storage("battery", 10.0, 10.0, 0.9, 0.8, standing_loss_per_hour=0.1, discharge_cost_usd_per_mwh=2.0)
    # buying x at 10 puts 0.9 x in; an hour later 0.81 x is left, of which the bus gets 0.648 x, worth 100 - 2 each;
    # the bus takes at most 6.48 from 10 MW of charge, less than the load of 20: charge in full
    plan = optimise(small([10.0, 100.0], 20.0, storage=store), solver)  # type: ignore[arg-type]
    assert plan.mw["battery.discharge"][1] == pytest.approx(6.48)
    assert plan.objective_usd == pytest.approx(20.0 * 110.0 + 100.0 - 98.0 * 6.48)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_peak_charge_is_shaved_until_it_pays_no_more(solver: str) -> None:
    # loads 5 and 15 at one price: each MW moved from hour 1 to hour 0 costs nothing and lowers the peak: both 10
    problem = small([30.0, 30.0], 0.0, storage=IDEAL, peak_usd_per_mw=1000.0, firm_mw=np.array([5.0, 15.0]))
    plan = optimise(problem, solver)  # type: ignore[arg-type]
    assert plan.peak_mw["annual"] == pytest.approx(10.0)
    assert plan.objective_usd == pytest.approx(20.0 * 30.0 + 10.0 * 1000.0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_tiers_of_a_peak_charge(solver: str) -> None:
    # a use worth 50 at 20 USD/MWh earns 30 a MW; the first 4 MW of peak cost 10, the rest 40: it stops at 4
    tiers = (PeakCharge("annual", np.array([True]), ((0.0, 10.0), (4.0, 40.0))),)
    problem = small([20.0], 0.0, uses=(block("mining", 1, 9.0, 50.0),), peaks=tiers)
    plan = optimise(problem, solver)  # type: ignore[arg-type]
    assert plan.mw["mining"][0] == pytest.approx(4.0)
    assert plan.objective_usd == pytest.approx(-4.0 * 30.0 + 4.0 * 10.0)
    assert tiers[0].cost_usd(6.0) == pytest.approx(40.0 + 80.0)


def test_falling_tiers_of_a_peak_charge_are_used_whole() -> None:
    # a use worth 50 at 20 USD/MWh earns 30 a MW; the first 4 MW of peak cost 40 (a loss), the rest 10: it runs in full,
    # or not at all where the connection ends before the cheap tier has paid for the dear one
    tiers = (PeakCharge("annual", np.array([True]), ((0.0, 40.0), (4.0, 10.0))),)
    problem = small([20.0], 0.0, uses=(block("mining", 1, 9.0, 50.0),), peaks=tiers)
    plan = optimise(problem)
    assert plan.objective_usd == pytest.approx(-9.0 * 30.0 + 4.0 * 40.0 + 5.0 * 10.0)
    assert "rates that fall" in plan.solver
    small_one = dataclasses.replace(problem, import_limit_mw=5.0)
    assert optimise(small_one).objective_usd == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_credits_hold_a_contract_to_its_availability(solver: str) -> None:
    # AI worth 30 in four hours at 20, 40, 60, 80: alone it would run one hour. It may miss 1 MWh free; the next ones
    # cost 35 each on top: the hours at 40 and 60 (short by 10 and 30) run, the one at 80 (short by 50) is the free one
    uses = (block("ai", 4, 1.0, 30.0),)
    problem = small([20.0, 40.0, 60.0, 80.0], 0.0, uses=uses, availability=(Availability("ai", 1.0, 35.0),))
    plan = optimise(problem, solver)  # type: ignore[arg-type]
    assert plan.mw["ai"] == pytest.approx([1.0, 1.0, 1.0, 0.0])
    assert plan.objective_usd == pytest.approx(120.0 - 90.0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_credit_between_two_plans_is_mixed_to_the_allowance(solver: str) -> None:
    # the same with half a MWh free: the hour at 80 runs half
    uses = (block("ai", 4, 1.0, 30.0),)
    problem = small([20.0, 40.0, 60.0, 80.0], 0.0, uses=uses, availability=(Availability("ai", 0.5, 80.0),))
    plan = optimise(problem, solver)  # type: ignore[arg-type]
    assert plan.mw["ai"].sum() == pytest.approx(3.5)
    assert plan.objective_usd == pytest.approx(120.0 + 40.0 - 3.5 * 30.0)


def test_negative_prices_are_earned_with_one_direction_an_hour() -> None:
    # at -100 a lossy battery would earn by charging and discharging at once; it may not. It charges 10 MW in one of
    # these hours, and gives the 8.1 MWh that are left as 4 in each hour at 30 and 0.1 in the other one
    store = Storage("battery", 10.0, 20.0, 0.9, 0.9)
    problem = small([-100.0, 30.0, -100.0, 30.0], 4.0, storage=store)
    plan = optimise(problem)
    assert plan.objective_usd == pytest.approx(-100.0 * (14.0 + 3.9))
    assert "would burn" in plan.solver
    assert solve_exact(problem).objective_usd < plan.objective_usd - 100.0
    with pytest.raises(SolverError, match="would burn"):
        optimise(problem, "exact")


def test_a_day_paid_to_draw_charges_and_discharges_in_turn() -> None:
    # case F22: 24 hours at -50, 5 MW of load, a battery of 10 MW and 10 MWh that keeps 0.9 each way
    store = Storage("battery", 10.0, 10.0, 0.9, 0.9)
    plan = optimise(small([-50.0] * 24, 5.0, storage=store))
    assert plan.objective_usd == pytest.approx(-6777.6, abs=0.1)
    assert np.minimum(plan.mw["battery.charge"], plan.mw["battery.discharge"]).max() < 1e-6


def test_a_battery_among_worthless_energy_has_one_direction() -> None:
    # solar beyond the load: burning it is worth nothing, so one direction costs no more and no search is needed
    store = Storage("battery", 10.0, 20.0, 0.9, 0.9)
    sun = block("solar", 6, [0.0, 40.0, 40.0, 40.0, 0.0, 0.0], 0.0)
    plan = optimise(small([60.0] * 6, 8.0, storage=store, supplies=(sun,)), "highs")
    assert "branch and bound" not in plan.solver
    assert np.minimum(plan.mw["battery.charge"], plan.mw["battery.discharge"]).max() < 1e-6


def test_a_curtailment_programme_pays_and_binds() -> None:
    # called in hour 1: import 10 MW of baseline earns 200 USD/MWh for each MWh left; 6 MW are committed at 500 penalty
    called_hours = np.array([False, True])
    programme = Programme("load resource", called_hours, 10.0, 6.0, 200.0, 500.0, 1000.0)
    problem = small([30.0, 30.0], 2.0, uses=(block("mining", 2, 8.0, 90.0),))
    plan = optimise(dataclasses.replace(problem, imports=called(problem.imports, programme)), "exact")
    # mining at 90 does not stand 30 + 200: it stops, and 8 of 10 MWh are paid for
    assert plan.mw["mining"] == pytest.approx([8.0, 0.0])
    net = plan.objective_usd - programme.fixed_usd
    assert net == pytest.approx(10.0 * 30.0 - 8.0 * 90.0 + 2.0 * 30.0 - 8.0 * 200.0 - 6.0 * 1000.0)


def test_a_programme_past_its_commitment_costs_the_penalty() -> None:
    programme = Programme("load resource", np.array([True]), 10.0, 6.0, 0.0, 500.0)
    problem = small([30.0], 7.0)
    plan = optimise(dataclasses.replace(problem, imports=called(problem.imports, programme)), "exact")
    # 4 MW are free of penalty, 3 are not
    assert plan.objective_usd == pytest.approx(7.0 * 30.0 + 3.0 * 500.0)
    with pytest.raises(ScenarioError, match="committed_mw"):
        called(problem.imports, dataclasses.replace(programme, committed_mw=11.0))


def test_a_price_that_rises_with_load_is_paid_on_every_megawatt_hour() -> None:
    # 40 MW at 20 + 0.1 per MW: 40 * 24 = 960
    problem = small([20.0], 40.0)
    imports = dearer_with_load(problem.imports, 0.1, 10.0)
    assert optimise(dataclasses.replace(problem, imports=imports), "exact").objective_usd == pytest.approx(960.0)
    # worth 26: it runs while 20 + 0.2 x < 26, up to 30 MW, where the steps end on it
    uses = (block("mining", 1, 90.0, 26.0),)
    problem = dataclasses.replace(problem, firm_mw=np.zeros(1), imports=imports, uses=uses)
    assert optimise(problem, "exact").mw["mining"][0] == pytest.approx(30.0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_infeasible_site_names_hour_and_limits(solver: str) -> None:
    imports = block("import", 4, [50.0, 50.0, 20.0, 50.0], 30.0)
    problem = HourlyProblem(np.full(4, 42.0), imports, storages=(dataclasses.replace(IDEAL, power_mw=15.0),))
    with pytest.raises(InfeasibleError, match=r"hour 2: firm load 42\.000 MW.*short by 12\.000 MW.*limit.*20\.000 MW"):
        optimise(problem, solver)  # type: ignore[arg-type]
    with pytest.raises(InfeasibleError, match="connection limit"):
        optimise(dataclasses.replace(problem, import_limit_mw=15.0, storages=()), solver)  # type: ignore[arg-type]


def test_structures_that_are_not_its_own_go_to_highs_and_say_so() -> None:
    other = dataclasses.replace(IDEAL, name="second")
    problem = small([10.0, 50.0], 5.0, storages=(IDEAL, other))
    assert "2 storages" in optimise(problem).solver
    with pytest.raises(ScenarioError, match="2 storages"):
        optimise(problem, "exact")
    assert optimise(small([10.0], 5.0)).solver.startswith("exact")
    many = tuple(PeakCharge(f"p{k}", np.ones(1, dtype=np.bool_), ((0.0, 1.0),)) for k in range(MOST_PEAKS + 1))
    assert "peak charges" in optimise(small([10.0], 5.0, peaks=many)).solver


def test_the_plan_carries_its_proof() -> None:
    problem = drawn_hours(5)
    plan = optimise(problem, "exact")
    assert 0.0 <= plan.gap_usd <= 1e-6 * (1.0 + abs(plan.objective_usd))
    # one more MWh of load in an hour costs the bus price (slope of a convex function: within its neighbours)
    more = problem.firm_mw.copy()
    more[1] += 1e-3
    risen = optimise(dataclasses.replace(problem, firm_mw=more), "exact").objective_usd - plan.objective_usd
    assert risen >= 1e-3 * plan.bus_usd_per_mwh[1] - 1e-4


def test_bad_problems_are_all_reported() -> None:
    store = dataclasses.replace(IDEAL, charge_efficiency=1.2, power_mw=-1.0)
    unsorted = PeakCharge("annual", np.ones(2, dtype=np.bool_), ((0.0, 10.0), (5.0, 1.0), (4.0, 1.0)))
    problem = small([10.0, np.nan], -5.0, storage=store, peaks=(unsorted,), availability=(Availability("x", 0.0, 1.0),))
    with pytest.raises(ScenarioError) as caught:
        optimise(problem)
    where = {p.path for p in caught.value.problems}
    assert {"firm_mw", "import.usd_per_mwh", "battery.power_mw", "battery.charge_efficiency"} <= where
    assert {"peaks.annual.tiers", "availability.x"} <= where


def test_monthly_charges_meter_their_months() -> None:
    charges = monthly_peaks([float(m) for m in range(12)])
    assert [c.hours.sum() for c in charges][:2] == [744, 672]
    assert charges[3].tiers == ((0.0, 3.0),)


def test_price_years_solve_each_year_on_its_own() -> None:
    problem = small([10.0, 50.0, 20.0, 40.0], 5.0, storage=IDEAL)
    shift = np.array([[0.0, 0.0, 0.0, 0.0], [5.0, 0.0, 0.0, 0.0]])
    years = optimise_years((at_prices(problem, row) for row in shift), workers=2)
    # the second year buys its 15 MWh of hour 0 at 15 instead of 10
    assert years.objective_usd == pytest.approx([250.0, 325.0])
    assert years.earned_usd == pytest.approx([-250.0, -325.0])
    assert years.mwh["import"] == pytest.approx([20.0, 20.0])
    with pytest.raises(ScenarioError, match="shape"):
        at_prices(problem, shift[0, :3])
