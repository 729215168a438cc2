"""Faults of hot hours: immersion, redundancy, fans that follow the air, thin air, ranking, design days, changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.facility import (
    capacity,
    capacity_plan,
    design_days,
    design_hours,
    hall_design,
    load_weather,
    redundant,
    simulate,
    stated_day,
    warmer,
)
from megawatt.facility.changes import changed, changed_hall, read_changes
from megawatt.facility.records import Weather
from tests.unit.facility.halls import mining_hall, steady_weather

CATALOGUE = load_catalogue()
FULL = np.full(8760, 100.0)


def _hall(key: str) -> object:
    return hall_design(CATALOGUE, key, it_capacity_mw=100.0)


def _at(pressure_pa: float, weather: Weather) -> Weather:
    return replace(weather, pressure_pa=np.full(8760, pressure_pa))


def test_immersion_is_held_back_by_its_oil_alone() -> None:
    hot = steady_weather(44.0, 0.15)  # wet bulb 23.6: pads bring it to 27.7
    assert simulate(_hall("mining-air"), hot, FULL).derated_hours == 8760
    wet = simulate(_hall("mining-immersion"), hot, FULL)
    assert (wet.derated_hours, wet.derated_mwh) == (0, 0.0)
    dry = changed(_hall("mining-immersion"), read_changes(["pads=false"], CATALOGUE))
    year = simulate(dry, hot, FULL)
    # oil 48 degC, exchanger 6 K x load, range 8 K: load x 16 K = 48 - 6 load + 8 load (flow at its least, 0.4) - 44
    load = (0.98 * year.it_mw[0] + year.parts_mw["pumps"][0]) / (98.0 * 1.025)
    flow = max(year.it_mw[0] / 100.0, 0.4)
    assert 16.0 * load == pytest.approx(48.0 - 6.0 * load + 8.0 * load / flow - 44.0, abs=0.15)
    assert 20.0 < year.it_mw[0] < 60.0


def test_more_spares_never_mean_more_it() -> None:
    weather = load_weather("childress-tx", CATALOGUE)
    for key in CATALOGUE.keys("hall"):
        for power, cooling in ((True, False), (False, True), (True, True)):
            held = [
                capacity(redundant(_hall(key), power=n if power else "N", cooling=n if cooling else "N"), weather, 100)
                for n in ("N", "N+1", "2N")
            ]
            assert held[0][0] >= held[1][0] >= held[2][0], (key, power, cooling)


def test_fans_of_an_outside_air_hall_follow_the_air() -> None:
    design = _hall("air-evaporative")
    cold, mild, warm = (simulate(design, steady_weather(t), FULL) for t in (5.0, 22.0, 27.0))
    assert cold.pue < mild.pue < warm.pue
    # distribution 1.2, UPS 125 x (0.0105 + 0.027 (101.2 / 125)^2): full flow at 27 degC, (48 / 57)^(4 / 3) of it at 18
    losses = 1.2 + 125.0 * (0.0105 + 0.027 * (101.2 / 125.0) ** 2)
    assert warm.parts_mw["fans"][0] == pytest.approx(0.06 * (100.0 + losses), rel=1e-9)
    assert cold.parts_mw["fans"][0] == pytest.approx(0.06 * (100.0 + losses) * (48.0 / 57.0) ** 4, rel=1e-9)


def test_thin_air_takes_more_fan_and_carries_less() -> None:
    high = _at(70_000.0, steady_weather(20.0))
    low = steady_weather(20.0)
    ratio = (101_325.0 / 70_000.0) ** 2
    fans = [simulate(_hall("air-chiller"), w, FULL).parts_mw["fans"][0] for w in (low, high)]
    assert fans[1] == pytest.approx(fans[0] * ratio)
    dry = changed(_hall("mining-immersion"), read_changes(["pads=false"], CATALOGUE))
    served = [simulate(dry, _at(p, steady_weather(36.0, 0.2)), FULL).it_mw[0] for p in (101_325.0, 70_000.0)]
    assert served[1] < served[0]


def test_worst_hours_are_those_that_lose_it_first() -> None:
    dry = np.full(8760, 20.0)
    dry[[10, 20, 30]] = 45.0, 43.0, 39.0
    first, second, third = design_hours(mining_hall(), steady_weather(dry), (1, 2, 3))
    assert (first.hour, second.hour, third.hour) == (10, 20, 30)
    assert first.it_frac < second.it_frac < third.it_frac == 1.0


def test_a_plan_for_a_connection_keeps_its_derating() -> None:
    weather = load_weather("phoenix-az", CATALOGUE)
    plan = capacity_plan(_hall("mining-air"), weather, 100.0)
    year = simulate(_hall("mining-air"), weather, FULL)
    assert plan.derated_hours == year.derated_hours > 0
    assert plan.derated_mwh == pytest.approx(year.derated_mwh * plan.it_mw / 100.0, rel=1e-6)
    assert "inlet air" in plan.hottest.binds
    assert plan.carried_it_mw < plan.it_mw


def test_design_days_hold_beside_the_year() -> None:
    weather = load_weather("chicago-il", CATALOGUE)
    usual, rare = design_days(weather, "0.4%"), design_days(weather, "20-year")
    assert design_days(weather, "typical-year") == ()
    exceeded = int((weather.dry_bulb_c > usual[0].air.dry_bulb_c.max() + 1e-9).sum())
    assert exceeded == 34, "the 35th of the hottest hours"
    assert rare[0].air.dry_bulb_c.max() > weather.dry_bulb_c.max()
    assert (rare[1].air.wet_bulb_c <= rare[1].air.dry_bulb_c).all()
    hall = _hall("air-economiser-chiller")
    year, day = capacity_plan(hall, weather, 100.0), capacity_plan(hall, weather, 100.0, days=rare)
    assert day.it_mw < year.it_mw
    assert day.hour is None
    assert day.worst.name.startswith("20-year dry bulb day, Jul")
    assert "chiller" in day.worst.binds
    warm = design_days(warmer(weather, 2.0), "20-year")
    assert warm[0].air.dry_bulb_c.max() == pytest.approx(rare[0].air.dry_bulb_c.max() + 2.0)
    assert design_days(load_weather("sydney", CATALOGUE))[0].month in (0, 1, 11)


def test_five_years_are_a_gumbel_fit() -> None:
    maxima = np.array([[38.0, 40.0, 39.0, 41.0, 37.0], [24.0, 25.0, 24.5, 25.5, 24.0]])
    weather = replace(steady_weather(20.0), yearly_max_c=maxima)
    day = design_days(weather)[0]
    # mean 39, deviation 1.58114; F = -(sqrt 6 / pi) (0.577216 + ln ln (20 / 19)) = 1.865807
    assert day.air.dry_bulb_c.max() == pytest.approx(39.0 + 1.865807 * 1.5811388, abs=1e-4)


def test_a_stated_day_is_taken_as_it_is() -> None:
    weather = load_weather("phoenix-az", CATALOGUE)
    day = stated_day("mine", 50.0, 25.0, 12.0, weather)
    assert day.air.dry_bulb_c.max() == pytest.approx(50.0)
    assert day.air.dry_bulb_c.min() == pytest.approx(38.0)
    assert day.air.wet_bulb_c[day.air.dry_bulb_c.argmax()] == pytest.approx(25.0, abs=1e-3)
    for dry, wet in ((30.0, 31.0), (50.0, -20.0)):
        with pytest.raises(ScenarioError, match="design day"):
            stated_day("wrong", dry, wet, None, weather)


@pytest.mark.parametrize(
    ("key", "changes", "worse"),
    [
        ("air-economiser-chiller", ["supply_air_max_c=20"], True),
        ("air-economiser-chiller", ["containment=none"], True),
        ("air-economiser-chiller", ["dry_cooler_approach_k=4"], False),
        ("air-chiller", ["tower_approach_k=3"], False),
        ("liquid-dry-cooler", ["coolant_supply_max_c=32"], True),
        ("air-evaporative", ["dew_point_max_c=15"], True),
        ("air-chiller", ["ups_mode=eco"], False),
    ],
)
def test_a_change_moves_pue_its_way(key: str, changes: list[str], worse: bool) -> None:
    weather = load_weather("chicago-il", CATALOGUE)
    own = simulate(_hall(key), weather, FULL).pue
    made = simulate(changed(_hall(key), read_changes(changes, CATALOGUE)), weather, FULL).pue
    assert (made > own) is worse
    assert made != own


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("mining-air", "tower_approach_k=3"),
        ("air-chiller", "coolant_supply_max_c=40"),
        ("air-chiller", "pads=true"),
        ("mining-air", "cooling_redundancy=2N"),
        ("mining-air", "ups_mode=eco"),
        ("air-chiller", "dry_cooler_approach_k=5"),
        ("air-evaporative", "supply_air_min_c=30"),
        ("air-evaporative", "supply_air=3"),
        ("air-evaporative", "supply_air_max_c"),
        ("air-evaporative", "containment=some"),
    ],
)
def test_a_change_of_what_is_not_there_is_refused(key: str, change: str) -> None:
    with pytest.raises(ScenarioError, match=r"^hall|supply_air|containment"):
        changed(_hall(key), read_changes([change], CATALOGUE))


def test_coolant_is_at_most_what_the_machines_accept() -> None:
    made = read_changes(["coolant_supply_max_c=45"], CATALOGUE)
    with pytest.raises(ScenarioError, match="at most 40 degC"):
        changed_hall(CATALOGUE, "liquid-dry-cooler", made, it_capacity_mw=1.0, coolant_supply_max_c=40.0)
