"""The layout search: valid layouts costed per second, and whole searches from start, against their limits."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

RATE_PER_S, LIMIT_S, LIMIT_BYTES = 300_000.0, 4.0, 1e9
ROOT = Path(__file__).parents[1]
CASES = {
    "gpt-3-175b on 4,096 h100": ("gpt-3-175b", "hgx-h100", 4096, 2048, 2048, "bf16"),
    "1T on 4,096 h100": ("megatron-1t", "hgx-h100", 4096, 3072, 2048, "bf16"),
    "deepseek-v3 on 2,048 h100": ("deepseek-v3", "hgx-h100", 2048, 15360, 4096, "fp8"),
}
_ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def search(name: str) -> dict[str, float]:
    """One search in this process: layouts that divide and fit in memory, all of them costed in full, per second."""
    from megawatt.catalogue import load_catalogue
    from megawatt.training import Job, plan
    from megawatt.workload import load_model

    model, system, chips, batch, seq_len, precision = CASES[name]
    catalogue = load_catalogue()
    job, machine = Job(load_model(model, catalogue), seq_len, batch, precision), catalogue.system(system)
    times = []
    for _ in range(5):
        start = time.process_time()
        found = plan(job, machine, chips, catalogue=catalogue)
        times.append(time.process_time() - start)
    valid = found.considered - sum(found.rejected.values())
    # Enumeration and the layouts that are rejected count as time, not as layouts.
    return {"considered": found.considered, "valid": valid, "valid_per_s": valid / sorted(times)[2]}


def _whole(name: str) -> tuple[float, float]:
    """Wall time and peak memory of the command, from start to its last line."""
    model, system, chips, batch, seq_len, precision = CASES[name]
    words = ["train", model, "--system", system, "--chips", str(chips), "--batch", str(batch), "--seq", str(seq_len)]
    words += ["--precision", precision, "--json"]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "megawatt", *words],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env=os.environ | _ONE_CORE,
    )
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024.0


def main() -> dict[str, float]:
    """Rates, seconds and bytes of each case, and the worst shares of their limits."""
    figures: dict[str, float] = {}
    rates, walls, peak = [], [], 0.0
    for name in CASES:
        script = f"import json; from benchmarks.layout_search import search; print(json.dumps(search({name!r})))"
        out = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True,
            env=os.environ | _ONE_CORE,
        )  # fmt: skip
        found = json.loads(out.stdout)
        wall, bytes_ = _whole(name)
        figures |= {f"{name}: {key}": float(value) for key, value in found.items()}
        figures[f"{name}: wall_s"] = wall
        rates.append(found["valid_per_s"])
        walls.append(wall)
        peak = max(peak, bytes_)
    figures["slowest_rate_share_of_target"] = min(rates) / RATE_PER_S
    figures["longest_wall_share_of_limit"] = max(walls) / LIMIT_S
    figures["peak_bytes"] = peak
    figures["peak_share_of_limit"] = peak / LIMIT_BYTES
    return figures


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name:40} {value:.4g}")
