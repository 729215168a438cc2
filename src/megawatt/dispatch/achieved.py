"""What an operator achieves of what flexible uses could earn: a plan made a day ahead, settled at prices as they come.

Three years of one site: nobody looks at prices; tomorrow's are known the day before, and the battery follows that plan
while uses follow the price of the hour; all are known from the start. The last bounds what any operator can do (an
information relaxation: Brown, Smith and Sun 2010), so the share between them is at least what is achieved of the best.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.signal import lfilter

from megawatt.arrays import FloatArray
from megawatt.dispatch.foresight import day_ahead, peak_targets
from megawatt.dispatch.hourly import HourlyPlan, HourlyProblem
from megawatt.dispatch.ledgers import plan_cost_usd
from megawatt.dispatch.optimising import optimise

__all__ = ["ERROR_FRAC", "Achieved", "achieved", "real_time"]

ERROR_FRAC: Final = 0.3
"""Mean absolute difference of real-time from day-ahead prices, as a share of the price: assumed."""
_MEMORY: Final = 0.7
"""Correlation of the error of an hour with the hour before: assumed."""
_LEAST_USD: Final = 1.0
"""A year's flexible value below which no share of it is told."""


@dataclass(frozen=True, slots=True)
class Achieved:
    """Cost less revenue of a year under what is known of its prices. [USD]

    ``unmanaged_usd``: uses run, or not, for the year's mean price, the battery stands; ``day_ahead_usd``: settled at
    the day-ahead price; ``real_time_usd`` and ``real_time_perfect_usd``: settled at real-time prices that differ from
    what was known by ``error_frac`` in the mean, and their own perfect foresight.
    """

    unmanaged_usd: float
    day_ahead_usd: float
    perfect_usd: float
    real_time_unmanaged_usd: float
    real_time_usd: float
    real_time_perfect_usd: float
    error_frac: float

    @property
    def flexible_usd(self) -> float:
        """What flexible uses earn with perfect foresight: the bound."""
        return self.unmanaged_usd - self.perfect_usd

    @property
    def gap_usd(self) -> float:
        """What not knowing prices beyond the next day costs."""
        return self.day_ahead_usd - self.perfect_usd

    @property
    def share(self) -> float | None:
        """Share of the flexible value that a day-ahead plan achieves; None where there is none."""
        return None if self.flexible_usd < _LEAST_USD else 1.0 - self.gap_usd / self.flexible_usd

    @property
    def real_time_share(self) -> float | None:
        """The same at real-time prices."""
        could = self.real_time_unmanaged_usd - self.real_time_perfect_usd
        return None if could < _LEAST_USD else 1.0 - (self.real_time_usd - self.real_time_perfect_usd) / could


def achieved(
    problem: HourlyProblem, perfect: HourlyPlan | None = None, *, error_frac: float = ERROR_FRAC, seed: int = 0
) -> Achieved:
    """A site's year with what its operator knows of prices.

    Parameters
    ----------
    problem : HourlyProblem
        The year at day-ahead prices, of whole days; the structure of `megawatt.dispatch.foresight.day_ahead`.
    perfect : HourlyPlan, optional
        Its optimum, where it is known.
    error_frac : float
        Mean absolute difference of real-time from day-ahead prices, as a share of the price, >= 0.
    seed : int
        Of the differences.

    Raises
    ------
    ScenarioError
        If rolling plans do not know the problem's structure; says what.
    InfeasibleError
        If firm load cannot be served.
    """
    target = peak_targets(problem)
    there = real_time(problem, error_frac, seed)
    return Achieved(
        unmanaged_usd=_unmanaged_usd(problem),
        day_ahead_usd=day_ahead(problem, target).objective_usd,
        perfect_usd=(optimise(problem) if perfect is None else perfect).objective_usd,
        real_time_unmanaged_usd=_unmanaged_usd(there),
        real_time_usd=day_ahead(there, target, known=problem).objective_usd,
        real_time_perfect_usd=optimise(there).objective_usd,
        error_frac=error_frac,
    )


def real_time(problem: HourlyProblem, error_frac: float, seed: int) -> HourlyProblem:
    """The year with other prices of grid energy from hour to hour: log-normal, with a memory, of the same mean."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    noise = rng.standard_normal(problem.hours)
    steady = np.asarray(lfilter([np.sqrt(1.0 - _MEMORY**2)], [1.0, -_MEMORY], noise))
    # the mean absolute difference of exp(s z - s^2 / 2) from 1 is 4 Phi(s / 2) - 2, near s (2 / pi)^(1/2)
    size = error_frac * np.sqrt(np.pi / 2.0)
    factor = np.exp(size * steady - 0.5 * size**2)
    imports = problem.imports
    return replace(problem, imports=replace(imports, usd_per_mwh=imports.usd_per_mwh * factor[:, np.newaxis]))


def _unmanaged_usd(problem: HourlyProblem) -> float:
    """Cost of the year of a site that looks at its mean price alone."""
    imports = problem.imports
    mean = np.broadcast_to(imports.usd_per_mwh.mean(axis=0), imports.usd_per_mwh.shape)
    uses = tuple(
        replace(b, usd_per_mwh=np.broadcast_to(b.usd_per_mwh.mean(axis=0), b.usd_per_mwh.shape)) for b in problem.uses
    )
    plain = replace(problem, imports=replace(imports, usd_per_mwh=mean), uses=uses, storages=(), peaks=())
    mw: dict[str, FloatArray] = dict(optimise(plain).mw)
    none = np.zeros(problem.hours)
    for storage in problem.storages:
        mw |= {f"{storage.name}.{flow}": none for flow in ("charge", "discharge", "state")}
    return plan_cost_usd(problem, mw)
