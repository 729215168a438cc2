"""Time of a levered GPU-cloud project on 4,096 simulated paths of 84 months, on one core, and its base case."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from megawatt.catalogue import load_catalogue
from megawatt.finance import (
    CashFlow,
    Hall,
    LoanTerms,
    OperatingFlows,
    ProjectTerms,
    TaxTerms,
    capex_by_hall,
    commit_equity,
    escalator,
    gpu_cloud_revenue,
    gpu_contract_values_usd,
    live_share,
    make_spine,
    market_utilisation,
    prepayment_flows,
    project,
    residual_of_chips,
    residual_straight_line,
    site_opex_cost,
    tenancy,
)
from megawatt.risk import FactorPaths, base_factors, factor_terms, simulate, simulate_factors

MONTHS, PATHS, BLOCK = 84, 4096, 2048
GRID_MW, IT_MW, CHIPS, PRICE_USD_PER_CHIP_HOUR, TERM = 300.0, 200.0, 76_000.0, 2.91, 60
CHIPS_USD, SHELL_USD_PER_MW, PREPAID_FRAC = 5.8e9, 15e6, 0.2
HALLS = (Hall(6, 0.25), Hall(8, 0.25), Hall(10, 0.25), Hall(12, 0.25))
LIMIT_S = 1.5
"""Limit of the simulation on one core."""


def project_of(
    factors: FactorPaths, *, compute_expected: float, opex_usd_per_kw_month: float, equity_usd: float | None = None
) -> CashFlow:
    """The project on factor paths; sizes of the IREN-Microsoft contract, energy at 35 USD/MWh and a PUE of 1.3."""
    months = factors.power.shape[1]
    spine = make_spine(2026, 1, months)
    default = factors.tenant_default_month
    let = tenancy(HALLS, months, term_months=TERM, default_month=default, relet_lag_months=6)
    earned = gpu_cloud_revenue(
        spine,
        let,
        chips=CHIPS,
        price_usd_per_chip_hour=PRICE_USD_PER_CHIP_HOUR,
        availability_frac=1.0,
        market_price_usd_per_chip_hour=PRICE_USD_PER_CHIP_HOUR,
        market_price_factor=factors.compute,
        market_utilisation_frac=market_utilisation(factors.demand, 0.8),
    )
    values = gpu_contract_values_usd(
        spine,
        HALLS,
        chips=CHIPS,
        price_usd_per_chip_hour=PRICE_USD_PER_CHIP_HOUR,
        availability_frac=1.0,
        term_months=TERM,
    )
    prepaid, credit = prepayment_flows(
        HALLS, months, amounts_usd=PREPAID_FRAC * values, lead_months=2, term_months=TERM, default_month=default
    )
    live = live_share(HALLS, months)
    energy = factors.power * (35.0 * IT_MW * 0.9 * 1.3 * spine.hours * live)
    site = site_opex_cost(IT_MW, opex_usd_per_kw_month, live * escalator(months, 0.03))
    capex = {
        "chips": capex_by_hall(CHIPS_USD, HALLS, 1, months),
        "shell": capex_by_hall(SHELL_USD_PER_MW * IT_MW, HALLS, 6, months),
    }
    resale = residual_of_chips(
        CHIPS_USD, HALLS, months, share_at_five_years=0.2, price_to_expected=factors.compute[:, -1] / compute_expected
    )
    terms = ProjectTerms(
        start_year=2026,
        start_month=1,
        months=months,
        capex_cost=capex,
        residual={"chips": resale, "shell": residual_straight_line(capex["shell"], 30.0, HALLS[0].month)},
        loan=LoanTerms(2.5e9, 0.09, draw_month=5, first_payment_month=7, last_payment_month=66),
        tax=TaxTerms(0.21, {"chips": 5.0, "shell": 39.0}),
        discount_rate=0.09,
        committed_equity_usd=equity_usd,
        operation_start_month=HALLS[0].month,
        construction_months=HALLS[-1].month,
    )
    flows = OperatingFlows(
        {"contract": earned.contract, "market": earned.market}, {"site": site, "energy": energy}, prepaid, credit
    )
    return project(terms, flows, grid_mw=GRID_MW)


def _best_s(work: Callable[[], object], times: int = 5) -> float:
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return min(durations)


def main() -> dict[str, float]:
    """Times in seconds, and measures of the base case."""
    catalogue = load_catalogue()
    terms = factor_terms(catalogue, payer="speculative")
    expected = base_factors(terms, MONTHS)
    model = partial(
        project_of,
        compute_expected=float(expected.compute[0, -1]),
        opex_usd_per_kw_month=catalogue.number("finance-practice", "ai_cloud_opex_usd_per_kw_month"),
    )
    base = model(expected)
    committed = partial(model, equity_usd=commit_equity(base.terms, base).committed_equity_usd)
    seed = np.random.SeedSequence(1)
    block = simulate_factors(terms, MONTHS, BLOCK, seed)
    simulate_s = _best_s(
        lambda: simulate(committed, terms, months=MONTHS, paths=PATHS, seed=1, workers=1, grid_mw=GRID_MW), 3
    )
    risk = simulate(committed, terms, months=MONTHS, paths=PATHS, seed=1, grid_mw=GRID_MW)
    blocks = PATHS / BLOCK
    return {
        "factors_s": blocks * _best_s(lambda: simulate_factors(terms, MONTHS, BLOCK, seed)),
        "cash_flow_s": blocks * _best_s(lambda: committed(block)),
        "simulate_s": simulate_s,
        "simulate_limit_s": LIMIT_S,
        "paths_per_s": PATHS / simulate_s,
        "base_npv_musd": float(base.measures.npv_usd[0]) / 1e6,
        "base_project_irr": float(base.measures.project_irr[0]),
        "base_equity_irr": float(base.measures.equity_irr[0]),
        "base_min_dscr": float(base.measures.min_dscr[0]),
        "base_value_usd_per_grid_mw_year": float(base.measures.value_usd_per_grid_mw_year[0]),
        "npv_mean_musd": risk.npv_usd.mean / 1e6,
        "npv_error_musd": risk.npv_usd.standard_error / 1e6,
        "npv_p5_musd": risk.npv_usd.p5 / 1e6,
        "probability_missed": risk.probability_missed or 0.0,
    }
