"""What a run costs: rented or owned, its energy, carbon and water; a chip made or bought."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from megawatt.errors import ScenarioError
from megawatt.hours import HOURS_IN_YEAR
from megawatt.runs.records import TrainingRun
from megawatt.runs.swing import RuleAnswer

__all__ = [
    "Bill",
    "BillPrices",
    "MadeOrBought",
    "RunCost",
    "embodied_per_chip_hour",
    "made_or_bought",
    "owned_usd_per_chip_hour",
    "run_bill",
]

_HOURS_PER_DAY: Final = 24.0
"""Hours of a day."""
_LIFE_YEARS: Final = 5.0
"""Years of use over which the carbon of making a chip is spread, unless said otherwise."""
_KWH: Final = 1e3
"""Kilowatt-hours of a MWh."""


@dataclass(frozen=True, slots=True)
class BillPrices:
    """What a chip costs an hour (rent, or ownership without energy), what energy costs, facility over IT power, carbon
    of the grid by place and by contract [kg/MWh], embodied carbon of a chip-hour [kg], water of the hall [l/kWh of
    IT]."""

    usd_per_chip_hour: float = 0.0
    usd_per_mwh: float = 0.0
    pue: float = 1.0
    location_kg_per_mwh: float = 0.0
    market_kg_per_mwh: float = 0.0
    embodied_kg_per_chip_hour: float = 0.0
    water_l_per_kwh: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no price."""
        if not (self.pue >= 1.0 and math.isfinite(self.usd_per_mwh) and self.usd_per_chip_hour >= 0.0):
            found = f"pue = {self.pue:g}, chip-hour {self.usd_per_chip_hour:g}, energy {self.usd_per_mwh:g} USD/MWh"
            raise ScenarioError(f"{found}; allowed: a PUE of 1 or more, prices of chips of 0 or more")


@dataclass(frozen=True, slots=True)
class Bill:
    """Cost of a run by part [USD], per million tokens, per MW-year of average IT power; facility energy [MWh], carbon
    by place and by contract, embodied share apart [t], water [m3]."""

    chips_usd: float
    energy_usd: float
    tokens: float
    mw_years: float
    facility_mwh: float
    location_t: float
    market_t: float
    embodied_t: float
    water_m3: float

    @property
    def usd(self) -> float:
        """All of it. [USD]"""
        return self.chips_usd + self.energy_usd

    @property
    def usd_per_million_tokens(self) -> float:
        """Of a million tokens. [USD]"""
        return self.usd / self.tokens * 1e6

    @property
    def usd_per_mw_year(self) -> float:
        """Of a year of a MW of IT. [USD]"""
        return self.usd / self.mw_years


@dataclass(frozen=True, slots=True)
class RunCost:
    """The bill of a training run on the chips that do it and its spares, for as long as it lasts.

    ``owned`` is paid at the site's levelised cost of a chip-hour (after tax, before debt), ``rented`` at the
    contract's price, both with power. Both have the same energy, carbon and water:
    those of the site's year by MWh of IT. ``has_market`` says whether carbon by contract is known. ``parts_usd``:
    capital less its resale, power, upkeep with staff, tax. ``rule`` is what the connection's rule makes of the run's
    swing, where the scenario has one; carbon of making the chips is none unless the scenario says what a chip's is.
    """

    owned: Bill
    rented: Bill
    parts_usd: Mapping[str, float]
    has_market: bool
    has_embodied: bool = False
    rule: RuleAnswer | None = None

    def figures(self) -> dict[str, Any]:
        """Plain values: dollars by part and side, energy [MWh], carbon [t], water [m3], the rule's answer."""
        sides = {"owned": self.owned, "rented": self.rented}
        return {
            **{f"{name}_usd": bill.usd for name, bill in sides.items()},
            **{f"{name}_usd_per_million_tokens": bill.usd_per_million_tokens for name, bill in sides.items()},
            **{f"{name}_usd_per_mw_year": bill.usd_per_mw_year for name, bill in sides.items()},
            **{f"owned_{name}_usd": usd for name, usd in self.parts_usd.items()},
            "facility_mwh": self.owned.facility_mwh,
            "carbon_location_t": self.owned.location_t,
            "carbon_market_t": self.owned.market_t if self.has_market else None,
            "carbon_embodied_t": self.owned.embodied_t if self.has_embodied else None,
            "water_m3": self.owned.water_m3,
            "connection_rule": None if self.rule is None else self.rule.plain(),
        }

    def words(self) -> str:
        """One sentence."""
        owned, rented = (
            f"{bill.usd / 1e6:,.1f} million USD ({bill.usd_per_million_tokens:,.3g} USD per million tokens, "
            f"{bill.usd_per_mw_year / 1e6:,.1f} million per MW-year)"
            for bill in (self.owned, self.rented)
        )
        market = f" ({self.owned.market_t:,.0f} by contract)" if self.has_market else ""
        made = f" and {self.owned.embodied_t:,.0f} t of making its chips" if self.has_embodied else ""
        rule = "" if self.rule is None else f" {self.rule.words()}"
        return (
            f"The run costs {owned} on chips of one's own, {rented} at the contract's price; it takes "
            f"{self.owned.facility_mwh / 1e3:,.1f} GWh, {self.owned.location_t:,.0f} t of carbon by place"
            f"{market}{made}, {self.owned.water_m3:,.0f} m3 of water on site.{rule}"
        )


def run_bill(run: TrainingRun, chips: int, prices: BillPrices) -> Bill:
    """The bill of a run; spare chips are paid like the others, all the time."""
    chip_hours = (chips + run.spare_chips) * run.days * _HOURS_PER_DAY
    facility_mwh = run.energy_mwh * prices.pue
    return Bill(
        chips_usd=chip_hours * prices.usd_per_chip_hour,
        energy_usd=facility_mwh * prices.usd_per_mwh,
        tokens=run.tokens,
        mw_years=run.average_it_mw * run.days * _HOURS_PER_DAY / HOURS_IN_YEAR,
        facility_mwh=facility_mwh,
        location_t=facility_mwh * prices.location_kg_per_mwh / 1e3,
        market_t=facility_mwh * prices.market_kg_per_mwh / 1e3,
        embodied_t=chip_hours * prices.embodied_kg_per_chip_hour / 1e3,
        water_m3=run.energy_mwh * _KWH * prices.water_l_per_kwh / 1e3,
    )


def embodied_per_chip_hour(kg_per_chip: float, life_years: float = _LIFE_YEARS) -> float:
    """Carbon of making a chip with its share of the machine, spread evenly over the hours of its life. [kg]

    Published: 318 kg an A100 with an eighth of its instance (Chien et al. 2023, doi 10.1145/3604930.3605705).
    """
    if not (kg_per_chip >= 0.0 and life_years > 0.0):
        raise ScenarioError(f"embodied {kg_per_chip:g} kg over {life_years:g} years; allowed: 0 or more, above 0")
    return kg_per_chip / (life_years * HOURS_IN_YEAR)


def owned_usd_per_chip_hour(
    capital_usd: float, *, life_years: float, resale_frac: float = 0.0, discount_rate: float = 0.1,
    network_frac: float = 0.0, staff_usd_per_year: float = 0.0, used_frac: float = 1.0,
) -> float:  # fmt: skip
    """What a chip of one's own costs an hour of use, energy apart. [USD]

    The level payment over its life that returns capital (with the network's share of it) less the resale's present
    value, and staff and upkeep, over the hours that it is used.

    Parameters
    ----------
    capital_usd : float
        Of a chip with its share of host and rack. >= 0
    life_years, resale_frac, discount_rate : float
        Years of use, what is left of the capital then, interest a year. > 0, 0 to 1, >= 0
    network_frac, staff_usd_per_year, used_frac : float
        Network's capital over the chip's; yearly cost of a chip; share of the hours that it is used, above 0 to 1.
    """
    if not (life_years > 0.0 and 0.0 <= resale_frac <= 1.0 and discount_rate >= 0.0 and 0.0 < used_frac <= 1.0):
        found = f"life {life_years:g} years, resale {resale_frac:g}, rate {discount_rate:g}, used {used_frac:g}"
        raise ScenarioError(f"{found}; allowed: above 0, 0 to 1, 0 or more, above 0 to 1")
    later = math.exp(-life_years * math.log1p(discount_rate))
    net = capital_usd * (1.0 + network_frac - resale_frac * later)
    yearly = net * discount_rate / (1.0 - later) if discount_rate > 0.0 else net / life_years
    return (yearly + staff_usd_per_year) / HOURS_IN_YEAR / used_frac


@dataclass(frozen=True, slots=True)
class MadeOrBought:
    """A cloud's own chip against a bought one at equal work: cost of each [USD], what making saves, and the volume of
    own chips from which it saves (infinite where a chip costs no less)."""

    made_usd: float
    bought_usd: float
    break_even_chips: float

    @property
    def saved_usd(self) -> float:
        """What making saves. [USD]"""
        return self.bought_usd - self.made_usd


def made_or_bought(
    volume: float, *, development_usd: float, unit_cost_usd: float, seller_cost_usd: float, seller_margin: float,
    work_ratio: float = 1.0,
) -> MadeOrBought:  # fmt: skip
    """Make a chip or buy one.

    Parameters
    ----------
    volume : float
        Own chips over the generation. > 0
    development_usd, unit_cost_usd : float
        Of the own chip: once, and each (wafer, memory, package, and the designer's fee). >= 0
    seller_cost_usd, seller_margin : float
        Of the bought chip: what it costs its seller, and the seller's gross margin of the price, 0 to below 1.
    work_ratio : float
        Work of an own chip over that of a bought one. > 0
    """
    costs = min(development_usd, unit_cost_usd, seller_cost_usd)
    if not (volume > 0.0 and 0.0 <= seller_margin < 1.0 and work_ratio > 0.0 and costs >= 0.0):
        found = f"volume {volume:g}, margin {seller_margin:g}, work ratio {work_ratio:g}"
        raise ScenarioError(f"{found}; allowed: above 0, 0 to below 1, above 0, costs of 0 or more")
    price = seller_cost_usd / (1.0 - seller_margin) * work_ratio
    saving = price - unit_cost_usd
    return MadeOrBought(
        made_usd=development_usd + volume * unit_cost_usd,
        bought_usd=volume * price,
        break_even_chips=development_usd / saving if saving > 0.0 else math.inf,
    )
