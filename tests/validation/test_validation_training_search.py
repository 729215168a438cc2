"""On published runs the search finds a layout that the model scores at least as fast as the published one."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.evidence.training_rows import read_run
from megawatt.validation.training_best import against_search, main

CATALOGUE = load_catalogue()
SOURCES = ("NVIDIA dgxc-benchmarking v25.04", "NeMo 24.07", "SimuMax", "Korthikanti 2022 table 5", "MT-NLG")


@pytest.mark.reference
def test_published_layouts_are_found_or_beaten(reference_dir: Path) -> None:
    with (reference_dir / "measured_runs.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["full_config"] == "1" and r["source"].startswith(SOURCES)]
    found = [against_search(read_run(row, CATALOGUE), CATALOGUE) for row in rows]
    compared = [one for one in found if one.saved_frac is not None]
    assert len(compared) >= len(found) - 2
    assert all(one.saved_frac is not None and one.saved_frac >= -1e-9 for one in compared)
    # whoever saves time says how
    assert all(one.chooses for one in compared if one.saved_frac is not None and one.saved_frac > 1e-9)
    assert all(one.why for one in found if one.saved_frac is None)


@pytest.mark.reference
def test_the_command_names_each_run_and_counts(
    reference_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (reference_dir / "measured_runs.csv").read_text().splitlines()
    few = tmp_path / "few.csv"
    few.write_text("\n".join([lines[0], *(line for line in lines if line.startswith("korthikanti"))][:4]))
    main([str(few)])
    out = capsys.readouterr().out
    assert out.count("korthikanti") == 3
    assert "    3 matched or beaten" in out
