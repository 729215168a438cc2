"""1,000 mixed scenarios swept with one worker, two, and a cluster of two: the same bytes, linear in their number."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

POINTS = 1000
EXAMPLES = Path(__file__).parents[1] / "examples"
SITE = f"""
format = 1
name = "mixed-sweep"
title = "Chips under contract and miners that leave, behind one connection"
grid_mw = 300

[[parts]]
scenario = "{EXAMPLES}/childress-gb300.toml"

[[parts]]
scenario = "{EXAMPLES}/childress-bitcoin.toml"
name = "miners"
scale = 0.5
until = "2029-09"
"""
BATTERY = "\n[battery]\nmw = 50\nmwh = 200\n"
OVER = ("parts.0.scale=0.2..1", "parts.1.scale=0..0.6", "power.price_scale=0.5..2", "grid_mw=250..400")


def _swept(file: Path, target: Path, points: int, workers: int = 1, *, clustered: bool = False) -> float:
    """Seconds that a sweep takes, of this many points."""
    from megawatt.catalogue import load_catalogue
    from megawatt.chain.sweep import axis_of
    from megawatt.results.sweeps import run_sweep
    from megawatt.risk import asked_cluster

    axes, catalogue = [axis_of(text) for text in OVER], load_catalogue()
    with asked_cluster("local" if clustered else None, 2) as there:
        started = time.perf_counter()
        run_sweep(file, catalogue, axes, target, sample=points, workers=workers, cluster=there)
        return time.perf_counter() - started


def _bytes(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def main(points: int = POINTS) -> dict[str, float]:
    """Seconds a scenario, of a tenth of them and of all, and whether all folders hold the same bytes."""
    from megawatt.repeatable import ONE_THREAD

    os.environ.update(ONE_THREAD)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        plain, stored = folder / "plain.toml", folder / "stored.toml"
        plain.write_text(SITE, encoding="utf-8")
        stored.write_text(SITE + BATTERY, encoding="utf-8")
        few = max(points // 10, 1)
        _swept(plain, folder / "warm", 2)
        spent = time.process_time()
        figures = {"s_each_of_a_tenth": _swept(plain, folder / "few", few) / few}
        figures["cpu_s_each_of_a_tenth"] = (time.process_time() - spent) / few
        spent = time.process_time()
        figures["s_each"] = _swept(plain, folder / "one", points) / points
        figures["cpu_s_each"] = (time.process_time() - spent) / points
        figures["s_each_two_workers"] = _swept(plain, folder / "two", points, workers=2) / points
        figures["s_each_cluster_of_two"] = _swept(plain, folder / "cluster", points, clustered=True) / points
        same = _bytes(folder / "one") == _bytes(folder / "two") == _bytes(folder / "cluster")
        figures["same_bytes"] = float(same)
        figures["s_each_with_a_battery"] = _swept(stored, folder / "stored", few) / few
    return figures


if __name__ == "__main__":
    for name, value in main(int(sys.argv[1]) if len(sys.argv) > 1 else POINTS).items():
        print(f"{name:32} {value:.4g}")
