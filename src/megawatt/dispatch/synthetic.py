"""A price year for places without a file: season, day, week, wandering and spikes, all parameters stated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.errors import ScenarioError
from megawatt.hours import HOURS_IN_YEAR, hour_of_day

__all__ = ["PriceModel", "price_model", "synthetic_price_year"]


_NUMBERS = (
    "season_amplitude",
    "season_peak_day",
    "day_amplitude",
    "day_peak_hour",
    "half_day_amplitude",
    "half_day_peak_hour",
    "weekend_log",
    "volatility",
    "persistence_per_hour",
    "spikes_per_year",
    "spike_hours",
    "spike_multiple",
)


@dataclass(frozen=True, slots=True)
class PriceModel:
    """Parameters of a synthetic year; amplitudes are of the log price.

    The log price is a sum of one harmonic of the year and two of the day (amplitude, and when they peak), a weekend
    step, and a first-order wandering of standard deviation ``volatility`` that keeps the share
    ``persistence_per_hour`` of itself each hour. ``spikes_per_year`` spikes of ``spike_hours`` on average raise the
    price to ``spike_multiple`` times the median on average.
    """

    season_amplitude: float
    season_peak_day: float
    day_amplitude: float
    day_peak_hour: float
    half_day_amplitude: float
    half_day_peak_hour: float
    weekend_log: float
    volatility: float
    persistence_per_hour: float
    spikes_per_year: float
    spike_hours: float
    spike_multiple: float
    assumptions: tuple[Assumption, ...] = ()


def price_model(catalogue: Catalogue, key: str = "synthetic-price") -> PriceModel:
    """The model from the catalogue: fitted on two years of ERCOT's day-ahead hub average.

    Raises
    ------
    CatalogueError
        If the key or a fact is missing.
    """
    key = catalogue.get(key, "tariff").key
    numbers = {name: catalogue.number(key, name) for name in _NUMBERS}
    return PriceModel(**numbers, assumptions=tuple(catalogue.assume(key, name, "dispatch") for name in _NUMBERS))


def synthetic_price_year(model: PriceModel, mean_usd_per_mwh: float, seed: int, first_weekday: int = 0) -> FloatArray:
    """Hourly prices of a made-up year with exactly this mean. [USD/MWh], shape (8760,)

    Parameters
    ----------
    model : PriceModel
        Shape of the year.
    mean_usd_per_mwh : float
        Mean price, spikes included: the one number that must be known of the place. > 0
    seed : int
        The same seed gives the same year.
    first_weekday : int
        Weekday of 1 January, Monday 0.

    Raises
    ------
    ScenarioError
        If the mean is not positive, or the model's persistence is outside 0 to 1.

    Notes
    -----
    Limits: no negative prices, no link to weather; the spikes' hours of the day are those of the daily peak only on
    average. A real file is better.
    """
    if not (np.isfinite(mean_usd_per_mwh) and mean_usd_per_mwh > 0.0):
        raise ScenarioError(f"synthetic price year: mean {mean_usd_per_mwh} USD/MWh, must be a number > 0")
    if not 0.0 <= model.persistence_per_hour < 1.0 or model.spike_hours < 1.0:
        raise ScenarioError(
            f"synthetic price year: persistence {model.persistence_per_hour}, spike hours {model.spike_hours}; must be "
            "at least 0 and below 1, and at least 1"
        )
    log_price = _cycles(model, first_weekday) + _wandering(model, np.random.default_rng([seed, 0]))
    price = np.exp(log_price)
    price = _spiked(model, price, np.random.default_rng([seed, 1]))
    return np.asarray(price * (mean_usd_per_mwh / price.mean()), dtype=np.float64)


def _cycles(model: PriceModel, first_weekday: int) -> FloatArray:
    hour = np.arange(HOURS_IN_YEAR)
    year = 2.0 * np.pi * (hour / 24.0 - model.season_peak_day) / 365.0
    day = 2.0 * np.pi * hour_of_day() / 24.0
    first, second = (2.0 * np.pi * peak / 24.0 for peak in (model.day_peak_hour, model.half_day_peak_hour))
    weekend = (hour // 24 + first_weekday) % 7 >= 5
    return np.asarray(
        model.season_amplitude * np.cos(year)
        + model.day_amplitude * np.cos(day - first)
        + model.half_day_amplitude * np.cos(2.0 * (day - second))
        + model.weekend_log * weekend,
        dtype=np.float64,
    )


def _wandering(model: PriceModel, rng: np.random.Generator) -> FloatArray:
    from scipy.signal import lfilter

    keep = model.persistence_per_hour
    noise = rng.standard_normal(HOURS_IN_YEAR) * model.volatility * np.sqrt(1.0 - keep * keep)
    noise[0] = rng.standard_normal() * model.volatility
    return np.asarray(lfilter([1.0], [1.0, -keep], noise), dtype=np.float64)


def _spiked(model: PriceModel, price: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Prices with spikes: starts drawn where prices are high, lengths geometric, heights exponential beyond five."""
    spiked, median = price.copy(), float(np.median(price))
    count = int(rng.poisson(model.spikes_per_year))
    starts = rng.choice(HOURS_IN_YEAR, size=count, p=price / price.sum())
    lengths = rng.geometric(1.0 / model.spike_hours, size=count)
    heights = 5.0 + rng.exponential(max(model.spike_multiple - 5.0, 0.0), size=count)
    for start, length, height in zip(starts.tolist(), lengths.tolist(), heights.tolist(), strict=True):
        end = min(start + length, HOURS_IN_YEAR)
        spiked[start:end] = np.maximum(spiked[start:end], height * median)
    return spiked
