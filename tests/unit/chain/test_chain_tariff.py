"""Tariffs from the scenario to the hours, the cash and the sensitivities."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.hours import site_year
from megawatt.chain.links import Links, forge
from megawatt.chain.sensitivity import moved_input, ranged_inputs
from megawatt.chain.use import dispatch_of
from megawatt.dispatch import optimise, solve_merit
from megawatt.errors import ScenarioError
from megawatt.finance import live_share
from megawatt.hours import MONTH_OF_HOUR
from megawatt.scenario import load
from megawatt.tariff import bill_of

EXAMPLES = Path(__file__).parents[3] / "examples"
DEMAND = "tariff.demand=[{per_kw_month=6, ratchet_frac=0.8, minimum_frac=0.3}]"


def without_tariff(tmp_path: Path, example: str, *more: str) -> Path:
    """A copy of an example without its tariff, beside the examples' files."""
    lines = (EXAMPLES / f"{example}.toml").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "site.toml"
    path.write_text("\n".join([line for line in lines if not line.startswith("tariff")] + list(more)), encoding="utf-8")
    return path


def links(tmp_path: Path, *settings: str, example: str = "childress-bitcoin") -> Links:
    loaded = load(without_tariff(tmp_path, example), load_catalogue(), settings)
    return forge(loaded.uses[0].scenario, loaded.catalogue, loaded.uses[0].folder)


def test_a_section_and_a_key_of_the_same_lines_are_the_same_site(tmp_path: Path) -> None:
    key = links(tmp_path, 'power.tariff="ercot-transmission"')
    section = links(
        tmp_path,
        "tariff.loss_frac=0.02",
        "tariff.energy=[{per_mwh=0.98},{per_mwh=0.63},{per_mwh=1.0}]",
        "tariff.coincident=[{per_kw_year=72}]",
    )
    np.testing.assert_allclose(section.problem.adder_usd_per_mwh, key.problem.adder_usd_per_mwh, rtol=1e-12)
    np.testing.assert_allclose(section.problem.price_usd_per_mwh, key.problem.price_usd_per_mwh, rtol=1e-12)


def test_miners_dispatched_year_is_the_months_of_the_cash(tmp_path: Path) -> None:
    made = links(tmp_path, "tariff.demand=[{per_kw_month=6}, {per_kw_month=4, hours='14-19', months=[6,7,8,9]}]")
    year, value = dispatch_of(made), made.mined.by_month_usd_per_mwh[np.newaxis, :]  # type: ignore[union-attr]
    months = made.response.mining(value, np.ones((1, 12)))
    assert months.facility_mwh.sum() == pytest.approx(float(year.import_mw.sum()), rel=1e-9)
    assert months.charges_usd is not None
    assert months.charges_usd.sum() == pytest.approx(year.energy_cost_usd["charges"], rel=2e-3)
    hourly = year.energy_cost_usd["market"] + year.energy_cost_usd["delivery"]
    assert months.energy_cost_usd.sum() == pytest.approx(hourly, rel=1e-9)


@pytest.mark.parametrize(
    "demand",
    [
        "[{per_kw_month=6}]",
        "[{per_kw_month=14}]",
        "[{per_kw_month=4}, {per_kw_month=9, hours='14-19', months=[6,7,8,9], days='weekdays'}]",
        "[{per_kw_month=6, ratchet_frac=0.85}]",
        "[{per_kw_year=60}]",
    ],
)
def test_months_held_at_levels_are_near_the_optimum_of_the_year(tmp_path: Path, demand: str) -> None:
    path = without_tariff(tmp_path, "childress-bitcoin")
    loaded = load(path, load_catalogue(), (f"tariff.demand={demand}",))
    made = forge(loaded.uses[0].scenario, loaded.catalogue, loaded.uses[0].folder)
    plan = optimise(site_year(loaded.uses[0], loaded.catalogue).problem)
    held, unheld = dispatch_of(made).objective_usd, solve_merit(made.problem).objective_usd
    assert held <= -plan.objective_usd + 1.0
    assert held >= unheld - 1.0
    assert held == pytest.approx(-plan.objective_usd, rel=0.01, abs=0.005 * abs(unheld))


def test_a_dear_peak_stops_the_miners(tmp_path: Path) -> None:
    made = links(tmp_path, "tariff.demand=[{per_kw_month=80}]")
    assert dispatch_of(made).mining_it_mw.sum() == 0.0
    cheap = links(tmp_path, "tariff.demand=[{per_kw_month=0.01}]")
    assert dispatch_of(cheap).mining_it_mw.sum() == pytest.approx(
        solve_merit(cheap.problem).mining_it_mw.sum(), rel=1e-6
    )


def test_contracted_load_pays_minimum_demand_while_halls_are_empty(tmp_path: Path) -> None:
    made = links(tmp_path, "tariff.demand=[{per_kw_month=10, minimum_frac=0.85}]", example="childress-gb300")
    cost = made.base.flows.opex_cost["power_charges"][0]
    live = live_share(made.model.calendar.halls, cost.size)
    contract = made.scenario.site.grid_mw.number()
    peak = float(made.response.ai_facility_mwh.max())
    assert peak > 0.0
    drawn = solve_merit(made.problem).import_mw.max()
    assert (cost[live == 0.0] == 0.0).all()
    first = int(np.argmax(live > 0.0))
    assert live[first] < 1.0
    assert cost[first] == pytest.approx(10_000 * max(0.85 * contract, live[first] * drawn), rel=0.01)
    assert (cost[live > 0.0] >= 10_000 * 0.85 * contract - 1e-6).all()


def test_a_ratchet_looks_back_along_the_project(tmp_path: Path) -> None:
    made = links(tmp_path, "tariff.demand=[{per_kw_month=1, ratchet_frac=1.0}]", example="childress-gb300")
    cost = made.base.flows.opex_cost["power_charges"][0]
    live = live_share(made.model.calendar.halls, cost.size)
    from_full = int(np.argmax(live == 1.0)) + 12
    drawn = [float(solve_merit(made.problem).import_mw[m == MONTH_OF_HOUR].max()) for m in range(12)]
    np.testing.assert_allclose(cost[from_full : from_full + 24], 1000 * max(drawn), rtol=1e-6)
    assert (np.diff(cost[: from_full + 1]) >= -1e-6).all()


def test_fixed_charges_tiers_and_minimum_bills_reach_the_cash(tmp_path: Path) -> None:
    made = links(
        tmp_path,
        "tariff.fixed=[{per_month=1000}]",
        "tariff.energy=[{tiers=[{from_mwh=0, per_mwh=9}, {from_mwh=50000, per_mwh=5}]}]",
        "tariff.tax_frac=0.1",
        example="childress-gb300",
    )
    cost = made.base.flows.opex_cost
    energy = solve_merit(made.problem)
    bill = bill_of(made.grid.rate, energy.import_mw)  # type: ignore[arg-type]
    full = int(np.argmax(live_share(made.model.calendar.halls, 60) == 1.0))
    charged = [float(cost["power_charges"][0, t]) for t in range(full, full + 12)]
    months = [(made.model.calendar.spine.month[t]) for t in range(full, full + 12)]
    hourly = np.array([float(made.response.ai_delivery_usd[m]) for m in months])
    used = np.array(charged) + hourly
    np.testing.assert_allclose(used, bill.usd[months], rtol=1e-9)
    least = links(tmp_path, "tariff.minimum_per_month=3e6", example="childress-gb300")
    np.testing.assert_allclose(least.base.flows.opex_cost["power_charges"][0, full:], 3e6)


def test_a_tariff_steps_by_its_own_growth(tmp_path: Path) -> None:
    plain = links(tmp_path, "tariff.fixed=[{per_month=1000}]")
    grown = links(tmp_path, "tariff.fixed=[{per_month=1000}]", "tariff.growth_per_year=0.05")
    ratio = grown.base.flows.opex_cost["power_charges"][0, 9:] / plain.base.flows.opex_cost["power_charges"][0, 9:]
    np.testing.assert_allclose(ratio, 1.05 ** (np.arange(9, ratio.size + 9) // 12))


def test_numbers_of_tariffs_move_as_sensitivities(tmp_path: Path) -> None:
    own = links(tmp_path, "tariff.demand=[{per_kw_month={value=6, low=4, high=9}}]")
    names = {row.name for row in ranged_inputs(own)}
    assert "tariff.demand.0.per_kw_month" in names
    keyed = links(tmp_path, 'power.tariff="oncor-transmission"')
    assert "oncor-transmission.coincident_1_per_kw_year" in {row.name for row in ranged_inputs(keyed)}
    scenario, catalogue = moved_input(keyed, "oncor-transmission.coincident_1_per_kw_year", 41.901108)
    moved = forge(scenario, catalogue, tmp_path)
    peaks = [made.grid.adder_usd_per_mwh.sum() for made in (keyed, moved)]
    assert peaks[1] / peaks[0] == pytest.approx(41.901108 / 75.130068, rel=1e-6)


def test_a_bundled_tariff_is_the_whole_price(tmp_path: Path) -> None:
    made = links(tmp_path, 'power.tariff="chelan-36"', 'power.grid="us-mida-pjm"')
    year = dispatch_of(made)
    assert year.energy_cost_usd["market"] == 0.0
    assert year.energy_cost_usd["delivery"] == pytest.approx(30.4 * year.import_mw.sum())


def test_a_tariff_file_in_toml_or_json_is_the_section(tmp_path: Path) -> None:
    (tmp_path / "rate.toml").write_text('title = "t"\ndemand = [{ per_kw_month = 6 }]\n', encoding="utf-8")
    urdb = {"flatdemandstructure": [[{"rate": 6.0}]], "flatdemandmonths": [0] * 12}
    (tmp_path / "rate.json").write_text(json.dumps(urdb), encoding="utf-8")
    bills = []
    for setting in ('power.tariff="rate.toml"', 'power.tariff="rate.json"', "tariff.demand=[{per_kw_month=6}]"):
        made = links(tmp_path, setting)
        bills.append(made.base.flows.opex_cost["power_charges"])
    np.testing.assert_array_equal(bills[0], bills[2])
    np.testing.assert_array_equal(bills[1], bills[2])


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ((), "power.tariff"),
        (('power.tariff="all-in"', "tariff.tax_frac=0.1"), "power.tariff"),
        (('power.tariff="none.toml"',), "power.tariff"),
        (('power.tariff="synthetic-price"',), "power.tariff"),
        (('power.tariff="chelan-36"', "power.fixed_price_usd_per_mwh=44"), "power.fixed_price_usd_per_mwh"),
        (("tariff.energy=[{}]",), "tariff.energy.0"),
        (("tariff.demand=[{per_kw_month=5, per_kw_year=6}]",), "tariff.demand.0"),
        (("tariff.demand=[{per_kw_month=-5}]",), "tariff.demand.0.per_kw_month"),
        (("tariff.demand=[{per_kw_month=5, ratchet_frac=2}]",), "tariff.demand.0.ratchet_frac"),
        (("tariff.demand=[{tiers=[{from_mw=1, per_kw_month=5}]}]",), "tariff.demand.0"),
        (("tariff.coincident=[{per_kw_year=5, peak_hours=['13-01 5']}]",), "tariff.coincident.0.peak_hours"),
        (("tariff.fixed=[{per_month=5, hours='7-9'}]",), "tariff.fixed.0"),
        (("tariff.riders=[{frac=0.1, on=['taxes']}]",), "tariff.riders.0.on.0"),
        (('tariff.currency="CAD"',), "tariff"),
        (('tariff.holidays=["02-30"]',), "tariff.holidays"),
        (("tariff.demands=[]",), "tariff.demands"),
    ],
)
def test_what_a_tariff_cannot_be_is_refused_where_it_stands(
    tmp_path: Path, settings: tuple[str, ...], path: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(without_tariff(tmp_path, "childress-bitcoin"), load_catalogue(), settings)
    assert path in [p.path for p in caught.value.problems], caught.value.problems


def test_an_operator_expects_the_peaks_of_any_tariff_in_hours_and_with_a_chance_of_his_own(tmp_path: Path) -> None:
    settings = ("power.peak_sit_out_hours=10", "power.peak_miss_frac=0.25")
    key = links(tmp_path, 'power.tariff="ercot-transmission"', *settings)
    section = links(
        tmp_path,
        "tariff.loss_frac=0.02",
        "tariff.energy=[{per_mwh=0.98},{per_mwh=0.63},{per_mwh=1.0}]",
        "tariff.coincident=[{per_kw_year=72, sit_out_hours=10, miss_frac=0.25}]",
    )
    np.testing.assert_allclose(section.problem.adder_usd_per_mwh, key.problem.adder_usd_per_mwh, rtol=1e-12)
    measured = links(tmp_path, "tariff.coincident=[{per_kw_year=72, peak_hours=['06-23 16']}]", *settings)
    assert measured.problem.rate is not None
    assert measured.problem.rate.coincident[0].expected.sum() == 1, "what was measured is known"
    with pytest.raises(ScenarioError, match=r"peak_miss_frac: peaks of a tariff without them"):
        links(tmp_path, 'power.tariff="all-in"', "power.peak_miss_frac=0.5")
