"""Blocks of mining capacity of a month, sorted so that what runs is a sum read from a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.halls import HallSegments
from megawatt.dispatch.records import SiteProblem
from megawatt.hours import MONTH_OF_HOUR

__all__ = ["Group", "month_groups", "summed"]


_MOST_ADDERS: Final = 4
"""A month with up to this many different adders is grouped by adder; beyond, one group (still exact, slower)."""

_CHUNK: Final = 1 << 16
"""Path-months worked on at once, to bound memory."""


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks of mining capacity (hour by segment) of one month, sorted by market cost per rated IT MWh at level 1."""

    rate: FloatArray
    price: FloatArray
    adder: FloatArray
    slope: FloatArray
    weights: FloatArray
    """Per block: IT MWh, facility MWh, market USD at level 1, delivery USD, MWh's worth of the owner's rated mode,
    MWh at customers' plugs; (6, n)."""
    cumulative: FloatArray
    """Running sums of the weights, from 0; shape (6, n + 1)."""
    adder_low: float
    adder_high: float
    hosted: bool

    def sums(self, value: FloatArray, level: FloatArray) -> FloatArray:
        """Sums of the weights over the blocks that run, shape (6, n paths).

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


def summed(groups: Iterable[Group], value: FloatArray, level: FloatArray) -> FloatArray:
    """Sums of the groups' weights over the blocks that run, shape (6, n), n levels of path-months.

    ``value`` (2, n) is what a MWh earns: of the owner's rated mode, and at a customer's plug.
    """
    groups = tuple(groups)
    total = np.zeros((6, level.size))
    for start in range(0, level.size, _CHUNK):
        cut = slice(start, start + _CHUNK)
        for group in groups:
            total[:, cut] += group.sums(value[int(group.hosted), cut], level[cut])
    return total


def month_groups(problem: SiteProblem, width: FloatArray, hall: HallSegments, month: int) -> tuple[Group, ...]:
    """Groups of a month (0 = January) whose segments can take ``width`` (8760, k). [MW of IT]"""
    if not width.shape[1]:
        return ()
    hours = np.flatnonzero(month == MONTH_OF_HOUR)
    price, adder = problem.price_usd_per_mwh[hours], problem.marginal_usd_per_mwh[hours]
    kinds = np.unique(adder)
    parts = [adder == kind for kind in kinds] if kinds.size <= _MOST_ADDERS else [np.ones(hours.size, dtype=np.bool_)]
    groups = []
    for segment in range(width.shape[1]):
        for part in parts:
            pick = part & (width[hours, segment] > 0.0)
            if pick.any():
                rows = hours[pick]
                slope, worth = hall.slope[rows, segment], float(hall.worth[segment])
                hosted = bool(hall.hosted[segment])
                groups.append(_group(price[pick], adder[pick], width[rows, segment], slope, worth, hosted))
    return tuple(groups)


def _group(
    price: FloatArray, adder: FloatArray, width: FloatArray, slope: FloatArray, worth: float, hosted: bool
) -> Group:
    order = np.argsort(price * slope, kind="stable")
    price, adder, width, slope = price[order], adder[order], width[order], slope[order]
    drawn = width * slope
    weights = np.stack((width, drawn, price * drawn, adder * drawn, width * worth, width * hosted))
    slope = slope if hosted else slope / worth
    share = adder * slope
    return Group(
        rate=price * slope,
        price=price,
        adder=adder,
        slope=slope,
        weights=weights,
        cumulative=np.concatenate((np.zeros((6, 1)), np.cumsum(weights, axis=1)), axis=1),
        adder_low=float(share.min()),
        adder_high=float(share.max()),
        hosted=hosted,
    )
