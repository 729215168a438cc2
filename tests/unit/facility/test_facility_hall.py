"""The hall as a whole: hand-computed hours, limits, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, InfeasibleError, ScenarioError
from megawatt.facility import PARTS, AirLoop, HallDesign, Pads, capacity, hall_design, response, simulate
from tests.unit.facility.halls import CHILLER, NO_UPS, liquid_hall, mining_hall, steady_weather

FULL = np.full(8760, 100.0)
DESIGNS = load_catalogue().keys("hall")


def test_mining_hall_by_hand() -> None:
    year = simulate(mining_hall(), steady_weather(20.0), FULL)
    # distribution 1.0; fans 0.02 x 101 = 2.02; auxiliary 0.5; sum 103.52
    # transformer 150 x (0.002 + 0.01 x (103.52 / 150)^2) = 1.014426
    assert year.parts_mw["fans"][0] == pytest.approx(2.02)
    assert year.parts_mw["transformer"][0] == pytest.approx(1.014426, abs=1e-6)
    assert year.pue == pytest.approx(1.04534426, abs=2e-8)
    assert year.wue_l_per_kwh == 0.0
    assert year.mechanical_hours == 0


def test_liquid_loop_by_hand() -> None:
    year = simulate(liquid_hall(), steady_weather(20.0), FULL)
    # pumps 0.02 x 80 = 1.6; heat 81.6; fans 0.02 x 81.6 x 0.484411^3 = 0.18551
    assert year.parts_mw["pumps"][0] == pytest.approx(1.6)
    assert year.parts_mw["heat_rejection"][0] == pytest.approx(0.18551, abs=1e-5)
    assert year.parts_mw["trim_chiller"].max() == 0.0


def test_pads_are_wet_only_above_what_dry_operation_carries() -> None:
    # facility water 41 degC, approach 8 K: dry up to 33 degC
    design = liquid_hall(pads=Pads(0.8, 3.0))
    assert simulate(design, steady_weather(32.9), FULL).water_l.max() == 0.0
    wet = simulate(design, steady_weather(34.0), FULL)
    assert wet.wet_hours == 8760
    assert wet.mechanical_hours == 0


def test_trim_chiller_takes_over_when_air_is_too_warm() -> None:
    year = simulate(liquid_hall(), steady_weather(40.0), FULL)
    # entering difference 51 - 40 = 11 of 18 K: 81.6 x (1 - 11 / 18) = 31.7333 MW through the chiller
    # lift at load 31.7333 / 40.8: 12 x 0.77778 + 3 x 0.77778 - 1 = 10.6667 K; evaporator 314.15 - 2.3333 K
    assert year.parts_mw["trim_chiller"][0] == pytest.approx(31.7333 * 10.6667 / (0.45 * 311.8167), rel=1e-4)
    assert year.derated_hours == 0


def test_hall_without_trim_loses_load_in_heat() -> None:
    year = simulate(liquid_hall(chiller=None), steady_weather(40.0), FULL)
    assert year.derated_hours == 8760
    # load fraction of the loop's design heat that 11 of 18 K carries, with less water range at less load:
    # just below 11 / 18 of 81.6 MW; pumps slow down to (it/100)^3 x 1.6
    served = year.it_mw[0]
    heat = 0.8 * served + 1.6 * (served / 100) ** 3
    entering = 41.0 + 10.0 * heat / 81.6 / (served / 100) - 40.0
    assert heat / 81.6 == pytest.approx(entering / 18.0, rel=1e-5)


def test_miners_derate_above_their_warmest_inlet() -> None:
    year = simulate(mining_hall(), steady_weather(43.0), FULL)
    # (43 - 40) / 15 = 20 % too warm: IT + 0.0001 IT^2 = 0.8 x 101 -> 80.157 MW
    assert year.it_mw[0] == pytest.approx(80.157, abs=2e-3)
    assert year.derated_mwh == pytest.approx((100 - year.it_mw[0]) * 8760)


def test_outside_air_hall_closes_in_humid_air() -> None:
    air = AirLoop("outside-air", 27.0, 12.0, 0.04, 0.3, replace(CHILLER, capacity_frac=1.2), 21.0, 8.0)
    design = HallDesign("air", 100.0, 0.0, NO_UPS, None, replace(air, pads=Pads(0.85, 4.0)))
    humid = simulate(design, steady_weather(26.0, 0.9), FULL)  # dew point 24.2 degC
    dry = simulate(design, steady_weather(26.0, 0.4), FULL)
    assert humid.mechanical_hours == 8760
    assert humid.water_l.max() == 0.0
    # heat 101 + fans 4.04 on 126.048 MW of chillers, 1.2 of the design heat with its fans
    load = 105.04 / 126.048
    lift = 26.0 + 12.0 * load - (19.0 - 3.0 * load)
    expected = 105.04 * lift / (0.45 * (292.15 - 3.0 * load))
    assert humid.parts_mw["chiller"][0] == pytest.approx(expected, rel=1e-6)
    assert dry.mechanical_hours == 0


def test_parts_are_complete_and_add_up() -> None:
    year = simulate(liquid_hall(), steady_weather(38.0), FULL)
    assert tuple(year.parts_mw) == PARTS
    np.testing.assert_allclose(sum(year.parts_mw.values()), year.facility_mw, rtol=1e-14)


def test_response_meets_the_simulation_at_its_breakpoints() -> None:
    design, weather = liquid_hall(), steady_weather(np.linspace(-10.0, 38.0, 8760))
    answer = response(design, weather)
    np.testing.assert_allclose(answer.it_mw, np.linspace(0, 100, 7))
    year = simulate(design, weather, FULL)
    np.testing.assert_allclose(answer.facility_mw[:, -1], year.facility_mw, rtol=1e-12)
    np.testing.assert_allclose(answer.water_l_per_h[:, -1], year.water_l, rtol=1e-12)
    assert answer.assumptions[-1].name == "hall.convex_hull_change_mw"


def test_capacity_fills_the_connection_in_the_worst_hour() -> None:
    weather = steady_weather(np.where(np.arange(8760) == 4321, 38.0, 15.0))
    it_mw, hour = capacity(liquid_hall(), weather, 250.0)
    assert hour == 4321
    resized = replace(liquid_hall(), it_capacity_mw=it_mw)
    assert simulate(resized, weather, np.full(8760, it_mw)).facility_mw.max() == pytest.approx(250.0, rel=1e-9)


def test_year_without_it_energy_has_no_pue() -> None:
    year = simulate(mining_hall(), steady_weather(20.0), np.zeros(8760))
    assert np.isnan(year.pue)
    assert year.facility_mw[0] > 0.0


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (np.full(8761, 1.0), r"shape \(8761,\)"),
        (np.full(8760, 101.0), "capacity of 100 MW"),
        (np.full(8760, -1.0), r"it_mw\[0\] = -1 MW"),
        (np.full(8760, np.nan), r"it_mw\[0\] = nan"),
    ],
)
def test_bad_loads_are_refused(load: np.ndarray, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        simulate(mining_hall(), steady_weather(20.0), load)


def test_bad_questions_are_refused() -> None:
    with pytest.raises(ScenarioError, match="breakpoints = 1"):
        response(mining_hall(), steady_weather(20.0), breakpoints=1)
    with pytest.raises(InfeasibleError, match="grid_mw = 0"):
        capacity(mining_hall(), steady_weather(20.0), 0.0)
    with pytest.raises(ScenarioError, match=r"liquid_share: 85"):
        replace(liquid_hall(), liquid_share=85.0)
    with pytest.raises(ScenarioError, match="has no liquid loop"):
        hall_design(load_catalogue(), "air-evaporative", it_capacity_mw=10.0, liquid_share=0.85)
    with pytest.raises(ScenarioError, match="120 degC"):
        hall_design(load_catalogue(), "liquid-dry-cooler", it_capacity_mw=10.0, coolant_supply_max_c=120.0)
    with pytest.raises(CatalogueError, match="liquid-dry-cooler"):
        hall_design(load_catalogue(), "liquid-dry-coolers", it_capacity_mw=10.0)


@pytest.mark.parametrize("key", DESIGNS)
def test_every_catalogued_design_is_sourced_and_runs(key: str) -> None:
    catalogue = load_catalogue()
    design = hall_design(catalogue, key, it_capacity_mw=50.0)
    used = {a.name.split(".")[1] for a in design.assumptions}
    assert used == set(catalogue.get(key, "hall").facts), "a catalogued parameter that no model reads"
    assert {a.fact.source for a in design.assumptions} <= set(catalogue.sources)
    assert all(a.fact.note for a in design.assumptions if a.fact.kind == "assumed")
    year = simulate(design, steady_weather(18.0, 0.6), np.full(8760, 50.0))
    assert 1.02 < year.pue < 1.35
    assert year.derated_hours == 0


def test_own_values_of_the_racks_replace_the_catalogue() -> None:
    catalogue = load_catalogue()
    design = hall_design(
        catalogue, "liquid-dry-cooler", it_capacity_mw=50.0, liquid_share=0.7, coolant_supply_max_c=35.0
    )
    assert design.liquid is not None
    assert (design.liquid_share, design.liquid.supply_max_c) == (0.7, 35.0)
    assert "liquid-dry-cooler.liquid_share" not in {a.name for a in design.assumptions}
