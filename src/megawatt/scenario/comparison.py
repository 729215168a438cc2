"""The comparison file: several scenarios of one site, and mining halls that may become AI halls."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from megawatt.catalogue.quantity import quantity
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.scenario.section import Month

__all__ = ["Comparison", "Conversion"]


class Conversion(Section):
    """Mining halls that may be converted to AI: the same site, two of the compared uses, one decision per hall."""

    mining: str = Field(description="name of the compared scenario (of best: of the part) that the halls run now")
    ai: str = Field(description="name of the compared scenario (of best: of the part) that they may be converted to")
    start: Month = Field(description="month 0: all halls mine, their cost is sunk")
    months: int = Field(120, ge=12, le=360, description="months from the start to the end, when everything is sold")
    dates: tuple[Month, ...] = Field(min_length=1, max_length=24, description="months in which one may decide, rising")
    months_without_income: int = Field(
        ge=1, le=60, description="months between a decision and the first AI revenue: neither mining nor AI"
    )
    halls: int = Field(4, ge=1, le=64, description="equal halls of the site, each converted once")
    shell_cost_frac: Annotated[Fact, *quantity(ge=0, le=2)] = Field(
        1.0,
        validate_default=True,
        description="cost of a conversion over that of the AI scenario's shell (connection and land are there)",
        title="cost of conversion over a new shell",
    )
    learned_cost_frac: Annotated[Fact, *quantity(ge=0.1, le=1)] = Field(
        1.0,
        validate_default=True,
        description="cost of the shell of later halls over that of the first ones",
        title="cost after learning",
    )
    machines_follow_frac: Annotated[Fact, *quantity(ge=0, le=1)] = Field(
        1.0,
        validate_default=True,
        description="how far the cost of chips bought later follows the expected fall of compute prices (1: newer "
        "chips do the same work for as much less; 0: today's cost)",
        title="share of the fall in compute prices that chip costs follow",
    )
    miners_age_months: int = Field(0, ge=0, le=120, description="months that the miners have run at the start")
    discount_rate: Annotated[Fact, *quantity(ge=0, le=1)] | None = Field(
        None, description="annual, for both uses; default: the AI scenario's", title="discount rate of the conversion"
    )
    paths: int = Field(4096, ge=64, le=200_000, description="number of paths")

    @field_validator("dates")
    @classmethod
    def _rising(cls, dates: tuple[str, ...]) -> tuple[str, ...]:
        if any(a >= b for a, b in pairwise(dates)):
            found = {"found": ", ".join(dates), "allowed": "months that rise", "hint": ""}
            raise PydanticCustomError("megawatt", "{found}", found)
        return dates


class Comparison(Section):
    """Several uses of the same site side by side."""

    format: Literal[1] = Field(description="version of this file format")
    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64, description="short name; the results go to runs/<name>/"
    )
    title: str = Field(min_length=1, description="title of the report")
    question: str = Field("", description="what the comparison is to answer")
    seed: int | None = Field(None, ge=0, le=2**63 - 1, description="replaces the seed of every scenario")
    compare: tuple[str, ...] = Field(min_length=1, max_length=50, description="scenario files, relative to this one")
    conversion: Conversion | None = None
