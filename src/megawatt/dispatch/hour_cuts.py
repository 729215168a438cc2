"""The cost of a year as a function of the sizes of what stands there, known by cuts from the exact solver's years.

The cost is convex in the sizes. At given sizes the exact solver finds it in milliseconds, with a price of energy for
every hour and a value of stored energy: with these the hours' Lagrangian is a bound that is linear in all sizes and
holds everywhere (Benders 1962; Geoffrion 1972). Every week gives a bound of its own, joined to its neighbours by the
energy stored between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.dispatch.hourly import Block, HourlyProblem, Storage
from megawatt.dispatch.stack import HourStack, hour_stack
from megawatt.dispatch.year import Year, YearSolver, compiled_kernel
from megawatt.errors import SolverError

__all__ = ["Cuts", "HourCuts", "Kind", "Sizable", "at_sizes"]

_BLOCKS: Final = 52
"""Blocks that have cuts of their own: the weeks of a year."""
_SMALLEST: Final = 1e-3
"""A battery below this share of its largest size teaches nothing of its worth: cuts are taken at one of this size, and
of a tenth of it each time that does not suffice (`HourCuts.finer`)."""
_LEAST: Final = 1e-7
"""The smallest such share: below it rounding tells more than the battery."""
_LONGEST_H: Final = 100.0
"""Hours for which a battery lasts where its cuts are taken: one that lasts longer for its power gives what this one
does, or is next to none; its years would take seconds."""
_SHORT: Final = 3.0
"""Load not served costs this many times what any size or energy that would serve it does."""

Kind = Literal["", "power", "energy"]


@dataclass(frozen=True, slots=True)
class Sizable:
    """Something whose size is chosen, and what one unit of it is by the hour.

    Attributes
    ----------
    least, most : float
        Bounds of the size, 0 <= least <= most, finite.
    usd_per_unit : float
        Cost of a unit over the hours of the problem; below 0 it earns.
    firm_mw : (hours,) or None
        Load of a unit that must be served. [MW]
    uses, supplies : tuple of Block
        Of one unit.
    limit_mw : (hours,) or None
        Most import that a unit allows in each hour, inf where it does not count: a connection, a metered peak. [MW]
    battery : {'', 'power', 'energy'}
        Whether a unit is a MW or a MWh of the problem's storage, on top of what it has.
    sold_mw : (hours,) or None
        Power of a unit that may be sold, within the block ``sold`` of `HourCuts`. [MW]
    """

    name: str
    least: float
    most: float
    usd_per_unit: float
    firm_mw: FloatArray | None = None
    uses: tuple[Block, ...] = ()
    supplies: tuple[Block, ...] = ()
    limit_mw: FloatArray | None = None
    battery: Kind = ""
    sold_mw: FloatArray | None = None


def at_sizes(problem: HourlyProblem, things: Sequence[Sizable], sizes: FloatArray) -> HourlyProblem:
    """The hours with things of these sizes (n,); limits of the import are in its block's power."""
    firm, uses, supplies = problem.firm_mw, list(problem.uses), list(problem.supplies)
    limit = np.full(problem.hours, problem.import_limit_mw)
    storage = problem.storages[0] if problem.storages else None
    for thing, size in zip(things, sizes.tolist(), strict=True):
        if thing.firm_mw is not None:
            firm = firm + size * thing.firm_mw
        uses += [replace(b, mw=size * b.mw) for b in thing.uses]
        supplies += [replace(b, mw=size * b.mw) for b in thing.supplies]
        if thing.limit_mw is not None:
            limit = np.minimum(limit, _times(thing.limit_mw, size))
        if thing.battery and storage is not None:
            storage = _larger(storage, thing.battery, size)
    before = np.cumsum(problem.imports.mw, axis=1) - problem.imports.mw
    imports = replace(
        problem.imports, mw=np.clip(np.minimum(problem.imports.mw, limit[:, np.newaxis] - before), 0.0, None)
    )
    storages = () if storage is None else (storage,)
    return replace(
        problem, firm_mw=firm, imports=imports, uses=tuple(uses), supplies=tuple(supplies), storages=storages
    )


def _larger(storage: Storage, kind: Kind, size: float) -> Storage:
    if kind == "power":
        return replace(storage, power_mw=storage.power_mw + size)
    return replace(storage, energy_mwh=storage.energy_mwh + size)


def _times(limit_mw: FloatArray, size: float) -> FloatArray:
    """A limit per unit at a size: hours without one keep none, at no size too."""
    return np.where(np.isinf(limit_mw), np.inf, np.where(np.isinf(limit_mw), 0.0, limit_mw) * size)


@dataclass(frozen=True, slots=True)
class Cuts:
    """Tangents of a year's cost by block: constant (b,), by size (b, n), by stored energy after and before (b,)."""

    usd: FloatArray
    by_size: FloatArray
    by_after: FloatArray
    by_before: FloatArray


@dataclass
class HourCuts:
    """The year's cost as a function of sizes, known by cuts.

    ``problem`` has what is fixed; its imports are cheapest first, and it has no peaks, tiers, credits or services:
    a peak is a `Sizable` with a limit. ``sold`` is what may be sold at most, and its price (one segment), no more than
    the things of a size have of it.
    """

    problem: HourlyProblem
    things: tuple[Sizable, ...]
    sold: Block | None = None
    years: int = 0
    smallest: float = _SMALLEST
    _solver: YearSolver | None = None
    _kernel: Any = field(default_factory=compiled_kernel)

    def __post_init__(self) -> None:
        problem = self.problem
        if problem.peaks or problem.energy_tiers or problem.minimums or problem.availability or problem.services:
            raise SolverError(
                "sizes and hours: peaks, tiers, minimum bills, credits and services are not of this method"
            )
        if len(problem.storages) > 1 or (any(t.battery for t in self.things) and not problem.storages):
            raise SolverError("sizes and hours: one storage, to which sizes of a battery belong")
        self.scale_usd = self.money_usd()
        self.short_usd_per_mwh = _SHORT * self._dearest()

    def _dearest(self) -> float:
        """What a MWh at the connection can cost at most in any way to have it. [USD/MWh]"""
        blocks = [
            self.problem.imports,
            *self.problem.uses,
            *self.problem.supplies,
            *((self.sold,) if self.sold else ()),
        ]
        blocks += [b for t in self.things for b in (*t.uses, *t.supplies)]
        dearest = max(float(np.abs(b.usd_per_mwh).max(initial=0.0)) for b in blocks)
        for thing in self.things:
            power = [0.0 if thing.firm_mw is None else float(thing.firm_mw.max())]
            power += [float(b.mw.max(initial=0.0)) for b in (*thing.uses, *thing.supplies)]
            power += [] if thing.limit_mw is None else [float(thing.limit_mw.min())]
            dearest += abs(thing.usd_per_unit) / (max(power) or 1.0)
        return 1.0 + dearest

    @property
    def starts(self) -> NDArray[np.int64]:
        """First hours of the blocks."""
        return np.arange(0, self.problem.hours, max(self.problem.hours // _BLOCKS, 1))

    @property
    def stored(self) -> bool:
        """Whether a battery may stand there."""
        return bool(self.problem.storages) and min(self.most("power"), self.most("energy")) > 0.0

    def first(self) -> FloatArray:
        """Sizes of the first year: the least load beside the largest of all else, where most can be served."""
        return np.array([t.least if t.firm_mw is not None or t.uses else t.most for t in self.things])

    def money_usd(self) -> float:
        """Measure of the money that moves: energy at its price for all that may want it, and the largest sizes."""
        problem, most = self.problem, np.array([t.most for t in self.things])
        wanted = problem.firm_mw + sum((b.mw.sum(axis=1) for b in problem.uses), np.zeros(problem.hours))
        for thing in self.things:
            if thing.firm_mw is not None:
                wanted = wanted + thing.most * thing.firm_mw
            wanted = wanted + sum((thing.most * b.mw.sum(axis=1) for b in thing.uses), np.zeros(problem.hours))
        paid = np.minimum(wanted, problem.imports.mw.sum(axis=1)) @ np.abs(problem.imports.usd_per_mwh[:, 0])
        return float(paid + np.abs([t.usd_per_unit for t in self.things]) @ np.minimum(most, wanted.max(initial=1.0)))

    def most(self, kind: Kind) -> float:
        """The largest power or energy that the storage may have. [MW or MWh]"""
        own = sum(s.power_mw if kind == "power" else s.energy_mwh for s in self.problem.storages)
        return own + sum(thing.most for thing in self.things if thing.battery == kind)

    def at(self, sizes: FloatArray) -> tuple[float, float, list[Cuts]]:
        """Cost of the year at these sizes, energy not served in it [MWh], and cuts that hold at all sizes."""
        if not self.stored:
            return self._year(sizes, replace(self.problem, storages=()))
        other = self._fit(sizes)
        if not (other > sizes).any():
            return self._year(other)
        usd, short, _ = self._year(sizes, replace(self.problem, storages=()))
        return usd, short, self._year(other)[2]

    def small(self, sizes: FloatArray) -> bool:
        """Whether a battery of these sizes is too small for cuts of its own."""
        return bool((self._fit(sizes) > sizes).any())

    def finer(self) -> None:
        """Take cuts of next to no battery at a smaller one."""
        self.smallest = max(0.1 * self.smallest, _LEAST)

    def _fit(self, sizes: FloatArray) -> FloatArray:
        """These sizes with a battery that has a worth and does not last longer than years can be solved for."""
        if not self.stored:
            return sizes
        own, fit = self.problem.storages[0], sizes.copy()
        there = {"power": own.power_mw, "energy": own.energy_mwh}
        for index, thing in enumerate(self.things):
            if thing.battery:
                fit[index] = max(fit[index], self.smallest * thing.most - there[thing.battery])
                there[thing.battery] += fit[index]
        over = there["energy"] - _LONGEST_H * there["power"]
        for index, thing in enumerate(self.things):
            if thing.battery == "energy" and over > 0.0:
                fit[index] = max(fit[index] - over, 0.0)
        return fit

    def _year(self, sizes: FloatArray, problem: HourlyProblem | None = None) -> tuple[float, float, list[Cuts]]:
        base = self.problem if problem is None else problem
        hours = at_sizes(base, self.things, sizes)
        if self.sold is not None:
            hours = replace(hours, uses=(*hours.uses, replace(self.sold, mw=self._sold_mw(sizes)[:, np.newaxis])))
        wanted = hours.firm_mw + sum((b.mw.sum(axis=1) for b in hours.uses), np.zeros(hours.hours))
        short = Block("short", wanted[:, np.newaxis], np.full((hours.hours, 1), self.short_usd_per_mwh))
        hours = replace(hours, supplies=(*hours.supplies, short))
        stack = hour_stack(hours)
        year = self._solved(hours, stack)
        self.years += 1
        settled = self._kernel.settle(*stack.arguments(year.peak_mw), year.change, year.worth)
        missing = float(settled[0][stack.cost == self.short_usd_per_mwh].sum())
        return year.value_usd, missing, [self._cut(hours, stack, side, sizes) for side in year.sides or (year,)]

    def _solved(self, hours: HourlyProblem, stack: HourStack) -> Year:
        """The year; a battery so slow that it cannot come back to every state is taken smaller, which costs no less."""
        solver = YearSolver(stack, compiled=self._kernel)
        if self._solver is not None:
            solver.first_hour, solver.room = self._solver.first_hour, self._solver.room
        self._solver = solver
        free = np.full(hours.hours, np.inf)
        for _ in range(20):
            try:
                return solver.year(free)
            except SolverError:
                stack.store[1] *= 0.5
        raise SolverError("sizes and hours: no battery comes back to its state; use HiGHS")

    def _cut(self, hours: HourlyProblem, stack: HourStack, year: Year, sizes: FloatArray) -> Cuts:
        """The Lagrangian's least value by block, linear in the sizes: weak duality holds for any prices."""
        price = self._kernel.settle(*stack.arguments(year.peak_mw), year.change, year.worth)[3]
        price = np.asarray(np.minimum(price, self.short_usd_per_mwh))  # load not served is worth no more
        problem, starts = self.problem, self.starts
        by_size = np.zeros((price.size, len(self.things)))
        usd = price * problem.firm_mw + _of_blocks(problem.uses, problem.supplies, price)
        usd += self._of_import(price, sizes, by_size)
        usd += self._of_sales(price, sizes, by_size)
        for index, thing in enumerate(self.things):
            by_size[:, index] += _of_blocks(thing.uses, thing.supplies, price)
            if thing.firm_mw is not None:
                by_size[:, index] += price * thing.firm_mw
        after, before = np.zeros(starts.size), np.zeros(starts.size)
        if self.stored and hours.storages:
            own = problem.storages[0]
            of_power, of_energy, after, before = self._of_battery(own, price, year.worth)
            usd -= own.power_mw * of_power + own.energy_mwh * of_energy
            for index, thing in enumerate(self.things):
                if thing.battery:
                    by_size[:, index] -= of_power if thing.battery == "power" else of_energy
        return Cuts(np.add.reduceat(usd, starts), np.add.reduceat(by_size, starts, axis=0), after, before)

    def _of_import(self, price: FloatArray, sizes: FloatArray, by_size: FloatArray) -> FloatArray:
        """Least value of the import (hours,); what its limits would be worth larger goes to whose they are."""
        imports, (limit, holder) = self.problem.imports, self._limits(sizes)
        gain = np.maximum(price[:, np.newaxis] - imports.usd_per_mwh, 0.0)
        over = np.cumsum(imports.mw, axis=1) > limit[:, np.newaxis]
        relief = np.where(over.any(axis=1), gain[np.arange(price.size), over.argmax(axis=1)], 0.0)
        for index, thing in enumerate(self.things):
            if thing.limit_mw is not None:
                mine = holder == index
                by_size[mine, index] -= relief[mine] * thing.limit_mw[mine]
        fixed = np.isfinite(limit) & (holder < 0)
        usd = np.asarray(-(imports.mw * np.maximum(gain - relief[:, np.newaxis], 0.0)).sum(axis=1), dtype=np.float64)
        usd[fixed] -= relief[fixed] * limit[fixed]
        return usd

    def _of_sales(self, price: FloatArray, sizes: FloatArray, by_size: FloatArray) -> FloatArray | float:
        """Least value of what is sold (hours,): at most the block's power, or what the things of these sizes have."""
        if self.sold is None:
            return 0.0
        own = self._sold_mw(sizes) < self.sold.mw[:, 0]
        gain = np.maximum(self.sold.usd_per_mwh[:, 0] - price, 0.0)
        for index, thing in enumerate(self.things):
            if thing.sold_mw is not None:
                by_size[own, index] -= (gain * thing.sold_mw)[own]
        return np.asarray(np.where(own, 0.0, -gain * self.sold.mw[:, 0]), dtype=np.float64)

    def _sold_mw(self, sizes: FloatArray) -> FloatArray:
        """Most power that may be sold at these sizes, (hours,): concave in them. [MW]"""
        assert self.sold is not None, "asked where something may be sold"
        own = [size * t.sold_mw for t, size in zip(self.things, sizes.tolist(), strict=True) if t.sold_mw is not None]
        return np.asarray(
            np.minimum(self.sold.mw[:, 0], np.sum([np.zeros(self.problem.hours), *own], axis=0)), dtype=np.float64
        )

    def _limits(self, sizes: FloatArray) -> tuple[FloatArray, IntArray]:
        """The lowest limit of each hour's import, and the thing that sets it (-1: what is fixed)."""
        limit = np.full(self.problem.hours, self.problem.import_limit_mw)
        holder = np.full(limit.size, -1)
        for index, thing in enumerate(self.things):
            if thing.limit_mw is not None:
                own = _times(thing.limit_mw, float(sizes[index]))
                less = own < limit
                limit[less], holder[less] = own[less], index
        return limit, holder

    def _of_battery(self, s: Storage, price: FloatArray, worth: FloatArray) -> tuple[FloatArray, ...]:
        """What a MW and a MWh of battery save in each hour; slopes in the energy after and before each block."""
        starts, keep = self.starts, 1.0 - s.standing_loss_per_hour
        charge = np.maximum(worth * s.charge_efficiency - price, 0.0)
        discharge = np.maximum(price - s.discharge_cost_usd_per_mwh - worth / s.discharge_efficiency, 0.0)
        ends = np.append(starts[1:], price.size) - 1
        of_energy = np.maximum(keep * np.roll(worth, -1) - worth, 0.0)
        of_energy[ends] = 0.0
        return charge + discharge, of_energy, worth[ends], -keep * worth[starts]


def _of_blocks(uses: Sequence[Block], supplies: Sequence[Block], price: FloatArray) -> FloatArray:
    """Least value of blocks at a price of energy: uses run where they earn more, supplies where they cost less."""
    column = price[:, np.newaxis]
    found: FloatArray = np.zeros(price.size)
    for b in uses:
        found -= (b.mw * np.maximum(b.usd_per_mwh - column, 0.0)).sum(axis=1)
    for b in supplies:
        found -= (b.mw * np.maximum(column - b.usd_per_mwh, 0.0)).sum(axis=1)
    return np.asarray(found, dtype=np.float64)
