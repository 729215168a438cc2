"""Correlation matrices: check, nearest valid one, and a root to mix independent normals with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import Problem, ScenarioError

__all__ = ["correlation_root", "nearest_correlation"]


_ROUNDING = 1e-9
"""Differences that rounding makes."""
_ITERATIONS = 1000
"""Projections at most."""
_SAID = 0.05
"""Changes of a correlation that the message names."""


def correlation_root(correlation: FloatArray, names: Sequence[str] = ()) -> FloatArray:
    """Lower-triangular Cholesky root of a correlation matrix, (n, n); any root where the matrix is singular.

    ``names`` (n) are those of the factors, for the message.

    Raises
    ------
    ScenarioError
        If the matrix is not symmetric with a unit diagonal, or no factors can have these correlations together; the
        message then gives the nearest matrix that they can have.
    """
    matrix = np.asarray(correlation, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.all(np.isfinite(matrix)):
        raise ScenarioError(f"risk.correlation: shape {matrix.shape}, must be a square matrix of finite numbers")
    if not np.allclose(matrix, matrix.T, rtol=0.0, atol=_ROUNDING):
        raise ScenarioError("risk.correlation: not symmetric; give the same value for (i, j) and (j, i)")
    if not np.allclose(np.diag(matrix), 1.0, rtol=0.0, atol=_ROUNDING):
        raise ScenarioError(f"risk.correlation: diagonal {np.diag(matrix)}, must be 1 (a factor with itself)")
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < -_ROUNDING:
        found = f"no factors can have these correlations together (smallest eigenvalue {values[0]:.3g})"
        allowed = f"correlations with an eigenvalue of 0 or more; the nearest that can: {_nearest(matrix, names)}"
        raise ScenarioError(f"risk.correlation: {found}", [Problem("risk.correlation", found, allowed)])
    if values[0] > _ROUNDING:
        return np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)), dtype=np.float64)


def _nearest(matrix: FloatArray, names: Sequence[str]) -> str:
    """Correlations of the nearest matrix that differ from those asked for, by pair."""
    near, labels = nearest_correlation(matrix), names or [str(i) for i in range(len(matrix))]
    pairs = [(i, j) for i, j in np.argwhere(np.abs(near - matrix) > _SAID) if i < j]
    return ", ".join(f"{labels[i]} and {labels[j]} {near[i, j]:.2f} (not {matrix[i, j]:.2f})" for i, j in pairs)


def nearest_correlation(matrix: FloatArray) -> FloatArray:
    """Nearest correlation matrix in the Frobenius norm, (n, n).

    Alternating projections on the positive semidefinite matrices and on those with unit diagonal, with Dykstra's
    correction. Source: Higham (2002), IMA J. Numer. Anal. 22, algorithm 3.3.
    """
    y: FloatArray = np.array(matrix, dtype=np.float64)
    correction = np.zeros_like(y)
    for _ in range(_ITERATIONS):
        r = y - correction
        values, vectors = np.linalg.eigh(r)
        x = (vectors * np.maximum(values, 0.0)) @ vectors.T
        correction = x - r
        following: FloatArray = np.array(x, dtype=np.float64)
        np.fill_diagonal(following, 1.0)
        if np.max(np.abs(following - y)) < 1e-12:
            return following
        y = following
    return y
