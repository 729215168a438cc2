"""The reduced year stays within its stated bounds of the hourly year, whatever the design and the climate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.facility import HallDesign, hall_design, load_weather, screen, simulate, weather_states
from megawatt.facility.screening import PUE_BOUND, WUE_BOUND_L_PER_KWH

CATALOGUE = load_catalogue()
PLACES = ("childress-tx", "singapore", "dubai", "stockholm", "phoenix-az", "hong-kong", "cheyenne-wy", "mumbai")
YEARS = {place: load_weather(place, CATALOGUE, seed=1) for place in PLACES}
STATES = {place: weather_states(year) for place, year in YEARS.items()}

plausible = st.tuples(
    st.sampled_from(CATALOGUE.keys("hall")),
    st.sampled_from(PLACES),
    st.floats(-5.0, 5.0),  # K on the air's set point
    st.floats(-10.0, 3.0),  # K on the coolant's set point
    st.floats(0.5, 1.0),  # load
)


def _design(key: str, air_k: float, liquid_k: float) -> HallDesign:
    design = hall_design(CATALOGUE, key, it_capacity_mw=10.0)
    liquid = design.liquid
    if liquid is not None:
        liquid = replace(liquid, supply_max_c=liquid.supply_max_c + liquid_k)
    return replace(design, air=replace(design.air, supply_max_c=design.air.supply_max_c + air_k), liquid=liquid)


@given(plausible)
@settings(max_examples=60, deadline=None)
def test_screen_is_within_its_bounds(case: tuple[str, str, float, float, float]) -> None:
    key, place, air_k, liquid_k, load = case
    design = _design(key, air_k, liquid_k)
    quick = screen([design], STATES[place], load)
    year = simulate(design, YEARS[place], np.full(8760, load * 10.0))
    assert abs(quick.pue[0] - year.pue) <= PUE_BOUND
    assert abs(quick.wue_l_per_kwh[0] - year.wue_l_per_kwh) <= WUE_BOUND_L_PER_KWH
    assert abs(quick.facility_peak_frac[0] - year.facility_mw.max() / 10.0) <= PUE_BOUND
    assert abs(quick.unserved_frac[0] - year.derated_mwh / (load * 10.0 * 8760)) <= 0.001


@pytest.mark.parametrize("place", PLACES)
def test_states_keep_hours_and_means(place: str) -> None:
    states, year = STATES[place], YEARS[place]
    assert states.hours.sum() == 8760
    assert len(states.hours) == 512
    assert sorted(states.order) == list(range(8760))
    assert states.air.dry_bulb_c[:, 0] @ states.hours / 8760 == pytest.approx(year.dry_bulb_c.mean())
    assert states.air.wet_bulb_c[:, 0] @ states.hours / 8760 == pytest.approx(year.wet_bulb_c.mean())


def test_as_many_states_as_hours_are_the_hourly_year() -> None:
    year = YEARS["childress-tx"]
    states = weather_states(year, 8760)
    design = _design("liquid-dry-cooler", 0.0, -8.0)
    full = simulate(design, year, np.full(8760, 10.0))
    quick = screen([design], states)
    assert quick.pue[0] == pytest.approx(full.pue, rel=1e-12)
    assert quick.mechanical_hours[0] == full.mechanical_hours
    assert quick.pue_worst_hour[0] == pytest.approx(full.pue_worst_hour, rel=1e-12)


def test_constant_air_is_one_state() -> None:
    from tests.unit.facility.halls import mining_hall, steady_weather

    states = weather_states(steady_weather(20.0))
    assert states.hours.sum() == 8760
    # the hand-computed hall of the unit tests
    assert screen([mining_hall()], states).pue[0] == pytest.approx(1.04534426, abs=2e-8)


def test_bad_questions_are_refused() -> None:
    with pytest.raises(ScenarioError, match="weather states = 4"):
        weather_states(YEARS["dubai"], 4)
    with pytest.raises(ScenarioError, match="load_frac = 0"):
        screen([], STATES["dubai"], 0.0)
