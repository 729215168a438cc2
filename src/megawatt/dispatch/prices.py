"""Hourly prices of a site year, from a price shape or an export of market prices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import PriceShape
from megawatt.files import refused
from megawatt.hourly import FilePart, read_hourly
from megawatt.hours import DAYS_IN_MONTH

__all__ = [
    "PriceYear",
    "price_year",
    "read_prices",
]


@dataclass(frozen=True, slots=True)
class PriceYear:
    """One year of prices in the site's standard time.

    ``price_usd_per_mwh`` has shape (8760,). ``dropped_hours`` counts the hours of 29 February, ``outside_hours`` those
    of the file that belong to another year in the site's time. ``remarks`` say what was done to read it, ``warnings``
    what is not plausible in it.
    """

    price_usd_per_mwh: FloatArray
    year: int
    dropped_hours: int
    outside_hours: int
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def price_year(shape: PriceShape) -> FloatArray:
    """Hourly prices of a year from its price shape. [USD/MWh]

    The days of a month take their places by rank; an hour's price is the mean of its (month, hour) bins over the
    share of the month that its day stands for (1/30 of June). Where bins hold whole days that is the bin's mean;
    in any case the month's mean price at each hour of the day is kept exactly.

    Parameters
    ----------
    shape : PriceShape
        From the catalogue.

    Returns
    -------
    array, shape (8760,)
    """
    edges = np.concatenate(([0.0], np.cumsum(shape.bin_frac)))
    edges /= edges[-1]
    last_day = np.cumsum(DAYS_IN_MONTH)
    days = []
    for month, count in enumerate(DAYS_IN_MONTH.tolist()):
        rank_frac = shape.day_rank_frac[last_day[month] - count : last_day[month]]
        place = np.empty(count, dtype=np.int64)
        place[np.argsort(rank_frac, kind="stable")] = np.arange(count)
        low = place[:, np.newaxis] / count
        overlap = np.clip(np.minimum(low + 1.0 / count, edges[1:]) - np.maximum(low, edges[:-1]), 0.0, None) * count
        days.append(overlap @ shape.price_usd_per_mwh[month].T)
    return np.asarray(np.concatenate(days).ravel(), dtype=np.float64)


def read_prices(path: Path, part: FilePart | None = None, usd_per_unit: float | None = None) -> PriceYear:
    """Read a year of market prices in the site's standard time, from any layout that `megawatt.hourly` knows.

    Parameters
    ----------
    path : Path
        An export of a market, or a file with columns ``Datetime`` and ``Price (USD/MWh)`` (docs/hourly-files.md).
    part : FilePart, optional
        The site's clock, the year, and what the file does not say (column, unit, node). A file of one whole year is
        read whatever year is asked for; of several, ``part.year`` is taken.
    usd_per_unit : float, optional
        Dollars per unit of the file's currency; needed where it is not USD.

    Raises
    ------
    ScenarioError
        If the layout is not known, hours are missing or double, a price is none, or year or rate are not given; names
        the line.
    """
    part = part or FilePart()
    file = read_hourly(path, "prices", part)
    if len(file.years) > 1:
        found = f"whole years {', '.join(map(str, file.years))}; asked for {part.year or 'none'}"
        raise refused(path, found, "one of them", hint="power.price_year")
    if file.currency != "USD" and usd_per_unit is None:
        allowed = f"a dated rate, USD per {file.currency}"
        raise refused(path, f"prices in {file.currency}/MWh", allowed, hint="power.usd_per_currency")
    rate = 1.0 if file.currency == "USD" or usd_per_unit is None else usd_per_unit
    remarks = file.remarks if rate == 1.0 else (*file.remarks, f"{file.currency} at {rate:g} USD")
    return PriceYear(
        file.values["price"][0] * rate, file.years[0], file.dropped_hours, file.outside_hours, remarks, file.warnings
    )
