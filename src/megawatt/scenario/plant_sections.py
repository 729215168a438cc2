"""Sections of a scenario about power behind the meter: solar, wind, gas, a battery, and what is sold to the grid."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from megawatt.catalogue.quantity import quantity
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.scenario.section import Month, ratio

__all__ = ["PLANTS", "Battery", "Export", "Gas", "Plant", "Renewable", "Solar", "Wind"]

PLANTS = ("solar", "wind", "gas", "battery")
"""Sections of plants, in the order in which they are shown."""


class Plant(Section):
    """A plant behind the meter: what it costs, how it ages, when it is live."""

    mw: Annotated[Fact, *quantity("MW", ge=0, le=20000)] = Field(
        description="power at the site's bus, MW; 0: none", title="power of the plant"
    )
    capex_usd_per_mw: Annotated[Fact, *quantity("USD/MW", ge=0, le=1e8)] = Field(
        description="cost, USD per MW", title="cost of the plant"
    )
    om_frac_per_year: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        0.0, validate_default=True, description="fixed upkeep a year as a share of its cost", title="fixed upkeep"
    )
    degradation_per_year: Annotated[Fact, *quantity(ge=0, le=0.3)] = Field(
        0.0, validate_default=True, description="share of its power (battery: energy) lost a year", title="degradation"
    )
    life_years: Annotated[Fact, *quantity("year", ge=1, le=100)] = Field(
        25, validate_default=True, description="life: residual by the unused share, then replaced", title="life"
    )
    replacement_cost_frac: Annotated[Fact, *quantity(ge=0, le=2)] = Field(
        1.0,
        validate_default=True,
        description="cost of the next plant at the end of its life over the first one's",
        title="cost of replacement",
    )
    tax_life_years: Annotated[Fact, *quantity("year", ge=1, le=40)] = Field(
        5, validate_default=True, description="tax life, straight line", title="tax life"
    )
    build_months: int = Field(12, ge=1, le=120, description="months over which it is paid, before it is live")
    live: Month | None = Field(None, description="first month of operation; default: that of the first block of halls")


class Renewable(Plant):
    """A plant whose output follows the weather: an hourly profile, or a mean share of its power."""

    profile: str | None = Field(
        None, description="hourly output of a year, as a share of its power or in MW (docs/hourly-files.md)"
    )
    profile_column: str = Field("", description="column of the output, where the file has several")
    profile_mw: Annotated[Fact, *quantity("MW", ge=1e-6, le=1e6)] | None = Field(
        None, description="power of the plant whose output the profile gives in MW; default: this one's", title="power"
    )
    capacity_factor_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="mean output over power, instead of a profile; solar: clear skies over the place, scaled to it; "
        "wind: the same in every hour",
        title="capacity factor",
    )
    om_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=1000)] = Field(
        0.0, validate_default=True, description="upkeep per MWh", title="upkeep per MWh"
    )
    loss_frac: Annotated[Fact, *ratio] = Field(
        0.0, validate_default=True, description="share of the output lost before the site's bus", title="losses"
    )


class Solar(Renewable):
    """Solar panels behind the meter."""

    capex_usd_per_mw: Annotated[Fact, *quantity("USD/MW", ge=0, le=1e8)] = Field(
        "@solar-utility.capex_usd2022_per_kw",
        validate_default=True,
        description="cost, USD per MW",
        title="cost of solar",
    )
    om_frac_per_year: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        "@solar-utility.fixed_om_frac_per_year",
        validate_default=True,
        description="fixed upkeep a year as a share of its cost",
        title="fixed upkeep of solar",
    )


class Wind(Renewable):
    """Wind turbines behind the meter."""

    capex_usd_per_mw: Annotated[Fact, *quantity("USD/MW", ge=0, le=1e8)] = Field(
        "@onshore-wind.capex_usd2022_per_kw",
        validate_default=True,
        description="cost, USD per MW",
        title="cost of wind",
    )
    om_frac_per_year: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        "@onshore-wind.fixed_om_frac_per_year",
        validate_default=True,
        description="fixed upkeep a year as a share of its cost",
        title="fixed upkeep of wind",
    )


class Gas(Plant):
    """Gas engines or turbines behind the meter."""

    capex_usd_per_mw: Annotated[Fact, *quantity("USD/MW", ge=0, le=1e8)] = Field(
        "@gas-combined-cycle.capex_2025_projects_usd2025_per_kw",
        validate_default=True,
        description="cost, USD per MW",
        title="cost of gas plant",
    )
    fuel_usd_per_mmbtu: Annotated[Fact, *quantity("USD/MMBtu", ge=0, le=200)] = Field(
        description="price of fuel at the plant, USD per MMBtu (higher heating value)", title="price of gas"
    )
    fuel_growth_per_year: Annotated[Fact, *quantity(ge=-0.5, le=0.5)] = Field(
        0.0, validate_default=True, description="growth of the price of fuel a year", title="growth of the gas price"
    )
    heat_rate_mmbtu_per_mwh: Annotated[Fact, *quantity("MMBtu/MWh", ge=3, le=30)] = Field(
        description="fuel per MWh at the bus, MMBtu (HHV): 6.4 combined cycle, 8.5 engine, 10 turbine",
        title="heat rate",
    )
    om_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=1000)] = Field(
        "@gas-combined-cycle.variable_om_usd2022_per_mwh",
        validate_default=True,
        description="upkeep per MWh",
        title="upkeep of gas plant per MWh",
    )
    carbon_kg_per_mmbtu: Annotated[Fact, *quantity(ge=0, le=120)] = Field(
        53.06,
        validate_default=True,
        description="carbon of the fuel, kg CO2 per MMBtu (natural gas: 40 CFR 98, table C-1)",
        title="carbon of gas",
    )
    availability_frac: Annotated[Fact, *ratio] = Field(
        1.0, validate_default=True, description="share of its power that can be counted on", title="availability"
    )


class Battery(Plant):
    """A battery behind the meter."""

    mwh: Annotated[Fact, *quantity("MWh", ge=0, le=200000)] = Field(
        description="energy that it holds, MWh", title="energy of the battery"
    )
    capex_usd_per_mw: Annotated[Fact, *quantity("USD/MW", ge=0, le=1e8)] = Field(
        "@battery-storage.power_capex_usd2022_per_kw",
        validate_default=True,
        description="cost of its power, USD per MW",
        title="cost of battery power",
    )
    capex_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=1e8)] = Field(
        "@battery-storage.energy_capex_usd2022_per_kwh",
        validate_default=True,
        description="cost of its energy, USD per MWh held",
        title="cost of battery energy",
    )
    om_frac_per_year: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        "@battery-storage.fixed_om_frac_per_year",
        validate_default=True,
        description="fixed upkeep a year as a share of its cost",
        title="fixed upkeep of the battery",
    )
    life_years: Annotated[Fact, *quantity("year", ge=1, le=100)] = Field(
        "@battery-storage.lifetime_years",
        validate_default=True,
        description="life: residual by the unused share, then replaced",
        title="life of the battery",
    )
    round_trip_efficiency_frac: Annotated[Fact, *quantity(ge=0.05, le=1)] = Field(
        "@battery-storage.round_trip_efficiency_frac",
        validate_default=True,
        description="energy given over energy taken at the bus",
        title="round trip of the battery",
    )
    standing_loss_per_hour: Annotated[Fact, *quantity(ge=0, le=0.5)] = Field(
        0.0, validate_default=True, description="share of what it holds lost an hour", title="standing loss"
    )
    discharge_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=1000)] = Field(
        0.0, validate_default=True, description="wear per MWh given", title="wear of the battery"
    )


class Export(Section):
    """Energy of the site's own plants sold to the grid."""

    limit_mw: Annotated[Fact, *quantity("MW", ge=0, le=20000)] = Field(
        description="most power that the connection takes back, MW; 0: none", title="export limit"
    )
    price_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=10000)] | None = Field(
        None, description="fixed price; default: the market's, less the spread", title="price of exports"
    )
    spread_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=10000)] = Field(
        0.0, validate_default=True, description="what the market's price is reduced by", title="spread of exports"
    )
    loss_frac: Annotated[Fact, *ratio] = Field(
        0.0, validate_default=True, description="share of what is exported that is not paid", title="losses of exports"
    )
