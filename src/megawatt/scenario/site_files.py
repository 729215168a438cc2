"""The place and the hourly files of a scenario, opened with what it says of them and with the clock of its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.memo import resolved
from megawatt.dispatch import PriceYear, read_prices
from megawatt.dispatch.output import clear_sky_share, read_output
from megawatt.errors import Problem, ScenarioError
from megawatt.facility import DesignDay, Weather, design_days, load_weather, point_of, site_clock, stated_day
from megawatt.facility.place_file import is_place_file
from megawatt.hourly import FilePart, price_doubts
from megawatt.hours import HOURS_IN_MONTH, HOURS_IN_YEAR, MONTH_NAMES, monthly_sum
from megawatt.scenario.plant_sections import Renewable, Solar
from megawatt.scenario.service_sections import GridService
from megawatt.scenario.site_sections import Power, Site

__all__ = [
    "place_of_site",
    "price_warnings",
    "service_prices",
    "shape_means",
    "site_output",
    "site_prices",
    "site_weather",
    "worst_days",
]


def place_of_site(site: Site, folder: Path) -> str | Path:
    """Where a site is: its place, or the file that says so."""
    if site.place is None:
        return folder / str(site.weather)
    return folder / site.place if is_place_file(site.place) else site.place


def site_weather(catalogue: Catalogue, site: Site, utc_offset_hours: float | None, seed: int, folder: Path) -> Weather:
    """Weather of a site: of its file, on the site's clock (None: that of the place), or made from a place's normals.

    Raises
    ------
    MegawattError
        If the file or the place cannot be used.
    """
    file = None if site.weather is None else folder / site.weather
    return _weather(catalogue, place_of_site(site, folder), file, utc_offset_hours, seed, site.warming_k.number())


@resolved
def _weather(
    catalogue: Catalogue,
    place: str | Path,
    file: Path | None,
    utc_offset_hours: float | None,
    seed: int,
    warming_k: float,
) -> Weather:
    if file is None:
        return load_weather(place, catalogue, seed, warming_k)
    offset = site_clock(place, catalogue, utc_offset_hours).utc_offset_hours
    return load_weather(file, catalogue, seed, warming_k, utc_offset_hours=offset)


def worst_days(_: Catalogue, site: Site, weather: Weather) -> tuple[DesignDay, ...]:
    """Days beside the year that a site is sized for: as stated, or the extremes of its weather.

    Raises
    ------
    ScenarioError
        If a stated day is of no air that can be.
    """
    if not site.design_days:
        return design_days(weather, site.worst_day)
    stated = (stated_day(d.name, d.dry_bulb_c, d.wet_bulb_c, d.daily_range_k, weather) for d in site.design_days)
    return tuple(stated)


def site_prices(catalogue: Catalogue, power: Power, place: str | Path, folder: Path) -> PriceYear:
    """Prices of a scenario's file in the standard time of its `place_of_site`, in USD.

    Raises
    ------
    MegawattError
        If the file cannot be used; names the line.
    """
    part = replace(
        _site_part(catalogue, power, place),
        column=power.price_column,
        unit=power.price_unit,
        node=power.price_node,
        hour_ending=power.price_hour_ending,
    )
    rate = power.usd_per_currency
    return read_prices(folder / str(power.price_file), part, rate.number() if rate is not None else None)


def shape_means(usd_per_mwh: FloatArray) -> FloatArray:
    """Means by month of hours that a forward curve takes its shape from, (8760,) to (12,). [USD/MWh]

    Raises
    ------
    ScenarioError
        If a month's mean is not above 0: no factor brings it to the curve.
    """
    means = np.asarray(monthly_sum(usd_per_mwh) / HOURS_IN_MONTH, dtype=np.float64)
    if means.min() <= 0.0:
        month = int(means.argmin())
        found = f"a mean of {means[month]:.2f} USD/MWh in {MONTH_NAMES[month]}"
        problem = Problem(
            "power.forward", found, "hours with a mean above 0 in every month", "take price_shape = 'flat'"
        )
        raise ScenarioError(f"power.forward: {found}", [problem])
    return means


def price_warnings(catalogue: Catalogue, power: Power, place: str | Path, folder: Path) -> tuple[str, ...]:
    """What is not plausible in the prices that a scenario gives: of its file, or its mean."""
    if power.price_file:
        return site_prices(catalogue, power, place, folder).warnings
    mean = power.fixed_price_usd_per_mwh or power.mean_price_usd_per_mwh
    return () if mean is None else price_doubts(np.array([mean.number()]), "USD")


def service_prices(
    catalogue: Catalogue, service: GridService, power: Power, place: str | Path, folder: Path
) -> FloatArray:
    """Price of a MW of a service held ready in every hour, (8760,). [USD]

    Raises
    ------
    MegawattError
        If its file cannot be used; names line and column.
    """
    if service.usd_per_mw_hour is not None:
        return np.full(HOURS_IN_YEAR, service.usd_per_mw_hour.number())
    part = replace(_site_part(catalogue, power, place), column=service.price_column)
    rate = power.usd_per_currency
    read = read_prices(folder / str(service.price_file), part, rate.number() if rate is not None else None)
    return read.price_usd_per_mwh


def site_output(
    catalogue: Catalogue, plant: Renewable, power: Power, place: str | Path, folder: Path
) -> tuple[FloatArray, tuple[str, ...]]:
    """Output of a site's solar or wind plant as a share of its power, (8760,), and what was done to find it.

    Raises
    ------
    MegawattError
        If the file cannot be used; names line and column. If the place cannot give so much sun.
    """
    if plant.profile is not None:
        in_mw = plant.profile_mw is not None
        part = replace(
            _site_part(catalogue, power, place), column=plant.profile_column, quantity="power" if in_mw else "share"
        )
        of_mw = plant.profile_mw if plant.profile_mw is not None else plant.mw
        share, remarks = read_output(folder / plant.profile, part, max(of_mw.number(), 1e-9))
        return share, (f"Output of {plant.profile}: {'; '.join(remarks)}.",)
    mean = plant.capacity_factor_frac.number() if plant.capacity_factor_frac is not None else 0.0
    if isinstance(plant, Solar):
        point = point_of(place, catalogue)
        if point is None:
            problem = Problem("site.place", "no coordinates in the weather file", "'latitude, longitude', for the sun")
            raise ScenarioError(str(problem), [problem])
        latitude = point.latitude_deg
        said = f"Solar output is made of clear skies at {latitude:.1f} degrees, scaled to a mean of {mean:.3g}."
        return clear_sky_share(latitude, mean), (said,)
    said = f"Wind output is {mean:.3g} of its power in every hour: no profile is given."
    return np.full(HOURS_IN_YEAR, mean), (said,)


def _site_part(catalogue: Catalogue, power: Power, place: str | Path) -> FilePart:
    """The site's clock and the year that its files are read for."""
    clock = site_clock(place, catalogue, power.utc_offset_hours)
    return FilePart(utc_offset_hours=clock.utc_offset_hours, zone=clock.zone, year=power.price_year)
