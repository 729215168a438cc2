"""The links of a use: prices at parity, load, moved inputs, capital's timing; hand arithmetic on the examples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.inputs import ROOM_OF_SECTION, move, scenario_assumptions
from megawatt.chain.links import Links, forge, reforge
from megawatt.chain.sensitivity import sensitivities
from megawatt.errors import InfeasibleError
from megawatt.risk import base_factors
from megawatt.scenario import load
from megawatt.scenario.schema import Scenario

EXAMPLES = Path(__file__).parents[3] / "examples"


def scenario(name: str, *settings: str) -> Scenario:
    return load(EXAMPLES / f"childress-{name}.toml", load_catalogue(), settings).uses[0].scenario


@pytest.fixture(scope="module")
def gb300() -> Links:
    return forge(scenario("gb300"), load_catalogue(), EXAMPLES)


@pytest.fixture(scope="module")
def trn3() -> Links:
    return forge(scenario("trn3"), load_catalogue(), EXAMPLES)


@pytest.fixture(scope="module")
def bitcoin() -> Links:
    return forge(scenario("bitcoin"), load_catalogue(), EXAMPLES)


def test_token_parity_pays_the_same_for_a_token(trn3: Links) -> None:
    chips = trn3.compute
    assert chips is not None
    own, reference = (chips.plans[k].tokens_per_s_per_chip for k in ("trn3-gen2-ultraserver", "gb300-nvl72"))
    assert chips.price_usd_per_chip_hour / own == pytest.approx(2.91 / reference)
    older = chips.plans["trn2-ultraserver"].tokens_per_s_per_chip
    assert chips.basis_price_usd_per_chip_hour["predecessor"] == pytest.approx(2.235 * own / older)
    assert chips.chip_cost_usd == pytest.approx(76316 * own / reference)
    shown = {a.name for a in trn3.assumptions()}
    assert {"contract.token-parity_price_usd_per_chip_hour", "contract.predecessor_price_usd_per_chip_hour"} <= shown


def test_number_of_chips_follows_from_the_halls_power(trn3: Links) -> None:
    # 200 MW x 0.7125 / 1,364 W
    assert trn3.compute is not None
    assert trn3.compute.chips == int(200e6 * 0.7125 / 1364)


def test_load_is_busy_and_idle_hours_averaged(gb300: Links) -> None:
    chips = gb300.compute
    assert chips is not None
    busy = chips.plan.it_w_per_chip + 225
    idle = 234 + 286 + 225  # chip, rack, hall
    assert chips.it_mw == pytest.approx(76000 * (0.9 * busy + 0.1 * idle) / 1e6)
    assert chips.busy_it_mw == pytest.approx(76000 * busy / 1e6)
    assert chips.idle_frac == pytest.approx(76000 * idle / 1e6 / chips.it_mw)


def test_contract_revenue_is_the_published_value(gb300: Links) -> None:
    # 76,000 chips x 2.91 USD x 60 months of calendar hours (each block's own), one or two leap days
    total = gb300.base.flows.revenue["contract"].sum()
    assert total == pytest.approx(76000 * 2.91 * 5 * 8760, rel=0.002)
    assert total == pytest.approx(9.7e9, rel=0.01)


def test_prepayment_is_credited_after_two_years_and_in_full(gb300: Links) -> None:
    flows = gb300.base.flows
    assert flows.prepayment.sum() == pytest.approx(flows.prepayment_credit.sum())
    assert flows.prepayment.sum() == pytest.approx(0.2 * 9.7e9, rel=0.01)
    first_live = 6  # November 2025 to May 2026
    assert np.flatnonzero(flows.prepayment[0])[0] == first_live - 2
    assert np.flatnonzero(flows.prepayment_credit[0])[0] == first_live + 24


def test_capital_is_what_was_published(gb300: Links) -> None:
    capex = gb300.base.terms.capex_cost
    assert capex["shell"].sum() == pytest.approx(200 * 15e6)
    assert capex["machines"].sum() == pytest.approx(5.8e9, rel=1e-4)
    loan = gb300.base.terms.loan
    assert loan is not None
    assert (loan.principal_usd, loan.rate, loan.shape) == (3.65e9, 0.06, "sculpted")


def test_sculpted_service_follows_cash_before_debt(gb300: Links) -> None:
    loan, base = gb300.base.terms.loan, gb300.base
    assert loan is not None
    paid = slice(loan.first_payment_month, loan.last_payment_month + 1)
    service = (base.interest_paid + base.principal_paid)[0, paid]
    cash = (base.revenue_total - base.opex_total - base.flows.prepayment_credit)[0, paid]
    np.testing.assert_allclose(cash / service, (cash / service)[0], rtol=1e-9)
    assert base.debt_balance[0, loan.last_payment_month] == pytest.approx(0.0, abs=0.01)


def test_energy_bill_of_a_full_year_is_the_hourly_one(gb300: Links) -> None:
    problem, compute = gb300.problem, gb300.compute
    assert compute is not None
    assert gb300.ai is not None
    drawn = np.array([np.interp(compute.it_mw, gb300.ai.response.it_mw, row) for row in gb300.ai.response.facility_mw])
    hourly = drawn * (problem.price_usd_per_mwh + problem.adder_usd_per_mwh)
    year_2027 = gb300.base.flows.opex_cost["energy_ai"][0, 14:26]  # January to December, no leap day
    assert year_2027.sum() == pytest.approx(hourly.sum(), rel=1e-9)


def test_power_level_moves_only_the_market_part(gb300: Links) -> None:
    model = gb300.model
    base = base_factors(gb300.terms, model.calendar.spine.months)
    dear = replace(base, power=base.power * 2)
    rise = (model(dear).opex_total - model(base).opex_total)[0, 14:26].sum()
    assert rise == pytest.approx(gb300.response.ai_market_usd.sum(), rel=1e-9)


def test_a_default_stops_the_contract_and_the_credits(gb300: Links) -> None:
    model = gb300.model
    base = base_factors(gb300.terms, model.calendar.spine.months)
    gone = model(replace(base, tenant_default_month=np.array([30])))
    assert gone.flows.revenue["contract"][0, 30:].sum() == 0
    assert gone.flows.prepayment_credit[0, 30:].sum() == 0
    assert gone.flows.revenue["market"][0, 30 : 30 + gb300.terms.relet_lag_months].sum() == 0
    assert gone.flows.revenue["market"][0, 30 + gb300.terms.relet_lag_months] > 0
    lag = slice(30, 30 + gb300.terms.relet_lag_months)
    idle_share = gone.flows.opex_cost["energy_ai"][0, lag] / model.base().flows.opex_cost["energy_ai"][0, lag]
    assert gb300.compute is not None
    np.testing.assert_allclose(idle_share, gb300.compute.idle_frac)


def test_miners_fill_the_connection_and_curtail(bitcoin: Links) -> None:
    assert bitcoin.mining is not None
    assert bitcoin.mining.response.facility_mw[:, -1].max() == pytest.approx(300.0, abs=0.05)
    assert bitcoin.miners is not None
    assert bitcoin.miners.fleet.hashrate_eh_per_s == pytest.approx(bitcoin.mining.it_mw / 17.5)
    mined = bitcoin.base.flows.revenue["mining"]
    assert (mined >= 0).all()
    assert mined[0, :6].sum() == 0
    assert mined[0, 6] > 0


def test_every_section_with_numbers_has_a_room() -> None:
    assert {a.name.split(".")[0] for a in scenario_assumptions(scenario("gb300"))} <= set(ROOM_OF_SECTION)


def test_moving_a_number_changes_it_alone() -> None:
    before = scenario("gb300")
    after = move(before, "timeline.halls.2.share", 0.5)
    assert after.timeline.halls[2].share.number() == 0.5
    assert after.timeline.halls[1] is before.timeline.halls[1]
    assert after.site is before.site
    changed = [a.name for a, b in zip(scenario_assumptions(before), scenario_assumptions(after), strict=True) if a != b]
    assert changed == ["timeline.halls.2.share"]


@pytest.mark.parametrize("name", ["gb300", "trn3", "bitcoin"])
def test_an_input_moved_nowhere_changes_nothing(name: str, request: pytest.FixtureRequest) -> None:
    links: Links = request.getfixturevalue(name)
    value = links.base.measures.value_usd_per_grid_mw_year[0]
    same = reforge(links, links.scenario, links.catalogue)
    assert same.base.measures.value_usd_per_grid_mw_year[0] == pytest.approx(value, rel=1e-12)
    assert (same.ai, same.mining, same.response) == (links.ai, links.mining, links.response)  # not made again


def test_moved_inputs_equal_a_run_from_the_start(gb300: Links) -> None:
    for path, value in (("contract.price_usd_per_chip_hour", 3.5), ("power.price_scale", 1.2)):
        moved = move(gb300.scenario, path, value)
        quick = reforge(gb300, moved, gb300.catalogue).base.measures.npv_usd[0]
        fresh = forge(moved, gb300.catalogue, EXAMPLES).base.measures.npv_usd[0]
        assert quick == pytest.approx(fresh, rel=1e-9), path


def test_sensitivities_point_the_right_way(gb300: Links) -> None:
    rows = {s.name: s for s in sensitivities(gb300)}
    base = gb300.base.measures.value_usd_per_grid_mw_year[0]
    assert rows["discount_rate"].value_at_low > base > rows["discount_rate"].value_at_high
    assert rows["opex.site_usd_per_kw_month"].value_at_low > base > rows["opex.site_usd_per_kw_month"].value_at_high
    assert rows["contract.availability_frac"].value_at_low < base
    assert rows["capex.shell_usd_per_mw"].title == "cost of the shell"
    assert rows["gb300.power_idle_w"].title == "NVIDIA B300 in GB300 NVL72: power idle"
    swings = [abs(s.value_at_high - s.value_at_low) for s in rows.values()]
    assert swings == sorted(swings, reverse=True)


def test_rack_power_that_is_derived_moves_with_the_chip(trn3: Links) -> None:
    row = next(s for s in sensitivities(trn3) if s.name == "trn3.power_cap_w")
    assert row.value_at_low > row.value_at_high  # less power per chip: more chips in the same halls
    assert row.tokens_at_low is not None
    assert row.tokens_at_high is not None
    assert row.tokens_at_low > row.tokens_at_high


def test_chips_that_do_not_fit_the_halls_are_refused() -> None:
    with pytest.raises(InfeasibleError, match=r"site\.it_mw = 50\.0 MW"):
        forge(scenario("gb300", "site.it_mw=50"), load_catalogue(), EXAMPLES)


def test_a_moved_fact_replans_only_what_rests_on_it(trn3: Links) -> None:
    before = trn3.compute
    assert before is not None
    catalogue = trn3.catalogue
    moved = catalogue.replace_fact("trn3", "hbm_bytes_per_s", 0.5 * catalogue.number("trn3", "hbm_bytes_per_s"))
    after = reforge(trn3, trn3.scenario, moved).compute
    assert after is not None
    assert after.plans["trn2-ultraserver"] is before.plans["trn2-ultraserver"]
    assert after.plan.step_time_s > before.plan.step_time_s
    assert after.plan.layout == before.plan.layout
    # The training job is part of every plan.
    assert trn3.scenario.training is not None
    longer = move(trn3.scenario, "training.global_batch", 2.0 * trn3.scenario.training.global_batch.number())
    again = reforge(trn3, longer, catalogue).compute
    assert again is not None
    assert all(again.plans[key] is not plan for key, plan in before.plans.items())


def test_contract_pay_of_a_year(gb300: Links, bitcoin: Links) -> None:
    # The published contract: 9.7 bn USD over five years.
    assert gb300.ai_contract_usd_per_year == pytest.approx(9.7e9 / 5.0, rel=0.01)
    assert bitcoin.ai_contract_usd_per_year == 0.0
