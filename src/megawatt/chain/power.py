"""Contracts of power over the project's months: forward curve, escalators, blocks settled against the market."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.catalogue import Catalogue
from megawatt.chain.capital import Calendar, calendar_of
from megawatt.chain.ground import Ground, PowerIndex, earned
from megawatt.finance import OperatingFlows, Spine, escalator, repeat_year
from megawatt.hours import monthly_sum
from megawatt.risk import FactorPaths
from megawatt.scenario.schema import Power, Timeline
from megawatt.tariff import weekday_hours

__all__ = ["BlockMoney", "block_money", "block_notes", "forward_usd_per_mwh", "index_on", "power_index"]


def forward_usd_per_mwh(power: Power, years: IntArray, months: IntArray) -> FloatArray | None:
    """Price of the forward curve in calendar months (0 = January); None without a curve. [USD/MWh]

    Before its first year the curve holds its first value, after its last its last year.
    """
    if not power.forward:
        return None
    curve = sorted(power.forward, key=lambda row: row.year)
    table = np.array([row.by_month() for row in curve])
    given = np.array([row.year for row in curve])
    return np.asarray(table[np.clip(np.searchsorted(given, years, "right") - 1, 0, None), months], dtype=np.float64)


def power_index(_: Catalogue, power: Power, tariff_growth: float, timeline: Timeline) -> PowerIndex:
    """How prices of power go on from the year that is dispatched: the first twelve months with all halls live.

    Prices without a forward curve are those of the project's first year; they step by ``price_growth_per_year`` every
    twelve months, those of a curve after its last year. Delivery steps by the tariff's own growth.
    """
    return index_on(power, tariff_growth, calendar_of(timeline))


def index_on(power: Power, tariff_growth: float, calendar: Calendar) -> PowerIndex:
    """The same over months and halls that another calendar gives."""
    spine, months = calendar.spine, calendar.spine.months
    steps = escalator(months, power.price_growth_per_year.number())
    curve = forward_usd_per_mwh(power, spine.year, spine.month)
    if curve is not None:
        last = max(row.year for row in power.forward)
        beyond = int(np.argmax(spine.year > last)) if (spine.year > last).any() else months
        steps = curve * escalator(months, power.price_growth_per_year.number(), max(beyond - 12, 0))
    first = calendar.first_full_months()
    other = escalator(months, tariff_growth)
    by_month = [np.ones(12), np.ones(12)]
    for at, path in zip(by_month, (steps, other), strict=True):
        at[:] = path[first[-1]]
        at[spine.month[first]] = path[first]
    return PowerIndex(
        market=steps / by_month[0][spine.month],
        other=other / by_month[1][spine.month],
        moves=power.fixed_price_usd_per_mwh is None,
        first_market=by_month[0],
        first_other=by_month[1],
    )


@dataclass(frozen=True, slots=True)
class BlockMoney:
    """A take-or-pay block: its price against what its energy sells for at the settlement point.

    ``mwh`` (months,) is the block's energy, ``paid_usd`` (months,) what it costs; ``market_usd`` (months,) what it
    sells for at level 1, ``basis_usd`` (months,) beside it; ``owner_frac`` the share that the site's owner bears.
    """

    mwh: FloatArray
    paid_usd: FloatArray
    market_usd: FloatArray
    basis_usd: FloatArray
    owner_frac: float

    def first_year(self, calendar: Calendar) -> tuple[FloatArray, FloatArray]:
        """Energy of the whole block in the year that is dispatched [MWh], and its cost less its sale [USD]; by calendar
        month, (12,)."""
        first, year = calendar.first_full_months(), np.zeros((2, 12))
        cost = self.paid_usd - self.market_usd - self.basis_usd
        year[:, calendar.spine.month[first]] = self.mwh[first], cost[first]
        return year[0], year[1]

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """Cost of the block less its sale at the node, whatever the site draws."""
        cost = self.paid_usd - ground.power.level(factors) * self.market_usd - self.basis_usd
        return earned(ground.months, cost={"power_blocks": np.atleast_2d(cost * self.owner_frac)})


def block_notes(block: BlockMoney | None, calendar: Calendar, grid_mw: float) -> list[str]:
    """Whose the blocks are, and what of a use's worth is theirs, not its own."""
    if block is None:
        return []
    if block.owner_frac == 0.0:
        return [
            "Blocks of power go to the tenant, who pays the energy, before the halls are let too: what they earn or "
            "lose is in no figure here. A use whose owner pays the energy has it: compare the two without blocks."
        ]
    earned_usd = -float(block.first_year(calendar)[1].sum()) * block.owner_frac
    return [
        "Blocks of power are paid whether used or not; what is not used is sold at the node's price of the hour: they "
        f"{'earn' if earned_usd >= 0.0 else 'lose'} {abs(earned_usd) / 1e6:,.2f} million USD in the first full year "
        f"({abs(earned_usd) / grid_mw:,.0f} USD per grid MW, before tax), whatever the site runs."
    ]


def block_money(
    power: Power, market_usd_per_mwh: FloatArray, year: int, spine: Spine, owner_frac: float, since: int = 0
) -> BlockMoney | None:
    """All blocks of a scenario together; None without one.

    Parameters
    ----------
    market_usd_per_mwh : array, shape (8760,)
        Price at the hub in the dispatched year, at level 1.
    year : int
        Its calendar: weekdays.
    spine : Spine
        Months that are valued.
    since : int
        Month index before which the blocks are another's.
    """
    if not power.blocks:
        return None
    weekday = weekday_hours(year)
    now = spine.year * 12 + spine.month
    bought = paid = market = basis = np.zeros(spine.months)
    for block in power.blocks:
        first, last = _month(block.start, -(10**9)), _month(block.end, 10**9)
        contracted = (now >= first) & (now <= last)
        force = contracted & (np.arange(spine.months) >= since)
        mwh = np.asarray(block.mask(weekday) * block.mw.number(), dtype=np.float64)
        energy = force * repeat_year(spine, monthly_sum(mwh))
        began, bought = int(np.argmax(contracted)), bought + energy
        paid = paid + energy * block.usd_per_mwh.number() * escalator(
            spine.months, block.growth_per_year.number(), began
        )
        market = market + force * repeat_year(spine, monthly_sum(mwh * market_usd_per_mwh))
        basis = basis + energy * (power.basis_usd_per_mwh.number() if block.settled == "node" else 0.0)
    return BlockMoney(bought, paid, market, basis, owner_frac)


def _month(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    year, month = map(int, text.split("-"))
    return year * 12 + month - 1
