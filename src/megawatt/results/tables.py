"""Results as tables: hourly, monthly, paths, parts, assumptions; one row set per use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.records import Comparison, UseResult
from megawatt.hours import HOURS_IN_YEAR

__all__ = ["Table", "tables_of"]


@dataclass(frozen=True, slots=True)
class Table:
    """Equally long columns and their units."""

    name: str
    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str]


def _stack(name: str, parts: Iterable[Mapping[str, NDArray[Any]]], units: Mapping[str, str]) -> Table:
    """One table of several uses; a column that a use lacks is NaN there."""
    parts = list(parts)
    names = list(dict.fromkeys(column for part in parts for column in part))
    columns = {}
    for column in names:
        pieces = []
        for part in parts:
            length = len(next(iter(part.values())))
            pieces.append(part.get(column, np.full(length, np.nan)))
        columns[column] = np.concatenate(pieces)
    return Table(name, columns, {c: u for c, u in units.items() if c in columns})


def _labels(text: str, n: int) -> NDArray[np.object_]:
    return np.full(n, text, dtype=object)


def _hourly(use: UseResult) -> dict[str, NDArray[Any]]:
    d = use.dispatch
    return {
        "use": _labels(use.name, HOURS_IN_YEAR),
        "hour": np.arange(HOURS_IN_YEAR),
        "dry_bulb_c": use.weather.dry_bulb_c,
        "wet_bulb_c": use.weather.wet_bulb_c,
        "price_usd_per_mwh": use.price_usd_per_mwh,
        "import_mw": d.import_mw,
        "ai_it_mw": d.ai_it_mw,
        "ai_facility_mw": d.ai_facility_mw,
        "ai_curtailed_mw": d.ai_curtailed_mw,
        "mining_it_mw": d.mining_it_mw,
        "mining_facility_mw": d.mining_facility_mw,
        "water_l": d.water_l,
    } | {f"part_{name}_mw": values for name, values in use.facility.parts_mw.items()}


def _monthly(use: UseResult) -> dict[str, NDArray[Any]]:
    cash, months = use.cash, use.cash.terms.months
    index = cash.terms.start_month - 1 + np.arange(months)
    columns: dict[str, NDArray[Any]] = {
        "use": _labels(use.name, months),
        "month": np.arange(months),
        "year": cash.terms.start_year + index // 12,
        "calendar_month": index % 12 + 1,
    }
    columns |= {f"revenue_{k}_usd": v[0] for k, v in cash.flows.revenue.items()}
    columns |= {f"opex_{k}_usd": v[0] for k, v in cash.flows.opex_cost.items()}
    names = ("tax", "tax_accrued", "cfads", "capex_total", "residual_total", "debt_draw", "interest_paid",
             "principal_paid", "fees", "debt_balance", "equity_in", "distributions", "closing_cash",
             "arrears")  # fmt: skip
    columns |= {"prepayment_usd": cash.flows.prepayment[0], "prepayment_credit_usd": cash.flows.prepayment_credit[0]}
    columns |= {f"{name}_usd": getattr(cash, name)[0] for name in names}
    service = np.broadcast_to(cash.service, cash.dscr.shape)[0]
    return columns | {"cover_cash_usd": cash.cover_cash[0], "service_usd": service, "dscr": cash.dscr[0]}


def _paths(use: UseResult) -> dict[str, NDArray[Any]]:
    samples = use.risk.samples
    n = len(next(iter(samples.values()), ()))
    return {"use": _labels(use.name, n), "path": np.arange(n)} | dict(samples)


def _assumptions(use: UseResult) -> dict[str, NDArray[Any]]:
    rows = use.assumptions
    facts = [a.fact for a in rows]

    def words(values: Iterable[str]) -> NDArray[np.object_]:
        return np.array(list(values), dtype=object)

    def number(value: float | str | None) -> float:
        return float("nan") if value is None or isinstance(value, str) else value

    return {
        "use": _labels(use.name, len(rows)),
        "name": words(a.name for a in rows),
        "room": words(a.room for a in rows),
        "value": np.array([number(f.value) for f in facts]),
        "text": words(f.value if isinstance(f.value, str) else "" for f in facts),
        "unit": words(f.unit for f in facts),
        "low": np.array([number(f.low) for f in facts]),
        "high": np.array([number(f.high) for f in facts]),
        "kind": words(f.kind for f in facts),
        "source": words(f.source for f in facts),
        "date": words(f.date for f in facts),
        "note": words(f.note for f in facts),
    }


def _units(columns: Iterable[str]) -> dict[str, str]:
    """Units from the ends of names, longest first."""
    ends = {"usd_per_grid_mw_year": "USD/MW/year", "usd_per_mwh": "USD/MWh", "_usd": "USD", "_mw": "MW", "_c": "degC",
            "_l": "L", "hour": "h"}  # fmt: skip
    return {
        c: unit for c in columns for unit in [next((u for end, u in ends.items() if c.endswith(end)), None)] if unit
    }


def tables_of(comparison: Comparison) -> list[Table]:
    """The tables of a run folder: hourly, monthly, paths, assumptions."""
    makers = {"hourly": _hourly, "monthly": _monthly, "paths": _paths, "assumptions": _assumptions}
    tables = []
    for name, maker in makers.items():
        parts = [maker(use) for use in comparison.uses]
        tables.append(_stack(name, parts, _units(dict.fromkeys(c for p in parts for c in p))))
    return tables
