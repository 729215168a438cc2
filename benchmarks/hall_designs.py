"""A year of hours for 1,000 hall designs: time on one core and error against the hourly year."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np

from megawatt.catalogue import load_catalogue
from megawatt.facility import HallDesign, hall_design, load_weather, screen, simulate, weather_states

DESIGNS = 1000
LIMIT_S = 2.0
CHECKED = 40


def designs(count: int = DESIGNS) -> list[HallDesign]:
    """Random designs: every catalogued kind, set points and equipment spread over their plausible ranges."""
    catalogue = load_catalogue()
    rng = np.random.default_rng(0)
    kinds = [hall_design(catalogue, key, it_capacity_mw=1.0) for key in catalogue.keys("hall")]
    made = []
    for number in range(count):
        kind = kinds[number % len(kinds)]
        air = replace(
            kind.air,
            supply_max_c=kind.air.supply_max_c + rng.uniform(-4.0, 4.0),
            fan_frac=kind.air.fan_frac * rng.uniform(0.6, 1.4),
        )
        liquid = kind.liquid
        if liquid is not None:
            cooler = replace(liquid.cooler, approach_k=rng.uniform(5.0, 10.0))
            liquid = replace(liquid, supply_max_c=liquid.supply_max_c + rng.uniform(-8.0, 3.0), cooler=cooler)
        made.append(replace(kind, air=air, liquid=liquid))
    return made


def main() -> dict[str, float]:
    """Seconds, and largest errors of a sample."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    weather = load_weather("childress-tx", load_catalogue())
    many = designs()
    start = time.perf_counter()
    states = weather_states(weather)
    reduced_s = time.perf_counter() - start
    times = []
    for _ in range(3):
        start = time.perf_counter()
        answer = screen(many, states)
        times.append(time.perf_counter() - start)
    full = np.ones(8760)
    start = time.perf_counter()
    years = [simulate(design, weather, full) for design in many[:CHECKED]]
    hourly_s = (time.perf_counter() - start) / CHECKED * DESIGNS
    pue = np.array([year.pue for year in years])
    wue = np.array([year.wue_l_per_kwh for year in years])
    worst = np.array([year.pue_worst_hour for year in years])
    return {
        "reduce_year_s": reduced_s,
        "screen_1000_designs_s": min(times),
        "share_of_limit": (reduced_s + min(times)) / LIMIT_S,
        "hourly_1000_designs_s": hourly_s,
        "pue_max_error": float(np.abs(answer.pue[:CHECKED] - pue).max()),
        "pue_worst_hour_max_error": float(np.abs(answer.pue_worst_hour[:CHECKED] - worst).max()),
        "wue_max_error_l_per_kwh": float(np.abs(answer.wue_l_per_kwh[:CHECKED] - wue).max()),
    }


if __name__ == "__main__":
    for name, figure in main().items():
        print(f"{name:32s} {figure:12.6g}")
