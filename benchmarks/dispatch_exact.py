"""The exact solver against HiGHS on the published case and its variants: agreement, time, memory, 1,000 price years."""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from megawatt.dispatch.case import ReferenceCase, case_problem, change_case, load_case
from megawatt.dispatch.solvers.lp import Method
from megawatt.dispatch.years import at_prices, optimise_years
from megawatt.validation.dispatch_case import solve_case

REFERENCE = Path(os.environ.get("MEGAWATT_REFERENCE", Path(__file__).parents[2] / "shared" / "reference"))
FOLDER = REFERENCE / "dispatch_case"
METHODS: tuple[Method, ...] = ("ipm", "simplex", "hipo")
YEARS = int(os.environ.get("MEGAWATT_PRICE_YEARS", "1000"))
WORKERS = 2

_MEMORY = """
import sys
from pathlib import Path
import megawatt.dispatch
import megawatt.dispatch.case as case
from megawatt.validation.dispatch_case import solve_case
if sys.argv[2] == "kernel":
    import megawatt.dispatch.solvers.compiled_calls
if sys.argv[2] == "compiled":  # every compiled function loaded, by a problem of two days
    import numpy as np
    from megawatt.dispatch import Block, HourlyProblem, PeakCharge, Storage, optimise
    imports = Block("import", np.full((48, 1), 9.0), np.arange(48.0).reshape(48, 1) % 24)
    peak = PeakCharge("year", np.ones(48, dtype=bool), ((0.0, 50.0),))
    store = Storage("battery", 1.0, 2.0, 0.9, 0.9)
    optimise(HourlyProblem(np.full(48, 5.0), imports, storages=(store,), peaks=(peak,)), "exact")

def peak_mb():  # of this process alone: ru_maxrss starts at its parent's
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

start = peak_mb()
problem = case.load_case(Path(sys.argv[1]))
loaded = peak_mb()
solve_case(problem, solver=sys.argv[3])
print(start, loaded, peak_mb())
"""


def _cases() -> Iterator[tuple[str, ReferenceCase, float]]:
    base = load_case(FOLDER)
    with (FOLDER / "variants.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row["variant"], change_case(base, json.loads(row["change"])), float(row["objective_usd"])


def _seconds(call: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _memory_mb(imported: str, solver: str) -> tuple[float, float]:
    """Peak memory of one solve above the imported package, and that of reading the case alone. [MB]"""
    command = [sys.executable, "-c", _MEMORY, str(FOLDER), imported, solver]
    start, loaded, end = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    return end - start, loaded - start


def _bootstrap_shift(price: np.ndarray, years: int) -> np.ndarray:
    """Price years made of weeks of the case drawn with replacement, less the case's own prices; (years, hours)."""
    rng = np.random.default_rng(7)
    weeks = price.size // 168
    pick = rng.integers(0, weeks, (years, weeks + 1)) * 168
    hours = (pick[:, :, np.newaxis] + np.arange(168)).reshape(years, -1)[:, : price.size]
    return np.asarray(price[hours] - price)


def main() -> dict[str, float]:
    """Relative differences, seconds, ratios and MB; empty where the reference folder is not (MEGAWATT_REFERENCE)."""
    if not FOLDER.is_dir():
        return {}
    figures: dict[str, float] = {}
    for name, case, published in _cases():
        exact = solve_case(case, solver="exact")
        highs = solve_case(case, solver="highs")
        figures[f"{name}_exact_error"] = exact.objective_usd / published - 1.0
        figures[f"{name}_highs_error"] = highs.objective_usd / published - 1.0
        figures[f"{name}_exact_s"] = _seconds(lambda case=case: solve_case(case, solver="exact"), 3)  # type: ignore[misc]
        figures[f"{name}_ratio"] = (highs.build_s + highs.solve_s) / figures[f"{name}_exact_s"]
    base = load_case(FOLDER)
    best = min(_seconds(lambda m=m: solve_case(base, m, solver="highs"), 2) for m in METHODS)  # type: ignore[misc]
    figures["highs_best_method_s"] = best
    figures["exact_s"] = _seconds(lambda: solve_case(base, solver="exact"), 10)
    figures["highs_best_over_exact"] = best / figures["exact_s"]
    figures["exact_mb_above_package_with_kernel"], figures["read_case_mb"] = _memory_mb("kernel", "exact")
    figures["exact_mb_once_compiled"], _ = _memory_mb("compiled", "exact")
    figures["exact_mb_above_package_without_numba"], _ = _memory_mb("package", "exact")
    figures["highs_mb_above_package"], _ = _memory_mb("package", "highs")
    shift = _bootstrap_shift(base.price_usd_per_mwh, YEARS)
    start = time.perf_counter()
    site = case_problem(base)
    years = optimise_years((at_prices(site, row) for row in shift), solver="exact", workers=WORKERS)
    figures["price_years"] = float(years.objective_usd.size)
    figures["price_years_s"] = time.perf_counter() - start
    figures["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    return figures


if __name__ == "__main__":
    for name, figure in main().items():
        print(f"{name:44s} {figure:12.6g}")
