"""A metered site as its scenario has it: the model's year at the metered prices and temperatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Fact
from megawatt.chain.links import Links, forge
from megawatt.chain.site import Metered
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
    planned = forge(use.scenario, catalogue, use.folder)
    price, air, assumed = values.get("price"), values.get("dry_bulb"), []
    if price is None:
        assumed.append("prices of the scenario")
    else:
        price = _filled(price, float(np.nanmean(price)))
    if air is None:
        assumed.append("weather of the scenario")
    else:
        air = _filled(air, planned.weather.dry_bulb_c)
        assumed.append("humidity of the scenario's weather")
    # the halls stand as they were built: measured air sizes nothing
    scenario, mining = use.scenario, use.scenario.mining
    if mining is not None and planned.mining is not None:
        built = Fact(planned.mining.it_mw, "MW", "derived", "megawatt-derived")
        scenario = scenario.model_copy(update={"mining": mining.model_copy(update={"it_mw": built})})
    links = forge(scenario, catalogue, use.folder, planned.held, Metered(price, air))
    problem, told = _at_month_values(links, catalogue, year)
    return _year(replace(links, problem=problem), (*assumed, *told))


def _filled(hours: FloatArray, usual: FloatArray | float) -> FloatArray:
    return np.asarray(np.where(np.isnan(hours), usual, hours), dtype=np.float64)


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
