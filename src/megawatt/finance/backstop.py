"""A third party's promise to pay when a tenant defaults: capped, late, and falling over the lease."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError
from megawatt.finance.contracts import NEVER
from megawatt.finance.spine import Hall, check_halls, escalator

__all__ = ["backstop_payments"]


def backstop_payments(
    halls: Sequence[Hall],
    months: int,
    *,
    cap_usd: float,
    cap_at_end_frac: float,
    lag_months: int,
    rent_usd_per_month: float,
    escalator_frac: float,
    term_months: int,
    default_month: IntArray = NEVER,
) -> FloatArray:
    """Termination fee that a backstop pays after a tenant's default, (paths, months). [USD a month]

    The cap falls in a straight line from the first hall's delivery to the end of the last hall's term. The fee is the
    cap in the month of default, or the rent that the tenant would still have owed on delivered and coming halls if that
    is less; it is paid once, ``lag_months`` later. Nothing is paid where the project ends before that month: a claim is
    not cash.

    Parameters
    ----------
    halls : sequence of Hall
        Delivery months and shares.
    cap_usd : float
        Most that is paid at the first delivery, >= 0.
    cap_at_end_frac : float
        Share of the cap that is left at the end of the lease, 0 to 1.
    lag_months : int
        Months between default and payment, >= 0.
    rent_usd_per_month : float
        Rent of the whole site at the start. [USD]
    escalator_frac, term_months : float, int
        As in the lease; the escalator counts from each hall's delivery.
    default_month : array of int, shape (paths,)
        Month index from which the tenant pays nothing; -1 never.

    Raises
    ------
    ScenarioError
        If an input is out of range.
    """
    check_halls(halls)
    if not cap_usd >= 0.0 or not 0.0 <= cap_at_end_frac <= 1.0 or lag_months < 0:
        raise ScenarioError(
            f"lease.backstop: cap {cap_usd:,.0f} USD, {cap_at_end_frac} of it at the end, lag {lag_months} months; "
            "must be 0 or more, 0 to 1, 0 or more"
        )
    first, last = min(h.month for h in halls), max(h.month for h in halls) + term_months
    span = max(last, months)
    month = np.arange(span)
    owed = np.zeros(span)
    for hall in halls:
        runs = (month >= hall.month) & (month < hall.month + term_months)
        owed += runs * hall.share * rent_usd_per_month * escalator(span, escalator_frac, hall.month)
    left = np.cumsum(owed[::-1])[::-1]
    passed = np.clip((month - first) / (last - first), 0.0, 1.0)
    fee = np.minimum(cap_usd * (1.0 - passed * (1.0 - cap_at_end_frac)), left)
    out = np.zeros((default_month.size, months))
    paid = default_month + lag_months
    rows = np.flatnonzero((default_month >= 0) & (paid < months))
    out[rows, paid[rows]] = fee[default_month[rows]]
    return out
