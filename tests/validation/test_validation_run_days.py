"""Days of whole published runs under the layouts that they published."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.validation.registry import kind_of, validate

PUBLISHED = Path(__file__).with_name("published_days.csv")
CATALOGUE = load_catalogue()


@pytest.fixture(scope="module")
def entries() -> dict[str, dict[str, Any]]:
    return {entry["quantity"]: entry for entry in validate(PUBLISHED, CATALOGUE)}


def test_days_of_published_runs_are_met(entries: dict[str, dict[str, Any]]) -> None:
    """Elapsed days rest on stops too; days from rates on the step alone: 12 rows of one table, all of them or none."""
    elapsed, rates = entries["days"]["summary"], entries["days from published rates"]["summary"]
    assert (elapsed["n"], rates["n"]) == (7, 14)
    assert elapsed["mape"] < 0.125
    assert rates["mape"] < 0.08
    cases = [case for name in ("days", "days from published rates") for case in entries[name]["cases"]]
    assert sum(abs(case["error"]) for case in cases) / len(cases) < 0.09
    assert sum(abs(case["error"]) < 0.10 for case in cases) >= 13
    published = [case for case in cases if not case["id"].startswith("narayanan21-t2")]
    assert sum(abs(case["error"]) for case in published) / len(published) < 0.10
    assert abs(sum(case["error"] for case in published) / len(published)) < 0.09


def test_a_row_is_scored_apart_only_with_a_reason(entries: dict[str, dict[str, Any]]) -> None:
    with PUBLISHED.open(encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    apart = entries["days, decisive inputs unpublished"]["cases"]
    assert all("not published" in rows[case["id"]]["apart"] for case in apart)
    # Whoever does not publish the recompute stands apart, whatever the prediction makes of it.
    unsaid = {case["id"] for case in apart}
    assert {key for key, row in rows.items() if not row["recompute"] and row["read_at"] != "memory"} <= unsaid
    assert {case["id"] for case in entries["days"]["cases"]}.isdisjoint(case["id"] for case in apart)
    assert [row["id"] for row in entries["days"]["skipped"]] == ["opt-175b"]
    assert all(row["source_url"].startswith("https://") and row["read_at"] for row in rows.values())


def _rows(path: Path, *changes: dict[str, str]) -> Path:
    with PUBLISHED.open(encoding="utf-8") as file:
        base = next(row for row in csv.DictReader(file) if row["id"] == "tinyllama-1.1b")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(base))
        writer.writeheader()
        writer.writerows(base | change for change in changes)
    return path


def test_stops_count_in_elapsed_days_and_phases_add_up(tmp_path: Path) -> None:
    half = {"tokens": "1.5e12", "phases": "tokens=1.5e12"}
    rows = _rows(tmp_path / "d.csv", {}, {"days_basis": "wall"}, half, {"ramp": "256:1e11"})
    assert kind_of(rows).name == "run-days"
    found = {entry["quantity"]: entry["cases"] for entry in validate(rows, CATALOGUE)}
    steps, twice, ramp = (case["predicted"] for case in found["days from published rates"])
    wall = found["days"][0]["predicted"]
    assert wall > 1.01 * steps
    assert twice == pytest.approx(steps, rel=1e-9)
    assert ramp > steps


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"days": ""}, "not scorable: no days"),
        ({"days_basis": "weeks"}, "days_basis = 'weeks'"),
        ({"tokens": "-1"}, "tokens = '-1'"),
        ({"phases": "tokens=x"}, "tokens = 'x'"),
        ({"accelerator": "none"}, "not in the catalogue"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(tmp_path: Path, change: dict[str, str], why: str) -> None:
    entry = validate(_rows(tmp_path / "d.csv", {"days_basis": "wall"}, change), CATALOGUE)[0]
    assert entry["scored"] == 1
    assert why in entry["skipped"][0]["why"]
