"""Reserve accounts that hold a number of periods of what is due next."""

from __future__ import annotations

import math

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError

__all__ = ["ahead"]


def ahead(due: FloatArray, periods: float, start: int) -> FloatArray:
    """Balance that covers the next ``periods`` periods of what is due, (paths, periods + 1). [unit of ``due``]

    The whole periods ahead and the broken part of the one after: 0.25 years of annual service is a quarter of the next
    year's. Zero before ``start``, and in the last period, when nothing is due any more.

    Parameters
    ----------
    due : array, (paths, periods + 1)
        Service or cost by period.
    periods : float
        Length of the reserve in periods, >= 0.
    start : int
        Period at whose end the reserve is funded.

    Raises
    ------
    ScenarioError
        If the length is negative.
    """
    if not periods >= 0.0:
        raise ScenarioError(f"reserve of {periods} periods, must be 0 or more")
    out = np.zeros(due.shape)
    whole, part = math.floor(periods), periods - math.floor(periods)
    for step in range(1, whole + 2):
        weight = 1.0 if step <= whole else part
        if weight > 0.0 and step < due.shape[1]:
            out[:, :-step] += weight * due[:, step:]
    out[:, :start] = 0.0
    return out
