"""A capacity auction: published demand curves against offers, and what more load does to the price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError, shown
from megawatt.files import parse_number, read_table

__all__ = ["CapacityAuction", "auction_figures", "read_auctions"]

_DAYS: Final = 365.0
"""Days of a delivery year."""
_POINTS: Final = "abcd"
"""Names of the points of a demand curve in the table."""
_NUMBERS: Final = ("price_usd_per_mw_day", "cleared_mw", "offered_mw", "requirement_mw", "pool_requirement")
_COLUMNS: Final = ("delivery_year", *_NUMBERS, "cap_usd", "floor_usd", "source", *(f"{p}_{u}" for p in "abc"
                   for u in ("mw", "usd")))  # fmt: skip
_STEPS: Final = 80
"""Halvings of a search for a price, or for a load."""
_MOST_FRAC: Final = 0.99
"""Share of the load that is searched at most."""


@dataclass(frozen=True, slots=True)
class CapacityAuction:
    """An auction of unforced capacity for a delivery year.

    ``demand_mw`` and ``demand_usd`` are the points of the demand curve [MW], [USD/MW-day], ``requirement_mw`` what they
    are drawn around; offers of ``offered_mw`` cleared up to ``cleared_mw`` at ``price_usd`` and are taken to go on
    evenly up to the curve's highest price. ``pool_requirement``: unforced capacity that a MW of peak load needs.
    """

    delivery_year: str
    price_usd: float
    cleared_mw: float
    offered_mw: float
    requirement_mw: float
    pool_requirement: float
    demand_mw: FloatArray
    demand_usd: FloatArray
    cap_usd: float = np.inf
    floor_usd: float = 0.0

    def with_load(self, extra_mw: float) -> CapacityAuction:
        """The auction with so much more peak load: requirement and curve grow in proportion. [MW]

        Raises
        ------
        ScenarioError
            If it is less than there is.
        """
        grown = 1.0 + extra_mw * self.pool_requirement / self.requirement_mw
        if not grown > 0.0:
            least = -self.requirement_mw / self.pool_requirement
            raise ScenarioError(f"auction {self.delivery_year}: extra_mw {extra_mw:g}; allowed: above {least:,.0f}")
        return replace(self, requirement_mw=self.requirement_mw * grown, demand_mw=self.demand_mw * grown)

    def with_offers_of(self, other: CapacityAuction) -> CapacityAuction:
        """The auction with offers spread over prices as another's were, as shares of what is offered here."""
        scale = self.offered_mw / other.offered_mw
        return replace(self, price_usd=other.price_usd, cleared_mw=other.cleared_mw * scale)

    def supply_mw(self, price_usd: float) -> float:
        """Offers at a price and below. [MW]"""
        top = float(self.demand_usd.max())
        slope = (self.offered_mw - self.cleared_mw) / max(top - self.price_usd, 1e-9)
        return float(np.clip(self.cleared_mw + slope * (price_usd - self.price_usd), 0.0, self.offered_mw))

    def demand_price_usd(self, bought_mw: float) -> float:
        """What buyers pay for the last of so many MW, within cap and floor. [USD/MW-day]"""
        wanted = float(np.interp(bought_mw, self.demand_mw, self.demand_usd))
        return float(np.clip(wanted, self.floor_usd, self.cap_usd))

    def clear(self) -> tuple[float, float]:
        """Price and MW where the curves cross. [USD/MW-day], [MW]"""
        low, high = self.floor_usd, min(self.cap_usd, float(self.demand_usd.max()))
        for _ in range(_STEPS):
            price = 0.5 * (low + high)
            dearer = self.demand_price_usd(self.supply_mw(price)) > price
            low, high = (price, high) if dearer else (low, price)
        return high, self.supply_mw(high)


def read_auctions(path: Path) -> dict[str, CapacityAuction]:
    """Auctions by delivery year from a table: price, MW, and a demand curve of three or four points (``a_mw`` ..).

    Raises
    ------
    ScenarioError
        If a column is missing, a number is none, or a curve does not fall.
    """
    return {row["delivery_year"]: _auction(row, path) for row in read_table(path, _COLUMNS, "a table of auctions").rows}


def _auction(row: Mapping[str, str], path: Path) -> CapacityAuction:
    year = row["delivery_year"]

    def number(column: str) -> float:
        value = parse_number(row[column])
        if value is None or not 0.0 <= value < np.inf:
            raise ScenarioError(f"{path}: {shown(year)}, {column}: {shown(row[column])}; allowed: a number from 0 on")
        return value

    points = [p for p in _POINTS if row.get(f"{p}_mw")]
    mw, usd = (np.array([number(f"{p}_{unit}") for p in points]) for unit in ("mw", "usd"))
    if (np.diff(mw) <= 0.0).any() or (np.diff(usd) > 0.0).any():
        raise ScenarioError(f"{path}: {shown(year)}: {mw}, {usd}; allowed: MW that rise at prices that fall")
    price, cleared, offered, requirement, pool = (number(column) for column in _NUMBERS)
    if not 0.0 < cleared <= offered or requirement <= 0.0:
        raise ScenarioError(f"{path}: {shown(year)}: cleared {cleared:g} MW of {offered:g}; allowed: above 0, no more")
    cap = number("cap_usd") if row["cap_usd"] else np.inf
    return CapacityAuction(
        year, price, cleared, offered, requirement, pool, mw, usd, cap, number("floor_usd") if row["floor_usd"] else 0.0
    )


def auction_figures(
    auctions: Mapping[str, CapacityAuction],
    year: str,
    *,
    extra_mw: float = 0.0,
    capped: bool = True,
    offers_of: str = "",
    laid_usd: float = 0.0,
) -> dict[str, float]:
    """What an auction clears at, and with more load.

    Parameters
    ----------
    auctions : mapping
        By delivery year.
    year : str
        Of them.
    extra_mw : float
        More peak load; below 0 less. [MW]
    capped : bool
        With the agreed cap and floor.
    offers_of : str
        A year whose offers, as shares by price, stand for this one's; empty: its own.
    laid_usd : float
        A part of the yearly cost; ``laid_mw`` is the load without which the auction costs so much less. [USD]

    Returns
    -------
    dict
        ``price_usd_per_mw_day``, ``published_usd_per_mw_day``, ``cleared_mw``, ``short_mw`` of the requirement,
        ``cost_usd`` of a year, ``demand_mw_per_usd`` (MW by which demand falls per USD/MW-day), ``offered_frac``,
        ``laid_mw`` (nan where no load explains it).

    Raises
    ------
    ScenarioError
        If there is no such year.
    """
    for name in filter(None, (year, offers_of)):
        if name not in auctions:
            raise ScenarioError(f"auction {shown(name)}; allowed: {', '.join(auctions)}")
    held = auctions[year]
    own = held if capped else replace(held, cap_usd=np.inf, floor_usd=0.0)
    own = own.with_offers_of(auctions[offers_of]) if offers_of else own
    moved = own.with_load(extra_mw)
    price, mw = moved.clear()
    step = 100.0
    slope = step / max(moved.demand_price_usd(mw) - moved.demand_price_usd(mw + step), 1e-12)
    return {
        "price_usd_per_mw_day": price,
        "published_usd_per_mw_day": held.price_usd,
        "cleared_mw": mw,
        "short_mw": moved.requirement_mw - mw,
        "cost_usd": price * mw * _DAYS,
        "demand_mw_per_usd": slope,
        "offered_frac": held.cleared_mw / held.offered_mw,
        "laid_mw": _laid_mw(own, laid_usd) if laid_usd else 0.0,
    }


def _laid_mw(auction: CapacityAuction, laid_usd: float) -> float:
    """Peak load without which the auction costs so much less; nan where none does."""

    def cost(less_mw: float) -> float:
        price, mw = auction.with_load(-less_mw).clear()
        return price * mw * _DAYS

    wanted, low, high = cost(0.0) - laid_usd, 0.0, _MOST_FRAC * auction.requirement_mw / auction.pool_requirement
    if cost(high) > wanted:
        return float("nan")
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if cost(middle) > wanted else (low, middle)
    return high
