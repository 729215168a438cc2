"""Hourly prices of a site year, from a price shape or an export of market prices, and a tariff's delivery charges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption, PriceShape
from megawatt.errors import ScenarioError
from megawatt.files import Row, read_table
from megawatt.hours import DAYS_IN_MONTH, HOURS_IN_YEAR, MONTH_OF_HOUR

__all__ = [
    "PriceYear",
    "Tariff",
    "coincident_peak_hours",
    "price_year",
    "read_price",
    "read_price_csv",
    "read_time",
    "tariff",
    "tariff_adder",
]


_TIME, _PRICE = "Datetime", "Price (USD/MWh)"
_HIGHEST_USD_PER_MWH: Final = 100_000.0
"""Above every cap or floor of a power market (Australia's cap is near 20,000 AUD/MWh)."""
_CODES: Final = (9900.0, 9999.0, 9999.9, 9999.99, 99999.0)
"""Numbers that files write where a price is missing."""
_MISSING: Final = (-999.0, *_CODES, *(-code for code in _CODES))
"""Codes that files write for a missing value."""
_PEAK_MONTHS: Final = (5, 6, 7, 8)
"""June to September (0 = January): the months of the four coincident peaks, 16 TAC 25.192."""


@dataclass(frozen=True, slots=True)
class PriceYear:
    """One year of prices in the site's standard time.

    ``price_usd_per_mwh`` has shape (8760,). ``dropped_hours`` counts the hours of 29 February, ``outside_hours`` those
    of the file that belong to another year in the site's time.
    """

    price_usd_per_mwh: FloatArray
    year: int
    dropped_hours: int
    outside_hours: int


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

    def delivered(self, price_usd_per_mwh: FloatArray) -> FloatArray:
        """Price of a metered MWh with its losses. [USD/MWh]"""
        return price_usd_per_mwh * (1.0 + self.loss_frac)


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


def read_price_csv(path: Path, utc_offset_hours: float) -> PriceYear:
    """Read an hourly export of market prices into the site's standard time.

    Parameters
    ----------
    path : Path
        CSV with columns ``Datetime`` (ISO 8601 with UTC offset, beginning of the hour) and ``Price (USD/MWh)``.
    utc_offset_hours : float
        The site's standard time: -6 for Texas, all year.

    Raises
    ------
    ScenarioError
        If columns are missing, a cell cannot be read, hours are missing or given twice; names the line.
    """
    zone = timezone(timedelta(hours=utc_offset_hours))
    rows = read_table(path, (_TIME, _PRICE), "a CSV file of hourly prices").rows
    return _assemble_year(str(path), [(row.line, _hour(row, zone), read_price(row, _PRICE)) for row in rows])


def _assemble_year(name: str, rows: list[tuple[int, datetime, float]]) -> PriceYear:
    """A price year from (line, hour in the site's time, price); the year that most hours belong to.

    Raises
    ------
    ScenarioError
        If there are no rows, or hours are missing or given twice; names the line.
    """
    if not rows:
        raise ScenarioError(f"{name}: no prices; needed: {HOURS_IN_YEAR} hours of one year", file=name)
    years = [when.year for _, when, _ in rows]
    year = max(set(years), key=years.count)
    inside = [row for row in rows if row[1].year == year]
    kept = [row for row in inside if (row[1].month, row[1].day) != (2, 29)]
    hours = np.array([_hour_of_year(when) for _, when, _ in kept], dtype=np.int64)
    _check_hours(name, year, hours, [line for line, _, _ in kept])
    price = np.empty(HOURS_IN_YEAR)
    price[hours] = [value for _, _, value in kept]
    return PriceYear(price, year, len(inside) - len(kept), len(rows) - len(inside))


def read_price(row: Row, column: str) -> float:
    """The price in a cell; codes of missing values (-9999, 99999 and the like) are no prices. [USD/MWh]

    Raises
    ------
    ScenarioError
        If it is no number within what markets allow; names file, line and column.
    """
    price = row.number(column, -_HIGHEST_USD_PER_MWH, _HIGHEST_USD_PER_MWH, "USD/MWh")
    if price in _MISSING:
        raise row.wrong(column, "a price, not the code of a missing value", "fill gaps before reading")
    return price


def read_time(row: Row, column: str) -> datetime:
    """The time in a cell, with its offset from UTC.

    Raises
    ------
    ScenarioError
        If it is no ISO 8601 time with an offset; names file, line and column.
    """
    try:
        when = datetime.fromisoformat(row[column].strip())
    except ValueError:
        when = None
    if when is None or when.tzinfo is None or not 1900 <= when.year <= 2200:
        raise row.wrong(column, "an ISO 8601 time; it needs its UTC offset, as in 2023-01-01 00:00:00-06:00")
    return when


def _hour(row: Row, zone: timezone) -> datetime:
    site_time = read_time(row, _TIME).astimezone(zone)
    if site_time.minute or site_time.second or site_time.microsecond:
        raise row.wrong(_TIME, f"a time on the hour in the site's time (this is {site_time:%H:%M:%S})")
    return site_time


def _hour_of_year(when: datetime) -> int:
    return (int(DAYS_IN_MONTH[: when.month - 1].sum()) + when.day - 1) * 24 + when.hour


def _check_hours(path: str, year: int, hours: IntArray, lines: list[int]) -> None:
    order = np.argsort(hours, kind="stable")
    same = np.flatnonzero(np.diff(hours[order]) == 0)
    if same.size:
        first, second = lines[order[same[0]]], lines[order[same[0] + 1]]
        raise ScenarioError(
            f"{path}: line {second} gives the hour of line {first} again ({same.size} hours twice in UTC); keep one",
            file=path,
        )
    missing = np.setdiff1d(np.arange(HOURS_IN_YEAR), hours)
    if missing.size:
        before = int(np.searchsorted(hours[order], missing[0]))
        where = f"after line {lines[order[before - 1]]}" if before else f"before line {lines[order[0]]}"
        when = datetime(2023, 1, 1) + timedelta(hours=int(missing[0]))
        raise ScenarioError(
            f"{path}: {where}: {year}-{when:%m-%d %H:%M} (standard time) is missing ({missing.size} hours missing); "
            "a site year needs every hour but those of 29 February",
            file=path,
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
