"""Robust fits of few positive parameters, and how good they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray

__all__ = ["FitQuality", "Parameter", "quality", "solve", "standard_errors"]


_SCALE: Final = 0.05
"""Errors beyond this (5 %) count with their size, not their square: libraries change algorithm from shape to shape."""
_STEPS: Final = (3e-2, 1e-3)
"""Steps of the numeric derivative, one search after the other: the wide one sees past the corners of tiles."""
_SHIFT: Final = 1e3
"""Moves logarithms away from zero, so that relative steps are absolute ones."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A positive parameter: where the search starts, how far it may stray, and hard limits.

    ``spread`` is the standard deviation of its logarithm that costs as much as one average error; it keeps parameters
    that the data cannot tell apart near their physical start.
    """

    start: float
    spread: float = 1.0
    low: float = 1e-30
    high: float = 1e30


@dataclass(frozen=True, slots=True)
class FitQuality:
    """Rows used, median and 90th percentile of the absolute relative error."""

    rows: int
    median: float
    p90: float


def quality(predicted: FloatArray, measured: FloatArray) -> FitQuality:
    """Median and 90th percentile of |predicted / measured - 1|."""
    if not len(measured):
        return FitQuality(0, float("nan"), float("nan"))
    error = np.abs(predicted / measured - 1.0)
    return FitQuality(len(error), float(np.median(error)), float(np.quantile(error, 0.9)))


def _scaled(residual: FloatArray, scale: float, loss: str) -> tuple[FloatArray, FloatArray]:
    """Square roots of the weights that a robust loss gives rows (of the slope, of the residual)."""
    z = (residual / scale) ** 2
    first = (1.0 + z) ** -0.5 if loss == "soft_l1" else 1.0 / (1.0 + z)
    second = -0.5 * (1.0 + z) ** -1.5 if loss == "soft_l1" else -1.0 / (1.0 + z) ** 2
    slope = np.sqrt(np.maximum(first + 2.0 * second * z, 1e-6))
    return slope, residual * first / slope


def standard_errors(
    residuals: Callable[[dict[str, float]], FloatArray],
    parameters: Mapping[str, Parameter],
    values: Mapping[str, float],
    clusters: NDArray[np.integer],
    *,
    scale: float = _SCALE,
    loss: Literal["soft_l1", "cauchy"] = "soft_l1",
) -> dict[str, float]:
    """Standard errors of fitted parameters, as shares of their values, where rows of one geometry err together.

    Parameters
    ----------
    residuals, parameters, scale, loss
        As for `solve`.
    values : mapping of str to float
        The fitted parameters.
    clusters : array, shape (rows,)
        Group of each residual: errors inside a group are not independent.

    Returns
    -------
    dict
        By name, for parameters that were free; a parameter at one of its limits has the error of its prior at most.

    Notes
    -----
    The sandwich of White with clusters (Liang and Zeger 1986, doi 10.1093/biomet/73.1.13) in logarithms of the
    parameters, the prior of `solve` included.
    """
    free = [name for name, p in parameters.items() if p.high > p.low]
    base = residuals(dict(values))
    step = _STEPS[-1]
    columns = [(residuals({**values, name: values[name] * np.exp(step)}) - base) / step for name in free]
    slope, weighted = _scaled(base, scale, loss)
    jacobian = np.stack(columns, axis=1) * slope[:, None]
    spread = np.array([parameters[name].spread for name in free])
    prior = scale * np.sqrt(len(base) / 1000.0) / spread
    bread = np.linalg.pinv(jacobian.T @ jacobian + np.diag(prior**2))
    _, group = np.unique(clusters, return_inverse=True)
    scores = np.zeros((int(group.max()) + 1, len(free)))
    np.add.at(scores, group, jacobian * weighted[:, None])
    variance = np.diag(bread @ (scores.T @ scores) @ bread)
    return {name: float(min(e, p)) for name, e, p in zip(free, np.sqrt(np.maximum(variance, 0.0)), spread, strict=True)}


def solve(
    residuals: Callable[[dict[str, float]], FloatArray],
    parameters: Mapping[str, Parameter],
    *,
    scale: float = _SCALE,
    loss: Literal["soft_l1", "cauchy"] = "soft_l1",
    evaluations: int = 60,
) -> dict[str, float]:
    """Parameters that minimise a robust sum of logarithmic errors.

    Parameters
    ----------
    residuals : callable
        From parameters to errors ln(predicted / measured), one per row.
    parameters : mapping of str to Parameter
        What to fit. Parameters whose low and high are equal stay.
    scale : float
        Error where the penalty turns from square to linear (``soft_l1``) or logarithmic (``cauchy``).
    loss : str
        Which of the two.
    evaluations : int
        Most passes of the search.

    Notes
    -----
    Least squares with a robust loss in the logarithms of the parameters; a weak prior per parameter (its spread).
    """
    from scipy.optimize import least_squares

    free = [name for name, p in parameters.items() if p.high > p.low]
    fixed = {name: p.start for name, p in parameters.items() if p.high <= p.low}
    start = np.log([parameters[name].start for name in free])
    low = np.log([parameters[name].low for name in free])
    high = np.log([parameters[name].high for name in free])
    spread = np.array([parameters[name].spread for name in free])

    def values(x: FloatArray) -> dict[str, float]:
        return fixed | dict(zip(free, (float(v) for v in np.exp(x)), strict=True))

    rows = len(residuals(values(start)))
    # A prior weighs as much as one in a thousand rows at the corner of the loss.
    weight = scale * np.sqrt(rows / 1000.0) / spread

    def stacked(x: FloatArray) -> FloatArray:
        return np.concatenate([residuals(values(x)), weight * (x - start)])

    x = np.clip(start, low, high)
    for step in _STEPS:
        # The solver's step is relative to x; shifted so, it is absolute in the logarithm.
        found = least_squares(
            lambda y: stacked(y - _SHIFT),
            x + _SHIFT,
            bounds=(low - 1e-9 + _SHIFT, high + 1e-9 + _SHIFT),
            loss=loss,
            f_scale=scale,
            diff_step=step / _SHIFT,
            max_nfev=evaluations,
        )
        x = np.asarray(found.x, dtype=np.float64) - _SHIFT
    return values(x)
