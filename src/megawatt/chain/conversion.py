"""Mining halls that may become AI halls: now, later, partly or never, along the same simulated paths.

Both uses run on one spine from the decision's start to its end. Mining earns its margin after tax (no depreciation is
left: the miners are sunk) until a hall is converted, when its miners are sold by age. A hall converted at a date earns
nothing while it is rebuilt, then what the AI scenario earns after tax with its capital spent after the date, at the
market price of compute known at the date, fixed for the contract's term. Chips bought later cost less as compute
prices are expected to fall. A decision sees the month before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.chain.base_model import blocks_of
from megawatt.chain.businesses import AIMoney, MiningMoney
from megawatt.chain.capital import Calendar, capital
from megawatt.chain.ground import Business, PowerIndex
from megawatt.chain.links import Links, forge
from megawatt.chain.money import CashModel
from megawatt.chain.power import BlockMoney, index_on
from megawatt.chain.records import ConversionDate, ConversionResult
from megawatt.errors import ScenarioError
from megawatt.finance import (
    Hall,
    chip_residual_share,
    discount_factors,
    level_annuity_usd_per_year,
    make_spine,
    project,
)
from megawatt.finance.option import value_option
from megawatt.months import months_between
from megawatt.risk import FactorPaths, FactorTerms, base_factors, run_blocks, simulate_factors
from megawatt.scenario import LoadedComparison, LoadedScenario
from megawatt.scenario.comparison import Conversion
from megawatt.scenario.schema import Scenario
from megawatt.scenario.site_tariff import site_sheet

__all__ = ["DrawnPlans", "convert", "draw_plans", "rate_of", "warnings_of"]


@dataclass(frozen=True)
class DrawnPlans:
    """Worth of plans on simulated paths at the start of month 0. [USD]

    ``never`` (paths,): mining to the end; ``before`` (paths, dates): mining until each date, with the miners' resale;
    ``first`` and ``learned`` (paths, dates): the AI halls of each date, of the first ones and of later ones;
    ``state`` (paths, dates, features): what is known at each date.
    """

    never: FloatArray
    before: FloatArray
    first: FloatArray
    learned: FloatArray
    state: FloatArray


def convert(loaded: LoadedComparison, catalogue: Catalogue, *, workers: int = 1) -> ConversionResult:
    """Value a comparison's conversion: each plan per site and per hall.

    Parameters
    ----------
    loaded : LoadedComparison
        With a ``conversion`` section.
    catalogue : Catalogue
        Facts.
    workers : int
        Processes for the simulation; results do not depend on it.

    Raises
    ------
    ScenarioError
        If the comparison has no ``conversion`` section, or the AI loads do not fit.
    """
    terms = loaded.conversion
    if terms is None:
        raise ScenarioError(f"{loaded.file}: no section [conversion]; see examples/childress-convert.toml")
    mining, ai = (_forged(loaded, name, catalogue) for name in (terms.mining, terms.ai))
    drawn = draw_plans(terms, mining, ai, ai.scenario.seed, workers)
    return _result(terms, drawn, mining, ai, rate_of(terms, ai))


def rate_of(terms: Conversion, ai: Links) -> float:
    """Discount rate of a conversion."""
    return (terms.discount_rate or ai.scenario.discount_rate).number()


def draw_plans(terms: Conversion, mining: Links, ai: Links, seed: int, workers: int = 1) -> DrawnPlans:
    """Worth of every plan along the same simulated paths, all halls together, at the size of the two scenarios."""
    rate = rate_of(terms, ai)
    dates = tuple(months_between(terms.start, date) for date in terms.dates)
    first, learned = (_ai_models(ai, terms, dates, rate, share) for share in _shell_shares(terms))
    work = partial(
        _block,
        mining=_mining_model(mining, terms, rate),
        first=first,
        learned=learned,
        dates=dates,
        age_months=terms.miners_age_months,
        factor_terms=ai.terms,
    )
    return DrawnPlans(**run_blocks(work, terms.paths, seed, workers))


def _forged(loaded: LoadedComparison, name: str, catalogue: Catalogue) -> Links:
    use: LoadedScenario = next(u for u in loaded.uses if u.scenario.name == name)
    return forge(use.scenario, catalogue, use.folder)


def _shell_shares(terms: Conversion) -> tuple[float, float]:
    """Cost of conversion over the AI scenario's shell: first halls, and later ones."""
    cost = terms.shell_cost_frac.number()
    return cost, cost * terms.learned_cost_frac.number()


def _calendar(terms: Conversion, live: int) -> Calendar:
    year, month = map(int, terms.start.split("-"))
    return Calendar(make_spine(year, month, terms.months), (Hall(live, 1.0),))


def _mining_model(links: Links, terms: Conversion, rate: float) -> CashModel:
    calendar = _calendar(terms, 0)
    aged = tuple(
        replace(b, age_months=terms.miners_age_months) if isinstance(b, MiningMoney) else b
        for b in _businesses(links, calendar)
    )
    power = _power_on(links, calendar)
    return replace(links.model, calendar=calendar, power=power, discount_rate=rate, businesses=aged).without_loan()


def _businesses(links: Links, calendar: Calendar, since: int = 0) -> tuple[Business, ...]:
    """What the site earns by, with its blocks of power over the months of the comparison."""
    ahead = blocks_of(links.scenario, links.grid, calendar.spine, since)
    kept = tuple(b for b in links.model.businesses if not isinstance(b, BlockMoney))
    return kept if ahead is None else (*kept, ahead)


def _power_on(links: Links, calendar: Calendar) -> PowerIndex:
    """How prices of power go on over the months of the comparison."""
    section = links.scenario.power
    growth = site_sheet(links.catalogue, section, links.scenario.tariff).sheet.growth_per_year.number()
    return index_on(section, growth, calendar)


def _ai_models(
    links: Links, terms: Conversion, dates: Sequence[int], rate: float, shell_frac: float
) -> tuple[CashModel, ...]:
    """The AI use with all halls live the months without income after each date; nothing is spent before the date."""
    wait = terms.months_without_income
    capex = links.scenario.capex
    within = capex.model_copy(
        update={"build_months": min(capex.build_months, wait), "chip_lead_months": min(capex.chip_lead_months, wait)}
    )
    scenario: Scenario = links.scenario.model_copy(update={"capex": within, "debt": None})
    expected = base_factors(links.terms, terms.months).compute[0]
    models = []
    for date in dates:
        level = float(expected[date - 1]) ** terms.machines_follow_frac.number() if date else 1.0
        calendar = _calendar(terms, date + wait)
        spent = capital(
            scenario,
            calendar,
            it_mw=links.it_mw,
            machines_cost_usd=links.model.capital.machines_cost_usd * level,
        )
        shell = spent.capex_cost["shell"] * shell_frac
        spent = replace(spent, capex_cost={**spent.capex_cost, "shell": shell},
                        shell_residual=spent.shell_residual * shell_frac)  # fmt: skip
        businesses = tuple(
            replace(each, prepayment_lead_months=min(each.prepayment_lead_months, wait))
            if isinstance(each, AIMoney) else each
            for each in _businesses(links, calendar, date)
        )  # fmt: skip
        power = _power_on(links, calendar)
        moved = replace(links.model, calendar=calendar, power=power, capital=spent, discount_rate=rate)
        models.append(replace(moved, businesses=businesses))
    return tuple(models)


def _block(
    seed_sequence: np.random.SeedSequence,
    paths: int,
    *,
    mining: CashModel,
    first: tuple[CashModel, ...],
    learned: tuple[CashModel, ...],
    dates: tuple[int, ...],
    age_months: int,
    factor_terms: FactorTerms,
) -> dict[str, NDArray[Any]]:
    """Worth of every plan on a block of paths, all halls together, at the start of month 0. [USD]"""
    months = mining.calendar.spine.months
    factors = simulate_factors(factor_terms, months, paths, seed_sequence)
    flows = mining.flows(factors)
    untaxed = sum(flows.revenue.values()) - sum(flows.opex_cost.values())
    margin = np.broadcast_to(np.asarray(untaxed), (paths, months))
    kept = 1.0 - mining.capital.tax.combined_rate
    discount = discount_factors(mining.discount_rate, months)
    mined = np.hstack([np.zeros((paths, 1)), np.cumsum(kept * margin * discount, axis=1)])
    resale = kept * mining.capital.machines_cost_usd * chip_residual_share(
        (age_months + np.arange(months + 1)) / 12.0, mining.capital.residual_frac
    ) * np.append(1.0, discount)  # fmt: skip
    before = mined[:, list(dates)] + resale[list(dates)]
    return {
        "never": mined[:, -1] + resale[-1],
        "before": before,
        "first": _worths(first, factors, dates),
        "learned": _worths(learned, factors, dates),
        "state": np.stack([_state(factors, margin, date) for date in dates], axis=1),
    }


def _worths(models: tuple[CashModel, ...], factors: FactorPaths, dates: tuple[int, ...]) -> FloatArray:
    """NPV after tax of the AI halls of each date, (paths, dates); the contract's price is the market's at the date."""
    paths = factors.power.shape[0]
    worths = []
    for model, date in zip(models, dates, strict=True):
        flows = model.flows(factors)
        if model.find(AIMoney) is not None and date > 0:
            level = factors.compute[:, [date - 1]]
            flows = replace(
                flows,
                revenue={**flows.revenue, "contract": flows.revenue["contract"] * level},
                prepayment=flows.prepayment * level,
                prepayment_credit=flows.prepayment_credit * level,
            )
        npv = project(model.project_terms(factors), flows).measures.npv_usd
        worths.append(np.broadcast_to(npv, (paths,)))
    return np.stack(worths, axis=1)


def _state(factors: FactorPaths, margin: FloatArray, date: int) -> FloatArray:
    """What is known when deciding at the start of a month: the month before, (paths, features)."""
    if date == 0:
        return np.zeros((factors.power.shape[0], 5))
    known = (factors.btc, factors.power, factors.compute, factors.demand, margin)
    return np.stack([part[:, date - 1] for part in known], axis=1)


def _result(terms: Conversion, drawn: DrawnPlans, mining: Links, ai: Links, rate: float) -> ConversionResult:
    never, first, learned, state = drawn.never, drawn.before + drawn.first, drawn.before + drawn.learned, drawn.state
    value = value_option(never, first, state)
    halls = terms.halls
    # halls that do not go with the first ones wait for the second date, and cost what those have taught
    later = value_option(never, learned[:, 1:], state[:, 1:]).option if len(terms.dates) > 1 else value.never
    partly = tuple(
        (number * value.now + (halls - number) * later) / halls if 0 < number < halls
        else (value.now if number else value.option)
        for number in range(halls + 1)
    )  # fmt: skip
    error = float(never.std(ddof=1) / np.sqrt(never.size))
    errors = first.std(axis=0, ddof=1) / np.sqrt(never.size)
    grid_mw = max(use.scenario.site.grid_mw.number() for use in (mining, ai))
    to_year = float(level_annuity_usd_per_year(np.ones(1), rate, 0, terms.months)[0]) / grid_mw
    return ConversionResult(
        mining=mining.scenario.title,
        ai=ai.scenario.title,
        halls=halls,
        months=terms.months,
        paths=terms.paths,
        discount_rate=rate,
        never_usd=value.never,
        never_error_usd=error,
        dates=tuple(
            ConversionDate(month, float(value.at_dates[k]), float(errors[k]), float(value.taken[k]))
            for k, month in enumerate(terms.dates)
        ),
        option_usd=value.option,
        option_error_usd=value.option_error,
        waiting_usd=value.worth_of_waiting,
        partly_usd=partly,
        usd_per_grid_mw_year=to_year,
        assumptions=_assumptions(terms),
        warnings=warnings_of(mining, ai),
    )


def warnings_of(mining: Links, ai: Links) -> tuple[str, ...]:
    """Where the two uses are not of one site: connections of two sizes, blocks of power that change hands."""
    mined_mw, ai_mw = (use.scenario.site.grid_mw.number() for use in (mining, ai))
    mine, tenant = mining.model.find(BlockMoney), ai.model.find(BlockMoney)
    found = []
    if mined_mw != ai_mw:
        found.append(
            f"The connection is {mined_mw:,.1f} MW for mining and {ai_mw:,.1f} MW for AI: all halls go, and what lies "
            "between earns nothing after converting. For miners beside the AI halls take megawatt mix."
        )
    if mine is not None and (tenant is None or tenant.tenant_bears_some):
        kept = 0.0 if tenant is None else -float(tenant.first_year(ai.model.calendar, owners=True)[1].sum()) / 1e6
        worth = -float(mine.first_year(mining.model.calendar, owners=True)[1].sum()) / 1e6
        found.append(
            f"Blocks of power are the site's while it mines ({worth:,.2f} million USD in the first full year) and "
            f"{f'{kept:,.2f} million' if kept else 'gone'} when it converts, as the tenant pays the energy: "
            'give them borne_by = "owner" if they stay yours, or leave them out of both uses.'
        )
    return tuple(found)


def _assumptions(terms: Conversion) -> tuple[Assumption, ...]:
    """The section's own numbers with source and range."""
    names = ("shell_cost_frac", "learned_cost_frac", "machines_follow_frac", "discount_rate")
    facts = {name: getattr(terms, name) for name in names}
    return tuple(Assumption(f"conversion.{name}", "finance", fact) for name, fact in facts.items() if fact is not None)
