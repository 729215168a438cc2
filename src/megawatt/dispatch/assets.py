"""The site year with everything on it: halls, battery, solar, wind, gas, export, demand charges, programmes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.account import account
from megawatt.dispatch.halls import HallSegments, above_firm, hourly_response, it_power, site_halls
from megawatt.dispatch.hourly import Availability, Block, HourlyProblem, PeakCharge, Service, Storage
from megawatt.dispatch.ledgers import ledger
from megawatt.dispatch.optimising import optimise
from megawatt.dispatch.rates import RateTerms, rate_terms
from megawatt.dispatch.records import Dispatch, SiteProblem
from megawatt.dispatch.solvers.blocks import Programme, block, called, dearer_with_load, hall_block
from megawatt.errors import ScenarioError
from megawatt.facility.records import FacilityResponse
from megawatt.hours import HOURS_IN_YEAR

__all__ = ["SiteAssets", "joint_hours", "site_hours", "solve_with_assets"]


@dataclass(frozen=True, slots=True)
class SiteAssets:
    """What a site has beside its halls and its connection; nothing by default.

    Attributes
    ----------
    supplies : tuple of Block
        Own generation: `block` with hourly output and cost; gas with its carbon.
    storage : Storage or None
    export_limit_mw, export_price_usd_per_mwh
        Energy sold, at this price per hour (8760,); no export where None.
    peaks : tuple of PeakCharge
        Demand charges: `yearly_peak`, `monthly_peaks`.
    programmes : tuple of Programme
        Curtailment programmes.
    carbon_usd_per_t : float
        Price of carbon on imported energy at the hour's intensity; that of own supplies belongs in their cost.
    price_slope_usd_per_mwh_per_mw, price_step_mw
        Rise of the region's price per MW of own import, in steps (`dearer_with_load`).
    ai_firm_frac : float
        Share of the AI load that must be served, 0 to 1. The rest (the use ``ai``) is interruptible: it is curtailed
        where that earns more.
    ai_interruptible_usd_per_mwh : float or None
        What the interruptible part earns per MWh of IT; as the problem's AI load if None.
    ai_contract_usd : float or None
        What a year of the whole AI load is paid by contract, for the account; the load is then planned at the problem's
        value, which keeps it running.
    availability : Availability or None
        Contracted availability of the use ``ai``, in MWh at the connection.
    last_resort : tuple of str
        Supplies that stand for load not served.
    services : tuple of Service
        Power held ready for the grid.
    import_left_frac : (8760,) or None
        Share of the connection that is left in each hour; where it is less than 1, idle halls that neither it nor own
        supplies can feed are off.
    """

    supplies: tuple[Block, ...] = ()
    storage: Storage | None = None
    export_limit_mw: float = 0.0
    export_price_usd_per_mwh: FloatArray | None = None
    peaks: tuple[PeakCharge, ...] = ()
    programmes: tuple[Programme, ...] = ()
    carbon_usd_per_t: float = 0.0
    price_slope_usd_per_mwh_per_mw: float = 0.0
    price_step_mw: float = 10.0
    ai_firm_frac: float = 0.0
    ai_interruptible_usd_per_mwh: float | None = None
    ai_contract_usd: float | None = None
    availability: Availability | None = None
    last_resort: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    import_left_frac: FloatArray | None = None


def site_hours(problem: SiteProblem, assets: SiteAssets | None = None) -> HourlyProblem:
    """The general hourly problem of a site year.

    Halls enter through their response: a segment of IT power uses its slope in facility power, so that curtailing
    saves cooling too; what idle halls draw is firm. The import's cost is price + adder + carbon.

    Parameters
    ----------
    problem : SiteProblem
        Prices, limit, AI load, miners and the halls' responses.
    assets : SiteAssets, optional
        Everything else.

    Raises
    ------
    ScenarioError
        If an input is malformed.
    InfeasibleError
        If idle halls exceed the import limit; names the hour.
    """
    extra = assets or SiteAssets()
    halls = site_halls(problem)
    firm = halls.ai.idle_mw + halls.mining.idle_mw
    imports = _imports(problem, extra)
    uses: list[Block] = []
    if problem.ai_response is not None:
        served, beside = _ai_parts(problem, problem.ai_response, extra, halls.ai)
        firm = firm + served - halls.ai.idle_mw
        uses.extend(beside)
    if problem.mining_response is not None:
        uses.append(hall_block("mining", halls.mining))
    if extra.export_price_usd_per_mwh is not None:
        uses.append(_export(extra, extra.export_price_usd_per_mwh, imports))
    terms = RateTerms() if problem.rate is None else rate_terms(problem.rate)
    return HourlyProblem(
        firm_mw=_fed(firm, imports, extra),
        imports=imports,
        supplies=extra.supplies,
        uses=tuple(uses),
        storages=() if extra.storage is None else (extra.storage,),
        peaks=(*terms.peaks, *extra.peaks),
        availability=() if extra.availability is None else (extra.availability,),
        last_resort=extra.last_resort,
        energy_tiers=terms.tiers,
        minimums=terms.minimums,
        fixed_usd=terms.fixed_usd,
        services=extra.services,
        energy_usd_per_mwh=problem.price_usd_per_mwh,
    )


def _fed(firm_mw: FloatArray, imports: Block, extra: SiteAssets) -> FloatArray:
    """Firm load, off where the grid cuts the site and neither it nor own supplies can feed it."""
    if extra.import_left_frac is None:
        return firm_mw
    fed = imports.mw.sum(axis=1) + sum((s.mw.sum(axis=1) for s in extra.supplies), np.zeros(HOURS_IN_YEAR))
    return np.where(extra.import_left_frac < 1.0, np.minimum(firm_mw, fed), firm_mw)


def joint_hours(
    site: SiteProblem, assets: SiteAssets, parts: Mapping[str, tuple[HourlyProblem, float]]
) -> HourlyProblem:
    """Several uses behind one connection as one hourly problem: the site's tariff and assets, each part's loads.

    Parameters
    ----------
    site : SiteProblem
        Prices, limit and tariff of the connection, without halls.
    assets : SiteAssets
        What stands beside all parts.
    parts : mapping of str to (HourlyProblem, float)
        Halls of each part at its own size, and the factor on that size; its use takes the part's name. Services that
        ``mining`` holds are held by every part with miners.
    """
    shared = site_hours(site, assets)
    firm, uses, fleets = shared.firm_mw, list(shared.uses), []
    for name, (part, scale) in parts.items():
        firm = firm + scale * part.firm_mw
        for use in part.uses:
            paid = None if use.contract_usd is None else scale * use.contract_usd
            uses.append(replace(use, name=name, mw=scale * use.mw, contract_usd=paid))
            fleets += [name] if use.name == "mining" else []
    services = tuple(
        replace(s, providers=tuple(n for p in s.providers for n in (fleets if p == "mining" else [p])))
        for s in shared.services
    )
    return replace(shared, firm_mw=_fed(firm, shared.imports, assets), uses=tuple(uses), services=services)


def solve_with_assets(problem: SiteProblem, assets: SiteAssets) -> Dispatch:
    """The site year with its assets, in the terms of the halls alone: `solve_merit` is the same without assets.

    ``import_mw`` is what the grid gives; costs hold what own supplies and storage cost, revenue what is exported.

    Raises
    ------
    ScenarioError, InfeasibleError
        As `site_hours`.
    """
    hours = site_hours(problem, assets)
    plan = optimise(hours)
    halls = site_halls(problem)
    none = np.zeros(HOURS_IN_YEAR)
    ai = np.minimum(it_power(halls.ai, plan.mw.get("ai", none)).sum(axis=1), halls.ai.cap_it_mw)
    mining = it_power(halls.mining, plan.mw.get("mining", none))
    cost: dict[str, float] = {}
    # the tariff's own charges are in the account
    own = {s.name for s in assets.supplies} | {f"peak charge {charge.name}" for charge in assets.peaks}
    carbon_t = 0.0
    for entry in ledger(hours, plan):
        if entry.name in own or entry.name.endswith(" discharge"):
            cost[entry.name] = -entry.usd
        if entry.name in {s.name for s in assets.supplies}:
            carbon_t += entry.carbon_t
    sold = {"export", *(s.name for s in assets.services)}
    exported = {e.name: e.usd for e in ledger(hours, plan) if e.name in sold}
    year = account(problem, ai, halls.mining, mining, plan.solver, plan.mw[hours.imports.name])
    revenue = {**year.revenue_usd, **exported}
    costs = {**year.energy_cost_usd, **cost}
    return replace(
        year,
        carbon_t=year.carbon_t + carbon_t,
        revenue_usd=MappingProxyType(revenue),
        energy_cost_usd=MappingProxyType(costs),
        objective_usd=sum(revenue.values()) - sum(costs.values()),
    )


def _ai_parts(
    problem: SiteProblem, response: FacilityResponse, extra: SiteAssets, hall: HallSegments
) -> tuple[FloatArray, tuple[Block, ...]]:
    """Facility power of the firm AI load with its idle hall (hours,), and the interruptible rest as a use."""
    share = extra.ai_firm_frac
    if not 0.0 <= share <= 1.0:
        raise ScenarioError(f"site: ai_firm_frac = {share}; allowed: 0 (all interruptible) to 1 (all firm)")
    firm_it = share * np.maximum(np.minimum(problem.ai_it_mw, response.it_limit_mw), 0.0)
    drawn = hourly_response(response, response.facility_mw, firm_it)
    if share == 1.0:
        return drawn, ()
    worth = extra.ai_interruptible_usd_per_mwh
    beside = above_firm(hall, firm_it)
    if worth is not None:
        beside = replace(beside, usd_per_mwh=np.full_like(beside.usd_per_mwh, worth))
    use = hall_block("ai", beside)
    if worth is None and extra.ai_contract_usd is not None:
        use = replace(use, contract_usd=(1.0 - share) * extra.ai_contract_usd)
    return drawn, (use,)


def _export(extra: SiteAssets, price_usd_per_mwh: FloatArray, imports: Block) -> Block:
    """Energy sold: no more in any hour than the site's own plants can give at less than it and than the grid's power.

    So no plan buys from the grid what it sells there in the same hour, whatever the two prices are.
    """
    least = imports.usd_per_mwh.min(axis=1)
    worth = np.minimum(price_usd_per_mwh, least)
    own = np.zeros(HOURS_IN_YEAR)
    for supply in extra.supplies:
        if supply.name not in extra.last_resort:
            own += np.where(supply.usd_per_mwh <= worth[:, np.newaxis], supply.mw, 0.0).sum(axis=1)
    if extra.storage is not None:
        own += np.where(price_usd_per_mwh <= least, extra.storage.power_mw, 0.0)
    return block("export", HOURS_IN_YEAR, np.minimum(extra.export_limit_mw, own), price_usd_per_mwh)


def _imports(problem: SiteProblem, extra: SiteAssets) -> Block:
    carbon = extra.carbon_usd_per_t * problem.carbon_kg_per_mwh / 1000.0
    cost = problem.price_usd_per_mwh + problem.adder_usd_per_mwh + carbon
    imports = block("import", HOURS_IN_YEAR, problem.import_limit_mw, cost, problem.carbon_kg_per_mwh)
    if extra.price_slope_usd_per_mwh_per_mw > 0.0:
        imports = dearer_with_load(imports, extra.price_slope_usd_per_mwh_per_mw, extra.price_step_mw)
    if extra.import_left_frac is not None:
        imports = replace(imports, mw=imports.mw * extra.import_left_frac[:, np.newaxis])
    for programme in extra.programmes:
        imports = called(imports, programme)
    return imports
