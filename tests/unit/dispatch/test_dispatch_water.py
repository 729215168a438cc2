"""Water or electricity by the hour, firm beside interruptible load, space: hand-computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.dispatch import SiteAssets, earned_usd, ledger, optimise, site_hours, solve_merit
from megawatt.dispatch.water import save_water
from megawatt.errors import ScenarioError
from tests.unit.dispatch.builders import HOURS, hall, problem

# 30 MW of AI: wet 1.2 and 3,000 L/h, dry 1.3 and none. Power at 52 USD/MWh: dry costs 30 x 0.1 x 52 = 156 USD an hour
# more, 52 USD per cubic metre.
PRICE = np.where(np.arange(HOURS) < 100, 102.0, 50.0)
WET = problem(mining_response=None, mining_it_mw=0.0, price_usd_per_mwh=PRICE)
DRY_HALL = replace(hall(30.0, (1.3,)), water_l_per_h=np.zeros((HOURS, 2)))
DRY = replace(WET, ai_response=DRY_HALL)
HOUR_M3 = 3.0


@pytest.mark.parametrize(("usd_per_m3", "hours"), [(0.0, HOURS), (51.9, HOURS), (52.1, 100), (104.1, 0)])
def test_an_hour_is_wet_where_its_water_costs_less_than_the_power_it_saves(usd_per_m3: float, hours: int) -> None:
    plan = save_water(WET, DRY, usd_per_m3=usd_per_m3)
    assert int(plan.wet.sum()) == hours
    assert plan.water_m3 == pytest.approx(HOUR_M3 * hours)
    assert (plan.marginal_usd_per_m3, plan.gap_usd) == (0.0, 0.0)
    assert plan.dispatch.import_mw[plan.wet] == pytest.approx(36.0)
    assert plan.dispatch.import_mw[~plan.wet] == pytest.approx(39.0)


def test_a_yearly_right_goes_to_the_dearest_hours() -> None:
    # 50 of the 100 dear hours fit: the next cubic metre is worth 3 MW x 104 USD / 3 m3 less its price
    plan = save_water(WET, DRY, usd_per_m3=4.0, cap_m3=50 * HOUR_M3)
    assert int(plan.wet.sum()) == 50
    assert plan.wet[:100].sum() == 50
    assert plan.marginal_usd_per_m3 == pytest.approx(100.0)
    assert plan.gap_usd == pytest.approx(3 * 104.0 - 4.0 * HOUR_M3)
    # an optimum: no other set of hours of this size earns more
    wetter = save_water(WET, DRY, usd_per_m3=4.0, cap_m3=51 * HOUR_M3)
    assert wetter.dispatch.objective_usd - plan.dispatch.objective_usd == pytest.approx(3 * 104.0)


def test_the_chosen_year_is_a_problem_that_every_solver_takes() -> None:
    plan = save_water(WET, DRY, usd_per_m3=60.0)
    found = optimise(site_hours(plan.problem, SiteAssets()), "highs")
    assert -found.objective_usd == pytest.approx(plan.dispatch.objective_usd, rel=1e-6)


def test_water_inputs_that_cannot_be_are_refused() -> None:
    with pytest.raises(ScenarioError, match="both must be >= 0"):
        save_water(WET, DRY, usd_per_m3=-1.0)
    with pytest.raises(ScenarioError, match="without any choice"):
        save_water(WET, WET, cap_m3=10.0)
    with pytest.raises(ScenarioError, match="different breakpoints"):
        save_water(WET, replace(DRY, ai_response=hall(30.0, (1.2, 1.3))))


def test_firm_load_is_served_and_the_rest_gives_way() -> None:
    # Power at 1,002 USD/MWh: the interruptible part earns 1,000 / 1.2 = 833 per MWh drawn and stops; the rest stays.
    dear = problem(mining_response=None, mining_it_mw=0.0, price_usd_per_mwh=np.full(HOURS, 1000.0))
    for firm, drawn in ((0.0, 0.0), (0.4, 14.4), (1.0, 36.0)):
        plan = optimise(site_hours(dear, SiteAssets(ai_firm_frac=firm)))
        assert plan.mw["import"].reshape(HOURS, -1).sum(axis=1) == pytest.approx(np.full(HOURS, drawn))
    # worth more than the power, it runs
    kept = optimise(site_hours(dear, SiteAssets(ai_firm_frac=0.4, ai_interruptible_usd_per_mwh=1300.0)))
    assert kept.mw["import"].reshape(HOURS, -1).sum(axis=1) == pytest.approx(np.full(HOURS, 36.0))
    with pytest.raises(ScenarioError, match=r"ai_firm_frac = 1\.2"):
        site_hours(dear, SiteAssets(ai_firm_frac=1.2))


def test_firm_and_interruptible_agree_between_solvers_on_curved_halls() -> None:
    curved = problem(ai_response=hall(30.0, (1.1, 1.2, 1.4)), price_usd_per_mwh=np.linspace(-20.0, 1500.0, HOURS))
    parts = site_hours(curved, SiteAssets(ai_firm_frac=0.5, ai_interruptible_usd_per_mwh=300.0))
    exact, highs = optimise(parts, "exact"), optimise(parts, "highs")
    assert exact.objective_usd == pytest.approx(highs.objective_usd, rel=1e-6)


def test_space_binds_where_everything_runs_beside_a_connection_with_room() -> None:
    # 30 x 1.2 + 20 x 1.1 = 58 of 60 MW
    year = solve_merit(problem())
    assert (year.binding["ai_space"], year.binding["mining_space"], year.binding["import"]) == (HOURS, HOURS, 0)
    # 57 MW: the connection binds, miners are throttled
    tight = solve_merit(problem(import_limit_mw=np.full(HOURS, 57.0)))
    assert (tight.binding["ai_space"], tight.binding["mining_space"], tight.binding["import"]) == (0, 0, HOURS)


def test_contracted_load_is_accounted_at_its_pay() -> None:
    # Planned at 1,000 USD per MWh of IT, paid 1 m USD a year: the plan is the same, the account is the contract's.
    plain = SiteAssets(ai_firm_frac=0.25)
    paid = replace(plain, ai_contract_usd=1e6)
    site = problem(mining_response=None, mining_it_mw=0.0)
    hours = [site_hours(site, assets) for assets in (plain, paid)]
    plans = [optimise(h) for h in hours]
    assert plans[0].objective_usd == plans[1].objective_usd
    (use,) = (e for e in ledger(hours[1], plans[1]) if e.name == "ai")
    assert use.usd == pytest.approx(0.75e6)
    imported = next(e for e in ledger(hours[1], plans[1]) if e.name == "import")
    assert earned_usd(ledger(hours[1], plans[1])) == pytest.approx(0.75e6 + imported.usd)
    assert earned_usd(ledger(hours[0], plans[0])) == pytest.approx(-plans[0].objective_usd)
    # A value of its own is a price, not a contract.
    own = replace(paid, ai_interruptible_usd_per_mwh=1300.0)
    assert site_hours(site, own).uses[0].contract_usd is None
