"""Plants whose size `megawatt best` chooses: what a unit of each costs over the site's months, and what it gives."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.catalogue import Fact
from megawatt.chain.best_records import SizedPlant
from megawatt.chain.mixed_shared import Shared, plants_at, shared_capital, sized_section
from megawatt.chain.money import CashModel
from megawatt.chain.plants_added import AddedByPlants, PlantMoney
from megawatt.scenario.mixed import LoadedMix

__all__ = ["sized_plants"]

_SIZES: Final = ("battery_mw", "battery_mwh", "solar_mw", "wind_mw", "gas_mw")


def sized_plants(loaded: LoadedMix, common: Shared) -> tuple[SizedPlant, ...]:
    """Every plant of the site: at its own size, or between none and the largest that ``[best]`` gives."""
    made = []
    for key in _SIZES:
        name, _, unit = key.rpartition("_")
        section = getattr(common.scenario, name)
        if section is None:
            continue
        most = getattr(loaded.mix.best, key)
        own = getattr(section, unit).number()
        usd, capital = _unit_usd(common, key, loaded.mix.best.cost_of_equity or common.scenario.discount_rate)
        output, cost, carbon = None, 0.0, 0.0
        if name != "battery":
            supply = next(b for b in plants_at(loaded, common, {key: 1.0}).plants.assets.supplies if b.name == name)
            output, cost = supply.mw[:, 0], float(supply.usd_per_mwh[0, 0])
            carbon = 0.0 if supply.carbon_kg_per_mwh is None else float(supply.carbon_kg_per_mwh[0])
        made.append(
            SizedPlant(
                name=key,
                most=own if most is None else most.number(),
                least=own if most is None else 0.0,
                usd_per_unit=usd,
                capital_usd_per_unit=capital,
                output_mw=output,
                cost_usd_per_mwh=cost,
                carbon_kg_per_mwh=carbon,
            )
        )
    return tuple(made)


def _unit_usd(common: Shared, key: str, rate: Fact) -> tuple[float, float]:
    """Net present value of building and keeping one unit of a plant (below 0), and its spending. [USD]"""
    name = key.rpartition("_")[0]
    alone = {other: None for other in ("solar", "wind", "gas", "battery") if other != name}
    sizes = {f"{name}_{unit}": 0.0 for unit in ("mw", "mwh") if hasattr(getattr(common.scenario, name), unit)}
    site = sized_section(common, sizes | {key: 1.0}, alone)
    spent = shared_capital(site)
    none = np.zeros((1, 1, 3, 12))
    costs = PlantMoney(spent.plants, AddedByPlants(np.zeros(1), np.ones(1), none, {}))
    model = CashModel(
        calendar=site.calendar,
        capital=spent,
        response=site.response,
        terms=site.terms,
        power=site.index,
        businesses=(costs,),
        grid_mw=1.0,
        discount_rate=rate.number(),
    )
    cash = model.base()
    return float(cash.measures.npv_usd[0]), float(cash.capex_total.sum())
