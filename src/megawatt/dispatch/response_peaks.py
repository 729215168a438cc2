"""How high miners may draw in a month: a few levels of import, each with what runs below it, and the best of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray, IntArray
from megawatt.dispatch.halls import SiteHalls
from megawatt.dispatch.merit import fill_in_order
from megawatt.dispatch.records import SiteProblem
from megawatt.dispatch.response_groups import Group, month_groups, summed
from megawatt.hours import MONTH_OF_HOUR
from megawatt.tariff.bill import tiered
from megawatt.tariff.records import DemandLine, Rate

__all__ = ["MonthLevels", "month_levels"]

_LEVELS: Final = {1: (0.0, 0.5, 0.8, 0.95, 1.0), 2: (0.0, 0.5, 0.9, 1.0), 3: (0.0, 0.9, 1.0)}
"""Shares of the room between idle and full draw at which a month may be held, by the number of its charges; beyond
three charges idle and full alone. What a month earns is concave and nearly linear in its peak, so the best is mostly
an end."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """Hours of a month under the same charges (lines,), with the groups that run at each level."""

    hours: IntArray
    under: BoolArray
    groups: tuple[tuple[Group, ...], ...]


@dataclass(frozen=True, slots=True)
class MonthLevels:
    """One month's levels of import [MW] (n,), its cells, and the metered peak of each charge at each level (lines, n).

    ``billed`` are the charges that the month pays, ``lines`` all of the tariff; ``markup`` scales their prices.
    """

    month: int
    levels_mw: FloatArray
    cells: tuple[_Cell, ...]
    peaks_mw: FloatArray
    billed: tuple[int, ...]
    lines: tuple[DemandLine, ...]
    markup: float

    def best(
        self, value: FloatArray, level: FloatArray, other: FloatArray, floors: FloatArray
    ) -> tuple[FloatArray, FloatArray, IntArray]:
        """Sums (6, n), metered peaks (lines, n) and level of each charge (lines, n) of the best choice of levels.

        Parameters
        ----------
        value : array, shape (2, n)
            What a MWh of the owner's miners earns, and one at a customer's plug. [USD/MWh]
        floors : array, shape (lines, n)
            Demand that is billed whatever the month draws, per share of the site that is live. [MW]
        """
        n, top = level.size, self.levels_mw.size - 1
        sums = [[summed(groups, value / other, level / other) for groups in cell.groups] for cell in self.cells]
        worth = [[value[0] * s[4] + value[1] * s[5] - level * s[2] - other * s[3] for s in cell] for cell in sums]
        cost = {k: self._cost(k, floors[k]) * other for k in self.billed}
        gain, choice = np.full(n, -np.inf), np.zeros((len(self.billed), n), dtype=np.int64)
        for at in itertools.product(range(top + 1), repeat=len(self.billed)):
            earned = sum((worth[c][self._held(cell, at)] for c, cell in enumerate(self.cells)), np.zeros(n)) - sum(
                (cost[k][j] for k, j in zip(self.billed, at, strict=True)), np.zeros(n)
            )
            better = earned > gain
            gain[better] = earned[better]
            choice[:, better] = np.array(at, dtype=np.int64)[:, np.newaxis]
        return self._gathered(sums, choice)

    def _held(self, cell: _Cell, at: tuple[int, ...]) -> int:
        """Level of a cell's hours: the lowest of its charges'."""
        under = [j for k, j in zip(self.billed, at, strict=True) if cell.under[k]]
        return min(under, default=self.levels_mw.size - 1)

    def _cost(self, line: int, floor: FloatArray) -> FloatArray:
        """What the month is billed at each level, (levels, n). [USD]"""
        demand = self.lines[line]
        billed = np.maximum(self.peaks_mw[line][:, np.newaxis], np.maximum(floor, demand.minimum_mw))
        return tiered(billed, demand.tiers) * float(demand.by_month[self.month]) * self.markup

    def _gathered(self, sums: list[list[FloatArray]], choice: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
        n, top = choice.shape[1], self.levels_mw.size - 1
        total, row = np.zeros((6, n)), np.arange(n)
        for cell, by_level in zip(self.cells, sums, strict=True):
            own = [choice[i] for i, k in enumerate(self.billed) if cell.under[k]]
            held = np.minimum.reduce(own) if own else np.full(n, top)
            total += np.stack(by_level)[held, :, row].T
        levels = np.full((len(self.lines), n), top, dtype=np.int64)
        for i, k in enumerate(self.billed):
            levels[k] = choice[i]
        peaks = np.array([self.peaks_mw[k][levels[k]] for k in range(len(self.lines))]).reshape(len(self.lines), n)
        return total, peaks, levels

    def limits_mw(self, levels: IntArray) -> FloatArray:
        """Import that each of the month's hours may reach at these levels of the charges (lines,), in hour order."""
        inside = np.flatnonzero(self.month == MONTH_OF_HOUR)
        limit, first = np.empty(inside.size), int(inside[0])
        at = tuple(int(levels[k]) for k in self.billed)
        for cell in self.cells:
            limit[cell.hours - first] = self.levels_mw[self._held(cell, at)]
        return limit


def month_levels(problem: SiteProblem, rate: Rate, halls: SiteHalls) -> tuple[MonthLevels, ...]:
    """Levels of every month of a site year."""
    k = halls.ai.slope.shape[1]
    slope = np.concatenate((halls.ai.slope, halls.mining.slope), axis=1)
    width = np.concatenate((halls.ai.width_it_mw, halls.mining.width_it_mw), axis=1)
    idle = halls.ai.idle_mw + halls.mining.idle_mw
    ai_only = np.concatenate((width[:, :k], np.zeros_like(width[:, k:])), axis=1)

    def drawn(available: FloatArray, wanted: FloatArray) -> tuple[FloatArray, FloatArray]:
        taken = fill_in_order(wanted, slope, available)
        return taken, idle + (taken * slope).sum(axis=1)

    low, high = drawn(halls.available_mw, ai_only)[1], drawn(halls.available_mw, width)[1]
    found = []
    for month in range(12):
        inside = month == MONTH_OF_HOUR
        hours = np.flatnonzero(inside)
        billed = tuple(i for i, line in enumerate(rate.demand) if line.by_month[month] > 0.0)
        bottom, full = float(low[hours].max()), float(high[hours].max())
        shares = _LEVELS.get(len(billed), (0.0, 1.0)) if billed else (1.0,)
        levels = bottom + np.array(shares) * (full - bottom)
        at_level = [drawn(np.minimum(halls.available_mw, np.maximum(level - idle, 0.0)), width) for level in levels]
        under = np.array([line.hours[hours] for line in rate.demand]).reshape(len(rate.demand), hours.size)
        patterns, place = np.unique(under[list(billed)], axis=1, return_inverse=True)
        cells = []
        for p in range(patterns.shape[1]):
            own = hours[place.ravel() == p]
            mask = np.zeros(len(rate.demand), dtype=np.bool_)
            mask[list(billed)] = patterns[:, p]
            only = np.isin(np.arange(MONTH_OF_HOUR.size), own)[:, np.newaxis]
            groups = tuple(
                month_groups(problem, np.where(only, taken[:, k:], 0.0), halls.mining, month) for taken, _ in at_level
            )
            cells.append(_Cell(own, mask, groups))
        peaks = np.array([[float(d[hours][row].max(initial=0.0)) for _, d in at_level] for row in under]).reshape(
            len(rate.demand), levels.size
        )
        found.append(MonthLevels(month, levels, tuple(cells), peaks, billed, rate.demand, rate.marked_up("demand")))
    return tuple(found)
