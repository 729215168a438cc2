"""Machines of the hall, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.facility import cooling
from megawatt.facility.electrical import conversion_loss_mw
from tests.unit.facility.halls import steady_weather


def test_conversion_loss_is_no_load_plus_square() -> None:
    # 150 x (0.002 + 0.01 x (75 / 150)^2) = 150 x 0.0045
    assert conversion_loss_mw(75.0, 150.0, 0.002, 0.01) == pytest.approx(0.675)


def test_two_small_units_at_half_load_lose_the_no_load_twice() -> None:
    # 2N: rating 2, load 1 -> 2 x (0.01 + 0.02 / 4) = 0.03; one unit at full load: 0.01 + 0.02 = 0.03
    assert conversion_loss_mw(1.0, 2.0, 0.01, 0.02) == pytest.approx(0.03)
    assert conversion_loss_mw(0.0, 2.0, 0.01, 0.02) == pytest.approx(0.02)


def test_conversion_without_rating_is_refused() -> None:
    with pytest.raises(ScenarioError, match="rating = 0 MW"):
        conversion_loss_mw(1.0, 0.0, 0.01, 0.01)


def test_cube_law_with_minimum() -> None:
    np.testing.assert_allclose(cooling.cube_law_mw(8.0, np.array([0.1, 0.5, 1.0]), 0.25), [0.125, 1.0, 8.0])


def test_dry_cooler_slows_its_fans_in_cold_air() -> None:
    # entering difference 31 K of 18 K at design: flow = (18 / 31)^(1 / 0.75) = 0.48441
    rejected, flow = cooling.dry_cooler(np.array([[1.0]]), np.array([[31.0]]), 18.0, 0.75, 0.15)
    assert flow[0, 0] == pytest.approx(0.48441, abs=1e-5)
    assert rejected[0, 0] == 1.0


def test_dry_cooler_takes_what_the_difference_allows() -> None:
    # 9 K of 18 K at full flow: half of design; none at all against warmer air
    rejected, flow = cooling.dry_cooler(np.array([[1.0], [1.0]]), np.array([[9.0], [-2.0]]), 18.0, 0.75, 0.15)
    np.testing.assert_allclose(rejected[:, 0], [0.5, 0.0])
    np.testing.assert_allclose(flow[:, 0], [1.0, 0.0])


def test_dry_cooler_fans_stop_where_the_chiller_is_cheaper() -> None:
    # worth x difference x n / 3 = 2 x 0.1 x 0.25 = 0.05; flow = 0.05^(1 / 2.25) = 0.264098
    load, worth = np.array([[1.0]]), np.array([[2.0]])
    rejected, flow = cooling.dry_cooler(load, np.array([[1.8]]), 18.0, 0.75, 0.15, worth)
    assert flow[0, 0] == pytest.approx(0.264098, abs=1e-5)
    assert rejected[0, 0] == pytest.approx(0.1 * 0.264098**0.75, abs=1e-6)
    rejected, flow = cooling.dry_cooler(load, np.array([[0.1]]), 18.0, 0.75, 0.15, worth)
    assert flow[0, 0] == 0.0
    assert rejected[0, 0] == 0.0


def test_pads_cool_towards_the_wet_bulb_at_constant_enthalpy() -> None:
    dry, wet, ratio = np.array([35.0]), np.array([20.0]), np.array([0.008])
    outlet = cooling.pad_outlet_c(dry, wet, 0.8)
    assert outlet[0] == pytest.approx(23.0)
    # h = 1006 x 35 + 0.008 x (2.501e6 + 1860 x 35) = 55,738.8; (h - 1006 x 23) / (2.501e6 + 1860 x 23) = 0.0128159
    gained = cooling.adiabatic_outlet_ratio(dry, ratio, outlet)
    assert gained[0] == pytest.approx(0.0128159, abs=1e-7)
    # 10 MW at 10 K rise: 3.6e10 / 10,060 = 3,578,529 kg/h of air, x 0.0048159 = 17,234 L/h
    assert cooling.evaporated_l_per_h(np.array([10.0]), 10.0, gained - ratio)[0] == pytest.approx(17234, abs=2)


def test_makeup_is_evaporation_drift_and_blowdown() -> None:
    # E = 900, C = 4: blowdown 300, of which 10 leaves as drift; make-up 900 x 4 / 3 = 1,200
    assert cooling.makeup_l_per_mwh(900.0, 4.0, 10.0) == pytest.approx(1200.0)
    # drift of 400 exceeds the blowdown needed
    assert cooling.makeup_l_per_mwh(900.0, 4.0, 400.0) == pytest.approx(1300.0)
    assert cooling.makeup_l_per_mwh(0.0, 4.0, 10.0) == 0.0


def test_tower_evaporation_in_mild_and_hot_dry_air() -> None:
    # 20 degC / 60 %: w_in 0.00872, h_in 42.2 kJ/kg; saturated at 25 degC: w 0.02017, h 76.5 kJ/kg
    # (0.02017 - 0.00872) / 34,300 x 3.6e9 = 1,202 L/MWh
    mild = cooling.ambient_of(steady_weather(20.0, 0.6)).hours(np.array([0]))
    assert cooling.tower_evaporation_l_per_mwh(mild, np.array([[25.0]]))[0, 0] == pytest.approx(1202, abs=15)
    # air hotter than the water: it is cooled on its way, so more than all the heat leaves as vapour (1.44 L/kWh latent)
    hot = cooling.ambient_of(steady_weather(40.0, 0.15)).hours(np.array([0]))
    assert cooling.tower_evaporation_l_per_mwh(hot, np.array([[28.0]]))[0, 0] > 1500


def test_chiller_power_is_a_share_of_carnot() -> None:
    # 293.15 - 3 = 290.15 K; 308.15 + 12 = 320.15 K; 10 x 30 / (0.45 x 290.15) = 2.2977 MW, COP 4.35
    chiller = cooling.Chiller(0.45, 3.0, 12.0, 10.0, 1.0)
    power = cooling.chiller_power_mw(chiller, np.array([[10.0]]), 10.0, 20.0, np.array([[35.0]]))
    assert power[0, 0] == pytest.approx(2.2977, abs=1e-4)
    # half load: differences halve, lift 22.5 K: 5 x 22.5 / (0.45 x 291.65) = 0.8572
    power = cooling.chiller_power_mw(chiller, np.array([[5.0]]), 10.0, 20.0, np.array([[35.0]]))
    assert power[0, 0] == pytest.approx(0.8572, abs=1e-4)
    # in frost the lift stops at 10 K: 10 x 10 / (0.45 x 290.15)
    power = cooling.chiller_power_mw(chiller, np.array([[10.0]]), 10.0, 20.0, np.array([[-20.0]]))
    assert power[0, 0] == pytest.approx(0.7659, abs=1e-4)
