"""The file of a mixed site: parts, what they share, and what `megawatt best` chooses from."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from megawatt.catalogue.quantity import quantity
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.scenario.comparison import Conversion
from megawatt.scenario.plant_sections import Battery, Export, Gas, Solar, Wind
from megawatt.scenario.section import Month, ratio
from megawatt.scenario.service_sections import Curtailment, GridService, LargeLoad
from megawatt.scenario.site_sections import Power
from megawatt.tariff import TariffSheet

__all__ = ["BestOf", "Mix", "Part"]


class Part(Section):
    """One business of the site: a scenario at a size of its own, until a date of its own."""

    scenario: str = Field(description="scenario file of one use, relative to this file")
    name: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        max_length=64,
        description="what the part is called here; default: the scenario's name",
    )
    scale: Annotated[Fact, *quantity(ge=0, le=1000)] = Field(
        1.0,
        validate_default=True,
        description="size over the scenario's own: load, chips, capital, debt and pay alike",
        title="size of a part",
    )
    shift_months: int = Field(0, ge=-240, le=240, description="months by which every block of the part comes later")
    until: Month | None = Field(None, description="last month of the part: it is sold then; default: the scenario's")
    values: dict[str, Any] = Field({}, description="dotted paths of the scenario and what stands there instead")
    firm_frac: Annotated[Fact, *ratio] = Field(
        1.0, validate_default=True, description="share of an AI load that must run; the rest may be held back",
        title="firm share of a load",
    )  # fmt: skip
    held_back_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=1e6)] | None = Field(
        None, description="price of a MWh (IT) that is held back; needed below firm_frac = 1", title="price of holding"
    )
    least: Annotated[Fact, *quantity(ge=0, le=1000)] = Field(
        0.0, validate_default=True, description="megawatt best: least size, over the scenario's own", title="least size"
    )
    most: Annotated[Fact, *quantity(ge=0, le=1000)] = Field(
        1.0, validate_default=True, description="megawatt best: largest size, over the scenario's own", title="largest"
    )
    either: dict[str, tuple[Any, ...]] = Field(
        {},
        description="megawatt best: dotted paths of the scenario (or shift_months, until) and the values to choose "
        "from, e.g. hall.design, ai.system, debt.share_of_machines_frac",
    )


_Size = Annotated[Fact, *quantity("MW", ge=0, le=20000)]
_Level = Annotated[float, Field(ge=0, le=100)]
"""A price over that of the base case."""


class BestOf(Section):
    """Bounds and limits of ``megawatt best``, and the risk that it looks at."""

    battery_mw: _Size | None = Field(None, description="largest battery; costs are those of [battery]", title="MW")
    battery_mwh: Annotated[Fact, *quantity("MWh", ge=0, le=200000)] | None = Field(
        None, description="largest energy of the battery", title="MWh"
    )
    solar_mw: _Size | None = Field(None, description="largest solar plant; costs are those of [solar]", title="MW")
    wind_mw: _Size | None = Field(None, description="largest wind plant; costs are those of [wind]", title="MW")
    gas_mw: _Size | None = Field(None, description="largest gas plant; costs are those of [gas]", title="MW")
    capital_usd: Annotated[Fact, *quantity("USD", ge=0, le=1e13)] | None = Field(
        None, description="most spending of all parts together, debt included", title="capital"
    )
    carbon_t_per_year: Annotated[Fact, *quantity("t/year", ge=0, le=1e9)] | None = Field(
        None, description="most carbon of the year with all parts live, location-based, t", title="carbon"
    )
    lowest_dscr: Annotated[Fact, *quantity(ge=0, le=100)] | None = Field(
        None, description="parts whose loan has a lower cover in the base case are left out", title="lowest DSCR"
    )
    largest_probability_missed: Annotated[Fact, *ratio] | None = Field(
        None, description="probability, at most, that some loan of the site misses a payment", title="missed service"
    )
    cost_of_equity: Annotated[Fact, *quantity(ge=0, le=1)] | None = Field(
        None, description="annual: value is what owners get and put in, at this rate; default: before debt, at each "
        "part's discount_rate, where debt is worth nothing by itself", title="cost of equity",
    )  # fmt: skip
    conversion: Conversion | None = Field(
        None, description="a part that mines and one that may stand there instead: now, later, in steps, as prices tell"
    )
    paths: int = Field(4096, ge=64, le=1_000_000, description="simulated paths")
    tail: float = Field(0.05, gt=0, lt=1, description="share of the worst paths whose mean value is the risk (CVaR)")
    frontier: int = Field(9, ge=2, le=101, description="points of the frontier of value against risk")
    price_levels: tuple[_Level, ...] = Field(
        (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0),
        min_length=1,
        max_length=25,
        description="levels of power prices of the map",
    )
    pay_levels: tuple[_Level, ...] = Field(
        (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3),
        min_length=1,
        max_length=25,
        description="levels of the price of compute of the map",
    )


class Mix(Section):
    """Several uses behind one connection, one tariff and one right of water."""

    format: int = Field(ge=1, le=1, description="version of this file format")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64, description="short name")
    title: str = Field(min_length=1, description="title of the site")
    question: str = Field("", description="what is to be answered")
    grid_mw: Annotated[Fact, *quantity("MW", ge=0.01, le=20000)] = Field(
        description="capacity of the connection, MW", title="grid connection"
    )
    seed: int = Field(20260101, ge=0, le=2**63 - 1, description="root of all random numbers")
    discount_rate: Annotated[Fact, *quantity(ge=0, le=1)] | None = Field(
        None, description="of what the site itself owns (plants); default: the first part's", title="discount rate"
    )
    water_m3_per_year: Annotated[Fact, *quantity("m3", ge=0, le=1e9)] | None = Field(
        None, description="right of water of the whole site in the year with all parts live", title="right of water"
    )
    parts: tuple[Part, ...] = Field(min_length=1, max_length=20, description="the businesses of the site")
    power: Power | None = None
    tariff: TariffSheet | None = None
    solar: Solar | None = None
    wind: Wind | None = None
    gas: Gas | None = None
    battery: Battery | None = None
    export: Export | None = None
    services: tuple[GridService, ...] = Field((), description="services sold to the grid")
    curtailment: Curtailment | None = None
    large_load: LargeLoad | None = None
    best: BestOf = Field(default_factory=dict, validate_default=True)
