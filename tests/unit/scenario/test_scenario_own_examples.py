"""The examples of places without an entry: their files are what the script writes, and each is planned as it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools import example_files

from megawatt.catalogue import load_catalogue
from megawatt.facility import site_clock
from megawatt.scenario import load
from megawatt.scenario.site_files import place_of_site, site_prices, site_weather, worst_days

EXAMPLES = Path(__file__).parents[3] / "examples"
CATALOGUE = load_catalogue()


def test_the_files_are_what_the_script_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example_files, "FOLDER", tmp_path)
    example_files.main()
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in (EXAMPLES / "files").glob("*.csv")}
    assert made == kept
    assert max(map(len, kept.values())) < 400_000


@pytest.mark.parametrize(
    ("name", "zone", "hours", "low", "high", "month"),
    [
        ("lulea-colocation", "Europe/Stockholm", 1.0, 35.0, 45.0, 5),
        ("columbus-gb300", "America/New_York", -5.0, 30.0, 38.0, 6),
        ("ciudad-del-este-bitcoin", "America/Asuncion", -3.0, 45.0, 50.0, 0),
    ],
)
def test_a_place_of_its_own(name: str, zone: str, hours: float, low: float, high: float, month: int) -> None:
    use = load(EXAMPLES / f"{name}.toml", CATALOGUE).uses[0]
    site, power = use.scenario.site, use.scenario.power
    assert site.place not in CATALOGUE.entries
    place = place_of_site(site, use.folder)
    clock = site_clock(place, CATALOGUE)
    assert (clock.zone, clock.utc_offset_hours) == (zone, hours)
    prices = site_prices(CATALOGUE, power, place, use.folder)
    assert low < prices.price_usd_per_mwh.mean() < high
    assert not prices.warnings
    weather = site_weather(CATALOGUE, site, None, use.scenario.seed, use.folder)
    days = worst_days(CATALOGUE, site, weather)
    assert days[0].month == month, "the warmest month of its hemisphere"


def test_prices_in_a_small_currency_are_no_missing_codes() -> None:
    use = load(EXAMPLES / "ciudad-del-este-bitcoin.toml", CATALOGUE).uses[0]
    prices = site_prices(CATALOGUE, use.scenario.power, "-25.51, -54.61", use.folder)
    # 330 guarani per kWh off the peak, 415 in four hours of the evening, at 0.000137 USD
    mean = (20.0 * 330.0 + 4.0 * 415.0) / 24.0 * 1000.0 * 0.000137
    assert prices.price_usd_per_mwh.mean() == pytest.approx(mean, rel=0.005)
