"""A tariff as its rate sheet says it: the section `[tariff]` of a scenario, a file of its own, or a catalogue entry."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from megawatt.arrays import BoolArray, IntArray
from megawatt.catalogue.quantity import quantity, refusal
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.errors import shown
from megawatt.tariff.windows import Window, day_of_year

__all__ = [
    "KINDS_OF_LINE",
    "CoincidentCharge",
    "DemandCharge",
    "DemandTier",
    "EnergyCharge",
    "EnergyTier",
    "FixedCharge",
    "HoursTier",
    "MinimumStep",
    "Rider",
    "TariffSheet",
]

KINDS_OF_LINE: Final = ("energy", "demand", "coincident", "fixed")
"""Kinds of charges that a rider may be a share of."""

_MONEY: Final = 1e6
"""No price of a MWh, kW or MW-day is higher, in any currency."""
_ENERGY = quantity("USD/MWh", ge=-_MONEY, le=_MONEY)
_DEMAND = quantity("USD/kW/month", ge=0, le=_MONEY)
_SHARE = quantity(ge=0, le=1)


class EnergyTier(Section):
    """A block of a month's energy."""

    from_mwh: Annotated[Fact, *quantity(ge=0, le=1e9)] = Field(
        description="energy of the month from which it holds, MWh"
    )
    per_mwh: Annotated[Fact, *_ENERGY] = Field(
        description="price of a MWh beyond it", title="price of energy in a tier"
    )


class HoursTier(Section):
    """A block of a month's energy by hours of use: kWh per kW of the month's highest power."""

    from_hours: Annotated[Fact, *quantity(ge=0, le=744)] = Field(
        description="hours of use (kWh per kW) from which it holds"
    )
    per_mwh: Annotated[Fact, *_ENERGY] = Field(
        description="price of a MWh beyond it", title="price of energy by hours of use"
    )


class DemandTier(Section):
    """A block of a month's billed demand."""

    from_mw: Annotated[Fact, *quantity("MW", ge=0, le=1e6)] = Field(description="demand from which it holds, MW")
    per_kw_month: Annotated[Fact, *_DEMAND] = Field(
        description="price of a kW beyond it", title="demand charge in a tier"
    )


class MinimumStep(Section):
    """Minimum demand of a contract of so many MW."""

    contract_mw: Annotated[Fact, *quantity("MW", ge=0.001, le=1e6)] = Field(description="contracted capacity, MW")
    minimum_mw: Annotated[Fact, *quantity("MW", ge=0, le=1e6)] = Field(description="least billed demand of it, MW")


def _rising(levels: Sequence[Fact], unit: str) -> None:
    values = [fact.number() for fact in levels]
    if values and (values[0] != 0.0 or any(b <= a for a, b in itertools.pairwise(values))):
        raise refusal(f"tiers from {', '.join(f'{v:g}' for v in values)} {unit}", "rising levels, the first 0")


class _Line(Window):
    name: str = Field("", max_length=80, description="what the bill calls the line")
    also: tuple[Window, ...] = Field((), max_length=100, description="other hours in which the line holds too")

    def covered(self, weekday: IntArray) -> BoolArray:
        """All hours in which the line holds, (8760,)."""
        masks = [window.mask(weekday) for window in (self, *self.also)]
        return np.asarray(np.logical_or.reduce(masks), dtype=np.bool_)

    def held_in(self) -> BoolArray:
        """Calendar months in which the line holds in any hour, (12,)."""
        months = [window.months or range(1, 13) for window in (self, *self.also)]
        return np.isin(np.arange(1, 13), sorted({m for some in months for m in some}))


class EnergyCharge(_Line):
    """A price of energy in its hours; lines that hold at once add up."""

    per_mwh: Annotated[Fact, *_ENERGY] | None = Field(
        None, description="price of a MWh (or text such as '0.05 USD/kWh')", title="price of energy"
    )
    tiers: tuple[EnergyTier, ...] = Field(
        (), max_length=12, description="instead of per_mwh: prices by blocks of the month's energy in these hours"
    )
    hours_of_use: tuple[HoursTier, ...] = Field(
        (),
        max_length=12,
        description="instead: prices by kWh per kW of the month's highest power in these hours, which fall",
    )

    @model_validator(mode="after")
    def _priced(self) -> EnergyCharge:
        given = [self.per_mwh is not None, bool(self.tiers), bool(self.hours_of_use)]
        if sum(given) != 1:
            raise refusal("several prices" if any(given) else "no price", "one of per_mwh, tiers, hours_of_use")
        _rising([tier.from_mwh for tier in self.tiers], "MWh")
        _rising([tier.from_hours for tier in self.hours_of_use], "hours of use")
        prices = [tier.per_mwh.number() for tier in self.hours_of_use]
        if any(b > a for a, b in itertools.pairwise(prices)):
            raise refusal(f"prices {', '.join(f'{p:g}' for p in prices)} by hours of use", "prices that fall")
        return self


class DemandCharge(_Line):
    """A charge on the highest power of a month (or year) in its hours."""

    per_kw_month: Annotated[Fact, *_DEMAND] | None = Field(
        None, description="price of a kW of billed demand a month", title="demand charge"
    )
    per_kw_year: Annotated[Fact, *quantity("USD/kW/year", ge=0, le=_MONEY)] | None = Field(
        None, description="price of a kW of the year's highest power, a twelfth a month", title="annual demand charge"
    )
    per_kva_month: Annotated[Fact, *quantity("USD/kVA/month", ge=0, le=_MONEY)] | None = Field(
        None,
        description="price of a kVA a month: billed demand over the tariff's power_factor",
        title="charge on apparent power",
    )
    tiers: tuple[DemandTier, ...] = Field((), max_length=12, description="instead: prices by blocks of demand")
    ratchet_frac: Annotated[Fact, *_SHARE] = Field(
        0.0,
        validate_default=True,
        description="billed demand is at least this share of the highest of the months before",
        title="ratchet",
    )
    ratchet_months: int = Field(11, ge=1, le=60, description="months before that the ratchet looks at")
    ratchet_of: tuple[int, ...] = Field(
        (), max_length=12, description="calendar months whose highest counts; default: all"
    )
    minimum_mw: Annotated[Fact, *quantity("MW", ge=0, le=1e6)] = Field(
        0.0, validate_default=True, description="billed demand is at least this, MW", title="minimum demand"
    )
    minimum_frac: Annotated[Fact, *_SHARE] = Field(
        0.0,
        validate_default=True,
        description="billed demand is at least this share of contract_mw",
        title="minimum demand as a share of the contract",
    )
    minimum_by_contract: tuple[MinimumStep, ...] = Field(
        (),
        max_length=20,
        description="instead: minimum demand by contract_mw, linear between these, in proportion beyond them",
    )

    @field_validator("ratchet_of")
    @classmethod
    def _months_of_year(cls, months: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 1 <= m <= 12 for m in months):
            raise refusal(f"months {', '.join(map(str, months))}", "months 1 to 12")
        return months

    @model_validator(mode="after")
    def _priced(self) -> DemandCharge:
        given = [*(p is not None for p in (self.per_kw_month, self.per_kva_month, self.per_kw_year)), bool(self.tiers)]
        if sum(given) != 1:
            raise refusal(f"{sum(given)} prices", "one of per_kw_month, per_kva_month, per_kw_year, tiers")
        if self.per_kw_year is not None and self.ratchet_frac.number() > 0.0:
            raise refusal("a ratchet on a yearly charge", "no ratchet: it counts the year's highest already")
        _rising([tier.from_mw for tier in self.tiers], "MW")
        steps = [step.contract_mw.number() for step in self.minimum_by_contract]
        if any(b <= a for a, b in itertools.pairwise(steps)):
            raise refusal(f"contracts of {', '.join(f'{mw:g}' for mw in steps)} MW", "rising contract_mw")
        return self

    def least_mw(self, contract_mw: float) -> float:
        """Least billed demand of a contract. [MW]"""
        least = max(self.minimum_mw.number(), self.minimum_frac.number() * contract_mw)
        if not self.minimum_by_contract:
            return least
        at, mw = np.array([(s.contract_mw.number(), s.minimum_mw.number()) for s in self.minimum_by_contract]).T
        beyond = at[0] if contract_mw < at[0] else at[-1] if contract_mw > at[-1] else contract_mw
        return max(least, float(np.interp(beyond, at, mw)) * contract_mw / float(beyond))


class CoincidentCharge(_Line):
    """A charge on the mean power in the grid's peak hours (4CP, 5CP, capacity); the operator sits some hours out."""

    per_kw_year: Annotated[Fact, *quantity("USD/kW/year", ge=0, le=_MONEY)] | None = Field(
        None, description="price of a kW of mean power in the peaks, a year", title="coincident-peak charge"
    )
    per_mw_day: Annotated[Fact, *quantity("USD/MW/day", ge=0, le=_MONEY)] | None = Field(
        None, description="instead: capacity, USD per MW and day of obligation", title="price of capacity"
    )
    factor: Annotated[Fact, *quantity(ge=0, le=10)] = Field(
        1.0,
        validate_default=True,
        description="obligation per MW of load in the peaks: reserve margin, losses, zonal scaling",
        title="capacity obligation per MW",
    )
    months: tuple[int, ...] = Field((6, 7, 8, 9), max_length=12, description="months in which the peaks fall")
    peaks: int | None = Field(
        None, ge=1, le=100, description="number of peaks in these months together (5CP: 5); default: one in each month"
    )
    peak_hours: tuple[str, ...] = Field(
        (),
        max_length=100,
        description='measured peaks as "MM-DD HH" (hour beginning, standard time); default: the dearest hours',
    )
    sit_out_hours: int = Field(
        1, ge=1, le=500, description="hours in which the operator expects each peak: the dearest of its days"
    )
    miss_frac: Annotated[Fact, *_SHARE] = Field(
        0.0,
        validate_default=True,
        description="chance that a peak falls in another hour of its month",
        title="chance of a missed peak",
    )

    @field_validator("peak_hours")
    @classmethod
    def _measured(cls, hours: tuple[str, ...]) -> tuple[str, ...]:
        for text in hours:
            day, _, hour = text.partition(" ")
            try:
                day_of_year(day)
                if not 0 <= int(hour.removesuffix(":00")) <= 23:
                    raise ValueError(text)
            except ValueError:
                raise refusal(shown(text), '"MM-DD HH", hour 0 to 23') from None
        return hours

    @model_validator(mode="after")
    def _priced(self) -> CoincidentCharge:
        if (self.per_kw_year is None) == (self.per_mw_day is None):
            raise refusal("two prices" if self.per_kw_year else "no price", "per_kw_year or per_mw_day")
        if self.peak_hours and (self.peaks is not None or self.sit_out_hours != 1):
            raise refusal("measured peaks beside peaks or sit_out_hours", "peak_hours alone, with miss_frac 0 or more")
        return self


class FixedCharge(_Line):
    """A charge whatever the site draws."""

    per_month: Annotated[Fact, *quantity("USD", ge=0, le=1e9)] | None = Field(
        None, description="amount a month", title="fixed charge"
    )
    per_kw_month: Annotated[Fact, *_DEMAND] | None = Field(
        None, description="price of a kW of contract_mw a month", title="charge on contracted capacity"
    )
    per_mw_day: Annotated[Fact, *quantity("USD/MW/day", ge=0, le=_MONEY)] | None = Field(
        None, description="price of a MW of contract_mw a day", title="capacity on contract"
    )

    @model_validator(mode="after")
    def _priced(self) -> FixedCharge:
        given = [self.per_month, self.per_kw_month, self.per_mw_day]
        if sum(fact is not None for fact in given) != 1:
            raise refusal("no price or several", "one of per_month, per_kw_month, per_mw_day")
        if self.hours or self.days != "all" or self.also:
            raise refusal("hours or days of a fixed charge", "months alone")
        return self


class Rider(Section):
    """A share of other charges: surcharge, rider, credit, local tax on one kind."""

    name: str = Field("rider", max_length=80, description="what the bill calls the line")
    frac: Annotated[Fact, *quantity(ge=-1, le=10)] = Field(description="share of these charges", title="rider")
    on: tuple[Literal["energy", "demand", "coincident", "fixed"], ...] = Field(
        KINDS_OF_LINE, min_length=1, description="charges that it is a share of"
    )


class TariffSheet(Section):
    """What a grid or a utility charges. Money is in ``currency``; energy lines add to the price of power, unless
    ``bundled`` says that they are the whole of it."""

    title: str = Field("", max_length=200, description="name of the rate")
    source: str = Field("", max_length=400, description="where it stands")
    date: str = Field("", max_length=40, description="date of the sheet")
    note: str = Field("", max_length=2000, description="what is simplified")
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="currency of all its money")
    usd_per_currency: Annotated[Fact, *quantity(ge=1e-6, le=1000)] | None = Field(
        None,
        description="USD per unit of the currency, with its date; needed where it is not USD",
        title="exchange rate",
    )
    bundled: bool = Field(False, description="its energy lines are the whole price of energy: no market price is paid")
    contract_mw: Annotated[Fact, *quantity("MW", ge=0, le=1e6)] | None = Field(
        None, description="contracted capacity, MW; default: site.grid_mw", title="contracted capacity"
    )
    power_factor: Annotated[Fact, *quantity(ge=0.5, le=1)] = Field(
        1.0,
        validate_default=True,
        description="kW per kVA that the meter sees: charges on kVA are on power over it",
        title="power factor",
    )
    holidays: tuple[str, ...] = Field((), max_length=60, description='days that count as weekends, "MM-DD"')
    loss_frac: Annotated[Fact, *_SHARE] = Field(
        0.0,
        validate_default=True,
        description="losses that the load buys, as a share of its metered energy",
        title="losses to the meter",
    )
    energy: tuple[EnergyCharge, ...] = Field((), max_length=100, description="prices of energy")
    demand: tuple[DemandCharge, ...] = Field((), max_length=30, description="charges on the highest power")
    coincident: tuple[CoincidentCharge, ...] = Field(
        (), max_length=10, description="charges on power in the grid's peaks"
    )
    fixed: tuple[FixedCharge, ...] = Field((), max_length=100, description="charges whatever the site draws")
    riders: tuple[Rider, ...] = Field((), max_length=100, description="shares of other charges")
    minimum_per_month: Annotated[Fact, *quantity("USD", ge=0, le=1e9)] = Field(
        0.0, validate_default=True, description="least bill of a month before taxes", title="minimum bill"
    )
    minimum_per_kw_month: Annotated[Fact, *_DEMAND] = Field(
        0.0,
        validate_default=True,
        description="least bill of a month before taxes, per kW of contract_mw",
        title="minimum bill per kW",
    )
    minimum_per_day: Annotated[Fact, *quantity("USD", ge=0, le=1e9)] = Field(
        0.0,
        validate_default=True,
        description="least bill of a month before taxes, per day of it",
        title="minimum bill a day",
    )
    tax_frac: Annotated[Fact, *quantity(ge=0, le=2)] = Field(
        0.0, validate_default=True, description="tax on all of the tariff's charges", title="tax on the tariff"
    )
    supply_tax_frac: Annotated[Fact, *quantity(ge=0, le=2)] = Field(
        0.0, validate_default=True, description="tax on energy bought beside the tariff", title="tax on energy"
    )
    growth_per_year: Annotated[Fact, *quantity(ge=-0.5, le=0.5)] = Field(
        0.0, validate_default=True, description="yearly step of all its charges", title="escalator of the tariff"
    )

    @field_validator("holidays")
    @classmethod
    def _days(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        for day in days:
            try:
                day_of_year(day)
            except ValueError:
                raise refusal(shown(day), '"MM-DD", not 29 February') from None
        return days

    @model_validator(mode="after")
    def _rated(self) -> TariffSheet:
        if self.currency != "USD" and self.usd_per_currency is None:
            raise refusal(f"currency {self.currency} without a rate", "usd_per_currency with its date")
        if any(line.hours_of_use for line in self.energy):
            uneven = next((rider for rider in self.riders if ("energy" in rider.on) != ("demand" in rider.on)), None)
            if uneven is not None:
                found = f"rider {uneven.name!r} on {', '.join(uneven.on)} beside energy by hours of use"
                raise refusal(found, "riders on both energy and demand, or on neither")
        return self

    def names(self) -> dict[str, list[str]]:
        """Names of the lines by kind, each given one and none twice."""
        taken: set[str] = set()
        named: dict[str, list[str]] = {}
        for kind in KINDS_OF_LINE:
            named[kind] = []
            for number, line in enumerate(getattr(self, kind), start=1):
                name = line.name or f"{kind} {number}"
                while name in taken:
                    name = f"{name} ({kind} {number})"
                taken.add(name)
                named[kind].append(name)
        return named
