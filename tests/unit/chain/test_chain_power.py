"""Prices of power as contracts: fixed, shaped, forward, collar, blocks, escalators; from the file to the cash."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.base_model import blocks_of
from megawatt.chain.conversion import warnings_of
from megawatt.chain.hours import site_year
from megawatt.chain.links import Links, forge
from megawatt.chain.power import BlockMoney, block_notes
from megawatt.chain.use import run_use
from megawatt.dispatch import ledger, optimise, solve_merit
from megawatt.errors import ScenarioError
from megawatt.finance import make_spine
from megawatt.hours import HOURS_IN_MONTH, MONTH_OF_HOUR, monthly_sum
from megawatt.risk import base_factors
from megawatt.scenario import load
from megawatt.tariff import Window, weekday_hours

EXAMPLES = Path(__file__).parents[3] / "examples"


def links(*settings: str, example: str = "childress-bitcoin") -> Links:
    loaded = load(EXAMPLES / f"{example}.toml", load_catalogue(), ('power.tariff="all-in"', *settings))
    return forge(loaded.uses[0].scenario, loaded.catalogue, loaded.uses[0].folder)


def paid_usd_per_mwh(made: Links) -> float:
    year = solve_merit(made.problem)
    return sum(year.energy_cost_usd.values()) / float(year.import_mw.sum())


def energy_usd(made: Links) -> np.ndarray:
    return made.base.flows.opex_cost["energy_mining"][0]


@pytest.mark.parametrize("name", ["fixed_price_usd_per_mwh", "mean_price_usd_per_mwh"])
def test_a_price_of_44_costs_44_in_every_hour_and_every_month(name: str) -> None:
    made = links(f"power.{name}=44")
    assert np.all(made.problem.price_usd_per_mwh == 44.0)
    assert paid_usd_per_mwh(made) == pytest.approx(44.0, rel=1e-12)


def test_a_fixed_price_does_not_follow_the_market_and_a_mean_does() -> None:
    for name, ratio in (("fixed_price_usd_per_mwh", 1.0), ("mean_price_usd_per_mwh", 1.5)):
        made = links(f"power.{name}=20")
        base = base_factors(made.terms, made.model.calendar.spine.months)
        moved = replace(base, power=base.power * 1.5)
        bill, dearer = made.base.flows.opex_cost["energy_mining"], made.model(moved).flows.opex_cost["energy_mining"]
        assert dearer.sum() == pytest.approx(ratio * bill.sum(), rel=0.01)


def test_a_made_up_year_is_taken_where_it_is_asked_for_and_said_first() -> None:
    setting = ('power.tariff="all-in"', "power.mean_price_usd_per_mwh=44")
    said = []
    for shape in ("flat", "made-up"):
        settings = (*setting, f'power.price_shape="{shape}"', "risk.paths=64")
        loaded = load(EXAMPLES / "childress-bitcoin.toml", load_catalogue(), settings)
        said.append(" ".join(run_use(loaded.uses[0], loaded.catalogue).warnings))
    assert "MADE-UP PRICES" in said[1]
    assert "MADE-UP" not in said[0]
    assert "the same in every hour" in said[0]


def test_index_plus_adder_and_basis_shift_every_hour() -> None:
    plain, made = links(), links("power.adder_usd_per_mwh=3", "power.basis_usd_per_mwh=-2")
    np.testing.assert_array_equal(made.problem.price_usd_per_mwh, plain.problem.price_usd_per_mwh)
    np.testing.assert_allclose(made.problem.adder_usd_per_mwh, 1.0)


def test_a_collar_clips_every_hour_at_every_level_of_the_market() -> None:
    market = links().grid.price_usd_per_mwh
    made = links("power.floor_usd_per_mwh=15", "power.cap_usd_per_mwh=60")
    np.testing.assert_allclose(made.problem.price_usd_per_mwh, np.clip(market, 15.0, 60.0))
    months = np.ones((1, 12))
    for level in (0.25, 0.5, 1.0, 2.0):
        assert made.problem.collar is not None
        price = np.clip(level * market, 15.0, 60.0)
        runs = price * (made.problem.mining_response.facility_mw[:, -1] / made.problem.mining_it_mw) <= 70.0  # type: ignore[union-attr]
        found = made.response.mining(70.0 * months, level * months)
        assert found.facility_mwh.sum() == pytest.approx(
            (runs * made.problem.mining_response.facility_mw[:, -1]).sum(),
            rel=0.02,  # type: ignore[union-attr]
        )
        mean = found.market_usd.sum() / found.facility_mwh.sum()
        assert mean == pytest.approx(price[runs].mean(), rel=0.02)


def test_a_collar_at_the_level_of_the_dispatched_year_is_the_dispatch() -> None:
    made = links("power.floor_usd_per_mwh=15", "power.cap_usd_per_mwh=60", 'mining.modes=["eco"]')
    year = solve_merit(made.problem)
    value = made.mined.by_month_usd_per_mwh[np.newaxis, :]  # type: ignore[union-attr]
    found = made.response.mining(value, np.ones((1, 12)))
    assert found.facility_mwh.sum() == pytest.approx(float(year.mining_facility_mw.sum()), rel=1e-9)
    assert found.energy_cost_usd.sum() == pytest.approx(sum(year.energy_cost_usd.values()), rel=1e-9)
    assert found.revenue_usd.sum() == pytest.approx(year.revenue_usd["mining"], rel=1e-9)


def test_a_collar_of_contracted_load_follows_the_level() -> None:
    made = links("power.floor_usd_per_mwh=15", "power.cap_usd_per_mwh=60", example="childress-gb300")
    drawn = solve_merit(made.problem).ai_facility_mw
    for level in (0.5, 1.0, 2.0):
        bill = made.response.ai_energy_cost_usd(np.full((1, 12), level))
        exact = monthly_sum(np.clip(level * made.grid.price_usd_per_mwh, 15.0, 60.0) * drawn)
        np.testing.assert_allclose(bill[0], exact, rtol=2e-3)


def test_a_forward_curve_sets_every_months_mean_and_keeps_the_shape() -> None:
    months = ", ".join(str(50 + m) for m in range(12))
    curve = f"power.forward=[{{year=2026, usd_per_mwh=40}}, {{year=2027, months_usd_per_mwh=[{months}]}}]"
    made, plain = links(curve), links()
    spine, index = made.model.calendar.spine, made.model.power
    means = monthly_sum(made.grid.price_usd_per_mwh) / HOURS_IN_MONTH
    monthly = index.market * means[spine.month]
    expected = np.where(spine.year <= 2026, 40.0, 50.0 + spine.month)
    np.testing.assert_allclose(monthly, expected)
    ratio = made.grid.price_usd_per_mwh / plain.grid.price_usd_per_mwh
    for month in range(12):
        inside = month == MONTH_OF_HOUR
        np.testing.assert_allclose(ratio[inside], ratio[inside][0])


def test_the_level_of_prices_scales_a_curve_down_to_nothing() -> None:
    for scale in (0.0, 0.5, 2.0):
        made = links(f"power.price_scale={scale}", "power.forward=[{year=2026, usd_per_mwh=45}]")
        assert made.grid.price_usd_per_mwh.mean() == pytest.approx(45.0 * scale)


def test_the_dispatched_year_is_the_first_full_year_of_the_curve() -> None:
    made = links("power.forward=[{year=2026, usd_per_mwh=40}, {year=2027, usd_per_mwh=60}]", 'power.price_shape="flat"')
    means = monthly_sum(made.grid.price_usd_per_mwh) / HOURS_IN_MONTH
    # all halls live from August 2026 on
    np.testing.assert_allclose(means, [60.0] * 7 + [40.0] * 5)


def test_prices_and_delivery_step_by_their_own_escalators() -> None:
    made = links("power.fixed_price_usd_per_mwh=20", "power.price_growth_per_year=0.1")
    plain = links("power.fixed_price_usd_per_mwh=20")
    steps = energy_usd(made)[9:] / energy_usd(plain)[9:]
    np.testing.assert_allclose(steps, 1.1 ** (np.arange(9, steps.size + 9) // 12))


def test_the_response_with_dearer_delivery_is_that_of_a_year_with_dearer_delivery() -> None:
    made = links('power.tariff="ercot-transmission"', "power.adder_usd_per_mwh=5")
    value, level = np.full((2, 12), 70.0), np.array([[0.8], [1.3]]) * np.ones((2, 12))
    found = made.response.mining(value, level, delivery_level=1.5)
    price, adder = made.problem.price_usd_per_mwh, made.problem.adder_usd_per_mwh
    response = made.problem.mining_response
    assert response is not None
    slope = np.diff(response.facility_mw, axis=1) / np.diff(response.it_mw)
    cap = np.minimum(response.it_limit_mw, made.problem.mining_it_mw)[:, np.newaxis]
    width = np.clip(np.minimum(cap, response.it_mw[1:]) - response.it_mw[:-1], 0.0, None)
    for row, at in enumerate((0.8, 1.3)):
        runs = width * ((at * price + 1.5 * adder)[:, None] * slope <= 70.0)
        drawn = response.facility_mw[:, 0] + (runs * slope).sum(axis=1)
        assert found.facility_mwh[row].sum() == pytest.approx(drawn.sum(), rel=1e-9)
        assert found.delivery_usd[row].sum() == pytest.approx((1.5 * adder * drawn).sum(), rel=1e-9)


def test_a_block_is_paid_and_sold_back_at_the_node_whatever_runs() -> None:
    block = '{mw=100, usd_per_mwh=40, hours="7-23", days="weekdays", settled="hub", start="2026-08", end="2027-07"}'
    made = links(f"power.blocks=[{block}]", "power.basis_usd_per_mwh=-2")
    plain = links("power.basis_usd_per_mwh=-2")
    np.testing.assert_array_equal(energy_usd(made), energy_usd(plain))
    inside = Window(hours=("7-23",), days="weekdays").mask(weekday_hours(made.grid.year))
    cost = made.base.flows.opex_cost["power_blocks"][0]
    assert cost.sum() == pytest.approx(100.0 * ((40.0 - made.grid.price_usd_per_mwh) * inside).sum(), rel=1e-12)
    assert np.flatnonzero(cost).tolist() == list(range(9, 21))
    node = links(f"power.blocks=[{block.replace('hub', 'node')}]", "power.basis_usd_per_mwh=-2")
    dearer = node.base.flows.opex_cost["power_blocks"][0].sum() - cost.sum()
    assert dearer == pytest.approx(100.0 * 2.0 * inside.sum(), rel=1e-9)


def test_a_block_is_in_the_dispatched_year_and_in_its_bill() -> None:
    block = '{mw=100, usd_per_mwh=40, hours="7-23", days="weekdays", settled="hub"}'
    settings = (f"power.blocks=[{block}]", "power.basis_usd_per_mwh=-2")
    study = load(EXAMPLES / "childress-bitcoin.toml", load_catalogue(), ('power.tariff="all-in"', *settings))
    year = site_year(study.uses[0], study.catalogue)
    plan = optimise(year.problem)
    bill = year.bill(plan)
    assert bill is not None
    line = next(line for line in bill.lines if line.kind == "block")
    first = links(*settings).base.flows.opex_cost["power_blocks"][0, 9:21]
    assert float(line.usd.sum()) == pytest.approx(float(first.sum()))
    assert line.usd[[7, 8]] == pytest.approx(first[[0, 1]])
    book = {entry.name: entry.usd for entry in ledger(year.problem, plan)}
    assert book[line.name] == pytest.approx(-float(line.usd.sum()))
    plain = load(EXAMPLES / "childress-bitcoin.toml", load_catalogue(), ('power.tariff="all-in"', settings[1]))
    bare = site_year(plain.uses[0], study.catalogue)
    assert plan.objective_usd - optimise(bare.problem).objective_usd == pytest.approx(float(line.usd.sum()))
    operated, without = year.operated(plan), bare.operated(optimise(bare.problem))
    assert (operated.bill_usd - without.bill_usd) == pytest.approx(line.usd)


def test_a_block_hedges_the_market() -> None:
    made = links("power.blocks=[{mw=100, usd_per_mwh=40}]")
    money = made.model.find(BlockMoney)
    assert money is not None
    base = base_factors(made.terms, made.model.calendar.spine.months)
    dear = replace(base, power=base.power * 2.0)
    costs = [money.flows(made.model.ground, at).opex_cost["power_blocks"] for at in (base, dear)]
    np.testing.assert_allclose((costs[0] - costs[1])[0], money.blocks[0].market_usd)


def test_weekdays_are_those_of_the_prices_year() -> None:
    weekend = weekday_hours(2023, ("07-04",)) >= 5
    assert weekend[0]  # 1 January 2023 was a Sunday
    assert weekend[24 * 184]  # 4 July
    assert weekend.sum() == 24 * 106
    leap = weekday_hours(2024) >= 5
    assert leap[24 * 60 : 24 * 62].all()  # 2 and 3 March 2024, a Saturday and a Sunday
    assert Window(hours=("22-6",)).mask(weekend)[:24].tolist() == [h < 6 or h >= 22 for h in range(24)]


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (("power.fixed_price_usd_per_mwh=44", "power.mean_price_usd_per_mwh=44"), "power.mean_price_usd_per_mwh"),
        (("power.fixed_price_usd_per_mwh=44", "power.cap_usd_per_mwh=90"), "power.cap_usd_per_mwh"),
        (('power.price_shape="flat"',), "power.mean_price_usd_per_mwh"),
        (("power.floor_usd_per_mwh=50", "power.cap_usd_per_mwh=20"), "power.floor_usd_per_mwh"),
        (("power.forward=[{year=2026}]",), "power.forward.0"),
        (("power.forward=[{year=2026,usd_per_mwh=4},{year=2026,usd_per_mwh=5}]",), "power.forward"),
        (('power.blocks=[{mw=1,usd_per_mwh=4,hours="25-3"}]',), "power.blocks.0.hours"),
        (("power.blocks=[{mw=1,usd_per_mwh=4,months=[0]}]",), "power.blocks.0.months"),
        (('power.blocks=[{mw=1,usd_per_mwh=4,start="2027-01",end="2026-01"}]',), "power.blocks.0.end"),
        (('power.grid="us-mida-pjm"',), "power.price_year"),
    ],
)
def test_contracts_that_cannot_be_are_refused_where_they_stand(settings: tuple[str, ...], path: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        links(*settings)
    assert any(re.fullmatch(re.escape(path), p.path) for p in caught.value.problems), caught.value.problems


def test_blocks_of_a_conversion_run_over_its_own_months() -> None:
    made = links("power.blocks=[{mw=100, usd_per_mwh=40, growth_per_year=0.1}]")
    spine = make_spine(2025, 11, 120)
    whole, later = (blocks_of(made.scenario, made.grid, spine, since) for since in (0, 24))
    own = made.model.find(BlockMoney)
    assert whole is not None
    assert later is not None
    assert own is not None
    first, since, mine = whole.blocks[0], later.blocks[0], own.blocks[0]
    np.testing.assert_allclose(first.paid_usd[: mine.mwh.size], mine.paid_usd)
    assert not since.paid_usd[:24].any()
    np.testing.assert_array_equal(since.paid_usd[24:], first.paid_usd[24:])


def test_what_blocks_are_worth_whatever_runs_is_said() -> None:
    made = links("power.blocks=[{mw=100, usd_per_mwh=40}]")
    own, calendar = made.model.find(BlockMoney), made.model.calendar
    (note,) = block_notes(own, calendar, 300.0)
    worth = 100.0 * float((made.grid.price_usd_per_mwh - 40.0).sum())
    assert f"earn {worth / 1e6:,.2f} million USD in the first full year ({worth / 300.0:,.0f} USD per grid MW" in note
    assert own is not None
    tenants = replace(own, blocks=tuple(replace(block, owner_frac=0.0) for block in own.blocks))
    (passed_on,) = block_notes(tenants, calendar, 300.0)
    assert "go to the tenant" in passed_on
    assert block_notes(None, calendar, 300.0) == []


def test_an_owner_may_bear_a_block_whose_energy_the_tenant_pays() -> None:
    deal, block = "deals/cipher-barber-lake", "mw=20, usd_per_mwh=40"
    passed = links(f"power.blocks=[{{{block}}}]", example=deal)
    kept = links(f'power.blocks=[{{{block}, borne_by="owner"}}, {{{block}}}]', example=deal)
    price = kept.grid.price_usd_per_mwh
    first = kept.model.calendar.first_full_months()
    assert not passed.base.flows.opex_cost["power_blocks"].any()
    cost = kept.base.flows.opex_cost["power_blocks"][0, first]
    assert cost.sum() == pytest.approx(20.0 * float((40.0 - price).sum()), rel=1e-9), "one of the two blocks"
    notes = block_notes(kept.model.find(BlockMoney), kept.model.calendar, 100.0)
    assert ["go to the tenant" in notes[0], "in the first full year" in notes[1]] == [True, True]
    mining = links(f'power.blocks=[{{{block}, borne_by="owner"}}]')
    tenant = links("site.grid_mw=300", f'power.blocks=[{{{block}, borne_by="owner"}}]', example=deal)
    assert warnings_of(mining, tenant) == (), "the owner's before and after"


def test_a_conversion_says_where_its_two_uses_are_not_of_one_site() -> None:
    block = "power.blocks=[{mw=20, usd_per_mwh=40}]"
    mining = links(block)
    assert warnings_of(mining, mining) == ()
    tenant = links("site.grid_mw=290", block, example="deals/cipher-barber-lake")
    sizes, blocks = warnings_of(mining, tenant)
    assert "300.0 MW for mining and 290.0 MW for AI" in sizes
    assert "gone when it converts, as the tenant pays the energy" in blocks
