"""A year at fixed peaks by dynamic programming: cut where the battery is empty, proven by its dual chain."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.solvers.convex import Point, minimise
from megawatt.dispatch.stack import HourStack
from megawatt.errors import SolverError

__all__ = ["RELATIVE_GAP", "Year", "YearSolver", "compiled_kernel"]


RELATIVE_GAP: Final = 1e-10
"""Proven distance to the optimum at which a search stops, as a share of the money that moves in the year."""


def compiled_kernel() -> Any:
    """The compiled functions; numba is imported with them (about a second), so only where a year is solved."""
    return importlib.import_module("megawatt.dispatch.solvers.compiled_calls")


@dataclass(frozen=True, slots=True)
class Year:
    """A solved year at given peaks."""

    value_usd: float
    """Cost of the whole year without peak charges."""
    relief_usd_per_mw: FloatArray
    change: FloatArray
    worth: FloatArray
    state: FloatArray
    peak_mw: FloatArray
    sides: tuple[Year, ...] = ()
    """Where the state at the cut was searched: the years on either side of the best, each with its own dual chain."""


@dataclass(slots=True)
class YearSolver:
    """A stack and the hour at which its cycle is cut, which is kept from one peak to the next."""

    stack: HourStack
    first_hour: int = -1
    compiled: Any = field(default=None)
    room: list[FloatArray] = field(default_factory=list)
    """Working memory of the dynamic programme, kept between years."""

    def year(self, peak_mw: FloatArray) -> Year:
        """Least cost of the cyclic year with metered power limited to ``peak_mw`` (hours,)."""
        found = self._closed(peak_mw) if self.first_hour >= 0 else None
        if found is None:
            self.first_hour = self._empty_hour(peak_mw)
            found = self._closed(peak_mw)
        return found if found is not None else self._search_state(peak_mw)

    def _forward(self, peak_mw: FloatArray, first_hour: int, start: float) -> tuple[Any, Any]:
        """What the hours cost, with energy and share kept, and the least cost of every state after each."""
        if not self.room:
            self.room = [np.empty(24 * peak_mw.size), np.empty(24 * peak_mw.size)]
        store = self.stack.store
        hours = (self.compiled.pieces(*self.stack.arguments(peak_mw)), float(store[1]), float(store[4]))
        found = self.compiled.forward(*hours, first_hour, start, 0.0, *self.room)
        self.room = list(found[:2])
        return hours, found

    def run(self, peak_mw: FloatArray, start: float) -> Year:
        """Least cost of the hours from a given state to any state, what is left being worth nothing."""
        given = self.stack.arguments(peak_mw)
        hours, (slopes, lengths, offsets, lows, values) = self._forward(peak_mw, 0, start)
        last = slice(offsets[-2], offsets[-1])
        falling = slopes[last] < 0.0
        end, value = lows[-1] + lengths[last][falling].sum(), values[-1] + (lengths[last] * slopes[last])[falling].sum()
        change, worth, state, _ = self.compiled.backward(*hours, 0, end, 0.0, slopes, lengths, offsets, lows)
        relief = self.compiled.relieve(*given, change, worth)
        return Year(self.stack.base_total_usd + float(value), relief, change, worth, state, peak_mw)

    def hourly_cost(self, year: Year) -> FloatArray:
        """Cost of each hour's stack and discharge, (hours,). [USD]"""
        given = self.stack.arguments(year.peak_mw)
        power, _, discharge, _ = self.compiled.settle(*given, year.change, year.worth)
        cost = (power * self.stack.cost).sum(axis=1) + self.stack.store[5] * discharge
        return np.asarray(cost, dtype=np.float64)

    def _empty_hour(self, peak_mw: FloatArray) -> int:
        """The hour after which the battery is empty for the strongest reason, in a year with both ends free."""
        hours, (slopes, lengths, offsets, lows, _) = self._forward(peak_mw, 0, self.compiled.NO_STATE)
        last = slice(offsets[-2], offsets[-1])
        end = lows[-1] + lengths[last][slopes[last] < 0.0].sum()
        _, worth, state, _ = self.compiled.backward(*hours, 0, end, 0.0, slopes, lengths, offsets, lows)
        return self._after_empty(worth, state)

    def _after_empty(self, worth: FloatArray, state: FloatArray) -> int:
        """The hour after the one that has most reason to leave the battery empty."""
        bound = worth - self.stack.store[4] * np.roll(worth, -1)
        empty = state <= 1e-9 * self.stack.store[1]
        strongest = int(np.argmax(np.where(empty, bound, -np.inf)))
        return (strongest + 1) % int(state.size)

    def _closed(self, peak_mw: FloatArray) -> Year | None:
        """The year cut where the battery is empty; None if that is not proven the best state there.

        Proof: with the state zero at both ends, raising it costs the last hour's worth and saves the first hour's,
        kept for an hour. If it saves no more than it costs, the dual chain is feasible and the plan optimal.
        """
        point = self._at_state(0.0, peak_mw)
        if point is None or point.slope < -1e-9 * (1.0 + abs(point.plan.worth).max()):
            return None
        return point.plan

    def _at_state(self, state: float, peak_mw: FloatArray) -> Point[Year] | None:
        """The year from ``state`` to itself, with the slope of its cost in that state; None out of reach."""
        given = self.stack.arguments(peak_mw)
        hours, (slopes, lengths, offsets, lows, values) = self._forward(peak_mw, self.first_hour, state)
        last = slice(offsets[-2], offsets[-1])
        steps = np.concatenate(([0.0], np.cumsum(lengths[last])))
        tiny = 1e-12 * self.stack.store[1]
        if not lows[-1] - tiny <= state <= lows[-1] + steps[-1] + tiny:
            return None
        filled = np.clip(state - lows[-1] - steps[:-1], 0.0, lengths[last])
        value = values[-1] + float(filled @ slopes[last])
        at = self.first_hour
        # Where the last hour cannot store more, any high worth is dual; one of the stack's size keeps slopes finite.
        high = 2.0 * float(self.stack.cost[:, -1].max())
        change, worth, states, _ = self.compiled.backward(*hours, at, state, high, slopes, lengths, offsets, lows)
        slope = worth[at - 1] - self.stack.store[4] * worth[at]
        relief = self.compiled.relieve(*given, change, worth)
        year = Year(self.stack.base_total_usd + value, relief, change, worth, states, peak_mw)
        return Point(state, year.value_usd, float(slope), year)

    def _search_state(self, peak_mw: FloatArray) -> Year:
        """The year whose state at the cut is nowhere proven zero: minimise its cost over that state."""

        def at(state: float) -> Point[Year]:
            point = self._at_state(state, peak_mw)
            if point is None:
                raise SolverError("storage: the year cannot return to every state it may start from; use HiGHS")
            return point

        # Hour 0 begins a block of `_block_starts`, so that the tangents of blocks stay true (`_at_peaks`).
        energy, self.first_hour = float(self.stack.store[1]), 0
        found = minimise(at, 0.0, energy, RELATIVE_GAP * self.stack.scale_usd, 0.5 * energy)
        # The next peaks are tried with the cut where this year is empty.
        self.first_hour = self._after_empty(found.best.plan.worth, found.best.plan.state)
        # The relief of a mean of dual chains whose slope in the state is zero: a slope of the least cost over states.
        share, sides = found.share, (found.left.plan, found.right.plan)
        relief = share * sides[0].relief_usd_per_mw + (1.0 - share) * sides[1].relief_usd_per_mw
        return replace(found.best.plan, relief_usd_per_mw=relief, sides=sides)
