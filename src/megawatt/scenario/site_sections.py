"""Sections of a scenario about the site and what it runs: place, power, timeline, halls, chips, training."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from megawatt.catalogue.quantity import catalogue_key, quantity, refusal
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.facility.changes import HallChanges
from megawatt.run_options import MOST_RANK, RUN_OPTIONS, SETTINGS
from megawatt.runs import RunSettings
from megawatt.scenario.section import Month, site_place
from megawatt.tariff import Window
from megawatt.training import Setup

__all__ = [
    "AI",
    "ForwardYear",
    "Hall",
    "HallRamp",
    "Power",
    "PriceBlock",
    "Site",
    "StatedDay",
    "Timeline",
    "Training",
]


class StatedDay(Section):
    """A design day of given numbers, e.g. ASHRAE's."""

    name: str = Field("stated", min_length=1, max_length=40, description="what results call it")
    dry_bulb_c: float = Field(ge=-60, le=60, description="highest dry bulb of the day, degC")
    wet_bulb_c: float = Field(ge=-60, le=45, description="coincident wet bulb, degC")
    daily_range_k: float | None = Field(
        None, ge=0, le=40, description="highest less lowest dry bulb, K; default: that of the year's hottest days"
    )


class Site(Section):
    """The place and its connection."""

    place: Annotated[str, site_place()] | None = Field(
        None,
        description="'latitude, longitude[, elevation]' of any place (climate of the nearest known), a place file of "
        "one's own (.toml, docs/facility.md), or a place in the catalogue; default: that of the weather file",
    )
    grid_mw: Annotated[Fact, *quantity("MW", ge=0.1, le=20000)] = Field(
        description="contracted capacity at the interconnection, MW; headline values are per grid MW",
        title="contracted grid capacity",
    )
    it_mw: Annotated[Fact, *quantity("MW", ge=0.01, le=20000)] | None = Field(
        None,
        description="critical IT power of the AI halls, MW (what leases are priced on); not for mining",
        title="critical IT power",
    )
    weather: str | None = Field(
        None, description="hourly weather file (docs/hourly-files.md) instead of the place's normals"
    )
    warming_k: Annotated[Fact, *quantity("K", ge=-15, le=15)] = Field(
        0.0,
        validate_default=True,
        description="climate shift added to every hour and design day, K",
        title="climate shift",
    )
    worst_day: Literal["20-year", "0.4%", "typical-year"] = Field(
        "20-year",
        description="day beside the year that halls are sized for and reported on: exceeded once in 20 years, the hour "
        "that 35 hours of a year exceed, or none",
    )
    design_days: tuple[StatedDay, ...] = Field(
        (), max_length=12, description="design days of given numbers instead of those of the weather"
    )
    grid_water_l_per_kwh: Annotated[Fact, *quantity("L/kWh", ge=0, le=50)] | None = Field(
        None,
        description="water that power stations use for a kWh of the grid, L/kWh; adds source water to the results",
        title="water of electricity",
    )

    @field_validator("it_mw")
    @classmethod
    def _fits(cls, it_mw: Fact | None, info: ValidationInfo) -> Fact | None:
        grid = info.data.get("grid_mw")
        if it_mw is not None and grid is not None and it_mw.number() > grid.number():
            raise refusal(f"{it_mw.number():g} MW", f"at most grid_mw = {grid.number():g} MW")
        return it_mw


class ForwardYear(Section):
    """One calendar year of a forward curve."""

    year: int = Field(ge=2000, le=2100, description="calendar year")
    usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0.01, le=10000)] | None = Field(
        None, description="mean of the year, in every month", title="forward price of a year"
    )
    months_usd_per_mwh: tuple[Annotated[Fact, *quantity("USD/MWh", ge=0.01, le=10000)], ...] = Field(
        (), description="twelve means, January first, instead of one", title="forward price of a month"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> ForwardYear:
        count = len(self.months_usd_per_mwh)
        if count not in (0, 12) or (count == 12) == (self.usd_per_mwh is not None):
            found = f"{count} months{' and a mean' if self.usd_per_mwh else ''}"
            raise refusal(found, "usd_per_mwh, or months_usd_per_mwh with 12 numbers")
        return self

    def by_month(self) -> tuple[float, ...]:
        """Twelve prices, January first. [USD/MWh]"""
        mean = self.usd_per_mwh
        return (mean.number(),) * 12 if mean else tuple(fact.number() for fact in self.months_usd_per_mwh)


class PriceBlock(Window):
    """Energy bought ahead, take-or-pay: what is not used is sold at the node, what is needed beyond it is bought."""

    mw: Annotated[Fact, *quantity("MW", ge=0, le=20000)] = Field(
        description="power in every hour of the block, MW", title="power of a block"
    )
    usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=10000)] = Field(
        description="price of the block's energy", title="price of a block"
    )
    settled: Literal["node", "hub"] = Field(
        "node", description="where the block is delivered; at the hub the site bears the basis to its node"
    )
    borne_by: Literal["payer", "owner"] = Field(
        "payer", description="who settles it where a lease's tenant pays the energy: whoever pays that, or the owner"
    )
    start: Month | None = Field(None, description="first month; default: that of the project")
    end: Month | None = Field(None, description="last month; default: that of the project")
    growth_per_year: Annotated[Fact, *quantity(ge=-0.5, le=0.5)] = Field(
        0.0, validate_default=True, description="yearly step of the price from its start", title="escalator of a block"
    )


class Power(Section):
    """What a MWh costs at the connection: market prices by the hour (a file, the grid's table, a mean or a forward
    curve with a shape), or a fixed price, with what contracts add to it."""

    grid: Annotated[str, catalogue_key("grid")] | None = Field(
        None,
        description="grid in the catalogue: price table, carbon; none is needed beside prices and carbon of one's own",
    )
    carbon_g_per_kwh: Annotated[Fact, *quantity("g/kWh", ge=0, le=3000)] | None = Field(
        None,
        description="carbon of the grid's electricity (location-based), g/kWh; default: that of the catalogue's grid",
        title="carbon of electricity, location-based",
    )
    carbon_market_g_per_kwh: Annotated[Fact, *quantity("g/kWh", ge=0, le=3000)] | None = Field(
        None,
        description="carbon of what is bought (market-based: contracts, certificates, residual mix), g/kWh",
        title="carbon of electricity, market-based",
    )
    price_year: int = Field(
        2023, ge=2000, le=2100, description="year of the price table, or of a price file of several"
    )
    price_file: str | None = Field(
        None,
        description="hourly prices instead of the table, a market's export or one's own (docs/hourly-files.md)",
    )
    price_column: str = Field("", description="column of the prices, where the file's layout is not known")
    price_unit: str = Field("", description="unit of the prices, where the file does not say it, e.g. EUR/MWh")
    price_node: str = Field("", description="settlement point, zone or node, where the file has several")
    price_hour_ending: bool = Field(False, description="stamps of the price file are the ends of hours")
    usd_per_currency: Annotated[Fact, *quantity(ge=1e-6, le=1000)] | None = Field(
        None,
        description="USD per unit of the price file's currency, with its date; needed where that is not USD",
        title="rate of exchange of the price file",
    )
    fixed_price_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=10000)] | None = Field(
        None,
        description="every MWh at this price in every hour, whatever the market does (a PPA of the whole load, an "
        "all-in price)",
        title="fixed price of power",
    )
    mean_price_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0.01, le=10000)] | None = Field(
        None,
        description="mean market price for a grid without a price table; hours by price_shape; moves with the market",
        title="mean price of power",
    )
    price_shape: Literal["flat", "made-up", "table"] | None = Field(
        None,
        description="hours of a mean price or a forward curve: flat, a made-up year (seasons, days, spikes as in "
        "ERCOT), or the grid's table; default: flat for a mean; for a forward curve the file, else the table",
    )
    forward: tuple[ForwardYear, ...] = Field(
        (), description="forward curve by calendar year; the hours' shape is price_file's, price_shape's or the table's"
    )
    price_growth_per_year: Annotated[Fact, *quantity(ge=-0.5, le=0.5)] = Field(
        0.0,
        validate_default=True,
        description="yearly step of the price, market or fixed, from the project's start; of a forward curve, after it",
        title="escalator of power prices",
    )
    basis_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=-1000, le=1000)] = Field(
        0.0,
        validate_default=True,
        description="price at the site's node less that of the hub",
        title="basis to the node",
    )
    adder_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=-1000, le=1000)] = Field(
        0.0,
        validate_default=True,
        description="what a supplier adds to every MWh (index plus adder)",
        title="supplier's adder",
    )
    floor_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=-1000, le=10000)] | None = Field(
        None, description="collar: the hour's market price is never charged below", title="floor of a collar"
    )
    cap_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=10000)] | None = Field(
        None, description="collar: the hour's market price is never charged above", title="cap of a collar"
    )
    blocks: tuple[PriceBlock, ...] = Field((), description="energy bought ahead: blocks and PPAs, take-or-pay")
    utc_offset_hours: float | None = Field(
        None, ge=-12, le=14, description="fixed standard time of the site, hours from UTC; default: that of the place"
    )
    price_scale: Annotated[Fact, *quantity(ge=0, le=10)] = Field(
        1.0, validate_default=True, description="factor on every market price", title="level of power prices"
    )
    carbon_usd_per_t: Annotated[Fact, *quantity(ge=0, le=2000)] = Field(
        0.0,
        validate_default=True,
        description="price of carbon on grid energy and on gas of one's own, USD per tonne",
        title="price of carbon",
    )
    peak_sit_out_hours: int | None = Field(
        None,
        ge=1,
        le=500,
        description="hours in which the operator expects each coincident peak of the tariff; default: as it says",
    )
    peak_miss_frac: Annotated[Fact, *quantity(ge=0, le=1)] | None = Field(
        None,
        description="chance that a coincident peak of the tariff falls in another hour; default: as it says",
        title="chance of a missed coincident peak",
    )
    tariff: Annotated[str, catalogue_key("tariff")] | None = Field(
        None, description="tariff in the catalogue, or the path of a tariff file (TOML, or OpenEI JSON); else [tariff]"
    )

    @property
    def shape(self) -> Literal["file", "flat", "made-up", "table", "fixed"]:
        """Where the hours of its price come from."""
        if self.fixed_price_usd_per_mwh is not None:
            return "fixed"
        if self.price_file:
            return "file"
        if self.price_shape is not None:
            return self.price_shape
        return "flat" if self.mean_price_usd_per_mwh is not None else "table"


class HallRamp(Section):
    """One block of halls going live."""

    live: Month = Field(description="first month of operation")
    share: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        description="share of the site's halls in this block", title="share of a block of halls"
    )


class Timeline(Section):
    """Months of the project."""

    start: Month = Field(description="first month of the project (first spending)")
    halls: tuple[HallRamp, ...] = Field(min_length=1, description="blocks of halls; shares sum to 1")
    operating_months: int = Field(
        60,
        ge=1,
        le=480,
        description="months from the start of the last block to the end of the plan; all blocks run till then",
    )
    delay_months: int = Field(
        0,
        ge=0,
        le=60,
        description="months by which every block is late: spending and lender's dates stay as planned, revenue waits",
    )

    @field_validator("halls")
    @classmethod
    def _whole(cls, halls: tuple[HallRamp, ...], info: ValidationInfo) -> tuple[HallRamp, ...]:
        if min(h.share.number() for h in halls) <= 0.0:
            raise refusal("a block with share 0", "shares above 0", "leave the block out")
        total = sum(h.share.number() for h in halls)
        if abs(total - 1) > 1e-9:
            raise refusal(f"shares sum to {total:g}", "shares that sum to 1")
        start = info.data.get("start")
        if start is not None and min(h.live for h in halls) < start:
            raise refusal(f"a block is live in {min(h.live for h in halls)}", f"months from start = {start} on")
        return halls


class Hall(HallChanges):
    """The building: a design, and what is changed of it."""

    design: Annotated[str, catalogue_key("hall")] = Field(description="hall design in the catalogue")


class AI(Section):
    """What fills the AI halls."""

    system: Annotated[str, catalogue_key("system")] = Field(
        description="system in the catalogue (rack, node, UltraServer), or the path of a machine file"
    )
    chips: Annotated[Fact, *quantity(ge=1, le=1e8, whole=True)] | None = Field(
        None,
        description="number of chips; default: site.it_mw * fill_frac / provisioned power per chip",
        title="number of chips",
    )
    fill_frac: Annotated[Fact, *quantity(ge=0.05, le=1)] = Field(
        "@ai-hall-practice.fill_frac",
        validate_default=True,
        description="share of critical IT power that accelerator racks reserve (rest: storage, CPUs, network, spare)",
        title="share of IT power for accelerator racks",
    )
    other_it_w_per_chip: Annotated[Fact, *quantity("W", ge=0, le=5000)] = Field(
        "@ai-hall-practice.other_it_w_per_chip",
        validate_default=True,
        description="power of storage, CPU nodes and the scale-out network per chip, W",
        title="power of storage, CPUs and network per chip",
    )
    busy_frac: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        "@ai-hall-practice.busy_frac",
        validate_default=True,
        description="share of the hours in which chips draw training power (otherwise idle power)",
        title="share of hours at training power",
    )


def _run_option(name: str, default: Any) -> Any:
    """A field of the training section that is an option of ``megawatt train`` too, in the same words."""
    option = RUN_OPTIONS[name]
    limits: dict[str, Any] = {"ge": 0, "le": MOST_RANK} if option.whole else {}
    return Field(default, description=f"as {option.flag} of megawatt train. {option.help}", **limits)


_DEFAULTS: Final = RunSettings()


def _setting(name: str) -> Any:
    """A field of the training section that is a setting of the run, in the words of ``megawatt train --tokens``."""
    setting = SETTINGS[name]
    words: dict[str, Any] = {"json_schema_extra": {"enum": list(setting.words)}} if setting.words else {}
    return Field(getattr(_DEFAULTS, name), description=f"of the whole run. {setting.help}", **words)


class Training(Section):
    """The job that says what a chip is worth: one training run of this model on part of the site."""

    model: str = Field(description="model in the catalogue, or the path of a Hugging Face config.json or a model file")
    kernels: str | None = Field(
        None, description="folder of measured kernels (megawatt calibrate kernels) in place of the catalogue's"
    )
    chips: Annotated[Fact, *quantity(ge=1, le=1e7, whole=True)] = Field(
        description="chips of the job", title="chips of the job"
    )
    seq_len: Annotated[Fact, *quantity(ge=1, le=1e7, whole=True)] = Field(
        description="tokens per sequence", title="tokens per sequence"
    )
    global_batch: Annotated[Fact, *quantity(ge=1, le=1e7, whole=True)] = Field(
        description="sequences per optimizer step", title="sequences per step"
    )
    precision: Literal["bf16", "fp16", "fp8", "nvfp4", "mxfp4"] = Field("bf16", description="precision of the GEMMs")
    tokens: Annotated[Fact, *quantity(ge=1, le=1e16)] | None = Field(
        None, description="tokens of the whole run", title="tokens of the run"
    )
    layout: str = _run_option("layout", "")
    schedule: str = _run_option("schedule", "")
    stack: str = _run_option("stack", "")
    set_stack: tuple[str, ...] = _run_option("set_stack", ())
    optimizer: str = _run_option("optimizer", "")
    offload: str = _run_option("offload", "")
    lora: int = _run_option("lora", 0)
    packing: str = _run_option("packing", "")
    ramp: str | None = _setting("ramp")
    phase: tuple[str, ...] = _setting("phase")
    interruptions: float | None = _setting("interruptions")
    recovery: str = _setting("recovery")
    spares: int | None = _setting("spares")
    shortage: str = _setting("shortage")
    checkpoint: str = _setting("checkpoint")
    interval_s: float | None = _setting("interval_s")
    storage_gb_per_s: float | None = _setting("storage_gb_per_s")
    planned_stops: float | None = _setting("planned_stops")
    swing_limit_mw: Annotated[Fact, *quantity("MW", ge=0, le=1e5)] | None = Field(
        None,
        description="largest swing of power, step by step or at checkpoints, that the connection allows, MW",
        title="swing that the connection allows",
    )
    ramp_limit_mw_per_min: Annotated[Fact, *quantity("MW/min", ge=1e-3, le=1e7)] | None = Field(
        None,
        description="fastest change of power that the connection allows, MW a minute",
        title="ramp that the connection allows",
    )
    embodied_kg_per_chip: Annotated[Fact, *quantity("kg", ge=0, le=1e6)] | None = Field(
        None,
        description="carbon of making a chip with its share of the host, spread over 5 years, kg",
        title="carbon of making a chip",
    )

    @property
    def around_run(self) -> tuple[str, ...]:
        """Names of the fields around the run that are given: the connection's rule, carbon of making its chips."""
        names = ("swing_limit_mw", "ramp_limit_mw_per_min", "embodied_kg_per_chip")
        return tuple(name for name in names if getattr(self, name) is not None)

    @property
    def run_values(self) -> dict[str, Any]:
        """What is said of the whole run, by the names of `megawatt.run_options.SETTINGS`."""
        return {name: getattr(self, name) for name in SETTINGS}

    @property
    def setup(self) -> Setup:
        """How the run is set up; layout, schedule, stack and offload are of ``ai.system`` alone."""
        return Setup(**{name: getattr(self, name) for name in RUN_OPTIONS})
