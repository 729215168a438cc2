"""A site year reduced to twelve months that still answer exactly, at any hash value and power price level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from megawatt.arrays import FloatArray
from megawatt.dispatch.halls import HallSegments, hourly_response, site_halls
from megawatt.dispatch.merit import fill_in_order
from megawatt.dispatch.records import SiteProblem
from megawatt.errors import ScenarioError
from megawatt.hours import MONTH_OF_HOUR, monthly_sum

__all__ = ["MiningMonths", "MonthlyResponse", "monthly_response"]


_MOST_ADDERS: Final = 4
"""A month with up to this many different adders is grouped by adder; beyond, one group (still exact, slower)."""

_CHUNK: Final = 1 << 16
"""Path-months worked on at once, to bound memory."""


@dataclass(frozen=True, slots=True)
class MiningMonths:
    """Mining by month, arrays of shape (paths, months).

    ``mwh`` is energy at the miners' plug, ``facility_mwh`` at the connection (idle draw of the halls included);
    ``market_usd`` and ``delivery_usd`` pay for the latter; ``revenue_usd`` = value * mwh, by the worth of the modes.
    """

    mwh: FloatArray
    facility_mwh: FloatArray
    market_usd: FloatArray
    delivery_usd: FloatArray
    revenue_usd: FloatArray

    @property
    def energy_cost_usd(self) -> FloatArray:
        """Energy bill: market and delivery. [USD]"""
        return self.market_usd + self.delivery_usd

    @property
    def margin_usd(self) -> FloatArray:
        """Revenue minus energy bill. [USD]"""
        return self.revenue_usd - self.energy_cost_usd


@dataclass(frozen=True, slots=True)
class _Group:
    """Blocks of mining capacity (hour by segment) of one month, sorted by market cost per rated IT MWh at level 1."""

    rate: FloatArray
    price: FloatArray
    adder: FloatArray
    slope: FloatArray
    weights: FloatArray
    """Per block: IT MWh, facility MWh, market USD at level 1, delivery USD, MWh's worth of the rated mode; (5, n)."""
    cumulative: FloatArray
    """Running sums of the weights, from 0; shape (5, n + 1)."""
    adder_low: float
    adder_high: float

    def sums(self, value: FloatArray, level: FloatArray) -> FloatArray:
        """Sums of the weights over the blocks that run, shape (5, n paths).

        A block runs where value >= (level * price + adder) * slope, its slope being facility MW over what the MW of
        miners are worth in units of the rated mode. Adders do not scale with the level, so no single
        order of the blocks serves all levels; but only blocks whose market cost lies within the spread of the
        adders' share can be out of order. They are decided one by one, the rest by the running sums.
        """
        slack = 1e-9 * (1.0 + np.abs(value) / level)
        surely = np.searchsorted(self.rate, (value - self.adder_high) / level - slack, side="left")
        perhaps = np.searchsorted(self.rate, (value - self.adder_low) / level + slack, side="right")
        total = self.cumulative[:, surely]
        count = perhaps - surely
        row = np.repeat(np.arange(value.size), count)
        if row.size:
            block = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count) + surely[row]
            runs = value[row] >= (level[row] * self.price[block] + self.adder[block]) * self.slope[block]
            row, block = row[runs], block[runs]
            total = total + np.stack([np.bincount(row, w[block], minlength=value.size) for w in self.weights])
        return total


@dataclass(frozen=True, slots=True)
class MonthlyResponse:
    """A dispatched site year as functions of hash value and power price level, month by month.

    Power level: the market price relative to the site year's, a factor per path and month; delivery adders do not
    scale with it. The AI load is firm: it runs up to the limits of cooling and connection whatever power costs. Mining
    has what the connection leaves beside it and runs, block by block, where it pays. All arrays (12,), January first.

    Attributes
    ----------
    ai_it_mwh, ai_facility_mwh : energy of the AI halls, IT and at the connection
    ai_unserved_mwh : AI load that the limits do not let run (IT)
    ai_market_usd, ai_delivery_usd : their bill at level 1
    mining_idle_mwh, mining_idle_market_usd, mining_idle_delivery_usd : what the mining halls draw with miners off
    """

    ai_it_mwh: FloatArray
    ai_facility_mwh: FloatArray
    ai_unserved_mwh: FloatArray
    ai_market_usd: FloatArray
    ai_delivery_usd: FloatArray
    mining_idle_mwh: FloatArray
    mining_idle_market_usd: FloatArray
    mining_idle_delivery_usd: FloatArray
    _groups: tuple[tuple[_Group, ...], ...]

    def ai_energy_cost_usd(self, power_level: ArrayLike, first_month: int = 1) -> FloatArray:
        """Energy bill of the AI halls. [USD]

        Parameters
        ----------
        power_level : array, shape (paths, months)
            Market price relative to the site year's, > 0.
        first_month : int
            Calendar month of the first column, 1 to 12.

        Returns
        -------
        array, shape (paths, months)

        Raises
        ------
        ScenarioError
            If a level is not a positive number, or the month is none.
        """
        level = _positive("power_level", power_level)
        month = _calendar(level.shape[1], first_month)
        return np.asarray(level * self.ai_market_usd[month] + self.ai_delivery_usd[month], dtype=np.float64)

    def mining(self, value_usd_per_mwh: ArrayLike, power_level: ArrayLike, first_month: int = 1) -> MiningMonths:
        """Mining energy, bill and revenue, exact for every value and level.

        Parameters
        ----------
        value_usd_per_mwh : array, shape (paths, months)
            Revenue of a MWh at the miner's plug, >= 0.
        power_level : array, shape (paths, months), or broadcastable to it
            Market price relative to the site year's, > 0.
        first_month : int
            Calendar month of the first column, 1 to 12.

        Raises
        ------
        ScenarioError
            If a value is negative or not a number, a level is not positive, or the month is none.
        """
        value = np.atleast_2d(np.asarray(value_usd_per_mwh, dtype=np.float64))
        if not (np.isfinite(value).all() and value.min(initial=0.0) >= 0.0):
            raise ScenarioError("mining: value_usd_per_mwh has negative values or NaN; must be numbers >= 0 [USD/MWh]")
        value, level = np.broadcast_arrays(value, _positive("power_level", power_level))
        month = _calendar(value.shape[1], first_month)
        sums = np.zeros((5, *value.shape))
        for m in np.unique(month):
            columns = np.flatnonzero(month == m)
            flat_value, flat_level = value[:, columns].ravel(), level[:, columns].ravel()
            part = np.zeros((5, flat_value.size))
            for start in range(0, flat_value.size, _CHUNK):
                cut = slice(start, start + _CHUNK)
                for group in self._groups[m]:
                    part[:, cut] += group.sums(flat_value[cut], flat_level[cut])
            sums[:, :, columns] = part.reshape(5, value.shape[0], columns.size)
        return MiningMonths(
            mwh=sums[0],
            facility_mwh=sums[1] + self.mining_idle_mwh[month],
            market_usd=level * (sums[2] + self.mining_idle_market_usd[month]),
            delivery_usd=sums[3] + self.mining_idle_delivery_usd[month],
            revenue_usd=value * sums[4],
        )


def monthly_response(problem: SiteProblem) -> MonthlyResponse:
    """Reduce a site year to its twelve months.

    At level 1 and the year's own mining value the result equals the dispatch of the same problem, as long as AI load
    is worth more per MW at the connection than mining and than power in every hour (it is firm here).

    Parameters
    ----------
    problem : SiteProblem
        The site year; its ``mining_value_usd_per_mwh`` and ``ai_value_usd_per_mwh`` are not used.

    Raises
    ------
    ScenarioError
        If the problem's arrays are malformed.
    InfeasibleError
        If idle halls exceed the import limit; names the hour.
    """
    halls = site_halls(problem)
    k = halls.ai.slope.shape[1]
    slope = np.concatenate((halls.ai.slope, halls.mining.slope), axis=1)
    width = np.concatenate((halls.ai.width_it_mw, halls.mining.width_it_mw), axis=1)
    order = np.broadcast_to(np.arange(slope.shape[1]), slope.shape)
    taken = fill_in_order(width, slope, order, halls.available_mw)
    ai_it = np.minimum(taken[:, :k].sum(axis=1), halls.ai.cap_it_mw)
    ai = problem.ai_response
    ai_facility = np.zeros_like(ai_it) if ai is None else hourly_response(ai, ai.facility_mw, ai_it)
    price, adder, idle = problem.price_usd_per_mwh, problem.adder_usd_per_mwh, halls.mining.idle_mw
    return MonthlyResponse(
        ai_it_mwh=monthly_sum(ai_it),
        ai_facility_mwh=monthly_sum(ai_facility),
        ai_unserved_mwh=monthly_sum(problem.ai_it_mw - ai_it),
        ai_market_usd=monthly_sum(price * ai_facility),
        ai_delivery_usd=monthly_sum(adder * ai_facility),
        mining_idle_mwh=monthly_sum(idle),
        mining_idle_market_usd=monthly_sum(price * idle),
        mining_idle_delivery_usd=monthly_sum(adder * idle),
        _groups=tuple(_month_groups(problem, taken[:, k:], halls.mining, month) for month in range(12)),
    )


def _month_groups(problem: SiteProblem, width: FloatArray, hall: HallSegments, month: int) -> tuple[_Group, ...]:
    hours = np.flatnonzero(month == MONTH_OF_HOUR)
    price, adder = problem.price_usd_per_mwh[hours], problem.adder_usd_per_mwh[hours]
    kinds = np.unique(adder)
    parts = [adder == kind for kind in kinds] if kinds.size <= _MOST_ADDERS else [np.ones(hours.size, dtype=np.bool_)]
    groups = []
    for segment in range(width.shape[1]):
        for part in parts:
            pick = part & (width[hours, segment] > 0.0)
            if pick.any():
                rows = hours[pick]
                slope, worth = hall.slope[rows, segment], float(hall.worth[segment])
                groups.append(_group(price[pick], adder[pick], width[rows, segment], slope, worth))
    return tuple(groups)


def _group(price: FloatArray, adder: FloatArray, width: FloatArray, slope: FloatArray, worth: float) -> _Group:
    order = np.argsort(price * slope, kind="stable")
    price, adder, width, slope = price[order], adder[order], width[order], slope[order]
    drawn = width * slope
    weights = np.stack((width, drawn, price * drawn, adder * drawn, width * worth))
    slope = slope / worth
    share = adder * slope
    return _Group(
        rate=price * slope,
        price=price,
        adder=adder,
        slope=slope,
        weights=weights,
        cumulative=np.concatenate((np.zeros((5, 1)), np.cumsum(weights, axis=1)), axis=1),
        adder_low=float(share.min()),
        adder_high=float(share.max()),
    )


def _positive(name: str, values: ArrayLike) -> FloatArray:
    array = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if not (np.isfinite(array).all() and array.min(initial=1.0) > 0.0):
        raise ScenarioError(f"mining: {name} has values <= 0 or NaN; must be factors > 0 of the site year's price")
    return array


def _calendar(months: int, first_month: int) -> NDArray[np.int64]:
    if not 1 <= first_month <= 12:
        raise ScenarioError(f"first_month = {first_month}, must be 1 (January) to 12")
    return np.asarray((np.arange(months) + first_month - 1) % 12, dtype=np.int64)
