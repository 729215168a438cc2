"""What tenants pay: GPU cloud, colocation, prepayments, and what happens when a tenant stops paying.

Everything a contract does depends on the path only through the month in which its tenant defaults, so each function
builds a small table with one row per possible default month and looks the paths up in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError
from megawatt.finance.spine import Hall, Spine, check_halls, escalator, make_spine

__all__ = [
    "NEVER",
    "ContractRevenue",
    "Tenancy",
    "colocation_revenue",
    "gpu_cloud_revenue",
    "gpu_contract_values_usd",
    "market_utilisation",
    "prepayment_flows",
    "tenancy",
]


NEVER = np.array([-1], dtype=np.int64)
"""Default months of one path whose tenant always pays."""


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Who pays for which share of the site in each month, arrays (paths, months).

    Attributes
    ----------
    contracted : share of the site whose contract runs and is paid.
    invoiced : the same share times the contract's price index (each hall's escalator counts from its own delivery).
    market : share of the site that is live and let at market terms.
    """

    contracted: FloatArray
    invoiced: FloatArray
    market: FloatArray


@dataclass(frozen=True, slots=True)
class ContractRevenue:
    """Revenue by who pays, USD by month, (paths, months)."""

    contract: FloatArray
    market: FloatArray


def _check_default_months(default_month: IntArray, months: int) -> None:
    if default_month.ndim != 1 or default_month.size == 0:
        raise ScenarioError(f"tenant default months: shape {default_month.shape}, must be (paths,) with a path or more")
    if np.any((default_month < -1) | (default_month >= months)):
        raise ScenarioError(
            f"tenant default months: {default_month.min()} to {default_month.max()}, must be month indices 0 to "
            f"{months - 1}, or -1 for a tenant that always pays"
        )


def _check_term(term_months: int, name: str = "contract.term_months") -> None:
    if term_months < 1:
        raise ScenarioError(f"{name} = {term_months} months, must be 1 or more")


def tenancy(
    halls: Sequence[Hall],
    months: int,
    *,
    term_months: int,
    default_month: IntArray = NEVER,
    relet_lag_months: int = 0,
    escalator_frac: float = 0.0,
) -> Tenancy:
    """Shares of the site under contract and at market terms, month by month.

    Each hall's contract runs ``term_months`` from its delivery. A tenant that defaults in month d pays nothing from
    month d on; halls live by then stand empty for ``relet_lag_months`` and are let at market terms after that, halls
    delivered later are let from max(delivery, d + lag) on. After a contract that ran its term a hall goes to market
    at once (the end was known, so a new tenant could be sought before it).

    Parameters
    ----------
    halls : sequence of Hall
        Delivery months and shares of the site.
    months : int
        Length of the spine.
    term_months : int
        Contract term of each hall, >= 1.
    default_month : array of int, shape (paths,)
        Month index from which the tenant pays nothing; -1 never.
    relet_lag_months : int
        Empty months after a default, >= 0.
    escalator_frac : float
        Yearly step of the contract price, e.g. 0.03.

    Returns
    -------
    Tenancy
        Arrays of shape (paths, months).

    Raises
    ------
    ScenarioError
        If an input is out of range.
    """
    check_halls(halls)
    _check_default_months(default_month, months)
    _check_term(term_months)
    if relet_lag_months < 0:
        raise ScenarioError(f"contract.relet_lag_months = {relet_lag_months} months, must be 0 or more")
    month = np.arange(months)
    default, row = _distinct(default_month)
    stops = np.where(default < 0, months, default)
    contracted, invoiced, market = (np.zeros((len(default), months)) for _ in range(3))
    for hall in halls:
        end = hall.month + term_months
        paid = (month >= hall.month) & (month < np.minimum(end, stops))
        relet = np.where(stops < end, np.maximum(hall.month, stops + relet_lag_months), end)
        contracted += hall.share * paid
        invoiced += hall.share * paid * escalator(months, escalator_frac, hall.month)
        market += hall.share * (month >= relet)
    return Tenancy(contracted[row], invoiced[row], market[row])


def _distinct(default_month: IntArray) -> tuple[IntArray, IntArray]:
    """Months of default that occur, (rows, 1), and the row of each path: paths share what their month makes of it."""
    months, row = np.unique(default_month, return_inverse=True)
    return months[:, None], row


def market_utilisation(demand: FloatArray, base_utilisation_frac: float) -> FloatArray:
    """Share of market-let capacity that is sold: base utilisation times the demand factor, at most 1.

    Raises
    ------
    ScenarioError
        If the base utilisation is not between 0 and 1.
    """
    if not 0.0 <= base_utilisation_frac <= 1.0:
        raise ScenarioError(f"market.utilisation_frac = {base_utilisation_frac}, must be between 0 and 1")
    return np.clip(base_utilisation_frac * demand, 0.0, 1.0)


def gpu_cloud_revenue(
    spine: Spine,
    let: Tenancy,
    *,
    chips: float,
    price_usd_per_chip_hour: float,
    availability_frac: float,
    market_price_usd_per_chip_hour: float,
    market_price_factor: FloatArray,
    market_utilisation_frac: FloatArray,
    take_or_pay_frac: float = 1.0,
    tenant_use_frac: FloatArray | float = 1.0,
) -> ContractRevenue:
    """Revenue of chips rented by the hour. [USD a month]

    Contract: price index x price x chips x hours x availability x max(take-or-pay share, tenant's use); hours that
    the chips are not available are never paid. Market: market price x factor x utilisation, same chips and hours.

    Parameters
    ----------
    spine : Spine
        Calendar of the project.
    let : Tenancy
        Shares under contract and at market terms, (paths, months).
    chips : float
        Chips of the whole site.
    price_usd_per_chip_hour, market_price_usd_per_chip_hour : float
        Contract price, and market price of the base case. [USD/h]
    availability_frac : float
        Share of hours in which chips can be used, 0 to 1.
    market_price_factor, market_utilisation_frac : array, (paths or 1, months)
        Market price relative to the base case; share of market-let chip hours sold.
    take_or_pay_frac : float
        Share of the available hours that is paid in any case; 1: all of them.
    tenant_use_frac : float or array, (paths or 1, months)
        Share of the available hours that the tenant would use.

    Raises
    ------
    ScenarioError
        If a share is outside 0 to 1, or a price or count is negative.
    """
    _check_shares(contract_availability_frac=availability_frac, contract_take_or_pay_frac=take_or_pay_frac)
    _check_amounts(
        chips=chips,
        contract_price_usd_per_chip_hour=price_usd_per_chip_hour,
        market_price_usd_per_chip_hour=market_price_usd_per_chip_hour,
    )
    hours = chips * spine.hours * availability_frac
    paid = np.maximum(take_or_pay_frac, np.clip(tenant_use_frac, 0.0, 1.0))
    contract = let.invoiced * (price_usd_per_chip_hour * hours) * paid
    market = let.market * (market_price_usd_per_chip_hour * hours) * market_price_factor * market_utilisation_frac
    return ContractRevenue(contract, market)


def colocation_revenue(
    let: Tenancy,
    *,
    it_mw: float,
    rent_usd_per_it_kw_month: float,
    market_rent_usd_per_it_kw_month: float,
    market_price_factor: FloatArray,
    market_utilisation_frac: FloatArray,
) -> ContractRevenue:
    """Rent of a leased hall. [USD a month]

    Rent is per kW of critical IT power and month, whatever the month's length; the contract's escalator is in
    ``let.invoiced``. Arrays and market terms as in `gpu_cloud_revenue`.

    Raises
    ------
    ScenarioError
        If a rent or the capacity is negative.
    """
    _check_amounts(
        it_mw=it_mw,
        rent_usd_per_it_kw_month=rent_usd_per_it_kw_month,
        market_rent_usd_per_it_kw_month=market_rent_usd_per_it_kw_month,
    )
    kw = it_mw * 1000.0
    market = let.market * (market_rent_usd_per_it_kw_month * kw) * market_price_factor * market_utilisation_frac
    return ContractRevenue(let.invoiced * (rent_usd_per_it_kw_month * kw), market)


def gpu_contract_values_usd(
    spine: Spine,
    halls: Sequence[Hall],
    *,
    chips: float,
    price_usd_per_chip_hour: float,
    availability_frac: float,
    term_months: int,
) -> FloatArray:
    """What each hall's GPU contract pays over its full term if its tenant always pays, shape (halls,). [USD]

    Calendar hours of the term, also beyond the end of the spine; no escalator.
    """
    check_halls(halls)
    _check_term(term_months)
    last = max(hall.month for hall in halls) + term_months
    hours = make_spine(spine.start_year, spine.start_month, last).hours
    rate = chips * price_usd_per_chip_hour * availability_frac
    return np.array([rate * hall.share * hours[hall.month : hall.month + term_months].sum() for hall in halls])


def prepayment_flows(
    halls: Sequence[Hall],
    months: int,
    *,
    amounts_usd: FloatArray,
    lead_months: int,
    term_months: int,
    default_month: IntArray = NEVER,
    credit_after_months: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Cash that the tenant pays ahead of each hall's delivery, and its credit against later invoices. [USD a month]

    Each hall's amount comes ``lead_months`` before its delivery (in month 0 at the earliest) and is credited in equal
    parts over the hall's term, less its first ``credit_after_months``; credits sum to the prepayment exactly. A term
    that outlasts the spine leaves a liability, which is settled in the last month (a buyer of the site would deduct
    it). When the tenant defaults, later prepayments do not come and credits stop: there are no invoices left to
    credit, and no refund is assumed, so the owner keeps the uncredited rest.

    Parameters
    ----------
    halls : sequence of Hall
        Delivery months.
    amounts_usd : array, shape (halls,)
        Prepayment of each hall, >= 0.
    lead_months : int
        Months between payment and delivery, >= 0.
    term_months : int
        Contract term of each hall, >= 1.
    default_month : array of int, shape (paths,)
        Month index from which the tenant pays nothing; -1 never.
    credit_after_months : int
        Months of service before the first credit, 0 to below the term.

    Returns
    -------
    prepayment, credit : arrays, shape (paths, months)

    Raises
    ------
    ScenarioError
        If an input is out of range.
    """
    check_halls(halls)
    _check_default_months(default_month, months)
    _check_term(term_months)
    amounts = np.asarray(amounts_usd, dtype=np.float64)
    if amounts.shape != (len(halls),) or not np.all(np.isfinite(amounts) & (amounts >= 0.0)):
        raise ScenarioError(f"prepayment: {amounts} USD, must be one amount of 0 or more per hall ({len(halls)})")
    if lead_months < 0:
        raise ScenarioError(f"prepayment.lead_months = {lead_months} months, must be 0 or more")
    if not 0 <= credit_after_months < term_months:
        raise ScenarioError(
            f"prepayment.credit_after_months = {credit_after_months} months, must be 0 or more and below the term "
            f"({term_months} months)"
        )
    month = np.arange(months)
    default, row = _distinct(default_month)
    alive = (default < 0) | (month < default)
    paid, credited = np.zeros(alive.shape), np.zeros(alive.shape)
    for hall, amount in zip(halls, amounts, strict=True):
        if max(hall.month - lead_months, 0) >= months:
            continue
        paid += np.where(alive & (month == max(hall.month - lead_months, 0)), amount, 0.0)
        credited += np.where(
            alive, _even_credits(float(amount), hall.month + credit_after_months, hall.month + term_months, months), 0.0
        )
    return paid[row], credited[row]


def _even_credits(amount_usd: float, first: int, end: int, months: int) -> FloatArray:
    """Equal credits in months ``first`` to ``end`` - 1, (months,); those beyond the spine fall in its last month."""
    credits = np.zeros(months)
    credits[first:end] = amount_usd / (end - first)
    credits[min(end, months) - 1] += amount_usd - credits.sum()
    return credits


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0.0 <= share <= 1.0:
            raise ScenarioError(f"{name.replace('_', '.', 1)} = {share}, must be between 0 and 1")


def _check_amounts(**amounts: float) -> None:
    for name, amount in amounts.items():
        if not amount >= 0.0 or amount == float("inf"):
            raise ScenarioError(f"{name} = {amount}, must be 0 or more")
