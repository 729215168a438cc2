"""The site year of a scenario by the hour, with what a scenario does not hold: a battery, charges, a water right."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.chain.links import Links, forge_hours
from megawatt.chain.mined_records import MinedYear
from megawatt.chain.power import BlockMoney
from megawatt.chain.site import dry_response
from megawatt.dispatch import (
    HourlyPlan,
    HourlyProblem,
    SiteProblem,
    WaterPlan,
    battery_storage,
    hourly_adder,
    save_water,
    site_hours,
    yearly_peak,
)
from megawatt.dispatch.halls import above_firm, it_power, site_halls
from megawatt.dispatch.ledgers import BLOCKS
from megawatt.dispatch.operator import OperatorYear, operator_year
from megawatt.hours import HOURS_IN_YEAR, monthly_sum
from megawatt.scenario import LoadedScenario
from megawatt.tariff import Bill, BillLine, Rate, bill_of

__all__ = ["Additions", "SiteYear", "site_year"]


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

    ``rate`` is the tariff, ``price_usd_per_mwh`` what energy costs beside it (market or contract, with losses).
    ``water`` says when pads run, None where water is free; ``held_by_contract``: the AI load is planned to run in every
    hour and accounted at the pay of its first contract year; ``mined``: what a mined MWh earns; ``site``: halls and
    prices behind the problem, None of a case folder; ``blocks_mwh`` (12,) energy bought ahead.
    """

    name: str
    problem: HourlyProblem
    water: WaterPlan | None
    held_by_contract: bool
    mined: MinedYear | None = None
    rate: Rate | None = None
    price_usd_per_mwh: FloatArray | None = None

    site: SiteProblem | None = None
    firm_ai_frac: float = 0.0
    blocks_mwh: FloatArray | None = None

    def bill(self, plan: HourlyPlan) -> Bill | None:
        """The plan's power bill line by line and month by month; None for a case folder."""
        if self.rate is None or self.price_usd_per_mwh is None:
            return None
        imports = plan.mw[self.problem.imports.name]
        bill = bill_of(self.rate, imports, monthly_sum(self.price_usd_per_mwh * imports))
        if self.problem.blocks_usd is None or self.blocks_mwh is None:
            return bill
        ahead = BillLine(BLOCKS, "block", "MWh", self.blocks_mwh, self.problem.blocks_usd)
        return replace(bill, lines=(bill.lines[0], ahead, *bill.lines[1:]))

    def it_mw(self, plan: HourlyPlan) -> FloatArray | None:
        """What a plan's machines take, losses and cooling left out, (8760,). [MW]; None where no halls are known."""
        if self.site is None:
            return None
        halls, none = site_halls(self.site), np.zeros(HOURS_IN_YEAR)
        firm = self.firm_ai_frac * halls.ai.cap_it_mw
        ai = it_power(above_firm(halls.ai, firm), plan.mw.get("ai", none)).sum(axis=1)
        mining = it_power(halls.mining, plan.mw.get("mining", none)).sum(axis=1)
        return np.asarray(firm + ai + mining, dtype=np.float64)

    def operated(self, plan: HourlyPlan) -> OperatorYear:
        """A plan's year as its operator reads it."""
        hosted = None if self.site is None else site_halls(self.site).mining.hosted
        return operator_year(self.problem, plan, self.it_mw(plan), hosted)


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
    links = forge_hours(use.scenario, catalogue, use.folder)
    problem = links.problem
    water = _water(links, problem, added) if added.saves_water else None
    charge = added.demand_charge_usd_per_mw_year
    assets = replace(
        links.plants.assets,
        storage=links.plants.assets.storage if added.battery is None else battery_storage(catalogue, *added.battery),
        peaks=(yearly_peak(HOURS_IN_YEAR, charge),) if charge else (),
        ai_firm_frac=added.ai_firm_frac,
        ai_interruptible_usd_per_mwh=added.ai_interruptible_usd_per_mwh,
        ai_contract_usd=links.ai_contract_usd_per_year,
    )
    held = links.ai is not None and added.ai_interruptible_usd_per_mwh is None and added.ai_firm_frac < 1.0
    site = problem if water is None else water.problem
    hours = site_hours(site, assets)
    beside = problem.price_usd_per_mwh + problem.adder_usd_per_mwh
    beside = beside if problem.rate is None else beside - hourly_adder(problem.rate)
    ahead = links.model.find(BlockMoney)
    mwh, usd = (None, None) if ahead is None else ahead.first_year(links.model.calendar)
    hours, firm = replace(hours, blocks_usd=usd), added.ai_firm_frac
    return SiteYear(use.scenario.name, hours, water, held, links.mined, problem.rate, beside, site, firm, mwh)


def _water(links: Links, problem: SiteProblem, added: Additions) -> WaterPlan:
    """The site year with pads in the hours that are worth their water."""
    dry = replace(
        problem,
        ai_response=None if links.ai is None else dry_response(links.ai),
        mining_response=None if links.mining is None else dry_response(links.mining),
    )
    cap = math.inf if added.water_cap_m3 is None else added.water_cap_m3
    return save_water(problem, dry, usd_per_m3=added.water_usd_per_m3, cap_m3=cap)
