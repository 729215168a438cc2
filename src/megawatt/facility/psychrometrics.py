"""Moist air, on arrays: the relations of ASHRAE Fundamentals (2017), chapter 1, SI units.

Temperatures in degC, pressures in Pa, humidity ratios in kg of water per kg of dry air. Scalars and arrays broadcast.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray
from megawatt.units import ZERO_C_IN_K

__all__ = [
    "RATIO_MOLAR_MASS",
    "dew_point_c",
    "enthalpy_j_per_kg",
    "humidity_ratio",
    "humidity_ratio_of_wet_bulb",
    "relative_humidity",
    "saturation_humidity_ratio",
    "saturation_pressure_pa",
    "standard_pressure_pa",
    "vapour_pressure_pa",
    "wet_bulb_c",
]


RATIO_MOLAR_MASS: Final = 0.621945
"""Molar mass of water over that of dry air (ibid., eq. 20)."""

_TRIPLE_POINT_C: Final = 0.01
"""Ice below, water above. [degC]"""

# Coefficients of ln(p_ws) in eq. 5 (over ice) and eq. 6 (over water): 1/T, 1, T, T^2, T^3, T^4, ln T.
_ICE: Final = (-5.6745359e3, 6.3925247, -9.677843e-3, 6.2215701e-7, 2.0747825e-9, -9.484024e-13, 4.1635019)
_WATER: Final = (-5.8002206e3, 1.3914993, -4.8640239e-2, 4.1764768e-5, -1.4452093e-8, 0.0, 6.5459673)
"""Saturation over water (ASHRAE Handbook, Fundamentals, psychrometrics, equation 6)."""

_COLDEST_C: Final = -100.0
"""End of the range of eq. 5, below any wet bulb or dew point in reach."""


def _ln_pressure(kelvin: FloatArray, c: tuple[float, ...]) -> FloatArray:
    polynomial = c[1] + kelvin * (c[2] + kelvin * (c[3] + kelvin * (c[4] + kelvin * c[5])))
    return np.asarray(c[0] / kelvin + polynomial + c[6] * np.log(kelvin))


def saturation_pressure_pa(temperature_c: ArrayLike) -> FloatArray:
    """Saturation pressure of water vapour, over ice below the triple point. [Pa]

    Equations 5 and 6; valid from -100 to 200 degC.
    """
    t = np.asarray(temperature_c, float)
    kelvin = t + ZERO_C_IN_K
    return np.exp(np.where(t <= _TRIPLE_POINT_C, _ln_pressure(kelvin, _ICE), _ln_pressure(kelvin, _WATER)))


def humidity_ratio(vapour_pa: ArrayLike, pressure_pa: ArrayLike) -> FloatArray:
    """Humidity ratio from the vapour's partial pressure (eq. 20). [kg/kg dry air]"""
    p_w = np.asarray(vapour_pa, float)
    return np.asarray(RATIO_MOLAR_MASS * p_w / (np.asarray(pressure_pa, float) - p_w))


def vapour_pressure_pa(ratio: ArrayLike, pressure_pa: ArrayLike) -> FloatArray:
    """Partial pressure of the vapour, the inverse of `humidity_ratio`. [Pa]"""
    w = np.asarray(ratio, float)
    return np.asarray(np.asarray(pressure_pa, float) * w / (RATIO_MOLAR_MASS + w))


def saturation_humidity_ratio(temperature_c: ArrayLike, pressure_pa: ArrayLike) -> FloatArray:
    """Humidity ratio of saturated air (eq. 21). [kg/kg dry air]"""
    return humidity_ratio(saturation_pressure_pa(temperature_c), pressure_pa)


def relative_humidity(temperature_c: ArrayLike, ratio: ArrayLike, pressure_pa: ArrayLike) -> FloatArray:
    """Relative humidity as a fraction (eq. 22); above 1 where the air is supersaturated."""
    return np.asarray(vapour_pressure_pa(ratio, pressure_pa) / saturation_pressure_pa(temperature_c))


def enthalpy_j_per_kg(temperature_c: ArrayLike, ratio: ArrayLike) -> FloatArray:
    """Specific enthalpy of moist air per kg of dry air, zero for dry air at 0 degC (eq. 30). [J/kg]"""
    t, w = np.asarray(temperature_c, float), np.asarray(ratio, float)
    return np.asarray(1006.0 * t + w * (2.501e6 + 1860.0 * t))


def humidity_ratio_of_wet_bulb(temperature_c: ArrayLike, wet_bulb: ArrayLike, pressure_pa: ArrayLike) -> FloatArray:
    """Humidity ratio from dry and wet bulb (eq. 33 over water, eq. 35 over ice). [kg/kg dry air]"""
    t, tw = np.asarray(temperature_c, float), np.asarray(wet_bulb, float)
    w_s = saturation_humidity_ratio(tw, pressure_pa)
    over_water = ((2501.0 - 2.326 * tw) * w_s - 1.006 * (t - tw)) / (2501.0 + 1.86 * t - 4.186 * tw)
    over_ice = ((2830.0 - 0.24 * tw) * w_s - 1.006 * (t - tw)) / (2830.0 + 1.86 * t - 2.1 * tw)
    return np.asarray(np.where(tw >= 0.0, over_water, over_ice))


def wet_bulb_c(
    temperature_c: ArrayLike, ratio: ArrayLike, pressure_pa: ArrayLike, tolerance_k: float = 1e-8
) -> FloatArray:
    """Thermodynamic wet-bulb temperature. [degC]

    Solves eq. 33/35 by bisection over the whole array between -100 degC and the dry bulb, where the humidity ratio
    rises with the wet bulb; the step between the ice and the water branch at 0 degC resolves to 0 degC.

    Parameters
    ----------
    temperature_c : float or array, shape (...,)
        Dry bulb. [degC], -60 to 90
    ratio : float or array, shape (...,)
        Humidity ratio. Air above saturation gets its dry bulb.
    pressure_pa : float or array, shape (...,)
        Barometric pressure. [Pa]
    tolerance_k : float
        Largest error of the solution. [K], > 0
    """
    t, w, p = np.broadcast_arrays(
        np.asarray(temperature_c, float), np.asarray(ratio, float), np.asarray(pressure_pa, float)
    )
    low, high = np.full(t.shape, _COLDEST_C), np.array(t, float)
    for _ in range(_halvings(float(t.max(initial=0.0)) - _COLDEST_C, tolerance_k)):
        middle = 0.5 * (low + high)
        above = humidity_ratio_of_wet_bulb(t, middle, p) > w
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    return np.asarray(0.5 * (low + high))


def _halvings(bracket_k: float, tolerance_k: float) -> int:
    return max(1, math.ceil(math.log2(bracket_k / tolerance_k)))


def dew_point_c(ratio: ArrayLike, pressure_pa: ArrayLike) -> FloatArray:
    """Dew point (frost point below 0 degC): where the saturation pressure equals the vapour's. [degC]

    Bisection on eq. 5/6 rather than the fits of eq. 37/38, so that the round trip with `saturation_pressure_pa` is
    exact; dry air gets -100 degC, the end of the range.
    """
    p_w = vapour_pressure_pa(ratio, pressure_pa)
    low, high = np.full(p_w.shape, _COLDEST_C), np.full(p_w.shape, 100.0)
    for _ in range(_halvings(100.0 - _COLDEST_C, 1e-8)):
        middle = 0.5 * (low + high)
        above = saturation_pressure_pa(middle) > p_w
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    return np.asarray(0.5 * (low + high))


def standard_pressure_pa(elevation_m: ArrayLike) -> FloatArray:
    """Barometric pressure of the standard atmosphere (eq. 3). [Pa]"""
    return np.asarray(101325.0 * (1.0 - 2.25577e-5 * np.asarray(elevation_m, float)) ** 5.2559)
