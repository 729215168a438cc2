"""Reverse stress: the most likely joint move of the factors that breaks the debt, found by optimisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.risk.factors import FACTORS, factors_of
from megawatt.risk.records import FactorPaths, FactorTerms
from megawatt.risk.sampling import from_modes, to_modes

__all__ = ["BreakingPoint", "breaking_points"]

_MODES: Final = 6
"""Slowest modes of each factor that the search moves; faster ones average out before a year's cover is tested."""
_ROUNDS: Final = 10
"""Rounds of the search."""
_DESCENTS: Final = 4
"""Last rounds, that go down the slope of the distance."""
_PROBE: Final = 0.2
"""Step aside, over the length of a direction, that the slope is taken from."""
_PROBED: Final = 1.5
"""Distance over the best so far, up to which the steps aside are followed."""
_CANDIDATES: Final = 96
"""Directions tried in a round."""
_HALVINGS: Final = 9
"""Bisections of a direction's length."""
_FAR: Final = 12.0
"""Standard deviations beyond which nothing is likely."""

Breaks = Callable[[FactorPaths], BoolArray]


@dataclass(frozen=True, slots=True)
class BreakingPoint:
    """The nearest joint shock that breaks the debt.

    ``distance`` is its length in standard deviations: about one path in 1 / Phi(-distance) lies beyond it if the edge
    is straight. ``normals`` (factors, months) are the shocks, ``factors`` the path. ``tenant_fails`` says whether the
    tenant's default was part of it, whose chance is then in ``likelihood`` too.
    """

    distance: float
    likelihood: float
    normals: FloatArray
    factors: FactorPaths
    tenant_fails: bool


def breaking_points(
    breaks: Breaks, terms: FactorTerms, months: int, start: FloatArray | None = None, seed: int = 0
) -> tuple[BreakingPoint, ...]:
    """Search the shortest vector of shocks, in the slow modes of all factors, at which ``breaks`` becomes true.

    Parameters
    ----------
    breaks : callable
        Whether the debt is broken on each path of factors.
    terms : FactorTerms
        Of the factors.
    months : int
        Length of a path.
    start : array, (factors, months), optional
        Shocks to begin with: such as the mean of simulated paths that broke.
    seed : int
        Of the directions.

    Returns
    -------
    tuple of BreakingPoint
        The nearest while the tenant pays, and the nearest with its default, the likelier first; those beyond twelve
        standard deviations are left out.

    Notes
    -----
    Only whether it breaks is asked, so covenants, reserves and sweeps need no derivative: directions are drawn around
    the best so far, ever closer, and each is bisected to the edge.
    """
    found = []
    for fails in (False, True):
        one = _search(breaks, terms, months, start, seed, fails)
        if one is not None:
            distance, direction = one
            chance = _tenant_chance(terms, months) if fails else 1.0
            tail = 0.5 * math.erfc(distance / math.sqrt(2.0)) if distance > 0.0 else 1.0
            normals = _normals(direction[None] * distance, months)
            paths = _paths(terms, normals, fails)
            found.append(BreakingPoint(distance, tail * chance, normals[:, :, 0], paths, fails))
    return tuple(sorted(found, key=lambda point: -point.likelihood))


def _tenant_chance(terms: FactorTerms, months: int) -> float:
    """Probability that the tenant fails at all."""
    by_year = terms.tenant_default_by_year or (terms.tenant_annual_default,)
    kept = 1.0
    for year in range(-(-months // 12)):
        kept *= 1.0 - by_year[min(year, len(by_year) - 1)]
    return 1.0 - kept


def _normals(modes: FloatArray, months: int) -> FloatArray:
    """Normals (factors, months, paths) of slow modes (paths, factors x modes)."""
    slow = min(_MODES, months)
    full = np.zeros((len(FACTORS), months, modes.shape[0]))
    full[:, :slow] = modes.T.reshape(len(FACTORS), slow, -1)
    return from_modes(full)


def _paths(terms: FactorTerms, normals: FloatArray, tenant_fails: bool) -> FactorPaths:
    """Factors on given shocks; the tenant pays throughout, or fails after a third of the time."""
    months, count = normals.shape[1:]
    made = factors_of(terms, normals, np.ones((-(-months // 12), count)))
    when = np.full(count, months // 3 if tenant_fails else -1, dtype=np.int64)
    return replace(made, tenant_default_month=when)


def _search(
    breaks: Breaks, terms: FactorTerms, months: int, start: FloatArray | None, seed: int, tenant_fails: bool
) -> tuple[float, FloatArray] | None:
    if tenant_fails and not _tenant_chance(terms, months) > 0.0:
        return None
    rng = np.random.default_rng(seed)
    size = len(FACTORS) * min(_MODES, months)

    def broken(modes: FloatArray) -> BoolArray:
        return np.asarray(breaks(_paths(terms, _normals(modes, months), tenant_fails)), dtype=bool)

    if broken(np.zeros((1, size)))[0]:
        return 0.0, np.zeros(size)

    def lengths(directions: FloatArray, most: float) -> FloatArray:
        """Where each direction, of length 1, first breaks the debt within ``most``; infinite where it does not."""
        low, high = np.zeros(len(directions)), np.full(len(directions), most)
        reach = broken(directions * high[:, None])
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            hit = broken(directions * middle[:, None])
            high, low = np.where(hit, middle, high), np.where(hit, low, middle)
        return np.where(reach, high, math.inf)

    best, best_length, width = np.zeros(size), math.inf, 1.0
    around = np.zeros(size) if start is None else _unit(to_modes(start)[:, : min(_MODES, months)].ravel())
    for number in range(_ROUNDS):
        tried = around + width * rng.standard_normal((_CANDIDATES, size)) / math.sqrt(size)
        tried[0] = around if around.any() else tried[0]
        if number >= _ROUNDS - _DESCENTS and math.isfinite(best_length):
            tried = _downhill(best, best_length, lengths, size)
        tried = _unit(tried)
        found = lengths(tried, min(_FAR, best_length))
        nearest = int(found.argmin())
        if found[nearest] < best_length:
            best, best_length = tried[nearest], float(found[nearest])
        around = best if math.isfinite(best_length) else around
        width *= 1.0 if number < 3 else 0.7
    return (best_length, best) if math.isfinite(best_length) else None


def _unit(vectors: FloatArray) -> FloatArray:
    """Vectors along the last axis at length 1; none where there is none."""
    size = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(size > 0.0, size, 1.0))


def _downhill(
    best: FloatArray, length: float, lengths: Callable[[FloatArray, float], FloatArray], size: int
) -> FloatArray:
    """Directions down the slope of the length around the best, in steps of several sizes, and without what is small."""
    aside = _PROBE * np.eye(size)
    found = lengths(_unit(np.concatenate([best + aside, best - aside])), _PROBED * length)
    up, down = np.minimum(found, _PROBED * length).reshape(2, size)
    slope = (up - down) / (2.0 * _PROBE * length)
    steps = np.geomspace(0.05, 2.0, _CANDIDATES // 2)[:, None]
    walked = best - steps * slope
    without = np.where(np.abs(walked) < 0.5 * np.abs(walked).max(axis=1, keepdims=True) * steps, 0.0, walked)
    return np.concatenate([walked, without])
