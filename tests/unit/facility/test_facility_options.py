"""Redundancy and the hourly choice between water and electricity, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.facility import (
    Pads,
    WaterChoice,
    installed_over_needed,
    redundant,
    simulate,
    source_wue_l_per_kwh,
    water_choice,
    without_pads,
)
from tests.unit.facility.halls import CHILLER, NO_UPS, liquid_hall, mining_hall, steady_weather

FULL = np.full(8760, 100.0)
UPS = replace(NO_UPS, ups_no_load_frac=0.01, ups_load_frac=0.03, ups_installed_ratio=1.0)


def test_installed_over_needed() -> None:
    assert installed_over_needed("N") == 1.0
    assert installed_over_needed("N+1", 4) == 1.25
    assert installed_over_needed("2N", 4) == 2.0
    with pytest.raises(ScenarioError, match=r"'3N'; allowed: N or N\+1 or 2N"):
        installed_over_needed("3N")
    with pytest.raises(ScenarioError, match="modules = 0"):
        installed_over_needed("N", 0)


def test_two_ups_strings_at_half_load() -> None:
    hall = replace(liquid_hall(), electrical=UPS)
    once = simulate(redundant(hall, power="N"), steady_weather(20.0), FULL)
    twice = simulate(redundant(hall, power="2N"), steady_weather(20.0), FULL)
    # output 101 MW: 100 x (0.01 + 0.03 x 1.01^2) = 4.0603; 200 x (0.01 + 0.03 x 0.505^2) = 3.530150
    assert once.parts_mw["ups"][0] == pytest.approx(4.0603)
    assert twice.parts_mw["ups"][0] == pytest.approx(3.53015)


def test_idle_redundancy_costs() -> None:
    hall = replace(liquid_hall(), electrical=UPS)
    idle = np.full(8760, 10.0)
    once = simulate(redundant(hall, power="N"), steady_weather(20.0), idle)
    twice = simulate(redundant(hall, power="2N"), steady_weather(20.0), idle)
    assert twice.parts_mw["ups"][0] > once.parts_mw["ups"][0] + 0.9, "a second no-load loss of 1 MW"


def test_eco_mode_and_chillers() -> None:
    hall = replace(liquid_hall(), electrical=UPS)
    eco = redundant(hall, power="2N", cooling="2N", ups_mode="eco")
    # 200 x (0.006 + 0.006 x 0.505^2) = 1.506030
    year = simulate(eco, steady_weather(40.0), FULL)
    assert year.parts_mw["ups"][0] == pytest.approx(1.50603)
    assert eco.liquid is not None
    assert eco.liquid.chiller is not None
    assert eco.liquid.chiller.capacity_frac == 2.0
    single = simulate(redundant(hall, power="2N", cooling="N", ups_mode="eco"), steady_weather(40.0), FULL)
    assert year.parts_mw["trim_chiller"][0] < single.parts_mw["trim_chiller"][0], "smaller terminal differences"
    assert eco.assumptions[-1].name == "liquid.redundancy"
    assert redundant(mining_hall(), ups_mode="eco").electrical.ups_load_frac == 0.0, "no UPS appears by itself"
    with pytest.raises(ScenarioError, match="ups_mode: 'fast'"):
        redundant(hall, ups_mode="fast")


# 20 degC half the year, 38 degC (dry air: wet bulb far below) the other half: pads would save chiller power
HOT = steady_weather(np.where(np.arange(8760) < 4380, 20.0, 38.0), 0.2)
PADDED = liquid_hall(pads=Pads(0.8, 3.0), chiller=CHILLER)


def _choice(price: float, water: float, cap: float | None = None) -> WaterChoice:
    return water_choice(
        PADDED,
        HOT,
        FULL,
        electricity_usd_per_mwh=price,
        water_usd_per_m3=water,
        it_value_usd_per_mwh=1000.0,
        cap_m3=cap,
    )


def test_pads_run_where_they_pay() -> None:
    free, dear = _choice(50.0, 0.0), _choice(50.0, 1e6)
    assert free.wet.sum() == 4380
    assert free.pue == pytest.approx(free.always_wet.pue)
    assert dear.wet.sum() == 0
    assert (dear.water_m3, dear.saving_usd) == (0.0, 0.0)
    assert dear.pue == pytest.approx(simulate(without_pads(PADDED), HOT, FULL).pue)
    saved_mw = free.never_wet.facility_mw[5000] - free.always_wet.facility_mw[5000]
    assert free.saving_usd == pytest.approx(4380 * saved_mw * 50.0)
    # the price at which it makes no difference
    indifferent = saved_mw * 50.0 / (free.always_wet.water_l[5000] / 1e3)
    assert _choice(50.0, indifferent * 0.999).wet.sum() == 4380
    assert _choice(50.0, indifferent * 1.001).wet.sum() == 0


def test_cap_leaves_the_least_valuable_hours_dry() -> None:
    prices = np.where(np.arange(8760) % 2 == 0, 20.0, 100.0)
    free = water_choice(
        PADDED, HOT, FULL, electricity_usd_per_mwh=prices, water_usd_per_m3=0.0, it_value_usd_per_mwh=0.0
    )
    half = water_choice(
        PADDED,
        HOT,
        FULL,
        electricity_usd_per_mwh=prices,
        water_usd_per_m3=0.0,
        it_value_usd_per_mwh=0.0,
        cap_m3=free.water_m3 / 2 * (1 + 1e-9),
    )
    assert half.wet.sum() == 2190
    assert (prices[half.wet] == 100.0).all()
    assert half.water_m3 == pytest.approx(free.water_m3 / 2)
    # what the next cubic metre saves: at 20 USD/MWh a fifth of what the others save
    per_m3 = half.saving_usd / half.water_m3
    assert half.marginal_usd_per_m3 == pytest.approx(per_m3 / 5)
    assert free.marginal_usd_per_m3 == 0.0


def test_source_water_adds_that_of_the_grid() -> None:
    year = simulate(mining_hall(), steady_weather(20.0), FULL)
    # PUE 1.04534426 x 1.29 L/kWh, no site water
    assert source_wue_l_per_kwh(year, 1.29) == pytest.approx(1.348494, abs=1e-6)
    with pytest.raises(ScenarioError, match="-1 L/kWh"):
        source_wue_l_per_kwh(year, -1.0)


def test_bad_choices_are_refused() -> None:
    with pytest.raises(ScenarioError, match="has no wetted pads"):
        without_pads(mining_hall())
    with pytest.raises(ScenarioError, match="water_usd_per_m3 = -1"):
        _choice(50.0, -1.0)
    with pytest.raises(ScenarioError, match="cap_m3 = -5"):
        _choice(50.0, 1.0, -5.0)
    with pytest.raises(ScenarioError, match="not a number"):
        _choice(float("nan"), 1.0)
