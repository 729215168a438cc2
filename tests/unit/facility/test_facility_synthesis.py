"""Synthesised years keep the normals they were made from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.facility import from_normals, load_weather
from megawatt.facility import psychrometrics as psy
from megawatt.hours import DAYS_IN_MONTH, MONTH_OF_HOUR


def _months(hourly: np.ndarray) -> list[np.ndarray]:
    return [hourly[m == MONTH_OF_HOUR] for m in range(12)]


@pytest.fixture(scope="module", params=["childress-tx", "buffalo-ny", "singapore"])
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_year_keeps_its_normals(place: str) -> None:
    n = load_catalogue().normals(place)
    w = from_normals(n, seed=3)
    mean = np.array([x.mean() for x in _months(w.dry_bulb_c)])
    np.testing.assert_allclose(mean, n.mean_dry_bulb_c, atol=0.02)
    ratio = psy.humidity_ratio(w.relative_humidity * psy.saturation_pressure_pa(w.dry_bulb_c), w.pressure_pa)
    dew = np.array([x.mean() for x in _months(psy.dew_point_c(ratio, w.pressure_pa))])
    np.testing.assert_allclose(dew, n.mean_dew_point_c, atol=0.6)
    np.testing.assert_allclose([x.mean() for x in _months(w.pressure_pa)], n.pressure_pa)
    month = np.repeat(np.arange(12), DAYS_IN_MONTH)
    daily_range = np.ptp(w.dry_bulb_c.reshape(365, 24), axis=1)
    ranges = [daily_range[month == m].mean() for m in range(12)]
    np.testing.assert_allclose(ranges, n.mean_daily_max_c - n.mean_daily_min_c, atol=0.6)
    np.testing.assert_allclose([np.quantile(x, 0.99) for x in _months(w.dry_bulb_c)], n.p99_dry_bulb_c, atol=0.15)
    np.testing.assert_allclose([np.quantile(x, 0.99) for x in _months(w.wet_bulb_c)], n.p99_wet_bulb_c, atol=0.25)
    assert (w.wet_bulb_c <= w.dry_bulb_c + 1e-9).all()
    assert w.relative_humidity.max() <= 1.0 + 1e-12


def test_warmest_hour_is_in_the_afternoon() -> None:
    w = from_normals(load_catalogue().normals("childress-tx"), seed=3)
    by_hour = w.dry_bulb_c.reshape(365, 24).mean(axis=0)
    assert by_hour.argmax() in (13, 14, 15)
    assert by_hour.argmin() in (3, 4, 5)


def test_seed_decides_the_year() -> None:
    n = load_catalogue().normals("childress-tx")
    assert (from_normals(n, 1).dry_bulb_c == from_normals(n, 1).dry_bulb_c).all()
    assert not np.allclose(from_normals(n, 1).dry_bulb_c, from_normals(n, 2).dry_bulb_c)


def test_days_persist() -> None:
    w = from_normals(load_catalogue().normals("buffalo-ny"), seed=3)
    daily = w.dry_bulb_c.reshape(365, 24).mean(axis=1)
    summer = daily[181:243] - daily[181:243].mean()
    assert 0.3 < (summer[1:] * summer[:-1]).sum() / (summer**2).sum() < 0.85


def test_unknown_percentiles_are_allowed() -> None:
    n = load_catalogue().normals("buffalo-ny")
    blind = replace(n, p99_dry_bulb_c=np.full(12, np.nan), p99_wet_bulb_c=np.full(12, np.nan))
    w = from_normals(blind, seed=3)
    tail = np.array([np.quantile(x, 0.99) for x in _months(w.dry_bulb_c)])
    assert np.abs(tail - n.p99_dry_bulb_c).mean() < 3.0
    assert np.isfinite(w.wet_bulb_c).all()


def test_contradicting_normals_are_refused() -> None:
    n = load_catalogue().normals("buffalo-ny")
    with pytest.raises(ScenarioError, match=r"month 7: mean_dew_point_c .* must not exceed mean_dry_bulb_c"):
        from_normals(replace(n, mean_dew_point_c=n.mean_dew_point_c + np.where(np.arange(12) == 6, 30, 0)), 1)
    with pytest.raises(ScenarioError, match="month 1: mean_daily_min_c"):
        from_normals(replace(n, mean_daily_min_c=np.full(12, np.nan)), 1)


def test_weather_by_name_and_by_coordinates() -> None:
    catalogue = load_catalogue()
    by_name = load_weather("childress-tx", catalogue, seed=5)
    by_point = load_weather("34.5, -100.3", catalogue, seed=5)
    np.testing.assert_array_equal(by_name.dry_bulb_c, by_point.dry_bulb_c)
    higher = load_weather("34.5, -100.3, 795", catalogue, seed=5)
    # 200 m above the station at 595 m: 1.3 K cooler
    np.testing.assert_allclose(by_name.dry_bulb_c - higher.dry_bulb_c, 1.3)
    assert "stands in for 34.5, -100.3, 795" in higher.assumptions[-1].fact.note
    assert {a.name for a in higher.assumptions} > {"climate.elevation_shift_k"}
    with pytest.raises(CatalogueError, match="childress-tx"):
        load_weather("childres-tx", catalogue)


def test_humidity_of_another_source_is_an_assumption_of_its_own() -> None:
    catalogue = load_catalogue()
    london = {a.name: a.fact for a in load_weather("london", catalogue).assumptions}
    assert london["london.normals"].kind == "derived"
    assert london["london.humidity"].kind == "assumed"
    assert "childress-tx.humidity" not in {a.name for a in load_weather("childress-tx", catalogue).assumptions}
