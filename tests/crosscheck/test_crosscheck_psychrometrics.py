"""Our array psychrometrics against psychrolib (scalar, independent implementation of the same ASHRAE chapter)."""

from __future__ import annotations

import itertools

import numpy as np
import psychrolib
import pytest

from megawatt.facility import psychrometrics as ps

psychrolib.SetUnitSystem(psychrolib.SI)

STATES = list(itertools.product((-25.0, -3.0, 0.5, 12.0, 27.0, 41.0), (0.05, 0.3, 0.7, 0.98), (78e3, 95e3, 101325.0)))


@pytest.fixture(scope="module")
def states() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    t, rh, p = (np.array(column) for column in zip(*STATES, strict=True))
    w = np.array([psychrolib.GetHumRatioFromRelHum(*state) for state in STATES])
    return t, rh, p, w


def test_saturation_pressure_equals_psychrolib() -> None:
    t = np.linspace(-60.0, 90.0, 301)
    expected = [psychrolib.GetSatVapPres(float(x)) for x in t]
    np.testing.assert_allclose(ps.saturation_pressure_pa(t), expected, rtol=1e-12)


def test_humidity_ratio_equals_psychrolib(states: tuple[np.ndarray, ...]) -> None:
    t, rh, p, w = states
    np.testing.assert_allclose(ps.humidity_ratio(rh * ps.saturation_pressure_pa(t), p), w, rtol=1e-6)
    np.testing.assert_allclose(ps.relative_humidity(t, w, p), rh, rtol=1e-6)


def test_wet_bulb_equals_psychrolib(states: tuple[np.ndarray, ...]) -> None:
    t, _, p, w = states
    expected = [
        psychrolib.GetTWetBulbFromHumRatio(float(a), float(b), float(c)) for a, b, c in zip(t, w, p, strict=True)
    ]
    # psychrolib stops at 0.001 K.
    np.testing.assert_allclose(ps.wet_bulb_c(t, w, p), expected, atol=2e-3)


def test_dew_point_equals_psychrolib(states: tuple[np.ndarray, ...]) -> None:
    t, _, p, w = states
    expected = [
        psychrolib.GetTDewPointFromHumRatio(float(a), float(b), float(c)) for a, b, c in zip(t, w, p, strict=True)
    ]
    np.testing.assert_allclose(ps.dew_point_c(w, p), expected, atol=2e-3)


def test_enthalpy_equals_psychrolib(states: tuple[np.ndarray, ...]) -> None:
    t, _, _, w = states
    enthalpy = [psychrolib.GetMoistAirEnthalpy(float(a), float(b)) for a, b in zip(t, w, strict=True)]
    np.testing.assert_allclose(ps.enthalpy_j_per_kg(t, w), enthalpy, rtol=1e-9)


def test_standard_pressure_equals_psychrolib() -> None:
    heights = np.array([0.0, 595.0, 2000.0])
    expected = [psychrolib.GetStandardAtmPressure(float(h)) for h in heights]
    np.testing.assert_allclose(ps.standard_pressure_pa(heights), expected, rtol=1e-9)
