"""A simulated company as plain named figures."""

from __future__ import annotations

import math

from megawatt.company.markets import Markets
from megawatt.company.records import Company, Practice
from megawatt.company.simulation import simulate_company
from megawatt.company.story import runway_months, value_parts

__all__ = ["company_figures"]


def company_figures(
    company: Company, markets: Markets, terms: Practice, *, months: int, paths: int
) -> dict[str, float]:
    """Probabilities over the months ahead, runway if markets shut, what its value moves with.

    Returns
    -------
    dict
        ``distress_frac``, ``default_frac``, ``delay_frac`` (a site waits for money), ``issued_frac``,
        ``liquidity_p5_usd`` and ``liquidity_p50_usd`` at the end, ``debt_p50_usd`` there, ``runway_months`` (nan:
        beyond ten years), and the parts of value by name (`value_parts`).
    """
    risk = simulate_company(company, markets, terms, months=months, paths=paths)
    runway = runway_months(company, markets, terms)
    return {
        "distress_frac": risk.distress,
        "default_frac": risk.default,
        "delay_frac": risk.delay,
        "issued_frac": risk.issued_frac,
        "liquidity_p5_usd": float(risk.liquidity[0, -1]),
        "liquidity_p50_usd": float(risk.liquidity[2, -1]),
        "debt_p50_usd": float(risk.debt[2, -1]),
        "cash_usd": company.cash_usd,
        "runway_months": math.nan if runway is None else float(runway),
        **value_parts(company, markets, terms),
    }
