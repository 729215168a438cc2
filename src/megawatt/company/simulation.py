"""A company over simulated markets: probabilities with their intervals, first cuts, liquidity by month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.company.engine import run_company
from megawatt.company.markets import Markets, simulate_markets
from megawatt.company.records import Company, Cut, Practice
from megawatt.errors import ScenarioError
from megawatt.risk import Cluster, fan, run_blocks, wilson_interval
from megawatt.risk.factors import generator_of, independent_draws
from megawatt.risk.summary import cumulative_by_month

__all__ = ["CompanyRisk", "distress_probability", "simulate_company"]

_MOST_MONTHS: Final = 240
"""Months that a company can be simulated over."""
_OWN_STREAM: Final = 3
"""Stream of a block's randomness that is a company's own; those before it are the factors' and a site's tenant's."""


@dataclass(frozen=True, slots=True)
class CompanyRisk:
    """What can happen to a company.

    Probabilities come with 95 % Wilson intervals; ``by_month`` (months,) is cumulative distress; ``liquidity`` and
    ``debt`` are percentiles 5, 25, 50, 75, 95 by month (5, months); ``first_cut`` the share of paths that make each cut
    and its median month; ``due`` the mean of service and maturities by month.
    """

    company: Company
    months: int
    paths: int
    seed: int
    distress: float
    distress_interval: tuple[float, float]
    default: float
    surrender: float
    breach: float
    delay: float
    by_month: FloatArray
    loss_given_default_usd: float
    first_cut: Mapping[Cut, tuple[float, float]]
    issued_frac: float
    equity_usd: FloatArray
    liquidity: FloatArray
    debt: FloatArray
    due: FloatArray
    samples: Mapping[str, NDArray[Any]]


def _block(
    seed: np.random.SeedSequence, paths: int, *, company: Company, markets: Markets, terms: Practice, months: int
) -> dict[str, NDArray[Any]]:
    normals, _ = independent_draws(months, paths, seed)  # the paths that a site sees
    rng = generator_of(seed, _OWN_STREAM)
    own, doubts = rng.standard_normal((months, paths)), rng.standard_normal((3, paths))
    uniforms = rng.random((max(len(company.leases), 1), -(-months // 12), paths))
    lived = simulate_markets(company, markets, terms, months, normals, own, doubts, uniforms)
    found = run_company(company, lived, terms)
    cuts = {f"cut_{name}": month for name, month in found.cut_month.items()}
    return {
        "default_month": found.default_month,
        "surrender_month": found.surrender_month,
        "breach_month": found.breach_month,
        "delay_month": found.delay_month,
        "issued_frac": found.issued_frac,
        "equity_usd": found.equity_usd,
        "lost_usd": found.lost_given_default_usd,
        "liquidity_usd": found.liquidity_usd,
        "debt_usd": found.debt_usd,
        "due_usd": found.due_usd,
        "btc_end": lived.btc_usd[:, -1],
        "tenant_failed": np.asarray((lived.tenant_month >= 0).any(axis=1), dtype=np.float64),
        **cuts,
    }


def simulate_company(
    company: Company,
    markets: Markets,
    terms: Practice,
    *,
    months: int = 36,
    paths: int = 4096,
    seed: int = 0,
    workers: int = 1,
    cluster: Cluster | None = None,
) -> CompanyRisk:
    """Simulate a company; the result is the same for any number of workers, and on a cluster.

    Raises
    ------
    ScenarioError
        If a count is out of range.
    """
    if not 1 <= months <= _MOST_MONTHS:
        raise ScenarioError(f"company: {months} months, must be 1 to {_MOST_MONTHS}")
    block = partial(_block, company=company, markets=markets, terms=terms, months=months)
    drawn = run_blocks(block, paths, seed, workers, cluster)
    default, surrender = drawn["default_month"] >= 0, drawn["surrender_month"] >= 0
    hit = default | surrender
    either = np.where(default & surrender, np.minimum(drawn["default_month"], drawn["surrender_month"]), -1)
    first = np.where(default ^ surrender, np.maximum(drawn["default_month"], drawn["surrender_month"]), either)
    cuts: dict[Cut, tuple[float, float]] = {}
    for name in company.order:
        made = drawn[f"cut_{name}"]
        cuts[name] = (float((made >= 0).mean()), float(np.median(made[made >= 0])) if (made >= 0).any() else np.nan)
    lost = drawn["lost_usd"][default]
    return CompanyRisk(
        company=company,
        months=months,
        paths=paths,
        seed=seed,
        distress=float(hit.mean()),
        distress_interval=wilson_interval(int(hit.sum()), paths),
        default=float(default.mean()),
        surrender=float(surrender.mean()),
        breach=float((drawn["breach_month"] >= 0).mean()),
        delay=float((drawn["delay_month"] >= 0).mean()),
        by_month=cumulative_by_month(first, months),
        loss_given_default_usd=float(lost.mean()) if lost.size else 0.0,
        first_cut=cuts,
        issued_frac=float(drawn["issued_frac"].mean()),
        equity_usd=np.percentile(drawn["equity_usd"], (5, 25, 50, 75, 95)),
        liquidity=fan(drawn["liquidity_usd"]),
        debt=fan(drawn["debt_usd"]),
        due=drawn["due_usd"].mean(axis=0),
        samples=drawn,
    )


def distress_probability(risk: CompanyRisk) -> float:
    """Probability of distress in which a ring-fenced surrender counts as half: machines left without recourse."""
    default = risk.samples["default_month"] >= 0
    surrender = risk.samples["surrender_month"] >= 0
    fenced = all(not debt.recourse for debt in risk.company.debts if debt.kind == "machines")
    return float(np.where(default, 1.0, np.where(surrender, 0.5 if fenced else 1.0, 0.0)).mean())
