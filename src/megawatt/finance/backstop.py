"""A third party's promise when a tenant defaults: a fee, the rent as it falls due, or the lease itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError

__all__ = ["GUARANTEES", "Guarantee", "claim_payments", "fee_schedule", "guarantee_payments"]

GUARANTEES: Final = ("fee", "rent", "step-in")
"""What a guarantor does: pays once, pays the rent that is missing, takes over the lease."""


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What a guarantor owes after a default.

    Attributes
    ----------
    pays : str
        ``fee``: once, for all the rent that is lost; ``rent``: each month's lost rent as it falls due; ``step-in``: the
        rent of the lease, whose halls it keeps, so that they are not let to others.
    lag_months : int
        Months from the default to the first payment, which then catches up.
    cap_usd : (months,), optional
        Most that is paid in all for a default in each month; None: no limit.
    """

    pays: Literal["fee", "rent", "step-in"]
    lag_months: int
    cap_usd: FloatArray | None = None


def fee_schedule(points: dict[int, float], months: int) -> FloatArray:
    """Cap by month of default, (months,): a straight line between dated amounts, flat before and after them. [USD]

    Parameters
    ----------
    points : mapping
        Amount by month index; indices may lie outside the project.
    """
    if not points or min(points.values()) < 0.0:
        raise ScenarioError(f"lease.backstop: amounts {list(points.values())}, must be one or more of 0 or more in USD")
    at = sorted(points)
    return np.interp(np.arange(months), at, [points[m] for m in at])


def guarantee_payments(
    guarantee: Guarantee, lost_usd: FloatArray, default_month: IntArray, discount_rate: float
) -> FloatArray:
    """What the guarantor pays along each path, (paths, months). [USD a month]

    It makes good what the landlord loses and no more: rent owed less what the same halls bring meanwhile from others
    and
    what their emptiness saves. A fee is the worth of all that at the discount rate when it is paid; so a default never
    leaves the landlord richer, and what is re-let is not recovered twice. Nothing is paid after the end of the project:
    a claim is not cash.

    Parameters
    ----------
    guarantee : Guarantee
        Its terms.
    lost_usd : array, (paths, months)
        Loss of each month of the lease after the path's default, below zero where re-letting brings more.
    default_month : array of int, (paths,)
        Month index from which the tenant pays nothing; -1 never.
    discount_rate : float
        Annual effective, at which a fee stands for later rent.

    Raises
    ------
    ScenarioError
        If the kind, the lag or the cap is out of range.
    """
    paths, months = default_month.size, lost_usd.shape[1]
    cap = np.full(months, np.inf) if guarantee.cap_usd is None else guarantee.cap_usd
    if guarantee.pays not in GUARANTEES or guarantee.lag_months < 0 or not np.all(cap >= 0.0):
        raise ScenarioError(
            f"lease.backstop: {guarantee.pays!r} after {guarantee.lag_months} months; must be one of "
            f"{', '.join(GUARANTEES)}, 0 months or more and amounts of 0 or more"
        )
    out = np.zeros((paths, months))
    paid = default_month + guarantee.lag_months
    rows = np.flatnonzero((default_month >= 0) & (paid < months))
    if rows.size == 0:
        return out
    since, first = default_month[rows], paid[rows]
    month = np.arange(months)
    lost = np.where(month >= since[:, None], np.broadcast_to(lost_usd, (paths, months))[rows], 0.0)
    most = cap[since]
    if guarantee.pays == "fee":
        factors = (1.0 + discount_rate) ** (-month / 12.0)
        worth = (lost @ factors) / factors[first]
        out[rows, first] = np.clip(worth, 0.0, most)
        return out
    # what fell due before the first payment is paid with it; the cap is used up in the order of the months
    due = np.cumsum(np.maximum(lost, 0.0), axis=1)
    so_far = np.minimum(np.where(month >= first[:, None], due, 0.0), most[:, None])
    out[rows] = np.diff(so_far, axis=1, prepend=0.0)
    return out


_CLAIM_LEAST, _CLAIM_SHARE, _CLAIM_MOST = 12, 0.15, 36
"""Months of rent that a landlord may claim: a year, or 15 % of the rest of the term up to three years, whichever is
more; 11 U.S.C. 502(b)(6)(A)."""


def claim_payments(
    lost_usd: FloatArray, promised_usd: FloatArray, default_month: IntArray, recovery_frac: float, lag_months: int
) -> FloatArray:
    """What the estate of a tenant pays on the landlord's claim, (paths, months). [USD a month]

    The claim is the rent that is lost after re-letting, at most what the law allows of the rent that was to come.

    Parameters
    ----------
    lost_usd : array, (paths or 1, months)
        Loss of each month, below zero where re-letting brings more.
    promised_usd : array, (1, months)
        Rent of the lease by month.
    default_month : array of int, (paths,)
        -1 never.
    recovery_frac, lag_months : float, int
        Share of the claim that is paid, 0 to 1, so many months after the default.

    Raises
    ------
    ScenarioError
        If the share or the lag is out of range.
    """
    if not 0.0 <= recovery_frac <= 1.0 or lag_months < 0:
        raise ScenarioError(
            f"risk.claim_recovery_frac = {recovery_frac}, {lag_months} months later: must be a share, 0 months or more"
        )
    paths, months = default_month.size, promised_usd.shape[1]
    out, rent = np.zeros((paths, months)), promised_usd[0]
    paid = default_month + lag_months
    lost = np.broadcast_to(lost_usd, (paths, months))
    for row in np.flatnonzero((default_month >= 0) & (paid < months)):
        since = int(default_month[row])
        left = int(np.count_nonzero(rent[since:]))
        allowed = max(_CLAIM_LEAST, min(int(_CLAIM_SHARE * left), _CLAIM_MOST))
        claim = min(float(rent[since : since + allowed].sum()), max(float(lost[row, since:].sum()), 0.0))
        out[row, paid[row]] = recovery_frac * claim
    return out
