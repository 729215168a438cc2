"""What is said of a company: runway, wall of maturities, first cuts, what its value moves with."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.company.engine import run_company
from megawatt.company.markets import Markets, simulate_markets
from megawatt.company.records import Company, Practice
from megawatt.company.simulation import CompanyRisk, distress_probability
from megawatt.company.state import State, leases_usd, machines
from megawatt.risk import FACTORS

__all__ = ["company_row", "markets_shut", "maturity_wall", "runway_months", "value_parts"]

_DISCOUNT: Final = 0.1
"""Rate at which mining margins and overhead to come are worth something today. [1/year]"""
_YEARS: Final = 5
"""Years of mining margin that count: the life of machines."""
_FAN: Final = ("p5", "p25", "p50", "p75", "p95")


def _base(company: Company, markets: Markets, terms: Practice, months: int) -> Any:
    """Markets at their expectation: one path without surprises."""
    calm = replace(terms, uncertainty=0.0)
    normals, own, doubts = np.zeros((len(FACTORS), months, 1)), np.zeros((months, 1)), np.zeros((3, 1))
    uniforms = np.ones((max(len(company.leases), 1), -(-months // 12), 1))
    return simulate_markets(company, markets.still(), calm, months, normals, own, doubts, uniforms), calm


def value_parts(company: Company, markets: Markets, terms: Practice) -> dict[str, float]:
    """What a company is worth today by what it moves with. [USD]

    Bitcoin: coins, machines at their price, five years of mining margin beyond it. Leases: rent to come of what is let,
    less what is left to build. ``before`` counts only what is built and paid for today, ``after`` all that is let.
    """
    paths, calm = _base(company, markets, terms, 12 * _YEARS)
    state = State(company, calm, 1)
    owned = machines(company, paths, np.array([[m.hash_eh_per_s for m in company.mining]]), calm, 0)
    margin = _margin_usd(company, paths)
    price = markets.state.btc_price_usd
    built = [lease for lease in company.leases if lease.capex_usd == 0.0]
    alone = replace(company, leases=tuple(built))
    bitcoin = company.coins_btc * price + max(margin, float(owned.sum()))
    after = float(leases_usd(company, state, 0)[0])
    before = float(leases_usd(alone, State(alone, calm, 1), 0)[0])
    debts = sum(debt.principal_usd for debt in company.debts)
    overhead = company.overhead_usd_per_month * 12.0 * _YEARS / (1.0 + _DISCOUNT * _YEARS / 2.0)
    other = company.cash_usd + company.other_assets_usd
    return {
        "bitcoin_usd": bitcoin,
        "leases_built_usd": before,
        "leases_let_usd": after,
        "cash_and_other_usd": other,
        "debt_usd": debts,
        "overhead_usd": overhead,
        "equity_usd": bitcoin + after + other - debts - overhead,
        "market_usd": company.shares * company.share_usd,
        "bitcoin_share_before": bitcoin / max(bitcoin + before, 1.0),
        "bitcoin_share_after": bitcoin / max(bitcoin + after, 1.0),
    }


def _margin_usd(company: Company, paths: Any) -> float:
    """Mining margin of the years to come, discounted. [USD]"""
    from megawatt.company.state import margins

    months = paths.btc_usd.shape[1]
    hash_now = np.array([[m.hash_eh_per_s for m in company.mining]]).reshape(1, -1)
    by_month = np.array([float(margins(company, paths, hash_now, month).sum()) for month in range(months)])
    return float((by_month * np.exp(-_DISCOUNT * np.arange(1, months + 1) / 12.0)).sum())


def maturity_wall(company: Company) -> list[dict[str, Any]]:
    """Debts in the order in which they fall due."""
    first = company.year * 12 + company.month - 1
    rows = []
    for debt in sorted(company.debts, key=lambda one: one.maturity_month):
        month = first + debt.maturity_month
        rows.append(
            {
                "name": debt.name,
                "kind": debt.kind,
                "due": f"{month // 12}-{month % 12 + 1:02d}",
                "principal_usd": debt.principal_usd,
                "undrawn_usd": debt.undrawn_usd,
                "rate": debt.rate,
                "amortising": debt.amortising,
            }
        )
    return rows


def markets_shut(terms: Practice) -> Practice:
    """The same practice where nobody lends, refinances or buys shares."""
    return replace(terms, issue_frac_per_month=0.0, site_loan_frac=0.0, order_loan_frac=0.0, refinance_cover=math.inf)


def runway_months(company: Company, markets: Markets, terms: Practice, months: int = 120) -> int | None:
    """Months until cash and coins are gone if markets stand still and nobody lends or buys shares; None: beyond."""
    paths, calm = _base(company, markets, terms, months)
    gone = int(run_company(company, paths, markets_shut(calm)).default_month[0])
    return None if gone < 0 else gone + 1


def _by_month(risk: CompanyRisk) -> list[dict[str, float]]:
    """Liquidity and distress so far at a few months."""
    shown = sorted({month for month in (3, 6, 12, 18, 24, 36, 48, 60, 120) if month < risk.months} | {risk.months})
    return [
        {
            "month": month,
            "liquidity_p5_usd": float(risk.liquidity[0, month - 1]),
            "liquidity_p50_usd": float(risk.liquidity[2, month - 1]),
            "liquidity_p95_usd": float(risk.liquidity[4, month - 1]),
            "distress": float(risk.by_month[month - 1]),
        }
        for month in shown
    ]


def company_row(risk: CompanyRisk, markets: Markets, terms: Practice) -> dict[str, Any]:
    """Everything of one company as plain numbers."""
    company = risk.company

    def fan(values: FloatArray) -> dict[str, list[float]]:
        return {name: [float(v) for v in row] for name, row in zip(_FAN, values, strict=True)}

    return {
        "company": company.key,
        "title": company.title,
        "date": f"{company.year}-{company.month:02d}",
        "months": risk.months,
        "paths": risk.paths,
        "seed": risk.seed,
        "distress": {"value": risk.distress, "interval": list(risk.distress_interval)},
        "distress_fenced_half": distress_probability(risk),
        "distress_12_months": float(risk.by_month[min(12, risk.months) - 1]),
        "default": risk.default,
        "surrender": risk.surrender,
        "covenant_breach": risk.breach,
        "site_delayed": risk.delay,
        "loss_given_default_usd": risk.loss_given_default_usd,
        "issued_frac": risk.issued_frac,
        "runway_months_markets_shut": runway_months(company, markets, terms),
        "cuts": {
            name: {"probability": share, "median_month": month if np.isfinite(month) else None}
            for name, (share, month) in risk.first_cut.items()
        },
        "maturities": maturity_wall(company),
        "value": value_parts(company, markets, terms),
        "equity_end_usd": dict(zip(_FAN, map(float, risk.equity_usd), strict=True)),
        "by_month": _by_month(risk),
        "distress_by_month": [float(v) for v in risk.by_month],
        "liquidity_usd": fan(risk.liquidity),
        "debt_usd": fan(risk.debt),
        "due_usd": [float(v) for v in risk.due],
        "assumed": list(company.assumed),
    }
