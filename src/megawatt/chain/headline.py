"""The numbers that decide, read off a use's results."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.records import Headline, Sensitivity
from megawatt.dispatch import Dispatch
from megawatt.finance import CashFlow, level_annuity_usd_per_year, net_present_value_usd, operation_start_month
from megawatt.hours import HOURS_IN_YEAR
from megawatt.risk import Risk, net_cash_usd, operating_months

__all__ = ["headline", "operating_margin_usd_per_year", "tokens_per_grid_mwh", "worst_month"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def tokens_per_grid_mwh(tokens_per_s: float, import_mw: NDArray[np.float64]) -> float:
    """Tokens per MWh drawn at the connection over the site year. [1/MWh]"""
    drawn = float(import_mw.sum())
    return tokens_per_s * 3600.0 * HOURS_IN_YEAR / drawn if drawn > 0.0 else math.nan


def operating_margin_usd_per_year(cash: CashFlow, first_full_month: int) -> float:
    """Revenue less operating cost of the first twelve months in which every hall is live; base case. [USD]"""
    year = slice(first_full_month, first_full_month + 12)
    margin = (cash.revenue_total - cash.opex_total)[0, year]
    return float(margin.mean() * 12)


def worst_month(cash: CashFlow) -> tuple[str, float]:
    """The operating month with the least cash after debt service, and that cash; base case. [USD]"""
    months, net = operating_months(cash), net_cash_usd(cash)[0]
    index = months.start + int(np.argmin(net[months]))
    calendar = cash.terms.start_month - 1 + index
    return f"{_MONTHS[calendar % 12]} {cash.terms.start_year + calendar // 12}", float(net[index])


def resale_usd_per_grid_mw_year(cash: CashFlow, grid_mw: float) -> float:
    """Part of the value that is the sale of what is left, before tax: level annual amount per grid MW; base case."""
    terms, start = cash.terms, operation_start_month(cash.terms, cash.revenue_total.T)
    sold = np.sum([part[:1] for part in terms.residual.values()], axis=0)
    worth = net_present_value_usd(sold, terms.discount_rate)
    return float(level_annuity_usd_per_year(worth, terms.discount_rate, start, terms.months)[0] / grid_mw)


def _return(cash: CashFlow) -> float | None:
    """Project IRR of the base case; None where there is none, or where it contradicts the value at the discount rate.

    Cash that comes before it is spent is balanced by the cost of a loan, which falls as the value rises: no return.
    """
    rate, value = float(cash.measures.project_irr[0]), float(cash.measures.npv_usd[0])
    contradicts = (rate - cash.terms.discount_rate) * value < 0.0
    return None if math.isnan(rate) or contradicts else rate


def headline(
    *,
    cash: CashFlow,
    risk: Risk,
    dispatch: Dispatch,
    peak_mw: float,
    sensitivities: Sequence[Sensitivity],
    grid_mw: float,
    it_mw: float,
    pue: float,
    first_full_month: int,
    tokens_per_s: float | None,
) -> Headline:
    """The headline numbers of a use (definitions in `Headline` and `megawatt.results.METRICS`)."""
    value = float(cash.measures.value_usd_per_grid_mw_year[0])
    ends = [v for s in sensitivities for v in (s.value_at_low, s.value_at_high)] + [value]
    month, least = worst_month(cash)
    tokens = None if tokens_per_s is None else tokens_per_grid_mwh(tokens_per_s, dispatch.import_mw)
    token_ends = [t for s in sensitivities for t in (s.tokens_at_low, s.tokens_at_high) if t is not None]
    irr, dscr = _return(cash), float(cash.measures.min_dscr[0])
    return Headline(
        value_usd_per_grid_mw_year=value,
        value_p5=risk.value_usd_per_grid_mw_year.p5,
        value_p95=risk.value_usd_per_grid_mw_year.p95,
        value_low=min(ends),
        value_high=max(ends),
        value_usd_per_it_mw_year=value * grid_mw / it_mw,
        margin_usd_per_grid_mw_year=operating_margin_usd_per_year(cash, first_full_month) / grid_mw,
        tokens_per_grid_mwh=tokens,
        tokens_low=None if tokens is None else min([tokens, *token_ends]),
        tokens_high=None if tokens is None else max([tokens, *token_ends]),
        worst_month=month,
        worst_month_usd=least,
        probability_missed=risk.probability_missed,
        probability_missed_interval=risk.probability_missed_interval,
        min_dscr=None if math.isnan(dscr) else dscr,
        peak_mw=peak_mw,
        pue=None if math.isnan(pue) else pue,
        project_irr=irr,
        resale_usd_per_grid_mw_year=resale_usd_per_grid_mw_year(cash, grid_mw),
    )
