"""A use's base case as plain named figures, also along a named episode; no simulation."""

from __future__ import annotations

import math

import numpy as np

from megawatt.chain.headline import operating_margin_usd_per_year
from megawatt.chain.links import Links
from megawatt.chain.unit_costs import unit_costs
from megawatt.chain.use import dispatch_of
from megawatt.finance import CashFlow
from megawatt.finance.credit import credit_measures
from megawatt.risk import demand_scenarios, episode_factors, named_episodes
from megawatt.units import LITRE_PER_M3

__all__ = ["EXTREME_HOURS", "episode_figures", "hour_figures", "site_figures"]

EXTREME_HOURS = 10
"""Hours of the year that `hour_figures` looks at: as many as a grid's planners rank."""


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def site_figures(links: Links) -> dict[str, float]:
    """Figures of a use's base case, nan where one is not defined.

    Money in USD: ``npv_usd``, ``value_usd_per_grid_mw_year``, ``capital_usd``, ``debt_usd``, ``equity_usd`` (put in by
    owners), ``resale_usd`` (of what is left, after tax), ``margin_usd_per_year`` and ``revenue_usd_per_year`` (first
    year with every hall live); rates: ``project_irr``, ``equity_irr``; covers: ``min_dscr``, ``llcr``; ``missed`` 1
    where a payment is missed in the base case; ``it_mw``, ``grid_mw``, ``chips``, ``mined_usd_per_mwh``, and every unit
    cost by its name (`unit_costs`).
    """
    cash, credit = links.base, credit_measures(links.base)
    first = links.model.calendar.last_live
    year = slice(first, first + 12)
    owed = links.model.capital.loan
    return {
        "npv_usd": float(cash.measures.npv_usd[0]),
        "value_usd_per_grid_mw_year": float(cash.measures.value_usd_per_grid_mw_year[0]),
        "project_irr": float(cash.measures.project_irr[0]),
        "equity_irr": float(cash.measures.equity_irr[0]),
        "capital_usd": float(cash.capex_total[0].sum()),
        "debt_usd": 0.0 if owed is None else float(owed.principal_usd),
        "equity_usd": float(cash.equity_in[0].sum()),
        "resale_usd": float(cash.residual_total[0].sum()),
        "revenue_usd_per_year": float(cash.revenue_total[0, year].mean() * 12),
        "margin_usd_per_year": operating_margin_usd_per_year(cash, first),
        "min_dscr": _number(credit.min_dscr),
        "llcr": _number(credit.llcr),
        "missed": float(cash.missed[0] >= 0),
        "it_mw": links.it_mw,
        "grid_mw": links.scenario.site.grid_mw.number(),
        "chips": float(links.compute.chips) if links.compute else 0.0,
        "mined_usd_per_mwh": float(links.mined.usd_per_mwh) if links.mined else math.nan,
        **{cost.name: cost.value for cost in unit_costs(links)},
    }


def episode_figures(links: Links, key: str, begins: int | None = None) -> dict[str, float]:
    """The same loan and owners' commitment along a named episode or demand scenario of the catalogue.

    Parameters
    ----------
    links : Links
        Of the use.
    key : str
        E.g. ``stress-2022``, ``demand-bain-gap``.
    begins : int, optional
        Months before it begins; by default when the site is fully let.

    Returns
    -------
    dict
        ``episode_npv_usd``, ``episode_min_dscr``, ``episode_missed`` (1 where a payment is missed),
        ``episode_missed_after_months`` (from its beginning; nan: never), ``episode_unpaid_usd`` at the most,
        ``episode_revenue_change`` (of the second year after it begins, over the base case's, less 1).

    Raises
    ------
    KeyError
        Our bug: the key is checked where it is read.
    """
    months = links.model.calendar.spine.months
    start = min(links.model.calendar.last_live if begins is None else begins, months - 1)
    found = {e.key: e for e in (*named_episodes(links.catalogue), *demand_scenarios(links.catalogue))}[key]
    cash: CashFlow = links.model.committed(links.base)(episode_factors(found, links.terms, months, start))
    credit, missed = credit_measures(cash), int(cash.missed[0])
    second = slice(start + 12, min(start + 24, months))
    before, after = (float(c.revenue_total[0, second].sum()) for c in (links.base, cash))
    return {
        "episode_npv_usd": float(cash.measures.npv_usd[0]),
        "episode_min_dscr": _number(credit.min_dscr),
        "episode_missed": float(missed >= 0),
        "episode_missed_after_months": float(missed - start) if missed >= 0 else math.nan,
        "episode_unpaid_usd": float(cash.arrears[0].max()),
        "episode_revenue_change": after / before - 1.0 if before > 0.0 else math.nan,
    }


def hour_figures(links: Links) -> dict[str, float]:
    """What the site's year draws, emits and drinks, and what it draws in the grid's dearest hours.

    ``import_mwh``, ``peak_mw``, ``mean_mw``, ``carbon_t``, ``water_m3``, ``pue`` (of AI or mining halls),
    ``dearest_mw`` and ``hottest_mw``: mean import in the ten hours of highest price and of warmest air;
    ``power_usd_per_mwh``: what a MWh costs on average, delivered.
    """
    year = dispatch_of(links)
    drawn = year.import_mw
    price = links.problem.price_usd_per_mwh + links.problem.adder_usd_per_mwh
    it = year.ai_it_mw + year.mining_it_mw
    dear, hot = (np.argsort(hours)[-EXTREME_HOURS:] for hours in (price, links.weather.dry_bulb_c))
    total = float(drawn.sum())
    return {
        "import_mwh": total,
        "mean_mw": float(drawn.mean()),
        "peak_mw": year.peak_mw,
        "carbon_t": year.carbon_t,
        "water_m3": float(year.water_l.sum()) / LITRE_PER_M3,
        "pue": total / float(it.sum()) if it.sum() > 0.0 else math.nan,
        "dearest_mw": float(drawn[dear].mean()),
        "hottest_mw": float(drawn[hot].mean()),
        "power_usd_per_mwh": float((drawn * price).sum()) / total if total > 0.0 else math.nan,
    }
