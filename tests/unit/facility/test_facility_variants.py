"""Halls ranked for a place: every redundancy once, on the reduced year, within its bounds of the hourly one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import main
from megawatt.errors import ScenarioError
from megawatt.facility import (
    HallPrices,
    hall_design,
    hall_variants,
    load_weather,
    redundant,
    screened_halls,
    steady_load_mw,
    steady_year,
)
from megawatt.facility.screening import PUE_BOUND, WUE_BOUND_L_PER_KWH

CATALOGUE = load_catalogue()
WEATHER = load_weather("phoenix-az", CATALOGUE)


def test_choices_that_change_nothing_stand_once() -> None:
    # no UPS and no chiller: power alone makes a difference, and the design's own
    mining = hall_variants(CATALOGUE, ["mining-air"])
    assert len(mining) == len({v.design.electrical for v in mining}) <= 4
    assert (mining[0].power, mining[0].ups_mode) == ("", "")
    assert {v.ups_mode for v in mining[1:]} == {"none"}
    assert {v.power for v in hall_variants(CATALOGUE, ["air-chiller"], power="2N", cooling="N")} == {"2N"}
    assert len(hall_variants(CATALOGUE)) > 5 * len(CATALOGUE.keys("hall"))


@pytest.mark.parametrize("by", ["pue", "water", "cost"])
def test_the_best_come_first_and_keep_the_bounds(by: str) -> None:
    prices = HallPrices(60.0, 2.0, 500.0)
    found = screened_halls(
        hall_variants(CATALOGUE, ["liquid-dry-cooler", "air-chiller"], it_capacity_mw=20.0), WEATHER, by=by,  # type: ignore[arg-type]
        load_frac=0.8, prices=prices,
    )  # fmt: skip
    ranks = [{"pue": h.pue, "water": h.wue_l_per_kwh, "cost": h.usd_per_it_mwh}[by] for h in found]
    assert ranks == sorted(ranks, key=lambda v: v or 0.0)
    for hall in (found[0], found[-1]):
        year = steady_year(hall.variant.design, WEATHER, 0.8)
        assert hall.pue == pytest.approx(year.pue, abs=PUE_BOUND)
        assert hall.wue_l_per_kwh == pytest.approx(year.wue_l_per_kwh, abs=WUE_BOUND_L_PER_KWH)
        lost = hall.unserved_frac / (1 - hall.unserved_frac)
        assert hall.usd_per_it_mwh == pytest.approx(60.0 * hall.pue + 2.0 * hall.wue_l_per_kwh + 500.0 * lost)


def test_cost_needs_prices() -> None:
    with pytest.raises(ScenarioError, match="cost with prices"):
        screened_halls(hall_variants(CATALOGUE, ["mining-air"]), WEATHER, by="cost")


def test_a_steady_load() -> None:
    design = hall_design(CATALOGUE, "air-evaporative", it_capacity_mw=50.0)
    assert steady_load_mw(design, 0.5) == 25.0
    year = steady_year(design, WEATHER, 0.5)
    assert np.all(year.it_mw == 25.0)
    assert year.facility_peak_mw == year.facility_mw.max()
    assert year.water_m3 == pytest.approx(year.water_l.sum() / 1000)
    assert redundant(design) is design
    with pytest.raises(ScenarioError, match="load_frac = 0"):
        steady_year(design, WEATHER, 0.0)


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["hall", *words])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def test_the_command_ranks_halls(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("phoenix-az", "--screen", "cost", "--power-price", "60", "--water-price", "2", "--it-value", "500")
    code, out, _ = _run(capsys, *words, "--top", "4", "--ups", "eco", "--json")
    rows = json.loads(out)["results"]
    assert code == 0
    assert [r["ups"] in ("eco", "none") for r in rows] == [True] * 4
    assert [r["usd_per_it_mwh"] for r in rows] == sorted(r["usd_per_it_mwh"] for r in rows)
    code, out, _ = _run(capsys, *words, "--design", "air-chiller")
    assert code == 0
    assert "$/IT MWh" in out
    assert "ranked by cost" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--screen", "cost"), "--water-price, --power-price, --it-value"),
        (("--screen", "pue", "--grid-mw", "100"), "give --grid-mw with the design"),
    ],
)
def test_what_ranking_does_not_take(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str) -> None:
    code, _, err = _run(capsys, "dublin", *words)
    assert code == 2
    assert message in err
