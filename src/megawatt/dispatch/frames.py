"""Price years from gridstatus frames, live or saved, and from ISO exports whose columns have other names."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.dispatch.prices import PriceYear, assemble_year, read_price, read_time
from megawatt.errors import MissingDependencyError, ScenarioError
from megawatt.files import read_table

__all__ = ["fetch_gridstatus", "price_year_from_columns", "price_year_from_frame", "read_price_columns"]

_TIMES: Final = ("Interval Start", "Time", "interval_start_utc", "interval_start_local")
_PRICES: Final = ("SPP", "LMP", "spp", "lmp")
_PLACES: Final = ("Location", "location")


def price_year_from_columns(
    times: Iterable[datetime], prices: Iterable[float], utc_offset_hours: float, *, name: str = "prices"
) -> PriceYear:
    """A price year from interval starts with a time zone and their prices. Quarter hours are averaged to hours.

    Parameters
    ----------
    times : iterable of datetime
        Beginning of each interval, aware of its zone; equal steps of an hour or a part of one.
    prices : iterable of float
        [USD/MWh]
    utc_offset_hours : float
        The site's standard time.
    name : str
        Begins error messages.

    Raises
    ------
    ScenarioError
        If a time has no zone, a price is no number, or hours are missing or given twice.
    """
    zone = timezone(timedelta(hours=utc_offset_hours))
    sums: dict[datetime, list[float]] = {}
    for row, (when, price) in enumerate(zip(times, prices, strict=True)):
        value = float(price)
        if when.tzinfo is None or not np.isfinite(value):
            raise ScenarioError(f"{name}: row {row}: {when}, {price}; needed: a time with its zone and a finite price")
        local = when.astimezone(zone)
        sums.setdefault(local.replace(minute=0, second=0, microsecond=0), []).append(value)
    most = max((len(values) for values in sums.values()), default=0)
    short = [when for when, values in sums.items() if len(values) != most]
    if short:
        raise ScenarioError(
            f"{name}: {min(short)} has {len(sums[min(short)])} intervals, other hours {most} ({len(short)} such hours)"
        )
    rows = [(number, when, float(np.mean(values))) for number, (when, values) in enumerate(sums.items(), start=1)]
    return assemble_year(name, rows)


def price_year_from_frame(frame: Any, utc_offset_hours: float, *, location: str | None = None) -> PriceYear:
    """A price year from a gridstatus frame (or any mapping of columns).

    Parameters
    ----------
    frame : DataFrame or mapping
        With a column of interval starts (``Interval Start`` or ``Time``), of prices (``SPP`` or ``LMP``) and, with
        several locations, ``Location``.
    utc_offset_hours : float
        The site's standard time.
    location : str, optional
        Which location to take.

    Raises
    ------
    ScenarioError
        If columns are missing, several locations are left, or hours are.
    """
    columns = list(frame.keys())
    time_name, price_name = _named(columns, _TIMES, "interval starts"), _named(columns, _PRICES, "prices")
    keep = None
    place_name = next((name for name in _PLACES if name in columns), None)
    if place_name is not None:
        places = [str(place) for place in frame[place_name]]
        wanted = location if location is not None else places[0] if places else ""
        keep = [place == wanted for place in places]
        known = sorted(set(places))
        if not any(keep) or (location is None and len(known) > 1):
            raise ScenarioError(f"gridstatus frame: location {location!r}; take one of {', '.join(known[:10])}")
    times = [_moment(t) for t in frame[time_name]]
    prices = [float(p) for p in frame[price_name]]
    if keep is not None:
        times = [t for t, k in zip(times, keep, strict=True) if k]
        prices = [p for p, k in zip(prices, keep, strict=True) if k]
    return price_year_from_columns(times, prices, utc_offset_hours, name="gridstatus frame")


def fetch_gridstatus(iso: str, location: str, year: int, utc_offset_hours: float) -> PriceYear:
    """Day-ahead prices of a year from the market operator, through gridstatus (network needed).

    Parameters
    ----------
    iso : str
        Class of gridstatus, e.g. ``Ercot``.
    location : str
        e.g. ``HB_WEST``.

    Raises
    ------
    MissingDependencyError
        If gridstatus is not installed.
    ScenarioError
        If it has no such market, or the year has gaps.
    """
    try:
        gridstatus = importlib.import_module("gridstatus")
    except ImportError:
        raise MissingDependencyError("price years of gridstatus need it: pip install gridstatus") from None
    market = getattr(gridstatus, iso, None)
    if market is None:
        raise ScenarioError(f"gridstatus has no market {iso!r}; try Ercot, NYISO, PJM, MISO, CAISO, SPP or ISONE")
    # A day either side: the operator's year is local, the site's fixed standard time.
    frame = market().get_spp(start=f"{year - 1}-12-31", end=f"{year + 1}-01-02", market="DAY_AHEAD_HOURLY")
    return price_year_from_frame(frame, utc_offset_hours, location=location)


def read_price_columns(path: Path, utc_offset_hours: float, *, time_column: str, price_column: str) -> PriceYear:
    """Read an export whose columns have other names; times must carry their UTC offset.

    Raises
    ------
    ScenarioError
        If the file cannot be read, a column is missing, or a cell is malformed.
    """
    rows = read_table(path, (time_column, price_column)).rows
    times = [read_time(row, time_column) for row in rows]
    prices = [read_price(row, price_column) for row in rows]
    return price_year_from_columns(times, prices, utc_offset_hours, name=str(path))


def _named(columns: Sequence[str], known: Sequence[str], what: str) -> str:
    name = next((n for n in known if n in columns), None)
    if name is None:
        raise ScenarioError(f"gridstatus frame: no column of {what}; columns {columns}, needed one of {known}")
    return name


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise ScenarioError(f"gridstatus frame: {value!r} is no ISO 8601 time") from None
