"""A run folder is replaced as a whole: killed at any moment, it is the old one or the new one."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from megawatt.results.swap import new_folder

_WRITER = """
import sys, itertools
from pathlib import Path
from megawatt.results.swap import new_folder
target = Path(sys.argv[1])
for round_ in itertools.count():
    with new_folder(target) as fresh:
        for i in range(6):
            (fresh / f"part{i}.txt").write_text(f"{round_}\\n" * 400)
    print(round_, flush=True)
"""


def _whole(folder: Path) -> bool:
    parts = sorted(p.name for p in folder.iterdir())
    digests = {hashlib.sha256((folder / p).read_bytes()).hexdigest() for p in parts}
    return parts == [f"part{i}.txt" for i in range(6)] and len(digests) == 1


def test_killed_at_random_moments_leaves_a_whole_folder(tmp_path: Path) -> None:
    target = tmp_path / "run"
    rng = random.Random(7)
    for _ in range(12):
        with subprocess.Popen([sys.executable, "-c", _WRITER, str(target)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()  # at least one round is complete
            time.sleep(rng.uniform(0, 0.05))
            os.kill(writer.pid, signal.SIGKILL)
        assert _whole(target)


def test_what_killed_runs_left_is_tidied(tmp_path: Path) -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    left = tmp_path / f".run.{finished.pid}.new"
    left.mkdir()
    with new_folder(tmp_path / "run") as fresh:
        (fresh / "a").write_text("1")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_an_error_inside_keeps_the_old_folder(tmp_path: Path) -> None:
    with new_folder(tmp_path / "run") as fresh:
        (fresh / "a").write_text("old")

    def stop_halfway() -> None:
        with new_folder(tmp_path / "run") as fresh:
            (fresh / "a").write_text("new")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        stop_halfway()
    assert (tmp_path / "run" / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_without_the_system_call_the_folder_is_moved_aside_and_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("megawatt.results.swap._exchange", lambda a, b: False)
    for text in ("old", "new"):
        with new_folder(tmp_path / "run") as fresh:
            (fresh / "a").write_text(text)
    assert (tmp_path / "run" / "a").read_text() == "new"
    (tmp_path / "run").rename(tmp_path / ".run.old")  # as a kill between the two renames would leave it
    with new_folder(tmp_path / "run") as fresh:
        assert (tmp_path / "run" / "a").read_text() == "new"
        (fresh / "a").write_text("newer")
    assert (tmp_path / "run" / "a").read_text() == "newer"
