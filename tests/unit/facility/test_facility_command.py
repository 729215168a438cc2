"""``megawatt hall``: one JSON shape, one table, errors that help."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import main
from megawatt.facility import hall_design, load_weather, pue_by_hour, pue_by_month, simulate, water_m3_by_month


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["hall", *words])
    captured = capsys.readouterr()
    code = stop.value.code
    assert isinstance(code, int)
    return code, captured.out, captured.err


def test_json_holds_what_the_simulation_says(capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "childress-tx",
        "--design",
        "liquid-dry-cooler",
        "--it-mw",
        "200",
        "--grid-mw",
        "300",
        "--shed-hours",
        "10",
    )
    code, out, _ = _run(capsys, *words, "--grid-water", "1.29", "--json")
    assert code == 0
    (row,) = json.loads(out)["results"]
    catalogue = load_catalogue()
    design = hall_design(catalogue, "liquid-dry-cooler", it_capacity_mw=200.0)
    year = simulate(design, load_weather("childress-tx", catalogue), np.full(8760, 200.0))
    assert row["pue"] == year.pue
    assert row["water_m3"] == pytest.approx(year.water_l.sum() / 1e3)
    assert row["trim_hours"] == int((year.parts_mw["trim_chiller"] > 0).sum())
    assert row["wue_source_l_per_kwh"] == pytest.approx(year.wue_l_per_kwh + 1.29 * year.pue)
    assert [h["rank"] for h in row["design_hours"]] == [1, 10, 100]
    assert 250.0 < row["capacity"]["it_mw"] < 270.0
    assert row["capacity"]["shed_hours"] <= 10


def test_table_names_every_design_and_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "childress-tx", "--grid-mw", "100", "--grid-water", "3")
    assert code == 0
    for key in load_catalogue().keys("hall"):
        assert key in out
    assert "…" not in out


def test_coordinates_say_what_stands_in(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "-33.9, 18.4, 42", "--design", "air-evaporative", "--shift-k", "2")
    assert code == 0
    assert "climate of cape-town" in out
    assert "+2 K" in out


def test_redundancy_changes_the_losses(capsys: pytest.CaptureFixture[str]) -> None:
    pue = {}
    for ups in ("double-conversion", "eco"):
        _, out, _ = _run(capsys, "dublin", "--design", "air-chiller", "--power", "2N", "--ups", ups, "--json")
        pue[ups] = json.loads(out)["results"][0]["pue"]
    # 2.4 points of the output at half load (3.45 % against 1.5 %), and the heat that goes with it
    assert pue["double-conversion"] - pue["eco"] == pytest.approx(0.022, abs=0.004)


def test_errors_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run(capsys, "dublinn")
    assert code == 2
    assert "nearest: dublin" in err
    code, _, err = _run(capsys, "dublin", "--design", "air-towers")
    assert code == 2
    assert "air-tower-free" in err
    code, _, err = _run(capsys, "dublin", "--it-mw", "-4")
    assert code == 2
    assert "-4 MW" in err


def test_profiles_sum_to_the_year() -> None:
    catalogue = load_catalogue()
    design = hall_design(catalogue, "air-chiller", it_capacity_mw=10.0)
    year = simulate(design, load_weather("buffalo-ny", catalogue), np.full(8760, 10.0))
    assert pue_by_hour(year).mean() == pytest.approx(year.pue)
    days = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    assert pue_by_month(year) @ days / 365 == pytest.approx(year.pue)
    assert pue_by_month(year)[6] > pue_by_month(year)[0]
    assert water_m3_by_month(year).sum() == pytest.approx(year.water_l.sum() / 1e3)


def test_report_is_written_or_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "hall.html"
    code, _, _ = _run(capsys, "dublin", "--design", "air-chiller", "--report", str(path))
    assert code == 0
    assert "Halls at Dublin" in path.read_text(encoding="utf-8")
    code, _, err = _run(capsys, "dublin", "--design", "air-chiller", "--report", str(tmp_path / "none" / "x.html"))
    assert code == 2
    assert "cannot write" in err
    assert "Traceback" not in err


def test_water_under_prices_and_a_cap(capsys: pytest.CaptureFixture[str]) -> None:
    prices = ("--water-price", "2", "--power-price", "60", "--it-value", "500")
    designs = ("--design", "air-evaporative", "--design", "air-chiller")
    _, out, _ = _run(capsys, "phoenix-az", *designs, *prices, "--json")
    pads, towers = json.loads(out)["results"]
    assert "water_choice" not in towers
    free = pads["water_choice"]
    assert free["marginal_usd_per_m3"] == 0.0
    assert free["water_m3"] <= pads["water_m3"] + 1e-6
    cap = 0.5 * free["water_m3"]
    _, out, _ = _run(capsys, "phoenix-az", *designs[:2], *prices, "--water-cap", str(cap), "--json")
    capped = json.loads(out)["results"][0]["water_choice"]
    assert capped["water_m3"] <= cap
    assert 0.0 < capped["saving_usd"] < free["saving_usd"]
    assert capped["marginal_usd_per_m3"] > 0.0
    code, _, err = _run(capsys, "phoenix-az", "--water-cap", "5")
    assert code == 2
    assert "--water-price, --power-price, --it-value" in err
