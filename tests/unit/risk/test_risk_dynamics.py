"""Jumps, regimes and t copulas against what they must be on average."""

from __future__ import annotations

import math

import numpy as np
import pytest

from megawatt.risk import (
    geometric_brownian,
    jump_diffusion,
    regime_path,
    regime_returns,
    t_copula_normals,
)

PATHS = 60_000
RNG = np.random.default_rng(7)


def close(values: np.ndarray, exact: float) -> None:
    assert abs(values.mean() - exact) < 4 * values.std() / math.sqrt(values.size)


def test_jumps_keep_the_expectation_and_without_them_it_is_brownian() -> None:
    z, u, j = RNG.standard_normal((12, PATHS)), RNG.random((12, PATHS)), RNG.standard_normal((12, PATHS))
    terms = {"volatility": 0.4, "drift": 0.1, "jump_mean": -0.3, "jump_sd": 0.2}
    close(jump_diffusion(z, u, j, jumps_per_year=1.5, **terms)[-1], math.exp(0.1))
    calm = jump_diffusion(z, u, j, jumps_per_year=0.0, **terms)
    assert calm == pytest.approx(geometric_brownian(z, 0.4, 0.1))


def test_a_chain_stays_as_long_as_its_matrix_says() -> None:
    matrix = np.array([[0.9, 0.1], [0.3, 0.7]])
    states = regime_path(RNG.random((60, PATHS)), matrix, np.array([0.75, 0.25]))
    close((states[-1] == 1).astype(float), 0.25)
    moved = states[1:][states[:-1] == 0]
    close((moved == 1).astype(float), 0.1)
    returns = regime_returns(states, np.zeros(states.shape), np.array([0.01, -0.1]), np.array([0.1, 0.2]))
    assert set(np.unique(returns)) == {0.01, -0.1}


def test_a_t_copula_keeps_margins_and_moves_extremes_together() -> None:
    rho, df = 0.5, 4.0
    plain = np.linalg.cholesky([[1.0, rho], [rho, 1.0]]) @ RNG.standard_normal((2, 4 * PATHS))
    tied = t_copula_normals(plain, RNG.chisquare(df, 4 * PATHS), df)
    assert np.isfinite(tied).all()
    close(tied[0], 0.0)
    close(tied[0] ** 2, 1.0)
    low = -2.326
    assert (tied < low).all(axis=0).mean() > 1.7 * (plain < low).all(axis=0).mean()
    many = t_copula_normals(plain, np.full(4 * PATHS, 1e8), 1e8)
    assert many == pytest.approx(plain, abs=1e-5)
