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


@dataclass(frozen=True, slots=True)
class Latencies:
    """What simulated requests met after the engine had filled.

    ``ttft_s``, ``tpot_s``, ``latency_s`` by ``mean``, ``p50``, ``p90``, ``p99``; ``tokens_per_s`` of one replica.
    """

    requests: int
    tokens_per_s: float
    ttft_s: Mapping[str, float]
    tpot_s: Mapping[str, float]
    latency_s: Mapping[str, float]


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
        return _told(simulate(model, plan.traffic, arrivals))
    return _told(simulate_closed_loop(model, plan.traffic, max(round(best.concurrency), 1), requests))


def _told(served: Served) -> Latencies:
    first = int(_WARM * len(served.ttft_s))

    def spread(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, float]:
        kept = values[first:]
        return {"mean": float(kept.mean())} | {f"p{q:.0f}": float(np.percentile(kept, q)) for q in _SHARES}

    return Latencies(
        len(served.ttft_s), served.tokens_per_s, *(spread(v) for v in (served.ttft_s, served.tpot_s, served.latency_s))
    )
