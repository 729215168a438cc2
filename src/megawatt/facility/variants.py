"""Which hall suits a place: designs with every redundancy and UPS mode, screened on a reduced year and ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from megawatt.errors import ScenarioError
from megawatt.facility.design import HallDesign, hall_design
from megawatt.facility.records import Weather
from megawatt.facility.redundancy import LEVELS, UPS_MODES, redundant
from megawatt.facility.screening import screen, weather_states

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["RANKED_BY", "HallPrices", "HallVariant", "ScreenedHall", "hall_variants", "screened_halls"]

RankedBy = Literal["pue", "water", "cost"]
RANKED_BY: Final[tuple[RankedBy, ...]] = ("pue", "water", "cost")


@dataclass(frozen=True, slots=True)
class HallVariant:
    """A design with a redundancy of its power and of its chillers, and a UPS mode ("none": the hall has no UPS);
    empty where the design's own."""

    design: HallDesign
    power: str = ""
    cooling: str = ""
    ups_mode: str = ""


@dataclass(frozen=True, slots=True)
class HallPrices:
    """What ranks halls by cost: electricity [USD/MWh], water [USD/m3], and IT energy that the weather does not let
    through [USD/MWh]."""

    electricity_usd_per_mwh: float
    water_usd_per_m3: float
    it_value_usd_per_mwh: float = 0.0


@dataclass(frozen=True, slots=True)
class ScreenedHall:
    """A variant's year at a constant load.

    Within `PUE_BOUND` and `WUE_BOUND_L_PER_KWH` of the hourly year. ``unserved_frac`` is the share of the IT energy
    that the weather does not let through; ``usd_per_it_mwh`` electricity, water and what is not served, per MWh of IT
    that is (no capital), None without prices. ``pue_worst_hour`` is None where the weather lets less than half of the
    load through in all of the worst hours.
    """

    variant: HallVariant
    pue: float
    pue_worst_hour: float | None
    wue_l_per_kwh: float
    facility_peak_mw: float
    unserved_frac: float
    mechanical_hours: int
    usd_per_it_mwh: float | None


def hall_variants(
    catalogue: Catalogue,
    keys: Sequence[str] = (),
    *,
    it_capacity_mw: float = 100.0,
    power: str | None = None,
    cooling: str | None = None,
    ups_mode: str | None = None,
) -> tuple[HallVariant, ...]:
    """Every distinct combination of design, redundancy of power and chillers, and UPS mode.

    Parameters
    ----------
    catalogue : Catalogue
        Where designs are looked up.
    keys : sequence of str
        Designs; all of the catalogue if not given.
    it_capacity_mw : float
        IT capacity. [MW], > 0
    power, cooling, ups_mode : str, optional
        Fix a choice instead of trying all.

    Returns
    -------
    tuple of HallVariant
        By design, its own redundancy first. Combinations that make no difference (the UPS mode of a hall without UPS,
        chillers of a hall without any) stand once, with the least equipment.
    """
    found: dict[HallDesign, HallVariant] = {}
    levels = ((power,) if power else LEVELS, (cooling,) if cooling else LEVELS, (ups_mode,) if ups_mode else UPS_MODES)
    for key in keys or catalogue.keys("hall"):
        design = hall_design(catalogue, key, it_capacity_mw=it_capacity_mw)
        if not (power or cooling or ups_mode):
            found.setdefault(replace(design, assumptions=()), HallVariant(design))
        for one in product(*levels):
            changed = redundant(design, power=one[0], cooling=one[1], ups_mode=one[2])
            e = changed.electrical
            ups = one[2] if e.ups_no_load_frac > 0.0 or e.ups_load_frac > 0.0 else "none"
            found.setdefault(replace(changed, assumptions=()), HallVariant(changed, one[0], one[1], ups))
    return tuple(found.values())


def screened_halls(
    variants: Sequence[HallVariant],
    weather: Weather,
    *,
    by: RankedBy = "pue",
    load_frac: float = 1.0,
    prices: HallPrices | None = None,
) -> tuple[ScreenedHall, ...]:
    """Screen variants in one place's weather, the best first; those that serve nothing are left out.

    Parameters
    ----------
    variants : sequence of HallVariant
        As from `hall_variants`.
    weather : Weather
        The site year; reduced to 512 states of similar air.
    by : {'pue', 'water', 'cost'}
        What is least. Equal ones keep their order.
    load_frac : float
        IT load over IT capacity. [-], above 0 to 1
    prices : HallPrices, optional
        Needed to rank by cost.

    Raises
    ------
    ScenarioError
        If the load is out of range, or prices are missing.
    """
    if by not in RANKED_BY or (by == "cost" and prices is None):
        raise ScenarioError(f"halls ranked by {by!r}; allowed: {', '.join(RANKED_BY)}, cost with prices")
    found = screen([v.design for v in variants], weather_states(weather), load_frac)
    cost = None
    if prices is not None:
        lost = found.unserved_frac / np.maximum(1.0 - found.unserved_frac, 1e-12)
        cost = found.pue * prices.electricity_usd_per_mwh + found.wue_l_per_kwh * prices.water_usd_per_m3
        cost = cost + lost * prices.it_value_usd_per_mwh
    figure = {"pue": found.pue, "water": found.wue_l_per_kwh, "cost": cost}[by]
    return tuple(
        ScreenedHall(
            variant=variants[i],
            pue=float(found.pue[i]),
            pue_worst_hour=None if np.isnan(found.pue_worst_hour[i]) else float(found.pue_worst_hour[i]),
            wue_l_per_kwh=float(found.wue_l_per_kwh[i]),
            facility_peak_mw=float(found.facility_peak_frac[i]) * variants[i].design.it_capacity_mw,
            unserved_frac=float(found.unserved_frac[i]),
            mechanical_hours=int(found.mechanical_hours[i]),
            usd_per_it_mwh=None if cost is None else float(cost[i]),
        )
        for i in np.argsort(np.asarray(figure), kind="stable").tolist()
        if found.unserved_frac[i] < 1.0
    )
