"""Places without an entry: clocks anywhere on Earth, place files, weather files that say where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.facility import load_weather, site_clock
from megawatt.facility.place_file import read_place

CATALOGUE = load_catalogue()
PLACE = """
title = "Ciudad del Este"
latitude_deg = -25.51
longitude_deg = -54.61
elevation_m = 196
mean_dry_bulb_c = [26.6, 26.1, 25.1, 22.4, 18.6, 16.9, 16.6, 18.3, 19.6, 22.5, 24.2, 26.0]
daily_range_k = 11
relative_humidity = 0.74
"""


@pytest.mark.parametrize(
    ("where", "hours", "zone"),
    [
        ("-25.5097, -54.6111", -3.0, "America/Asuncion"),  # the river is the border
        ("-25.54, -54.58", -3.0, "America/Sao_Paulo"),
        ("65.83, 24.13", 1.0, "Europe/Stockholm"),  # 1 km from Finland's UTC+2
        ("27.7, 85.3", 5.75, "Asia/Kathmandu"),
        ("47.56, -52.7", -3.5, "America/St_Johns"),
        ("-34.9, 138.6", 9.5, "Australia/Adelaide"),
        ("-13.83, -171.77", 13.0, "Pacific/Apia"),  # west of the date line by the calendar, east by the longitude
        ("-14.27, -170.7", -11.0, "Pacific/Pago_Pago"),
        ("0, -30", -2.0, "Etc/GMT+2"),
        ("mumbai", 5.5, "Asia/Kolkata"),
    ],
)
def test_the_zone_is_that_of_the_point(where: str, hours: float, zone: str) -> None:
    clock = site_clock(where, CATALOGUE)
    assert (clock.utc_offset_hours, clock.zone) == (hours, zone)
    assert site_clock(where, CATALOGUE, 2.0).utc_offset_hours == 2.0


def test_a_place_file_is_a_climate_and_a_clock(tmp_path: Path) -> None:
    path = tmp_path / "cde.toml"
    path.write_text(PLACE, encoding="utf-8")
    weather = load_weather(path, CATALOGUE)
    assert weather.place == "Ciudad del Este"
    assert "synthesised" in weather.origin
    assert weather.dry_bulb_c[:744].mean() == pytest.approx(26.6, abs=0.05)
    assert weather.pressure_pa[0] == pytest.approx(98_990, abs=50)  # standard atmosphere at 196 m
    assert site_clock(path, CATALOGUE).zone == "America/Asuncion"
    path.write_text(PLACE + "utc_offset_hours = -4\n", encoding="utf-8")
    assert site_clock(path, CATALOGUE).utc_offset_hours == -4.0
    path.write_text(PLACE.replace("relative_humidity = 0.74", "mean_dew_point_c = [" + "15," * 12 + "]"), "utf-8")
    assert read_place(path).normals.mean_dew_point_c == pytest.approx(np.full(12, 15.0))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PLACE.replace("26.6, 26.1,", ""), "mean_dry_bulb_c"),
        (PLACE.replace("= 0.74", "= 74"), "relative_humidity"),
        (PLACE + "mean_dew_point_c = [" + "15," * 12 + "]", "both of relative_humidity"),
        (PLACE.replace("relative_humidity = 0.74", ""), "neither of relative_humidity"),
        (PLACE.replace("-25.51", "95"), "latitude_deg"),
        (PLACE.replace("elevation_m", "elevation"), "elevation_m"),
    ],
)
def test_a_wrong_place_file_is_refused_by_its_field(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        read_place(path)
    assert words in "; ".join(map(str, caught.value.problems))


def test_a_stand_in_of_the_other_hemisphere_is_turned() -> None:
    weather = load_weather("-17.8, 178", CATALOGUE)  # Fiji: nothing near but north of the equator
    if "turned" in weather.stand_ins[0]:
        january, july = weather.dry_bulb_c[:744], weather.dry_bulb_c[4344:5088]
        assert january.mean() > july.mean()
    southern = load_weather("-33.9, 151.2", CATALOGUE)
    assert southern.dry_bulb_c[:744].mean() > southern.dry_bulb_c[4344:5088].mean()


def test_a_weather_file_tells_where_it_is(tmp_path: Path) -> None:
    rows = "".join(
        f"2023-{d.astype(object):%m-%d}T{h:02d}:00,20,10\n"
        for d in np.arange("2023-01-01", "2024-01-01", dtype="datetime64[D]")
        for h in range(24)
    )
    head = "latitude,longitude,elevation,utc_offset_seconds,timezone\n-25.5,-54.7,200,0,GMT\n\n"
    path = tmp_path / "openmeteo.csv"
    path.write_text(head + "time,temperature_2m (°C),dew_point_2m (°C)\n" + rows, encoding="utf-8")
    clock = site_clock(path, CATALOGUE)  # an export in GMT, of a place that has another clock
    assert (clock.utc_offset_hours, clock.zone) == (-3.0, "America/Asuncion")
    path.write_text("time,dry_bulb_c,dew_point_c\n" + rows, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        site_clock(path, CATALOGUE)
    assert "site.place" in caught.value.problems[0].hint
    assert site_clock(path, CATALOGUE, -3.0).utc_offset_hours == -3.0
