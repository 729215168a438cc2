"""The exact solver on the published case and all its variants, and the value of foresight there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from megawatt.dispatch.case import case_problem, change_case, load_case
from megawatt.dispatch.foresight import foresight_plans
from megawatt.validation.dispatch_case import solve_case

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module")
def folder(reference_dir: Path) -> Path:
    return reference_dir / "dispatch_case"


def test_exact_solver_reaches_every_published_optimum(folder: Path) -> None:
    base = load_case(folder)
    with (folder / "variants.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    for row in rows:
        solved = solve_case(change_case(base, json.loads(row["change"])), solver="exact")
        published = float(row["objective_usd"])
        assert solved.objective_usd == pytest.approx(published, rel=1e-8), row["variant"]
        for name, value in row.items():
            if name in solved.totals and name.endswith("_mwh"):
                assert abs(solved.totals[name] - float(value)) <= max(5.0, 0.001 * float(value)), (row["variant"], name)


def test_foresight_is_worth_something_on_the_published_case(folder: Path) -> None:
    plans = foresight_plans(case_problem(load_case(folder)))
    perfect, ahead, rules = (plans[name].objective_usd for name in ("perfect", "day-ahead", "rules"))
    assert perfect < ahead < rules
    assert ahead / perfect - 1.0 < 0.02
