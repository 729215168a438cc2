"""Statistics by hand."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import MegawattError
from megawatt.risk import drivers, fan, summarise, tail_mean, wilson_interval
from megawatt.risk.summary import cumulative_by_month


def test_tail_mean_counts_parts_of_paths() -> None:
    values = np.arange(1.0, 31.0)
    # worst 5 % of 30 paths is 1.5 paths: (1 + 0.5 x 2) / 1.5
    assert tail_mean(values) == pytest.approx(2.0 / 1.5)
    assert tail_mean(np.array([7.0])) == 7.0
    assert tail_mean(values, tail=1.0) == pytest.approx(values.mean())


def test_summary_of_a_uniform_ladder() -> None:
    found = summarise(np.arange(101.0))
    assert (found.p5, found.p25, found.p50, found.p75, found.p95) == (5, 25, 50, 75, 95)
    assert found.mean == 50.0
    # sample standard deviation of 0..100 is sqrt(101 x 102 / 12) = 29.3002
    assert found.standard_error == pytest.approx(29.3001706 / 101**0.5)


def test_wilson_interval_of_a_textbook_case() -> None:
    # 8 of 10 at 95 %: (0.8 + 0.19207 -+ 1.95996 sqrt(0.016 + 0.0096036)) / 1.384146
    low, high = wilson_interval(8, 10)
    assert (low, high) == pytest.approx((0.490162, 0.943318), abs=1e-6)
    assert wilson_interval(0, 50)[0] == 0.0
    assert wilson_interval(0, 50)[1] == pytest.approx(3.8414588 / 53.8414588)  # z^2 / (n + z^2)
    assert wilson_interval(50, 50)[1] == 1.0


def test_fans_are_percentiles_by_month() -> None:
    found = fan(np.stack([np.arange(101.0), np.full(101, 3.0)], axis=1))
    assert found[:, 0].tolist() == [5, 25, 50, 75, 95]
    assert found[:, 1].tolist() == [3] * 5


def test_events_accumulate_by_month() -> None:
    assert cumulative_by_month(np.array([-1, 0, 2, 2]), 4).tolist() == [0.25, 0.25, 0.75, 0.75]


def test_drivers_are_rank_correlations() -> None:
    value = np.array([1.0, 2.0, 3.0, 4.0])
    found = drivers(
        {"up": value**3, "down": -value, "flat": np.ones(4), "mixed": np.array([2.0, 1.0, 4.0, 3.0])}, value
    )
    # mixed: 1 - 6 x 4 / (4 x 15) = 0.6
    assert found == pytest.approx({"up": 1.0, "down": -1.0, "flat": 0.0, "mixed": 0.6})


def test_values_that_are_not_there_are_an_error() -> None:
    with pytest.raises(MegawattError, match="1 of 3"):
        summarise(np.array([1.0, np.nan, 2.0]))
