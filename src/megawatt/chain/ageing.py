"""Age of the miners that stand in each month."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.capital import Calendar, Replacement
from megawatt.mining import hash_kept_frac

__all__ = ["hashes_kept_frac"]


def hashes_kept_frac(
    calendar: Calendar, replaced: Replacement | None, loss_per_year: float, age_months: int = 0
) -> NDArray[np.float64]:
    """Hash rate of the blocks that are live relative to new machines, (months,); 1 before the first is.

    Parameters
    ----------
    calendar : Calendar
        Months, and when each block is live.
    replaced : Replacement or None
        New machines take the place of old ones in its months.
    loss_per_year : float
        As of `hash_kept_frac`. [1/year]
    age_months : int
        Age of the first machines when their block goes live.
    """
    month = np.arange(calendar.spine.months)
    kept, live = np.zeros(month.size), np.zeros(month.size)
    for hall in calendar.halls:
        bought = hall.month - age_months
        age = month - bought
        for due in replaced.months_of(hall, month.size) if replaced else ():
            age = np.where(month >= due, month - due, age)
        share = hall.share * (month >= hall.month)
        kept += share * hash_kept_frac(np.maximum(age, 0) / 12.0, loss_per_year)
        live += share
    return np.where(live > 0.0, kept / np.where(live > 0.0, live, 1.0), 1.0)
