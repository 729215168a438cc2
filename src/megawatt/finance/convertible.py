"""Convertible notes: coupons, then shares or money at maturity, on every path of the share price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError

__all__ = ["ConvertibleNotes", "Settlement", "settle_convertible"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ConvertibleNotes:
    """Notes that holders may turn into shares at maturity.

    Attributes
    ----------
    principal_usd : float
        Owed at maturity if nobody converts.
    coupon : float
        Annual rate, paid half-yearly (144A notes; 0 for most issues of miners in 2025).
    conversion_price_usd : float
        Price per share at which the principal converts.
    issue_month, maturity_month : int
        Month indices; a whole number of half-years apart where there is a coupon.
    cap_price_usd : float, optional
        Capped call that the issuer bought: gives back the shares' worth between conversion price and cap.
    """

    principal_usd: float
    coupon: float
    conversion_price_usd: float
    issue_month: int
    maturity_month: int
    cap_price_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """``flows`` to the issuer (paths, months), USD; shares issued net of the capped call and cash repaid, (paths,)."""

    flows: FloatArray
    shares_issued: FloatArray
    repaid_usd: FloatArray


def settle_convertible(notes: ConvertibleNotes, share_price_usd: FloatArray, months: int) -> Settlement:
    """Cash to and from noteholders, and dilution, when holders convert wherever shares are worth more than money.

    Below the conversion price the principal is due in cash: the refinancing risk that a fall of the share brings.

    Parameters
    ----------
    share_price_usd : array, (paths,)
        At maturity, > 0.
    months : int
        Length of the project.

    Raises
    ------
    ScenarioError
        If terms are out of range.
    """
    life = notes.maturity_month - notes.issue_month
    if not (notes.principal_usd >= 0.0 and notes.conversion_price_usd > 0.0 and notes.coupon >= 0.0):
        raise ScenarioError("convertible notes: principal and coupon must be 0 or more, the conversion price above 0")
    if not 0 <= notes.issue_month < notes.maturity_month < months or (notes.coupon > 0.0 and life % 6):
        raise ScenarioError(
            f"convertible notes: months {notes.issue_month} to {notes.maturity_month}, must be in order, inside the "
            f"project ({months} months) and half-years apart where there is a coupon"
        )
    if notes.cap_price_usd is not None and notes.cap_price_usd < notes.conversion_price_usd:
        raise ScenarioError("convertible notes: the capped call's cap must not be below the conversion price")
    if not np.all(share_price_usd > 0.0):
        raise ScenarioError("convertible notes: share prices at maturity must be above 0 USD")
    flows = np.zeros((share_price_usd.size, months))
    flows[:, notes.issue_month] += notes.principal_usd
    if notes.coupon > 0.0:
        paid = np.arange(notes.issue_month + 6, notes.maturity_month + 1, 6)
        flows[:, paid] -= notes.principal_usd * notes.coupon / 2.0
    shares = notes.principal_usd / notes.conversion_price_usd
    converts = share_price_usd > notes.conversion_price_usd
    repaid = np.where(converts, 0.0, notes.principal_usd)
    flows[:, notes.maturity_month] -= repaid
    capped = share_price_usd if notes.cap_price_usd is None else np.minimum(share_price_usd, notes.cap_price_usd)
    returned = (capped - notes.conversion_price_usd) * shares / share_price_usd if notes.cap_price_usd else 0.0
    return Settlement(flows, np.where(converts, shares - returned, 0.0), repaid)
