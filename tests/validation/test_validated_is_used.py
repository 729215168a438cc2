"""What is validated is what runs: whatever function returns a prediction that is scored, a command enters it too."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tools.samples import write_samples
from tools.used_by import holds, predictors, unreached
from tools.validation_table import used_by, with_table

from megawatt.validation.registry import KINDS, kind_of

SCORED = [kind.name for kind in KINDS if kind.scorer]
_FORMS = ("risk-case",)
"""Closed forms that no command uses: the simulator is held against them, its estimates stand beside (`simulated`)."""


@pytest.fixture(scope="module")
def traced() -> dict[str, dict[str, Any]]:
    """A process of its own: nothing is remembered from other tests."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-m", "tools.used_by"], cwd=root, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", [name for name in SCORED if name not in _FORMS])
def test_a_command_runs_what_is_scored(traced: dict[str, dict[str, Any]], kind: str) -> None:
    assert unreached(traced[kind]) == []
    assert traced[kind]["used_by"]


def test_there_is_a_sample_of_every_kind(tmp_path: Path) -> None:
    samples = write_samples(tmp_path)
    assert sorted(samples) == sorted(SCORED)
    assert {name: kind_of(path).name for name, path in samples.items()} == {name: name for name in samples}


def test_predictors_return_what_is_scored_and_readers_do_not(tmp_path: Path) -> None:
    samples = write_samples(tmp_path)
    gemm = predictors(samples["kernels-gemm"])
    assert "hardware.gemm:gemm_cost" in gemm
    assert not any("kernel_tables" in name or "calibration" in name for name in gemm)
    assert predictors(samples["facility"]) == {"facility.hall:simulate"}


@dataclass(frozen=True)
class Year:
    """A result with its numbers inside."""

    name: str
    parts: dict[str, Any]


@pytest.mark.parametrize(
    ("value", "is_held"),
    [
        (0.0123456, True),
        (12.3456, True),  # ms of s
        (-12.3456, True),
        (np.array([1.0, 12.3456]), True),
        (Year("a", {"time_s": (1, np.float64(0.0123456))}), True),
        (0.0123457, False),
        (2.5, False),  # too few digits to tell
        (True, False),
        ("12.3456", False),
        (None, False),
        (np.array([np.nan]), False),
    ],
)
def test_numbers_are_found_wherever_they_stand(value: object, is_held: bool) -> None:
    assert holds([12.3456, 2.5, float("nan")])(value) is is_held


def test_what_no_command_enters_is_named() -> None:
    traced = {"predictors": {"a:f": ["plan"], "b:g": []}, "used_by": []}
    assert unreached(traced) == ["b:g"]
    assert unreached({"predictors": {}, "used_by": []}) == ["no function returns a prediction"]
    assert used_by("x", {"x": traced}) == "none"
    assert used_by("x", {"x": {"used_by": ["plan", "train"]}}) == "`plan`, `train`"


def test_the_table_takes_the_place_of_the_old_one() -> None:
    text = "a\n<!-- validation-table -->\nold\n<!-- /validation-table -->\nb\n"
    assert with_table(text, r"| new \1 |") == text.replace("old", r"| new \1 |")
    with pytest.raises(ValueError, match="around a table"):
        with_table("no table", "new")
