"""Sections of a scenario about what the grid pays or asks for: services, curtailment credits, disconnection."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from megawatt.catalogue.quantity import quantity, refusal
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.errors import shown
from megawatt.scenario.section import ratio
from megawatt.tariff.windows import hours_of_span

__all__ = ["Curtailment", "GridService", "LargeLoad"]


class GridService(Section):
    """Power held ready for the grid and paid by the hour, co-optimised with energy."""

    product: Literal["ecrs", "rrs", "non-spin", "regulation-up", "regulation-down", "demand-response"] = Field(
        description="what is sold; regulation-down holds ready to draw more, all others to draw less or give"
    )
    mw: Annotated[Fact, *quantity("MW", ge=0, le=20000)] = Field(
        description="most power enrolled, MW", title="power enrolled in a service"
    )
    usd_per_mw_hour: Annotated[Fact, *quantity(ge=0, le=20000)] | None = Field(
        None, description="price of a MW held for an hour, USD; or price_file", title="price of a service"
    )
    price_file: str | None = Field(None, description="hourly prices of the service, as power.price_file is read")
    price_column: str = Field("", description="column of the prices, where the file's layout is not known")
    price_scale: Annotated[Fact, *quantity(ge=0, le=100)] = Field(
        1.0, validate_default=True, description="factor on every hourly price", title="level of service prices"
    )
    providers: tuple[Literal["machines", "battery", "gas"], ...] = Field(
        ("machines",), min_length=1, description="who may hold it: machines (miners), battery, gas"
    )
    months: tuple[int, ...] = Field((), description="months in which it is awarded, 1 to 12; default: all")
    hours: tuple[int, int] = Field(
        (0, 24),
        description='hours of the day in which it is awarded, [from, to) or "14-20", over midnight where from > to',
    )
    called_frac: Annotated[Fact, *quantity(ge=0, le=0.9)] = Field(
        0.0, validate_default=True, description="share of the held energy that is called", title="share called"
    )
    call_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=10000)] = Field(
        0.0, validate_default=True, description="paid per MWh called, beside the energy", title="pay of calls"
    )
    duration_hours: Annotated[Fact, *quantity("hour", ge=0, le=24)] = Field(
        1.0, validate_default=True, description="hours that a battery must last at full call", title="duration"
    )

    @field_validator("months")
    @classmethod
    def _twelve(cls, months: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 1 <= month <= 12 for month in months):
            raise refusal(f"{list(months)}", "months 1 to 12")
        return months

    @field_validator("hours", mode="before")
    @classmethod
    def _span(cls, raw: Any) -> Any:
        text = raw[0] if isinstance(raw, list) and len(raw) == 1 else raw
        if not isinstance(text, str):
            return raw
        hours = hours_of_span(text)
        if hours is None:
            raise refusal(shown(text), 'two hours of the day, [14, 20] or "14-20"')
        return hours

    @field_validator("hours")
    @classmethod
    def _of_day(cls, hours: tuple[int, int]) -> tuple[int, int]:
        if not (0 <= hours[0] <= 23 and 0 <= hours[1] <= 24 and hours[0] != hours[1]):
            raise refusal(f"{list(hours)}", "two different hours of the day, 0 to 24")
        return hours


class Curtailment(Section):
    """Pay for holding the site's draw down in called hours: the dearest of the year."""

    hours_per_year: Annotated[Fact, *quantity("hour", ge=0, le=8760, whole=True)] = Field(
        description="hours called a year, taken to be the dearest", title="hours of curtailment"
    )
    usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=20000)] = Field(
        description="credit per MWh below the baseline in called hours", title="curtailment credit"
    )
    baseline_mw: Annotated[Fact, *quantity("MW", ge=0, le=20000)] | None = Field(
        None, description="draw that the credit is measured from; default: site.grid_mw", title="baseline"
    )
    committed_mw: Annotated[Fact, *quantity("MW", ge=0, le=20000)] = Field(
        0.0, validate_default=True, description="reduction that is promised, MW", title="reduction promised"
    )
    penalty_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=100000)] = Field(
        0.0, validate_default=True, description="penalty per MWh short of the promise", title="penalty"
    )
    usd_per_mw_year: Annotated[Fact, *quantity(ge=0, le=1e7)] = Field(
        0.0, validate_default=True, description="pay per MW promised and year", title="pay for the promise"
    )


class LargeLoad(Section):
    """Rules for large loads: the grid may disconnect the site (Texas SB 6), which runs on its backup or not at all."""

    disconnected_hours_per_year: Annotated[Fact, *quantity("hour", ge=0, le=8760, whole=True)] = Field(
        description="hours a year in which the site is disconnected, taken to be the dearest",
        title="hours disconnected",
    )
    left_frac: Annotated[Fact, *ratio] = Field(
        0.0, validate_default=True, description="share of grid_mw that may still be drawn", title="draw left"
    )
    backup_mw: Annotated[Fact, *quantity("MW", ge=0, le=20000)] = Field(
        0.0, validate_default=True, description="backup generation that runs in those hours", title="backup"
    )
    backup_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=10000)] = Field(
        300.0, validate_default=True, description="fuel and upkeep of backup per MWh", title="cost of backup"
    )
    backup_carbon_kg_per_mwh: Annotated[Fact, *quantity(ge=0, le=3000)] = Field(
        700.0, validate_default=True, description="carbon of backup (diesel: about 700)", title="carbon of backup"
    )
