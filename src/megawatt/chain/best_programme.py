"""Sizes and hours together: one linear programme of the parts' sizes, the plants' and what runs in every hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray, IntArray
from megawatt.chain.best_hours import chosen_hours
from megawatt.chain.best_records import WIDER, Candidate, Programme, Sized, Tail
from megawatt.dispatch import HourlyProblem
from megawatt.dispatch.capacity import HOURS, hour_columns, minimise_over_hours
from megawatt.dispatch.hour_cuts import HourCuts
from megawatt.dispatch.solvers.live import LiveProgram
from megawatt.dispatch.solvers.lp import LinearProgram, Solution
from megawatt.errors import InfeasibleError
from megawatt.hours import HOURS_IN_YEAR

__all__ = ["segments", "solve_frontier", "solve_programme", "solve_safest"]

_MILLION: Final = 1e6
"""The programme counts in millions of dollars, so that its numbers are of one size."""
_SAMPLED: Final = 13
"""Hours from one to the next in phases beside the longest, of which the connection is looked at."""
_ALIKE: Final = 0.05
"""Segments of a use whose worth differs by less than this share run as one in the programme."""


def segments(problem: HourlyProblem, price_usd_per_mwh: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A part's use as few segments: most power [MW], and what a MWh earns beyond its power, (hours, k)."""
    use = problem.uses[0]
    worth = use.usd_per_mwh.mean(axis=0)
    groups: list[list[int]] = []
    for column in np.argsort(-worth, kind="stable").tolist():
        if use.mw[:, column].max(initial=0.0) <= 0.0:
            continue
        if groups and worth[groups[-1][0]] - worth[column] < _ALIKE * abs(worth[groups[-1][0]]):
            groups[-1].append(column)
        else:
            groups.append([column])
    if not groups:
        return np.zeros((problem.hours, 0)), np.zeros((problem.hours, 0))
    power = np.stack([use.mw[:, g].sum(axis=1) for g in groups], axis=1)
    earned = np.stack([(use.mw[:, g] * use.usd_per_mwh[:, g]).sum(axis=1) for g in groups], axis=1)
    return power, earned / np.where(power > 0.0, power, 1.0) - price_usd_per_mwh[:, np.newaxis]


def solve_programme(
    asked: Programme,
    *,
    only: Sequence[str] | None = None,
    plants: bool = True,
    every: int = 1,
) -> Sized:
    """Sizes of most value.

    Maximise the worth of the parts, less what the connection takes from them, plus what plants give, subject to the
    connection in every hour of every phase, sizes within bounds, and limits of capital, water and carbon. What is held
    back of a part loses its margin; a plant's MWh is worth the price of the hour. Batteries and other plants stand in
    the longest phase.

    Parameters
    ----------
    only : sequence of str, optional
        Candidates that may have a size; all by default.
    plants : bool
        Whether plants may be built.
    every : int
        Only every n-th hour, weighted so: quick, for maps. Without plants.
    """
    model = _Model(asked, None if only is None else frozenset(only), plants and every == 1, every)
    return model.best()


def solve_frontier(
    asked: Programme, tail: Tail, least_usd: Sequence[float], *, only: Sequence[str] | None = None
) -> list[Sized | None]:
    """Sizes of most value whose worst paths are worth at least so much in the mean; None where no sizes are.

    The tail's mean is that of the candidates' own paths, moved by what the programme's value has beside them.
    """
    model = _Model(asked, None if only is None else frozenset(only), True, 1)
    model.hold_tail(tail)
    found: list[Sized | None] = []
    for usd in least_usd:
        model.live.hold_row("tail", usd / _MILLION)
        try:
            found.append(model.best())
        except InfeasibleError:
            found.append(None)
    return found


def solve_safest(asked: Programme, tail: Tail, *, only: Sequence[str] | None = None) -> Sized:
    """Sizes whose worst paths are worth most in the mean, and among those the most valuable."""
    model = _Model(asked, None if only is None else frozenset(only), True, 1)
    model.hold_tail(tail, weight=_SAFEST)
    return model.best(1.0 + _SAFEST)


_SAFEST: Final = 1e3
"""Weight of the worst paths against the mean where the safest mix is looked for."""


class _Model:
    """The programme as it is built: columns by name, and the objective of each."""

    def __init__(self, asked: Programme, only: frozenset[str] | None, plants: bool, every: int) -> None:
        self.asked, self.every = asked, every
        self.hours = np.arange(0, HOURS_IN_YEAR, every)
        self.cuts: HourCuts | None = None
        self.sizes = np.zeros(0, dtype=np.int64)
        self.lp = LinearProgram("best mix")
        self.costs: list[tuple[IntArray, FloatArray]] = []
        self.worth: dict[str, FloatArray] = {}
        self.plants = asked.plants if plants else ()
        self.storage = asked.storage if plants else None
        self.most = [WIDER * c.most if only is None or c.name in only else 0.0 for c in asked.candidates]
        self.bounds: list[str] = []
        self.x = self._columns("sizes", len(self.most), 0.0, self.most, [c.worth_usd for c in asked.candidates])
        self.size = {p.name: self._columns(p.name, 1, p.least, p.widest, p.usd_per_unit) for p in self.plants}
        self.grid = self._columns("connection", 1, 0.0, np.inf, 0.0)
        self._groups(only)
        for plant in self.plants:
            if plant.least < plant.most:
                self._bound(f"best.{plant.name}", [(self.size[plant.name], 1.0)], upper=plant.most)
        self.lp.rows("grid_mw", [(self.grid, 1.0)], upper=asked.limits.grid_mw)
        for phase in range(asked.phases):
            self._phase(phase)
        self._limits()

    def _columns(self, name: str, count: int, lower: ArrayLike, upper: ArrayLike, worth: ArrayLike) -> IntArray:
        value = np.broadcast_to(np.asarray(worth, dtype=np.float64), (count,))
        index = self.lp.variables(name, count, lower=lower, upper=upper, cost=-value / _MILLION)
        self.costs.append((index, value))
        self.worth[name] = value / _MILLION
        return index

    def _groups(self, only: frozenset[str] | None) -> None:
        for group in sorted({c.group for c in self.asked.candidates}):
            members = [i for i, c in enumerate(self.asked.candidates) if c.group == group]
            there = [i for i in members if only is None or self.asked.candidates[i].name in only]
            first = self.asked.candidates[members[0]]
            if not there:
                continue
            sizes: list[tuple[IntArray, float]] = [(self.x[[i]], 1.0) for i in there]
            self._bound(f"parts.{group}.least", sizes, lower=first.least)
            grid_mw = self.asked.limits.grid_mw
            if all(self.asked.candidates[i].fills for i in there) and np.isfinite(grid_mw):
                self.lp.rows(f"fills {group}", [*sizes, (self.grid, -first.most / grid_mw)], upper=0.0)
            else:
                self._bound(f"parts.{group}.most", sizes, upper=first.most)

    def _bound(self, path: str, sizes: Sequence[tuple[IntArray, float]], **bound: float) -> None:
        """A bound of sizes as a row of its path, so that it has a price."""
        self.lp.rows(path, sizes, **bound)
        self.bounds.append(path)

    def _phase(self, phase: int) -> None:
        """The connection in the hours of a phase in which it could bind: all of the longest, a sample of the others."""
        asked, main = self.asked, phase == self.asked.main
        hours = self.hours if main else np.arange(0, HOURS_IN_YEAR, max(self.every, _SAMPLED))
        weight = HOURS_IN_YEAR / hours.size
        live = [(i, c) for i, c in enumerate(asked.candidates) if c.live[phase] > 0.0]
        if any(c.waits for _, c in live):
            loads = [(i, c.peak_mw if c.waits else float(c.firm_mw.max()), c.live[phase]) for i, c in live]
            fits: list[tuple[IntArray, ArrayLike]] = [(self.x[[i]], share * mw) for i, mw, share in loads]
            self.lp.rows(f"load {phase}", [(self.grid, -1.0), *fits], upper=0.0)
        full: dict[int, FloatArray] = {}
        for _, c in live:
            drawn = c.most * c.live[phase] * (c.firm_mw + c.flexible_mw.sum(axis=1))[hours]
            full[c.group] = np.maximum(full.get(c.group, drawn), drawn)
        stored = main and bool(self.plants)
        gains = main and any((c.margin_usd_per_mwh < 0.0).any() for _, c in live)
        highest = np.sum([*full.values(), np.zeros(hours.size)], axis=0)
        tight = np.arange(hours.size) if stored or gains else np.flatnonzero(highest > asked.limits.grid_mw)
        if not tight.size:
            return
        if main and self.every == 1:
            self._whole_year(live)
            return
        at = hours[tight]
        terms: list[tuple[IntArray, ArrayLike]] = [(self.grid, -1.0)]
        for i, c in live:
            share = c.live[phase]
            drawn = c.firm_mw + c.flexible_mw.sum(axis=1)
            terms.append((np.full(at.size, self.x[i]), share * drawn[at]))
            gives = np.flatnonzero(c.flexible_mw.max(axis=0) > 0.0)
            for k in gives.tolist():
                lost = -weight * c.margin_usd_per_mwh[at, k] * c.per_year[phase]
                held = self._columns(f"{c.name} held {phase} {k}", at.size, 0.0, np.inf, lost)
                most = -share * c.flexible_mw[at, k]
                self.lp.rows(
                    f"{c.name} held {phase} {k}", [(held, 1.0), (np.full(at.size, self.x[i]), most)], upper=0.0
                )
                terms.append((held, -1.0))
        self.lp.rows(f"connection {phase}", terms, upper=0.0)

    def _whole_year(self, live: Sequence[tuple[int, Candidate]]) -> None:
        """The longest phase by cuts; a candidate's worth holds its hours as they stand, which are given back."""
        there = [(c, self.most[i]) for i, c in live]
        self.cuts, paid = chosen_hours(self.asked, there, self.plants, self.storage)
        self.sizes = np.concatenate(
            [self.grid, *(self.x[[i]] for i, _ in live), *(self.size[plant.name] for plant in self.plants)]
        )
        hour_columns(self.lp, self.cuts, self.size.get("battery_mwh") if self.cuts.stored else None)
        self.costs.append((self.lp.columns(HOURS), np.full(self.cuts.starts.size, -_MILLION)))
        before = self._columns("hours in the worth", 1, -np.inf, np.inf, _MILLION)
        terms: list[tuple[IntArray, ArrayLike]] = [(before, 1.0)]
        terms += [(self.x[[i]], -usd / _MILLION) for (i, _), usd in zip(live, paid, strict=True)]
        self.lp.rows("hours in the worth", terms, lower=0.0, upper=0.0)

    @cached_property
    def live(self) -> LiveProgram:
        """The programme as HiGHS keeps it."""
        return LiveProgram(self.lp)

    def best(self, weight: float = 1.0) -> Sized:
        """The optimum, and the hours' cost in it."""
        if self.cuts is None:
            self.live.solve()
            return self.sized(self.live.solution(), 0.0)
        found, hours_usd, _ = minimise_over_hours(self.live, self.sizes, self.cuts, _MILLION, weight)
        return self.sized(replace(found, solver=f"{found.solver} and {self.cuts.years} exact years"), hours_usd)

    def _limits(self) -> None:
        limits, candidates = self.asked.limits, self.asked.candidates
        plants = [(self.size[p.name], p.capital_usd_per_unit) for p in self.plants]
        for name, limit, of_parts, of_plants in (
            ("capital_usd", limits.capital_usd, [c.capital_usd for c in candidates], plants),
            ("water_m3", limits.water_m3, [c.water_m3 for c in candidates], []),
            ("carbon_t", limits.carbon_t, [self.asked.carbon_t(c) for c in candidates], []),
        ):
            if limit is not None:
                unit = max(abs(limit), 1.0)
                terms = [(self.x[[i]], amount / unit) for i, amount in enumerate(of_parts)]
                terms += [(index, amount / unit) for index, amount in of_plants]
                self.lp.rows(name, terms, upper=limit / unit)

    def hold_tail(self, tail: Tail, weight: float = 0.0) -> None:
        """Rows of the mean of the worst paths, bounded below or weighed (Rockafellar and Uryasev 2000, equation 17)."""
        paths = tail.npv_usd.shape[0]
        worth = np.array([c.worth_usd for c in self.asked.candidates])
        threshold = self.lp.variables("threshold", 1, lower=-np.inf)
        short = self.lp.variables("short", paths)
        value = self.lp.variables("value", 1, lower=-np.inf)
        parts = [(index, -worth[np.newaxis, :] / _MILLION) for index, worth in self._dense()]
        self.lp.rows("value", [(value, 1.0), *parts], lower=0.0, upper=0.0)
        moved = (tail.npv_usd - worth) / _MILLION
        self.lp.rows(
            "paths",
            [(short, 1.0), (threshold, -1.0), (value, 1.0), (np.tile(self.x, (paths, 1)), moved)],
            lower=0.0,
        )
        share = -1.0 / (tail.tail * paths)
        mean = self.lp.variables("tail", 1, lower=-np.inf, cost=-weight)
        self.lp.rows("tail's mean", [(mean, -1.0), (threshold, 1.0), (short[np.newaxis, :], share)], lower=0.0)
        self.lp.rows("tail", [(mean, 1.0)], lower=-np.inf)

    def _dense(self) -> list[tuple[IntArray, FloatArray]]:
        return [(index[np.newaxis, :], value) for index, value in self.costs if np.any(value)]

    def sized(self, found: Solution, hours_usd: float) -> Sized:
        """The sizes of a solution, with what the hours cost at them."""
        names = [c.name for c in self.asked.candidates]
        scales = np.where(found.values["sizes"] < 1e-9, 0.0, found.values["sizes"])
        return Sized(
            scales=dict(zip(names, scales.tolist(), strict=True)),
            plants={p.name: max(0.0, float(found.values[p.name][0])) for p in self.plants},
            value_usd=_MILLION * sum(float(worth @ found.values[name]) for name, worth in self.worth.items())
            - hours_usd,
            shadow=self._shadow(found),
            bounds={path: -float(found.row_duals[path][0]) * _MILLION for path in self.bounds},
            solver=found.solver,
            seconds=found.build_s + found.solve_s,
        )

    def _shadow(self, found: Solution) -> dict[str, float]:
        """What one more MW, dollar, cubic metre or tonne is worth. [USD]"""
        limits = self.asked.limits
        named = {"grid_mw": 1.0, "capital_usd": limits.capital_usd, "water_m3": limits.water_m3}
        named["carbon_t"] = limits.carbon_t
        out = {}
        for name, limit in named.items():
            if limit is not None and name in found.row_duals:
                scale = 1.0 if name == "grid_mw" else max(abs(limit), 1.0)
                out[name] = max(-float(found.row_duals[name][0]) * _MILLION / scale, 0.0)
        return out
