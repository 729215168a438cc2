"""Latencies of a plan's first choice, request by request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.errors import ScenarioError
from megawatt.serving.planning import ServingPlan
from megawatt.serving.simulation import Served, poisson_arrivals, simulate, simulate_closed_loop
from megawatt.serving.steps import StepModel

__all__ = ["Latencies", "simulated"]

_SHARES: Final = (50.0, 90.0, 99.0)
"""Percentiles that are told."""
_WARM: Final = 0.2
"""Share of the requests that only fill the engine."""
_ROUNDS: Final = 10.0
"""Requests over those in work at once, below which the engine fills and empties most of the time."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """What simulated requests met after the engine had filled.

    ``ttft_s``, ``tpot_s``, ``latency_s`` by ``mean``, ``p50``, ``p90``, ``p99``; ``tokens_per_s`` of one replica.
    ``settled`` is false where the requests are too few for the load to be reached and held.
    """

    requests: int
    tokens_per_s: float
    ttft_s: Mapping[str, float]
    tpot_s: Mapping[str, float]
    latency_s: Mapping[str, float]
    settled: bool = True


def simulated(plan: ServingPlan, requests: int, seed: int = 0) -> Latencies:
    """Serve so many requests on one replica of the plan's first choice, step by step.

    At a rate they come in a Poisson stream, otherwise from users who each wait for their answer.

    Raises
    ------
    ScenarioError
        If chips for prompts are apart from those that decode.
    """
    best = plan.best
    if best.prompt_share > 0.0:
        raise ScenarioError("--simulate: not for chips that take in prompts apart from those that decode")
    model = StepModel(plan.service, best.layout, plan.machine)
    if plan.targets.requests_per_s:
        arrivals = poisson_arrivals(plan.targets.requests_per_s / best.replicas, requests, seed)
        served = simulate(model, plan.traffic, arrivals)
    else:
        served = simulate_closed_loop(model, plan.traffic, max(round(best.concurrency), 1), requests)
    return _told(served, requests >= _ROUNDS * best.concurrency)


def _told(served: Served, settled: bool) -> Latencies:
    first = int(_WARM * len(served.ttft_s))

    def spread(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, float]:
        kept = values[first:]
        return {"mean": float(kept.mean())} | {f"p{q:.0f}": float(np.percentile(kept, q)) for q in _SHARES}

    first_token, token, whole = (spread(v) for v in (served.ttft_s, served.tpot_s, served.latency_s))
    return Latencies(len(served.ttft_s), served.tokens_per_s, first_token, token, whole, settled)
