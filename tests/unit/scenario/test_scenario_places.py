"""A scenario of a place of one's own: no entry of the catalogue, carbon and water as stated, check as plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain import compare
from megawatt.errors import ScenarioError
from megawatt.results import summary_of
from megawatt.scenario import load

CATALOGUE = load_catalogue()
PLACE = """
latitude_deg = -25.51
longitude_deg = -54.61
elevation_m = 196
mean_dry_bulb_c = [26.6, 26.1, 25.1, 22.4, 18.6, 16.9, 16.6, 18.3, 19.6, 22.5, 24.2, 26.0]
daily_range_k = 11
relative_humidity = 0.74
"""
SCENARIO = """
format = 1
name = "t"
title = "t"
use = "mining"
discount_rate = 0.12
[site]
place = "own.toml"
grid_mw = 50
grid_water_l_per_kwh = 8
[power]
mean_price_usd_per_mwh = 40
carbon_g_per_kwh = 25
carbon_market_g_per_kwh = "0.1 t/MWh"
tariff = "all-in"
[timeline]
start = "2025-11"
operating_months = 12
halls = [{ live = "2026-05", share = 1.0 }]
[hall]
design = "mining-air"
[mining]
miner = "antminer-s21"
network = "bitcoin-2025-11"
[capex]
shell_usd_per_mw = 3e5
build_months = 6
chip_lead_months = 1
[opex]
site_usd_per_kw_month = 5
[risk]
paths = 64
"""


def _files(folder: Path, scenario: str = SCENARIO) -> Path:
    folder.joinpath("own.toml").write_text(PLACE, encoding="utf-8")
    path = folder / "s.toml"
    path.write_text(scenario, encoding="utf-8")
    return path


def test_a_place_grid_and_water_of_ones_own(tmp_path: Path) -> None:
    loaded = load(_files(tmp_path), CATALOGUE)
    use = compare(loaded, loaded.catalogue).uses[0]
    imported = use.dispatch.import_mw.sum()
    assert use.footprint is not None
    assert use.footprint.carbon_t == pytest.approx(0.025 * imported)
    assert use.footprint.carbon_market_t == pytest.approx(0.1 * imported)
    assert use.footprint.source_water_m3 == pytest.approx(8.0 * imported + use.footprint.water_m3)
    assert "synthesised" in use.weather.origin
    (told,) = summary_of(compare(loaded, loaded.catalogue))["uses"]
    assert told["footprint"]["carbon_market_t"] == use.footprint.carbon_market_t


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('place = "own.toml"\n', "", "site.place"),
        ('"own.toml"', '"none.toml"', "site.place"),
        ('"own.toml"', '"95, 10"', "site.place"),
        ("carbon_g_per_kwh = 25\n", "", "power.carbon_g_per_kwh"),
        ("mean_price_usd_per_mwh = 40\n", "", "power.grid"),
        ("carbon_g_per_kwh = 25", "carbon_g_per_kwh = -1", "power.carbon_g_per_kwh"),
    ],
)
def test_what_a_place_needs_is_named(old: str, new: str, path: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(_files(tmp_path, SCENARIO.replace(old, new)), CATALOGUE)
    assert path in [p.path for p in caught.value.problems]
