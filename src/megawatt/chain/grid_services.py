"""What the grid pays the site for, and asks of it: services, curtailment credits, disconnection."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.chain.site import Grid
from megawatt.dispatch import Programme, Service, SiteAssets, block
from megawatt.hours import HOURS_IN_YEAR, MONTH_OF_HOUR, hour_of_day, monthly_sum
from megawatt.scenario.schema import Curtailment, GridService, LargeLoad, Power
from megawatt.scenario.site_files import service_prices

__all__ = ["backup_hours", "curtailment_pay_usd", "dearest_hours", "with_grid_terms"]

_PROVIDER = {"machines": "mining", "battery": "battery", "gas": "gas"}
"""Blocks of the dispatch by what scenarios call them."""


def dearest_hours(grid: Grid, count: int) -> NDArray[np.bool_]:
    """The hours of the year with the dearest energy, (8760,)."""
    hours = np.zeros(HOURS_IN_YEAR, dtype=np.bool_)
    hours[np.argsort(-(grid.delivered_usd_per_mwh + grid.adder_usd_per_mwh), kind="stable")[:count]] = True
    return hours


def with_grid_terms(
    catalogue: Catalogue,
    assets: SiteAssets,
    services: tuple[GridService, ...],
    curtailment: Curtailment | None,
    large_load: LargeLoad | None,
    power: Power,
    place: str | Path,
    grid_mw: float,
    grid: Grid,
    folder: Path,
) -> SiteAssets:
    """The assets with what the scenario sells to the grid and what the grid may ask."""
    names = [service.product for service in services]
    made = []
    for index, service in enumerate(services):
        name = service.product if names.count(service.product) == 1 else f"{service.product} {index + 1}"
        made.append(_service(name, service, service_prices(catalogue, service, power, place, folder)))
    if curtailment is not None:
        assets = replace(assets, programmes=(*assets.programmes, _programme(curtailment, grid_mw, grid)))
    if large_load is not None:
        off = backup_hours(large_load, grid)
        mw = np.where(off, large_load.backup_mw.number(), 0.0)
        carbon = large_load.backup_carbon_kg_per_mwh.number()
        backup = block("backup", HOURS_IN_YEAR, mw, large_load.backup_usd_per_mwh.number(), carbon)
        left = np.where(off, large_load.left_frac.number(), 1.0)
        assets = replace(assets, supplies=(*assets.supplies, backup), import_left_frac=left)
    return replace(assets, services=tuple(made))


def _service(name: str, service: GridService, price: FloatArray) -> Service:
    start, end = service.hours
    hour = hour_of_day()
    awarded = (hour >= start) & (hour < end) if start < end else (hour >= start) | (hour < end)
    if service.months:
        awarded &= np.isin(MONTH_OF_HOUR + 1, service.months)
    return Service(
        name=name,
        most_mw=np.where(awarded, service.mw.number(), 0.0),
        usd_per_mw=price * service.price_scale.number(),
        providers=tuple(dict.fromkeys(_PROVIDER[who] for who in service.providers)),
        called_frac=service.called_frac.number(),
        call_usd_per_mwh=service.call_usd_per_mwh.number(),
        duration_hours=service.duration_hours.number(),
        down=service.product == "regulation-down",
    )


def _programme(curtailment: Curtailment, grid_mw: float, grid: Grid) -> Programme:
    return Programme(
        "curtailment",
        called=dearest_hours(grid, int(curtailment.hours_per_year.number())),
        baseline_mw=grid_mw if curtailment.baseline_mw is None else curtailment.baseline_mw.number(),
        committed_mw=curtailment.committed_mw.number(),
        energy_usd_per_mwh=curtailment.usd_per_mwh.number(),
        penalty_usd_per_mwh=curtailment.penalty_usd_per_mwh.number(),
        capacity_usd_per_mw_year=curtailment.usd_per_mw_year.number(),
    )


def curtailment_pay_usd(assets: SiteAssets) -> FloatArray:
    """What programmes pay by month as if nothing were drawn in called hours, (12,): the dispatch takes off the rest."""
    pay = np.zeros(12)
    for programme in assets.programmes:
        pay += programme.capacity_usd_per_mw_year * programme.committed_mw / 12.0
        pay += programme.energy_usd_per_mwh * programme.baseline_mw * monthly_sum(programme.called.astype(np.float64))
    return pay


def backup_hours(large_load: LargeLoad, grid: Grid) -> NDArray[np.bool_]:
    """Hours in which the site is disconnected."""
    return dearest_hours(grid, int(large_load.disconnected_hours_per_year.number()))
