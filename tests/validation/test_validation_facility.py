"""Halls against published PUE, and synthesised years against the real ones they stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.facility import from_normals, hall_design, known_places, read_weather_file, simulate
from megawatt.validation.facility_rows import design_of, score, stand_in

REAL = {
    "childress-tx": "TX-Childress_Municipal_Ap.tmy3.csv",
    "buffalo-ny": "USA_NY_Buffalo-Greater.Buffalo.Intl.AP.725280_TMY3.epw",
}


@pytest.mark.reference
@pytest.mark.parametrize("place", sorted(REAL))
def test_synthesised_year_stands_for_the_real_one(reference_dir: Path, place: str) -> None:
    catalogue = load_catalogue()
    real = read_weather_file(reference_dir / "weather" / REAL[place])
    made = from_normals(catalogue.normals(place), seed=0)
    for key in catalogue.keys("hall"):
        design = hall_design(catalogue, key, it_capacity_mw=200.0)
        full = np.full(8760, 200.0)
        a, b = simulate(design, real, full), simulate(design, made, full)
        assert abs(a.pue - b.pue) < 0.002, key
        # 10 % of the water, or 0.005 L/kWh where next to none is used
        assert abs(a.wue_l_per_kwh - b.wue_l_per_kwh) < max(0.1 * a.wue_l_per_kwh, 0.005), key


@pytest.mark.reference
def test_real_hours_above_thresholds(reference_dir: Path) -> None:
    weather = read_weather_file(reference_dir / "weather" / REAL["childress-tx"])
    above = [round(100 * float((weather.dry_bulb_c > t).mean()), 1) for t in (20, 25, 30, 35, 37)]
    np.testing.assert_allclose(above, [38.8, 21.3, 9.6, 1.9, 0.6], atol=0.11)
    assert weather.dry_bulb_c.max() == 40.0


@pytest.mark.reference
def test_published_pue(reference_dir: Path) -> None:
    pue, wue = score(reference_dir / "facility_pue_wue.csv", load_catalogue())
    assert (pue["quantity"], pue["error"], wue["quantity"]) == ("pue", "absolute", "wue")
    assert pue["scored"] == 70
    assert pue["summary"]["mae"] <= 0.05
    assert pue["summary"]["mae"] < pue["null"]["mae"]
    by_place: dict[str, list[float]] = {}
    for case in pue["cases"]:
        place = next(a for a in case["assumed"] if a.startswith("weather=")).removeprefix("weather=")
        by_place.setdefault(place, []).append(case["predicted"])
    hot = np.mean(by_place["singapore"] + by_place["jakarta"])
    cool = np.mean(by_place["dublin"] + by_place["helsinki"] + by_place["warsaw"])
    assert hot > cool + 0.15, "published: 1.34 in Singapore and Jakarta, 1.13 in Ireland, Finland and Poland"
    assert wue["scored"] == 22
    assert wue["summary"]["mape"] < wue["null"]["mape"]
    why = {s["id"]: s["why"] for s in pue["skipped"]}
    assert why["aws-sa-east-1-2024"].startswith("wrong place")
    assert why["microsoft-iowa-li2023"].startswith("no place")
    assert {f"operator={name}" for name in ("AWS", "Google", "Microsoft")} <= set(pue["groups"])
    assert all(any(a.startswith("weather=") for a in case["assumed"]) for case in pue["cases"])


def test_design_rule() -> None:
    assert design_of("AWS", "us-east-1", "Cfa humid subtropical") == "air-evaporative"
    assert design_of("AWS", "eu-west-1", "Cfb cool maritime") == "air-evaporative"
    assert design_of("AWS", "eu-central-1", "Cfb temperate") == "air-economiser-chiller"
    assert design_of("AWS", "ap-southeast-1", "Af tropical") == "air-chiller"
    assert design_of("Google", "us-central1", "Dfa") == "air-tower-free"
    assert design_of("Microsoft", "westeurope", "Cfb") == "air-evaporative"
    assert design_of("Somebody", "x", "") == "air-economiser-chiller"
    assert design_of("Equinix", "SG1", "Af tropical") == "air-chiller"
    assert design_of("Digital Realty", "FRA18", "Cfb") == "air-economiser-chiller"
    assert design_of("Facebook", "Lulea", "Dfc") == design_of("Meta", "Prineville", "BSk") == "air-evaporative"
    assert design_of("OVH", "RBX", "Cfb") == "liquid-dry-cooler"
    assert design_of("Scaleway", "fr-par-2", "Cfb") == design_of("Scaleway", "DC5", "Cfb") == "air-evaporative"
    assert design_of("Scaleway", "WAW1", "Dfb") == "air-economiser-chiller"
    assert design_of("Amazon Web Services", "us-east-2", "Dfa") == design_of("AWS", "us-east-2", "Dfa")


def test_stand_in_is_near_in_climate() -> None:
    places = known_places(load_catalogue())
    assert stand_in(places, 39.1, -77.55, "Cfa") == "leesburg-va"
    assert stand_in(places, -6.2, 106.8, "Af tropical") == "jakarta"
    assert stand_in(places, 60.2, 24.7, "Dfb cold") == "helsinki"
    # Guam: no catalogued place within 2,000 km, but tropical ones
    assert stand_in(places, 13.5, 144.8, "Af tropical") in ("bangkok", "kuala-lumpur", "singapore")


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,pue\n1,1.1\n")
    with pytest.raises(ScenarioError, match="no column site"):
        score(tmp_path / "x.csv", load_catalogue())
