"""The range of a plan's step time travels on: tokens, energy of a token, the price at parity and DSCR move with it; the
run of the site has a bill."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import Links, forge, reforge
from megawatt.chain.records import Footprint
from megawatt.chain.run_cost import run_cost
from megawatt.chain.sensitivity import moved_input, ranged_inputs
from megawatt.chain.unit_costs import unit_costs
from megawatt.chain.use import dispatch_of
from megawatt.scenario import load

EXAMPLES = Path(__file__).parents[3] / "examples"
NAME = "training-step.time_factor"


@pytest.fixture(scope="module")
def trn3() -> Links:
    scenario = load(EXAMPLES / "childress-trn3.toml", load_catalogue(), ()).uses[0].scenario
    return forge(scenario, load_catalogue(), EXAMPLES)


def test_it_is_one_input_with_the_plans_own_range(trn3: Links) -> None:
    (row,) = [a for a in ranged_inputs(trn3) if a.name == NAME]
    assert trn3.compute is not None
    assert trn3.compute.plan is not None
    sure = trn3.compute.plan.sure
    assert sure is not None
    assert sure.outside
    assert (row.fact.low, row.fact.number(), row.fact.high) == (sure.low, 1.0, sure.high)


def test_a_slower_step_earns_less_at_parity_and_takes_more_energy_for_a_token(trn3: Links) -> None:
    slow = reforge(trn3, *moved_input(trn3, NAME, 1.25))
    before, after = trn3.compute, slow.compute
    assert before is not None
    assert after is not None
    assert before.plan is not None
    assert after.plan is not None
    assert after.tokens_per_s == pytest.approx(before.tokens_per_s / 1.25, rel=1e-3)
    assert after.plan.it_energy_j_per_token == pytest.approx(1.25 * before.plan.it_energy_j_per_token)
    assert after.price_usd_per_chip_hour == pytest.approx(before.price_usd_per_chip_hour / 1.25)
    # The machine that it is compared with is as fast as before.
    assert after.plans["gb300-nvl72"].step_time_s == before.plans["gb300-nvl72"].step_time_s


def test_the_bill_of_the_sites_run_by_hand(trn3: Links) -> None:
    chips, year, costs = trn3.compute, dispatch_of(trn3), unit_costs(trn3)
    assert chips is not None
    assert chips.run is not None
    it_mwh = float(year.ai_it_mw.sum())
    # 0.3 t and 0.1 t for each MWh that the connection would draw at 1.2 of IT, half a litre for each kWh of IT
    footprint = Footprint(0.3 * 1.2 * it_mwh, 0.1 * 1.2 * it_mwh, 0.5 * it_mwh, None)
    found = run_cost(trn3, year, footprint, 1.2, costs)
    assert found is not None
    hours = (4608 + chips.run.spare_chips) * chips.run.days * 24.0
    hour_usd = next(c.value for c in costs if c.name == "usd_per_chip_hour")
    available = trn3.scenario.contract.availability_frac.number() if trn3.scenario.contract else 0.0
    assert found.owned.usd == pytest.approx(hours * hour_usd * available)
    assert sum(found.parts_usd.values()) == pytest.approx(found.owned.usd)
    assert found.parts_usd["capital"] > found.parts_usd["power"] > 0.0
    assert found.rented.usd == pytest.approx(hours * chips.price_usd_per_chip_hour)
    assert found.owned.usd_per_million_tokens == pytest.approx(found.owned.usd / 15.6e6)
    told, mwh = found.figures(), chips.run.energy_mwh
    assert told["facility_mwh"] == pytest.approx(1.2 * mwh)
    assert told["carbon_location_t"] == pytest.approx(0.36 * mwh)
    assert told["carbon_market_t"] == pytest.approx(0.12 * mwh)
    assert told["water_m3"] == pytest.approx(0.5 * mwh)
    assert told["owned_usd_per_mw_year"] == pytest.approx(found.owned.usd / (mwh / 8760.0))
    unsaid = run_cost(trn3, year, Footprint(1.0, None, 1.0, None), 1.2, costs)
    assert unsaid is not None
    assert unsaid.figures()["carbon_market_t"] is None
    assert unsaid.figures()["carbon_embodied_t"] is None
    assert unsaid.figures()["connection_rule"] is None
    assert run_cost(trn3, year, footprint, float("nan"), costs) is None


def test_what_a_scenario_says_around_the_run(trn3: Links) -> None:
    """Carbon of making the chips over five years of 8,760 h, and the connection's rule on the run's swing."""
    asked = (
        "training.embodied_kg_per_chip=438",
        "training.swing_limit_mw=1.5",
        "training.ramp_limit_mw_per_min=0.5 MW/s",
    )
    scenario = load(EXAMPLES / "childress-trn3.toml", load_catalogue(), asked).uses[0].scenario
    links = reforge(trn3, scenario, load_catalogue())
    year = dispatch_of(links)
    found = run_cost(links, year, Footprint(1.0, None, 1.0, None), 1.2, unit_costs(links))
    assert found is not None
    assert links.compute is not None
    assert links.compute.run is not None
    hours = (4608 + links.compute.run.spare_chips) * links.compute.run.days * 24.0
    assert found.owned.embodied_t == pytest.approx(hours * 0.01 / 1e3)
    assert found.rule is not None
    assert (found.rule.rule.swing_mw, found.rule.rule.ramp_mw_per_min) == (1.5, 30.0)
    assert [wave.name for wave in found.rule.broken][-1] == "an interruption"
    assert f"{found.owned.embodied_t:,.0f} t of making its chips" in found.words()
    assert "is broken: " in found.words()
