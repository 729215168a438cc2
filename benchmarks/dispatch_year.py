"""Build and solve times of a site year and of the published reference case; closed form against HiGHS."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from megawatt.catalogue import load_catalogue
from megawatt.dispatch import SiteProblem, monthly_response, price_year, solve, solve_merit
from megawatt.dispatch.case import load_case
from megawatt.facility.records import FacilityResponse
from megawatt.hours import HOURS_IN_YEAR
from megawatt.mining import fleet, revenue_usd_per_mwh
from megawatt.validation.dispatch_case import solve_case

REFERENCE = Path(os.environ.get("MEGAWATT_REFERENCE", Path(__file__).parents[2] / "shared" / "reference"))
GRID_MW = 300.0
LIMIT_CASE_S = 8.0
"""Limit of the reference case's solve; PyPSA takes 11 to 16 s on the same two cores."""


def _hall(it_mw: float, slope: float) -> FacilityResponse:
    """A hall of six segments whose slope rises by 5 % from empty to full and by 10 % from winter to summer."""
    points = np.linspace(0.0, it_mw, 7)
    season = 1.0 + 0.05 * (1.0 - np.cos(2.0 * np.pi * np.arange(HOURS_IN_YEAR) / HOURS_IN_YEAR))[:, np.newaxis]
    steps = slope * np.linspace(0.975, 1.025, 6) * season * np.diff(points)
    facility = np.concatenate((np.zeros((HOURS_IN_YEAR, 1)), np.cumsum(steps, axis=1)), axis=1)
    return FacilityResponse(points, facility, np.zeros_like(facility), np.full(HOURS_IN_YEAR, it_mw))


def _site() -> SiteProblem:
    """300 MW in ERCOT at the prices of 2023, four dear hours of delivery: 150 MW of AI, S21 miners in what is left."""
    catalogue = load_catalogue()
    price = price_year(catalogue.price_shape("ercot-hub", 2023))
    value = float(revenue_usd_per_mwh(fleet(catalogue, "antminer-s21", 90.0), 37.5))
    return SiteProblem(
        price_usd_per_mwh=price * (1.0 + catalogue.number("ercot-transmission", "loss_frac")),
        adder_usd_per_mwh=np.where(price >= np.sort(price)[-4], 15_000.0, 5.0),
        import_limit_mw=np.full(HOURS_IN_YEAR, GRID_MW),
        ai_it_mw=np.full(HOURS_IN_YEAR, 150.0),
        ai_value_usd_per_mwh=2000.0,
        ai_response=_hall(150.0, 1.2),
        mining_it_mw=90.0,
        mining_value_usd_per_mwh=np.full(HOURS_IN_YEAR, value),
        mining_response=_hall(90.0, 1.03),
        carbon_kg_per_mwh=np.full(HOURS_IN_YEAR, catalogue.number("ercot-hub", "carbon_kg_per_mwh")),
    )


def _best_s(call: Callable[[], object], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> dict[str, float]:
    """Seconds and ratios; the reference case only where its folder is (MEGAWATT_REFERENCE)."""
    site = _site()
    import highspy  # noqa: F401  its import is not what is measured

    highs_s, merit_s = _best_s(lambda: solve(site)), _best_s(lambda: solve_merit(site))
    optimum, closed = solve(site).objective_usd, solve_merit(site).objective_usd
    months = monthly_response(site)
    rng = np.random.default_rng(0)
    value, level = rng.uniform(40.0, 120.0, (2048, 120)), rng.lognormal(0.0, 0.3, (2048, 120))
    mining_s = _best_s(lambda: months.mining(value, level))
    figures = {
        "site_highs_s": highs_s,
        "site_merit_s": merit_s,
        "site_highs_over_merit": highs_s / merit_s,
        "site_relative_difference": abs(closed / optimum - 1.0),
        "monthly_build_s": _best_s(lambda: monthly_response(site)),
        "monthly_mining_2048_paths_120_months_s": mining_s,
        "monthly_mining_ns_per_path_month": mining_s / value.size * 1e9,
        "monthly_over_hourly": merit_s * 2048 * 120 / 12 / mining_s,
    }
    folder = REFERENCE / "dispatch_case"
    if folder.is_dir():
        case = load_case(folder)
        results = [solve_case(case) for _ in range(3)]
        best = min(results, key=lambda result: result.solve_s)
        figures |= {
            "case_build_s": best.build_s,
            "case_solve_s": best.solve_s,
            "case_share_of_limit": best.solve_s / LIMIT_CASE_S,
            "case_simplex_over_ipm": solve_case(case, "simplex").solve_s / best.solve_s,
        }
    return figures


if __name__ == "__main__":
    for name, figure in main().items():
        print(f"{name:44s} {figure:12.6g}")
