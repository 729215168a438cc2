"""What holds for shedding, miners, redundancy and the choice between water and electricity in any weather."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.facility import (
    WaterChoice,
    Weather,
    capacity,
    capacity_plan,
    hall_design,
    miners_beside,
    redundant,
    simulate,
    warmer,
    water_choice,
)
from megawatt.facility import psychrometrics as psy

CATALOGUE = load_catalogue()
QUICK = settings(max_examples=10, deadline=None)
PADDED = ("liquid-dry-cooler", "air-evaporative", "mining-immersion")


def _weather(seed: int, mean_c: float) -> Weather:
    generator = np.random.default_rng(seed)
    dry = mean_c + 11.0 * generator.standard_normal(8760).clip(-2.5, 2.5)
    humidity, pressure = generator.uniform(0.1, 1.0, 8760), np.full(8760, 98e3)
    ratio = psy.humidity_ratio(humidity * psy.saturation_pressure_pa(dry), pressure)
    return Weather("somewhere", "random", dry, psy.wet_bulb_c(dry, ratio, pressure), humidity, pressure)


weathers = st.tuples(st.integers(0, 10_000), st.floats(-5.0, 28.0))


@given(st.sampled_from(CATALOGUE.keys("hall")), weathers, st.integers(0, 200), st.integers(0, 200))
@QUICK
def test_more_shedding_carries_more(key: str, where: tuple[int, float], some: int, more: int) -> None:
    design, weather = hall_design(CATALOGUE, key, it_capacity_mw=10.0), _weather(*where)
    few, many = sorted((some, some + more))
    a, b = (capacity_plan(design, weather, 100.0, hours) for hours in (few, many))
    assert b.it_mw >= a.it_mw * (1 - 1e-12) >= capacity(design, weather, 100.0)[0] * (1 - 1e-9)
    for plan, allowed in ((a, few), (b, many)):
        assert plan.shed_hours <= allowed
        assert plan.facility_mw.max() <= 100.0 * (1 + 1e-6), "the connection is never exceeded"
        assert (plan.served_it_mw <= plan.it_mw * (1 + 1e-12)).all()


@given(weathers, st.floats(1.0, 60.0))
@QUICK
def test_hall_and_miners_never_exceed_the_connection(where: tuple[int, float], installed_mw: float) -> None:
    weather = _weather(*where)
    plan = capacity_plan(hall_design(CATALOGUE, "air-chiller", it_capacity_mw=1.0), weather, 100.0, 20)
    miners = hall_design(CATALOGUE, "mining-air", it_capacity_mw=installed_mw)
    served = miners_beside(plan, miners, weather)
    drawn = np.where(served > 0.0, simulate(miners, weather, served).facility_mw, 0.0)
    assert (plan.facility_mw + drawn).max() <= 100.0 * (1 + 1e-6)


@given(st.sampled_from(PADDED), weathers, st.floats(0.0, 1.2), st.floats(0.0, 5.0))
@QUICK
def test_water_stays_below_its_cap_and_never_loses_money(
    key: str, where: tuple[int, float], cap_share: float, water_usd: float
) -> None:
    design, weather = hall_design(CATALOGUE, key, it_capacity_mw=10.0), _weather(*where)
    price = np.random.default_rng(where[0]).normal(50.0, 60.0, 8760)  # negative hours too
    full = np.full(8760, 9.0)

    def choice(cap_m3: float | None) -> WaterChoice:
        return water_choice(
            design,
            weather,
            full,
            electricity_usd_per_mwh=price,
            water_usd_per_m3=water_usd,
            it_value_usd_per_mwh=200.0,
            cap_m3=cap_m3,
        )

    free = choice(None)
    cap = cap_share * free.water_m3
    capped = choice(cap)
    assert capped.water_m3 <= cap * (1 + 1e-9) + 1e-9
    assert 0.0 <= capped.saving_usd <= free.saving_usd * (1 + 1e-9) + 1e-9
    assert not (capped.wet & ~free.wet).any()
    assert (capped.it_mw <= full).all()
    assert (capped.facility_mw >= capped.it_mw).all()


@given(st.sampled_from(CATALOGUE.keys("hall")), weathers, st.sampled_from(("N", "N+1", "2N")), st.floats(0.0, 1.0))
@QUICK
def test_balance_closes_with_any_redundancy(key: str, where: tuple[int, float], level: str, load: float) -> None:
    design = redundant(hall_design(CATALOGUE, key, it_capacity_mw=40.0), power=level, cooling=level)
    year = simulate(design, _weather(*where), np.full(8760, 40.0 * load))
    np.testing.assert_allclose(sum(year.parts_mw.values()), year.facility_mw, rtol=1e-12, atol=1e-9)
    assert min(part.min() for part in year.parts_mw.values()) >= 0.0


@given(weathers, st.floats(-10.0, 10.0))
@QUICK
def test_shift_there_and_back_is_the_same_year(where: tuple[int, float], shift_k: float) -> None:
    weather = _weather(*where)
    back = warmer(warmer(weather, shift_k), -shift_k)
    np.testing.assert_allclose(back.dry_bulb_c, weather.dry_bulb_c, atol=1e-9)
    np.testing.assert_allclose(back.wet_bulb_c, weather.wet_bulb_c, atol=1e-3)


def test_capacity_does_not_depend_on_the_size_asked_about() -> None:
    weather = _weather(3, 20.0)
    small = hall_design(CATALOGUE, "liquid-dry-cooler", it_capacity_mw=1.0)
    plans = [capacity_plan(d, weather, 80.0, 10) for d in (small, replace(small, it_capacity_mw=500.0))]
    assert plans[0].it_mw == pytest.approx(plans[1].it_mw, rel=1e-7)
