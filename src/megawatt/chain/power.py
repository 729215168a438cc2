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
from megawatt.months import month_number
from megawatt.risk import FactorPaths
from megawatt.scenario.schema import Power, Timeline
from megawatt.tariff import weekday_hours

__all__ = ["BlockMoney", "SettledBlock", "block_money", "block_notes", "forward_usd_per_mwh", "index_on", "power_index"]


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
class SettledBlock:
    """A take-or-pay block: its price against what its energy sells for at the settlement point.

    ``mwh`` (months,) is the block's energy, ``paid_usd`` (months,) what it costs; ``market_usd`` (months,) what it
    sells for at level 1, ``basis_usd`` (months,) beside it; ``owner_frac`` the share that the site's owner bears.
    """

    mwh: FloatArray
    paid_usd: FloatArray
    market_usd: FloatArray
    basis_usd: FloatArray
    owner_frac: float

    def cost_usd(self, level: FloatArray | float = 1.0) -> FloatArray:
        """Cost less sale at levels of the market, (..., months)."""
        return np.asarray(self.paid_usd - level * self.market_usd - self.basis_usd, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class BlockMoney:
    """All blocks of a scenario, each settled whatever the site draws."""

    blocks: tuple[SettledBlock, ...]

    @property
    def tenant_bears_some(self) -> bool:
        """Whether a tenant, who pays the energy, has the settlement of some block."""
        return any(block.owner_frac < 1.0 for block in self.blocks)

    def first_year(self, calendar: Calendar, owners: bool = False) -> tuple[FloatArray, FloatArray]:
        """Energy of the blocks in the year that is dispatched [MWh], and their cost less their sale [USD]; by calendar
        month, (12,); of all, or the owner's part."""
        first, year = calendar.first_full_months(), np.zeros((2, 12))
        for block in self.blocks:
            part = block.owner_frac if owners else 1.0
            year[:, calendar.spine.month[first]] += part * np.stack((block.mwh[first], block.cost_usd()[first]))
        return year[0], year[1]

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """Cost of the owner's blocks less their sale at the node, whatever the site draws."""
        level = ground.power.level(factors)
        cost = np.sum([block.owner_frac * block.cost_usd(level) for block in self.blocks], axis=0)
        return earned(ground.months, cost={"power_blocks": np.atleast_2d(cost)})


def block_notes(money: BlockMoney | None, calendar: Calendar, grid_mw: float) -> list[str]:
    """Whose the blocks are, and what of a use's worth is theirs, not its own."""
    if money is None:
        return []
    notes = []
    if money.tenant_bears_some:
        notes.append(
            "Blocks of power go to the tenant, who pays the energy, before the halls are let too: what they earn or "
            'lose is in no figure here; borne_by = "owner" keeps a block with the owner, who sells its energy.'
        )
    if any(block.owner_frac > 0.0 for block in money.blocks):
        earned_usd = -float(money.first_year(calendar, owners=True)[1].sum())
        notes.append(
            "Blocks of power are paid whether used or not; what is not used is sold at the node's price of the hour: "
            f"they {'earn' if earned_usd >= 0.0 else 'lose'} {abs(earned_usd) / 1e6:,.2f} million USD in the first "
            f"full year ({abs(earned_usd) / grid_mw:,.0f} USD per grid MW, before tax), whatever the site runs."
        )
    return notes


def block_money(
    power: Power, market_usd_per_mwh: FloatArray, year: int, spine: Spine, owner_frac: float, since: int = 0
) -> BlockMoney | None:
    """All blocks of a scenario; None without one.

    Parameters
    ----------
    market_usd_per_mwh : array, shape (8760,)
        Price at the hub in the dispatched year, at level 1.
    year : int
        Its calendar: weekdays.
    spine : Spine
        Months that are valued.
    owner_frac : float
        Share of the energy bill that the owner pays: of the settlement too, unless the block is the owner's.
    since : int
        Month index before which the blocks are another's.
    """
    if not power.blocks:
        return None
    weekday = weekday_hours(year)
    now = spine.year * 12 + spine.month
    settled = []
    for block in power.blocks:
        first, last = _month(block.start, -(10**9)), _month(block.end, 10**9)
        contracted = (now >= first) & (now <= last)
        force = contracted & (np.arange(spine.months) >= since)
        mwh = np.asarray(block.mask(weekday) * block.mw.number(), dtype=np.float64)
        energy = force * repeat_year(spine, monthly_sum(mwh))
        growth = escalator(spine.months, block.growth_per_year.number(), int(np.argmax(contracted)))
        settled.append(
            SettledBlock(
                mwh=energy,
                paid_usd=energy * block.usd_per_mwh.number() * growth,
                market_usd=force * repeat_year(spine, monthly_sum(mwh * market_usd_per_mwh)),
                basis_usd=energy * (power.basis_usd_per_mwh.number() if block.settled == "node" else 0.0),
                owner_frac=1.0 if block.borne_by == "owner" else owner_frac,
            )
        )
    return BlockMoney(tuple(settled))


def _month(text: str | None, otherwise: int) -> int:
    return otherwise if text is None else month_number(text)
