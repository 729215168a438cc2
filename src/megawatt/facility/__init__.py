"""What the hall draws and drinks in this weather, hour by hour. See README.md of this room."""

from megawatt.facility.capacity import CapacityPlan, DesignHour, capacity, capacity_plan, design_hours, miners_beside
from megawatt.facility.design import AirLoop, DryCooler, HallDesign, LiquidLoop, Pads, Tower, hall_design
from megawatt.facility.hall import PARTS, response, simulate
from megawatt.facility.places import NearPlace, known_places, nearest_place
from megawatt.facility.records import FacilityResponse, FacilityYear, Weather
from megawatt.facility.screening import HallScreen, WeatherStates, screen, weather_states
from megawatt.facility.weather import (
    at_elevation,
    from_normals,
    load_weather,
    read_epw,
    read_hourly_csv,
    read_tmy3,
    read_weather_file,
    warmer,
)

__all__ = [
    "PARTS",
    "AirLoop",
    "CapacityPlan",
    "DesignHour",
    "DryCooler",
    "FacilityResponse",
    "FacilityYear",
    "HallDesign",
    "HallScreen",
    "LiquidLoop",
    "NearPlace",
    "Pads",
    "Tower",
    "Weather",
    "WeatherStates",
    "at_elevation",
    "capacity",
    "capacity_plan",
    "design_hours",
    "from_normals",
    "hall_design",
    "known_places",
    "load_weather",
    "miners_beside",
    "nearest_place",
    "read_epw",
    "read_hourly_csv",
    "read_tmy3",
    "read_weather_file",
    "response",
    "screen",
    "simulate",
    "warmer",
    "weather_states",
]
