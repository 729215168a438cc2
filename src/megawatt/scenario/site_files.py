"""The hourly files of a scenario, opened with what the scenario says of them and the clock of its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.dispatch import PriceYear, read_prices
from megawatt.facility import Weather, load_weather, site_clock
from megawatt.hourly import FilePart, price_doubts
from megawatt.scenario.site_sections import Power, Site

__all__ = ["price_warnings", "site_prices", "site_weather"]


def site_weather(catalogue: Catalogue, site: Site, utc_offset_hours: float | None, seed: int, folder: Path) -> Weather:
    """Weather of a site: of its file, on the site's clock (None: that of the place), or made from a place's normals.

    Raises
    ------
    MegawattError
        If the file or the place cannot be used.
    """
    if site.weather is None:
        return load_weather(site.place, catalogue, seed)
    offset = site_clock(site.place, catalogue).utc_offset_hours if utc_offset_hours is None else utc_offset_hours
    return load_weather(folder / site.weather, catalogue, seed, utc_offset_hours=offset)


def site_prices(catalogue: Catalogue, power: Power, place: str, folder: Path) -> PriceYear:
    """Prices of a scenario's file in the site's standard time, in USD.

    Raises
    ------
    MegawattError
        If the file cannot be used; names the line.
    """
    clock = site_clock(place, catalogue)
    part = FilePart(
        column=power.price_column,
        unit=power.price_unit,
        node=power.price_node,
        utc_offset_hours=clock.utc_offset_hours if power.utc_offset_hours is None else power.utc_offset_hours,
        zone=clock.zone,
        year=power.price_year,
        hour_ending=power.price_hour_ending,
    )
    rate = power.usd_per_currency
    return read_prices(folder / str(power.price_file), part, rate.number() if rate is not None else None)


def price_warnings(catalogue: Catalogue, power: Power, place: str, folder: Path) -> tuple[str, ...]:
    """What is not plausible in the prices that a scenario gives: of its file, or its mean."""
    if power.price_file:
        return site_prices(catalogue, power, place, folder).warnings
    mean = power.fixed_price_usd_per_mwh or power.mean_price_usd_per_mwh
    return () if mean is None else price_doubts(np.array([mean.number()]), "USD")
