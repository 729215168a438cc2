"""Corrections that were taken are what the catalogue says."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue

PAGE = Path(__file__).parents[3] / "docs" / "corrections.md"
CATALOGUE = load_catalogue()
NUMBER = re.compile(r"\d[\d.]*(?:e\d+)?")
RANGED = re.compile(r"(\d\S*)(?: \((\S+) to (\S+)\))?")


def table() -> list[dict[str, str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[1:] if not row[0].startswith("---")]


ROWS = table()


@pytest.mark.parametrize("row", [row for row in ROWS if row["Now"]], ids=lambda row: row["Fact"].strip("`"))
def test_the_catalogue_says_what_the_page_says(row: dict[str, str]) -> None:
    key, field = row["Fact"].strip("`").split(".")
    if field == "title":
        assert CATALOGUE.get(key).title == row["Now"]
        return
    fact = CATALOGUE.fact(key, field)
    if isinstance(fact.value, str):
        assert fact.value == row["Now"]
        return
    told = RANGED.fullmatch(row["Now"])
    assert told is not None
    ends = [float(end) if end else None for end in told.groups()]
    assert ends == [fact.value, fact.low, fact.high]
    assert fact.kind in {"assumed", "derived"} or fact.source != "assumption"


def test_taken_numbers_are_the_proposed_ones() -> None:
    taken = [row for row in ROWS if row["Verdict"] == "taken" and RANGED.fullmatch(row["Now"])]
    for proposal in {row["Proposed"] for row in taken if NUMBER.match(row["Proposed"])}:
        number = NUMBER.match(proposal)
        facts = [CATALOGUE.fact(*row["Fact"].strip("`").split(".")) for row in taken if row["Proposed"] == proposal]
        ranges = [(fact.low or fact.value, fact.high or fact.value) for fact in facts]
        # As proposed, or in the range where logs scatter (idle power of the H200). Dates are words.
        assert proposal[:5] == "2026-" or any(low <= float(number[0]) <= high for low, high in ranges), proposal


def test_every_refusal_has_a_reason() -> None:
    assert {row["Verdict"] for row in ROWS} == {"taken", "taken in part", "refused"}
    assert all(row["Why"] for row in ROWS if row["Verdict"] != "taken")


@pytest.mark.reference
def test_every_finding_of_the_review_is_worked_through(reference_dir: Path) -> None:
    with (reference_dir / "facts_2026" / "corrections.csv").open(encoding="utf-8", newline="") as handle:
        findings = {(row["our value"], row["right value"]) for row in csv.DictReader(handle)}
    assert {(row["Was"], row["Proposed"]) for row in ROWS} == findings
