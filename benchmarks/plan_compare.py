"""The main job as a whole process: wall time, peak memory, and help time, against their limits."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_S, LIMIT_BYTES, LIMIT_HELP_S = 20.0, 1e9, 0.3
ROOT = Path(__file__).parents[1]


def _run(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "megawatt", *arguments], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> dict[str, float]:
    """Seconds and bytes of ``megawatt plan`` on the Childress comparison and of ``--help``, and shares of limits."""
    help_s = min(_run(["--help"]) for _ in range(5))
    with tempfile.TemporaryDirectory() as folder:
        times = [_run(["plan", "examples/childress-compare.toml", "--out", folder]) for _ in range(3)]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024.0
    median = sorted(times)[1]
    return {
        "plan_s": median,
        "plan_share_of_limit": median / LIMIT_S,
        "peak_bytes": peak,
        "peak_share_of_limit": peak / LIMIT_BYTES,
        "help_s": help_s,
        "help_share_of_limit": help_s / LIMIT_HELP_S,
    }


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name:24} {value:.4g}")
