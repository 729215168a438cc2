"""A synthesised hourly year that keeps a place's monthly normals.

Dry bulb = seasonal course + day-to-day weather (AR(1)) + daily cycle; dew point = seasonal course + weather correlated
with that of the dry bulb. Three amplitudes per month (weather, daily range, moisture) are set so that the year meets
the normals: means of dry bulb and dew point, mean daily range and pressure exactly or nearly so, and the 99th
percentiles of dry and wet bulb, which decide how hard a hall has to work.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import Assumption, Fact, Normals
from megawatt.errors import ScenarioError, shown
from megawatt.facility import psychrometrics as psy
from megawatt.facility.records import Weather
from megawatt.facility.weather_files import make_weather
from megawatt.hours import DAYS_IN_MONTH, HOURS_IN_MONTH, HOURS_IN_YEAR, MONTH_OF_HOUR

__all__ = ["BELOW_MAXIMUM", "from_normals"]


# Share of the daily range below the day's maximum, hours 1 to 24: ASHRAE Fundamentals (2017), chapter 14, table 6.
BELOW_MAXIMUM: Final = np.array(
    [
        (0.88, 0.92, 0.95, 0.98, 1.00, 0.98, 0.91, 0.74),
        (0.55, 0.38, 0.23, 0.13, 0.05, 0.00, 0.00, 0.06),
        (0.14, 0.24, 0.39, 0.50, 0.59, 0.68, 0.75, 0.82),
    ]
).ravel()
_DAILY_CYCLE: Final = BELOW_MAXIMUM.mean() - BELOW_MAXIMUM
"""Departure from the day's mean as a share of the daily range, hour-beginning 0 to 23."""

_PERSISTENCE: Final = 0.6
"""Day-to-day autocorrelation of daily means: 0.4 to 0.85 by month in the TMY3 years of Childress TX and Buffalo NY."""

# What joins dew point to dry bulb, day by day: their correlation, and the spread of the dew point over that of the dry
# bulb, from hot dry spells to moist air masses. The month's 99th percentile of the wet bulb picks the place on this
# line; the ends enclose the months of the same two years (-0.57 and 0.77 to 0.96 and 1.7), the middle is their typical
# ratio of 1.15 (0.8 to 1.7).
_MOISTURE_LINE: Final = np.array([0.0, 0.3, 0.7, 1.0])
_CORRELATION: Final = np.array([-0.6, -0.6, 0.95, 0.95])
_SPREAD_RATIO: Final = np.array([0.5, 1.15, 1.15, 2.0])
_TYPICAL_MOISTURE: Final = 0.6
"""Place on that line (correlation 0.56) where no 99th percentile of the wet bulb is known."""

# Spread of daily dry bulb [K] where no 99th percentile is known: constant, per K of annual range (warmest less coldest
# month), and for the coldest month. Least squares over the 276 months of the 23 places whose normals were computed from
# hourly files; residual 1.1 K.
_SPREAD_RULE_K: Final = (0.5, 0.079, 2.3)

_PASSES: Final = 9
"""Corrections of the made year towards its normals; each leaves a small part of the rest."""
_TAIL: Final = 0.99
"""Hot tail that is matched: the 1 % hours."""
_TAIL_SIGMA: Final = 2.0
"""Standard deviations of weather that the 99th percentile adds to the mean of the day's warm hours, roughly; sets the
step of the correction, not its end point."""


def from_normals(normals: Normals, seed: int) -> Weather:
    """Synthesise an hourly year from monthly normals.

    Parameters
    ----------
    normals : Normals
        Monthly normals, arrays of shape (12,).
    seed : int
        Seed of the day-to-day weather; ranks are spread over the normal distribution within each month, so that
        another seed reorders warm and cold days but hardly changes how many there are.

    Returns
    -------
    Weather
        Arrays of shape (8760,), origin "synthesised from monthly normals".

    Raises
    ------
    ScenarioError
        If the normals contradict themselves (minimum above mean, dew point above dry bulb, ...).

    Notes
    -----
    Where the percentiles are unknown (NaN) the spread follows from the annual range (see _SPREAD_RULE_K).
    Limits: one normal distribution per month (no fronts, no heat waves beyond the 99th percentile), dew point without
    daily cycle, pressure constant within a month. Source of the daily cycle: ASHRAE Fundamentals (2017), chapter 14.
    """
    _check(normals)
    warm, moist = _weather_of_days(seed)
    dry_bulb, spread_k = _dry_bulb(normals, warm)
    pressure = np.repeat(normals.pressure_pa, HOURS_IN_MONTH).astype(np.float64)
    ratio = _moisture(normals, dry_bulb, pressure, spread_k, warm, moist)
    weather = make_weather(normals.title, "synthesised from monthly normals", dry_bulb, ratio, pressure)
    return Weather(
        place=weather.place,
        origin=weather.origin,
        dry_bulb_c=weather.dry_bulb_c,
        wet_bulb_c=weather.wet_bulb_c,
        relative_humidity=weather.relative_humidity,
        pressure_pa=weather.pressure_pa,
        assumptions=_assumptions(normals),
    )


def _assumptions(normals: Normals) -> tuple[Assumption, ...]:
    shape = Fact(
        value="synthesised hours",
        unit="",
        kind="assumed",
        source=normals.fact.source,
        note=f"no hourly file was given for {normals.title}; hours are synthesised from its monthly normals",
    )
    humidity = normals.humidity_fact
    return (
        Assumption(f"{normals.place}.normals", "facility", normals.fact),
        *((Assumption(f"{normals.place}.humidity", "facility", humidity),) if humidity else ()),
        Assumption(f"{normals.place}.hours", "facility", shape),
    )


def _check(n: Normals) -> None:
    pairs = (
        ("mean_daily_min_c", n.mean_daily_min_c, "mean_dry_bulb_c", n.mean_dry_bulb_c),
        ("mean_dry_bulb_c", n.mean_dry_bulb_c, "mean_daily_max_c", n.mean_daily_max_c),
        ("mean_dew_point_c", n.mean_dew_point_c, "mean_dry_bulb_c", n.mean_dry_bulb_c),
        ("mean_dry_bulb_c", n.mean_dry_bulb_c, "p99_dry_bulb_c", n.p99_dry_bulb_c),
        ("p99_wet_bulb_c", n.p99_wet_bulb_c, "p99_dry_bulb_c", n.p99_dry_bulb_c),
    )
    for small_name, small, large_name, large in pairs:
        # Percentiles may be unknown (NaN); means may not.
        unknown = (np.isnan(small) & small_name.startswith("p99")) | (np.isnan(large) & large_name.startswith("p99"))
        bad = np.flatnonzero(~((small <= large) | unknown))
        if bad.size:
            m = int(bad[0])
            raise ScenarioError(
                f"normals of {n.place}, month {m + 1}: {small_name} = {small[m]:.2f} degC must not exceed "
                f"{large_name} = {large[m]:.2f} degC; correct the table or give an hourly file"
            )


def _typical_spread_k(n: Normals) -> FloatArray:
    """Spread of daily dry bulb by month where no percentile says it, shape (12,). [K]"""
    annual_range = float(np.ptp(n.mean_dry_bulb_c))
    coldness = (n.mean_dry_bulb_c.max() - n.mean_dry_bulb_c) / max(annual_range, 5.0)
    constant, per_kelvin, winter = _SPREAD_RULE_K
    return np.asarray(constant + per_kelvin * annual_range + winter * coldness)


def _month_of_day() -> NDArray[np.int64]:
    return np.repeat(np.arange(12), DAYS_IN_MONTH)


def _weather_of_days(seed: int) -> tuple[FloatArray, FloatArray]:
    """Two independent standard AR(1) series by day, ranks spread evenly over the normal distribution per month."""
    if seed < 0:
        raise ScenarioError(f"seed = {shown(seed)}; allowed: 0 or more")
    generator = np.random.default_rng(seed)
    shocks = generator.standard_normal((2, 365)) * np.sqrt(1.0 - _PERSISTENCE**2)
    series = np.empty_like(shocks)
    series[:, 0] = shocks[:, 0] / np.sqrt(1.0 - _PERSISTENCE**2)
    for day in range(1, 365):
        series[:, day] = _PERSISTENCE * series[:, day - 1] + shocks[:, day]
    warm, moist = (_normal_scores(row) for row in series)
    # A month has 31 days: whatever correlation chance left between the two would bias the wet bulb.
    month = _month_of_day()
    for m in range(12):
        days = month == m
        residual = moist[days] - warm[days] * (warm[days] @ moist[days]) / (warm[days] @ warm[days])
        moist[days] = residual / residual.std()
    return warm, moist


def _normal_scores(series: FloatArray) -> FloatArray:
    """Replace values by normal quantiles of their ranks within the month (Blom's plotting positions)."""
    out = np.empty_like(series)
    month = _month_of_day()
    for m in range(12):
        days = np.flatnonzero(month == m)
        order = np.argsort(np.argsort(series[days]))
        scores = _normal_quantile(np.asarray((order + 1 - 0.375) / (days.size + 0.25), dtype=np.float64))
        out[days] = scores / scores.std()
    return out


def _normal_quantile(probability: FloatArray) -> FloatArray:
    """Standard normal quantile; Abramowitz and Stegun 26.2.23, within 4.5e-4."""
    tail = np.minimum(probability, 1.0 - probability)
    t = np.sqrt(-2.0 * np.log(tail))
    z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
    return np.asarray(np.where(probability < 0.5, -z, z))


def _to_hours(by_day: FloatArray) -> FloatArray:
    """Daily values at noon, joined linearly, so that no day begins with a jump; shape (8760,)."""
    noon = np.arange(365) * 24.0 + 12.0
    return np.asarray(np.interp(np.arange(HOURS_IN_YEAR) + 0.5, noon, by_day, period=HOURS_IN_YEAR))


def _season(monthly: FloatArray) -> FloatArray:
    """Monthly values at mid-month, joined linearly; shape (8760,)."""
    ends = np.cumsum(HOURS_IN_MONTH)
    middle = ends - HOURS_IN_MONTH / 2
    return np.asarray(np.interp(np.arange(HOURS_IN_YEAR) + 0.5, middle, monthly, period=HOURS_IN_YEAR))


def _per_month(hourly: FloatArray, tail: bool = False) -> FloatArray:
    """Mean (or 99th percentile) of each month, shape (12,)."""
    parts = np.split(hourly, np.cumsum(HOURS_IN_MONTH)[:-1])
    return np.array([np.quantile(part, _TAIL) if tail else part.mean() for part in parts])


def _range_per_month(hourly: FloatArray) -> FloatArray:
    daily = np.ptp(hourly.reshape(365, 24), axis=1)
    return np.bincount(_month_of_day(), daily, minlength=12) / DAYS_IN_MONTH


def _dry_bulb(n: Normals, warm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Hourly dry bulb (8760,) and the spread of daily weather (12,) that meets the 99th percentile."""
    range_target = n.mean_daily_max_c - n.mean_daily_min_c
    weather, cycle = _to_hours(warm), np.tile(_DAILY_CYCLE, 365)
    season = _season(n.mean_dry_bulb_c)
    amplitude, spread = range_target.astype(np.float64), _typical_spread_k(n)
    hourly = np.zeros(HOURS_IN_YEAR)
    for _ in range(_PASSES):
        hourly = season + spread[MONTH_OF_HOUR] * weather + amplitude[MONTH_OF_HOUR] * cycle
        hourly = hourly + (n.mean_dry_bulb_c - _per_month(hourly))[MONTH_OF_HOUR]
        short = np.nan_to_num(n.p99_dry_bulb_c - _per_month(hourly, tail=True), nan=0.0)
        # 0.3 K: days differ everywhere, the tropics included (Singapore's daily means: about 1 K).
        spread = np.maximum(spread + short / _TAIL_SIGMA, 0.3)
        amplitude = amplitude * range_target / np.maximum(_range_per_month(hourly), 0.1)
    return hourly, spread


def _moisture(
    n: Normals, dry_bulb: FloatArray, pressure: FloatArray, spread_k: FloatArray, warm: FloatArray, moist: FloatArray
) -> FloatArray:
    """Hourly humidity ratio (8760,): meets the mean dew point and, if known, the wet bulb's 99th percentile."""
    known = np.isfinite(n.p99_wet_bulb_c)
    low = np.where(known, 0.0, _TYPICAL_MOISTURE)
    high = np.where(known, 1.0, _TYPICAL_MOISTURE)
    season = _season(n.mean_dew_point_c)
    saturation = psy.saturation_humidity_ratio(dry_bulb, pressure)
    warm_hours, moist_hours = _to_hours(warm), _to_hours(moist)
    ratio = saturation
    for _ in range(_PASSES):
        place = 0.5 * (low + high)
        rho = np.interp(place, _MOISTURE_LINE, _CORRELATION)[MONTH_OF_HOUR]
        spread = (np.interp(place, _MOISTURE_LINE, _SPREAD_RATIO) * spread_k)[MONTH_OF_HOUR]
        dew = season + spread * (rho * warm_hours + np.sqrt(1.0 - rho**2) * moist_hours)
        for _ in range(3):  # capping at saturation lowers the mean; shift back
            dew = np.minimum(dew + (n.mean_dew_point_c - _per_month(dew))[MONTH_OF_HOUR], dry_bulb)
        ratio = np.minimum(psy.saturation_humidity_ratio(dew, pressure), saturation)
        too_moist = (
            _per_month(psy.wet_bulb_c(dry_bulb, ratio, pressure, tolerance_k=0.01), tail=True) > n.p99_wet_bulb_c
        )
        low, high = np.where(too_moist, low, place), np.where(too_moist, place, high)
    return ratio
