"""How a rated tenant's probability of default grows as its rating wanders."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.errors import ScenarioError

__all__ = ["GRADES", "defaults_of_rating"]

GRADES: Final = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC")
"""Grades that a tenant may have."""

_PERCENT: Final = (
    (93.66, 5.83, 0.40, 0.08, 0.03, 0.0, 0.0, 0.0),
    (0.66, 91.72, 6.94, 0.49, 0.06, 0.09, 0.02, 0.01),
    (0.07, 2.25, 91.76, 5.19, 0.49, 0.20, 0.01, 0.04),
    (0.03, 0.25, 4.83, 89.26, 4.44, 0.81, 0.16, 0.22),
    (0.03, 0.07, 0.44, 6.67, 83.31, 7.47, 1.05, 0.98),
    (0.0, 0.10, 0.33, 0.46, 5.77, 84.19, 3.87, 5.30),
    (0.16, 0.0, 0.31, 0.93, 2.00, 10.74, 63.96, 21.94),
)
"""Grade a year later, default last: Standard & Poor's, bonds of 1981 to 2000, adjusted for withdrawn ratings. [%]"""


def defaults_of_rating(rating: str, years: int) -> tuple[float, ...]:
    """Probability of default in each year given survival, from a grade today.

    Grades move by the same matrix every year, whatever they were before (a Markov chain); rows are scaled to one.

    Parameters
    ----------
    rating : str
        One of `GRADES`.
    years : int
        Length of the result, >= 1.

    Raises
    ------
    ScenarioError
        If the grade is unknown or there is no year.
    """
    if rating not in GRADES or years < 1:
        raise ScenarioError(f"risk.tenant_rating = {rating!r} for {years} years, must be one of {', '.join(GRADES)}")
    moves = np.array(_PERCENT)
    moves /= moves.sum(axis=1, keepdims=True)
    held = np.eye(len(GRADES))[GRADES.index(rating)]
    out = []
    for _ in range(years):
        held = held @ moves
        out.append(float(held[-1] / held.sum()))
        held = held[:-1]
    return tuple(out)
