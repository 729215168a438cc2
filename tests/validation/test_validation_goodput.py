"""Effective time of published runs, each at the rate of interruptions of the others."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.runs import published_runs
from megawatt.validation.registry import kind_of, validate

PUBLISHED = Path(__file__).with_name("published_goodput.csv")


def test_goodput_within_four_points_on_average() -> None:
    assert kind_of(PUBLISHED).name == "goodput"
    scored, apart = validate(PUBLISHED, load_catalogue())
    errors = [abs(case["predicted"] - case["measured"]) for case in scored["cases"]]
    assert len(errors) == 5
    assert sum(errors) / len(errors) < 0.04
    # A run that lost weeks to what no failure rate holds stands apart, and its error is told.
    assert [case["id"] for case in apart["cases"]] == ["opt-175b"]
    assert apart["cases"][0]["predicted"] - apart["cases"][0]["measured"] > 0.3


def test_every_row_cites_its_source_and_agrees_with_the_catalogue() -> None:
    known = {run.key: run for run in published_runs()}
    with PUBLISHED.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert all(row["source_url"].startswith("https://") and row["read_at"] and row["notes"] for row in rows)
    for row in rows:
        if row["per_1000_node_days"]:
            assert float(row["per_1000_node_days"]) == pytest.approx(known[row["id"]].per_1000_node_days)
