"""Any place on Earth: which catalogued place stands in, and how far it is; the same year elsewhere or warmer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.facility import at_elevation, known_places, nearest_place, warmer
from megawatt.facility.places import class_difference, distance_km, thermal_class
from tests.unit.facility.halls import steady_weather

PLACES = known_places(load_catalogue())


def test_distance_by_hand() -> None:
    # one degree of latitude is 6371 x pi / 180 = 111.2 km
    assert distance_km(40.0, -100.0, 41.0, -100.0) == pytest.approx(111.19, abs=0.01)


def test_nearest_place_says_how_far() -> None:
    near = nearest_place(PLACES, 34.5, -100.3, 600.0)
    assert near.key == "childress-tx"
    assert near.distance_km < 10
    assert near.elevation_difference_m == pytest.approx(-5.0)
    # 0.067 degrees x 0.7 K + 5 m x 0.002 K/m + 5 K x (1 - exp(-7.61 / 2000))
    assert near.difference_k == pytest.approx(0.047 + 0.01 + 0.019, abs=0.002)
    assert near.remark().startswith("childress-tx, 8 km away and -5 m higher")
    with pytest.raises(ScenarioError, match="latitude must be -90 to 90"):
        nearest_place(PLACES, 134.5, 0.0)
    with pytest.raises(ScenarioError, match="'place' is empty"):
        nearest_place((), 0.0, 0.0)


@pytest.mark.parametrize(
    ("where", "elevation_m", "keys"),
    [
        ((33.8, 130.9), 10.0, {"osaka"}),  # Kitakyushu
        ((31.2, 29.9), 5.0, {"cairo", "tel-aviv"}),  # Alexandria
        (
            (38.8, -104.8),
            1880.0,
            {"cheyenne-wy", "denver-co", "golden-co"},
        ),  # Colorado Springs: a high place, not the nearest low one
        ((50.1, 14.4), 250.0, {"prague"}),
        ((78.2, 15.6), 28.0, {"lulea", "reykjavik"}),  # Longyearbyen
    ],
)
def test_points_without_a_place_get_one_like_them(
    where: tuple[float, float], elevation_m: float, keys: set[str]
) -> None:
    assert nearest_place(PLACES, *where, elevation_m).key in keys


def test_places_cover_the_continents() -> None:
    assert len(PLACES) >= 80
    boxes = {
        "North America": (15, 72, -170, -50),
        "South America": (-56, 12, -82, -34),
        "Europe": (35, 71, -25, 40),
        "Africa": (-35, 37, -18, 51),
        "Asia": (-11, 60, 60, 150),
        "Oceania": (-48, -10, 112, 180),
    }
    for name, (south, north, west, east) in boxes.items():
        inside = [p for p in PLACES if south <= p.latitude_deg <= north and west <= p.longitude_deg <= east]
        assert len(inside) >= 2, name


def test_remembered_normals_say_so() -> None:
    catalogue = load_catalogue()
    for key in catalogue.keys("place"):
        for name in ("annual_mean_dry_bulb_c", "annual_mean_dew_point_c"):
            fact = catalogue.get(key).facts.get(name)
            if fact is not None and "from memory" in fact.note:
                assert fact.kind == "assumed", key
                assert "unverified" in fact.note, key
            if fact is not None and fact.kind != "assumed":
                assert catalogue.sources[fact.source].url.startswith("http"), key


def test_thermal_class_and_its_distance() -> None:
    by_key = {p.place: p for p in PLACES}
    assert thermal_class(by_key["singapore"]) == "A"
    assert thermal_class(by_key["dublin"]) == "Cb"
    assert thermal_class(by_key["las-vegas-nv"]) == "B"
    assert thermal_class(by_key["montreal-qc"]).startswith("D")
    assert class_difference("Cfa humid subtropical", "Ca") == 0.0
    assert class_difference("Cfb", "Ca") == pytest.approx(1 / 3)
    assert class_difference("Af", "Ca") == pytest.approx(2 / 3)
    assert class_difference("", "Ca") == 0.0


def test_elevation_counts_even_far_from_the_sea() -> None:
    low = replace(PLACES[0], place="low", latitude_deg=10.0, longitude_deg=10.0, elevation_m=0.0)
    high = replace(low, place="high", longitude_deg=12.0, elevation_m=2000.0)
    assert nearest_place((low, high), 10.0, 10.0, 1900.0).key == "high"
    assert nearest_place((low, high), 10.0, 12.0).key == "high"


def test_warmer_year_keeps_relative_humidity() -> None:
    weather = steady_weather(20.0, 0.5)
    hot = warmer(weather, 3.0)
    np.testing.assert_allclose(hot.dry_bulb_c, 23.0)
    np.testing.assert_array_equal(hot.relative_humidity, weather.relative_humidity)
    # psychrometric chart, 50 %: wet bulb 13.7 degC at 20 degC, 16.2 degC at 23 degC
    assert weather.wet_bulb_c[0] == pytest.approx(13.7, abs=0.1)
    assert hot.wet_bulb_c[0] == pytest.approx(16.2, abs=0.1)
    assert hot.assumptions[-1].fact.value == 3.0
    assert "+3 K" in hot.origin
    assert warmer(weather, 0.0) is weather
    with pytest.raises(ScenarioError, match="climate shift = 40 K"):
        warmer(weather, 40.0)


def test_higher_is_cooler_and_thinner() -> None:
    weather = steady_weather(20.0, 0.5)
    high = at_elevation(weather, 0.0, 1000.0)
    np.testing.assert_allclose(high.dry_bulb_c, 13.5)
    # standard atmosphere: 89,875 Pa at 1,000 m
    assert high.pressure_pa[0] == pytest.approx(89875, rel=1e-3)
    with pytest.raises(ScenarioError, match="9000 m"):
        at_elevation(weather, 0.0, 9000.0)
