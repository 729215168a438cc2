"""What holds for every hall and weather."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.facility import Weather, capacity, hall_design, response, simulate
from megawatt.facility import psychrometrics as psy

CATALOGUE = load_catalogue()
DESIGNS = CATALOGUE.keys("hall")
QUICK = settings(max_examples=12, deadline=None)


def _weather(seed: int, mean_c: float) -> Weather:
    generator = np.random.default_rng(seed)
    dry = mean_c + 12.0 * generator.standard_normal(8760).clip(-2.5, 2.5)
    humidity, pressure = generator.uniform(0.1, 1.0, 8760), generator.uniform(80e3, 103e3, 8760)
    # No air on Earth has been measured beyond a dew point of 35 degC.
    humidity = np.minimum(humidity, psy.saturation_pressure_pa(np.full(8760, 35.0)) / psy.saturation_pressure_pa(dry))
    ratio = psy.humidity_ratio(humidity * psy.saturation_pressure_pa(dry), pressure)
    return Weather("somewhere", "random", dry, psy.wet_bulb_c(dry, ratio, pressure), humidity, pressure)


cases = st.tuples(st.sampled_from(DESIGNS), st.integers(0, 10_000), st.floats(-15.0, 30.0))


@given(cases)
@QUICK
def test_response_is_convex_rising_and_reports_its_hull(case: tuple[str, int, float]) -> None:
    key, seed, mean_c = case
    answer = response(hall_design(CATALOGUE, key, it_capacity_mw=100.0), _weather(seed, mean_c))
    slope = np.diff(answer.facility_mw, axis=1) / np.diff(answer.it_mw)
    assert (np.diff(slope, axis=1) >= -1e-9).all()
    reached = answer.it_mw[:-1] < answer.it_limit_mw[:, np.newaxis]
    assert (slope[reached] >= 1.0 - 1e-9).all(), "a MW of IT costs at least a MW"
    assert (answer.water_l_per_h >= 0.0).all()
    assert ((answer.it_limit_mw >= 0.0) & (answer.it_limit_mw <= 100.0)).all()
    change = answer.assumptions[-1].fact.number()
    assert 0.0 <= change <= 4.0, "hull moves facility power by more than 4 % of IT capacity"


@given(cases, st.floats(0.05, 1.0))
@QUICK
def test_parts_sum_and_energy_goes_up_with_load(case: tuple[str, int, float], load: float) -> None:
    key, seed, mean_c = case
    design, weather = hall_design(CATALOGUE, key, it_capacity_mw=100.0), _weather(seed, mean_c)
    year = simulate(design, weather, np.full(8760, 100.0 * load))
    less = simulate(design, weather, np.full(8760, 50.0 * load))
    np.testing.assert_allclose(sum(year.parts_mw.values()), year.facility_mw, rtol=1e-13)
    assert all((part >= -1e-12).all() for part in year.parts_mw.values())
    assert (year.facility_mw >= less.facility_mw - 1e-9).all()
    assert year.pue >= 1.0


@given(cases)
@QUICK
def test_nothing_depends_on_scale(case: tuple[str, int, float]) -> None:
    key, seed, mean_c = case
    weather = _weather(seed, mean_c)
    small = hall_design(CATALOGUE, key, it_capacity_mw=1.0)
    large = replace(small, it_capacity_mw=700.0)
    one = simulate(small, weather, np.full(8760, 0.8))
    many = simulate(large, weather, np.full(8760, 560.0))
    np.testing.assert_allclose(many.facility_mw, 700.0 * one.facility_mw, rtol=1e-6)
    np.testing.assert_allclose(many.water_l, 700.0 * one.water_l, rtol=1e-6, atol=1e-6)
    assert capacity(small, weather, 300.0)[0] == pytest.approx(capacity(large, weather, 300.0)[0], rel=1e-6)


@given(cases)
@QUICK
def test_a_hall_sized_by_capacity_never_exceeds_its_connection(case: tuple[str, int, float]) -> None:
    key, seed, mean_c = case
    weather = _weather(seed, mean_c)
    design = hall_design(CATALOGUE, key, it_capacity_mw=10.0)
    it_mw, hour = capacity(design, weather, 200.0)
    year = simulate(replace(design, it_capacity_mw=it_mw), weather, np.full(8760, it_mw))
    assert year.facility_mw.max() <= 200.0 * (1 + 1e-6)
    assert year.facility_mw[hour] == pytest.approx(200.0, rel=1e-6)


@given(st.integers(0, 10_000), st.floats(-15.0, 30.0), st.floats(0.0, 8.0))
@QUICK
def test_warmer_air_never_saves_chiller_work_in_a_dry_hall(seed: int, mean_c: float, warmer_k: float) -> None:
    design = hall_design(CATALOGUE, "air-economiser-chiller", it_capacity_mw=100.0)
    cool = _weather(seed, mean_c)
    warm = replace(cool, dry_bulb_c=cool.dry_bulb_c + warmer_k)
    load = np.full(8760, 90.0)
    before, after = simulate(design, cool, load), simulate(design, warm, load)
    same = (before.it_mw == 90.0) & (after.it_mw == 90.0)
    assert (after.parts_mw["chiller"][same] >= before.parts_mw["chiller"][same] - 1e-9).all()


@given(st.floats(-40.0, 50.0), st.floats(0.02, 1.0), st.floats(60e3, 108e3))
@settings(max_examples=60, deadline=None)
def test_moist_air_round_trips(dry_bulb_c: float, humidity: float, pressure_pa: float) -> None:
    ratio = psy.humidity_ratio(humidity * psy.saturation_pressure_pa(dry_bulb_c), pressure_pa)
    wet = psy.wet_bulb_c(dry_bulb_c, ratio, pressure_pa)
    dew = psy.dew_point_c(ratio, pressure_pa)
    assert dew - 1e-6 <= wet <= dry_bulb_c + 1e-6
    assert psy.relative_humidity(dry_bulb_c, ratio, pressure_pa) == pytest.approx(humidity, rel=1e-9)
    assert psy.saturation_humidity_ratio(dew, pressure_pa) == pytest.approx(float(ratio), rel=1e-5)
    if abs(float(wet)) > 1e-6:  # at 0 degC the ice and water branches leave a step
        assert psy.humidity_ratio_of_wet_bulb(dry_bulb_c, wet, pressure_pa) == pytest.approx(float(ratio), rel=1e-5)
