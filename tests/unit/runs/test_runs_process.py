"""The process of a run: limits by hand, and the formula against the simulation."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.runs import (
    Interruption,
    Process,
    best_interval_s,
    expected,
    optimal_interval_s,
    simulate,
    young_daly_interval_s,
)


def daly(interval_s: float = 1000.0, stall_s: float = 10.0, mtbf_s: float = 9000.0) -> Process:
    return Process((Interruption("any", 1.0 / mtbf_s, 600.0),), interval_s, stall_s)


def test_checkpoint_interval_by_hand() -> None:
    # sqrt(2 x 60 x 10,800) - 60 = 1,138.4 - 60
    assert young_daly_interval_s(60.0, 10_800.0) == pytest.approx(1078.42, rel=1e-4)
    assert young_daly_interval_s(600.0, 1000.0) == 1000.0
    with pytest.raises(ScenarioError, match="allowed: above 0"):
        young_daly_interval_s(0.0, 100.0)


def test_wall_time_tends_to_first_order_loss() -> None:
    # overhead C / tau + (tau / 2 + C / 2 + R) / M for small intervals: 0.01 + (505 + 600) / 1e6
    wall = expected(daly(mtbf_s=1e6), 1e6).wall_s
    assert wall / 1e6 - 1 == pytest.approx(0.01 + (505 + 600) / 1e6, rel=0.02)


def test_without_memory_and_lag_the_mean_is_dalys() -> None:
    m, r, tau, c = 9000.0, 600.0, 1000.0, 10.0
    by_hand = m * math.exp(r / m) * math.expm1((tau + c) / m) * 100
    assert expected(daly(), 100 * tau).wall_s == pytest.approx(by_hand, rel=1e-12)


def test_a_machine_that_never_fails_loses_its_stalls_alone() -> None:
    quiet = Process((), 100.0, 5.0, lag_s=20.0)
    found = expected(quiet, 1000.0)
    assert found.wall_s == pytest.approx(10 * 105.0 + 20.0)
    assert found.interruptions == 0.0
    drawn = simulate(quiet, 1000.0, paths=3, seed=1)
    assert drawn.wall_s == pytest.approx(found.wall_s)


def test_memory_that_outlasts_every_interruption_loses_a_stretch_at_most() -> None:
    kept = Process((Interruption("any", 1e-4, 0.0, keeps_memory=True),), 100.0, 0.0, per_write=1000)
    lost = dataclasses.replace(kept, interruptions=(Interruption("any", 1e-4, 0.0),))
    assert expected(kept, 1e5).wall_s == pytest.approx(1e5 * (1 + 100 / 2 * 1e-4), rel=1e-3)
    assert expected(lost, 1e5).wall_s > 1e8


def test_parts_add_up() -> None:
    busy = dataclasses.replace(
        daly(), planned_every_s=1e5, planned_s=500.0, spares=0, repair_s=1000.0,
        interruptions=(Interruption("chip", 1e-5, 600.0, breaks_node=True),),
    )  # fmt: skip
    found = expected(busy, 1e6)
    parts = (found.useful_s, found.slower_s, found.stall_s, found.redone_s, found.down_s, found.waiting_s)
    assert sum(parts) + found.planned_s == pytest.approx(found.wall_s, rel=1e-12)
    assert all(part >= 0.0 for part in parts)
    assert found.waiting_s > 0.0


@pytest.mark.parametrize(("stall_s", "mtbf_s"), [(1.0, 1e5), (60.0, 9000.0), (500.0, 2000.0)])
def test_the_optimum_beats_its_neighbours_and_young_and_daly(stall_s: float, mtbf_s: float) -> None:
    def wall(tau: float) -> float:
        return (math.expm1((tau + stall_s) / mtbf_s)) / tau

    best = optimal_interval_s(stall_s, mtbf_s)
    assert all(wall(best) < wall(best * factor) for factor in (0.99, 1.01))
    assert wall(best) <= wall(young_daly_interval_s(stall_s, mtbf_s))
    searched = best_interval_s(daly(stall_s=stall_s, mtbf_s=mtbf_s), least_s=stall_s / 10, most_s=10 * mtbf_s)
    assert searched == pytest.approx(best, rel=1e-3)


def test_a_run_that_makes_no_progress_is_refused() -> None:
    with pytest.raises(InfeasibleError, match="makes no progress: an interruption every 10 s"):
        expected(daly(mtbf_s=10.0), 1e6)
    with pytest.raises(ScenarioError, match="the first above 0"):
        daly(interval_s=0.0)


_CAUSES = st.builds(
    Interruption,
    name=st.just("any"),
    per_s=st.floats(0.0, 1.0),
    downtime_s=st.floats(0.0, 0.1),
    keeps_memory=st.booleans(),
    breaks_node=st.booleans(),
)


@given(
    causes=st.lists(_CAUSES, min_size=1, max_size=4),
    failures=st.floats(0.1, 60.0),
    writes=st.integers(4, 100),
    per_write=st.integers(1, 4),
    stall=st.floats(0.0, 0.3),
    lag=st.floats(0.0, 1.0),
    spares=st.integers(0, 4),
    repair=st.just(0.0) | st.floats(1e-6, 0.1),
    elastic=st.booleans(),
    replica=st.sampled_from([0.01, 0.05, 0.1]),
    planned=st.booleans(),
)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_formula_and_simulation_agree(
    causes: list[Interruption], failures: float, writes: int, per_write: int, stall: float, lag: float, spares: int,
    repair: float, elastic: bool, replica: float, planned: bool,
) -> None:  # fmt: skip
    """Goodput of 500 random machines: the mean of 400 simulated runs is within four standard errors of the formula."""
    work_s, total = 1e6, sum(c.per_s for c in causes)
    assume(total > 0.0)
    per_s = failures / work_s
    kinds = tuple(
        dataclasses.replace(c, per_s=c.per_s / total * per_s, downtime_s=c.downtime_s / per_s) for c in causes
    )
    interval = work_s / (writes * per_write)
    machine = Process(
        kinds, interval, stall * interval, per_write, lag * interval, nodes=100, spares=spares,
        repair_s=repair * work_s, shortage="elastic" if elastic else "wait", replica_frac=replica,
        planned_every_s=work_s / 5 if planned else 0.0, planned_s=work_s / 100,
    )  # fmt: skip
    try:
        mean = expected(machine, work_s).wall_s
    except InfeasibleError:
        mean = math.inf
    assume(mean < 2.0 * work_s)
    drawn = simulate(machine, work_s, paths=400, seed=writes).wall_s
    error = drawn.std() / math.sqrt(len(drawn))
    # Rounding where no path differs from another.
    assert abs(drawn.mean() - mean) <= 4.0 * error + 1e-6 * mean, (drawn.mean() / work_s, mean / work_s)


def test_drawn_rates_and_steps_spread_the_paths() -> None:
    factors = np.repeat([0.5, 2.0], 200)
    drawn = simulate(daly(), 1e6, paths=400, seed=3, rate_factor=factors)
    assert drawn.interruptions[200:].mean() > 3.0 * drawn.interruptions[:200].mean()
    slower = simulate(daly(), 1e6, paths=400, seed=3, work_factor=factors)
    assert slower.wall_s[200:].mean() > 3.5 * slower.wall_s[:200].mean()
