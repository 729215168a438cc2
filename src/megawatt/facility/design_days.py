"""Days that a site is sized for: 24 hours around an extreme, from the weather year itself or from given numbers.

The 0.4 % day is the hour that 35 hours of a year exceed. The 20-year day is a return level: with five or more years in
the file by the moments of their maxima (ASHRAE Fundamentals 2017, chapter 14: Gumbel), else by a normal distribution
of the daily maxima of the year's warmest 91 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError
from megawatt.facility import psychrometrics as psy
from megawatt.facility.records import Weather
from megawatt.facility.synthesis import BELOW_MAXIMUM
from megawatt.facility.weather_files import make_weather
from megawatt.hours import MONTH_NAMES, MONTH_OF_HOUR

__all__ = ["WORST_DAYS", "DesignDay", "WorstDay", "design_days", "hours_of", "stated_day"]

WorstDay = Literal["20-year", "0.4%", "typical-year"]
WORST_DAYS: Final[tuple[WorstDay, ...]] = ("20-year", "0.4%", "typical-year")

_YEARS: Final = 20
"""Return period of the worst day. [year]"""
_EXCEEDED_H: Final = 35
"""0.4 % of a year. [h]"""
_FEW_YEARS: Final = 5
"""So many years say how their maxima spread; fewer do not."""
_SEASON_DAYS: Final = 91
"""The warmest quarter of the year, in which its extremes fall. [day]"""
_DEVIATIONS: Final = 3.06
"""Of a normal distribution, exceeded once in 900 days: 20 seasons of 91 days, half of them independent; assumed.
Childress TX and Buffalo NY (TMY3): 43.6 and 36.3 degC."""
_LEAST_DEPRESSION_K: Final = 0.5
"""Dry over wet bulb in the moistest hours. [K]"""
_HOTTEST_DAYS: Final = 5
"""Days whose mean range from minimum to maximum the design day takes."""


@dataclass(frozen=True, slots=True)
class DesignDay:
    """A day of 24 hours, hour-beginning; ``air`` holds arrays of shape (24,), ``remark`` says where it is from."""

    name: str
    month: int
    air: Weather
    remark: str

    def hour_name(self, hour: int) -> str:
        """Which hour of the day, in words."""
        return f"{self.name}, {MONTH_NAMES[self.month]} {hour:02d}:00"


def design_days(weather: Weather, which: WorstDay = "20-year") -> tuple[DesignDay, ...]:
    """The day of the extreme dry bulb and the day of the extreme wet bulb; none for the typical year.

    Parameters
    ----------
    weather : Weather
        The site year, shifted by any warming.
    which : {"20-year", "0.4%", "typical-year"}

    Raises
    ------
    ScenarioError
        If ``which`` is another word.

    Notes
    -----
    The dry bulb's day has the humidity of the year's hottest 35 hours, the wet bulb's day the mean dry bulb of its 35
    highest hours. Both keep their humidity ratio over the day. From one year the 20-year level has a standard error of
    some 0.8 K, and a typical year has no heat wave: measured years are better.
    """
    if which not in WORST_DAYS:
        raise ScenarioError(f"worst day {which!r}; allowed: {', '.join(WORST_DAYS)}")
    if which == "typical-year":
        return ()
    return tuple(_extreme_day(weather, which, column) for column in (0, 1))


def _extreme_day(weather: Weather, which: WorstDay, column: int) -> DesignDay:
    """The day of the extreme dry bulb (column 0) or wet bulb (1)."""
    values = (weather.dry_bulb_c, weather.wet_bulb_c)[column]
    hottest, pressure, month = _hottest(weather, values)
    usual, remark = float(values[hottest[-1]]), "of the year's hours"
    extreme = usual
    if which == "20-year":
        extreme, remark = _return_level(weather, values, column)
    mean_dry = float(weather.dry_bulb_c[hottest].mean())
    if column == 0:
        dry, wet_at, wet = extreme, mean_dry, float(weather.wet_bulb_c[hottest].mean())
    else:
        dry, wet = max(mean_dry, extreme + _LEAST_DEPRESSION_K), extreme
        wet_at = dry
    ratio = psy.humidity_ratio_of_wet_bulb(np.array([wet_at]), np.array([wet]), pressure)
    label = f"{which.replace('%', ' %')} {('dry', 'wet')[column]} bulb day"
    return _day(label, month, dry, ratio, _range_k(weather), pressure, f"{label} {remark}")


def _hottest(weather: Weather, values: FloatArray) -> tuple[IntArray, FloatArray, int]:
    """The 35 highest hours, their mean pressure (1,), and the month that has most of them."""
    hours = np.argsort(-values, kind="stable")[:_EXCEEDED_H]
    month = int(np.bincount(MONTH_OF_HOUR[hours], minlength=12).argmax())
    return hours, np.array([weather.pressure_pa[hours].mean()]), month


def stated_day(
    name: str, dry_bulb_c: float, wet_bulb_c: float, daily_range_k: float | None, weather: Weather
) -> DesignDay:
    """A design day of given numbers: dry bulb and coincident wet bulb at its warmest hour.

    Parameters
    ----------
    name : str
    dry_bulb_c, wet_bulb_c : float
        [degC], wet bulb at most the dry bulb
    daily_range_k : float, optional
        Maximum less minimum; that of the year's hottest days by default. [K]
    weather : Weather
        The site year: pressure and month.

    Raises
    ------
    ScenarioError
        If the wet bulb is above the dry bulb, or so far below that no air is that dry.
    """
    _, pressure, month = _hottest(weather, weather.dry_bulb_c)
    ratio = psy.humidity_ratio_of_wet_bulb(np.array([dry_bulb_c]), np.array([wet_bulb_c]), pressure)
    if wet_bulb_c > dry_bulb_c or ratio[0] < 0.0:
        raise ScenarioError(
            f"design day {name}: {dry_bulb_c:g}/{wet_bulb_c:g} degC; allowed: a wet bulb that air can have"
        )
    span = _range_k(weather) if daily_range_k is None else daily_range_k
    return _day(f"{name} day", month, dry_bulb_c, ratio, span, pressure, f"{name} day as stated")


def _range_k(weather: Weather) -> float:
    """Mean daily range of the hottest days. [K]"""
    days = weather.dry_bulb_c.reshape(-1, 24)
    return float(np.ptp(days[np.argsort(-days.max(axis=1))[:_HOTTEST_DAYS]], axis=1).mean())


def _day(
    name: str, month: int, dry_bulb_c: float, ratio: FloatArray, range_k: float, pressure: FloatArray, remark: str
) -> DesignDay:
    dry = dry_bulb_c - range_k * BELOW_MAXIMUM
    ones = np.ones(dry.size)
    air = make_weather(name, remark, dry, ratio * ones, pressure * ones)
    return DesignDay(name, month, air, remark)


def _return_level(weather: Weather, values: FloatArray, column: int) -> tuple[float, str]:
    """The value that is exceeded once in 20 years, and how it was found."""
    maxima = weather.yearly_max_c
    if maxima is not None and maxima.shape[1] >= _FEW_YEARS:
        reduced = -np.sqrt(6.0) / np.pi * (np.euler_gamma + np.log(np.log(_YEARS / (_YEARS - 1.0))))
        level = maxima[column].mean() + reduced * maxima[column].std(ddof=1)
        return float(max(level, maxima[column].max())), f"by the maxima of {maxima.shape[1]} years"
    daily = values.reshape(-1, 24).max(axis=1)
    season = np.convolve(np.concatenate([daily, daily[: _SEASON_DAYS - 1]]), np.ones(_SEASON_DAYS), "valid").argmax()
    warm = daily[(season + np.arange(_SEASON_DAYS)) % daily.size]
    spread = float(warm.std(ddof=1))
    return float(warm.mean()) + _DEVIATIONS * spread, f"by the warmest 91 days of one year (spread {spread:.1f} K)"


def hours_of(days: Sequence[DesignDay]) -> Weather | None:
    """All hours of some days as one record of air, shape (24 x days,); None without days."""
    if not days:
        return None
    return Weather(
        place="design days",
        origin="; ".join(day.remark for day in days),
        dry_bulb_c=np.concatenate([day.air.dry_bulb_c for day in days]),
        wet_bulb_c=np.concatenate([day.air.wet_bulb_c for day in days]),
        relative_humidity=np.concatenate([day.air.relative_humidity for day in days]),
        pressure_pa=np.concatenate([day.air.pressure_pa for day in days]),
    )
