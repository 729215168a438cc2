"""What the hall draws and drinks in this weather, hour by hour. See README.md of this room."""

from megawatt.facility.design import AirLoop, DryCooler, HallDesign, LiquidLoop, Pads, Tower, hall_design
from megawatt.facility.hall import PARTS, capacity, response, simulate
from megawatt.facility.records import FacilityResponse, FacilityYear, Weather
from megawatt.facility.weather import (
    NearPlace,
    from_normals,
    load_weather,
    nearest_place,
    read_epw,
    read_hourly_csv,
    read_tmy3,
    read_weather_file,
)

__all__ = [
    "PARTS",
    "AirLoop",
    "DryCooler",
    "FacilityResponse",
    "FacilityYear",
    "HallDesign",
    "LiquidLoop",
    "NearPlace",
    "Pads",
    "Tower",
    "Weather",
    "capacity",
    "from_normals",
    "hall_design",
    "load_weather",
    "nearest_place",
    "read_epw",
    "read_hourly_csv",
    "read_tmy3",
    "read_weather_file",
    "response",
    "simulate",
]
