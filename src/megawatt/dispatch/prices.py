"""Hourly prices of a site year, from a price shape or an export of market prices, and a tariff's delivery charges."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption, PriceShape
from megawatt.files import refused
from megawatt.hourly import FilePart, read_hourly
from megawatt.hours import DAYS_IN_MONTH, HOURS_IN_YEAR, MONTH_OF_HOUR

__all__ = [
    "PriceYear",
    "Tariff",
    "coincident_peak_hours",
    "price_year",
    "read_prices",
    "tariff",
    "tariff_adder",
]


_PEAK_MONTHS: Final = (5, 6, 7, 8)
"""June to September (0 = January): the months of the four coincident peaks, 16 TAC 25.192."""


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


@dataclass(frozen=True, slots=True)
class Tariff:
    """What delivery costs beside the market price.

    ``loss_frac``: transmission losses that the load buys, as a share of its metered energy; they scale the price.
    ``volumetric_usd_per_mwh``: charges on every MWh. ``peak_usd_per_mw_year``: coincident-peak charge on the mean of
    the load in the four peak intervals.
    """

    key: str
    loss_frac: float
    volumetric_usd_per_mwh: float
    peak_usd_per_mw_year: float
    assumptions: tuple[Assumption, ...] = ()

    def delivered(self, price_usd_per_mwh: FloatArray | float) -> FloatArray:
        """Price of a metered MWh with its losses. [USD/MWh]"""
        return np.asarray(price_usd_per_mwh * (1.0 + self.loss_frac), dtype=np.float64)


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


def coincident_peak_hours(price_usd_per_mwh: FloatArray) -> IntArray:
    """Hours taken for the grid's four coincident peaks: the dearest hour of each month from June to September.

    The true peaks are the highest quarter hours of system load. Price stands in for load here, and the operator is
    taken to know the hour: a miner that sits out only these four hours a year is an upper bound of what avoidance
    saves, since operators switch off in many hours that turn out not to be the peak.

    Parameters
    ----------
    price_usd_per_mwh : array, shape (8760,)
        Energy price.

    Returns
    -------
    array of int, shape (4,)
        Indices into the site year.
    """
    hours = [np.flatnonzero(month == MONTH_OF_HOUR) for month in _PEAK_MONTHS]
    return np.array([h[np.argmax(price_usd_per_mwh[h])] for h in hours], dtype=np.int64)


def tariff(catalogue: Catalogue, key: str) -> Tariff:
    """The delivery tariff of a key, e.g. ``ercot-transmission``.

    Raises
    ------
    CatalogueError
        If the key or one of its facts is missing.
    """
    volumetric = ("ancillary_usd_per_mwh", "administration_usd_per_mwh", "retail_usd_per_mwh")
    used = (*volumetric, "loss_frac", "coincident_peak_usd_per_kw_year")
    key = catalogue.get(key, "tariff").key
    return Tariff(
        key=key,
        loss_frac=catalogue.number(key, "loss_frac"),
        volumetric_usd_per_mwh=sum(catalogue.number(key, name) for name in volumetric),
        peak_usd_per_mw_year=catalogue.number(key, "coincident_peak_usd_per_kw_year") * 1000.0,
        assumptions=tuple(catalogue.assume(key, name, "dispatch") for name in used),
    )


def tariff_adder(
    catalogue: Catalogue, tariff_key: str, price_usd_per_mwh: FloatArray, *, coincident_peak: bool = True
) -> FloatArray:
    """Delivery charges per imported MWh by hour. [USD/MWh]

    Volumetric charges in all hours; in the four coincident-peak hours a quarter of the annual peak charge is added,
    because the bill is on the mean load of the four: a load that stays off in them pays none. Losses are not in
    here: they scale the market price (`Tariff.delivered`).

    Parameters
    ----------
    catalogue : Catalogue
        Holds the tariff.
    tariff_key : str
        e.g. ``ercot-transmission``.
    price_usd_per_mwh : array, shape (8760,)
        Energy price; sets the peak hours.
    coincident_peak : bool
        False leaves the peak charge out.

    Returns
    -------
    array, shape (8760,)

    Raises
    ------
    CatalogueError
        If the key or one of its facts is missing.
    """
    terms = tariff(catalogue, tariff_key)
    adder = np.full(HOURS_IN_YEAR, terms.volumetric_usd_per_mwh)
    if coincident_peak:
        adder[coincident_peak_hours(price_usd_per_mwh)] += terms.peak_usd_per_mw_year / len(_PEAK_MONTHS)
    return adder
