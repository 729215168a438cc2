"""Commands as a new user types them, wrong arguments included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from megawatt.cli.entry import _COMMANDS
from tests.e2e.scenarios import EXAMPLES, small

Finished = subprocess.CompletedProcess[str]


def megawatt(*arguments: object, folder: Path | None = None) -> Finished:
    command = [sys.executable, "-m", "megawatt", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "command", [(), *((name,) for name in _COMMANDS), ("catalogue", "list"), ("catalogue", "show")]
)
def test_every_help_ends_with_an_example(command: tuple[str, ...]) -> None:
    done = megawatt(*command, "--help")
    assert done.returncode == 0
    assert done.stdout.rstrip().split("\n\n")[-1].strip().startswith("Example: megawatt")


def test_a_mistyped_command_is_recognised() -> None:
    done = megawatt("pln")
    assert done.returncode == 2
    assert "Did you mean plan?" in done.stderr


def test_ten_mistakes_are_reported_together_in_words_and_in_json(tmp_path: Path) -> None:
    scenario = small(
        tmp_path,
        "childress-gb300",
        ('place = "childress-tx"', 'place = "childres-tx"'),
        ('grid_mw = "@iren-childress.grid_mw"', "grid_mw = -5"),
        ("price_year = 2023", 'price_year = "last"'),
        ('design = "liquid-dry-cooler"', 'design = "liquid"'),
        ('start = "2025-11"', 'start = "2025-13"'),
        ('system = "gb300-nvl72"', 'system = "gb30"'),
        ('model = "llama-3.1-405b"', 'model = "llama-3.1-450b"'),
        ('precision = "fp8"', 'precision = "fp7"'),
        ("payments = 60", "payments = 0"),
        ("prepayment_lead_months", "prepayment_led_months"),
    )
    done = megawatt("check", scenario)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 + 10
    content = json.loads(megawatt("check", scenario, "--json").stdout)
    assert content["exit_code"] == 2
    assert len(content["problems"]) == 10
    assert all(p["path"] and p["found"] and p["allowed"] for p in content["problems"])


def test_init_writes_a_scenario_that_is_valid_and_keeps_an_old_one(tmp_path: Path) -> None:
    assert megawatt("init", folder=tmp_path).returncode == 0
    assert megawatt("check", "site.toml", folder=tmp_path).returncode == 0
    again = megawatt("init", folder=tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr


def test_init_of_a_mixed_site_writes_all_of_its_files_or_none(tmp_path: Path) -> None:
    (tmp_path / "Our site-mining.toml").write_text("mine", encoding="utf-8")
    refused = megawatt("init", "--use", "mixed", "Our site.toml", folder=tmp_path)
    assert refused.returncode == 2
    assert [p.name for p in tmp_path.iterdir()] == ["Our site-mining.toml"]
    (tmp_path / "Our site-mining.toml").unlink()
    assert megawatt("init", "--use", "mixed", "Our site.toml", folder=tmp_path).returncode == 0
    assert len(list(tmp_path.iterdir())) == 3
    assert megawatt("check", "Our site.toml", folder=tmp_path).returncode == 0


def test_schema_is_json() -> None:
    assert json.loads(megawatt("schema").stdout)["title"] == "megawatt scenario"


def test_show_tells_facts_with_sources_and_names_near_keys() -> None:
    (shown,) = json.loads(megawatt("show", "trainium3", "--json").stdout)["results"]
    assert (shown["kind"], shown["name"]) == ("accelerator", "trn3")
    facts = next(s for s in shown["sections"] if s["title"] == "facts")["lines"]
    power = next(line for line in facts if line["name"] == "power_cap_w")
    assert (power["low"], power["high"]) == (692, 1200)
    assert power["source"]
    wrong = megawatt("catalogue", "show", "trainium33")
    assert wrong.returncode == 2
    assert "trainium3" in wrong.stderr


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("facts.csv", "key,field,value\na,b,1\n", 2),
        ("risk.json", '{"schema": "clearing-case/1"}', 2),
        ("backtest.csv", "company,field,value,unit,as_of\nx,y,1,USD,2022-01-01\n", 2),
        ("notes.txt", "hello", 2),
        ("broken.json", "{", 2),
    ],
)
def test_validate_says_what_it_cannot_score(tmp_path: Path, name: str, content: str, code: int) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    done = megawatt("validate", tmp_path / name, "--json")
    assert done.returncode == code
    shape = json.loads(done.stdout)
    assert shape["exit_code"] == code
    assert shape["results"] == []
    assert shape["problems"][0]["file"].endswith(name)


def test_validate_of_nothing_at_all(tmp_path: Path) -> None:
    assert megawatt("validate", tmp_path / "gone.csv").returncode == 2
    assert megawatt("validate", tmp_path).returncode == 2


def test_settings_reach_the_scenario(tmp_path: Path) -> None:
    scenario = EXAMPLES / "childress-gb300.toml"
    assert megawatt("check", scenario, "--set", "site.grid_mw=320").returncode == 0
    wrong = megawatt("check", scenario, "--set", "site.gridmw=320")
    assert wrong.returncode == 2
    assert "did you mean grid_mw?" in wrong.stderr


def test_hall_ranks_designs_for_a_place() -> None:
    prices = ("--power-price", 60, "--water-price", 2, "--it-value", 500)
    done = megawatt("hall", "dublin", "--screen", "cost", *prices, "--top", 5, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["results"]
    assert len(rows) == 5
    assert [r["usd_per_it_mwh"] for r in rows] == sorted(r["usd_per_it_mwh"] for r in rows)
    text = megawatt("hall", "dublin", "--screen", "water", "--design", "liquid-dry-cooler")
    assert text.returncode == 0
    assert "ranked by water" in text.stdout
    refused = megawatt("hall", "dublin", "--screen", "cost")
    assert refused.returncode == 2
    assert "--power-price" in refused.stderr


def test_dispatch_spends_water_and_power_by_the_hour(tmp_path: Path) -> None:
    scenario = small(tmp_path, "childress-gb300")
    options = ("--firm-ai", 0.7, "--interruptible-value", 120, "--water-price", 5, "--water-cap", 4000)
    done = megawatt("dispatch", scenario, *options, "--json")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["hours"] == 8760
    assert result["plans"]["perfect"]["solver"].startswith("exact")
    assert result["water"]["water_m3"] <= 4000
    refused = megawatt("dispatch", scenario, "--water-price", -1)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def test_plan_and_dispatch_value_a_mined_mwh_alike_and_years_are_ranged(tmp_path: Path) -> None:
    scenario = small(tmp_path, "childress-bitcoin")
    shown = megawatt("dispatch", scenario, "--json")
    planned = megawatt("plan", scenario, "--out", tmp_path / "runs", "--json")
    (hours,), (plan,) = (json.loads(done.stdout)["results"] for done in (shown, planned))
    assert hours["mined"] == plan["uses"][0]["mined"]
    assert "miners stop above" in megawatt("dispatch", scenario).stdout
    years = megawatt("dispatch", scenario, "--price-years", "2022,2023", "--json")
    (result,) = json.loads(years.stdout)["results"]
    assert set(result["earned_usd"]) == {"2022", "2023"}
    assert result["earned_usd"]["2023"] == pytest.approx(hours["plans"]["perfect"]["earned_usd"], rel=1e-9)
    assert result["low_usd"] < result["mean_usd"] < result["high_usd"]
    for wrong in ("2019,2023", "x"):
        refused = megawatt("dispatch", scenario, "--price-years", wrong)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
