"""What stands behind the meter beside the halls, as blocks for the dispatch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.chain.grid_services import with_grid_terms
from megawatt.chain.site import Grid
from megawatt.dispatch import Block, SiteAssets, Storage, block
from megawatt.hours import HOURS_IN_YEAR
from megawatt.scenario.plant_sections import Battery, Export, Gas, Plant, Renewable, Wind
from megawatt.scenario.schema import Curtailment, GridService, LargeLoad, Power
from megawatt.scenario.site_files import site_output

__all__ = ["SMALLER_FRAC", "Plants", "plants_of"]

SMALLER_FRAC: Final = 0.1
"""Share by which a plant is made smaller to see what it adds."""


@dataclass(frozen=True, slots=True)
class Plants:
    """The site's plants as the dispatch sees them, at the year's prices.

    ``export_usd_per_mwh_per_level`` (8760,) is how the price of exports follows the level of market prices.
    """

    assets: SiteAssets
    export_usd_per_mwh_per_level: FloatArray | None = None
    fuel_frac: float = 0.0
    remarks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        found = self.assets
        return bool(found.supplies or found.services or found.programmes) or found.storage is not None

    def at_level(self, level: float) -> SiteAssets:
        """The assets at another level of market prices."""
        price, per_level = self.assets.export_price_usd_per_mwh, self.export_usd_per_mwh_per_level
        if price is None or per_level is None:
            return self.assets
        return replace(self.assets, export_price_usd_per_mwh=price + (level - 1.0) * per_level)

    def smaller(self, name: str) -> Plants:
        """The same plants with one of them smaller by a tenth: solar, wind and gas in power, a battery in energy."""
        less = 1.0 - SMALLER_FRAC
        supplies = tuple(replace(b, mw=b.mw * less) if b.name == name else b for b in self.assets.supplies)
        storage = self.assets.storage
        if storage is not None and storage.name == name:
            storage = replace(storage, energy_mwh=storage.energy_mwh * less)
        return replace(self, assets=replace(self.assets, supplies=supplies, storage=storage))


def plants_of(
    catalogue: Catalogue, plants: tuple[Plant | None, ...], export: Export | None, power: Power, place: str | Path,
    grid: Grid, folder: Path, grid_mw: float, services: tuple[GridService, ...], curtailment: Curtailment | None,
    large_load: LargeLoad | None,
) -> Plants:  # fmt: skip
    """Blocks of the plants and of the grid terms of a scenario, at the prices of its grid."""
    carbon_usd_per_kg = power.carbon_usd_per_t.number() / 1000.0
    supplies: list[Block] = []
    remarks: list[str] = []
    storage, fuel_frac = None, 0.0
    for plant in plants:
        if isinstance(plant, Renewable):
            share, said = site_output(catalogue, plant, power, place, folder)
            mw = plant.mw.number() * (1.0 - plant.loss_frac.number()) * share
            name = "wind" if isinstance(plant, Wind) else "solar"
            supplies.append(block(name, HOURS_IN_YEAR, mw, plant.om_usd_per_mwh.number()))
            remarks += said
        elif isinstance(plant, Gas):
            supplies.append(_gas(plant, carbon_usd_per_kg))
            fuel = plant.fuel_usd_per_mmbtu.number() * plant.heat_rate_mmbtu_per_mwh.number()
            fuel_frac = fuel / max(float(supplies[-1].usd_per_mwh[0, 0]), 1e-9)
        elif isinstance(plant, Battery):
            storage = _battery(plant)
    price, per_level = _export_prices(export, grid) if export is not None else (None, None)
    assets = SiteAssets(
        supplies=tuple(supplies),
        storage=storage,
        export_limit_mw=export.limit_mw.number() if export is not None else 0.0,
        export_price_usd_per_mwh=price,
    )
    assets = with_grid_terms(
        catalogue, assets, services, curtailment, large_load, power, place, grid_mw, grid, folder
    )  # fmt: skip
    return Plants(assets, per_level, fuel_frac, tuple(remarks))


def _gas(plant: Gas, carbon_usd_per_kg: float) -> Block:
    carbon = plant.carbon_kg_per_mmbtu.number() * plant.heat_rate_mmbtu_per_mwh.number()
    fuel = plant.fuel_usd_per_mmbtu.number() * plant.heat_rate_mmbtu_per_mwh.number()
    cost = fuel + plant.om_usd_per_mwh.number() + carbon_usd_per_kg * carbon
    return block("gas", HOURS_IN_YEAR, plant.mw.number() * plant.availability_frac.number(), cost, carbon)


def _battery(plant: Battery) -> Storage:
    one_way = plant.round_trip_efficiency_frac.number() ** 0.5
    return Storage(
        "battery",
        plant.mw.number(),
        plant.mwh.number(),
        one_way,
        one_way,
        plant.standing_loss_per_hour.number(),
        plant.discharge_usd_per_mwh.number(),
    )


def _export_prices(export: Export, grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Price of a MWh that leaves the site by hour, and the part of it that follows the market. [USD/MWh]"""
    paid = 1.0 - export.loss_frac.number()
    if export.price_usd_per_mwh is not None:
        return np.full(HOURS_IN_YEAR, paid * export.price_usd_per_mwh.number()), np.zeros(HOURS_IN_YEAR)
    market = paid * grid.price_usd_per_mwh
    return market - paid * export.spread_usd_per_mwh.number(), market
