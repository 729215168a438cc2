"""What makes a layout fit: every change is tried."""

from __future__ import annotations

import json

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import main
from megawatt.training import Job, memory_answer, one_layout, practice_for, step_memory
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
SYSTEM = CATALOGUE.system("hgx-h100")
JOB = Job(load_model("llama-3.1-70b", CATALOGUE), seq_len=8192, global_batch=256)
CHOICES = {"tp": 2, "pp": 4, "micro_batch": 2}


def test_changes_are_what_the_memory_model_says_of_them() -> None:
    found = memory_answer(JOB, SYSTEM, 64, catalogue=CATALOGUE, choices=CHOICES)
    assert not found.fits
    by_words = {change.words: change for change in found.changes}
    full = one_layout(tp=2, pp=4, dp=8, micro_batch=2, recompute=2)
    parts = step_memory(JOB, SYSTEM, full, practice=practice_for(CATALOGUE, SYSTEM))
    assert by_words["full recompute"].needed_bytes == float(sum(part[0] for part in parts.values()))
    assert by_words["full recompute"].fits
    assert not by_words["micro-batch 1"].fits
    assert {"zero 2", "zero 3", "tp 4, dp 4", "pp 8, dp 4", "activations in the host's memory"} <= set(by_words)
    assert [c.needed_bytes for c in found.changes] == sorted(c.needed_bytes for c in found.changes)


def test_a_layout_that_fits_needs_no_change() -> None:
    found = memory_answer(JOB, SYSTEM, 64, catalogue=CATALOGUE, choices=CHOICES | {"recompute": 2})
    assert found.fits
    assert found.changes == ()


@pytest.mark.parametrize("choices", [{"tp": 1, "pp": 1, "zero": 3}, {"tp": 8, "pp": 1, "zero": 1}])
def test_a_whole_checkpoint_stands_beside_what_a_chip_holds(choices: dict[str, int]) -> None:
    """Llama 3.1 70B in 16 bits is 141 GB, an eighth of it for a tensor rank of eight; no activations while it loads."""
    found = memory_answer(JOB, SYSTEM, 64, catalogue=CATALOGUE, choices=choices | {"recompute": 2, "micro_batch": 1})
    assert found.fits
    assert found.loaded_bytes == pytest.approx(2 * 70.55e9 / choices["tp"], rel=0.01)
    held = found.parts_bytes
    beside = held["weights"] + held["optimizer"] + held["reserve"]
    assert found.loading_bytes == pytest.approx(found.loaded_bytes + beside)
    assert (found.loading_bytes > found.capacity_bytes) == (choices["tp"] == 1)


def test_where_no_layout_fits_the_nearest_one_is_told() -> None:
    big = Job(load_model("llama-3.1-405b", CATALOGUE), seq_len=8192, global_batch=64)
    found = memory_answer(big, SYSTEM, 64, catalogue=CATALOGUE)
    assert not found.fits
    assert found.changes
    held = memory_answer(JOB, SYSTEM, 64, catalogue=CATALOGUE, schedules=("zb-h1",))
    assert found.needed_bytes > held.needed_bytes
    assert held.layout.schedule[0] > 0


def test_memory_is_printed_within_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = ["train", "llama-3.1-70b", "--system", "hgx-h100", "--chips", "64", "--batch", "256", "--seq", "8192"]
    words += ["--layout", "tp=2,pp=4,mb=2", "--memory"]
    with pytest.raises(SystemExit) as done:
        main(words)
    assert done.value.code == 0
    out = capsys.readouterr().out
    assert "It does not fit" in out
    assert "full recompute" in out
    assert "Loading a checkpoint" in out
    assert max(map(len, out.splitlines())) <= 80
    with pytest.raises(SystemExit):
        main([*words, "--json"])
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["memory_bytes"] == pytest.approx(sum(result["memory_parts_bytes"].values()))
    assert not result["fits"]
