"""Halls and weather with round numbers, for hand computation."""

from __future__ import annotations

import numpy as np

from megawatt.facility import AirLoop, DryCooler, HallDesign, LiquidLoop, Pads, Weather
from megawatt.facility import psychrometrics as psy
from megawatt.facility.cooling import Chiller
from megawatt.facility.electrical import ElectricalChain

NO_UPS = ElectricalChain(
    transformer_no_load_frac=0.002,
    transformer_load_frac=0.01,
    transformer_installed_ratio=1.5,
    ups_no_load_frac=0.0,
    ups_load_frac=0.0,
    ups_installed_ratio=1.0,
    distribution_load_frac=0.01,
    auxiliary_frac=0.005,
)
COOLER = DryCooler(approach_k=8.0, fan_frac=0.02, exponent=0.75, fan_min_flow_frac=0.15, air_rise_k=11.0)
CHILLER = Chiller(0.45, 3.0, 12.0, 10.0, 0.5)
OUTSIDE_AIR = AirLoop("outside-air", 40.0, 15.0, 0.02, 0.2, None)


def mining_hall(it_capacity_mw: float = 100.0) -> HallDesign:
    return HallDesign("mine", it_capacity_mw, 0.0, NO_UPS, None, OUTSIDE_AIR)


def liquid_hall(supply_max_c: float = 45.0, chiller: Chiller | None = CHILLER, pads: Pads | None = None) -> HallDesign:
    loop = LiquidLoop(supply_max_c, 10.0, 4.0, 0.02, 0.4, COOLER, pads, chiller)
    return HallDesign("liquid", 100.0, 0.8, NO_UPS, loop, OUTSIDE_AIR)


def steady_weather(dry_bulb_c: float | np.ndarray, relative_humidity: float = 0.3) -> Weather:
    dry = np.broadcast_to(np.asarray(dry_bulb_c, float), (8760,)).copy()
    pressure = np.full(8760, 101325.0)
    humidity = np.full(8760, relative_humidity)
    ratio = psy.humidity_ratio(humidity * psy.saturation_pressure_pa(dry), pressure)
    return Weather("here", "made up", dry, psy.wet_bulb_c(dry, ratio, pressure), humidity, pressure)
