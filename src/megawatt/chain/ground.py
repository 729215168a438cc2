"""What every business of a site reads: its months and halls, its energy by month, the factors' terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.capital import Calendar
from megawatt.dispatch import MonthlyResponse
from megawatt.finance import OperatingFlows, repeat_year
from megawatt.risk import FactorPaths, FactorTerms

__all__ = ["Business", "Ground", "earned"]


@dataclass(frozen=True, slots=True)
class Ground:
    """Months and blocks of halls, the dispatched year by month, and where factors start and go."""

    calendar: Calendar
    response: MonthlyResponse
    terms: FactorTerms

    @property
    def months(self) -> int:
        """Months of the project."""
        return self.calendar.spine.months

    def ai_energy_usd(self, factors: FactorPaths) -> FloatArray:
        """Energy bill of the AI halls with every hall let, (paths, months). [USD a month]"""
        spine = self.calendar.spine
        market = repeat_year(spine, self.response.ai_market_usd)
        delivery = repeat_year(spine, self.response.ai_delivery_usd)
        return factors.power * market + delivery


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
