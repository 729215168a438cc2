"""Killed, or out of disk, at any step of writing: the old run or the new one, and nothing in between."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools import faults

from megawatt.writing import write_folder


def _save(folder: Path, text: str) -> object:
    return write_folder(folder, {"generation.txt": text, "a.bin": b"1" * 5000, "b.txt": text * 100}, {"megawatt": "x"})


@pytest.mark.parametrize("fresh", [False, True], ids=["over an older run", "no older run"])
@pytest.mark.parametrize(("fault", "codes"), [("kill", {-9}), ("full", {7})])
def test_a_fault_at_every_step_leaves_old_or_new(tmp_path: Path, fault: str, codes: set[int], fresh: bool) -> None:
    found, seen = faults.every_step(_save, tmp_path, fault, fresh=fresh)
    assert found.broken == []
    assert found.faults > 5
    assert seen == codes


def test_kills_at_random_with_two_runs_at_once_leave_whole_folders(tmp_path: Path) -> None:
    found = faults.random_kills(_save, tmp_path, 60, 3)
    assert (found.faults, found.broken) == (60, [])


def test_runs_at_once_into_one_folder_all_succeed(tmp_path: Path) -> None:
    pids = [faults.in_child(lambda i=i: [_save(tmp_path / "run", str(i)) for _ in range(20)]) for i in range(3)]  # type: ignore[misc]
    assert [faults.ended(pid) for pid in pids] == [0, 0, 0]
    assert faults.wrong(tmp_path / "run", {"0", "1", "2"}) == ""
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    def act() -> None:
        faults.arm(tmp_path, 1, "full")
        _save(tmp_path / "run", "1")

    assert faults.ended(faults.in_child(act)) == 7
    assert list(tmp_path.iterdir()) == []
