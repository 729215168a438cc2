"""One use of a site: links, the solver's year, risk, headline."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.chain.businesses import MiningMoney
from megawatt.chain.chip_money import busy_it_mw
from megawatt.chain.committee import credit_paper
from megawatt.chain.compute import Compute
from megawatt.chain.debt_notes import debt_notes, handed_back_notes, lending_notes
from megawatt.chain.headline import headline
from megawatt.chain.links import Links, forge
from megawatt.chain.mined_records import MinedYear
from megawatt.chain.operating import operating_terms
from megawatt.chain.partners import venture
from megawatt.chain.power import BlockMoney, block_notes
from megawatt.chain.records import Footprint, Sensitivity, UseResult
from megawatt.chain.run_cost import run_cost
from megawatt.chain.sensitivity import sensitivities
from megawatt.chain.site import Halls
from megawatt.chain.stress import stress_results
from megawatt.chain.unit_costs import unit_costs
from megawatt.dispatch import Dispatch, solve_merit, solve_with_assets
from megawatt.errors import InfeasibleError
from megawatt.facility import FacilityYear
from megawatt.facility import simulate as simulate_hall
from megawatt.mining import HashEconomics
from megawatt.risk import Risk, base_factors
from megawatt.risk import simulate as simulate_risk
from megawatt.scenario import LoadedScenario
from megawatt.scenario.schema import Scenario
from megawatt.scenario.site_miners import machines_of
from megawatt.units import LITRE_PER_M3

__all__ = ["cooling_notes", "dispatch_of", "hall_year_of", "run_use"]

_MOST_CURTAILED: Final = 0.01
"""Share of contracted AI energy that limits may cost before the site is called infeasible: a site that cannot serve
99 % of its load breaks its contract, whatever the value of the rest."""


def _hash_economics(links: Links) -> HashEconomics | None:
    """What a hash earns in the base case, month by month."""
    miners = links.model.find(MiningMoney)
    if miners is None:
        return None
    return miners.economics(links.model.ground, base_factors(links.terms, links.model.calendar.spine.months))


def dispatch_of(links: Links) -> Dispatch:
    """The site's year by the hour; InfeasibleError where limits cost AI more than a little of its energy."""
    if links.plants:
        year = solve_with_assets(links.problem, links.plants.assets)
    else:
        mined = links.mined
        year = solve_merit(links.problem, None if mined is None else links.response.limits_mw(_worth(mined)))
    curtailed = float(year.ai_curtailed_mw.sum())
    offered = float(links.problem.ai_it_mw.sum())
    if curtailed > _MOST_CURTAILED * offered:
        raise InfeasibleError(
            f"site.grid_mw: the AI load cannot run in {int((year.ai_curtailed_mw > 1e-6).sum()):,} hours "
            f"({curtailed / offered:.1%} of its energy); binding: {dict(year.binding)}; raise grid_mw or lower ai.chips"
        )
    return year


def _worth(mined: MinedYear) -> FloatArray:
    """What a mined MWh earns, and one at a customer's plug, by calendar month, (2, 12). [USD/MWh]"""
    theirs = mined.hosted_by_month_usd_per_mwh
    return np.stack([mined.by_month_usd_per_mwh, np.zeros(12) if theirs is None else theirs])


def _halls(links: Links) -> Halls:
    halls = links.ai or links.mining
    assert halls is not None, "a use has AI or mining halls"
    return halls


def hall_year_of(links: Links, dispatch: Dispatch) -> FacilityYear:
    """Losses and cooling of the halls over a dispatched year."""
    it_mw = dispatch.mining_it_mw if links.ai is None else dispatch.ai_it_mw
    return simulate_hall(_halls(links).design, links.weather, it_mw)


def _worst_notes(links: Links) -> list[str]:
    """What the worst day takes: power beyond the connection, and IT that the cooling does not carry."""
    halls, grid_mw = _halls(links), links.scenario.site.grid_mw.number()
    worst, hottest = halls.worst_hours
    notes, drawn_mw = [], worst.facility_per_it * halls.it_mw
    if drawn_mw > grid_mw * (1.0 + 1e-9):
        notes.append(
            f"Full halls draw {drawn_mw:,.1f} MW on the {worst.name} ({worst.binds}), more than the "
            f"connection's {grid_mw:,.1f} MW: {grid_mw / worst.facility_per_it:,.1f} MW of IT would fit."
        )
    if hottest.it_frac < 1.0 - 1e-6:
        lost_mw = (1.0 - hottest.it_frac) * halls.it_mw
        notes.append(
            f"Cooling does not carry {lost_mw:,.1f} of {halls.it_mw:,.1f} MW of IT on the {hottest.name} "
            f"({hottest.dry_bulb_c:.1f} degC): {hottest.binds}."
        )
    return notes


def _footprint(scenario: Scenario, dispatch: Dispatch) -> Footprint:
    """Carbon and water of the year; g/kWh are kg/MWh, L/kWh are m3/MWh."""
    imported_mwh, market = float(dispatch.import_mw.sum()), scenario.power.carbon_market_g_per_kwh
    on_site_m3, stations = float(dispatch.water_l.sum()) / LITRE_PER_M3, scenario.site.grid_water_l_per_kwh
    return Footprint(
        carbon_t=dispatch.carbon_t,
        carbon_market_t=None if market is None else market.number() * imported_mwh / 1000.0,
        water_m3=on_site_m3,
        source_water_m3=None if stations is None else on_site_m3 + stations.number() * imported_mwh,
    )


def _peak_mw(links: Links, dispatch: Dispatch) -> float:
    """Largest import of the year; AI halls with every chip busy, or all that is let drawn, in the worst hour. [MW]"""
    if links.ai is None:
        return dispatch.peak_mw
    busy = np.minimum(busy_it_mw(links.scenario, links.compute), links.ai.response.it_limit_mw)
    return float(simulate_hall(links.ai.design, links.weather, busy).facility_mw.max())


def _risk(links: Links, paths: int, seed: int, workers: int) -> Risk:
    return simulate_risk(
        links.model.committed(links.base, links.juniors),
        links.terms,
        months=links.model.calendar.spine.months,
        paths=paths,
        seed=seed,
        workers=workers,
        grid_mw=links.scenario.site.grid_mw.number(),
    )


def _serving_notes(chips: Compute) -> list[str]:
    """What stands behind the revenue of halls that serve."""
    assert chips.served is not None, "asked of halls that serve"
    plan, busy = chips.served.plan, chips.served.demand.busy_by_hour()
    return [
        "Tokens are sold at market prices to nobody in particular: prices follow the simulated market of compute, and "
        "demand the simulated demand; no contract stands behind them.",
        f"Chips serve {busy.mean():.0%} of the hours of the first day (busiest hour {busy.max():.0%}), on "
        f"{plan.best.name} with {plan.best.concurrency:.0f} users a replica; {plan.best.limit} limits.",
        *(f"{note[0].upper()}{note[1:]}." for note in plan.notes),
    ]


def _ai_notes(links: Links, dispatch: Dispatch) -> list[str]:
    chips, contract = links.compute, links.scenario.contract
    if chips is None:
        return []
    notes = _serving_notes(chips) if chips.served else []
    if chips.plan is not None and chips.plan.sure is not None:
        notes.append(chips.plan.sure.sentence)
    if contract is not None and contract.basis != "published":
        notes.append("No rental price is published for this chip: it is derived (see contract in the assumptions).")
    hours = int((dispatch.ai_curtailed_mw > 1e-6).sum())
    if hours:
        notes.append(f"AI load is curtailed in {hours:,} hours; its revenue is lost.")
    return notes


def _lease_notes(links: Links) -> list[str]:
    lease = links.scenario.lease
    if lease is None:
        return []
    notes = ["The tenant's machines are not known: their load is a flat share of the rented power."]
    if lease.power_paid_by == "tenant":
        notes.append("The tenant pays the energy; power prices do not reach the owner.")
    if lease.backstop_usd is not None or lease.backstop_schedule or lease.backstop_pays:
        notes.append(
            "The guarantor makes good what the landlord loses, re-letting deducted; its own default is not modelled."
        )
    return notes


def _sign_notes(value_usd: float, moves: tuple[Sensitivity, ...], assumptions: tuple[Assumption, ...]) -> list[str]:
    """Assumed inputs whose range alone takes the value through zero: the sign of the answer is theirs."""
    assumed = {a.name for a in assumptions if a.fact.kind == "assumed"}
    turns = [s for s in moves if s.name in assumed and min(s.value_at_low, s.value_at_high) < 0.0 <
             max(s.value_at_low, s.value_at_high)]  # fmt: skip
    if not turns:
        return []
    named = [f"{s.title} ({s.base:g}, range {s.low:g} to {s.high:g})" for s in turns[:_NAMED]]
    more = f" and {len(turns) - _NAMED} more" if len(turns) > _NAMED else ""
    sign = "below" if value_usd < 0.0 else "above"
    return [f"That the value is {sign} zero rests on inputs that are assumed, each alone: {'; '.join(named)}{more}."]


_NAMED: Final = 4
"""Inputs that a note names."""


def _squeezed_notes(links: Links) -> list[str]:
    """What is spent in fewer months than the scenario asks for, because the project has not started before."""
    capex, first = links.scenario.capex, min(h.month for h in links.model.calendar.paid_by)
    said = {"build_months": capex.build_months} if capex.shell_usd_per_mw.number() else {}
    if links.model.capital.machines_cost_usd:
        said["chip_lead_months"] = capex.chip_lead_months
    return [
        f"capex.{name} = {asked}: the first block is live {first} months after the start, and paid for within them."
        for name, asked in said.items()
        if asked > first
    ]


def _mining_notes(links: Links) -> list[str]:
    if links.miners is None:
        return []
    return [
        f"Miners are run with knowledge of each hour's price{_peaks_known(links)}: an upper bound of what curtailment "
        "earns.",
        "The year shown by the hour is the first full year; later years follow the simulated hashprice.",
        *cooling_notes(links),
    ]


def _peaks_known(links: Links) -> str:
    """Whether the tariff's coincident peaks are known ahead, where it has any."""
    lines = links.problem.rate.coincident if links.problem.rate else ()
    if not lines:
        return ""
    missed = max(line.miss_frac for line in lines)
    return f"; coincident peaks are missed with a chance of {missed:.0%}" if missed else " and of coincident peaks"


def _price_notes(links: Links) -> list[str]:
    """Where prices come from, and what contracts make of them."""
    power = links.scenario.power
    notes = {
        "file": [],
        "table": [f"Prices are the {links.grid.year} table of {power.grid}; a node's own differ (basis)."],
        "made-up": ["MADE-UP PRICES: a year of the given mean, with the seasons, days and spikes of ERCOT's hub."],
        "flat": ["Prices are the same in every hour: what load gains by moving between hours is not seen."],
        "fixed": ["Every MWh is bought at a fixed price; market prices do not reach the site."],
    }[links.grid.shape]
    if power.forward:
        years = sorted(row.year for row in power.forward)
        notes.append(f"Price levels follow a forward curve of {years[0]} to {years[-1]}; its last year is held.")
    if links.grid.collar is not None:
        notes.append("A collar holds every hour's market price between its floor and its cap.")
    return notes


def cooling_notes(links: Links) -> list[str]:
    """Machines that give their heat to water or oil, in halls of outside air."""
    section, halls = links.scenario.mining, links.mining
    if section is None or halls is None or halls.design.liquid is not None:
        return []
    keys = dict.fromkeys(terms.miner for terms, _ in machines_of(section) if terms.miner)
    facts = {key: links.catalogue.entries[key].facts.get("cooling") for key in keys}
    return [
        f"{key} is cooled by {fact.value}; these halls ({halls.design.key}) blow outside air through machines."
        for key, fact in facts.items()
        if fact is not None and fact.value != "air"
    ]


def _warnings(links: Links, dispatch: Dispatch, assumptions: tuple[Assumption, ...]) -> tuple[str, ...]:
    """What a reader must know before believing the numbers."""
    grid, weather = links.grid, links.weather
    share = sum(a.fact.kind == "assumed" for a in assumptions)
    return (
        f"Weather ({weather.origin}) and prices ({grid.year}) are of different years: their correlation is lost.",
        "The hourly year is repeated for every project year; the simulation moves price levels, not the hours' shape.",
        *_price_notes(links),
        *grid.remarks,
        *links.plants.remarks,
        *_worst_notes(links),
        *_ai_notes(links, dispatch),
        *_lease_notes(links),
        *_mining_notes(links),
        *debt_notes(links),
        *_squeezed_notes(links),
        f"{share} of {len(assumptions)} inputs are assumed: nobody has published them. They are marked.",
    )


def run_use(loaded: LoadedScenario, catalogue: Catalogue, workers: int = 1) -> UseResult:
    """Run the chain for one use.

    Parameters
    ----------
    loaded : LoadedScenario
        A valid scenario and its folder.
    catalogue : Catalogue
        Facts.
    workers : int
        Processes for simulation and sensitivities; results do not depend on it.

    Raises
    ------
    InfeasibleError
        If the training job, the halls or the connection cannot carry the use; names what binds.
    """
    scenario = loaded.scenario
    links = forge(scenario, catalogue, loaded.folder)
    worst, hottest = _halls(links).worst_hours
    dispatch = dispatch_of(links)
    hall = hall_year_of(links, dispatch)
    risk = _risk(links, scenario.risk.paths, scenario.seed, workers)
    moves = sensitivities(links, workers)
    assumptions = links.assumptions()
    grid_mw = scenario.site.grid_mw.number()
    footprint, costs = _footprint(scenario, dispatch), unit_costs(links)
    served = float(np.sum(dispatch.ai_it_mw) / (links.problem.ai_it_mw.sum() or 1.0))
    chips = links.compute
    value = float(links.base.measures.value_usd_per_grid_mw_year[0])
    blocks = tuple(block_notes(links.model.find(BlockMoney), links.model.calendar, grid_mw))
    rests_on = (*lending_notes(links), *_sign_notes(value, moves, assumptions), *handed_back_notes(risk))
    return UseResult(
        name=scenario.name,
        title=scenario.title,
        use=scenario.use,
        grid_mw=grid_mw,
        it_mw=links.it_mw,
        chips=chips.chips if chips else 0,
        plan=chips.plan if chips else None,
        run=chips.run if chips else None,
        served=chips.served if chips else None,
        fleet=links.miners.fleet if links.miners else None,
        hash_economics=_hash_economics(links),
        weather=links.weather,
        facility=hall,
        dispatch=dispatch,
        footprint=footprint,
        worst_hour=worst,
        hottest_hour=hottest,
        price_usd_per_mwh=links.grid.price_usd_per_mwh,
        cash=links.base,
        risk=risk,
        headline=headline(
            cash=links.base,
            risk=risk,
            dispatch=dispatch,
            peak_mw=_peak_mw(links, dispatch),
            sensitivities=moves,
            grid_mw=grid_mw,
            it_mw=links.it_mw,
            pue=hall.pue,
            first_full_month=links.model.calendar.last_live,
            tokens_per_s=None if links.tokens_per_s is None else links.tokens_per_s * served,
        ),
        sensitivities=moves,
        assumptions=assumptions,
        warnings=(*_warnings(links, dispatch, assumptions), *blocks, *rests_on),
        rests_on=rests_on,
        blocks=blocks,
        stresses=stress_results(links),
        stack=links.stack,
        venture=venture(links),
        unit_costs=costs,
        operating=operating_terms(links),
        mined=links.mined,
        credit=credit_paper(links, risk),
        run_cost=run_cost(links, dispatch, footprint, hall.pue, costs),
    )
