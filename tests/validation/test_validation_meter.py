"""A site's own meter against its scenario: the model's own year is reproduced, and known faults are found."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from megawatt.arrays import FloatArray
from megawatt.catalogue import load_catalogue
from megawatt.chain.links import forge
from megawatt.cli.entry import cli
from megawatt.errors import ScenarioError
from megawatt.hours import HOURS_IN_YEAR
from megawatt.scenario import load
from megawatt.validation import validate
from megawatt.validation.meter import score_meter
from megawatt.validation.meter_model import MeteredYear, metered_year
from megawatt.validation.registry import recognise

SITE = Path(__file__).parents[2] / "examples" / "childress-bitcoin.toml"


@pytest.fixture(scope="module")
def made() -> tuple[MeteredYear, dict[str, FloatArray]]:
    """The model's own year of 2023 at the hub's prices and a warmer air than the scenario's."""
    catalogue = load_catalogue()
    use = load(SITE, catalogue).uses[0]
    links = forge(use.scenario, catalogue, use.folder)
    read = {"price": np.round(links.grid.price_usd_per_mwh, 2), "dry_bulb": np.round(links.weather.dry_bulb_c + 2.0, 1)}
    return metered_year(use, catalogue, read, 2023), read


def write(
    path: Path,
    made: tuple[MeteredYear, dict[str, FloatArray]],
    *,
    power: float = 1.0,
    hashes: float = 1.0,
    late_h: int = 0,
    hours: slice = slice(None),
    price: str = "price_usd_per_mwh",
) -> Path:
    model, read = made
    assert model.hash_ph is not None
    drawn, mined = (np.roll(part, late_h) for part in (model.power_mw * power, model.hash_ph * hashes))
    start = np.datetime64("2023-01-01T00", "h")
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "power_mw", "hash_rate (PH/s)", "temperature_c", price])
        for i in range(HOURS_IN_YEAR)[hours]:
            rows.writerow([f"{start + i}:00", drawn[i], mined[i], read["dry_bulb"][i], read["price"][i]])
    return path


def scored(path: Path) -> dict[str, dict[str, Any]]:
    return {entry["quantity"]: entry for entry in score_meter(path, SITE, load_catalogue())}


def test_the_models_own_year_is_reproduced(tmp_path: Path, made: tuple[MeteredYear, dict[str, FloatArray]]) -> None:
    found = scored(write(tmp_path / "m.csv", made))
    assert list(found) == ["energy", "bill", "hash_rate", "pue"]
    for entry in found.values():
        assert [case["id"] for case in entry["cases"]][::11] == ["Jan", "Dec"]
        assert max(abs(case["error"]) for case in entry["cases"]) < 1e-6
        assert entry["hours"]["mae"] == pytest.approx(0.0, abs=1e-4 * entry["cases"][0]["measured"])
        assert entry["findings"] == []
    assert found["energy"]["null"]["mape"] > 0.02  # miners are off in dear hours


def test_a_meter_of_three_percent_too_much_is_found(
    tmp_path: Path, made: tuple[MeteredYear, dict[str, FloatArray]]
) -> None:
    found = scored(write(tmp_path / "m.csv", made, power=1.03))
    assert found["energy"]["findings"] == ["power drawn is 3.0% above what the metered hash rate explains, steadily"]
    assert found["energy"]["summary"]["bias"] == pytest.approx(1.0 / 1.03 - 1.0, abs=1e-6)
    assert found["hash_rate"]["summary"]["mape"] < 1e-6
    assert found["pue"]["summary"]["bias"] == pytest.approx(-0.031, abs=0.002)


def test_lost_hashes_and_a_late_clock_are_found(
    tmp_path: Path, made: tuple[MeteredYear, dict[str, FloatArray]]
) -> None:
    lost = scored(write(tmp_path / "a.csv", made, hashes=0.95))["hash_rate"]
    assert "hash rate is 5.0% below what the fleet has in hours that pay, steadily" in lost["findings"]
    late = scored(write(tmp_path / "b.csv", made, late_h=2))["energy"]
    assert [f for f in late["findings"] if f.startswith("the meter looks 2 h late")]


def test_part_of_a_year_with_gaps_is_scored_where_it_is(
    tmp_path: Path, made: tuple[MeteredYear, dict[str, FloatArray]]
) -> None:
    file = write(tmp_path / "m.csv", made, hours=slice(31 * 24, 90 * 24))
    lines = file.read_text("utf-8").splitlines()
    file.write_text("\n".join(lines[:200] + lines[260:]), encoding="utf-8")
    energy = scored(file)["energy"]
    assert [case["id"] for case in energy["cases"]] == ["Feb", "Mar"]
    assert energy["scored"] == 59 * 24 - 60
    assert energy["summary"]["mape"] < 1e-6


def test_the_site_is_named_beside_the_file_or_by_an_option(
    tmp_path: Path, made: tuple[MeteredYear, dict[str, FloatArray]]
) -> None:
    file = write(tmp_path / "m.csv", made, hours=slice(0, 48))
    with pytest.raises(ScenarioError, match="no scenario to compare with"):
        validate(file, load_catalogue())
    ran = CliRunner().invoke(cli, ["validate", str(file), "--scenario", str(SITE)])
    assert ran.exit_code == 0, ran.output
    assert "measured MWh" in ran.output
    (tmp_path / "m.toml").write_text(SITE.read_text("utf-8"), encoding="utf-8")
    assert len(validate(file, load_catalogue())) == 4


def test_what_a_meter_does_not_hold_is_the_scenarios(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    rows = [f"2023-06-01T{hour:02d}:00,{250 + hour}" for hour in range(24)]
    file.write_text("time,mw\n" + "\n".join(rows), encoding="utf-8")
    found = scored(file)
    assert list(found) == ["energy", "bill"]
    assert found["energy"]["cases"][0]["assumed"] == ["prices of the scenario", "weather of the scenario"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,mw\n2023-06-01T00:00,-9999", "-9999"),
        ("time,mw\n2023-06-01T00:00,nan", "nan"),
        ("time,mw,price (EUR/MWh)\n2023-06-01T00:00,250,40", "power.usd_per_currency"),
        ("time,mw,price\n2023-06-01T00:00,250,40", "no unit in the title"),
        ("time,mw\n2023-06-01T00:00,250\n2023-06-01T00:00,250", "given twice"),
    ],
)
def test_a_meter_that_cannot_be_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "m.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        scored(file)
    assert said in f"{raised.value} {raised.value.problems}"


def test_a_comparison_is_no_site(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("time,mw\n2023-06-01T00:00,250", encoding="utf-8")
    with pytest.raises(ScenarioError, match="a comparison of 3 uses"):
        score_meter(file, SITE.with_name("childress-compare.toml"), load_catalogue())


def test_a_meter_of_nothing_divides_by_nothing(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    rows = [f"2023-06-01T{hour:02d}:00,0,0" for hour in range(24)]
    file.write_text("time,mw,hashrate (PH/s)\n" + "\n".join(rows), encoding="utf-8")
    found = scored(file)
    assert found["energy"]["cases"] == []
    assert found["energy"]["hours"]["n"] == 24
    assert found["pue"]["scored"] == 0


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("time,power_mw,price_usd_per_mwh", "meter"),
        ("timestamp,load_kw", "meter"),
        ("datetime,price (EUR/MWh)", None),
        ("datetime,dry_bulb_c,dew_point_c", None),
    ],
)
def test_hours_with_power_are_a_meter_and_others_are_not(tmp_path: Path, header: str, kind: str | None) -> None:
    file = tmp_path / "m.csv"
    cells = ",".join("1" for _ in header.split(",")[1:])
    file.write_text(f"{header}\n2023-06-01T00:00,{cells}\n", encoding="utf-8")
    found = recognise(file)
    assert (found.name if found else None) == kind
