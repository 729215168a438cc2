"""Named episodes and demand scenarios as paths of the factors: levels at a few months, even in logs between them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.risk.factors import FACTORS, base_factors
from megawatt.risk.records import FactorPaths, FactorTerms

__all__ = ["Episode", "demand_scenarios", "episode_factors", "episode_levels", "named_episodes"]

_POINT: Final = re.compile(rf"({'|'.join(FACTORS)})_month_(\d+)_level")


@dataclass(frozen=True, slots=True)
class Episode:
    """A path of the factors over their base case: ``points`` by factor are (month, level) from 1 at month 0 on."""

    key: str
    title: str
    points: dict[str, tuple[tuple[int, float], ...]]
    weight: float | None
    assumptions: tuple[Assumption, ...]


def _episode(catalogue: Catalogue, key: str) -> Episode:
    entry = catalogue.get(key)
    points: dict[str, list[tuple[int, float]]] = {}
    for field in entry.facts:
        found = _POINT.fullmatch(field)
        if found:
            points.setdefault(found[1], []).append((int(found[2]), catalogue.number(key, field)))
    weight = catalogue.number(key, "weight_frac") if "weight_frac" in entry.facts else None
    facts = tuple(catalogue.assume(key, field, "risk") for field in entry.facts)
    return Episode(key, entry.title, {name: tuple(sorted(at)) for name, at in points.items()}, weight, facts)


def named_episodes(catalogue: Catalogue) -> tuple[Episode, ...]:
    """Episodes of the catalogue: November 2025, 2022, 2018, the end of the fibre boom, 2008."""
    return tuple(_episode(catalogue, key) for key in catalogue.keys("stress") if key.startswith("stress-"))


def demand_scenarios(catalogue: Catalogue) -> tuple[Episode, ...]:
    """Outlooks of demand for AI compute with their weights, which add up to 1."""
    return tuple(_episode(catalogue, key) for key in catalogue.keys("stress") if key.startswith("demand-"))


def episode_levels(episode: Episode, factor: str, months: int, begins: int = 0) -> FloatArray:
    """Level of a factor over its start by month, (months,): 1 before the episode begins, the last held to the end."""
    at = ((0, 1.0), *episode.points.get(factor, ()))
    after = np.arange(months) + 1.0 - begins
    logs = np.interp(after, [month for month, _ in at], [np.log(value) for _, value in at])
    return np.asarray(np.exp(np.where(after > 0.0, logs, 0.0)))


def episode_factors(episode: Episode, terms: FactorTerms, months: int, begins: int = 0) -> FactorPaths:
    """The base case with an episode on it that begins after some months: one path; the tenant pays.

    Parameters
    ----------
    episode : Episode
        Levels over the base case; the last holds to the end.
    terms : FactorTerms
        Of the base case.
    months : int
        Length of the path.
    begins : int
        Months before it begins, 0 to below ``months``.
    """
    base = base_factors(terms, months)

    moved = {name: getattr(base, name) * episode_levels(episode, name, months, begins)[None, :] for name in FACTORS}
    return replace(base, **moved)
