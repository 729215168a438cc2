"""What holds for all factors and samples."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from megawatt.risk import (
    conditional_default_probability,
    correlation_root,
    nearest_correlation,
    run_blocks,
    simulate_factors,
    summarise,
    tail_mean,
    wilson_interval,
)
from tests.unit.risk.factor_sample import sample_terms

SAMPLES = arrays(np.float64, st.integers(1, 200), elements=st.floats(-1e9, 1e9))


def normal_block(seed_sequence: np.random.SeedSequence, paths: int) -> dict[str, np.ndarray]:
    """Normals of a block."""
    return {"z": np.random.default_rng(seed_sequence).standard_normal((paths, 2))}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_root_rebuilds_the_matrix(size: int, seed: int) -> None:
    factor = np.random.default_rng(seed).standard_normal((size, size + 1))
    covariance = factor @ factor.T
    scale = np.sqrt(np.diag(covariance))
    matrix = covariance / np.outer(scale, scale)
    np.fill_diagonal(matrix, 1.0)
    matrix = (matrix + matrix.T) / 2
    root = correlation_root(matrix)
    assert np.allclose(root @ root.T, matrix, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_nearest_matrix_is_a_correlation_matrix(size: int, seed: int) -> None:
    upper = np.triu(np.random.default_rng(seed).uniform(-1, 1, (size, size)), 1)
    near = nearest_correlation(upper + upper.T + np.eye(size))
    assert np.allclose(near, near.T, atol=1e-9)
    assert np.allclose(np.diag(near), 1.0)
    assert np.linalg.eigvalsh(near)[0] > -1e-6
    correlation_root((near + near.T) / 2 * (1 - 1e-5) + 1e-5 * np.eye(size))


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.floats(0.001, 1.0))
def test_tail_mean_lies_between_the_worst_and_the_mean(values: np.ndarray, tail: float) -> None:
    slack = 1e-6 + 1e-9 * np.abs(values).max()
    assert values.min() - slack <= tail_mean(values, tail) <= values.mean() + slack


@settings(max_examples=60, deadline=None)
@given(SAMPLES)
def test_summary_is_ordered(values: np.ndarray) -> None:
    found = summarise(values)
    ladder = [found.p5, found.p25, found.p50, found.p75, found.p95]
    assert ladder == sorted(ladder)
    assert values.min() <= found.p5
    assert found.p95 <= values.max()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_holds_the_estimate_and_stays_a_probability(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= successes / trials <= high <= 1.0
    assert low < high


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-6, 0.9), st.floats(0.0, 0.95), st.floats(-5, 5), st.floats(0.001, 2))
def test_worse_years_bring_more_defaults(probability: float, correlation: float, factor: float, drop: float) -> None:
    good, bad = conditional_default_probability(probability, correlation, np.array([factor, factor - drop]))
    assert 0.0 <= good <= bad <= 1.0


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5000), st.integers(0, 2**32 - 1))
def test_more_paths_keep_the_whole_blocks_before_them(paths: int, seed: int) -> None:
    drawn, more = run_blocks(normal_block, paths, seed)["z"], run_blocks(normal_block, paths + 3000, seed)["z"]
    assert drawn.shape == (paths, 2)
    whole = paths // 2048 * 2048
    assert np.array_equal(drawn[:whole], more[:whole])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_factors_are_positive_and_defaults_fall_in_the_project(months: int, paths: int, seed: int) -> None:
    drawn = simulate_factors(sample_terms(tenant_annual_default=0.5), months, paths, np.random.SeedSequence(seed))
    for name in ("btc", "power", "compute", "demand"):
        level = getattr(drawn, name)
        assert level.shape == (paths, months)
        assert (level > 0).all()
    assert drawn.tenant_default_month.shape == (paths,)
    assert ((drawn.tenant_default_month >= -1) & (drawn.tenant_default_month < months)).all()
