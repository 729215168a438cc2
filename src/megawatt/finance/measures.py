"""Measures of value and of debt cover, for many paths at once. Flows fall at period ends."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.repayment import discount_to

__all__ = [
    "CENT",
    "LEAST_SERVICE_USD",
    "discount_factors",
    "level_annuity_usd_per_year",
    "llcr",
    "net_present_value_usd",
    "payback_month",
    "period_dscr",
    "trailing_dscr",
]


CENT = 0.005
"""Amounts below half a cent are rounding, not arrears. [USD]"""
LEAST_SERVICE_USD = 1e-6
"""Less than a ten-thousandth of a cent is not service: a ratio to it means nothing."""


def discount_factors(annual_rate: float, years: FloatArray | int) -> FloatArray:
    """Value at the start of one dollar at each time, (1 + rate)^-years, (periods,).

    Parameters
    ----------
    annual_rate : float
        Annual effective, above -1.
    years : (periods,) or int
        Time of each flow (years of 365 days: the spreadsheet's XNPV); a number stands for so many month ends.

    Raises
    ------
    ScenarioError
        If the rate is -100 % or less.
    """
    if not annual_rate > -1.0:
        raise ScenarioError(f"discount_rate = {annual_rate} a year, must be above -1 (0.09 is 9 %)")
    times = (np.arange(years) + 1.0) / 12.0 if isinstance(years, int) else years
    return np.asarray((1.0 + annual_rate) ** -times, dtype=np.float64)


def net_present_value_usd(flows: FloatArray, annual_rate: float, years: FloatArray | None = None) -> FloatArray:
    """Present value at the start of flows at these times (None: month ends), (paths,). [USD]

    Parameters
    ----------
    flows : array, (paths, periods)
        Money in positive.
    annual_rate : float
        Annual effective.
    """
    factors = discount_factors(annual_rate, flows.shape[1] if years is None else years)
    return np.asarray((flows * factors).sum(axis=1), dtype=np.float64)


def level_annuity_usd_per_year(
    npv_usd: FloatArray, annual_rate: float, first: int, years: FloatArray | int
) -> FloatArray:
    """Level amount a year, paid evenly at the ends of the operating periods, of this present value. [USD/year]

    NPV / sum of (discount factor x length in years) over the periods from ``first`` on.

    Parameters
    ----------
    npv_usd : array, (paths,)
        Present value at the start.
    first : int
        First operating period.
    years : (periods,) or int
        End of each period in years; a number stands for so many months.

    Raises
    ------
    ScenarioError
        If there is no operating period.
    """
    count = years if isinstance(years, int) else years.size
    if not 0 <= first < count:
        raise ScenarioError(f"operation starts in month {first}, must be 0 to {count - 1} (project months)")
    factors = discount_factors(annual_rate, years)
    if isinstance(years, int):
        return 12.0 * npv_usd / float(factors[first:].sum())
    return npv_usd / float((factors * np.diff(years, prepend=0.0))[first:].sum())


def payback_month(flows: FloatArray) -> FloatArray:
    """First month index from whose end on the undiscounted sum of flows stays at 0 or above, (paths,); NaN if none."""
    below = np.cumsum(flows, axis=1) < -CENT
    months = flows.shape[1]
    last_below = np.where(below.any(axis=1), months - 1 - np.argmax(below[:, ::-1], axis=1), -1)
    return np.where(last_below == months - 1, np.nan, last_below + 1.0)


_LEAST_DUE_FRAC: Final = 1e-9
"""Service below this share of the largest flow is rounding, and no ratio to it says anything."""


def _due(cfads: FloatArray, service: FloatArray) -> BoolArray:
    """Where service is due that cash can be compared with, in the shape of ``service``."""
    largest = max(float(np.abs(cfads).max(initial=0.0)), float(np.abs(service).max(initial=0.0)))
    return np.asarray(service > _LEAST_DUE_FRAC * largest)


def period_dscr(cfads: FloatArray, service: FloatArray) -> FloatArray:
    """Cash available for debt service over service due, month by month, (paths, months); NaN where none is due."""
    due = _due(cfads, service)
    return np.where(due, cfads / np.where(due, service, 1.0), np.nan)


def trailing_dscr(cfads: FloatArray, service: FloatArray, window: int = 12, every: int = 1) -> FloatArray:
    """Cash available over service due, both summed over the ``window`` months up to each month, (paths, months).

    NaN until ``window`` months of service lie behind (a loan with fewer payments has one value, over all of them, in
    its
    last month) and where nothing is due in the month; but a window of negative cash in which nothing is due, as of
    service sculpted on that cash, has the cover of the loan's mean service: it is no month without a test.

    Parameters
    ----------
    cfads : array, (paths, months)
        Cash flow available for debt service. [USD]
    service : array, (months,) or (paths, months)
        Interest and principal due; with paths, the first month of service is that of all paths. [USD]
    every : int
        Months of a payment period; the first one starts so many months before its payment's end.
    """
    out = np.full(cfads.shape, np.nan)
    owing = _due(cfads, service)
    due = np.flatnonzero(owing if service.ndim == 1 else owing.any(axis=0))
    if due.size == 0:
        return out
    first, last = int(due[0]) - every + 1, int(due[-1])
    width = min(window, last - first + 1)
    # whoever has nothing due any more has no test: the last month with service is each path's own
    over = np.arange(owing.shape[-1]) > owing.shape[-1] - 1 - np.argmax(owing[..., ::-1], axis=-1)[..., None]
    usual = width * np.where(owing, service, 0.0).sum(axis=-1) / np.maximum(owing.sum(axis=-1), 1)
    for m in range(first + width - 1, last + 1):
        span = slice(m - width + 1, m + 1)
        owed, cash = np.maximum(service[..., span], 0.0).sum(axis=-1), cfads[:, span].sum(axis=1)
        free = ~owing[..., span].any(axis=-1) & (cash < 0.0) & (usual > 0.0) & ~over[..., m]
        here = (owing[..., m] & (owed > 0.0)) | free
        out[:, m] = np.where(here, cash / np.where(free, usual, np.where(here, owed, 1.0)), np.nan)
    return out


def llcr(
    cfads: FloatArray, service: FloatArray, rates: FloatArray, balance_usd: FloatArray | float, *, to_end: bool = False
) -> FloatArray:
    """Loan life cover ratio at the first payment, (paths,).

    Present value of CFADS from the first to the last payment, at the loan's rate of each period and one period before
    the first payment, over the balance at that time. ``to_end``: to the end of the project (project life cover, PLCR).

    Parameters
    ----------
    cfads : array, (paths, periods)
        Cash flow available for debt service. [USD]
    service : array, (periods,) or (paths, periods)
        Principal and interest due from the first principal payment on; zero elsewhere. [USD]
    rates : (periods,)
        The loan's rate of each period, year fraction included.
    balance_usd : float or array, (paths,)
        Balance that those payments repay. [USD]
    """
    owing = _due(cfads, service)
    due = np.flatnonzero(owing if service.ndim == 1 else owing.any(axis=0))
    owed = np.broadcast_to(np.asarray(balance_usd, dtype=np.float64), cfads.shape[:1])
    if due.size == 0:
        return np.full(cfads.shape[0], np.nan)
    span = slice(int(due[0]), None if to_end else int(due[-1]) + 1)
    # Not a matrix product: its last digits depend on how many paths stand together.
    worth = (cfads[:, span] * discount_to(rates, int(due[0]) - 1)[span]).sum(axis=1)
    return np.where(owed > 0.0, worth / np.where(owed > 0.0, owed, 1.0), np.nan)
