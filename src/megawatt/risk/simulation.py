"""From factor terms to what can happen to a project: paths, cash flows, summaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.contracts import NEVER
from megawatt.finance.engine import construction_months, operation_start_month
from megawatt.finance.measures import level_annuity_usd_per_year
from megawatt.finance.records import CashFlow
from megawatt.risk.blocks import BLOCK_PATHS, run_blocks
from megawatt.risk.credit import YEARLY_DSCR, credit_risk, credit_samples
from megawatt.risk.factors import FACTORS, base_factors, check_terms, simulate_factors
from megawatt.risk.records import FactorPaths, FactorTerms, Risk
from megawatt.risk.summary import cumulative_by_month, drivers, fan, summarise, wilson_interval

__all__ = ["FAN_PATHS", "CashOf", "net_cash_usd", "operating_months", "simulate"]


CashOf = Callable[[FactorPaths], CashFlow]
"""Cash flow of a project on given factor paths; picklable where several workers are used."""

FAN_PATHS: Final = 8 * BLOCK_PATHS
"""Fans by month are made from at most this many paths (the first ones), so that memory does not grow with paths."""


_BY_MONTH: Final = "month:"
"""Prefix of block results that are (paths, months)."""


def simulate(
    cash_of: CashOf,
    terms: FactorTerms,
    *,
    months: int,
    paths: int,
    seed: int,
    workers: int = 1,
    grid_mw: float,
) -> Risk:
    """Distribution of value, cash and debt service over simulated factors.

    Parameters
    ----------
    cash_of : callable
        ``cash_of(factor_paths)`` gives the project's `CashFlow` on these paths. Its terms should state
        ``operation_start_month`` and, for owners who commit an amount, ``committed_equity_usd`` (see
        `megawatt.finance.commit_equity`).
    terms : FactorTerms
        Parameters of the factors.
    months : int
        Length of the project.
    paths, seed, workers : int
        Number of paths, root seed, processes. The result is the same for any number of workers.
    grid_mw : float
        Contracted capacity at the interconnection. [MW]

    Returns
    -------
    Risk
        ``samples``: npv_usd, value_usd_per_grid_mw_year, worst_month_usd, min_dscr and equity_irr (NaN where a path
        has none), missed_month, balloon_month and tenant_default_month (-1: never), with debt lockup_month,
        breach_month, insolvency_month, exposure_usd, loss_usd and loss_today_usd, and the path mean of each factor as
        ``mean_<factor>``. ``fans``: cfads_usd, net_cash_usd (after debt service due), closing_cash_usd and the
        factors; of the first `FAN_PATHS` paths. ``drivers``: rank correlation of each factor's path mean, and of
        paying tenants (0 default, 1 none), with the NPV. ``probability_missed_by_month``: cumulative.

    Raises
    ------
    ScenarioError
        If a parameter is out of range.
    """
    check_terms(terms)
    if not grid_mw > 0.0:
        raise ScenarioError(f"grid_mw = {grid_mw} MW, must be above 0 (contracted capacity at the interconnection)")
    base = cash_of(base_factors(terms, months))
    if base.terms.months != months:
        raise ScenarioError(f"simulation of {months} months, but the project has {base.terms.months}; use the same")
    start = operation_start_month(base.terms, base.revenue_total.T)
    drawn = run_blocks(partial(_block, cash_of=cash_of, terms=terms, months=months), paths, seed, workers)
    samples = {name: drawn[name] for name in drawn if not name.startswith((_BY_MONTH, YEARLY_DSCR))}
    samples["value_usd_per_grid_mw_year"] = (
        level_annuity_usd_per_year(samples["npv_usd"], base.terms.discount_rate, start, months) / grid_mw
    )
    missed = samples["missed_month"] if base.terms.loan is not None else None
    count = int(np.count_nonzero(missed >= 0)) if missed is not None else 0
    unpaid = int(np.count_nonzero(samples["balloon_month"] >= 0)) if missed is not None else 0
    return Risk(
        paths=paths,
        seed=seed,
        value_usd_per_grid_mw_year=summarise(samples["value_usd_per_grid_mw_year"]),
        npv_usd=summarise(samples["npv_usd"]),
        probability_missed=count / paths if missed is not None else None,
        probability_missed_interval=wilson_interval(count, paths) if missed is not None else None,
        probability_missed_by_month=cumulative_by_month(missed, months) if missed is not None else None,
        probability_balloon_unpaid=unpaid / paths if missed is not None else None,
        worst_month_usd=summarise(samples["worst_month_usd"]),
        samples=samples,
        fans={name.removeprefix(_BY_MONTH): fan(drawn[name]) for name in drawn if name.startswith(_BY_MONTH)},
        drivers=_drivers(samples),
        assumptions=terms.assumptions,
        credit=credit_risk(base, terms, samples, drawn[YEARLY_DSCR]) if base.terms.loan is not None else None,
    )


def net_cash_usd(cash: CashFlow) -> FloatArray:
    """Operating cash before tax and sale proceeds less debt service due, by month, (paths, months).

    What is left for tax and owners, or missing. Before tax, because a year's tax falls into one month and is set aside
    for it. Service due is what was paid on demand and what arrears grew by. Capital spending is not in it: construction
    has its own funding.
    """
    swept = 0.0 if cash.swept is None else cash.swept
    due = cash.interest_paid + cash.principal_paid - swept + np.diff(cash.arrears, axis=1, prepend=0.0)
    return np.asarray(cash.cfads + cash.tax + cash.residual_total - due)


def operating_months(cash: CashFlow) -> slice:
    """Months that can be the worst: from the end of construction on, without the last, which holds the sale."""
    first = min(construction_months(cash.terms), cash.terms.months - 1)
    return slice(first, max(cash.terms.months - 1, first + 1))


def _block(
    seed_sequence: np.random.SeedSequence,
    paths: int,
    *,
    cash_of: CashOf,
    terms: FactorTerms,
    months: int,
) -> dict[str, NDArray[Any]]:
    """One block: a value per path for everything, and arrays by month as long as fans still want paths."""
    factors = simulate_factors(terms, months, paths, seed_sequence)
    cash = cash_of(factors)
    net = net_cash_usd(cash)
    out: dict[str, NDArray[Any]] = {
        "npv_usd": cash.measures.npv_usd,
        "equity_irr": cash.measures.equity_irr,
        "min_dscr": cash.measures.min_dscr,
        "worst_month_usd": net[:, operating_months(cash)].min(axis=1),
        "missed_month": cash.missed,
        "balloon_month": NEVER if cash.events is None else cash.events.balloon_default,
        "tenant_default_month": factors.tenant_default_month,
    }
    by_month = {"cfads_usd": cash.cfads, "net_cash_usd": net, "closing_cash_usd": cash.closing_cash}
    for name in FACTORS:
        by_month[name] = getattr(factors, name)
        out[f"mean_{name}"] = by_month[name].mean(axis=1)
    out |= {} if cash.terms.loan is None else credit_samples(cash)
    keep = paths if seed_sequence.spawn_key[-1] < FAN_PATHS // BLOCK_PATHS else 0
    out |= {_BY_MONTH + name: values for name, values in by_month.items()}
    fans = (_BY_MONTH, YEARLY_DSCR)
    return {name: _rows(values, paths)[: keep if name.startswith(fans) else None] for name, values in out.items()}


def _rows(values: NDArray[Any], paths: int) -> NDArray[Any]:
    """Values of a project that no factor reaches come as one path; they hold on every path."""
    return np.broadcast_to(values, (paths, *values.shape[1:])) if values.shape[0] == 1 else values


def _drivers(samples: Mapping[str, FloatArray]) -> dict[str, float]:
    causes = {name: samples[f"mean_{name}"] for name in FACTORS}
    causes["tenant_pays"] = (samples["tenant_default_month"] < 0).astype(np.float64)
    return drivers(causes, samples["npv_usd"])
