"""A metered site as its scenario has it: the model's year at the metered prices and temperatures."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.chain.links import Links, forge
from megawatt.dispatch import SiteProblem, solve_merit
from megawatt.dispatch.halls import hourly_response
from megawatt.hours import HOURS_IN_YEAR, MONTH_OF_HOUR
from megawatt.mining import (
    BLOCKS_PER_DAY,
    hashprice_usd_per_ph_day,
    hosted_usd_per_mwh,
    network_state,
    revenue_usd_per_mwh,
    subsidy_by_month,
)
from megawatt.scenario import LoadedScenario

__all__ = ["MeteredYear", "metered_year"]

_OWN_NETWORK: Final = ("btc_price_usd", "difficulty", "network_eh_per_s")


@dataclass(frozen=True, slots=True)
class MeteredYear:
    """What the model says of every hour, (8760,).

    Attributes
    ----------
    power_mw, full_mw : array
        At the connection: as the hours pay, and with all miners on.
    charge_usd_per_mwh : array
        What a MWh costs at the connection, delivery included.
    hash_ph, full_hash_ph : array or None
        Accepted hash rate of the site's own miners, likewise; None where there are none, or customers' beside them.
    links : Links
        The site.
    assumed : tuple of str
        What the file did not say.
    """

    power_mw: FloatArray
    full_mw: FloatArray
    charge_usd_per_mwh: FloatArray
    hash_ph: FloatArray | None
    full_hash_ph: FloatArray | None
    links: Links
    assumed: tuple[str, ...]

    def pue_at(self, hash_ph: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Miners' power that a hash rate needs [MW], and the halls' PUE at that power by the model; NaN where idle."""
        fleet, mining = self.links.miners, self.links.mining
        if fleet is None or mining is None:
            raise AssertionError("only a site with miners has a hash rate")
        rated = hash_ph * fleet.fleet.efficiency_j_per_th / 1000.0 / fleet.fleet.uptime_frac
        width, worth = _steps(self.links.problem)
        corners, hashes = (np.concatenate(((0.0,), np.cumsum(part))) for part in (width, width * worth))
        it_mw = np.interp(rated, hashes, corners)
        facility = hourly_response(mining.response, mining.response.facility_mw, it_mw)
        # more hashes than all machines have: as far above as the hash rate is
        over = np.maximum(rated / hashes[-1], 1.0)
        it_mw, facility = it_mw * over, facility * over
        on = it_mw > 0.01 * corners[-1]
        return np.where(on, it_mw, np.nan), np.where(on, facility / np.where(on, it_mw, 1.0), np.nan)


def metered_year(
    use: LoadedScenario, catalogue: Catalogue, values: Mapping[str, FloatArray], year: int | None
) -> MeteredYear:
    """The model's year of a scenario at metered prices and temperatures.

    Parameters
    ----------
    use : LoadedScenario
        The site.
    catalogue : Catalogue
        Facts.
    values : mapping of str to array, shape (8760,)
        ``price`` [USD/MWh] and ``dry_bulb`` [degC] where the meter has them, NaN where an hour is missing.
    year : int or None
        Of the meter; None: without stamps.
    """
    scenario, assumed = use.scenario, []
    power, site = scenario.power, scenario.site
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = year or power.price_year
        if "price" in values:
            price = _filled(values["price"], float(np.nanmean(values["price"])))
            file = _write(folder / "prices.csv", clock, {"price_usd_per_mwh": price})
            power = power.model_copy(update=_AS_METERED | {"price_file": str(file), "price_year": clock})
        else:
            assumed.append("prices of the scenario")
        if "dry_bulb" in values:
            usual = forge(scenario, catalogue, use.folder).weather
            columns = {
                "dry_bulb_c": _filled(values["dry_bulb"], usual.dry_bulb_c),
                "relative_humidity": usual.relative_humidity,
                "pressure_pa": usual.pressure_pa,
            }
            site = site.model_copy(update={"weather": str(_write(folder / "weather.csv", clock, columns))})
            assumed.append("humidity of the scenario's weather")
        else:
            assumed.append("weather of the scenario")
        links = forge(scenario.model_copy(update={"power": power, "site": site}), catalogue, use.folder)
    problem, told = _at_month_values(links, catalogue, year)
    return _year(replace(links, problem=problem), (*assumed, *told))


_AS_METERED: Final = {
    "price_column": "",
    "price_unit": "",
    "price_node": "",
    "price_hour_ending": False,
    "usd_per_currency": None,
    "fixed_price_usd_per_mwh": None,
    "mean_price_usd_per_mwh": None,
    "price_shape": None,
    "forward": (),
}
"""Fields of the power section that a metered price takes the place of."""


def _filled(hours: FloatArray, usual: FloatArray | float) -> FloatArray:
    return np.asarray(np.where(np.isnan(hours), usual, hours), dtype=np.float64)


def _write(path: Path, year: int, columns: Mapping[str, FloatArray]) -> Path:
    start = np.datetime64(f"{year}-01-01T00", "h")
    hours = [start + i for i in range(HOURS_IN_YEAR + 24)]
    stamps: Iterable[str] = (str(h) + ":00" for h in hours if not str(h).startswith(f"{year}-02-29"))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["datetime", *columns])
        writer.writerows(zip(stamps, *(map(repr, map(float, v)) for v in columns.values()), strict=False))
    return path


def _at_month_values(links: Links, catalogue: Catalogue, year: int | None) -> tuple[SiteProblem, tuple[str, ...]]:
    """The problem with what a MWh mined in each month of the meter, where the network's states are known."""
    miners, section = links.miners, links.scenario.mining
    keys = [f"bitcoin-{year}-{month:02d}" for month in range(1, 13)]
    if miners is None or section is None:
        return links.problem, ()
    if any(getattr(section, name) is not None for name in _OWN_NETWORK):
        return links.problem, ("hash value of the scenario's own network",)
    if year is None or any(key not in catalogue.entries for key in keys):
        return links.problem, ("hash value of the scenario's network, not of the months",)
    value = np.empty(12)
    for month, key in enumerate(keys):
        state = network_state(catalogue, key)
        subsidy = subsidy_by_month(state.year, state.month, 1) * BLOCKS_PER_DAY
        hashprice = hashprice_usd_per_ph_day(
            subsidy, state.fees_btc_per_day, state.btc_price_usd, state.network_eh_per_s
        )
        value[month] = float(revenue_usd_per_mwh(miners.fleet, hashprice)[0])
    theirs = None if miners.hosted is None else hosted_usd_per_mwh(miners.hosted, value)[MONTH_OF_HOUR]
    hours = value[MONTH_OF_HOUR]
    return replace(links.problem, mining_value_usd_per_mwh=hours, hosted_value_usd_per_mwh=theirs), ()


def _steps(problem: SiteProblem) -> tuple[FloatArray, FloatArray]:
    if problem.mining_modes is not None:
        return problem.mining_modes
    return np.array([problem.mining_it_mw]), np.ones(1)


def _year(links: Links, assumed: tuple[str, ...]) -> MeteredYear:
    problem, miners = links.problem, links.miners
    plan = solve_merit(problem)
    highest = 1e6 * np.ones(HOURS_IN_YEAR)
    theirs = None if problem.hosted_value_usd_per_mwh is None else highest
    full = solve_merit(replace(problem, mining_value_usd_per_mwh=highest, hosted_value_usd_per_mwh=theirs))
    hashes: list[FloatArray | None] = [None, None]
    if miners is not None and miners.hosted is None:
        width, worth = _steps(problem)
        corners, rated = (np.concatenate(((0.0,), np.cumsum(part))) for part in (width, width * worth))
        per_mw = 1000.0 / miners.fleet.efficiency_j_per_th * miners.fleet.uptime_frac
        hashes = [np.interp(run.mining_it_mw, corners, rated) * per_mw for run in (plan, full)]
    return MeteredYear(
        power_mw=plan.import_mw,
        full_mw=full.import_mw,
        charge_usd_per_mwh=problem.price_usd_per_mwh + problem.adder_usd_per_mwh,
        hash_ph=hashes[0],
        full_hash_ph=hashes[1],
        links=links,
        assumed=assumed,
    )
