"""Correlation matrices: roots, and what happens to impossible ones."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.risk import correlation_root, nearest_correlation


def test_root_of_two_factors() -> None:
    root = correlation_root(np.array([[1.0, 0.6], [0.6, 1.0]]))
    assert root == pytest.approx(np.array([[1.0, 0.0], [0.6, 0.8]]))  # 0.36 + 0.64 = 1


def test_perfectly_correlated_factors_have_a_root_too() -> None:
    matrix = np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 1.0]])
    root = correlation_root(matrix)
    assert root @ root.T == pytest.approx(matrix, abs=1e-12)


def test_nearest_matrix_of_highams_example() -> None:
    # Higham (2002), section 4: nearest correlation matrix to [[1,1,0],[1,1,1],[0,1,1]], to four figures
    near = nearest_correlation(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]))
    assert near == pytest.approx(np.array([[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]]), abs=5e-5)


def test_impossible_correlations_are_refused_with_the_nearest_possible() -> None:
    with pytest.raises(ScenarioError, match=r"smallest eigenvalue -0\.8.*nearest that can: .*0\.5"):
        correlation_root(np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]))


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.array([[1.0, 0.2], [0.3, 1.0]]), "not symmetric"),
        (np.array([[1.0, 0.2], [0.2, 0.9]]), "diagonal"),
        (np.ones((2, 3)), "square"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "finite"),
    ],
)
def test_what_is_no_correlation_matrix_is_refused(matrix: np.ndarray, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        correlation_root(matrix)
