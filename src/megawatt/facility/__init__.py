"""What the hall draws and drinks in this weather, hour by hour. See README.md of this room."""

from megawatt.facility.capacities import (
    capacity,
    capacity_plan,
    design_hours,
    miners_beside,
    worst_hours,
)
from megawatt.facility.clock import SiteClock, point_of, site_clock
from megawatt.facility.cooling import Ambient, ambient_of
from megawatt.facility.design import AirLoop, DryCooler, HallDesign, LiquidLoop, Pads, Tower, hall_design
from megawatt.facility.design_days import WORST_DAYS, DesignDay, design_days, stated_day
from megawatt.facility.figures import hall_figures
from megawatt.facility.hall import PARTS, HallCurves, curves, response, response_of, simulate
from megawatt.facility.places import NearPlace, known_places, nearest_place
from megawatt.facility.profile import pue_by_hour, pue_by_month, steady_load_mw, steady_year, water_m3_by_month
from megawatt.facility.records import CapacityPlan, DesignHour, FacilityResponse, FacilityYear, Weather, WorstHour
from megawatt.facility.redundancy import installed_over_needed, redundant
from megawatt.facility.screening import HallScreen, WeatherStates, screen, weather_states
from megawatt.facility.variants import HallPrices, HallVariant, ScreenedHall, hall_variants, screened_halls
from megawatt.facility.water import WaterChoice, has_pads, source_wue_l_per_kwh, water_choice, without_pads
from megawatt.facility.weather import (
    at_elevation,
    from_normals,
    load_weather,
    read_weather_file,
    warmer,
    with_dry_bulb,
)

__all__ = [
    "PARTS",
    "WORST_DAYS",
    "AirLoop",
    "Ambient",
    "CapacityPlan",
    "DesignDay",
    "DesignHour",
    "DryCooler",
    "FacilityResponse",
    "FacilityYear",
    "HallCurves",
    "HallDesign",
    "HallPrices",
    "HallScreen",
    "HallVariant",
    "LiquidLoop",
    "NearPlace",
    "Pads",
    "ScreenedHall",
    "SiteClock",
    "Tower",
    "WaterChoice",
    "Weather",
    "WeatherStates",
    "WorstHour",
    "ambient_of",
    "at_elevation",
    "capacity",
    "capacity_plan",
    "curves",
    "design_days",
    "design_hours",
    "from_normals",
    "hall_design",
    "hall_figures",
    "hall_variants",
    "has_pads",
    "installed_over_needed",
    "known_places",
    "load_weather",
    "miners_beside",
    "nearest_place",
    "point_of",
    "pue_by_hour",
    "pue_by_month",
    "read_weather_file",
    "redundant",
    "response",
    "response_of",
    "screen",
    "screened_halls",
    "simulate",
    "site_clock",
    "source_wue_l_per_kwh",
    "stated_day",
    "steady_load_mw",
    "steady_year",
    "warmer",
    "water_choice",
    "water_m3_by_month",
    "weather_states",
    "with_dry_bulb",
    "without_pads",
    "worst_hours",
]
