"""A hall's year at a place as plain values: what the command prints as JSON, and Python reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from megawatt.catalogue.describe import assumption_rows
from megawatt.errors import ScenarioError
from megawatt.facility.capacities import capacity_plan, design_hours
from megawatt.facility.design import HallDesign
from megawatt.facility.design_days import DesignDay, WorstDay, design_days, stated_day
from megawatt.facility.profile import pue_by_hour, pue_by_month, steady_load_mw, water_m3_by_month
from megawatt.facility.records import FacilityYear, Weather
from megawatt.facility.water import has_pads, source_wue_l_per_kwh, water_choice

__all__ = ["HallQuestion", "days_of", "hall_row"]


@dataclass(frozen=True, slots=True)
class HallQuestion:
    """What is asked of a hall beside its year; nothing by default.

    Attributes
    ----------
    load_frac : float
        IT load over IT capacity, above 0, at most 1.
    grid_mw : float or None
        Connection to fill, with ``shed_hours`` of the year held back and ``days`` carried beside it. [MW]
    grid_water : float or None
        Water of electricity. [L/kWh]
    water_price, power_price, it_value : float or None
        Pads run only where they pay: water [USD/m3], electricity saved and IT energy not served [USD/MWh].
    water_cap : float or None
        Most water of the year. [m3]
    """

    load_frac: float = 1.0
    grid_mw: float | None = None
    shed_hours: int = 0
    days: tuple[DesignDay, ...] = ()
    grid_water: float | None = None
    water_price: float | None = None
    power_price: float | None = None
    it_value: float | None = None
    water_cap: float | None = None


def days_of(weather: Weather, worst_day: WorstDay = "20-year", stated: Sequence[str] = ()) -> tuple[DesignDay, ...]:
    """Days beside the year: as stated (``46/24``, dry and wet bulb [degC]), or the extremes of the weather.

    Raises
    ------
    ScenarioError
        If a stated day is none.
    """
    if not stated:
        return design_days(weather, worst_day)
    days = []
    for text in stated:
        dry, _, wet = text.partition("/")
        try:
            dry_c, wet_c = float(dry), float(wet)
        except ValueError:
            raise ScenarioError(f"--design-day {text}: allowed: dry and wet bulb in degC, e.g. 46/24") from None
        days.append(stated_day(text, dry_c, wet_c, None, weather))
    return tuple(days)


def hall_row(design: HallDesign, weather: Weather, year: FacilityYear, asked: HallQuestion) -> dict[str, Any]:
    """Everything known of one design at a place, as plain numbers."""
    it_mw = steady_load_mw(design, asked.load_frac)
    row: dict[str, Any] = {
        "design": design.key,
        "place": weather.place,
        "weather": weather.origin,
        "stand_in": list(weather.stand_ins),
        "it_mw": it_mw,
        "pue": year.pue,
        "pue_worst_hour": year.pue_worst_hour,
        "facility_peak_mw": year.facility_peak_mw,
        "wue_l_per_kwh": year.wue_l_per_kwh,
        "water_m3": year.water_m3,
        "trim_hours": year.trim_hours,
        "chiller_hours": year.mechanical_hours,
        "wet_hours": year.wet_hours,
        "derated_hours": year.derated_hours,
        "derated_mwh": year.derated_mwh,
        "design_hours": [
            {
                "rank": h.rank,
                "hour": h.hour,
                "dry_bulb_c": h.dry_bulb_c,
                "wet_bulb_c": h.wet_bulb_c,
                "facility_per_it": h.facility_per_it,
                "it_frac": h.it_frac,
                "words": h.words(),
            }
            for h in design_hours(design, weather)
        ],
        "pue_by_month": [float(v) for v in pue_by_month(year)],
        "pue_by_hour": [float(v) for v in pue_by_hour(year)],
        "water_m3_by_month": [float(v) for v in water_m3_by_month(year)],
        "assumptions": assumption_rows((*weather.assumptions, *year.assumptions)),
    }
    if asked.grid_water is not None:
        row["wue_source_l_per_kwh"] = source_wue_l_per_kwh(year, asked.grid_water)
    if asked.water_price is not None and has_pads(design):
        row["water_choice"] = _choice(design, weather, it_mw, asked)
    if asked.grid_mw is not None:
        row["capacity"] = _capacity(design, weather, asked.grid_mw, asked)
    return row


def _capacity(design: HallDesign, weather: Weather, grid_mw: float, asked: HallQuestion) -> dict[str, Any]:
    """What a connection carries."""
    plan = capacity_plan(design, weather, grid_mw, asked.shed_hours, asked.days)
    return {
        "grid_mw": plan.grid_mw,
        "it_mw": plan.it_mw,
        "carried_it_mw": plan.carried_it_mw,
        "binding_hour": plan.hour,
        "worst": asdict(plan.worst),
        "hottest": asdict(plan.hottest),
        "sets": plan.words(),
        "derated_hours": plan.derated_hours,
        "derated_mwh": plan.derated_mwh,
        "shed_hours": plan.shed_hours,
        "shed_mwh": plan.shed_mwh,
        "shed_max_mw": plan.shed_max_mw,
        "spare_mwh": plan.spare_mwh,
    }


def _choice(design: HallDesign, weather: Weather, it_mw: float, asked: HallQuestion) -> dict[str, Any]:
    """The year with pads only in the hours where they pay."""
    chosen = water_choice(
        design,
        weather,
        it_mw,
        electricity_usd_per_mwh=asked.power_price or 0.0,
        water_usd_per_m3=asked.water_price or 0.0,
        it_value_usd_per_mwh=asked.it_value or 0.0,
        cap_m3=asked.water_cap,
    )
    return {
        "wet_hours": chosen.wet_hours,
        "water_m3": chosen.water_m3,
        "pue": chosen.pue,
        "saving_usd": chosen.saving_usd,
        "marginal_usd_per_m3": chosen.marginal_usd_per_m3,
    }
