"""The scenario file: every section and field, what it means and what is allowed.

The models validate at the boundary only; the rest of the package takes the frozen result. Field descriptions are the
reference documentation: ``megawatt schema`` prints them as JSON Schema, ``megawatt init`` writes them as comments.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from megawatt.catalogue.quantity import quantity
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.scenario.debt_sections import Debt
from megawatt.scenario.mining_sections import Mining
from megawatt.scenario.money_sections import (
    Capex,
    Contract,
    DemandResponse,
    Lease,
    Opex,
    Tax,
    WorkingCapital,
)
from megawatt.scenario.partnership_section import Partnership
from megawatt.scenario.plant_sections import Battery, Export, Gas, Solar, Wind
from megawatt.scenario.risk_sections import Risk
from megawatt.scenario.section import Month
from megawatt.scenario.service_sections import Curtailment, GridService, LargeLoad
from megawatt.scenario.serving_section import Serving
from megawatt.scenario.site_sections import AI, Hall, HallRamp, Power, Site, Timeline, Training
from megawatt.tariff import TariffSheet

__all__ = [
    "AI",
    "Battery",
    "Capex",
    "Contract",
    "Curtailment",
    "Debt",
    "DemandResponse",
    "Export",
    "Gas",
    "GridService",
    "Hall",
    "HallRamp",
    "LargeLoad",
    "Lease",
    "Mining",
    "Month",
    "Opex",
    "Partnership",
    "Power",
    "Risk",
    "Scenario",
    "Section",
    "Serving",
    "Site",
    "Solar",
    "Tax",
    "Timeline",
    "Training",
    "Wind",
    "WorkingCapital",
]


class Scenario(Section):
    """One use of a site, from chip to cash."""

    format: Literal[1] = Field(description="version of this file format")
    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64, description="short name; the results go to runs/<name>/"
    )
    title: str = Field(min_length=1, description="what the report calls this use")
    use: Literal["ai-cloud", "ai-serving", "ai-colocation", "mining"] = Field(description="what the megawatts do")
    seed: int = Field(20260101, ge=0, le=2**63 - 1, description="root of all random numbers")
    discount_rate: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        description="annual, nominal, after tax", title="discount rate"
    )
    site: Site
    power: Power
    tariff: TariffSheet | None = None
    timeline: Timeline
    hall: Hall
    ai: AI | None = None
    training: Training | None = None
    serving: Serving | None = None
    contract: Contract | None = None
    lease: Lease | None = None
    mining: Mining | None = None
    solar: Solar | None = None
    wind: Wind | None = None
    gas: Gas | None = None
    battery: Battery | None = None
    export: Export | None = None
    services: tuple[GridService, ...] = Field((), description="services sold to the grid")
    curtailment: Curtailment | None = None
    large_load: LargeLoad | None = None
    capex: Capex
    opex: Opex
    working_capital: WorkingCapital | None = None
    demand_response: DemandResponse | None = None
    debt: Debt | None = None
    partnership: Partnership | None = None
    tax: Tax = Field(default_factory=dict, validate_default=True)
    risk: Risk = Field(default_factory=dict, validate_default=True)
