"""A site year reduced to twelve months that still answer exactly, at any hash value and power price level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.dispatch.halls import hourly_response, site_halls
from megawatt.dispatch.merit import fill_in_order
from megawatt.dispatch.records import SiteProblem
from megawatt.dispatch.response_charges import Charged, charged_of
from megawatt.dispatch.response_groups import Group, month_groups, summed
from megawatt.errors import ScenarioError
from megawatt.hours import monthly_sum
from megawatt.tariff.charges import charges_usd

__all__ = ["MiningMonths", "MonthlyResponse", "monthly_response", "phased"]


_LEVELS: Final = np.geomspace(0.25, 4.0, 17)
"""Levels of the market at which a year with a collar is known exactly, 1 among them; linear between, constant beyond:
there next to all hours are at the floor or the cap."""


@dataclass(frozen=True, slots=True)
class MiningMonths:
    """Mining by month, arrays of shape (paths, months).

    ``mwh`` is energy at the miners' plug, ``facility_mwh`` at the connection (idle draw of the halls included);
    ``market_usd`` and ``delivery_usd`` pay for the latter; ``revenue_usd`` = value * mwh, by the worth of the modes.
    ``rated_mwh`` is the owner's energy as the rated mode would need it for the same hashes, ``hosted_mwh`` the energy
    at customers' plugs, ``hosted_usd`` what they pay.
    """

    mwh: FloatArray
    facility_mwh: FloatArray
    market_usd: FloatArray
    delivery_usd: FloatArray
    revenue_usd: FloatArray
    rated_mwh: FloatArray
    hosted_mwh: FloatArray
    hosted_usd: FloatArray
    charges_usd: FloatArray | None = None
    """What the tariff charges beside, for the share of the site that is live; None where it does not."""

    @property
    def energy_cost_usd(self) -> FloatArray:
        """Energy bill: market and delivery. [USD]"""
        return self.market_usd + self.delivery_usd

    @property
    def margin_usd(self) -> FloatArray:
        """Revenue minus energy bill. [USD]"""
        return self.revenue_usd + self.hosted_usd - self.energy_cost_usd


@dataclass(frozen=True, slots=True)
class MonthlyResponse:
    """A dispatched site year as functions of hash value and power price level, month by month.

    Power level: the market price relative to the site year's, a factor per path and month; delivery adders do not
    scale with it, but with a level of their own. The AI load is firm: it runs up to the limits of cooling and
    connection whatever power costs. Mining has what the connection leaves beside it and runs, block by block, where it
    pays. All arrays (12,), January first.

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
    _groups: tuple[tuple[Group, ...], ...]
    _charged: Charged | None = None
    _at_levels: tuple[MonthlyResponse, ...] = ()
    """The year at `_LEVELS` of the market, where its price does not follow the level in proportion (a collar)."""
    _phases: tuple[tuple[MonthlyResponse, NDArray[np.bool_]], ...] = ()
    """Where the connection leaves other hours in other months of the project: years, and the months of each."""

    def ai_energy_cost_usd(
        self, power_level: ArrayLike, first_month: int = 1, delivery_level: ArrayLike = 1.0
    ) -> FloatArray:
        """Energy bill of the AI halls. [USD]

        Parameters
        ----------
        power_level : array, shape (paths, months)
            Market price relative to the site year's, > 0.
        first_month : int
            Calendar month of the first column, 1 to 12.
        delivery_level : array, shape (months,)
            What does not follow the market, relative to the site year's: delivery adders.

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
        market = np.asarray(level * self.ai_market_usd[month], dtype=np.float64)
        if self._at_levels:
            table = np.array([year.ai_market_usd for year in self._at_levels])
            low, share = _between(level)
            market = (1.0 - share) * table[low, month] + share * table[low + 1, month]
        other = np.asarray(delivery_level, dtype=np.float64)
        return np.asarray(market + other * self.ai_delivery_usd[month], dtype=np.float64)

    def mining(
        self,
        value_usd_per_mwh: ArrayLike,
        power_level: ArrayLike,
        first_month: int = 1,
        delivery_level: ArrayLike = 1.0,
        hosted_usd_per_mwh: ArrayLike = 0.0,
        live: ArrayLike = 1.0,
    ) -> MiningMonths:
        """Mining energy, bill and revenue, exact for every value and level.

        Parameters
        ----------
        value_usd_per_mwh : array, shape (paths, months)
            Revenue of a MWh at the miner's plug, >= 0.
        power_level : array, shape (paths, months), or broadcastable to it
            Market price relative to the site year's, > 0.
        first_month : int
            Calendar month of the first column, 1 to 12.
        delivery_level : array, shape (months,), > 0
            What does not follow the market, relative to the site year's: delivery adders.
        hosted_usd_per_mwh : array, broadcastable to (paths, months)
            What a MWh at a customer's plug brings, >= 0.
        live : array, shape (months,)
            Share of the site that is live: what the tariff's other charges are for.

        Raises
        ------
        ScenarioError
            If a value is negative or not a number, a level is not positive, or the month is none.
        """
        if self._phases:
            asked = (value_usd_per_mwh, power_level, first_month, delivery_level, hosted_usd_per_mwh, live)
            return _joined([(year.mining(*asked), months) for year, months in self._phases])
        values = [np.atleast_2d(np.asarray(v, dtype=np.float64)) for v in (value_usd_per_mwh, hosted_usd_per_mwh)]
        if not all(np.isfinite(v).all() and v.min(initial=0.0) >= 0.0 for v in values):
            raise ScenarioError("mining: value_usd_per_mwh has negative values or NaN; must be numbers >= 0 [USD/MWh]")
        value, hosted, level = np.broadcast_arrays(*values, _positive("power_level", power_level))
        other = np.broadcast_to(_positive("delivery_level", delivery_level), value.shape)
        month = _calendar(value.shape[1], first_month)
        if self._charged is not None:
            return self._with_charges(
                np.stack([value, hosted]), level, other, month, np.broadcast_to(live, month.shape)
            )
        sums = np.zeros((6, *value.shape))
        for m in np.unique(month):
            columns = np.flatnonzero(month == m)
            earned = np.stack([value[:, columns].ravel(), hosted[:, columns].ravel()])
            flat = (array[:, columns].ravel() for array in (level, other))
            sums[:, :, columns] = self._month(int(m), earned, *flat).reshape(6, value.shape[0], columns.size)
        return _months(sums, np.stack([value, hosted]))

    def _month(self, month: int, value: FloatArray, level: FloatArray, other: FloatArray) -> FloatArray:
        """IT and facility MWh, market and delivery in USD, rated and hosted MWh of path-months of a month, (6, n).

        ``value`` (2, n): what a MWh of the owner's rated mode earns, and one at a customer's plug.
        """
        if self._at_levels:
            return self._between_levels(month, value, level, other)
        # Costs in units of the delivery level: then only the market's level is left, which the groups know.
        sums = summed(self._groups[month], value / other, level / other)
        sums[1] += self.mining_idle_mwh[month]
        sums[2] = level * (sums[2] + self.mining_idle_market_usd[month])
        sums[3] = other * (sums[3] + self.mining_idle_delivery_usd[month])
        return sums

    def _with_charges(
        self, value: FloatArray, level: FloatArray, other: FloatArray, month: IntArray, live: FloatArray
    ) -> MiningMonths:
        """Month by month: what a month may draw is held where its charges, given the months before, cost more."""
        charged = self._charged
        assert charged is not None, "asked of a year with charges"
        sums = np.zeros((6, *level.shape))
        peaks = np.zeros((len(charged.rate.demand), *level.shape))
        for t, m in enumerate(month.tolist()):
            share = float(live[t]) or 1.0
            floors = charged.floors_mw(peaks[:, :, :t], month[:t]) / share
            sums[:, :, t], found = self._column(m, value[:, :, t], level[:, t], other[:, t], floors)
            peaks[:, :, t] = found * live[t]
        metered = charged.metered(sums[1] * live, sums[3] * live, peaks, month)
        beside = np.asarray(other * charges_usd(charged.rate, metered, month, live > 0.0), dtype=np.float64)
        return _months(np.stack([*sums[:2], level * sums[2], other * sums[3], *sums[4:]]), value, beside)

    def _column(
        self, month: int, value: FloatArray, level: FloatArray, other: FloatArray, floors: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Sums (6, n) in units of the level, with idle draw, and metered peaks (lines, n) of a month."""
        assert self._charged is not None, "asked of a year with charges"
        if self._at_levels:
            low, share = _between(level)
            sums, peaks = np.zeros((6, level.size)), np.zeros((floors.shape[0], level.size))
            for place, year in enumerate(self._at_levels):
                weight = np.where(low == place, 1.0 - share, np.where(low + 1 == place, share, 0.0))
                rows = np.flatnonzero(weight)
                if rows.size:
                    at, high = year._column(month, value[:, rows], np.ones(rows.size), other[rows], floors[:, rows])
                    at[2] /= level[rows]
                    sums[:, rows] += weight[rows] * at
                    peaks[:, rows] += weight[rows] * high
            return sums, peaks
        sums, peaks, _ = self._charged.months[month].best(value, level, other, floors)
        sums[1] += self.mining_idle_mwh[month]
        sums[2] += self.mining_idle_market_usd[month]
        sums[3] += self.mining_idle_delivery_usd[month]
        return sums, peaks

    def ai_charges_usd(
        self, running: FloatArray, live: FloatArray, first_month: int = 1, delivery_level: ArrayLike = 1.0
    ) -> FloatArray | None:
        """What the tariff charges the AI halls beside energy, (paths, months); None where it does not. [USD]

        Parameters
        ----------
        running : array, shape (paths, months)
            Share of the halls' load that runs: their highest power and energy by tiers follow it.
        live : array, shape (months,)
            Share of the site that is live; what is owed in any case is owed where it is above 0.
        """
        if self._charged is None:
            return None
        month = _calendar(running.shape[1], first_month)
        charged = self._charged
        peaks = charged.ai_peaks_mw[:, month][:, np.newaxis, :] * running
        hourly = self.ai_delivery_usd[month] * running
        metered = charged.metered(self.ai_facility_mwh[month] * running, hourly, peaks, month)
        usd = charges_usd(charged.rate, metered, month, live > 0.0)
        return np.asarray(np.asarray(delivery_level, dtype=np.float64) * usd, dtype=np.float64)

    def limits_mw(self, value_usd_per_mwh: FloatArray) -> FloatArray | None:
        """Import of each hour that the year's peak charges leave worth drawing, (8760,); None without them. [MW]

        Parameters
        ----------
        value_usd_per_mwh : array, shape (2, 12)
            What a MWh of the miners earns by calendar month, and one at a customer's plug; ratchets look at the same
            months of the year before.
        """
        if self._charged is None or not self._charged.months:
            return None
        charged = self._charged
        peaks = np.zeros((len(charged.rate.demand), 1, 0))
        limits: list[FloatArray] = []
        one = np.ones(1)
        for t in range(24):
            floors = charged.floors_mw(peaks, np.arange(t) % 12)
            _, found, levels = charged.months[t % 12].best(value_usd_per_mwh[:, [t % 12]], one, one, floors)
            peaks = np.concatenate((peaks, found[:, :, np.newaxis]), axis=2)
            limits.append(charged.months[t % 12].limits_mw(levels[:, 0]))
        return np.concatenate(limits[12:])

    def _between_levels(self, month: int, value: FloatArray, level: FloatArray, other: FloatArray) -> FloatArray:
        low, share = _between(level)
        sums = np.zeros((6, level.size))
        for place, year in enumerate(self._at_levels):
            weight = np.where(low == place, 1.0 - share, np.where(low + 1 == place, share, 0.0))
            rows = np.flatnonzero(weight)
            if rows.size:
                sums[:, rows] += weight[rows] * year._month(month, value[:, rows], np.ones(rows.size), other[rows])
        return sums


def _months(sums: FloatArray, value: FloatArray, charges_usd: FloatArray | None = None) -> MiningMonths:
    """Sums (6, paths, months) with market and delivery in USD, as months; ``value`` (2, paths, months)."""
    return MiningMonths(
        mwh=sums[0],
        facility_mwh=sums[1],
        market_usd=sums[2],
        delivery_usd=sums[3],
        revenue_usd=value[0] * sums[4],
        rated_mwh=sums[4],
        hosted_mwh=sums[5],
        hosted_usd=value[1] * sums[5],
        charges_usd=charges_usd,
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
    at_level = _year_by_month(problem)
    if problem.collar is None:
        return at_level
    charged = (problem.collar.charged(float(level)) for level in _LEVELS)
    years = (replace(problem, price_usd_per_mwh=price, collar=None) for price in charged)
    return replace(at_level, _at_levels=tuple(_year_by_month(year) for year in years))


def phased(years: Sequence[MonthlyResponse], phase: IntArray) -> MonthlyResponse:
    """Miners' year that changes with the project's months: ``phase`` (months,) says which of the years holds."""
    if len(years) == 1:
        return years[0]
    return replace(years[0], _phases=tuple((year, phase == p) for p, year in enumerate(years)))


def _joined(parts: Sequence[tuple[MiningMonths, NDArray[np.bool_]]]) -> MiningMonths:
    """Months of each part where they are its own."""
    made = {}
    for field in fields(MiningMonths):
        given = [(getattr(year, field.name), months) for year, months in parts]
        if given[0][0] is not None:
            made[field.name] = np.sum([np.where(months, values, 0.0) for values, months in given], axis=0)
    return MiningMonths(**made)


def _between(level: FloatArray) -> tuple[IntArray, FloatArray]:
    """The level below in `_LEVELS`, and how far it is to the next; 0 to 1."""
    low = np.clip(np.searchsorted(_LEVELS, level, "right") - 1, 0, _LEVELS.size - 2)
    return low, np.clip((level - _LEVELS[low]) / (_LEVELS[low + 1] - _LEVELS[low]), 0.0, 1.0)


def _year_by_month(problem: SiteProblem) -> MonthlyResponse:
    halls = site_halls(problem)
    k = halls.ai.slope.shape[1]
    slope = np.concatenate((halls.ai.slope, halls.mining.slope), axis=1)
    width = np.concatenate((halls.ai.width_it_mw, halls.mining.width_it_mw), axis=1)
    taken = fill_in_order(width, slope, halls.available_mw)
    ai_it = np.minimum(taken[:, :k].sum(axis=1), halls.ai.cap_it_mw)
    ai = problem.ai_response
    ai_facility = np.zeros_like(ai_it) if ai is None else hourly_response(ai, ai.facility_mw, ai_it)
    price, adder, idle = problem.price_usd_per_mwh, problem.marginal_usd_per_mwh, halls.mining.idle_mw
    return MonthlyResponse(
        ai_it_mwh=monthly_sum(ai_it),
        ai_facility_mwh=monthly_sum(ai_facility),
        ai_unserved_mwh=monthly_sum(problem.ai_it_mw - ai_it),
        ai_market_usd=monthly_sum(price * ai_facility),
        ai_delivery_usd=monthly_sum(adder * ai_facility),
        mining_idle_mwh=monthly_sum(idle),
        mining_idle_market_usd=monthly_sum(price * idle),
        mining_idle_delivery_usd=monthly_sum(adder * idle),
        _groups=tuple(month_groups(problem, taken[:, k:], halls.mining, month) for month in range(12)),
        _charged=charged_of(problem, halls, ai_facility),
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
