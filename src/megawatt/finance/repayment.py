"""Repayment profiles in closed form, for many loans at once: what one dollar of debt pays, owes and is worth.

Service of every profile is proportional to the debt, so sizes follow from linear equations, not from iteration.
Arrays have the periods on the last axis; index 0 is financial close.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError

__all__ = ["PROFILES", "Repaid", "Window", "discount_to", "gathered", "repay", "service_per_dollar"]


PROFILES: Final = ("sculpted", "level", "equal-principal", "bullet", "dated")


@dataclass(frozen=True, slots=True)
class Window:
    """Service of periods ``first`` to ``last`` (both included), paid every ``every`` periods, the first time at the end
    of period ``first`` + ``every`` - 1; the first ``interest_only`` payments repay no principal.
    """

    first: int
    last: int
    interest_only: int = 0
    every: int = 1

    @property
    def repaying(self) -> slice:
        """Periods of the payments that repay principal."""
        return slice(self.first + (self.interest_only + 1) * self.every - 1, self.last + 1, self.every)

    @property
    def slice(self) -> slice:
        """The window as a slice of the period axis."""
        return slice(self.first, self.last + 1)


@dataclass(frozen=True, slots=True)
class Repaid:
    """A debt that is served on time, (paths, periods): interest, principal and closing balance. [USD]

    Before the window all three are zero; ``balance`` starts at the end of period ``first`` - 1.
    """

    interest: FloatArray
    principal: FloatArray
    balance: FloatArray


def gathered(flows: FloatArray, first: int, every: int) -> FloatArray:
    """Flows (..., periods) summed over each payment period of ``every`` periods from ``first`` on, in its last one.

    A broken payment period at the end has its sum in the last period of all.
    """
    count = flows.shape[-1]
    if every == 1 or first >= count:
        return flows
    starts = np.arange(first, count, every)
    out = np.zeros(flows.shape)
    out[..., :first] = flows[..., :first]
    out[..., np.minimum(starts + every - 1, count - 1)] = np.add.reduceat(flows, starts, axis=-1)
    return out


def discount_to(rates: FloatArray, base: int) -> FloatArray:
    """Factors to the end of period ``base`` at the debt's own rates, 1 there, (periods,); 0 before.

    Parameters
    ----------
    rates : (periods,)
        Rate of each period, year fraction included.
    """
    factors = np.zeros(rates.size)
    factors[base] = 1.0
    factors[base + 1 :] = 1.0 / np.cumprod(1.0 + rates[base + 1 :])
    return factors


def service_per_dollar(
    profile: str,
    rates: FloatArray,
    window: Window,
    cash: FloatArray | None = None,
    *,
    negative: bool = False,
    balloon_frac: float = 0.0,
    principal_frac: FloatArray | None = None,
) -> FloatArray:
    """Debt service per dollar owed at the start of the window, (paths, periods); its value at the debt's rates is 1.

    Parameters
    ----------
    profile : str
        One of `PROFILES`. ``sculpted`` follows ``cash``; the others have one path.
    rates : (periods,)
        Rate that falls due in each period, year fraction included; zero between payments.
    window : Window
        When service falls. Interest-only payments count for ``level`` and ``equal-principal``.
    cash : (paths, periods), optional
        What sculpted service is in proportion to; negative cash pays nothing.
    negative : bool
        Sculpted service follows negative cash as well: the lender pays in (as the System Advisor Model has it).
    balloon_frac : float
        Share of the debt that waits for the last payment and bears interest till then.
    principal_frac : (periods,), optional
        Share of the debt repaid in each period (``dated``); what it leaves is repaid last.

    Raises
    ------
    ScenarioError
        If the profile is unknown, the window is out of order, or there is no cash to sculpt on.
    """
    _check(profile, rates, window)
    if balloon_frac > 0.0:
        paid = service_per_dollar(profile, rates, window, cash, negative=negative)
        return (1.0 - balloon_frac) * paid + balloon_frac * service_per_dollar("bullet", rates, window)
    if profile == "sculpted":
        return _sculpted(rates, window, cash, negative)
    out, due = np.zeros((1, rates.size)), window.repaying
    principal = np.zeros(rates.size)
    if profile == "level":
        start = due.start - window.every + 1
        out[0, window.first : start] = rates[window.first : start]
        out[0, due] = 1.0 / discount_to(rates, start - 1)[due].sum()
        return out
    if profile == "equal-principal":
        principal[due] = 1.0 / principal[due].size
    elif profile == "dated":
        principal = _dated(principal_frac, window, rates.size)
    if profile in ("bullet", "dated"):
        principal[window.last] += 1.0 - principal.sum()
    opening = 1.0 - np.concatenate([[0.0], np.cumsum(principal)[:-1]])
    out[0, window.slice] = (principal + opening * rates)[window.slice]
    return out


def _dated(parts: FloatArray | None, window: Window, count: int) -> FloatArray:
    """Principal by date as a share of the debt, (periods,)."""
    paid = np.zeros(count, dtype=np.bool_)
    paid[window.first + window.every - 1 : window.last + 1 : window.every] = True
    if parts is None or parts.shape != (count,) or not np.all(parts >= 0.0) or np.any(parts[~paid] != 0.0):
        raise ScenarioError(
            "debt.repayments: shares of the debt of 0 or more in periods with a payment, "
            f"{window.first + window.every - 1} to {window.last}"
        )
    if parts.sum() > 1.0 + 1e-9:
        raise ScenarioError(f"debt.repayments: {parts.sum():.6g} of the debt in all, must be at most 1")
    return np.asarray(parts / max(parts.sum(), 1.0))


def _sculpted(rates: FloatArray, window: Window, cash: FloatArray | None, negative: bool) -> FloatArray:
    if cash is None:
        raise ScenarioError("debt: sculpted service needs the cash flow that it follows")
    paid, cash = np.zeros(cash.shape), gathered(cash, window.first, window.every)
    paid[:, window.slice] = cash[:, window.slice] if negative else np.maximum(cash[:, window.slice], 0.0)
    worth = paid @ discount_to(rates, window.first - 1)
    # a path without cash carries no debt: its profile is then zero and so is its size
    return np.asarray(paid / np.where(worth > 0.0, worth, 1.0)[:, None], dtype=np.float64)


def _check(profile: str, rates: FloatArray, window: Window) -> None:
    if profile not in PROFILES:
        raise ScenarioError(f"debt.kind = {profile!r}, must be one of {', '.join(PROFILES)}")
    if not 1 <= window.first <= window.last < rates.size:
        raise ScenarioError(
            f"debt: first payment in period {window.first}, last payment in {window.last}; must lie in order in 1 to "
            f"{rates.size - 1}"
        )
    length = window.last - window.first + 1
    if window.every < 1 or length % window.every:
        raise ScenarioError(f"debt: service over {length} periods, must be a multiple of {window.every}, those of one")
    if not 0 <= window.interest_only < length // window.every:
        raise ScenarioError(
            f"debt: {window.interest_only} payments of interest alone, must be 0 or more and below the "
            f"{length // window.every} payments"
        )


def repay(size: FloatArray, per_dollar: FloatArray, rates: FloatArray, window: Window) -> Repaid:
    """Interest, principal and balance of debts that pay a given service per dollar, (paths, periods). [USD]

    The balance is what the service still to come is worth at the debt's rates, so rounding never grows and the last
    balance is zero. Interest is the opening balance times the period's rate. Principal is negative where service falls
    short of interest.

    Parameters
    ----------
    size : (paths,)
        Owed at the end of period ``window.first`` - 1.
    per_dollar : (paths or 1, periods)
        Service per dollar owed, worth 1 (`service_per_dollar`).
    """
    factors = discount_to(rates, window.first - 1)
    shape = np.broadcast_shapes((size.size, 1), per_dollar.shape)
    left = np.zeros(per_dollar.shape)
    life = slice(window.first - 1, window.last)
    worth = (per_dollar * factors)[:, window.slice]
    left[:, life] = np.cumsum(worth[:, ::-1], axis=1)[:, ::-1] / factors[life]
    balance, interest, principal = (np.zeros(shape) for _ in range(3))
    balance[:, life] = size[:, None] * left[:, life]
    balance[:, window.first - 1] = size
    interest[:, window.slice] = balance[:, life] * rates[window.slice]
    principal[:, window.slice] = size[:, None] * per_dollar[:, window.slice] - interest[:, window.slice]
    return Repaid(interest, principal, balance)
