"""Plants behind the meter: from a scenario's sections through the dispatch to the cash."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.hours import site_year
from megawatt.chain.links import Links, forge, reforge
from megawatt.chain.plants_added import PlantMoney
from megawatt.chain.sensitivity import moved_input
from megawatt.dispatch import HourlyPlan, HourlyProblem, SiteAssets, earned_usd, ledger, optimise, site_hours
from megawatt.errors import ScenarioError
from megawatt.hours import HOURS_IN_YEAR
from megawatt.risk import base_factors
from megawatt.scenario import load
from megawatt.scenario.plant_sections import PLANTS

EXAMPLES = Path(__file__).parents[3] / "examples"
CATALOGUE = load_catalogue()
SOLAR = ("solar.mw=100", "solar.capacity_factor_frac=0.25")
BATTERY = ("battery.mw=50", "battery.mwh=200")
GAS = ("gas.mw=50", "gas.fuel_usd_per_mmbtu=3", "gas.heat_rate_mmbtu_per_mwh=8.5")


def links(*settings: str, name: str = "bitcoin") -> Links:
    use = load(EXAMPLES / f"childress-{name}.toml", CATALOGUE, settings).uses[0]
    return forge(use.scenario, CATALOGUE, use.folder)


def test_a_site_without_plants_has_no_business_of_them() -> None:
    bare = links()
    assert not bare.plants
    assert bare.model.find(PlantMoney) is None
    empty = links("battery.mw=0", "battery.mwh=0", "solar.mw=0", "solar.capacity_factor_frac=0.2")
    assert empty.base.measures.npv_usd[0] == pytest.approx(bare.base.measures.npv_usd[0], abs=1.0)


@pytest.mark.parametrize("sections", [SOLAR, BATTERY, GAS])
def test_what_plants_add_is_the_year_with_them_less_the_year_without(sections: tuple[str, ...]) -> None:
    made = links(*sections)
    money = made.model.find(PlantMoney)
    assert money is not None
    bare, assets = SiteAssets(), made.plants.assets
    value = np.full(HOURS_IN_YEAR, 70.0)
    problem = replace(made.problem, mining_value_usd_per_mwh=value)
    earned = [earned_usd(ledger(h, optimise(h))) for h in (site_hours(problem, a) for a in (assets, bare))]
    ones = np.ones((1, made.model.calendar.spine.months))
    added, fuel, _ = money._between(70.0 * ones, ones, made.model.ground)
    year = slice(2, 14)  # without a leap February
    assert (added - fuel)[0, year].sum() == pytest.approx(earned[0] - earned[1], rel=0.05, abs=2e4)


def test_the_cash_pays_for_plants_and_their_upkeep() -> None:
    made = links(*SOLAR, *BATTERY, *GAS, "battery.life_years=2", "battery.replacement_cost_frac=0.5")
    terms, flows = made.base.terms, made.base.flows
    assert terms.capex_cost["solar"].sum() == pytest.approx(100 * 1_605_500.0)
    battery = 50 * 497_700.0 + 200 * 375_600.0
    again = np.flatnonzero(terms.capex_cost["battery"] > 0.4 * battery)
    assert terms.capex_cost["battery"].sum() == pytest.approx(battery * (1.0 + 0.5 * again.size))
    assert again.tolist() == [30, 54], "live in month 6, replaced every two years"
    assert terms.tax.life_years["gas"] == 5.0
    assert 0.0 < terms.residual["solar"][0, -1] < terms.capex_cost["solar"].sum()
    assert flows.opex_cost["fuel"].sum() > 0.0
    assert flows.opex_cost["plant_upkeep"][0, 12] == pytest.approx((0.0141 * 160_550_000.0 + 0.025 * battery) / 12.0)
    assert (flows.revenue["own_power"][0, :6] == 0.0).all(), "nothing before halls and plants are live"


def test_a_plant_that_ages_adds_less_and_is_whole_again_when_replaced() -> None:
    fresh = links(*SOLAR)
    aged = links(*SOLAR, "solar.degradation_per_year=0.1", "solar.life_years=2")
    factors = base_factors(fresh.terms, fresh.model.calendar.spine.months)
    rows = [m.model.find(PlantMoney).flows(m.model.ground, factors).revenue["own_power"][0] for m in (fresh, aged)]  # type: ignore[union-attr]
    lost = 1.0 - rows[1] / np.where(rows[0] == 0.0, 1.0, rows[0])
    assert lost[29] > 0.12
    assert lost[30] == pytest.approx(0.0, abs=1e-9)
    assert (lost[12:] >= -1e-9).all()


def test_dearer_gas_burns_less_and_carbon_has_a_price() -> None:
    cheap, dear = links(*GAS), links(*GAS, "power.carbon_usd_per_t=100")
    assert dear.base.flows.opex_cost["fuel"].sum() < cheap.base.flows.opex_cost["fuel"].sum()
    (gas,) = dear.plants.assets.supplies
    assert gas.usd_per_mwh[0, 0] == pytest.approx(3 * 8.5 + 7.47 + 0.1 * 53.06 * 8.5)
    assert dear.grid.adder_usd_per_mwh.min() > cheap.grid.adder_usd_per_mwh.min() + 30.0


def test_the_dispatched_year_has_the_same_plants() -> None:
    use = load(EXAMPLES / "childress-gb300.toml", CATALOGUE, (*SOLAR, *BATTERY, "export.limit_mw=60")).uses[0]
    problem = site_year(use, CATALOGUE).problem
    assert [s.name for s in problem.supplies] == ["solar"]
    assert problem.storages[0].energy_mwh == 200.0
    assert [u.name for u in problem.uses] == ["ai", "export"]


def test_nothing_is_sold_that_the_grid_gave() -> None:
    """A fixed price for exports above the grid's in some hours is no machine for money."""
    settings = (*SOLAR, "export.limit_mw=300", "export.price_usd_per_mwh=500")
    year = site_year(load(EXAMPLES / "childress-gb300.toml", CATALOGUE, settings).uses[0], CATALOGUE)
    plan = optimise(year.problem)
    assert (plan.mw["export"] <= plan.mw["solar"] + 1e-6).all()
    assert plan.mw["export"].sum() > 0.9 * plan.mw["solar"].sum()


@pytest.mark.parametrize(
    ("line", "found"),
    [("-9999", "-9999"), ("nan", "nan"), ("", "empty"), ("1.7", "1.7")],
)
def test_a_bad_profile_is_named_with_line_and_column(tmp_path: Path, line: str, found: str) -> None:
    rows = ["capacity_factor", *["0.2"] * 8760]
    rows[24] = line
    text = (EXAMPLES / "childress-bitcoin.toml").read_text(encoding="utf-8")
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    (tmp_path / "solar.csv").write_text("\n".join(f"{i},{row}" for i, row in enumerate(rows)), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path / "site.toml", CATALOGUE, ["solar.mw=10", "solar.profile=solar.csv"])
    (problem,) = caught.value.problems
    assert problem.path == "solar.profile"
    said = f"{problem.found} {problem.allowed}"
    assert found in said
    assert "line 25" in said
    assert "capacity_factor" in said


def test_an_output_is_given_once() -> None:
    for settings in (["solar.mw=10"], ["wind.mw=10", "wind.capacity_factor_frac=0.3", "wind.profile=x.csv"]):
        with pytest.raises(ScenarioError) as caught:
            load(EXAMPLES / "childress-bitcoin.toml", CATALOGUE, settings)
        assert any("profile" in problem.allowed for problem in caught.value.problems)


def test_plants_are_named_as_their_sections() -> None:
    assert PLANTS == ("solar", "wind", "gas", "battery")


def test_a_year_is_solved_once_whatever_money_moves_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    solved: list[HourlyProblem] = []

    def counted(problem: HourlyProblem) -> HourlyPlan:
        solved.append(problem)
        return optimise(problem)

    monkeypatch.setattr("megawatt.chain.plants_added.optimise", counted)
    base = links(*BATTERY)
    base.base  # noqa: B018 - the nodes that it asks for are solved
    few = len(solved)
    assert 0 < few < 2 * 7 * 3
    moved, catalogue = moved_input(base, "battery.capex_usd_per_mwh", 5e5)
    dearer = reforge(base, moved, catalogue)
    assert dearer.base.measures.npv_usd[0] < base.base.measures.npv_usd[0]
    assert len(solved) == few
    anew = forge(moved, catalogue, base.folder)
    assert anew.base.measures.npv_usd[0] == dearer.base.measures.npv_usd[0]
    assert len(solved) == 2 * few


def test_nodes_that_are_solved_when_asked_for_are_those_that_travel() -> None:
    money = links(*BATTERY).model.find(PlantMoney)
    assert money is not None
    lazy, sent = money.tables, pickle.loads(pickle.dumps(money.tables))
    assert not np.isnan(sent.parts_usd).any()
    assert sent.solve is None
    needed = lazy.around(np.array([70.0]), np.array([1.0]))[1]
    np.testing.assert_array_equal(lazy.at(needed)[needed], sent.parts_usd[needed])
    np.testing.assert_array_equal(lazy.only().parts_usd, sent.parts_usd)
