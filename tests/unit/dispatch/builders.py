"""Site problems for tests: halls with a constant or drawn slope, prices by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from megawatt.dispatch import SiteProblem
from megawatt.facility.records import FacilityResponse

HOURS = 8760


def hall(
    it_mw: float, slopes: tuple[float, ...] = (1.2,), idle_mw: float = 0.0, limit_mw: float | None = None
) -> FacilityResponse:
    """A hall whose facility power rises by these slopes over equal segments, the same in every hour."""
    points = np.linspace(0.0, it_mw, len(slopes) + 1)
    facility = idle_mw + np.concatenate(([0.0], np.cumsum(np.array(slopes) * np.diff(points))))
    table = np.broadcast_to(facility, (HOURS, points.size)).copy()
    water = np.broadcast_to(points * 100.0, table.shape).copy()
    return FacilityResponse(points, table, water, np.full(HOURS, it_mw if limit_mw is None else limit_mw))


def problem(**changes: object) -> SiteProblem:
    """30 MW of AI (halls 1.2) and 20 MW of mining (halls 1.1) behind 60 MW at 50 USD/MWh; mining earns 80."""
    inputs: dict[str, object] = {
        "price_usd_per_mwh": np.full(HOURS, 50.0),
        "adder_usd_per_mwh": np.full(HOURS, 2.0),
        "import_limit_mw": np.full(HOURS, 60.0),
        "ai_it_mw": np.full(HOURS, 30.0),
        "ai_value_usd_per_mwh": 1000.0,
        "ai_response": hall(30.0),
        "mining_it_mw": 20.0,
        "mining_value_usd_per_mwh": np.full(HOURS, 80.0),
        "mining_response": hall(20.0, (1.1,)),
        "carbon_kg_per_mwh": np.full(HOURS, 400.0),
    }
    return SiteProblem(**{**inputs, **changes})  # type: ignore[arg-type]


def drawn_hall(rng: np.random.Generator, it_mw: float, segments: int) -> FacilityResponse:
    """A hall with hourly random idle power, convex slopes and cooling limits."""
    points = np.concatenate(([0.0], np.sort(rng.uniform(0.1, 0.9, segments - 1)), [1.0])) * it_mw
    slopes = np.sort(rng.uniform(1.0, 1.6, (HOURS, segments)), axis=1)
    idle = rng.uniform(0.0, 0.03 * it_mw, (HOURS, 1))
    facility = np.concatenate((idle, idle + np.cumsum(slopes * np.diff(points), axis=1)), axis=1)
    water = np.cumsum(rng.uniform(0.0, 100.0, facility.shape), axis=1)
    return FacilityResponse(points, facility, water, it_mw * rng.uniform(0.7, 1.2, HOURS))


def drawn_problem(seed: int, *, ai_value: float | None = None) -> SiteProblem:
    """A random site year with price spikes, negative prices, tight hours and dear peak hours."""
    rng = np.random.default_rng(seed)
    ai_mw, mining_mw = rng.uniform(5.0, 50.0, 2)
    price: NDArray[np.float64] = rng.gamma(1.5, 30.0, HOURS) - 10.0
    price[rng.integers(0, HOURS, 50)] *= 40.0
    adder = np.full(HOURS, rng.uniform(0.0, 8.0))
    adder[rng.integers(3624, 6552, 4)] += 18_000.0
    return problem(
        price_usd_per_mwh=price,
        adder_usd_per_mwh=adder,
        import_limit_mw=(ai_mw + mining_mw) * rng.uniform(0.2, 1.6, HOURS),
        ai_it_mw=ai_mw * rng.uniform(0.5, 1.0, HOURS),
        ai_value_usd_per_mwh=float(rng.uniform(20.0, 2000.0)) if ai_value is None else ai_value,
        ai_response=drawn_hall(rng, ai_mw, int(rng.integers(1, 5))),
        mining_it_mw=mining_mw,
        mining_value_usd_per_mwh=rng.uniform(0.0, 150.0, HOURS) * (rng.uniform(size=HOURS) > 0.01),
        mining_response=drawn_hall(rng, mining_mw, int(rng.integers(1, 4))),
    )
