"""What an operator reads off a dispatched year, as JSON and as rows of a CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np

from megawatt.chain.hours import SiteYear
from megawatt.chain.mined_records import MinedMonth, MinedYear
from megawatt.dispatch import HourlyPlan, HourlyProblem, WaterPlan, earned_usd, ledger
from megawatt.dispatch.operator import OperatorYear
from megawatt.dispatch.trace import week_start
from megawatt.hours import MONTH_NAMES
from megawatt.results.view import mined_summary
from megawatt.tariff import Bill
from megawatt.words import sparkline

__all__ = [
    "coins",
    "first_year",
    "operator_rows",
    "operator_summary",
    "peak_lines",
    "rows_as_csv",
    "week_lines",
    "year_summary",
]

_SUMS = tuple(field.name for field in fields(OperatorYear) if field.name != "months")


def operator_summary(year: OperatorYear) -> dict[str, Any]:
    """The year's sums, and each by month; ``null`` for what a MWh costs in a month without any."""
    months = [{"month": name, **_values(year, slice(i, i + 1))} for i, name in enumerate(year.months)]
    return {**_values(year, slice(None)), "months": months}


def _values(year: OperatorYear, at: slice) -> dict[str, float | None]:
    row: dict[str, float | None] = {name: float(np.sum(getattr(year, name)[at])) for name in _SUMS}
    drawn, bill = float(np.sum(year.import_mwh[at])), float(np.sum(year.bill_usd[at]))
    return row | {
        "saved_usd": float(np.sum(year.saved_usd[at])),
        "all_in_usd_per_mwh": bill / drawn if drawn > 0.0 else None,
    }


def coins(months: Iterable[MinedMonth]) -> dict[str, float | None]:
    """Coins of the own machines in these months of the base case, and what one, and a PH/s for a day, costs in cash."""
    rows = list(months)
    btc, ph_days = sum(m.mined_btc for m in rows), sum(m.ph_days for m in rows)
    energy = sum(m.own_energy_usd for m in rows)
    cash = energy + sum(m.own_site_usd for m in rows)
    return {
        "mined_btc": btc,
        "energy_usd_per_btc": energy / btc if btc > 0.0 else None,
        "cash_usd_per_btc": cash / btc if btc > 0.0 else None,
        "cash_usd_per_ph_day": cash / ph_days if ph_days > 0.0 else None,
    }


def peak_lines(bill: Bill) -> list[str]:
    """What charges on coincident peaks come to by chance, a sentence for each."""
    lines = []
    for chance in bill.chances:
        head = f"{chance.name}: {chance.peaks} peaks, expected in {chance.hours} hours"
        if chance.miss_frac == 0.0:
            lines.append(f"{head} and never in another: what avoidance saves at most (power.peak_miss_frac)")
            continue
        kusd = {"none is": chance.caught_usd, "all are": chance.missed_usd}
        ends = ", ".join(f"{usd / 1e3:,.0f} kUSD if {of}" for of, usd in kusd.items() if usd == usd)
        lines.append(
            f"{head}, each missed with a chance of {chance.miss_frac:.0%}: none is in "
            f"{chance.none_missed_frac:.1%}; {ends}, {chance.usd / 1e3:,.0f} in the mean (before riders and tax)"
        )
    return lines


def first_year(mined: MinedYear) -> dict[str, MinedMonth]:
    """Months of the dispatched year by their name, e.g. ``Jan``."""
    shown = [m for m in mined.months if mined.first_month <= m.month <= mined.last_month]
    return {MONTH_NAMES[int(m.month[-2:]) - 1]: m for m in shown}


def operator_rows(name: str, plan: str, year: OperatorYear, mined: MinedYear | None = None) -> list[dict[str, Any]]:
    """A row for each month and one of the year: use, plan, month, then numbers with their unit in the name."""
    worth = dict(zip(MONTH_NAMES, mined.by_month_usd_per_mwh.tolist(), strict=True)) if mined is not None else {}
    rows = []
    for i, month in enumerate((*year.months, "year")):
        at = slice(i, i + 1) if i < len(year.months) else slice(None)
        row = {"use": name, "plan": plan, "month": month, **_values(year, at)}
        if mined is not None:
            usd = worth.get(month, mined.usd_per_mwh)
            there = first_year(mined)
            row |= coins([there[month]] if month in there else [] if i < len(year.months) else there.values())
            row |= {"mined_usd_per_mwh": usd, "strike_usd_per_mwh": usd / mined.usd_per_mwh * mined.strike_usd_per_mwh}
        rows.append(row)
    return rows


def rows_as_csv(rows: Iterable[dict[str, Any]]) -> str:
    """Rows as CSV under one header; '' where a row lacks a value."""
    rows = list(rows)
    names: Sequence[str] = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: str | float | None) -> str:
    return "" if value is None else f"{value:.6f}" if isinstance(value, float) else value


def year_summary(
    year: SiteYear, plans: Mapping[str, HourlyPlan], operated: Mapping[str, OperatorYear], bill: Bill | None
) -> dict[str, Any]:
    """A dispatched year as plain values: what each plan earns line by line, the bill, coins, water, the operator's."""
    return {
        "name": year.name,
        "hours": year.problem.hours,
        "plans": {key: _plan(year.problem, plan) for key, plan in plans.items()},
        **({} if year.mined is None else {"mined": mined_summary(year.mined)}),
        **({} if year.water is None else {"water": _water(year.water)}),
        **({} if bill is None else {"bill": bill.as_dict()}),
        "operator": {key: operator_summary(one) for key, one in operated.items()},
    }


def _plan(problem: HourlyProblem, plan: HourlyPlan) -> dict[str, Any]:
    book = ledger(problem, plan)
    return {
        "objective_usd": plan.objective_usd,
        "earned_usd": earned_usd(book),
        "solver": plan.solver,
        "solve_s": plan.solve_s,
        "peak_mw": dict(plan.peak_mw),
        "ledger": [
            {"name": e.name, "amount": e.amount, "unit": e.unit, "usd": e.usd, "carbon_t": e.carbon_t} for e in book
        ],
    }


def _water(plan: WaterPlan) -> dict[str, float]:
    return {
        "wet_hours": plan.wet_hours,
        "water_m3": plan.water_m3,
        "marginal_usd_per_m3": plan.marginal_usd_per_m3,
        "gap_usd": plan.gap_usd,
    }


_WEEK: Final = 168
"""Hours of a week."""
_COLUMNS: Final = 56
"""Columns of a week in a terminal: three hours each."""


def week_lines(problem: HourlyProblem, plan: HourlyPlan, week: int) -> list[str]:
    """A week's price and power as rows of blocks, from the lowest to the highest of each."""
    first = week_start(week, problem.hours)
    hours = slice(first, first + _WEEK)
    rows = {"price": problem.price_usd_per_mwh, **plan.mw}
    shown = {name: values[hours] for name, values in rows.items() if np.ptp(values[hours]) > 0.0}
    wide = max(map(len, shown), default=0)
    return [
        f"week {week} {name:<{wide}} {sparkline(values.tolist(), _COLUMNS)} {values.min():,.0f} to {values.max():,.0f} "
        f"{'USD/MWh' if name == 'price' else 'MW'}"
        for name, values in shown.items()
    ]
