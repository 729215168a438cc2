"""The site year of a scenario by the hour, with what a scenario does not hold: a battery, charges, a water right."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.chain.links import Links, forge
from megawatt.chain.site import dry_response
from megawatt.dispatch import (
    HourlyProblem,
    SiteAssets,
    SiteProblem,
    WaterPlan,
    battery_storage,
    save_water,
    site_hours,
    yearly_peak,
)
from megawatt.hours import HOURS_IN_YEAR
from megawatt.mining import MinerFleet, NetworkState, hashprice_usd_per_ph_day, revenue_usd_per_mwh, subsidy_by_month
from megawatt.mining.protocol import BLOCKS_PER_DAY
from megawatt.scenario import LoadedScenario

__all__ = ["Additions", "SiteYear", "mined_usd_per_mwh", "site_year"]


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added to a scenario's site; nothing by default.

    Attributes
    ----------
    battery : (float, float) or None
        Power and energy of a battery as the catalogue knows it. [MW], [MWh]
    demand_charge_usd_per_mw_year : float
        Charge on the year's highest import. [USD/MW]
    ai_firm_frac : float
        Share of the AI load that must run, 0 to 1; the rest is interruptible.
    ai_interruptible_usd_per_mwh : float or None
        What the interruptible part earns. [USD/MWh]; None: as the contract keeps it running.
    water_usd_per_m3 : float
        Pads run only in hours where they are worth their water at this price. [USD/m3]
    water_cap_m3 : float or None
        Yearly right of water. [m3]
    """

    battery: tuple[float, float] | None = None
    demand_charge_usd_per_mw_year: float = 0.0
    ai_firm_frac: float = 0.0
    ai_interruptible_usd_per_mwh: float | None = None
    water_usd_per_m3: float = 0.0
    water_cap_m3: float | None = None

    @property
    def saves_water(self) -> bool:
        """Whether water has a price or a limit."""
        return self.water_usd_per_m3 > 0.0 or self.water_cap_m3 is not None


@dataclass(frozen=True, slots=True)
class SiteYear:
    """A use's hourly problem.

    ``water`` says when pads run, None where water is free; ``held_by_contract``: the AI load is planned to run in every
    hour and accounted at the pay of its first contract year.
    """

    name: str
    problem: HourlyProblem
    water: WaterPlan | None
    held_by_contract: bool


def site_year(use: LoadedScenario, catalogue: Catalogue, additions: Additions | None = None) -> SiteYear:
    """The hourly problem of one use of a scenario's site.

    Parameters
    ----------
    use : LoadedScenario
        One use of a loaded scenario.
    catalogue : Catalogue
        Where it looks things up.
    additions : Additions, optional
        What the site has beside what the scenario holds.

    Raises
    ------
    ScenarioError
        If an addition is out of range.
    InfeasibleError
        If idle halls exceed the import limit, or chips exceed the halls.
    """
    added = additions or Additions()
    links = forge(use.scenario, catalogue, use.folder)
    problem = links.problem
    if links.miners is not None:
        value = mined_usd_per_mwh(links.miners.fleet, links.miners.state)
        problem = replace(problem, mining_value_usd_per_mwh=np.full(HOURS_IN_YEAR, value))
    water = _water(links, problem, added) if added.saves_water else None
    charge = added.demand_charge_usd_per_mw_year
    assets = SiteAssets(
        storage=None if added.battery is None else battery_storage(catalogue, *added.battery),
        peaks=(yearly_peak(HOURS_IN_YEAR, charge),) if charge else (),
        ai_firm_frac=added.ai_firm_frac,
        ai_interruptible_usd_per_mwh=added.ai_interruptible_usd_per_mwh,
        ai_contract_usd=links.ai_contract_usd_per_year,
    )
    held = links.ai is not None and added.ai_interruptible_usd_per_mwh is None and added.ai_firm_frac < 1.0
    hours = site_hours(problem if water is None else water.problem, assets)
    return SiteYear(use.scenario.name, hours, water, held)


def _water(links: Links, problem: SiteProblem, added: Additions) -> WaterPlan:
    """The site year with pads in the hours that are worth their water."""
    dry = replace(
        problem,
        ai_response=None if links.ai is None else dry_response(links.ai),
        mining_response=None if links.mining is None else dry_response(links.mining),
    )
    cap = math.inf if added.water_cap_m3 is None else added.water_cap_m3
    return save_water(problem, dry, usd_per_m3=added.water_usd_per_m3, cap_m3=cap)


def mined_usd_per_mwh(miners: MinerFleet, state: NetworkState) -> float:
    """Revenue of a MWh at the miners' plug in a network state's own month. [USD/MWh]"""
    subsidy = float(subsidy_by_month(state.year, state.month, 1)[0]) * BLOCKS_PER_DAY
    hashprice = hashprice_usd_per_ph_day(subsidy, state.fees_btc_per_day, state.btc_price_usd, state.network_eh_per_s)
    return float(revenue_usd_per_mwh(miners, hashprice))
