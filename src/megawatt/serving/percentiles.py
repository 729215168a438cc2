"""Latencies of a plan's first choice, request by request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.errors import ScenarioError
from megawatt.serving.planning import ServingPlan
from megawatt.serving.records import Traffic
from megawatt.serving.simulation import Served, random_arrivals, simulate, simulate_closed_loop
from megawatt.serving.steps import StepModel
from megawatt.serving.traces import Trace

__all__ = ["Latencies", "asked_traffic", "simulated"]

_USUAL_TOKENS: Final = (1024.0, 512.0)
"""Prompt and answer where nothing is said. [tokens]"""
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
    ``put_back_per_request`` is how often one lost its room to others and was computed anew. ``notes`` says what
    was left out of a trace. ``settled`` is false where the requests are too few for the load to be reached and held.
    """

    requests: int
    tokens_per_s: float
    ttft_s: Mapping[str, float]
    tpot_s: Mapping[str, float]
    latency_s: Mapping[str, float]
    put_back_per_request: float = 0.0
    notes: tuple[str, ...] = ()
    settled: bool = True


def simulated(
    plan: ServingPlan, requests: int, seed: int = 0, *, burstiness: float = 1.0, trace: Trace | None = None
) -> Latencies:
    """Serve so many requests on one replica of the plan's first choice, step by step.

    All of a trace where ``requests`` is 0, as they came: each replica gets them in turn. At a rate they come at random
    times (`random_arrivals`); otherwise from users who each wait for their answer.

    Raises
    ------
    ScenarioError
        If chips for prompts are apart from those that decode, or a request of the trace never fits.
    """
    best = plan.best
    if best.prompt_share > 0.0:
        raise ScenarioError("--simulate: not for chips that take in prompts apart from those that decode")
    model = StepModel(plan.service, best.layout, plan.machine)
    if trace is not None:
        own = trace.share(max(round(best.replicas), 1))
        arrivals, prompts, answers = (
            values[: requests or None] for values in (own.arrival_s, own.input_tokens, own.output_tokens)
        )
        served = simulate(model, plan.traffic, arrivals, input_tokens=prompts, output_tokens=answers)
    elif plan.targets.requests_per_s:
        arrivals = random_arrivals(plan.targets.requests_per_s / best.replicas, requests, seed, burstiness)
        served = simulate(model, plan.traffic, arrivals)
    else:
        served = simulate_closed_loop(model, plan.traffic, max(round(best.concurrency), 1), requests)
    notes = trace.notes if trace is not None else ()
    return _told(served, notes, settled=len(served.ttft_s) >= _ROUNDS * best.concurrency)


def asked_traffic(
    input_tokens: float | None,
    output_tokens: float | None,
    prefix_hit_frac: float,
    speculate: tuple[float, float] | None,
    trace: Trace | None,
    rate_per_s: float | None,
    other_load: float | None,
) -> tuple[Traffic, float]:
    """Requests as they are asked for, and their rate: what is not said is a trace's mean, or usual. [1/s]

    Parameters
    ----------
    input_tokens, output_tokens : float, optional
        Lengths. [tokens]
    prefix_hit_frac : float
        `Traffic`.
    speculate : tuple, optional
        Tokens that a step yields, share of drafting.
    trace : Trace, optional
        Requests as they came.
    rate_per_s : float, optional
        Rate. [1/s]
    other_load : float, optional
        Users or requests of a load that is no rate.

    Raises
    ------
    ScenarioError
        If a trace is given beside a rate or another load: its arrivals say the rate.
    """
    accepted, drafting = speculate or (1.0, 0.0)
    if trace is not None and (rate_per_s or other_load):
        raise ScenarioError("trace: allowed without --rate, --concurrency and --requests: its arrivals say the rate")
    prompt, answer = (
        _USUAL_TOKENS if trace is None else (float(trace.input_tokens.mean()), float(trace.output_tokens.mean()))
    )
    traffic = Traffic(input_tokens or prompt, output_tokens or answer, prefix_hit_frac, accepted, drafting)
    return traffic, trace.rate_per_s if trace is not None else rate_per_s or 0.0


def _told(served: Served, notes: tuple[str, ...], *, settled: bool) -> Latencies:
    first = int(_WARM * len(served.ttft_s))

    def spread(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, float]:
        kept = values[first:]
        return {"mean": float(kept.mean())} | {f"p{q:.0f}": float(np.percentile(kept, q)) for q in _SHARES}

    first_token, token, whole = (spread(v) for v in (served.ttft_s, served.tpot_s, served.latency_s))
    count = len(served.ttft_s)
    put_back = served.put_back / count
    return Latencies(count, served.tokens_per_s, first_token, token, whole, put_back, notes, settled)
