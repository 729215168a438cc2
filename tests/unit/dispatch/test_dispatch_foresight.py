"""Foresight, site assets, price sources, the trace and the command."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import cli
from megawatt.dispatch import (
    HourlyProblem,
    PeakCharge,
    SiteAssets,
    Storage,
    block,
    load_duration,
    lost_usd,
    optimise,
    site_hours,
    solve_merit,
    yearly_peak,
)
from megawatt.dispatch.case import _PARAMETERS
from megawatt.dispatch.foresight import day_ahead, foresight_plans, peak_targets, simple_rules
from megawatt.dispatch.synthetic import price_model, synthetic_price_year
from megawatt.dispatch.trace import HOURS_IN_WEEK, week_trace
from megawatt.errors import ScenarioError
from megawatt.hours import HOURS_IN_YEAR
from tests.unit.dispatch.builders import drawn_problem
from tests.unit.dispatch.hourly_builders import small as _one_day

BATTERY = Storage("battery", 10.0, 20.0, 0.95, 0.95, discharge_cost_usd_per_mwh=2.0)


def _site(days: int = 28, seed: int = 3) -> HourlyProblem:
    """Load, miners and a battery under wandering prices with an evening peak and a few spikes."""
    rng = np.random.default_rng(seed)
    hours = 24 * days
    price = 40.0 + 25.0 * np.cos(2.0 * np.pi * (np.arange(hours) - 18) / 24.0) + rng.normal(0.0, 8.0, hours)
    price[rng.integers(0, hours, 5)] += 700.0
    return HourlyProblem(
        firm_mw=20.0 + 2.0 * rng.random(hours),
        imports=block("import", hours, 60.0, price),
        supplies=(block("unserved", hours, 100.0, 9000.0),),
        uses=(block("mining", hours, 25.0, 55.0),),
        storages=(BATTERY,),
        peaks=(yearly_peak(hours, 4000.0),),
        last_resort=("unserved",),
    )


@pytest.mark.parametrize("ratchet", [False, True])
def test_less_foresight_never_earns_more(ratchet: bool) -> None:
    problem = _site()
    if ratchet:
        weeks = np.arange(problem.hours) // 168
        charges = tuple(
            PeakCharge(f"week {k}", weeks <= k, ((0.0, 1000.0),), np.select([weeks < k, weeks == k], [0.85, 1.0]))
            for k in range(4)
        )
        problem = dataclasses.replace(problem, peaks=charges)
    plans = foresight_plans(problem)
    cost = [plans[name].objective_usd for name in ("perfect", "day-ahead", "rules")]
    # the last day of the rolling plan may leave the battery emptier than a cycle would: within its energy's worth
    assert cost[0] <= cost[1] + 1e-6
    assert cost[1] <= cost[2] + 1e-6
    assert cost[1] < 0.9 * cost[2] or cost[2] - cost[0] > 100.0


def test_rolling_plans_keep_the_energy_balance() -> None:
    problem = _site()
    target = peak_targets(problem)
    for plan in (day_ahead(problem, target), simple_rules(problem, target)):
        mw = plan.mw
        supply = mw["import"] + mw["unserved"] + mw["battery.discharge"]
        assert supply == pytest.approx(problem.firm_mw + mw["mining"] + mw["battery.charge"])
        change = 0.95 * mw["battery.charge"] - mw["battery.discharge"] / 0.95
        assert mw["battery.state"] == pytest.approx(np.cumsum(change), abs=1e-9)
        assert mw["battery.state"].max() <= 20.0 + 1e-9
        assert plan.peak_mw["annual"] == mw["import"].max()


def test_a_rolling_plan_of_a_repeating_day_is_as_good_as_foresight() -> None:
    # the forecast (tomorrow is like today) is right every day, and the target is the optimum's own peak
    problem = _site()
    repeat = dataclasses.replace(
        problem,
        firm_mw=np.tile(problem.firm_mw[:24], 28),
        imports=block("import", 24 * 28, 60.0, np.tile(problem.imports.usd_per_mwh[:24, 0], 28)),
    )
    perfect = optimise(repeat)
    rolling = day_ahead(repeat, np.array([perfect.peak_mw["annual"]]))
    assert rolling.objective_usd == pytest.approx(perfect.objective_usd, rel=2e-3)


def _ratcheted(gain_usd: float) -> HourlyProblem:
    """Two months of five days; an hour that gains much on day 3, one that gains 5 USD/MWh on day 8.

    A MW costs 20 USD in either month; of the first month's highest 80 % count in the second.
    """
    hours, first = 240, np.arange(240) < 120
    worth = np.full(hours, -10.0)
    worth[[2 * 24 + 18, 7 * 24 + 18]] = gain_usd, 5.0
    tiers = ((0.0, 20.0),)
    return HourlyProblem(
        firm_mw=np.zeros(hours),
        imports=block("import", hours, 10.0, 10.0),
        uses=(block("miners", hours, 10.0, 10.0 + worth),),
        peaks=(
            PeakCharge("first", first, tiers),
            PeakCharge("second", np.ones(hours, dtype=np.bool_), tiers, np.where(first, 0.8, 1.0)),
        ),
    )


@pytest.mark.parametrize(
    ("gain_usd", "peaks_mw", "earned_usd"),
    [(30.0, (0.0, 0.0), 0.0), (37.0, (10.0, 8.0), 10.0 * 37.0 + 8.0 * 5.0 - 10.0 * 20.0 - 8.0 * 20.0)],
    ids=["the ratchet costs more than the hour gains", "what the ratchet has billed is free"],
)
def test_a_rolling_plan_knows_what_a_ratchet_costs_later(
    gain_usd: float, peaks_mw: tuple[float, float], earned_usd: float
) -> None:
    """A MW of the first month costs 20 + 0.8 x 20 = 36 USD: 30 are not worth it (20 alone would be), 37 are; then
    8 MW of the second month are paid for, and an hour that gains 5 USD/MWh takes them and no more."""
    problem = _ratcheted(gain_usd)
    plan = day_ahead(problem, np.zeros(2), view_days=1)
    assert tuple(plan.peak_mw.values()) == pytest.approx(peaks_mw, abs=1e-6)
    assert plan.mw["miners"][7 * 24 + 18] == pytest.approx(peaks_mw[1], abs=1e-6)
    assert -plan.objective_usd == pytest.approx(earned_usd, abs=1e-4)
    assert -optimise(problem).objective_usd == pytest.approx(earned_usd, abs=1e-4)


def test_charges_of_other_months_cost_a_day_nothing() -> None:
    """Twelve charges of which one meters the day: its own rate is what an hour must gain."""
    problem = dataclasses.replace(_ratcheted(30.0), peaks=())
    apart = [np.arange(240) // 120 == month for month in (0, 1)]
    months = tuple(PeakCharge(f"month {k}", hours, ((0.0, 20.0),)) for k, hours in enumerate(apart))
    plan = day_ahead(dataclasses.replace(problem, peaks=months), np.zeros(2), view_days=1)
    assert tuple(plan.peak_mw.values()) == pytest.approx((10.0, 0.0), abs=1e-6)


def test_foresight_refuses_what_it_cannot_plan() -> None:
    with pytest.raises(ScenarioError, match="whole days"):
        day_ahead(dataclasses.replace(_site(), firm_mw=np.zeros(25)), np.zeros(1))


def test_site_hours_without_assets_is_the_merit_order() -> None:
    site = drawn_problem(2)
    plan, merit = optimise(site_hours(site)), solve_merit(site)
    assert -plan.objective_usd == pytest.approx(merit.objective_usd, rel=1e-9)
    assert plan.mw["import"] == pytest.approx(merit.import_mw, abs=1e-6)


def test_assets_change_the_site_as_they_should() -> None:
    site = drawn_problem(2)
    plain = optimise(site_hours(site)).objective_usd
    assert optimise(site_hours(site, SiteAssets(storage=BATTERY))).objective_usd < plain
    charged = SiteAssets(peaks=(yearly_peak(HOURS_IN_YEAR, 1000.0),))
    assert optimise(site_hours(site, charged)).objective_usd > plain
    carbon = SiteAssets(carbon_usd_per_t=50.0)
    assert optimise(site_hours(site, carbon)).objective_usd >= plain
    dearer = SiteAssets(price_slope_usd_per_mwh_per_mw=0.01)
    assert optimise(site_hours(site, dearer)).objective_usd > plain


def test_a_synthetic_year_has_its_mean_and_its_spikes() -> None:
    model = price_model(load_catalogue())
    price = synthetic_price_year(model, 60.0, 1)
    assert price.mean() == pytest.approx(60.0)
    assert np.array_equal(price, synthetic_price_year(model, 60.0, 1))
    assert not np.array_equal(price, synthetic_price_year(model, 60.0, 2))
    # real years: the 100 dearest hours are 12 and 36 % of a flat load's bill; afternoons dearer than nights
    assert 0.08 < np.sort(price)[-100:].sum() / price.sum() < 0.45
    by_hour = np.median(price.reshape(365, 24), axis=0)
    assert by_hour[15:19].mean() > 1.3 * by_hour[1:4].mean()
    with pytest.raises(ScenarioError, match="mean"):
        synthetic_price_year(model, 0.0, 1)


def test_a_week_as_a_trace() -> None:
    problem = _site()
    trace = week_trace(problem, optimise(problem), 24)
    counters = [e for e in trace["traceEvents"] if e["ph"] == "C" and e["name"] == "import [MW]"]
    assert len(counters) == HOURS_IN_WEEK
    assert counters[1]["ts"] - counters[0]["ts"] == 3.6e9
    assert json.loads(json.dumps(trace)) == trace
    with pytest.raises(ScenarioError, match="first hour"):
        week_trace(problem, optimise(problem), problem.hours)


@pytest.fixture
def case_folder(tmp_path: Path) -> Path:
    """A case of two weeks: load of 10 MW, a battery, miners; the rest is zero."""
    given = {"battery_power_mw": 5.0, "battery_energy_mwh": 10.0, "eta_charge": 0.95, "eta_discharge": 0.95,
             "import_limit_mw": 30.0, "bitcoin_max_mw": 10.0, "bitcoin_value_usd_mwh": 50.0, "voll_usd_mwh": 9000.0,
             "demand_charge_usd_mw_year": 100.0}  # fmt: skip
    (tmp_path / "parameters.json").write_text(json.dumps(dict.fromkeys(_PARAMETERS, 0.0) | given), encoding="utf-8")
    header = "hour,ai_load_mw,solar_cf,wind_cf,energy_price_usd_mwh,grid_ci_kg_mwh,grid_import_cap_mw"
    rows = [f"{t},10,0,0,{30 + 40 * (t % 24 >= 17)},400,30" for t in range(24 * 14)]
    (tmp_path / "hourly.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return tmp_path


def test_the_command_prints_a_table_and_json(case_folder: Path, tmp_path: Path) -> None:
    runner, trace = CliRunner(), tmp_path / "week.json"
    shown = runner.invoke(cli, ["dispatch", str(case_folder), "--foresight", "--week", "1", "--trace", str(trace)])
    assert shown.exit_code == 0, shown.output
    assert "lost for want of foresight" in shown.output
    assert json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    told = runner.invoke(cli, ["dispatch", str(case_folder), "--json", "--solver", "highs"])
    plan = json.loads(told.stdout)["results"][0]["plans"]["perfect"]
    assert plan["solver"].startswith("HiGHS")
    # miners earn 20 in 17 of 24 hours: 14 days x 17 x 10 MW
    mined = next(e for e in plan["ledger"] if e["name"] == "bitcoin")
    assert mined["amount"] == pytest.approx(14 * 17 * 10.0)
    assert -sum(e["usd"] for e in plan["ledger"]) == pytest.approx(plan["objective_usd"])


def test_the_command_refuses_a_battery_on_a_case(case_folder: Path) -> None:
    result = CliRunner().invoke(cli, ["dispatch", str(case_folder), "--battery", "5:10"])
    assert isinstance(result.exception, ScenarioError)
    assert "parameters.json" in str(result.exception)


def test_load_duration_and_what_foresight_is_worth() -> None:
    problem = dataclasses.replace(_one_day([50.0] * 12 + [10.0] * 12, 2.0), uses=(block("mining", 24, 8.0, 30.0),))
    plan = optimise(problem)
    found = load_duration(problem, plan)
    # mining runs in the twelve cheap hours
    assert found.import_mw == pytest.approx((10.0, 10.0, 6.0, 2.0))
    assert found.off_hours == {"mining": 12}
    assert lost_usd({"perfect": 10.0, "rules": 7.0}) == {"perfect": 0.0, "rules": 3.0}
