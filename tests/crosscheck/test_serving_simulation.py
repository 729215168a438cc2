"""Closed forms of serving against the same engine run step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.serving import (
    Layout,
    Service,
    StepModel,
    Traffic,
    at_rate,
    closed_loop,
    largest_concurrency,
    offline,
    random_arrivals,
    serving_machine,
    simulate,
    simulate_closed_loop,
)
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
MODEL = StepModel(
    Service(load_model("llama-3.1-70b", CATALOGUE), "fp8", 1.0),
    Layout(tp=4),
    serving_machine(CATALOGUE, CATALOGUE.system("hgx-h200"), "fp8"),
)
TRAFFIC = Traffic(1024.0, 256.0)


def test_one_user_is_exact() -> None:
    point = closed_loop(MODEL, TRAFFIC, np.ones(1))
    served = simulate_closed_loop(MODEL, TRAFFIC, 1, 5)
    assert served.ttft_s == pytest.approx(point.ttft_s[0], rel=1e-6)
    assert served.tpot_s == pytest.approx(point.tpot_s[0], rel=2e-3)
    assert served.tokens_per_s == pytest.approx(point.tokens_per_s[0], rel=2e-3)


@pytest.mark.parametrize("users", [8, 64, 200])
def test_users_in_a_closed_loop(users: int) -> None:
    point = closed_loop(MODEL, TRAFFIC, np.array([float(users)]))
    answers = np.random.default_rng(users).integers(128, 385, 16 * users).astype(float)
    served = simulate_closed_loop(MODEL, TRAFFIC, users, 16 * users, output_tokens=answers)
    assert served.tokens_per_s == pytest.approx(point.tokens_per_s[0], rel=0.06)
    assert np.mean(served.tpot_s[users:]) == pytest.approx(point.tpot_s[0], rel=0.05)


@pytest.mark.parametrize("rate", [1.0, 4.0, 8.0])
def test_requests_in_a_poisson_stream(rate: float) -> None:
    point = at_rate(MODEL, TRAFFIC, rate)
    means = []
    for seed in range(4):
        served = simulate(MODEL, TRAFFIC, random_arrivals(rate, 300, seed))
        means.append((np.mean(served.ttft_s[60:]), np.mean(served.tpot_s[60:])))
    found = np.array(means)
    # Within three standard errors of the simulated means and a fifth, whichever is wider.
    for place, expected in enumerate((point.ttft_s[0], point.tpot_s[0])):
        mean, error = found[:, place].mean(), found[:, place].std(ddof=1) / 2.0
        assert abs(expected - mean) <= max(3.0 * error, 0.2 * mean)


def test_an_offline_run() -> None:
    point = offline(MODEL, TRAFFIC, 1500.0)
    served = simulate(MODEL, TRAFFIC, np.zeros(1500))
    assert served.tokens_per_s == pytest.approx(point.tokens_per_s[0], rel=0.1)


def test_nothing_is_lost_and_order_is_kept() -> None:
    rng = np.random.default_rng(3)
    prompts, answers = rng.integers(1, 2000, 120).astype(float), rng.integers(1, 200, 120).astype(float)
    served = simulate(MODEL, TRAFFIC, random_arrivals(20.0, 120, 1), input_tokens=prompts, output_tokens=answers)
    assert served.tokens == answers.sum()
    assert (served.ttft_s > 0).all()
    assert (served.latency_s >= served.ttft_s - 1e-12).all()
    first = served.arrival_s + served.ttft_s
    assert (np.diff(first) >= -1e-9).all()  # first come, first served
    with pytest.raises(ScenarioError, match="never fits"):
        simulate(MODEL, TRAFFIC, np.zeros(1), input_tokens=np.array([1e9]))


def _with(**changes: object) -> StepModel:
    stack = replace(MODEL.machine.stack, **changes)
    return StepModel(MODEL.service, Layout(tp=1), replace(MODEL.machine, stack=stack))


def test_users_with_answers_of_one_length_do_not_stay_in_step() -> None:
    point = closed_loop(MODEL, TRAFFIC, np.array([64.0]))
    served = simulate_closed_loop(MODEL, TRAFFIC, 64, 1024)
    assert np.mean(served.tpot_s[200:]) == pytest.approx(point.tpot_s[0], rel=0.05)
    assert served.tokens_per_s == pytest.approx(point.tokens_per_s[0], rel=0.06)


def test_answers_that_outgrow_the_room_are_put_back_and_nothing_is_lost() -> None:
    """At the closed form's most users few are put back; with a fifth more many are, and throughput gains nothing."""
    growing, traffic = _with(whole_answers=False), Traffic(1024.0, 4096.0)
    whole = largest_concurrency(_with(whole_answers=True), traffic)
    most = largest_concurrency(growing, traffic)
    assert 1.2 * whole < most < 2.0 * whole
    users = int(most)
    served = simulate_closed_loop(growing, traffic, users, 8 * users)
    assert served.put_back < 0.05 * 8 * users
    assert (served.latency_s >= served.ttft_s - 1e-12).all()
    crowded = simulate_closed_loop(growing, traffic, round(1.5 * users), 8 * users)
    assert crowded.put_back > 10 * max(served.put_back, 1)
    assert crowded.tokens == pytest.approx(served.tokens, rel=0.2)
    kept = simulate_closed_loop(_with(whole_answers=True), traffic, users, 4 * users)
    assert kept.put_back == 0
