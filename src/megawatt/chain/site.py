"""The site of a use: weather, hall, prices, and the year's dispatch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.chain.ground import PowerIndex
from megawatt.dispatch import (
    Collar,
    MonthlyResponse,
    SiteProblem,
    hourly_adder,
    monthly_response,
    price_model,
    price_year,
    synthetic_price_year,
)
from megawatt.facility import (
    Ambient,
    DesignDay,
    FacilityResponse,
    HallCurves,
    HallDesign,
    Weather,
    WorstHour,
    ambient_of,
    capacity,
    curves,
    has_pads,
    response,
    response_of,
    without_pads,
    worst_hours,
)
from megawatt.facility.changes import changed_hall
from megawatt.hourly import price_doubts
from megawatt.hours import HOURS_IN_YEAR, MONTH_OF_HOUR
from megawatt.mining import PowerSegments
from megawatt.scenario.schema import Hall, Power, Site
from megawatt.scenario.site_files import place_of_site, shape_means, site_prices
from megawatt.scenario.site_tariff import SiteSheet
from megawatt.tariff import Rate, resolve

__all__ = [
    "Grid",
    "Halls",
    "Metered",
    "ai_hall",
    "dry_response",
    "grid_of",
    "halls_at_load",
    "mining_halls",
    "outdoor_air",
    "site_problem",
    "year_by_month",
]


@dataclass(frozen=True)
class Halls:
    """Halls in their weather, and what they draw; ``it_mw`` is the power they are built for."""

    curves: HallCurves
    days: tuple[DesignDay, ...]
    response: FacilityResponse
    it_mw: float

    @property
    def weather(self) -> Weather:
        """The site year."""
        return self.curves.weather

    @property
    def design(self) -> HallDesign:
        """What they are."""
        return self.curves.design

    @cached_property
    def worst_hours(self) -> tuple[WorstHour, WorstHour]:
        """The hour of most facility power, and the one in which the cooling carries least, design days included."""
        return worst_hours(self.curves, self.days)


@dataclass(frozen=True, slots=True)
class Grid:
    """What a MWh costs in each hour at the connection, and its carbon.

    ``price_usd_per_mwh`` is that of the market (or fixed) before losses, collar, basis and adders; ``delivered`` with
    losses and collar, the part that follows the market's level; ``adder`` what does not. All (8760,); ``shape`` says
    where the hours come from.
    """

    price_usd_per_mwh: FloatArray
    delivered_usd_per_mwh: FloatArray
    adder_usd_per_mwh: FloatArray
    carbon_kg_per_mwh: FloatArray
    year: int
    shape: Literal["file", "flat", "made-up", "table", "fixed"]
    assumptions: tuple[Assumption, ...]
    remarks: tuple[str, ...] = ()
    collar: Collar | None = None
    rate: Rate | None = None


def outdoor_air(_: Catalogue, weather: Weather) -> Ambient:
    """The weather's air as cooling sees it."""
    return ambient_of(weather)


def ai_hall(
    catalogue: Catalogue,
    weather: Weather,
    air: Ambient,
    hall: Hall,
    it_mw: float,
    liquid_share: float | None,
    coolant_supply_max_c: float | None,
) -> HallCurves:
    """AI halls of a critical IT power in their weather.

    Where the machines' way of giving off heat is not known (None: a tenant's), the design's own counts.
    """
    kind = changed_hall(
        catalogue,
        hall.design,
        hall,
        it_capacity_mw=it_mw,
        liquid_share=liquid_share,
        coolant_supply_max_c=coolant_supply_max_c,
    )
    return curves(kind, weather, ambient=air)


def halls_at_load(_: Catalogue, hall: HallCurves, load_it_mw: float, days: tuple[DesignDay, ...]) -> Halls:
    """AI halls with a response that is exact at their load."""
    return Halls(hall, days, response_of(hall, exact_at_mw=load_it_mw), hall.design.it_capacity_mw)


def mining_halls(
    catalogue: Catalogue,
    weather: Weather,
    air: Ambient,
    days: tuple[DesignDay, ...],
    design: Hall,
    grid_mw: float,
    it_mw: float | None,
    derating: tuple[float, float] | None,
) -> Halls:
    """Mining halls; without a power of their own (None), as much as the connection carries in the worst hour.

    Machines that throttle lose a share of their power per kelvin of outdoor air above a temperature (``derating``).
    """
    kind = changed_hall(catalogue, design.design, design, it_capacity_mw=grid_mw)
    fits = capacity(kind, weather, grid_mw, days=days, ambient=air)[0] if it_mw is None else it_mw
    hall = curves(replace(kind, it_capacity_mw=fits), weather, ambient=air)
    answer = response_of(hall)
    if derating is not None:
        from_c, per_k = derating
        throttled = fits * np.clip(1.0 - per_k * np.maximum(weather.dry_bulb_c - from_c, 0.0), 0.0, 1.0)
        answer = replace(answer, it_limit_mw=np.minimum(answer.it_limit_mw, throttled))
    return Halls(hall, days, answer, fits)


def dry_response(halls: Halls) -> FacilityResponse:
    """The halls' response with wetted pads switched off, on the same breakpoints; their own where they have none."""
    if not has_pads(halls.design):
        return halls.response
    even = np.linspace(0.0, halls.design.it_capacity_mw, len(halls.response.it_mw) - 1)
    own = np.setdiff1d(halls.response.it_mw, even)
    exact = float(own[0]) if own.size == 1 else None
    return response(without_pads(halls.design), halls.weather, exact_at_mw=exact)


@dataclass(frozen=True, slots=True)
class Metered:
    """Hours that were measured, in place of a scenario's: price [USD/MWh] and dry bulb [degC], (8760,) or None."""

    price_usd_per_mwh: FloatArray | None = None
    dry_bulb_c: FloatArray | None = None


def grid_of(
    catalogue: Catalogue,
    power: Power,
    own: SiteSheet,
    index: PowerIndex,
    site: Site,
    seed: int,
    folder: Path,
    metered: FloatArray | None = None,
) -> Grid:
    """Hourly prices of the dispatched year (metered, or the scenario's), what contracts and tariff add, carbon."""
    if metered is None:
        hours = _hours(catalogue, power, place_of_site(site, folder), seed, folder, bundled=own.sheet.bundled)
    else:
        hours = _Hours(metered, power.price_year, "file")
    market = hours.usd_per_mwh / shape_means(hours.usd_per_mwh)[MONTH_OF_HOUR] if power.forward else hours.usd_per_mwh
    market = market * (1.0 if hours.shape == "fixed" else power.price_scale.number())
    market = market * index.first_market[MONTH_OF_HOUR]
    rate = resolve(
        own.sheet,
        key=own.key,
        grid_mw=site.grid_mw.number(),
        year=hours.year,
        market_usd_per_mwh=market,
        assumptions=own.assumptions,
    ).scaled(index.first_other)
    collar = None if rate.bundled else _collar(power, market, float(rate.supplied(1.0)))
    contracts = rate.supplied(power.basis_usd_per_mwh.number()) + power.adder_usd_per_mwh.number()
    carbon = _carbon(catalogue, power)
    carbon_kg_per_mwh = carbon.fact.number()
    return Grid(
        price_usd_per_mwh=market,
        delivered_usd_per_mwh=rate.supplied(market) if collar is None else collar.charged(1.0),
        adder_usd_per_mwh=hourly_adder(rate) + contracts + power.carbon_usd_per_t.number() * carbon_kg_per_mwh / 1000.0,
        carbon_kg_per_mwh=np.full(HOURS_IN_YEAR, carbon_kg_per_mwh),
        year=hours.year,
        shape=hours.shape,
        assumptions=(
            *rate.assumptions,
            *hours.assumptions,
            carbon,
        ),
        remarks=hours.remarks,
        collar=collar,
        rate=rate,
    )


@dataclass(frozen=True, slots=True)
class _Hours:
    """Prices of a year by the hour, (8760,), and what they rest on."""

    usd_per_mwh: FloatArray
    year: int
    shape: Literal["file", "flat", "made-up", "table", "fixed"]
    assumptions: tuple[Assumption, ...] = ()
    remarks: tuple[str, ...] = ()


def _hours(catalogue: Catalogue, power: Power, place: str | Path, seed: int, folder: Path, *, bundled: bool) -> _Hours:
    """Prices by the hour: of a file, the grid's table, a mean with a shape, or fixed; none under a bundled tariff."""
    shape, mean, year = power.shape, power.mean_price_usd_per_mwh, power.price_year
    if shape == "fixed" and power.fixed_price_usd_per_mwh is not None:
        return _flat(power.fixed_price_usd_per_mwh.number(), year, "fixed")
    if shape == "file":
        raw = site_prices(catalogue, power, place, folder)
        remarks = (*raw.warnings, f"Price file: {'; '.join(raw.remarks)}.")
        return _Hours(raw.price_usd_per_mwh, raw.year, "file", remarks=remarks)
    if shape == "flat":
        return _flat(mean.number() if mean else 1.0, year, "flat", doubts=mean is not None)
    if shape == "made-up":
        model = price_model(catalogue)
        made = synthetic_price_year(model, mean.number() if mean else 1.0, seed)
        doubts = price_doubts(made, "USD") if mean else ()
        return _Hours(made, year, "made-up", model.assumptions, doubts)
    grid = "" if power.grid is None else power.grid
    if bundled and (not grid or f"price_{year}_mean_usd_per_mwh" not in catalogue.get(grid, "grid").facts):
        return _flat(0.0, year, "flat", doubts=False)
    table = catalogue.price_shape(grid, year)
    market = price_year(table)
    sources = (Assumption(f"{power.grid}.price_table_{table.year}", "dispatch", table.fact),)
    return _Hours(market if mean is None else market * (mean.number() / market.mean()), table.year, "table", sources)


def _flat(usd_per_mwh: float, year: int, shape: Literal["flat", "fixed"], *, doubts: bool = True) -> _Hours:
    hours = np.full(HOURS_IN_YEAR, usd_per_mwh)
    return _Hours(hours, year, shape, remarks=price_doubts(hours, "USD") if doubts else ())


def _collar(power: Power, market: FloatArray, scale: float) -> Collar | None:
    if power.floor_usd_per_mwh is None and power.cap_usd_per_mwh is None:
        return None
    low, high = power.floor_usd_per_mwh, power.cap_usd_per_mwh
    return Collar(market, low.number() if low else -np.inf, high.number() if high else np.inf, scale)


def _carbon(catalogue: Catalogue, power: Power) -> Assumption:
    """Location-based carbon of the grid's electricity: as stated, or the catalogue's; g/kWh are kg/MWh."""
    stated = power.carbon_g_per_kwh
    if stated is None:
        return catalogue.assume(str(power.grid), "carbon_kg_per_mwh", "dispatch")
    return Assumption("power.carbon_g_per_kwh", "dispatch", stated)


def site_problem(
    _: Catalogue,
    grid: Grid,
    grid_mw: float,
    ai: Halls | None = None,
    ai_it_mw: tuple[float, ...] = (0.0,),
    mining: Halls | None = None,
    segments: PowerSegments | None = None,
    hosted_frac: float = 0.0,
) -> SiteProblem:
    """The dispatch problem of the site year, but for what a MWh of AI or mining earns: left at zero.

    ``ai_it_mw`` is the AI load in every hour, (1,), or by hour of the day, (24,); miners fill their halls, customers' a
    share of them.
    """
    return SiteProblem(
        price_usd_per_mwh=grid.delivered_usd_per_mwh,
        adder_usd_per_mwh=grid.adder_usd_per_mwh,
        import_limit_mw=np.full(HOURS_IN_YEAR, grid_mw),
        ai_it_mw=np.tile(np.array(ai_it_mw), HOURS_IN_YEAR // len(ai_it_mw)),
        ai_value_usd_per_mwh=0.0,
        ai_response=ai.response if ai else None,
        mining_it_mw=mining.it_mw if mining else 0.0,
        mining_value_usd_per_mwh=np.zeros(HOURS_IN_YEAR),
        mining_response=mining.response if mining else None,
        carbon_kg_per_mwh=grid.carbon_kg_per_mwh,
        assumptions=grid.assumptions,
        mining_modes=(segments.width_mw, segments.worth) if segments else None,
        hosted_frac=hosted_frac,
        hosted_value_usd_per_mwh=np.zeros(HOURS_IN_YEAR) if hosted_frac > 0.0 else None,
        collar=grid.collar,
        rate=grid.rate,
    )


def year_by_month(_: Catalogue, problem: SiteProblem) -> MonthlyResponse:
    """The site year reduced to its months, whatever a MWh earns."""
    return monthly_response(problem)
