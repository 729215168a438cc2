"""A plan's year in a few numbers: how high its import stands for how long, and how often its uses are off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.dispatch.hourly import HourlyPlan, HourlyProblem

__all__ = ["LoadDuration", "load_duration", "lost_usd"]

_LEVELS: Final = (1.0, 0.9, 0.5, 0.1)
"""Shares of the hours that a load duration is read at."""
_OFF: Final = 1e-3
"""A use that takes less than this share of what it is offered counts as off."""


@dataclass(frozen=True, slots=True)
class LoadDuration:
    """Highest import and import exceeded in 10, 50 and 90 % of the hours [MW], and by use the hours in which it is
    off."""

    import_mw: tuple[float, ...]
    off_hours: Mapping[str, int]


def load_duration(problem: HourlyProblem, plan: HourlyPlan) -> LoadDuration:
    """The load-duration figures of a plan of this problem."""
    levels = np.quantile(plan.mw[problem.imports.name], _LEVELS)
    off = {b.name: plan.mw[b.name] < _OFF * np.maximum(b.mw.sum(axis=1), 1e-9) for b in problem.uses}
    return LoadDuration(tuple(levels.tolist()), {name: int(hours.sum()) for name, hours in off.items()})


def lost_usd(earned_usd: Mapping[str, float]) -> dict[str, float]:
    """What each of several plans earns less than the one with perfect foresight, keyed as `foresight_plans`. [USD]"""
    return {name: earned_usd["perfect"] - usd for name, usd in earned_usd.items()}
