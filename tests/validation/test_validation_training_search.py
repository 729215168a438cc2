"""On published runs the search finds a layout that the model scores at least as fast as the published one."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.training import layout_reasons, plan, practice_for, step_cost
from megawatt.validation.training_rows import read_run

CATALOGUE = load_catalogue()
SOURCES = ("NVIDIA dgxc-benchmarking v25.04", "NeMo 24.07", "SimuMax", "Korthikanti 2022 table 5", "MT-NLG")


@pytest.mark.reference
def test_published_layouts_are_found_or_beaten(reference_dir: Path) -> None:
    with (reference_dir / "measured_runs.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["full_config"] == "1" and r["source"].startswith(SOURCES)]
    compared = 0
    for row in rows:
        run = read_run(row, CATALOGUE)
        assert run.layout is not None
        question = {"seq_len": run.seq_len, "global_batch": run.global_batch, "precision": run.precision}
        practice = practice_for(CATALOGUE, run.system, run.stack)
        published = step_cost(run.arch, run.system, run.layout, practice=practice, **question)
        sizes = {"chips": run.chips, "seq_len": run.seq_len, "global_batch": run.global_batch}
        # A layout that the memory model or the rules turn down is not in the space.
        if not published.feasible[0] or layout_reasons(run.arch, run.layout, **sizes)[0]:
            continue
        found = plan(run.arch, run.system, run.chips, catalogue=CATALOGUE, stack=run.stack, **question)
        assert found.step_time_s <= published.step_time_s[0] * (1 + 1e-9), row["id"]
        compared += 1
    assert compared > 50
