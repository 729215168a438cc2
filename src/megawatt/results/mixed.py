"""Mixed sites and the best mix as plain JSON, and a mixed site's months and hours as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.best import Best
from megawatt.chain.best_over_time import OverTime, Plan
from megawatt.chain.best_search import FrontierPoint, MixValue
from megawatt.chain.mixed import MixedPart, MixedSite
from megawatt.chain.mixed_risk import SHARED, MixedRisk
from megawatt.chain.mixed_value import Contribution
from megawatt.dispatch.achieved import Achieved
from megawatt.finance import CashFlow
from megawatt.results.operator import rows_as_csv
from megawatt.risk import tail_mean

__all__ = ["adds_rows", "best_summary", "columns_as_csv", "mixed_hours", "mixed_months", "mixed_summary"]

_TAIL = 0.05
"""Share of the worst paths whose mean is shown."""


def _known(found: Achieved | str) -> dict[str, Any]:
    """What an operator achieves of the fullest year's flexible value, perfect foresight of prices as its bound."""
    if isinstance(found, str):
        return {"why_not": found}
    return {
        "flexible_usd": found.flexible_usd,
        "achieved_usd": found.flexible_usd - found.gap_usd,
        "gap_usd": found.gap_usd,
        "achieved_frac": found.share,
        "real_time_achieved_frac": found.real_time_share,
        "real_time_error_frac": found.error_frac,
    }


def mixed_summary(
    site: MixedSite, adds: Sequence[Contribution], risk: MixedRisk | None, remarks: Sequence[str] = ()
) -> dict[str, Any]:
    """A mixed site: value, megawatts that stand idle, every part with what it adds; amounts at the site's first month.

    ``remarks`` say what of the parts' scenarios does not hold here (`LoadedMix`).

    ``adds_usd`` sum to ``value_usd``: the mean of what a part adds over the orders in which they may come;
    ``last_usd`` is the site less the site without it, ``alone_usd`` the site with it alone.
    """
    by_name = {row.name: row for row in adds}
    idle, scales = site.idle_mw(), {part.name: part.scale for part in site.parts}
    found: dict[str, Any] = {
        "name": site.name,
        "grid_mw": site.grid_mw,
        "value_usd": site.value_usd,
        "shared_usd": site.shared_usd,
        "idle_mw": {
            "least": float(idle.min()),
            "mean": float(idle.mean()),
            "by_month": idle.tolist(),
            "months": [site.common.calendar.spine.label(month) for month in range(site.months)],
        },
        "water_m3": site.water_m3(),
        "foresight": _known(site.known),
        "parts": [_part(site, part, by_name.get(part.name)) for part in site.parts],
        "adds": adds_rows(adds),
        "remarks": list(remarks),
    }
    if risk is not None:
        worth = risk.site_usd(scales)
        found["risk"] = {
            "paths": risk.paths,
            "mean_usd": float(worth.mean()),
            "p5_usd": float(np.percentile(worth, 5)),
            "p95_usd": float(np.percentile(worth, 95)),
            "tail_usd": tail_mean(worth, _TAIL),
            "probability_missed": risk.probability_missed(scales),
            "probability_missed_interval": risk.interval_missed(scales),
            "probability_missed_by_part": {name: float(missed.mean()) for name, missed in risk.missed.items()},
        }
    return found


def adds_rows(adds: Sequence[Contribution]) -> list[dict[str, Any]]:
    """What every part adds, alone, last and in the mean over the orders in which they may come. [USD]"""
    return [{"name": r.name, "alone_usd": r.alone_usd, "last_usd": r.last_usd, "adds_usd": r.share_usd} for r in adds]


def _part(site: MixedSite, part: MixedPart, adds: Contribution | None) -> dict[str, Any]:
    cash, spine = part.base, part.links.model.calendar.spine
    dscr, irr = float(cash.measures.min_dscr[0]), float(cash.measures.project_irr[0])
    return {
        "name": part.name,
        "use": part.links.scenario.use,
        "scale": part.scale,
        "it_mw": part.scale * part.links.it_mw,
        "peak_mw": part.scale * float(part.busy_mw.max()),
        "first_month": spine.label(int(np.argmax(part.live > 0.0))),
        "last_month": spine.label(spine.months - 1),
        "value_usd": part.value_usd,
        "capital_usd": part.capital_usd,
        "revenue_usd": part.scale * float(cash.revenue_total.sum()),
        "running_cost_usd": part.scale * float(cash.opex_total.sum()),
        "sold_usd": part.scale * float(cash.residual_total.sum()),
        "debt_usd": part.scale * float(cash.debt_draw.sum()),
        "min_dscr": None if np.isnan(dscr) else dscr,
        "project_irr": None if np.isnan(irr) else irr,
        "adds_usd": None if adds is None else adds.share_usd,
        "held_by_connection": bool(part.left_mw),
    }


_STATEMENT = (
    "revenue_total", "opex_total", "tax", "cfads", "capex_total", "residual_total", "debt_draw", "interest_paid",
    "principal_paid", "distributions", "closing_cash",
)  # fmt: skip


def mixed_months(site: MixedSite) -> dict[str, Any]:
    """Statements of every part at its size, of what they share, and of the site, month by month: columns. [USD]"""
    spine = site.common.calendar.spine
    labels = [spine.label(month) for month in range(site.months)]
    sized: list[tuple[str, CashFlow, float]] = [(part.name, part.base, part.scale) for part in site.parts]
    if site.shared_base is not None:
        sized.append((SHARED, site.shared_base, 1.0))
    rows: dict[str, list[Any]] = {"part": [], "month": []} | {name: [] for name in _STATEMENT}
    total = {name: np.zeros(site.months) for name in _STATEMENT}
    for name, cash, scale in sized:
        _add(rows, name, labels, {line: scale * _padded(getattr(cash, line)[0], site.months) for line in _STATEMENT})
        for line in _STATEMENT:
            total[line] += scale * _padded(getattr(cash, line)[0], site.months)
    _add(rows, "site", labels, total)
    return rows


def _padded(values: FloatArray, months: int) -> FloatArray:
    return np.concatenate([values, np.zeros(months - values.size)])


def _add(rows: dict[str, list[Any]], name: str, labels: Sequence[str], lines: Mapping[str, FloatArray]) -> None:
    rows["part"] += [name] * len(labels)
    rows["month"] += labels
    for line, values in lines.items():
        rows[line] += values.tolist()


def mixed_hours(site: MixedSite) -> dict[str, FloatArray]:
    """The site's fullest year by the hour: price (with charges, without), import, what parts take, plants give. [MW]"""
    problem, plan = site.hours
    columns = {"hour": np.arange(problem.hours, dtype=np.float64), "price_usd_per_mwh": problem.price_usd_per_mwh}
    columns["energy_price_usd_per_mwh"] = problem.energy_price_usd_per_mwh
    columns["idle_halls_mw"] = problem.firm_mw
    return columns | {f"{name}_mwh" if name.endswith(".state") else f"{name}_mw": mw for name, mw in plan.mw.items()}


def columns_as_csv(columns: Mapping[str, Any]) -> str:
    """Equally long columns as CSV."""
    names = list(columns)
    return rows_as_csv(dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))


def best_summary(best: Best, remarks: Sequence[str] = ()) -> dict[str, Any]:
    """The best mix with the best of each business alone, the gap, the frontier, shadow prices and what flips it.

    ``remarks``: as in `mixed_summary`.
    """
    flips = [row for row in best.robust if row.flips_at is not None]
    return {
        "grid_mw": best.site.grid_mw,
        "cost_of_equity": best.cost_of_equity,
        "best": _mix(best.best),
        "remarks": list(remarks),
        "single_use": [_mix(row) for row in best.single_use],
        "left_out": [{"name": row.name, "why": row.why} for row in best.left_out],
        "gap": {
            "programme_usd": best.programme_usd,
            "chain_usd": best.best.value_usd,
            "gap_usd": best.gap_usd,
            "gap_frac": best.gap_usd / max(abs(best.programme_usd), 1.0),
            "solver": best.solver,
            "seconds": best.seconds,
        },
        "foresight": _known(best.site.known),
        "over_time": None if best.over_time is None else _over_time(best.over_time),
        "frontier": [_point(point) for point in best.frontier],
        "shadow_prices": {f"usd_per_{_UNITS[name]}": usd for name, usd in best.shadow_prices.items()},
        "bounds": [
            {"path": b.path, "name": b.name, "usd_per_unit": b.usd_per_unit, "usd_per_mw": b.usd_per_mw}
            for b in best.bounds
        ],
        "robust": {
            "inputs": len(best.robust),
            "inputs_that_flip": len(flips),
            "flips": [
                {
                    "name": row.name,
                    "title": row.title,
                    "unit": row.unit,
                    "low": row.low,
                    "base": row.base,
                    "high": row.high,
                    "flips_at": row.flips_at,
                    "best_at_low": dict(row.at_low),
                    "best_at_high": dict(row.at_high),
                    "value_at_low_usd": row.value_low_usd,
                    "value_at_high_usd": row.value_high_usd,
                }
                for row in best.robust
            ],
            "map": [
                {
                    "power_level": u.power_level,
                    "pay_level": u.pay_level,
                    "scales": dict(u.scales),
                    "value_usd": u.value_usd,
                }
                for u in best.uses
            ],
        },
    }


def _over_time(found: OverTime) -> dict[str, Any]:
    """Plans of a conversion behind the connection, all on the same paths."""

    def plan(row: Plan) -> dict[str, Any]:
        return {
            "name": row.name,
            "halls": list(row.halls),
            "value_usd": row.value_usd,
            "standard_error_usd": row.error_usd,
        }

    return {
        "mining": found.mining,
        "ai": found.ai,
        "dates": list(found.dates),
        "months": found.months,
        "paths": found.paths,
        "discount_rate": found.discount_rate,
        "mining_mw": found.mining_mw,
        "ai_mw": found.ai_mw,
        "displaced_mw": list(found.displaced_mw),
        "fixed": [plan(row) for row in found.fixed],
        "options": [plan(row) for row in found.options],
        "converts_frac": list(found.converts_frac),
        "best_fixed": found.best_fixed.name,
        "best_option": found.best_option.name,
        "waiting_usd": found.waiting_usd,
        "bound_usd": found.bound_usd,
    }


_UNITS = {
    "grid_mw": "grid_mw",
    "capital_usd": "capital_usd",
    "water_m3": "water_m3_per_year",
    "carbon_t": "carbon_t_per_year",
}


def _mix(mix: MixValue) -> dict[str, Any]:
    return {
        "name": mix.name,
        "scales": dict(mix.scales),
        "plants": dict(mix.plants),
        "value_usd": mix.value_usd,
        "standard_error_usd": mix.error_usd,
        "base_case_usd": mix.base_usd,
        "tail_usd": mix.tail_usd,
        "probability_missed": mix.probability_missed,
        "capital_usd": mix.capital_usd,
        "idle_mw": mix.idle_mw,
        "note": mix.note,
    }


def _point(point: FrontierPoint) -> dict[str, Any]:
    return {
        "scales": dict(point.scales),
        "plants": dict(point.plants),
        "value_usd": point.value_usd,
        "tail_usd": point.tail_usd,
        "probability_missed": point.probability_missed,
    }
