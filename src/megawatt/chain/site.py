"""The site of a use: weather, hall, prices, and the year's dispatch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption, System
from megawatt.dispatch import (
    SiteProblem,
    price_model,
    price_year,
    read_price_csv,
    synthetic_price_year,
    tariff,
    tariff_adder,
)
from megawatt.facility import (
    FacilityResponse,
    HallDesign,
    Weather,
    capacity,
    hall_design,
    has_pads,
    load_weather,
    response,
    without_pads,
)
from megawatt.hours import HOURS_IN_YEAR
from megawatt.scenario.schema import Scenario

__all__ = ["Grid", "Halls", "ai_halls", "dry_response", "grid_of", "mining_halls", "site_problem"]

FloatArray = NDArray[np.float64]


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


def weather_of(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Weather:
    """Weather of the site: its file if the scenario names one, else a year made from the place's normals."""
    where = str(folder / scenario.site.weather) if scenario.site.weather else scenario.site.place
    return load_weather(where, catalogue, scenario.seed)


def ai_halls(
    scenario: Scenario, catalogue: Catalogue, weather: Weather, system: System | None, load_it_mw: float
) -> Halls:
    """AI halls built for the site's critical IT power and the system's way of giving off heat; exact at their load.

    Without a system (a tenant's machines) the design's own way of taking up heat counts.
    """
    it_mw = scenario.site.it_mw.number() if scenario.site.it_mw else math.inf
    design = hall_design(
        catalogue,
        scenario.hall.design,
        it_capacity_mw=it_mw,
        liquid_share=system.liquid_share if system else None,
        coolant_supply_max_c=system.coolant_supply_max_c if system else None,
    )
    return Halls(weather, design, response(design, weather, exact_at_mw=load_it_mw), it_mw)


def mining_halls(scenario: Scenario, catalogue: Catalogue, weather: Weather) -> Halls:
    """Mining halls; where the scenario gives no power, as much as the connection carries in the worst hour."""
    grid_mw = scenario.site.grid_mw.number()
    given = scenario.mining.it_mw if scenario.mining else None
    design = hall_design(catalogue, scenario.hall.design, it_capacity_mw=grid_mw)
    it_mw = given.number() if given is not None else capacity(design, weather, grid_mw)[0]
    sized = replace(design, it_capacity_mw=it_mw)
    return Halls(weather, sized, response(sized, weather), it_mw)


def dry_response(halls: Halls) -> FacilityResponse:
    """The halls' response with wetted pads switched off, on the same breakpoints; their own where they have none."""
    if not has_pads(halls.design):
        return halls.response
    even = np.linspace(0.0, halls.design.it_capacity_mw, len(halls.response.it_mw) - 1)
    own = np.setdiff1d(halls.response.it_mw, even)
    exact = float(own[0]) if own.size == 1 else None
    return response(without_pads(halls.design), halls.weather, exact_at_mw=exact)


def grid_of(scenario: Scenario, catalogue: Catalogue, folder: Path) -> Grid:
    """Hourly prices (file, made-up year of a mean, or the grid's table), delivery charges, carbon."""
    power = scenario.power
    sources: tuple[Assumption, ...] = ()
    if power.price_file:
        raw = read_price_csv(folder / power.price_file, power.utc_offset_hours)
        market, year = raw.price_usd_per_mwh, raw.year
    elif power.mean_price_usd_per_mwh is not None:
        model = price_model(catalogue)
        market = synthetic_price_year(model, power.mean_price_usd_per_mwh.number(), scenario.seed)
        year, sources = power.price_year, model.assumptions
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
    )


def site_problem(
    grid: Grid,
    grid_mw: float,
    *,
    ai: Halls | None = None,
    ai_it_mw: float = 0.0,
    ai_value_usd_per_mwh: float = 0.0,
    mining: Halls | None = None,
    mining_value_usd_per_mwh: float = 0.0,
) -> SiteProblem:
    """The dispatch problem of the site year.

    ``ai_it_mw`` is the AI load in every hour; ``mining_value_usd_per_mwh`` what a MWh earns at the miner's plug.
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
        mining_value_usd_per_mwh=hours * mining_value_usd_per_mwh,
        mining_response=mining.response if mining else None,
        carbon_kg_per_mwh=grid.carbon_kg_per_mwh,
        assumptions=grid.assumptions,
    )
