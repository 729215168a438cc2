"""What a power reading shows of a kernel whose run was too short for the instrument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["WARM_ROWS", "ColdReading", "cold_reading", "read_power_w"]

FloatArray = NDArray[np.float64]

_LEAST_ROWS: Final = 8
_LEAST_GAIN: Final = 0.1
"""A threshold that does not remove a tenth of the error is chance."""
WARM_ROWS: Final = 3584
"""Largest m whose readings follow a series under load in all published tables."""


@dataclass(frozen=True, slots=True)
class ColdReading:
    """First shapes of a series, read low: from ``rows`` (m) on, the reading is ``share`` of the power.

    NVML averages over the last second. A collector that measures the largest m first reads the pause before it, too.
    """

    rows: float
    share: float


def cold_reading(m: FloatArray, ratio: FloatArray) -> ColdReading | None:
    """The threshold and share that explain readings best; None where readings do not fall with m.

    Parameters
    ----------
    m : array, shape (n,)
        Rows of the multiplies.
    ratio : array, shape (n,)
        Reading over predicted power, of kernels long enough not to mix in gaps.
    """
    log = np.log(ratio)
    whole = float(np.abs(log).sum())
    best: tuple[float, float, float] | None = None
    for threshold in np.unique(m[m > WARM_ROWS]):
        above = m >= threshold
        if above.sum() < _LEAST_ROWS:
            continue
        share = min(float(np.median(log[above])), 0.0)
        error = float(np.abs(log - np.where(above, share, 0.0)).sum())
        if best is None or error < best[0]:
            best = (error, float(threshold), float(np.exp(share)))
    if best is None or best[0] >= (1.0 - _LEAST_GAIN) * whole:
        return None
    return ColdReading(best[1], best[2])


def read_power_w(power_w: FloatArray, m: FloatArray, cold: ColdReading | None) -> FloatArray:
    """Reading of the instrument where the chip draws ``power_w``. [W]"""
    if cold is None:
        return power_w
    return np.where(m >= cold.rows, cold.share * power_w, power_w)
