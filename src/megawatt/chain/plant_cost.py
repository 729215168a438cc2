"""What plants behind the meter cost: spending, replacement, upkeep, what is left of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.finance import even_capex, residual_straight_line
from megawatt.months import months_between
from megawatt.scenario.plant_sections import PLANTS, Battery, Plant
from megawatt.scenario.schema import Scenario

__all__ = ["PlantCost", "plant_costs"]


@dataclass(frozen=True, slots=True)
class PlantCost:
    """A plant's money: ``spent`` (months,) with its replacements, ``residual`` (1, months), upkeep with it standing."""

    name: str
    live: int
    spent: FloatArray
    residual: FloatArray
    om_usd_per_year: float
    degradation_per_year: float
    life_months: int
    tax_life_years: float

    def upkeep_usd(self, month: IntArray) -> FloatArray:
        """Fixed upkeep of each month. [USD]"""
        return np.asarray(np.where(month >= self.live, self.om_usd_per_year / 12.0, 0.0), dtype=np.float64)

    def kept_frac(self, month: IntArray) -> FloatArray:
        """Share of its power (battery: energy) left in each month; whole again when it is replaced."""
        age = np.maximum(month - self.live, 0) % self.life_months
        return np.asarray((1.0 - self.degradation_per_year) ** (age / 12.0), dtype=np.float64)


def plant_costs(scenario: Scenario, months: int, live: int, planned: int) -> tuple[PlantCost, ...]:
    """Cost of the scenario's plants.

    Parameters
    ----------
    months : int
        Months of the project.
    live, planned : int
        Month of the first block of halls, and the one that it was planned for: plants without a month of their own
        are live with the first, and paid by the second.
    """
    found = ((name, getattr(scenario, name)) for name in PLANTS)
    return tuple(
        _cost(name, plant, scenario.timeline.start, months, (live, planned))
        for name, plant in found
        if plant is not None
    )


def _cost(name: str, plant: Plant, start: str, months: int, first: tuple[int, int]) -> PlantCost:
    live, planned = first if plant.live is None else (months_between(start, plant.live),) * 2
    cost = plant.mw.number() * plant.capex_usd_per_mw.number()
    if isinstance(plant, Battery):
        cost += plant.mwh.number() * plant.capex_usd_per_mwh.number()
    life = round(12.0 * plant.life_years.number())
    begin = max(planned - plant.build_months, 0)
    spent = even_capex(cost, begin, max(planned - 1, begin), months)
    spent[live + life : months : life] += cost * plant.replacement_cost_frac.number()
    return PlantCost(
        name=name,
        live=live,
        spent=spent,
        residual=residual_straight_line(spent, plant.life_years.number(), live),
        om_usd_per_year=cost * plant.om_frac_per_year.number(),
        degradation_per_year=plant.degradation_per_year.number(),
        life_months=life,
        tax_life_years=plant.tax_life_years.number(),
    )
