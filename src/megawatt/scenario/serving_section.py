"""The section of a scenario whose halls sell answers: what is served, to how much demand, at which price of tokens."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final

from pydantic import Field, field_validator, model_validator

from megawatt.catalogue.quantity import quantity, refusal
from megawatt.catalogue.records import Fact, System
from megawatt.catalogue.section import Section
from megawatt.scenario.section import ratio

__all__ = ["Serving"]

_PRICE: Final = quantity("USD", ge=0, le=1e5)
_HOURS: Final = 24
"""Hours of a day."""


class Serving(Section):
    """A model that the halls serve, at what speed, to how much demand, at which price of tokens."""

    model: str = Field(description="model in the catalogue, or the path of a Hugging Face config.json or a model file")
    precision: str = Field("", description="precision of the weights; default: 8 bits where the chip has them")
    stack: str = Field("", description="serving stack, NAME[@RELEASE]; default: the chip's usual one")
    layout: str = Field("", description="layout of a replica, tp=8 or tp=1,dp=8,ep=8; default: the best is looked for")
    chips: Annotated[Fact, *quantity(ge=1, le=1e5, whole=True)] | None = Field(
        None,
        description="chips on which a layout is looked for; default: the system's inner domain",
        title="chips of the search",
    )
    input_tokens: Annotated[Fact, *quantity(ge=1, le=1e7)] = Field(
        description="tokens of a prompt", title="tokens of a prompt"
    )
    output_tokens: Annotated[Fact, *quantity(ge=1, le=1e7)] = Field(
        description="tokens of an answer", title="tokens of an answer"
    )
    prefix_hit_frac: Annotated[Fact, *quantity(ge=0, le=0.999)] = Field(
        0.0, validate_default=True, description="share of a prompt that is cached already", title="cached prompt"
    )
    ttft_s: Annotated[Fact, *quantity("s", ge=1e-4, le=1e4)] | None = Field(
        None, description="longest mean time to the first token, s; default: none", title="time to the first token"
    )
    tpot_s: Annotated[Fact, *quantity("s", ge=1e-6, le=1e3)] | None = Field(
        None, description="longest mean time per token after it, s; default: none", title="time per token"
    )
    usd_per_million_output_tokens: Annotated[Fact, *_PRICE] = Field(
        description="price of a million tokens of answers, USD", title="price of output tokens"
    )
    usd_per_million_input_tokens: Annotated[Fact, *_PRICE] = Field(
        description="price of a million tokens of prompts, USD", title="price of input tokens"
    )
    usd_per_million_cached_tokens: Annotated[Fact, *_PRICE] | None = Field(
        None,
        description="price of a million cached tokens of prompts, USD; default: as other tokens of prompts",
        title="price of cached tokens",
    )
    price_growth_per_year: Annotated[Fact, *quantity(ge=-0.95, le=1)] = Field(
        0.0,
        validate_default=True,
        description="yearly growth of token prices beside that of the market for compute",
        title="growth of token prices",
    )
    demand_frac: Annotated[Fact, *quantity(ge=0, le=100)] = Field(
        "@serving-site-practice.demand_frac",
        validate_default=True,
        description="busiest hour's demand at the start over what all chips can serve; above 1 some is turned away",
        title="demand of the busiest hour",
    )
    demand_growth_per_year: Annotated[Fact, *quantity(ge=-0.95, le=10)] = Field(
        0.0, validate_default=True, description="yearly growth of demand", title="growth of demand"
    )
    trough_frac: Annotated[Fact, *ratio] = Field(
        "@serving-site-practice.trough_frac",
        validate_default=True,
        description="demand of the quietest hour over the busiest, a cosine between them",
        title="demand of the quietest hour",
    )
    busiest_hour: int = Field(15, ge=0, le=23, description="hour of the day with most demand, local time")
    hourly: tuple[float, ...] = Field(
        (), description="demand by hour of the day, 24 numbers of any unit, in place of trough_frac"
    )
    most_load_frac: Annotated[Fact, *quantity(ge=0.05, le=1)] = Field(
        "@serving-site-practice.most_load_frac",
        validate_default=True,
        description="share of what the chips can serve that is sold at most in an hour: requests come in bursts",
        title="most load",
    )
    availability_frac: Annotated[Fact, *ratio] = Field(
        "@ai-hall-practice.availability_frac",
        validate_default=True,
        description="share of hours in which a chip that is asked for works",
        title="share of hours available",
    )
    spare_usd_per_chip_hour: Annotated[Fact, *quantity("USD/hour", ge=0, le=1000)] | None = Field(
        None,
        description="price of hours of chips that serve nobody, sold to training that waits; needs [training]; "
        "default: they idle",
        title="price of spare chip-hours",
    )

    @field_validator("hourly")
    @classmethod
    def _day(cls, hours: tuple[float, ...]) -> tuple[float, ...]:
        if not hours:
            return hours
        if len(hours) != _HOURS:
            raise refusal(f"{len(hours)} numbers", f"{_HOURS}, one for each hour of the day")
        if not all(math.isfinite(hour) and hour >= 0.0 for hour in hours) or max(hours) <= 0.0:
            raise refusal("hours below 0, or no demand at all", "numbers of 0 or more, one above 0")
        return hours

    @model_validator(mode="after")
    def _one_day(self) -> Serving:
        beside = sorted({"trough_frac", "busiest_hour"} & self.model_fields_set) if self.hourly else []
        if beside:
            raise refusal(f"hourly and {' and '.join(beside)}", "hourly, or the cosine of trough_frac and busiest_hour")
        return self

    def question(self, system: System) -> dict[str, Any]:
        """What `megawatt.serving.serve` takes beside model, machine, catalogue and latencies."""
        from megawatt.serving import Traffic, parse_layout, usual_precision

        chips = system.links[0].domain_chips if self.chips is None else self.chips.number()
        return {
            "chips": int(chips),
            "traffic": Traffic(self.input_tokens.number(), self.output_tokens.number(), self.prefix_hit_frac.number()),
            "precision": self.precision.strip().lower() or usual_precision(system.accelerator),
            "stack": self.stack,
            "layout": parse_layout(self.layout),
        }

    @property
    def day(self) -> tuple[float, ...]:
        """Demand by hour of the day over that of the busiest hour."""
        if self.hourly:
            return tuple(hour / max(self.hourly) for hour in self.hourly)
        low = self.trough_frac.number()
        turns = ((hour - self.busiest_hour) / _HOURS for hour in range(_HOURS))
        return tuple(low + (1.0 - low) * (1.0 + math.cos(2.0 * math.pi * turn)) / 2.0 for turn in turns)
