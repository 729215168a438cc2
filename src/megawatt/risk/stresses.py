"""Named and dated stresses: what one market does, and what the others then do, on one path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.risk.factors import FACTORS, base_factors
from megawatt.risk.records import FactorPaths, FactorTerms

__all__ = ["Stress", "moved_together", "stressed_factors"]


@dataclass(frozen=True, slots=True)
class Stress:
    """A slump (or a boom) with a date.

    Attributes
    ----------
    name, source : str
        What it is called, and where it is from (``assumed`` where nobody has published it).
    start_month, over_months, hold_months : int
        Month index before which nothing has moved, months of the move, months at its end.
    back_months : int, optional
        Months of the way back; None: it stays.
    changes : mapping
        Change at the worst by factor, -0.5 for half; factors that are not named follow those that are.
    default_month : int
        Month index from which the tenant pays nothing; -1 never.
    """

    name: str
    start_month: int
    over_months: int
    hold_months: int
    back_months: int | None
    changes: Mapping[str, float]
    default_month: int = -1
    source: str = "assumed"


def moved_together(terms: FactorTerms, changes: Mapping[str, float]) -> dict[str, float]:
    """Change of every factor when some change so much: the others by their expectation given those.

    Logarithms of the factors are jointly normal over a short time, with the volatilities and the correlation of the
    terms; what is not given moves by covariance with the given over their variance.

    Raises
    ------
    ScenarioError
        If a factor is unknown or falls to nothing.
    """
    unknown = set(changes) - set(FACTORS)
    if unknown or not all(change > -1.0 for change in changes.values()):
        raise ScenarioError(f"risk.stress: changes {dict(changes)}, must be of {', '.join(FACTORS)} and above -1")
    size = np.array([getattr(terms, f"{name}_volatility") for name in FACTORS])
    covariance = np.outer(size, size) * terms.correlation
    given = [i for i, name in enumerate(FACTORS) if name in changes]
    logs = np.log1p([changes[FACTORS[i]] for i in given])
    among = covariance[np.ix_(given, given)]
    # a factor without volatility moves no other
    follow = covariance[:, given] @ np.linalg.pinv(among) @ logs if given else np.zeros(len(FACTORS))
    out = {name: float(np.expm1(follow[i])) for i, name in enumerate(FACTORS)}
    return out | {name: float(change) for name, change in changes.items()}


def stressed_factors(terms: FactorTerms, months: int, stress: Stress) -> FactorPaths:
    """The base case under a stress, one path, arrays (1, months).

    Factors go in equal steps of their logarithm, there and back.

    Raises
    ------
    ScenarioError
        If the stress lies outside the project or has no length.
    """
    if not 0 <= stress.start_month < months or stress.over_months < 1 or stress.hold_months < 0:
        raise ScenarioError(
            f"risk.stress {stress.name!r}: starts in month {stress.start_month} and takes {stress.over_months} months; "
            f"must start within the project's {months} months and take one or more"
        )
    if not -1 <= stress.default_month < months:
        raise ScenarioError(f"risk.stress {stress.name!r}: default in {stress.default_month}, outside the project")
    base, depth = base_factors(terms, months), _depth(stress, months)
    moved = moved_together(terms, stress.changes)
    return FactorPaths(
        **{name: getattr(base, name) * (1.0 + moved[name]) ** depth for name in FACTORS},
        tenant_default_month=np.array([stress.default_month], dtype=np.int64),
    )


def _depth(stress: Stress, months: int) -> FloatArray:
    """Share of the way to the worst at the end of each month, (1, months)."""
    down = stress.start_month + stress.over_months
    points = [(stress.start_month - 1, 0.0), (down - 1, 1.0), (down - 1 + stress.hold_months, 1.0)]
    if stress.back_months is not None:
        points.append((down - 1 + stress.hold_months + stress.back_months, 0.0))
    at, share = zip(*points, strict=True)
    return np.asarray(np.interp(np.arange(months), at, share)[None, :])
