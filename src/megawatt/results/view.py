"""The summary of a comparison as plain JSON: every headline number with its unit and the inputs it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from megawatt.chain.mined_records import MinedMonth, MinedYear
from megawatt.chain.records import Comparison, ConversionResult, Footprint, UseResult
from megawatt.facility import WorstHour
from megawatt.files import strict
from megawatt.finance.credit import credit_measures
from megawatt.finance.rates_of_return import irr
from megawatt.finance.records import CashFlow
from megawatt.finance.tranches import Stack
from megawatt.results.workbook.coverage import without_formulas
from megawatt.runs import run_dict
from megawatt.training import nearest_run

__all__ = ["METRICS", "conversion_summary", "mined_summary", "summary_of"]

_TO_TRAINING: Final = ("catalogue", "workload", "hardware", "training")
_TO_FACILITY: Final = (*_TO_TRAINING, "facility")
_TO_DISPATCH: Final = (*_TO_FACILITY, "mining", "dispatch")
_TO_FINANCE: Final = (*_TO_DISPATCH, "finance", "scenario")
_TO_RISK: Final = (*_TO_FINANCE, "risk")

METRICS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "value_usd_per_grid_mw_year": ("USD/MW/year", "level annual value after all capital, per grid MW", _TO_FINANCE),
    "value_p5": ("USD/MW/year", "5th percentile of the market simulation", _TO_RISK),
    "value_p95": ("USD/MW/year", "95th percentile of the market simulation", _TO_RISK),
    "value_low": (
        "USD/MW/year",
        "worst end of the ranges of inputs (published or assumed), one at a time",
        _TO_FINANCE,
    ),
    "value_high": (
        "USD/MW/year",
        "best end of the ranges of inputs (published or assumed), one at a time",
        _TO_FINANCE,
    ),
    "value_usd_per_it_mw_year": ("USD/MW/year", "the same value per MW of critical IT", _TO_FINANCE),
    "margin_usd_per_grid_mw_year": ("USD/MW/year", "revenue less operating cost, first full year", _TO_FINANCE),
    "tokens_per_grid_mwh": (
        "1/MWh",
        "tokens trained on, or of answers, per MWh drawn from the grid",
        _TO_DISPATCH,
    ),
    "tokens_low": ("1/MWh", "worst end of the ranges of inputs (published or assumed)", _TO_DISPATCH),
    "tokens_high": ("1/MWh", "best end of the ranges of inputs (published or assumed)", _TO_DISPATCH),
    "worst_month": ("", "operating month with the least cash after debt service, before tax", _TO_FINANCE),
    "worst_month_usd": ("USD", "cash after debt service, before tax, in that month", _TO_FINANCE),
    "probability_missed": ("", "probability that debt service is missed in any month", _TO_RISK),
    "probability_missed_interval": ("", "its 95 % confidence interval (simulation error only)", _TO_RISK),
    "min_dscr": ("", "lowest debt service cover ratio, trailing twelve months, base case", _TO_FINANCE),
    "peak_mw": ("MW", "largest import of the year", _TO_DISPATCH),
    "pue": ("", "facility energy over IT energy of the year", _TO_FACILITY),
    "resale_usd_per_grid_mw_year": ("USD/MW/year", "part of the value that is the sale of what is left", _TO_FINANCE),
    "project_irr": ("1/year", "internal rate of return after tax, before debt", _TO_FINANCE),
}
"""Unit, definition and the rooms whose assumptions each headline number rests on."""


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value


_REASONS: Final = {
    "pue": "next to no IT energy in the year",
    "min_dscr": "no debt service, or next to none beside the cash",
    "project_irr": "no single rate of return balances the cash flow",
    "probability_missed": "no debt",
    "probability_missed_interval": "no debt",
}
"""Why a headline number may be missing; the others: no training job in this use, or nothing drawn from the grid."""


def _why_none(name: str, value: Any) -> dict[str, str]:
    missing = _plain(value) is None
    return {"why_none": _REASONS.get(name, "not defined for this use")} if missing else {}


def _headline(use: UseResult) -> dict[str, Any]:
    by_room: dict[str, list[str]] = {}
    for assumption in use.assumptions:
        by_room.setdefault(assumption.room, []).append(assumption.name)
    return {
        name: {
            "value": _plain(getattr(use.headline, name)),
            **_why_none(name, getattr(use.headline, name)),
            "unit": unit,
            "means": means,
            "rests_on": sorted({a for room in rooms for a in by_room.get(room, [])}),
        }
        for name, (unit, means, rooms) in METRICS.items()
    }


def _plan(use: UseResult) -> dict[str, Any] | None:
    plan = use.plan
    if plan is None:
        return None
    layout = plan.layout
    names = ("tp", "pp", "vpp", "cp", "ep", "dp", "micro_batch", "zero", "recompute")
    return {
        "model": plan.job.arch.key,
        "system": plan.system,
        "chips": plan.chips,
        "precision": plan.job.precision,
        "layout": {n: int(getattr(layout, n)[0]) for n in names},
        "step_time_s": plan.step_time_s,
        "step_parts_s": {k: float(v[0]) for k, v in plan.cost.parts_s.items()},
        "memory_bytes": float(plan.cost.memory_bytes[0]),
        "tokens_per_s_per_chip": plan.tokens_per_s_per_chip,
        "mfu": plan.mfu,
        "hfu": plan.hfu,
        "chip_power_w": plan.chip_power_w,
        "it_w_per_chip": plan.it_w_per_chip,
        "evidence": dict(plan.evidence),
        "rests_on": plan.rests_on,
        "nearest_run": nearest_run(plan),
        "layouts_considered": plan.considered,
        "layouts_rejected": dict(plan.rejected),
    }


def _run(use: UseResult) -> dict[str, Any] | None:
    if use.run is None:
        return None
    cost = use.run_cost
    return run_dict(use.run) | {"cost": None if cost is None else cost.figures()}


def _served(use: UseResult) -> dict[str, Any] | None:
    chips = use.served
    if chips is None:
        return None
    plan, best = chips.plan, chips.plan.best
    return {
        "model": plan.service.arch.key,
        "system": plan.system.key,
        "precision": plan.service.precision,
        "layout": best.name,
        "concurrency": best.concurrency,
        "ttft_s": best.ttft_s,
        "tpot_s": best.tpot_s,
        "planned_tokens_per_s_per_chip": best.tokens_per_s_per_chip,
        "tokens_per_s_per_chip": chips.tokens_per_s_per_chip,
        "usd_per_chip_hour": chips.usd_per_chip_hour,
        "serving_w": chips.serving_w,
        "spare_w": chips.spare_w,
        "busy_by_hour": [float(share) for share in chips.demand.busy_by_hour()],
        "limit": best.limit,
        "evidence": dict(plan.evidence),
    }


def _of_site(use: UseResult) -> tuple[tuple[str, Footprint | WorstHour | None], ...]:
    """What the site's place and weather say of a use."""
    return (("footprint", use.footprint), ("worst_hour", use.worst_hour), ("hottest_hour", use.hottest_hour))


def _arrays_as_lists(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {name: _arrays_as_lists(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_arrays_as_lists(value) for value in content]
    return content.tolist() if isinstance(content, np.ndarray) else content


def _use(use: UseResult) -> dict[str, Any]:
    measures = use.cash.measures
    return {
        "name": use.name,
        "title": use.title,
        "use": use.use,
        "grid_mw": use.grid_mw,
        "it_mw": use.it_mw,
        "chips": use.chips,
        "headline": _headline(use),
        "training": _plan(use),
        "run": _run(use),
        "serving": _served(use),
        "energy_cost_usd": dict(use.dispatch.energy_cost_usd),
        "carbon_t": use.dispatch.carbon_t,
        **{name: value and asdict(value) for name, value in _of_site(use)},
        "wue_l_per_kwh": use.facility.wue_l_per_kwh,
        "npv_usd": _plain(float(measures.npv_usd[0])),
        "equity_irr": _plain(float(measures.equity_irr[0])),
        "credit": None if use.credit is None else _arrays_as_lists(asdict(use.credit)),
        "lender": {name: _plain(value) for name, value in asdict(credit_measures(use.cash)).items()},
        "unit_costs": {
            cost.name: {"value": _plain(cost.value), "unit": cost.unit, "means": cost.means} for cost in use.unit_costs
        },
        "sensitivities": [
            {
                "name": s.name,
                "unit": s.unit,
                "low": s.low,
                "base": s.base,
                "high": s.high,
                "value_at_low": s.value_at_low,
                "value_at_high": s.value_at_high,
                **{name: getattr(s, name) for name in _BESIDE_VALUE},
            }
            for s in use.sensitivities
        ],
        "stack": None if use.stack is None else _stack(use.stack, use.cash),
        "partners": None if use.venture is None else asdict(use.venture),
        "stresses": [_finite(asdict(stress)) for stress in use.stresses],
        "mined": None if use.mined is None else mined_summary(use.mined),
        "assumptions": len(use.assumptions),
        "unmeasured": sum(a.fact.kind == "assumed" for a in use.assumptions),
        "warnings": list(use.warnings),
        "no_workbook": list(without_formulas(use.cash)),
    }


_BESIDE_VALUE: Final = (
    "tokens_at_low",
    "tokens_at_high",
    "dscr_at_low",
    "dscr_at_high",
    "llcr_at_low",
    "llcr_at_high",
    "missed_at_low",
    "missed_at_high",
)
"""What a sensitivity says beside the value: tokens per grid MWh, and the loan."""


def _stack(stack: Stack, cash: CashFlow) -> dict[str, Any]:
    """Tranches behind the loan by their totals, and the owners' return after them; base case. [USD]"""
    flow = stack.distributions[:1] - stack.equity_in[:1] - (0.0 if cash.owners_tax is None else cash.owners_tax[:1])
    rate = float(irr(flow, cash.terms.timing.years).rate[0])
    return {
        "equity_irr": _plain(rate),
        "equity_usd": float(stack.equity_in[0].sum()),
        "tranches": [
            {
                "name": tranche.terms.name,
                "kind": tranche.terms.kind,
                "drawn_usd": tranche.drawn_usd,
                "paid_usd": tranche.paid_usd,
                "most_owed_usd": float(tranche.balance[0].max()),
                "unpaid_at_end_usd": tranche.unpaid_at_end_usd,
                "converted_usd": tranche.converted_usd,
                "converted_worth_usd": tranche.converted_usd * (tranche.terms.converted_worth or 0.0),
                "behind_periods": int((tranche.arrears[0] > 0.0).sum()),
            }
            for tranche in stack.tranches
        ],
    }


def mined_summary(mined: MinedYear) -> dict[str, Any]:
    """What a mined MWh earns in the dispatched year, the price of power at which miners stop, and the outlook."""
    return {
        "months": [mined.first_month, mined.last_month],
        "usd_per_mwh": mined.usd_per_mwh,
        "usd_per_mwh_by_month": [float(value) for value in mined.by_month_usd_per_mwh],
        "facility_per_it": mined.facility_per_it,
        "strike_usd_per_mwh": mined.strike_usd_per_mwh,
        "strikes_usd_per_mwh": list(mined.strikes_usd_per_mwh),
        "next_difficulty_ratio": mined.next_difficulty_ratio,
        "rule": mined.assumptions[0].fact.note,
        "outlook": [asdict(year) for year in mined.outlook],
        "year_btc": mined.year_btc,
        "cash_usd_per_btc": mined.cash_usd_per_btc,
        "hosted_strike_usd_per_mwh": mined.hosted_strike_usd_per_mwh,
        "machines": [_finite(asdict(step)) for step in mined.machines],
        "mined_months": [_mined_month(row) for row in mined.months],
    }


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """A row for JSON, which has no infinity: None in its place."""
    return {name: None if isinstance(value, float) and math.isinf(value) else value for name, value in row.items()}


def _mined_month(row: MinedMonth) -> dict[str, Any]:
    """A month of miners with what its numbers come to per coin, hash and MWh."""
    rates = ("hashprice_btc_per_ph_day", "energy_usd_per_btc", "cash_usd_per_btc", "cash_usd_per_ph_day",
             "all_in_usd_per_mwh")  # fmt: skip
    return asdict(row) | {name: getattr(row, name) for name in rates}


def summary_of(comparison: Comparison) -> dict[str, Any]:
    """The comparison's headline numbers and shape, without its arrays.

    Returns
    -------
    dict
        JSON-ready: ``name``, ``title``, ``question``, ``uses`` with each headline number's value, unit, meaning and
        the names of the assumptions it rests on (their sources are in ``assumptions.parquet``).
    """
    summary = {
        "name": comparison.name,
        "title": comparison.title,
        "question": comparison.question,
        "uses": [_use(use) for use in comparison.uses],
    } | ({"conversion": conversion_summary(comparison.conversion)} if comparison.conversion else {})
    return dict(strict(summary))


def conversion_summary(result: ConversionResult) -> dict[str, Any]:
    """A conversion as plain JSON: worth of the site under each plan, and per hall.

    ``value_usd`` is the site's worth at the start of month 0, after tax, before debt; ``value_usd_per_hall`` a hall's
    share of it; ``value_usd_per_grid_mw_year`` the level annual amount of that worth.
    """

    def worth(value: float) -> dict[str, float]:
        return {
            "value_usd": value,
            "value_usd_per_hall": value / result.halls,
            "value_usd_per_grid_mw_year": value * result.usd_per_grid_mw_year,
        }

    best = max(range(len(result.partly_usd)), key=lambda k: result.partly_usd[k])
    return {
        "mining": result.mining,
        "ai": result.ai,
        "halls": result.halls,
        "months": result.months,
        "paths": result.paths,
        "discount_rate": result.discount_rate,
        "never": worth(result.never_usd) | {"standard_error_usd": result.never_error_usd},
        "now": worth(result.dates[0].value_usd) | {"standard_error_usd": result.dates[0].error_usd},
        "dates": [
            {"month": d.month, "standard_error_usd": d.error_usd, "option_converts_frac": d.converts_frac}
            | worth(d.value_usd)
            for d in result.dates
        ],
        "option": worth(result.option_usd)
        | {
            "standard_error_usd": result.option_error_usd,
            "worth_of_waiting_usd": result.waiting_usd,
            "means": "lower bound: the rule is learned on half of the paths and measured on the others; the standard "
            "error is that of its gain over never",
        },
        "partly": [{"halls_now": k} | worth(value) for k, value in enumerate(result.partly_usd)],
        "best_halls_now": best,
        "warnings": list(result.warnings),
        "assumptions": [
            {name: getattr(a.fact, name) for name in ("value", "low", "high", "kind", "source", "note")}
            | {"name": a.name}
            for a in result.assumptions
        ],
    }
