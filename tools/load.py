"""Many calls in one process: memory stays flat, and no open file, thread or process is left behind.

    python -m tools.load --plans 200 --with-workers 50 --searches 100000 --years 100000 --minutes 10

A part ends after its calls or its minutes, whichever comes first; the table says how many calls it made.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gc
import io
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

EXAMPLE = Path(__file__).parents[1] / "examples" / "childress-bitcoin.toml"
LEAST_GROWTH_MB = 8.0
"""Growth of a whole part that says nothing: the allocator's."""
_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Left:
    """What a process holds: resident memory in bytes, open files, threads, child processes."""

    memory: int
    files: int
    threads: int
    children: int


def held() -> Left:
    """What this process holds now, after a collection of garbage."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 the listing itself is one
    return Left(pages * os.sysconf("SC_PAGE_SIZE"), files, threading.active_count(), len(_children()))


def _children() -> list[str]:
    tasks = Path("/proc/self/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]


@dataclass(frozen=True, slots=True)
class Load:
    """A part of the load: calls made, seconds, and growth in bytes per call over the second half of the calls."""

    calls: int
    seconds: float
    before: Left
    after: Left
    growth: float

    def wrong(self, bound: float) -> str:
        """What is left behind, or how far memory grows by the call beyond a bound in bytes; '' if nothing."""
        found = [
            f"{getattr(self.after, name) - getattr(self.before, name)} more {name}"
            for name in ("files", "threads", "children")
            if getattr(self.after, name) > getattr(self.before, name)
        ]
        total = self.growth * self.calls / 2**20
        if self.growth > bound and total > LEAST_GROWTH_MB:
            found.append(f"memory grows by {self.growth:,.0f} bytes a call, more than {bound:,.0f}")
        return "; ".join(found)


def make(act: Callable[[int], object], calls: int, minutes: float, *, warm: int) -> Load:
    """Call ``act`` with 0, 1, 2, ...; the first ``warm`` calls fill what is kept on purpose, and are not counted."""
    for number in range(warm):
        act(number)
    before, begin = held(), time.monotonic()
    at, memory = [0], [before.memory]
    every = max(calls // _SAMPLES, 1)
    for number in range(1, calls + 1):
        act(warm + number)
        ended = time.monotonic() - begin > 60.0 * minutes
        if number % every == 0 or number == calls or ended:
            at.append(number)
            memory.append(held().memory)
        if ended:
            break
    half = len(at) // 2
    growth = float(np.polyfit(at[half:], memory[half:], 1)[0]) if len(at) - half > 2 else 0.0
    return Load(at[-1], time.monotonic() - begin, before, held(), growth)


def plans(folder: Path, workers: int) -> Callable[[int], object]:
    """Whole small plans by the command, each with other inputs."""
    from megawatt.cli import main

    def act(number: int) -> None:
        settings = [f"site.grid_mw={200 + number}", f"seed={number}", "risk.paths=64"]
        words = ["plan", str(EXAMPLE), "--workers", str(workers), "--out", str(folder)]
        for setting in settings:
            words += ["--set", setting]
        quiet = io.StringIO()
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            main(words)
        if not (folder / EXAMPLE.stem / "manifest.json").is_file():
            raise RuntimeError(quiet.getvalue())

    return act


def searches() -> Callable[[int], object]:
    """Layout searches, each of another model and job."""
    from megawatt.catalogue import load_catalogue
    from megawatt.training import Job, plan
    from megawatt.workload import load_model

    catalogue = load_catalogue()
    arch, system = load_model("llama-2-7b", catalogue), catalogue.system("hgx-h100")

    def act(number: int) -> None:
        other = dataclasses.replace(arch, layers=4, vocab=32000 + number)
        plan(Job(other, 2048, 8 + number % 7, "bf16"), system, 2, catalogue=catalogue)

    return act


def years() -> Callable[[int], object]:
    """Dispatch years of a site with chips and miners, each with other prices."""
    from megawatt.catalogue import load_catalogue
    from megawatt.dispatch import SiteProblem, price_year, solve_merit
    from megawatt.facility.records import FacilityResponse
    from megawatt.hours import HOURS_IN_YEAR

    price = price_year(load_catalogue().price_shape("ercot-hub", 2023))
    flat = np.ones(HOURS_IN_YEAR)
    points = np.array([0.0, 100.0])
    hall = FacilityResponse(points, flat[:, None] * points * 1.2, flat[:, None] * points * 0.0, 100.0 * flat)
    site = SiteProblem(
        price_usd_per_mwh=price, adder_usd_per_mwh=5.0 * flat, import_limit_mw=200.0 * flat, ai_it_mw=80.0 * flat,
        ai_value_usd_per_mwh=2000.0, ai_response=hall, mining_it_mw=60.0, mining_value_usd_per_mwh=70.0 * flat,
        mining_response=hall, carbon_kg_per_mwh=300.0 * flat,
    )  # fmt: skip

    def act(number: int) -> None:
        solve_merit(dataclasses.replace(site, price_usd_per_mwh=price * (1.0 + number % 97 / 100.0)))

    return act


BOUNDS = {"plans": 65536.0, "plans with workers": 131072.0, "layout searches": 256.0, "dispatch years": 256.0}
"""Most growth of resident memory per call. [B]"""


def main() -> None:
    """Make all parts; exit status 1 if any leaves something behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", type=int, default=200)
    parser.add_argument("--with-workers", type=int, default=50)
    parser.add_argument("--searches", type=int, default=100_000)
    parser.add_argument("--years", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    given = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as name:
        parts: dict[str, tuple[Callable[[], Callable[[int], object]], int, int]] = {
            "layout searches": (searches, given.searches, 300),
            "dispatch years": (years, given.years, 100),
            "plans": (lambda: plans(Path(name), 1), given.plans, 3),
            "plans with workers": (lambda: plans(Path(name), 2), given.with_workers, 3),
        }
        for part, (setup, calls, warm) in parts.items():
            if not calls:
                continue
            load = make(setup(), calls, given.minutes, warm=warm)
            wrong = load.wrong(BOUNDS[part])
            failed |= bool(wrong)
            b, a = load.before, load.after
            sys.stdout.write(
                f"{part}: {load.calls:,} calls in {load.seconds:,.0f} s; resident {b.memory / 2**20:,.0f} MiB, then "
                f"{a.memory / 2**20:,.0f} MiB, {load.growth:,.0f} bytes a call in the second half; files {b.files} and "
                f"{a.files}, threads {b.threads} and {a.threads}, processes {b.children} and {a.children}; "
                f"{wrong or 'nothing left behind'}\n"
            )
            sys.stdout.flush()
    sys.exit(failed)


if __name__ == "__main__":
    main()
