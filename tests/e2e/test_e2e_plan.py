"""The main job through the command line: run folder, reproducibility, kill safety, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from megawatt.results import verify
from megawatt.results.parquet import read_columns, read_units
from tests.e2e.scenarios import small

Finished = subprocess.CompletedProcess[str]


def megawatt(*arguments: object, folder: Path | None = None) -> Finished:
    command = [sys.executable, "-m", "megawatt", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The comparison, run with one worker and with two."""
    folder = tmp_path_factory.mktemp("plan")
    scenario = small(folder, "childress-compare")
    out = {}
    for workers in (1, 2):
        done = megawatt("plan", scenario, "--out", folder / f"w{workers}", "--workers", workers, folder=folder)
        assert done.returncode == 0, done.stderr
        out[workers] = folder / f"w{workers}" / "childress"
    return out


def test_the_run_folder_is_whole_and_names_its_inputs(runs: dict[int, Path]) -> None:
    folder = runs[1]
    assert verify(folder) == []
    names = {p.name for p in folder.iterdir()}
    assert {"report.html", "summary.json", "manifest.json", "hourly.parquet", "monthly.parquet"} <= names
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {"megawatt", "created_utc", "scenarios", "catalogue_sha256", "seeds", "solvers", "files"} <= set(manifest)
    assert len(manifest["scenarios"]) == 4
    assert (folder / "report.html").stat().st_size < 3_000_000


def test_one_seed_gives_identical_results_with_one_and_two_workers(runs: dict[int, Path]) -> None:
    for name in ("hourly", "monthly", "paths", "assumptions"):
        assert (runs[1] / f"{name}.parquet").read_bytes() == (runs[2] / f"{name}.parquet").read_bytes(), name
    assert (runs[1] / "summary.json").read_bytes() == (runs[2] / "summary.json").read_bytes()


def test_tables_balance(runs: dict[int, Path]) -> None:
    hourly = read_columns(runs[1] / "hourly.parquet")
    np.testing.assert_allclose(
        hourly["import_mw"], hourly["ai_facility_mw"] + hourly["mining_facility_mw"], rtol=0, atol=1e-6
    )
    parts = np.sum([np.nan_to_num(v) for k, v in hourly.items() if k.startswith("part_")], axis=0)
    np.testing.assert_allclose(parts, hourly["import_mw"], rtol=0, atol=1e-6)
    monthly = read_columns(runs[1] / "monthly.parquet")
    for use in dict.fromkeys(monthly["use"]):
        m = {k: v[monthly["use"] == use] for k, v in monthly.items() if k != "use"}
        into = m["cfads_usd"] + m["equity_in_usd"] + m["debt_draw_usd"] + m["residual_total_usd"]
        out = m["capex_total_usd"] + m["fees_usd"] + m["interest_paid_usd"] + m["principal_paid_usd"]
        np.testing.assert_allclose(np.cumsum(into - out - m["distributions_usd"]), m["closing_cash_usd"], atol=1.0)
    assert read_units(runs[1] / "hourly.parquet")["import_mw"] == "MW"


def test_every_headline_number_names_its_inputs(runs: dict[int, Path]) -> None:
    summary = json.loads((runs[1] / "summary.json").read_text())
    assumed = read_columns(runs[1] / "assumptions.parquet")
    assert len(summary["uses"]) == 3
    for use in summary["uses"]:
        known = set(assumed["name"][assumed["use"] == use["name"]])
        for name, number in use["headline"].items():
            assert number["means"], name
            assert number["rests_on"], name
            assert set(number["rests_on"]) <= known
    assert all(source for source in assumed["source"])


def test_a_killed_run_leaves_the_old_folder(runs: dict[int, Path], tmp_path: Path) -> None:
    scenario = small(tmp_path, "childress-bitcoin")
    command = [sys.executable, "-m", "megawatt", "plan", str(scenario), "--out", str(tmp_path / "runs")]
    subprocess.run(command, check=True, capture_output=True)
    folder = tmp_path / "runs" / "childress-bitcoin"
    before = (folder / "manifest.json").read_bytes()
    for delay in (0.3, 1.0, 2.0):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            time.sleep(delay)
            os.kill(running.pid, signal.SIGKILL)
        assert verify(folder) == []
    whole = (folder / "manifest.json").read_bytes()
    assert whole == before or json.loads(whole)["scenarios"] == json.loads(before)["scenarios"]


def _wait_until_at_work(pid: int, cpu_s: float = 4.0) -> None:
    """Wait until a process has used so much processor time: past its imports (an interrupt
    inside an import callback is lost in Python), however busy the machine is."""
    ticks = os.sysconf("SC_CLK_TCK")
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / ticks >= cpu_s:
            return
        time.sleep(0.05)
    raise AssertionError("the process has not started within a minute")


def test_an_interrupt_is_not_a_bug(tmp_path: Path) -> None:
    scenario = small(tmp_path, "childress-compare")
    command = [sys.executable, "-m", "megawatt", "plan", str(scenario), "--out", str(tmp_path / "runs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        _wait_until_at_work(running.pid)
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert not (tmp_path / "runs" / "childress").exists()
    assert not list((tmp_path / "runs").glob(".childress.*.new"))


def test_json_has_the_documented_shape(tmp_path: Path) -> None:
    scenario = small(tmp_path, "childress-bitcoin")
    done = megawatt("plan", scenario, "--out", tmp_path / "runs", "--json")
    content = json.loads(done.stdout)
    assert set(content) == {"megawatt", "command", "exit_code", "results", "problems"}
    assert content["results"][0]["uses"][0]["headline"]["value_usd_per_grid_mw_year"]["unit"] == "USD/MW/year"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("edits", "code", "words"),
    [
        ((('it_mw = "@iren-childress.it_mw"', "it_mw = 20"),), 3, "ai.chips: 76,000 chips draw"),
        ((('chips = 4608 ', "chips = 8 "),), 3, "none of"),
        ((('grid_mw = "@iren-childress.grid_mw"', "grid_mw = 140"),
          ('it_mw = "@iren-childress.it_mw"', "it_mw = 140"),
          ('chips = "@iren-microsoft.gpu_count"', "chips = 80000\nbusy_frac = 1.0")), 3, "site.grid_mw"),
        ((('design = "liquid-dry-cooler"', 'design = "air-chiller"'),), 2, "no liquid loop"),
        ((("seq_len = 8192", "seq_len = -1"),), 2, "training.seq_len"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_a_sentence(
    tmp_path: Path, edits: tuple[tuple[str, str], ...], code: int, words: str
) -> None:
    scenario = small(tmp_path, "childress-gb300", *edits)
    done = megawatt("plan", scenario, "--out", tmp_path / "runs")
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs" / "childress-gb300").exists()
