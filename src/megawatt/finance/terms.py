"""Helpers that make a project's capital side from plain inputs: capex by month, residual values, terms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.spine import Hall, check_halls

__all__ = [
    "capex_by_hall",
    "chip_residual_share",
    "even_capex",
    "last_month_value",
    "residual_of_chips",
    "residual_straight_line",
    "site_opex_cost",
]


def even_capex(total_usd: float, first_month: int, last_month: int, months: int) -> FloatArray:
    """Spending in equal monthly parts from ``first_month`` to ``last_month`` (both included), (months,). [USD a month]

    Raises
    ------
    ScenarioError
        If the amount is negative or the months are out of order.
    """
    if not (np.isfinite(total_usd) and total_usd >= 0.0):
        raise ScenarioError(f"capex = {total_usd} USD, must be 0 or more")
    if not 0 <= first_month <= last_month < months:
        raise ScenarioError(f"capex months {first_month} to {last_month}, must lie in order in 0 to {months - 1}")
    out = np.zeros(months)
    out[first_month : last_month + 1] = total_usd / (last_month - first_month + 1)
    return out


def capex_by_hall(total_usd: float, halls: Sequence[Hall], build_months: int, months: int) -> FloatArray:
    """Spending that follows the halls: each one's share in equal parts over the months before its delivery, (months,).

    A hall delivered in month 0 is paid in month 0; one delivered sooner than ``build_months`` is paid in the months
    there are. Shares are scaled to sum to 1, so all of ``total_usd`` is spent.

    Parameters
    ----------
    total_usd : float
        Spending on all halls. [USD]
    halls : sequence of Hall
        Deliveries, inside the project.
    build_months : int
        Months over which a hall is paid, >= 1.

    Raises
    ------
    ScenarioError
        If a hall comes after the end of the project, or an input is out of range.
    """
    check_halls(halls)
    if build_months < 1:
        raise ScenarioError(f"build_months = {build_months} months, must be 1 or more")
    late = [hall.month for hall in halls if hall.month >= months]
    if late:
        raise ScenarioError(f"halls: delivery in month {late[0]}, after the end of the project ({months} months)")
    shares = sum(hall.share for hall in halls)
    out = np.zeros(months)
    for hall in halls:
        first = max(hall.month - build_months, 0)
        out += even_capex(total_usd * hall.share / shares, first, max(hall.month - 1, first), months)
    return out


def residual_straight_line(capex_cost: FloatArray, life_years: float, first_month: int) -> FloatArray:
    """Worth left in the last month of assets that lose value evenly over their life, (1, months). [USD]

    Each month's spending is worth capex x (1 - months in service / life), never below zero; service starts the month
    after it is spent and not before ``first_month``. Meant for shells, power and cooling plant, which keep their use
    when tenants change.

    Raises
    ------
    ScenarioError
        If the life is not positive.
    """
    if not life_years > 0.0:
        raise ScenarioError(f"life = {life_years} years, must be above 0")
    months = capex_cost.size
    start = np.maximum(np.arange(months) + 1, first_month)
    served = np.maximum(months - start, 0)
    left = np.clip(1.0 - served / (12.0 * life_years), 0.0, 1.0)
    return last_month_value(np.array([float((capex_cost * left).sum())]), months)


def chip_residual_share(age_years: FloatArray | float, share_at_five_years: float) -> FloatArray:
    """Share of its price that a chip is worth at an age, s5^(age / 5): the same loss every year.

    Parameters
    ----------
    age_years : float or array
        Years in service, >= 0.
    share_at_five_years : float
        Share left after five years, above 0 and at most 1.

    Raises
    ------
    ScenarioError
        If the share is out of range.
    """
    if not 0.0 < share_at_five_years <= 1.0:
        raise ScenarioError(f"chip residual after five years = {share_at_five_years}, must be above 0 and at most 1")
    return np.asarray(share_at_five_years ** (np.asarray(age_years, dtype=np.float64) / 5.0), dtype=np.float64)


def residual_of_chips(
    capex_cost_usd: float,
    halls: Sequence[Hall],
    months: int,
    *,
    share_at_five_years: float,
    price_to_expected: FloatArray,
) -> FloatArray:
    """Resale value of the chips in the last month, (paths, months). [USD]

    Capex x residual share at each hall's age x rental price over its expected level: chips sell for what they can
    earn, so resale and rental prices fall together. The curve by age holds the expected decline of prices, hence the
    factor is taken relative to its expectation, not to today.

    Parameters
    ----------
    capex_cost_usd : float
        What the chips cost.
    price_to_expected : array, (paths,)
        Compute price factor in the last month divided by its expectation; ones in the base case.
    """
    check_halls(halls)
    shares = sum(hall.share for hall in halls)
    worth = 0.0
    for hall in halls:
        age = max(months - hall.month, 0) / 12.0
        worth += capex_cost_usd * hall.share / shares * float(chip_residual_share(age, share_at_five_years))
    return last_month_value(worth * price_to_expected, months)


def last_month_value(value_usd: FloatArray, months: int) -> FloatArray:
    """An amount per path, (paths,), as cash in the last month, (paths, months). [USD]"""
    out = np.zeros((value_usd.size, months))
    out[:, -1] = value_usd
    return out


def site_opex_cost(it_mw: float, usd_per_it_kw_month: float, index: FloatArray) -> FloatArray:
    """Fixed cost of running the site (staff, maintenance, insurance, property tax; no energy), (1, months). [USD]

    Parameters
    ----------
    it_mw : float
        Critical IT power of the whole site.
    usd_per_it_kw_month : float
        Cost per kW of IT power and month.
    index : array, (months,)
        Live share times escalator.
    """
    if not (it_mw >= 0.0 and usd_per_it_kw_month >= 0.0):
        raise ScenarioError(f"site opex: {usd_per_it_kw_month} USD/kW-month on {it_mw} MW, both must be 0 or more")
    return (it_mw * 1000.0 * usd_per_it_kw_month * index)[None, :]
