"""Coins of public miners by month, from their hash rate and the network: the cited table, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.validation import validate

TABLE = Path(__file__).parents[2] / "examples" / "miner-production.csv"


def test_three_public_miners_within_five_percent_month_by_month() -> None:
    (entry,) = validate(TABLE, load_catalogue())
    assert entry["summary"]["mape"] < 0.013
    assert entry["null"]["mape"] > 0.3
    errors = {case["id"]: abs(case["error"]) for case in entry["cases"]}
    for company, months in (("IREN", 12), ("Riot", 9), ("Cango", 6)):
        assert entry["groups"][f"company={company}"]["n"] == months
        assert entry["groups"][f"company={company}"]["mape"] < 0.02
    assert [name for name, error in errors.items() if error > 0.05] == ["Riot 2024-06"]


def test_fleet_and_uptime_stand_for_hash_rate(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text(
        "company,month,btc_mined,average_eh_per_s,deployed_eh_per_s,mw,j_per_th,uptime_frac\n"
        "a,2024-05,230,9.414,,,,\nb,2024-05,230,,10.46,,,0.9\nc,2024-05,230,,,209.2,20,0.9\nd,2024-05,230,,10,,,\n",
        encoding="utf-8",
    )
    (entry,) = validate(file, load_catalogue())
    predicted = [case["predicted"] for case in entry["cases"]]
    assert predicted[1:3] == pytest.approx([predicted[0]] * 2, rel=1e-3)
    assert [case["assumed"] for case in entry["cases"]] == [[], [], [], ["uptime_frac"]]


def test_rows_without_an_answer_say_why(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    rows = ["a,2020-05,230,9", "a,2024-05,0,9", "a,2024-05,230,", "a,2024-05,230,0"]
    file.write_text("company,month,btc_mined,average_eh_per_s\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (entry,) = validate(file, load_catalogue())
    why = [row["why"] for row in entry["skipped"]]
    assert [w.split(":")[0].split(" (")[0] for w in why] == [
        "no network state of the month", "no coins mined", "no hash rate", "no hash rate at work",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "cells", ["a,May 2024,230,9", "a,2024-13,230,9", "a,2024-05,-1,9", "a,2024-05,x,9", "a,2024-05,230,nan"]
)
def test_wrong_cells_are_refused_with_their_line(tmp_path: Path, cells: str) -> None:
    file = tmp_path / "own.csv"
    file.write_text(f"company,month,btc_mined,average_eh_per_s\n{cells}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="2"):
        validate(file, load_catalogue())
