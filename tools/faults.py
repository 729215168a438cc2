"""Kill runs and fill their disk at every step, and count the run folders that are broken afterwards.

    python -m tools.faults --kills 500 --plans 20

Nothing of this is in the package: steps are seen by Python's audit events, in a process of its own for each fault.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from megawatt.errors import MegawattError
from megawatt.results import verify

EXAMPLE = Path(__file__).parents[1] / "examples" / "childress-bitcoin.toml"
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "ctypes.dlsym", "tempfile.mkdtemp")
_REACHED = 99
"""Exit status of a process that came to its end before the step it was to fail at."""


@dataclass
class Found:
    """How many faults were made and which of them left a broken folder."""

    faults: int = 0
    broken: list[str] | None = None

    def add(self, why: str) -> None:
        """Count a fault; a text says what it broke."""
        self.faults += 1
        self.broken = [*(self.broken or []), *([why] if why else [])]


def _takes_room(event: str, args: tuple[Any, ...]) -> bool:
    """Whether an audit event opens a file for writing or makes a folder."""
    return event == "os.mkdir" or (event == "open" and bool(args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))


def arm(folder: Path, step: int, fault: str) -> Callable[[], int]:
    """From now on fail this process at its step-th change below a folder: ``kill`` it, or find the disk ``full``.

    Returns
    -------
    callable
        Steps seen so far.
    """
    seen = 0

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        room = _takes_room(event, args)
        if not room and (event not in _CHANGES or fault == "full"):
            return
        if event != "ctypes.dlsym" and str(folder) not in str(args[0]) and -1 in args[1:]:
            return
        seen += 1
        if seen == step and fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if seen >= step and fault == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(args[0]))

    sys.addaudithook(hook)
    return lambda: seen


def in_child(act: Callable[[], None]) -> int:
    """Process number of a copy of this one that runs ``act``; it ends with 0, or the exit code of our error."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(120)
    code = 1
    try:
        act()
        code = 0
    except MegawattError as error:
        code = error.exit_code
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """Exit status of a child, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def wrong(folder: Path, texts: set[str | None]) -> str:
    """What is broken about a run folder: it must verify and hold one of the texts (None: need not be there)."""
    if not folder.exists():
        return "" if None in texts else "the run is gone"
    bad = verify(folder)
    if bad:
        return f"not whole: {bad}"
    return "" if (folder / "generation.txt").read_text() in texts else "neither old nor new"


Save = Callable[[Path, str], object]
"""Writes a run folder that holds this text in ``generation.txt``."""


def every_step(save: Save, place: Path, fault: str, *, fresh: bool = False) -> tuple[Found, set[int]]:
    """Fail a save at each of its steps in turn; also returns the exit statuses that were seen.

    Parameters
    ----------
    save : callable
        What writes.
    place : Path
        Folder for run folders.
    fault : str
        ``kill`` or ``full``.
    fresh : bool
        There is no older run.
    """
    folder, found, codes = place / "run", Found(), set()
    old: str | None = None
    if not fresh:
        save(folder, "old")
        old = "old"
    for step in range(1, 1000):

        def act(step: int = step) -> None:
            steps = arm(place, step, fault)
            try:
                save(folder, f"new{step}")
            finally:
                if steps() < step:
                    os._exit(_REACHED)

        code = ended(in_child(act))
        if code == _REACHED:
            break
        codes.add(code)
        why = wrong(folder, {old, f"new{step}"})
        found.add(f"{fault} at step {step}: {why}" if why else "")
        old = (folder / "generation.txt").read_text() if folder.exists() else None
    save(folder, "last")
    left = [f for p in place.iterdir() if p.name != "run" for f in p.iterdir() if f.stat().st_size]
    found.add(f"left behind: {left}" if left else "")  # a kill before the mark is written leaves an empty folder
    return found, codes


def random_kills(save: Save, place: Path, kills: int, seed: int) -> Found:
    """Kill saves at random moments, two of them at a time in every fourth round."""
    rng, folder, found = random.Random(seed), place / "run", Found()
    begin = time.monotonic()
    save(folder, "0")
    length, old = time.monotonic() - begin, "0"
    for number in range(1, kills + 1):
        texts = [f"{number}.{i}" for i in range(2 if number % 4 == 0 else 1)]
        children = [in_child(partial(save, folder, text)) for text in texts]
        time.sleep(rng.uniform(0.0, 1.1 * length * len(texts)))
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            ended(pid)
        why = wrong(folder, {old, *texts})
        found.add(f"kill {number}: {why}" if why else "")
        old = (folder / "generation.txt").read_text() if folder.exists() else ""
    return found


def kill_plans(place: Path, kills: int, seed: int, workers: int = 2) -> Found:
    """Kill whole runs of the command at random moments."""
    rng, found = random.Random(seed), Found()
    command = [sys.executable, "-m", "megawatt", "plan", str(EXAMPLE), "--set", "risk.paths=4096"]
    command += ["--workers", str(workers), "--out", str(place)]
    begin = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    length = time.monotonic() - begin
    for number in range(1, kills + 1):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            time.sleep(rng.uniform(0.3, 1.0) * length)
            running.kill()
        bad = verify(place / EXAMPLE.stem)
        found.add(f"plan {number}: {bad}" if bad else "")
    return found


def real_save() -> Save:
    """The save of a real run, computed once."""
    from megawatt.catalogue import load_catalogue
    from megawatt.chain import compare
    from megawatt.report import render
    from megawatt.results import make_manifest, save
    from megawatt.scenario import load

    catalogue = load_catalogue()
    comparison = compare(load(EXAMPLE, catalogue, ["risk.paths=256"]), catalogue)
    page, about = render(comparison), make_manifest(comparison.manifest)
    object.__setattr__(comparison, "manifest", about)

    def write(folder: Path, text: str) -> object:
        return save(comparison, folder, {"report.html": page, "generation.txt": text})

    return write


def _line(name: str, found: Found) -> str:
    return "\n".join([f"{name:44} {found.faults:5} faults, {len(found.broken or [])} broken", *(found.broken or [])])


def main() -> None:
    """Make all faults; exit status 1 if any left a broken folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--plans", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    save, broken = real_save(), False
    with tempfile.TemporaryDirectory() as name:
        places = [Path(name) / part for part in ("random", "plan", "kill", "first", "full")]
        for place in places:
            place.mkdir()
        parts: dict[str, Callable[[], Found]] = {
            "killed at random in the save, 1 or 2 at once": lambda: random_kills(
                save, places[0], given.kills, given.seed
            ),
            "whole plans killed at random, two workers": lambda: kill_plans(places[1], given.plans, given.seed),
            "killed at every step": lambda: every_step(save, places[2], "kill")[0],
            "killed at every step, no older run": lambda: every_step(save, places[3], "kill", fresh=True)[0],
            "disk full from every step on": lambda: every_step(save, places[4], "full")[0],
        }
        for text, part in parts.items():
            found = part()
            broken |= bool(found.broken)
            sys.stdout.write(_line(text, found) + "\n")
            sys.stdout.flush()
    sys.exit(broken)


if __name__ == "__main__":
    main()
