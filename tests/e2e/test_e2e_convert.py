"""``megawatt convert``: plans of a mining site from its file to the numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from megawatt.cli.entry import cli

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(folder: Path) -> Path:
    for source in EXAMPLES.glob("childress-*.toml"):
        shutil.copy(source, folder)
    return folder / "childress-convert.toml"


def converted(file: Path, *settings: str) -> dict[str, Any]:
    options = [word for setting in ("conversion.paths=512", *settings) for word in ("--set", setting)]
    done = CliRunner().invoke(cli, ["convert", str(file), "--json", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result: dict[str, Any] = json.loads(done.stdout)["results"][0]
    return result


def test_every_plan_is_valued_per_site_and_hall(tmp_path: Path) -> None:
    result = converted(example(tmp_path))
    assert [d["month"] for d in result["dates"]] == ["2025-11", "2026-11", "2027-11", "2028-11"]
    assert result["now"]["value_usd"] == result["dates"][0]["value_usd"]
    assert result["option"]["standard_error_usd"] > 0
    assert len(result["partly"]) == result["halls"] + 1 == 5
    for plan in (result["never"], result["option"], *result["dates"], *result["partly"]):
        assert plan["value_usd_per_hall"] == pytest.approx(plan["value_usd"] / 4)
    fixed = max(result["never"]["value_usd"], *(d["value_usd"] for d in result["dates"]))
    assert result["option"]["worth_of_waiting_usd"] == pytest.approx(result["option"]["value_usd"] - fixed)
    # waiting cannot be worth less than nothing, but for the error of the simulation
    assert result["option"]["worth_of_waiting_usd"] > -3 * result["option"]["standard_error_usd"]
    assert sum(d["option_converts_frac"] for d in result["dates"]) <= 1
    named = {a["name"]: a for a in result["assumptions"]}
    assert named["conversion.shell_cost_frac"]["value"] == 0.9
    assert "assumed" in named["conversion.learned_cost_frac"]["note"]
    assert result["partly"][0]["value_usd"] == result["option"]["value_usd"]
    assert result["partly"][4]["value_usd"] == result["now"]["value_usd"]


def test_same_seed_same_result(tmp_path: Path) -> None:
    file = example(tmp_path)
    assert converted(file) == converted(file)


def test_dearer_conversion_is_worth_less_and_mining_alone_the_same(tmp_path: Path) -> None:
    file = example(tmp_path)
    cheap, dear = converted(file, "conversion.shell_cost_frac=0.5"), converted(file, "conversion.shell_cost_frac=1.5")
    assert dear["never"] == cheap["never"]
    assert all(d["value_usd"] < c["value_usd"] for d, c in zip(dear["dates"], cheap["dates"], strict=True))
    assert dear["option"]["value_usd"] < cheap["option"]["value_usd"]


def test_months_without_income_change_conversion_and_not_mining(tmp_path: Path) -> None:
    file = example(tmp_path)
    quick = converted(file, "conversion.months_without_income=12", "conversion.dates=['2025-11']")
    slow = converted(file, "conversion.months_without_income=18", "conversion.dates=['2025-11']")
    assert quick["never"]["value_usd"] == slow["never"]["value_usd"]
    assert quick["now"]["value_usd"] != slow["now"]["value_usd"]


def test_what_halls_teach_helps_only_those_that_wait(tmp_path: Path) -> None:
    file = example(tmp_path)
    plain = converted(file, "conversion.learned_cost_frac=1.0")
    taught = converted(file, "conversion.learned_cost_frac=0.5")
    assert taught["now"] == plain["now"]
    assert taught["option"] == plain["option"]
    assert taught["partly"][1]["value_usd"] > plain["partly"][1]["value_usd"]


def test_the_table_names_the_plans_and_the_bound(tmp_path: Path) -> None:
    words = ["convert", str(example(tmp_path)), "--set", "conversion.paths=256"]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0
    for text in ("never: mine to the end", "all halls in 2025-11", "1 of 4 halls", "lower bound"):
        assert text in done.output


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('mining = "childress-bitcoin"', 'mining = "childress-gb300"', "conversion.mining"),
        ('ai = "childress-gb300"', 'ai = "nobody"', "conversion.ai"),
        ('"2026-11", "2027-11"', '"2027-11", "2026-11"', "conversion.dates"),
        ('start = "2025-11"', 'start = "2026-01"', "conversion.dates"),
        ("months = 120", "months = 40", "conversion.dates"),
        ("halls = 4", "halls = 4\nrooms = 3", "conversion.rooms"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, old: str, new: str, path: str) -> None:
    file = example(tmp_path)
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = CliRunner().invoke(cli, ["check", str(file)])
    assert done.exit_code != 0
    from megawatt.catalogue import load_catalogue
    from megawatt.errors import ScenarioError
    from megawatt.scenario import load

    with pytest.raises(ScenarioError) as caught:
        load(file, load_catalogue())
    assert path in [p.path for p in caught.value.problems]


def test_a_comparison_without_the_section_is_refused(tmp_path: Path) -> None:
    from megawatt.cli.entry import _run

    example(tmp_path)
    assert _run(["convert", str(tmp_path / "childress-compare.toml")], "convert", False) == 2
