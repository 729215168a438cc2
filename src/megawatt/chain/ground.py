"""What every business of a site reads: its months and halls, its energy by month, the factors' terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.capital import Calendar
from megawatt.dispatch import MonthlyResponse
from megawatt.finance import OperatingFlows, live_share, repeat_year
from megawatt.risk import FactorPaths, FactorTerms

__all__ = ["Business", "Ground", "PowerIndex", "earned"]


@dataclass(frozen=True, slots=True)
class PowerIndex:
    """How prices of power go on over the project, relative to the year that is dispatched, month by month.

    ``market`` and ``other`` (months,): price of energy, and delivery, over the dispatched year's of the same calendar
    month; ``moves``: whether energy follows the simulated market. ``first_market`` and ``first_other`` (12,): the
    dispatched year's over the prices as they are given.
    """

    market: FloatArray
    other: FloatArray
    moves: bool
    first_market: FloatArray
    first_other: FloatArray

    def level(self, factors: FactorPaths) -> FloatArray:
        """Price of energy over the dispatched year's, (paths, months)."""
        return self.market * (factors.power if self.moves else np.ones((1, self.market.size)))


@dataclass(frozen=True, slots=True)
class Ground:
    """Months and blocks of halls, the dispatched year by month, how power prices go on, and where factors start."""

    calendar: Calendar
    response: MonthlyResponse
    terms: FactorTerms
    power: PowerIndex

    @property
    def months(self) -> int:
        """Months of the project."""
        return self.calendar.spine.months

    def ai_energy_usd(self, factors: FactorPaths) -> FloatArray:
        """Energy bill of the AI halls with every hall let, (paths, months). [USD a month]"""
        spine = self.calendar.spine
        bill = self.response.ai_energy_cost_usd(self.power.level(factors), spine.start_month, self.power.other)
        return bill * repeat_year(spine, np.ones(12))

    def ai_charges_usd(self, running: FloatArray) -> dict[str, FloatArray]:
        """What the tariff charges the AI halls beside energy, where it does: cost by part, (paths, months). [USD]

        ``running`` (paths, months) is the share of their load that runs.
        """
        spine, live = self.calendar.spine, live_share(self.calendar.halls, self.months)
        usd = self.response.ai_charges_usd(np.atleast_2d(running), live, spine.start_month, self.power.other)
        return {} if usd is None else {"power_charges": usd}


class Business(Protocol):
    """Something that a site earns or pays by: contract, lease, miners, a programme, running cost."""

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """Revenue, cost and prepayments by part along factor paths, (paths, months)."""
        ...


def earned(
    months: int, *, revenue: dict[str, FloatArray] | None = None, cost: dict[str, FloatArray] | None = None
) -> OperatingFlows:
    """Flows of a business without prepayments."""
    none = np.zeros((1, months))
    return OperatingFlows(revenue or {}, cost or {}, none, none)
