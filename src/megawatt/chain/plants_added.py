"""What plants and services add to the cash of a site: the year with them less the year without, between nodes."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray, IntArray
from megawatt.catalogue import Catalogue
from megawatt.chain.businesses import MiningMoney
from megawatt.chain.grid_services import curtailment_pay_usd
from megawatt.chain.ground import Ground, earned
from megawatt.chain.plant_cost import PlantCost
from megawatt.chain.plants import SMALLER_FRAC, Plants
from megawatt.dispatch import HourlyProblem, SiteAssets, SiteProblem, optimise, site_hours
from megawatt.dispatch.ledgers import monthly_usd
from megawatt.dispatch.solvers.exact import not_own
from megawatt.finance import OperatingFlows, live_share, repeat_year
from megawatt.hours import HOURS_IN_YEAR
from megawatt.mining import Hosted, hosted_usd_per_mwh
from megawatt.risk import FactorPaths

__all__ = ["AddedByPlants", "Asked", "PlantMoney", "Solved", "added_by_plants", "added_tables", "at_market"]


_LEVELS: Final = (0.5, 1.0, 2.0)
"""Levels of power prices at which the site is dispatched; between them what plants add is interpolated."""
_VALUES: Final = (0.0, 0.35, 0.55, 0.75, 1.0, 1.4, 2.2)
"""Values of a mined MWh, relative to the year's mean, at which it is dispatched."""
_FEW_VALUES: Final = (0.0, 0.5, 1.0)
"""The same where every year takes HiGHS."""
_MOST_KEPT: Final = 4096
"""Solved years that are kept, some kB each."""


Corner = tuple[IntArray, IntArray, FloatArray]
"""Of each point a node (index of value, of level), and its weight."""


@dataclass(frozen=True, slots=True)
class AddedByPlants:
    """What plants and services add at nodes of the value of a mined MWh and of the level of prices. [USD]

    ``parts_usd`` (values, levels, 3, 12) is by month what is added before fuel (bill saved, exports, what machines earn
    more, less wear and upkeep per MWh), the gas burned, and what the grid pays. A node that is nan is solved by
    ``solve``, once, when it is first asked for; before the tables go to another process, all are. ``lost_usd`` (12,) by
    plant is what one that has lost all its power would no longer add, at the rate of its first tenth. ``burns`` and
    ``paid``: whether there is gas, and pay of the grid.
    """

    values_usd_per_mwh: FloatArray
    levels: FloatArray
    parts_usd: FloatArray
    lost_usd: Mapping[str, FloatArray]
    burns: bool = False
    paid: bool = False
    solve: Callable[[float, float], FloatArray] | None = None

    def __reduce__(self) -> tuple[type[AddedByPlants], tuple[object, ...]]:
        whole = self.only()
        return AddedByPlants, tuple(getattr(whole, name) for name in AddedByPlants.__slots__)

    def around(self, value: FloatArray, level: FloatArray) -> tuple[list[Corner], BoolArray]:
        """Nodes around each point with their weights, and which nodes (values, levels) have any."""
        i, along = _place(self.values_usd_per_mwh, value)
        j, across = _place(self.levels, level)
        rows, columns = self.values_usd_per_mwh.size, self.levels.size
        needed = np.zeros((rows, columns), dtype=np.bool_)
        corners = []
        for di, wi in ((0, 1.0 - along), (1, along)):
            row = np.minimum(i + di, rows - 1)
            for dj, wj in ((0, 1.0 - across), (1, across)):
                column, weight = np.minimum(j + dj, columns - 1), wi * wj
                needed[row[weight != 0.0], column[weight != 0.0]] = True
                corners.append((row, column, weight))
        return corners, needed

    def at(self, needed: BoolArray) -> FloatArray:
        """The parts, (values, levels, 3, 12), with the needed nodes (values, levels) solved; 0 where one is not."""
        missing = np.isnan(self.parts_usd[:, :, 0, 0])
        if self.solve is not None:
            for i, j in np.argwhere(missing & needed).tolist():
                self.parts_usd[i, j] = self.solve(float(self.values_usd_per_mwh[i]), float(self.levels[j]))
        return np.nan_to_num(self.parts_usd)

    def only(self, needed: BoolArray | None = None) -> AddedByPlants:
        """The tables with these nodes solved (all where None), and no other ever."""
        found = self.at(np.ones(self.parts_usd.shape[:2], dtype=np.bool_) if needed is None else needed)
        return replace(self, parts_usd=found, solve=None)


@dataclass(frozen=True, slots=True)
class PlantMoney:
    """What plants and grid terms add to the site's cash: the dispatched year with them, less the year without.

    Between the nodes of ``tables`` all that they have is interpolated.
    """

    costs: tuple[PlantCost, ...]
    tables: AddedByPlants
    fuel_frac: float = 0.0
    fuel_growth: float = 0.0
    miners: MiningMoney | None = None

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """What the plants add while halls are live, their fuel and their upkeep."""
        spine, months = ground.calendar.spine, ground.months
        value = np.zeros((1, months))
        if self.miners is not None:
            value = self.miners.economics(ground, factors).usd_per_mwh
        level = ground.power.level(factors)
        added, fuel, services = self._between(value, level, ground)
        month = np.arange(months)
        live = live_share(ground.calendar.halls, months)
        for cost in self.costs:
            if cost.name in self.tables.lost_usd:
                gone = 1.0 - cost.kept_frac(month)
                added = added - repeat_year(spine, self.tables.lost_usd[cost.name]) * gone * level
        dearer = 1.0 + self.fuel_frac * ((1.0 + self.fuel_growth) ** (month // 12) - 1.0)
        stands = live * np.min([np.ones(months), *(month >= cost.live for cost in self.costs)], axis=0)
        upkeep = sum((cost.upkeep_usd(month) for cost in self.costs), np.zeros(months))
        revenue, costs = {"own_power": added * stands}, dict[str, FloatArray]()
        if self.tables.paid:
            revenue["grid_services"] = services * stands
        if self.tables.burns:
            costs["fuel"] = fuel * dearer * stands
        if self.costs:
            costs["plant_upkeep"] = upkeep[np.newaxis, :]
        return earned(months, revenue=revenue, cost=costs)

    def _between(self, value: FloatArray, level: FloatArray, ground: Ground) -> list[FloatArray]:
        """The parts at the value and level of every path and month, linear between nodes and beyond the last."""
        spine, tables = ground.calendar.spine, self.tables
        value, level = np.broadcast_arrays(value, level)
        corners, needed = tables.around(value, level)
        nodes = tables.at(needed)
        month = np.broadcast_to(spine.month, value.shape)
        leap = np.where((spine.month == 1) & (spine.hours == 29 * 24.0), 29.0 / 28.0, 1.0)
        found = []
        for part in range(nodes.shape[2]):
            here = np.zeros(value.shape)
            for row, column, weight in corners:
                here = here + weight * nodes[row, column, part, month]
            found.append(here * leap)
        return found


def _place(nodes: FloatArray, at: FloatArray) -> tuple[IntArray, FloatArray]:
    """Index of the node before each point, and the share of the way to the next; beyond the ends extrapolated."""
    if nodes.size == 1:
        return np.zeros(at.shape, dtype=np.int64), np.zeros(at.shape)
    i = np.asarray(np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, nodes.size - 2), dtype=np.int64)
    return i, np.asarray((at - nodes[i]) / (nodes[i + 1] - nodes[i]), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Asked:
    """A year to be solved: ``factor`` times what ``make`` makes; years of one ``key`` are the same and solved once."""

    make: Callable[[], HourlyProblem]
    factor: float = 1.0
    key: Hashable = None


Years = Callable[[Plants | None, float, float], tuple[list[Asked], SiteAssets, FloatArray]]
"""Years of the site with plants (None: without) at a value of a mined MWh and a level of prices; the assets; and what
is earned beside by month, (12,)."""


Solved = dict[Hashable, Mapping[str, FloatArray]]
"""What each line of solved years earns by month, (12,). [USD]"""


def added_by_plants(
    _: Catalogue, plants: Plants, worth_usd_per_mwh: float, contract_usd: float, ageing: tuple[str, ...],
    hosted: Hosted | None, *, problem: SiteProblem, solved: Solved,
) -> AddedByPlants:  # fmt: skip
    """What plants and services add at nodes of the value of a mined MWh and of the level of prices.

    Parameters
    ----------
    problem : SiteProblem
        The site year without plants.
    worth_usd_per_mwh : float
        Mean value of a mined MWh; 0 for a site without miners.
    contract_usd : float
        What a year of the whole AI load is paid.
    ageing : tuple of str
        Plants that lose power.
    hosted : Hosted or None
        Customers' machines beside the site's own.
    solved : dict
        As `added_tables` has it.
    """
    years = partial(_one_use, problem=problem, hosted=hosted, contract_usd=contract_usd)
    return added_tables(plants, worth_usd_per_mwh, ageing, years, solved)


def added_tables(
    plants: Plants, worth_usd_per_mwh: float, ageing: tuple[str, ...], years: Years, solved: Solved
) -> AddedByPlants:
    """The year with plants less the year without, by month, at nodes of the mined value and of the level of prices.

    Where services need HiGHS (seconds a year) there are three nodes of the value and one of the level. A node is solved
    when it is asked for. ``solved``: years that are known already; those solved here are added.
    """
    slow = any(not_own(year.make()) for year in years(plants, worth_usd_per_mwh, 1.0)[0])
    nodes, levels = (np.array(n) for n in ((_FEW_VALUES, (1.0,)) if slow else (_VALUES, _LEVELS)))
    values = worth_usd_per_mwh * nodes if worth_usd_per_mwh > 0.0 else np.zeros(1)
    lost = {}
    if ageing:
        now = _net(_difference(plants, worth_usd_per_mwh, 1.0, years=years, solved=solved))
        for name in ageing:
            less = _difference(plants.smaller(name), worth_usd_per_mwh, 1.0, years=years, solved=solved)
            lost[name] = (now - _net(less)) / SMALLER_FRAC
    return AddedByPlants(
        values_usd_per_mwh=values,
        levels=levels,
        parts_usd=np.full((values.size, levels.size, 3, 12), np.nan),
        lost_usd=lost,
        burns=any(supply.name == "gas" for supply in plants.assets.supplies),
        paid=bool(plants.assets.services) or bool(np.any(curtailment_pay_usd(plants.assets))),
        solve=partial(_difference, plants, years=years, solved=solved),
    )


def _net(parts: FloatArray) -> FloatArray:
    return np.asarray(parts[0] - parts[1] + parts[2], dtype=np.float64)


def _one_use(
    plants: Plants | None, value: float, level: float, *, problem: SiteProblem, hosted: Hosted | None,
    contract_usd: float,
) -> tuple[list[Asked], SiteAssets, FloatArray]:  # fmt: skip
    """The year of a site with one use."""
    there = at_market(problem, level, np.full(HOURS_IN_YEAR, value), hosted)
    assets = replace(SiteAssets() if plants is None else plants.at_level(level), ai_contract_usd=contract_usd or None)
    return [Asked(partial(site_hours, there, assets))], assets, np.zeros(12)


def at_market(problem: SiteProblem, level: float, value: FloatArray, hosted: Hosted | None) -> SiteProblem:
    """A site year at another level of market prices and another value of a mined MWh, (8760,)."""
    collar = problem.collar
    return replace(
        problem,
        price_usd_per_mwh=collar.charged(level) if collar is not None else level * problem.price_usd_per_mwh,
        mining_value_usd_per_mwh=value,
        hosted_value_usd_per_mwh=None if hosted is None else hosted_usd_per_mwh(hosted, value),
    )


def _difference(plants: Plants, value: float, level: float, *, years: Years, solved: Solved) -> FloatArray:
    """What the plants add by month before fuel, the fuel, and what the grid pays. [USD], (3, 12)"""
    with_plants, assets, beside = years(plants, value, level)
    without, _, beside_without = years(None, value, level)
    there, bare = _account(with_plants, solved), _account(without, solved)
    fuel = -there.pop("gas", np.zeros(12))
    paid = curtailment_pay_usd(assets) + sum(there.pop(s.name) for s in assets.services)
    there_usd, bare_usd = (np.sum(list(usd.values()), axis=0) for usd in (there, bare))
    return np.stack((there_usd - bare_usd + beside - beside_without, fuel, paid))


def _account(years: list[Asked], solved: Solved) -> dict[str, FloatArray]:
    """What each line earns by month, all years together."""
    lines: dict[str, FloatArray] = {}
    for year in years:
        found = None if year.key is None else solved.get(year.key)
        if found is None:
            found = _year_usd(year.make(), solved)
            if year.key is not None:
                solved[year.key] = found
        for name, usd in found.items():
            lines[name] = lines.get(name, np.zeros(12)) + year.factor * usd
    return lines


def _year_usd(problem: HourlyProblem, solved: Solved) -> Mapping[str, FloatArray]:
    """What each line of a year earns by month, of the year solved before that is the same but for contracts' pay."""
    paid = {b.name: b.contract_usd for b in problem.uses if b.contract_usd is not None}
    unit = replace(problem, uses=tuple(replace(b, contract_usd=1.0) if b.name in paid else b for b in problem.uses))
    key = hashlib.blake2b(pickle.dumps(unit), digest_size=16).hexdigest()
    if key not in solved:
        if len(solved) >= _MOST_KEPT:
            solved.clear()
        solved[key] = monthly_usd(unit, optimise(unit))
    found = solved[key]
    return {**found, **{name: usd * found[name] for name, usd in paid.items()}}
