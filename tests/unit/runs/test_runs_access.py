"""Access to clusters: the queue against formulas by hand and a simulation; spot capacity that is taken back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.runs import Reclaimed, access_figures, waits_frac


def test_one_cluster_waits_as_long_as_theory_says() -> None:
    figures = access_figures(clusters=1, used_frac=0.8, hold_days=10.0)
    assert figures["waits_frac"] == pytest.approx(0.8)
    assert figures["wait_days"] == pytest.approx(0.8 * 10.0 / 0.2)
    assert access_figures(clusters=1, used_frac=0.8, hold_days=10.0, variation=0.0)["wait_days"] == pytest.approx(20.0)


def test_two_clusters_by_hand() -> None:
    # Erlang's C for two servers: 2 rho^2 / (1 + rho).
    assert waits_frac(2, 0.5) == pytest.approx(2 * 0.25 / 1.5)


def test_the_queue_against_one_that_is_simulated() -> None:
    clusters, used, hold, requests = 4, 0.7, 20.0, 60_000
    rng = np.random.default_rng(3)
    arrive = np.cumsum(rng.exponential(hold / (clusters * used), requests))
    keep = rng.exponential(hold, requests)
    free = np.zeros(clusters)
    waits = np.empty(requests)
    for n in range(requests):
        first = int(np.argmin(free))
        waits[n] = max(free[first] - arrive[n], 0.0)
        free[first] = arrive[n] + waits[n] + keep[n]
    figures = access_figures(clusters=clusters, used_frac=used, hold_days=hold)
    assert waits.mean() == pytest.approx(figures["wait_days"], rel=0.1)
    assert (waits > 0.0).mean() == pytest.approx(figures["waits_frac"], rel=0.05)


@pytest.mark.parametrize(
    "wrong",
    [{"clusters": 0}, {"used_frac": 1.0}, {"used_frac": 0.0}, {"hold_days": 0.0}, {"variation": math.inf}],
)
def test_queues_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    told = {"clusters": 4, "used_frac": 0.5, "hold_days": 1.0, **wrong}
    with pytest.raises(ScenarioError, match="access: clusters"):
        access_figures(**told)  # type: ignore[arg-type]


def test_capacity_that_is_taken_back_is_an_interruption() -> None:
    taken = Reclaimed(5.0, 2.0).interruption(128.0, 600.0)
    assert taken.per_s * 86_400.0 == pytest.approx(128.0 * 5.0 / 1000.0)
    assert taken.downtime_s == pytest.approx(600.0 + 7_200.0)
    assert not taken.keeps_memory
