"""When a tenant defaults: by a probability a year, or as its rating wanders, in bad years of what all tenants share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError

__all__ = [
    "GRADES",
    "conditional_default_probability",
    "default_months",
    "defaults_of_rating",
    "rated_default_months",
]

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


def _moves() -> FloatArray:
    """Probability of each grade a year later, default last, (grades, grades + 1)."""
    moves = np.array(_PERCENT)
    return np.asarray(moves / moves.sum(axis=1, keepdims=True))


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
    moves = _moves()
    held = np.eye(len(GRADES))[GRADES.index(rating)]
    out = []
    for _ in range(years):
        held = held @ moves
        out.append(float(held[-1] / held.sum()))
        held = held[:-1]
    return tuple(out)


def _years(common_shocks: FloatArray) -> list[tuple[int, FloatArray]]:
    """Length of each year [months], the last may be short, and its common factor, standard normal, (paths,)."""
    months = common_shocks.shape[0]
    parts = [common_shocks[start : start + 12] for start in range(0, months, 12)]
    return [(part.shape[0], part.sum(axis=0) / math.sqrt(part.shape[0])) for part in parts]


def conditional_default_probability(probability: float, correlation: float, factor: FloatArray) -> FloatArray:
    """Default probability of a name given the common factor, same shape as ``factor``.

    Phi((Phi^-1(p) - sqrt(rho) f) / sqrt(1 - rho)): one-factor Gaussian threshold model; over a standard normal
    factor it averages to ``probability`` exactly. A low factor is a bad year.

    Parameters
    ----------
    probability : float
        Unconditional probability, 0 to below 1.
    correlation : float
        Correlation rho of two names' latent values, 0 to below 1.

    Notes
    -----
    Source: Vasicek (2002), loan portfolio value; the same form as in [bis-cre31].
    """
    return _conditional(np.full(np.shape(factor), probability), correlation, factor)


def _conditional(probability: FloatArray, correlation: float, factor: FloatArray) -> FloatArray:
    """As `conditional_default_probability`, a probability for each path."""
    from scipy.special import ndtr, ndtri  # scipy loads slowly; only simulations need it

    # none at all is a threshold at minus infinity
    threshold = ndtri(probability)
    return np.asarray(
        ndtr((threshold - math.sqrt(correlation) * factor) / math.sqrt(1.0 - correlation)), dtype=np.float64
    )


def default_months(
    common_shocks: FloatArray, uniforms: FloatArray, annual_probability: Sequence[float], correlation: float
) -> IntArray:
    """Month in which each path's tenant defaults, (paths,); -1 if it does not.

    Each year's common factor is the sum of that year's twelve innovations, made standard normal; the tenant
    defaults in the year if its uniform falls below the conditional probability, so each year's default probability is
    ``annual_probability`` exactly, and years are independent given survival. The month within the year is the
    uniform's place below the probability, hence even over the year. A last year of n months has probability
    1 - (1 - p)^(n / 12).

    Parameters
    ----------
    common_shocks : array, (months, paths)
        Standard normal innovations of what tenants' health has in common, independent by month.
    annual_probability : sequence of float
        Of each year, given survival; the last holds for all later years.
    uniforms : array, (years, paths)
        One uniform a year (the last may be short).
    """
    first = np.full(common_shocks.shape[1], -1, dtype=np.int64)
    for year, (length, factor) in enumerate(_years(common_shocks)):
        asked = annual_probability[min(year, len(annual_probability) - 1)]
        probability = -math.expm1(math.log1p(-asked) * length / 12.0)
        chance = conditional_default_probability(probability, correlation, factor)
        first = _failed_in(first, 12 * year, length, chance, uniforms[year])
    return first


def rated_default_months(common_shocks: FloatArray, uniforms: FloatArray, rating: str, correlation: float) -> IntArray:
    """Month in which each path's rated tenant defaults, (paths,); -1 if it does not.

    A year's latent value is sqrt(rho) f + sqrt(1 - rho) Z, f the year's common factor and Z of the tenant's uniform;
    the thresholds of the grade that it has then say where it goes. Good years lift ratings, bad years lower them; over
    all paths grades move by the matrix exactly, so defaults by year are those of `defaults_of_rating`.

    Parameters
    ----------
    common_shocks : array, (months, paths)
        As of `default_months`.
    uniforms : array, (years, paths)
        One uniform a year (the last may be short).
    rating : str
        Grade today, one of `GRADES`.
    correlation : float
        Correlation rho of two tenants' latent values, 0 to below 1.

    Notes
    -----
    Source: Gupton, Finger and Bhatia (1997), CreditMetrics; the same latent value as in [bis-cre31].
    """
    from scipy.special import ndtri  # scipy loads slowly; only simulations need it

    # chance of each grade or worse, default first
    worse = np.cumsum(_moves()[:, ::-1], axis=1)
    grade = np.full(common_shocks.shape[1], GRADES.index(rating))
    first = np.full(common_shocks.shape[1], -1, dtype=np.int64)
    for year, (length, factor) in enumerate(_years(common_shocks)):
        probability = -np.expm1(np.log1p(-worse[grade, 0]) * length / 12.0)
        latent = math.sqrt(correlation) * factor + math.sqrt(1.0 - correlation) * ndtri(uniforms[year])
        first = _failed_in(first, 12 * year, length, _conditional(probability, correlation, factor), uniforms[year])
        steps = ndtri(np.minimum(worse[grade, :-1], 1.0))
        grade = len(GRADES) - np.maximum((latent[:, None] > steps).sum(axis=1), 1)
    return first


def _failed_in(first: IntArray, start: int, length: int, chance: FloatArray, drawn: FloatArray) -> IntArray:
    """Months of default with those of one year added: its place in the year is the uniform's below the chance."""
    defaults = (drawn < chance) & (first < 0)
    place = np.floor(length * drawn / np.where(chance > 0.0, chance, 1.0)).astype(np.int64)
    return np.where(defaults, start + np.minimum(place, length - 1), first)
