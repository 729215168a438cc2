"""The site of a use: weather, hall, prices, and the year's dispatch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.dispatch import (
    MonthlyResponse,
    SiteProblem,
    monthly_response,
    price_model,
    price_year,
    synthetic_price_year,
    tariff,
    tariff_adder,
)
from megawatt.facility import (
    Ambient,
    FacilityResponse,
    HallCurves,
    HallDesign,
    Weather,
    ambient_of,
    capacity,
    curves,
    hall_design,
    has_pads,
    response,
    response_of,
    without_pads,
)
from megawatt.hourly import price_doubts
from megawatt.hours import HOURS_IN_YEAR
from megawatt.mining import MinerModes, mode_segments
from megawatt.scenario.schema import Power
from megawatt.scenario.site_files import site_prices

__all__ = [
    "Grid",
    "Halls",
    "ai_hall",
    "dry_response",
    "grid_of",
    "halls_at_load",
    "mining_halls",
    "outdoor_air",
    "site_problem",
    "year_by_month",
]


@dataclass(frozen=True, slots=True)
class Halls:
    """Halls in their weather; ``it_mw`` is the power they are built for."""

    weather: Weather
    design: HallDesign
    response: FacilityResponse
    it_mw: float


@dataclass(frozen=True, slots=True)
class Grid:
    """What a MWh costs in each hour at the connection, and its carbon."""

    price_usd_per_mwh: FloatArray
    delivered_usd_per_mwh: FloatArray
    adder_usd_per_mwh: FloatArray
    carbon_kg_per_mwh: FloatArray
    year: int
    prices: Literal["file", "table", "made up"]
    assumptions: tuple[Assumption, ...]
    remarks: tuple[str, ...] = ()


def outdoor_air(_: Catalogue, weather: Weather) -> Ambient:
    """The weather's air as cooling sees it."""
    return ambient_of(weather)


def ai_hall(
    catalogue: Catalogue,
    weather: Weather,
    air: Ambient,
    design: str,
    it_mw: float,
    liquid_share: float | None,
    coolant_supply_max_c: float | None,
) -> HallCurves:
    """AI halls of a critical IT power in their weather.

    Where the machines' way of giving off heat is not known (None: a tenant's), the design's own counts.
    """
    kind = hall_design(
        catalogue,
        design,
        it_capacity_mw=it_mw,
        liquid_share=liquid_share,
        coolant_supply_max_c=coolant_supply_max_c,
    )
    return curves(kind, weather, ambient=air)


def halls_at_load(_: Catalogue, hall: HallCurves, load_it_mw: float) -> Halls:
    """AI halls with a response that is exact at their load."""
    return Halls(hall.weather, hall.design, response_of(hall, exact_at_mw=load_it_mw), hall.design.it_capacity_mw)


def mining_halls(
    catalogue: Catalogue, weather: Weather, air: Ambient, design: str, grid_mw: float, it_mw: float | None
) -> Halls:
    """Mining halls; without a power of their own (None), as much as the connection carries in the worst hour."""
    kind = hall_design(catalogue, design, it_capacity_mw=grid_mw)
    fits = capacity(kind, weather, grid_mw, ambient=air)[0] if it_mw is None else it_mw
    hall = curves(replace(kind, it_capacity_mw=fits), weather, ambient=air)
    return Halls(weather, hall.design, response_of(hall), fits)


def dry_response(halls: Halls) -> FacilityResponse:
    """The halls' response with wetted pads switched off, on the same breakpoints; their own where they have none."""
    if not has_pads(halls.design):
        return halls.response
    even = np.linspace(0.0, halls.design.it_capacity_mw, len(halls.response.it_mw) - 1)
    own = np.setdiff1d(halls.response.it_mw, even)
    exact = float(own[0]) if own.size == 1 else None
    return response(without_pads(halls.design), halls.weather, exact_at_mw=exact)


def grid_of(catalogue: Catalogue, power: Power, place: str, seed: int, folder: Path) -> Grid:
    """Hourly prices (file, made-up year of a mean, or the grid's table), delivery charges, carbon."""
    sources: tuple[Assumption, ...] = ()
    remarks: tuple[str, ...] = ()
    if power.price_file:
        raw = site_prices(catalogue, power, place, folder)
        market, year, remarks = (
            raw.price_usd_per_mwh,
            raw.year,
            (*raw.warnings, f"Price file: {'; '.join(raw.remarks)}."),
        )
    elif power.mean_price_usd_per_mwh is not None:
        model = price_model(catalogue)
        market = synthetic_price_year(model, power.mean_price_usd_per_mwh.number(), seed)
        year, sources = power.price_year, model.assumptions
        remarks = price_doubts(market, "USD")
    else:
        shape = catalogue.price_shape(power.grid, power.price_year)
        market, year = price_year(shape), shape.year
        sources = (Assumption(f"{power.grid}.price_table_{year}", "dispatch", shape.fact),)
    market = market * power.price_scale.number()
    terms = tariff(catalogue, power.tariff)
    carbon = catalogue.number(power.grid, "carbon_kg_per_mwh")
    return Grid(
        price_usd_per_mwh=market,
        delivered_usd_per_mwh=terms.delivered(market),
        adder_usd_per_mwh=tariff_adder(catalogue, power.tariff, market),
        carbon_kg_per_mwh=np.full(HOURS_IN_YEAR, carbon),
        year=year,
        prices="file" if power.price_file else "made up" if power.mean_price_usd_per_mwh else "table",
        assumptions=(*terms.assumptions, *sources, catalogue.assume(power.grid, "carbon_kg_per_mwh", "dispatch")),
        remarks=remarks,
    )


def site_problem(
    grid: Grid,
    grid_mw: float,
    *,
    ai: Halls | None = None,
    ai_it_mw: float = 0.0,
    ai_value_usd_per_mwh: float = 0.0,
    mining: Halls | None = None,
    modes: MinerModes | None = None,
) -> SiteProblem:
    """The dispatch problem of the site year.

    ``ai_it_mw`` is the AI load in every hour; miners fill their halls in the highest of ``modes``. What a MWh of theirs
    earns is left at zero.
    """
    hours = np.ones(HOURS_IN_YEAR)
    return SiteProblem(
        price_usd_per_mwh=grid.delivered_usd_per_mwh,
        adder_usd_per_mwh=grid.adder_usd_per_mwh,
        import_limit_mw=hours * grid_mw,
        ai_it_mw=hours * ai_it_mw,
        ai_value_usd_per_mwh=ai_value_usd_per_mwh,
        ai_response=ai.response if ai else None,
        mining_it_mw=mining.it_mw if mining else 0.0,
        mining_value_usd_per_mwh=np.zeros(HOURS_IN_YEAR),
        mining_response=mining.response if mining else None,
        carbon_kg_per_mwh=grid.carbon_kg_per_mwh,
        assumptions=grid.assumptions,
        mining_modes=mode_segments(mining.it_mw / modes.most_frac, modes) if mining and modes else None,
    )


def year_by_month(
    _: Catalogue,
    grid: Grid,
    grid_mw: float,
    ai: Halls | None,
    ai_it_mw: float,
    mining: Halls | None,
    modes: MinerModes | None,
) -> MonthlyResponse:
    """The site year reduced to its months, whatever a MWh earns."""
    return monthly_response(site_problem(grid, grid_mw, ai=ai, ai_it_mw=ai_it_mw, mining=mining, modes=modes))
