"""A company along one path of markets: a named episode, with its own margins and costs as expected."""

from __future__ import annotations

import numpy as np

from megawatt.company.engine import run_company
from megawatt.company.funding import free_usd
from megawatt.company.markets import Markets
from megawatt.company.records import Company, CompanyPaths, Practice
from megawatt.company.state import State
from megawatt.company.story import markets_shut
from megawatt.mining import project_network
from megawatt.risk import Episode, episode_levels

__all__ = ["replay_company"]


def replay_company(
    company: Company, markets: Markets, terms: Practice, episode: Episode, months: int, *, shut: bool = False
) -> dict[str, float]:
    """What an episode does to a company that it meets at its date.

    Parameters
    ----------
    company : Company
        Its position.
    markets : Markets
        Where bitcoin and its network stand at the start; hash rate follows revenue along the episode.
    terms : Practice
        How companies behave.
    episode : Episode
        Levels of bitcoin, power, rates, spreads and shares over their start; tenants pay.
    months : int
        >= 1.
    shut : bool
        Nobody lends, refinances or buys shares.

    Returns
    -------
    dict
        ``liquidity_start_usd`` (cash and free coins today), ``liquidity_low_usd`` and ``liquidity_low_month``,
        ``liquidity_end_usd``, ``default_month`` (1 is the first; nan: none), ``missed`` (1 or 0), ``surrender_usd``
        (machines left to lenders), ``issued_frac`` (new shares over old), ``debt_end_usd``, ``due_usd`` (service and
        maturities over the months), ``hashprice_low_usd_per_ph_day``, ``btc_low_usd``.
    """
    paths = _episode_paths(company, markets, episode, months)
    found = run_company(company, paths, markets_shut(terms) if shut else terms)
    liquidity, price = found.liquidity_usd[0], np.array([markets.state.btc_price_usd])
    failed = int(found.default_month[0])
    low = int(np.argmin(liquidity))
    return {
        "liquidity_start_usd": company.cash_usd + float(free_usd(company, State(company, terms, 1), price)[0]),
        "liquidity_low_usd": float(liquidity[low]),
        "liquidity_low_month": float(low + 1),
        "liquidity_end_usd": float(liquidity[-1]),
        "missed": float(failed >= 0),
        "default_month": float(failed + 1) if failed >= 0 else float("nan"),
        "surrender_usd": float(found.surrendered_usd[0]),
        "issued_frac": float(found.issued_frac[0]),
        "debt_end_usd": float(found.debt_usd[0, -1]),
        "due_usd": float(found.due_usd[0].sum()),
        "hashprice_low_usd_per_ph_day": float(paths.hashprice_usd_per_ph_day[0].min()),
        "btc_low_usd": float(paths.btc_usd[0].min()),
    }


def _episode_paths(company: Company, markets: Markets, episode: Episode, months: int) -> CompanyPaths:
    """The episode as one path; what is the company's own is as expected."""
    first = company.year * 12 + company.month
    path = project_network(
        markets.state,
        first // 12,
        first % 12 + 1,
        months,
        episode_levels(episode, "btc", months)[None, :],
        elasticity=markets.response.elasticity,
        lag_months=markets.response.lag_months,
        growth=markets.response.growth,
    )
    return CompanyPaths(
        btc_usd=path.btc_price_usd,
        hashprice_usd_per_ph_day=path.hashprice_usd_per_ph_day,
        own=np.ones((1, months)),
        power=episode_levels(episode, "power", months)[None, :],
        tenant_month=np.full((1, len(company.leases)), -1, dtype=np.int64),
        costs=np.ones(1),
        resale=np.ones(1),
        rate=episode_levels(episode, "rate", months)[None, :],
        spread=episode_levels(episode, "spread", months)[None, :],
        equity=episode_levels(episode, "equity", months)[None, :],
        reference_rate=markets.factors.reference_rate,
    )
