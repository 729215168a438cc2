"""Cooling equipment, one relation each: flow, dry cooler, wetted pad, tower, chiller. Arrays in, arrays out.

Heat and power share one unit (MW thermal, MW electric); temperatures in degC.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from megawatt.arrays import FloatArray
from megawatt.facility import psychrometrics as psy
from megawatt.facility.records import Weather
from megawatt.units import J_PER_MWH, ZERO_C_IN_K

__all__ = [
    "Ambient",
    "Chiller",
    "adiabatic_outlet_ratio",
    "ambient_of",
    "chiller_power_mw",
    "chiller_power_per_heat",
    "cube_law_mw",
    "dry_cooler",
    "evaporated_l_per_h",
    "makeup_l_per_mwh",
    "pad_outlet_c",
    "tower_evaporation_l_per_mwh",
]


CP_AIR_J_PER_KG_K: Final = 1006.0
"""Specific heat of dry air (ASHRAE Handbook, Fundamentals). [J/(kg K)]"""
_SEA_LEVEL_PA: Final = 101_325.0
"""Equipment is rated at the standard atmosphere. [Pa]"""
_LITRE_PER_KG: Final = 1.0
"""Make-up water at 10 to 30 degC; within 0.5 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Ambient:
    """Outdoor air, arrays of shape (hours, 1), so that loads may add a second axis; equal to itself alone."""

    dry_bulb_c: FloatArray
    wet_bulb_c: FloatArray
    dew_point_c: FloatArray
    ratio: FloatArray
    pressure_pa: FloatArray

    @property
    def density_ratio(self) -> FloatArray:
        """Density of the air over that at sea level and the same temperature: fans move volume, heat goes by mass."""
        return np.asarray(self.pressure_pa / _SEA_LEVEL_PA)

    def joined(self, other: Ambient) -> Ambient:
        """These hours, then those of another record."""
        columns = (f.name for f in fields(self))
        return Ambient(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in columns))

    def hours(self, index: NDArray[np.int64]) -> Ambient:
        """The same air at some of the hours."""
        return Ambient(
            self.dry_bulb_c[index],
            self.wet_bulb_c[index],
            self.dew_point_c[index],
            self.ratio[index],
            self.pressure_pa[index],
        )


def ambient_of(weather: Weather) -> Ambient:
    """Outdoor air of a weather year; humidity ratio and dew point are worked out once, here."""
    vapour = weather.relative_humidity * psy.saturation_pressure_pa(weather.dry_bulb_c)
    ratio = psy.humidity_ratio(vapour, weather.pressure_pa)
    dew_point = psy.dew_point_c(ratio, weather.pressure_pa)
    columns = (weather.dry_bulb_c, weather.wet_bulb_c, dew_point, ratio, weather.pressure_pa)
    return Ambient(*(column[:, None] for column in columns))


def cube_law_mw(design_mw: ArrayLike, flow_frac: ArrayLike, minimum_frac: float) -> FloatArray:
    """Power of a fan or pump whose speed follows the flow (affinity law, P ~ n^3), down to a minimum flow. [MW]"""
    return np.asarray(np.asarray(design_mw) * np.maximum(np.asarray(flow_frac, float), minimum_frac) ** 3)


def dry_cooler(
    load: FloatArray,
    difference_k: FloatArray,
    design_difference_k: float,
    exponent: float,
    minimum_frac: float,
    worth: FloatArray | None = None,
    density_ratio: FloatArray | float = 1.0,
) -> tuple[FloatArray, FloatArray]:
    """Heat that a dry cooler takes and the air flow it needs, both as fractions of design.

    Heat ~ (density x flow)^exponent * (entering water - entering air): the effectiveness relation of a finned coil at
    constant water flow, linearised in the logarithm of the air flow around design. Where a chiller stands behind the
    cooler, fans run no faster than pays: fan power ~ flow^3 is balanced against the chiller power saved,
    d(worth * heat) = d(flow^3), which also keeps the sum of both convex in load.

    Parameters
    ----------
    load : array, shape (hours, k)
        Heat to reject over design heat.
    difference_k : array, shape (hours, k) or (hours, 1)
        Entering water less entering air. [K]; no heat goes out where it is not positive.
    design_difference_k : float
        The same at design (approach + water range). [K], > 0
    exponent : float
        0.6 (film coefficient alone) to 1 (air flow alone).
    minimum_frac : float
        Lowest air flow of running fans; where less would pay, they stand.
    worth : array, shape (hours, 1), optional
        Chiller power saved per heat, over fan power per heat at design. [-], > 0; none: there is no chiller, fans run
        as fast as they must.
    density_ratio : array, shape (hours, 1)
        `Ambient.density_ratio`: thin air carries less at the same speed.

    Returns
    -------
    rejected, flow : array, shape (hours, k)
        Heat rejected (at most ``load``), and air flow: 0, or ``minimum_frac`` to 1.
    """
    full_flow = np.maximum(difference_k, 0.0) / design_difference_k * density_ratio**exponent
    useful = np.ones_like(full_flow)
    if worth is not None:
        useful = np.minimum((worth * full_flow * exponent / 3.0) ** (1.0 / (3.0 - exponent)), 1.0)
    on = (full_flow > 0.0) & (useful >= minimum_frac)
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.where(on, (load / full_flow) ** (1.0 / exponent), 0.0)
    flow = np.where(on, np.maximum(np.minimum(wanted, useful), minimum_frac), 0.0)
    # Exactly the load where the fans can carry it: rounding must not start a chiller.
    rejected = np.where(on & (wanted <= np.maximum(useful, minimum_frac)), load, full_flow * flow**exponent)
    return np.asarray(rejected), np.asarray(flow)


def pad_outlet_c(dry_bulb_c: FloatArray, wet_bulb: FloatArray, effectiveness: float) -> FloatArray:
    """Air leaving a wetted pad: T - e (T - T_wb). [degC]"""
    return np.asarray(dry_bulb_c - effectiveness * (dry_bulb_c - wet_bulb))


def adiabatic_outlet_ratio(dry_bulb_c: FloatArray, ratio: FloatArray, outlet_c: FloatArray) -> FloatArray:
    """Humidity ratio after cooling to ``outlet_c`` by evaporation, at constant enthalpy (eq. 30 of ASHRAE 2017, ch. 1).

    Neglects the enthalpy of the evaporated water, under 3 % of the latent heat.
    """
    return np.asarray((psy.enthalpy_j_per_kg(dry_bulb_c, ratio) - 1006.0 * outlet_c) / (2.501e6 + 1860.0 * outlet_c))


def evaporated_l_per_h(heat_mw: FloatArray, air_rise_k: FloatArray | float, ratio_gain: FloatArray) -> FloatArray:
    """Water taken up by an air stream that would carry ``heat_mw`` at a rise of ``air_rise_k``. [L/h]"""
    air_kg_per_h = heat_mw * J_PER_MWH / (CP_AIR_J_PER_KG_K * air_rise_k)
    return np.asarray(air_kg_per_h * np.maximum(ratio_gain, 0.0) * _LITRE_PER_KG)


def makeup_l_per_mwh(evaporated: ArrayLike, cycles: float, drift: ArrayLike = 0.0) -> FloatArray:
    """Make-up water: evaporation + drift + blowdown, in the unit of ``evaporated``.

    Blowdown E / (C - 1) less what drift carries out already, so make-up is E C / (C - 1) unless drift alone exceeds it.

    Parameters
    ----------
    evaporated : array
        Water evaporated E. [any unit]
    cycles : float
        Cycles of concentration C. [-], > 1
    drift : float or array
        Water carried out as droplets. [same unit]
    """
    e = np.asarray(evaporated, float)
    d = np.asarray(drift, float)
    blowdown = np.maximum(e / (cycles - 1.0) - d, 0.0)
    return np.asarray(np.where(e > 0.0, e + d + blowdown, 0.0))


def tower_evaporation_l_per_mwh(ambient: Ambient, leaving_air_c: FloatArray) -> FloatArray:
    """Water evaporated per MWh of heat rejected in a wet tower. [L/MWh]

    Heat balance of the air: it leaves saturated at ``leaving_air_c`` (about the mean water temperature), so water per
    heat is (w_out - w_in) / (h_out - h_in). About 1,100 L/MWh in mild weather, 1,600 in hot dry air, 500 in frost.
    """
    w_out = psy.saturation_humidity_ratio(leaving_air_c, ambient.pressure_pa)
    h_out = psy.enthalpy_j_per_kg(leaving_air_c, w_out)
    h_in = psy.enthalpy_j_per_kg(ambient.dry_bulb_c, ambient.ratio)
    per_joule = np.maximum(w_out - ambient.ratio, 0.0) / np.maximum(h_out - h_in, 1.0)
    return np.asarray(per_joule * J_PER_MWH * _LITRE_PER_KG)


@dataclass(frozen=True, slots=True)
class Chiller:
    """A chiller plant: share of Carnot, terminal differences at full load, least lift, capacity over design heat."""

    carnot_frac: float
    evaporator_approach_k: float
    condenser_approach_k: float
    minimum_lift_k: float
    capacity_frac: float


def chiller_power_per_heat(chiller: Chiller, cold_c: FloatArray | float, warm_c: FloatArray) -> FloatArray:
    """Electric power per heat of a chiller plant at full load (1 / COP). [-]"""
    evaporator_k = cold_c + ZERO_C_IN_K - chiller.evaporator_approach_k
    lift = warm_c + ZERO_C_IN_K + chiller.condenser_approach_k - evaporator_k
    return np.asarray(np.maximum(lift, chiller.minimum_lift_k) / (chiller.carnot_frac * evaporator_k))


def chiller_power_mw(
    chiller: Chiller,
    heat_mw: FloatArray,
    design_heat_mw: FloatArray | float,
    cold_c: FloatArray | float,
    warm_c: FloatArray,
) -> FloatArray:
    """Electric power of a chiller plant. [MW]

    COP = carnot_frac * T_evap / (T_cond - T_evap); the terminal differences shrink in proportion to load, which is what
    makes well-staged part load cheaper. Above its capacity the plant is extrapolated (limits are enforced elsewhere).

    Parameters
    ----------
    chiller : Chiller
    heat_mw : array, shape (hours, k)
        Heat taken from the cold side. [MW]
    design_heat_mw : float
        Design heat of the loop that the plant serves. [MW]
    cold_c, warm_c : float or array
        Supply temperature on the cold side; entering air or water on the warm side. [degC]

    Notes
    -----
    Limits: compressor, its auxiliaries and (air-cooled) condenser fans are in ``carnot_frac``; no penalty for starts.
    """
    load = heat_mw / (chiller.capacity_frac * design_heat_mw)
    evaporator_k = cold_c + ZERO_C_IN_K - chiller.evaporator_approach_k * load
    condenser_k = warm_c + ZERO_C_IN_K + chiller.condenser_approach_k * load
    lift = np.maximum(condenser_k - evaporator_k, chiller.minimum_lift_k)
    return np.asarray(heat_mw * lift / (chiller.carnot_frac * evaporator_k))
