"""How bad can it get for one use of a site: what breaks, when, why, how likely, and what named episodes would do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.chain.links import Links
from megawatt.chain.money import CashModel
from megawatt.chain.refinancing import refinancing_option
from megawatt.finance import CashFlow, ProjectTerms
from megawatt.finance.measures import CENT
from megawatt.finance.money_market import new_rate
from megawatt.risk import (
    BLOCK_PATHS,
    BreakingPoint,
    Cluster,
    FactorPaths,
    FactorTerms,
    breaking_points,
    demand_scenarios,
    draw,
    drivers,
    episode_factors,
    estimate,
    factors_of,
    named_episodes,
    run_calls,
    tail_mean,
    wilson_interval,
)
from megawatt.risk.factors import FACTORS
from megawatt.risk.sampling import DrawKind, Draws
from megawatt.risk.tails import Tails, fat_tailed, tails_of

__all__ = ["EVENTS", "risk_study"]

EVENTS: Final = ("lockup", "breach", "payment_default", "balloon_default", "insolvency")
"""What lenders tell apart, as `megawatt.finance.Events` has them."""
_BINS: Final = 20
"""Bins of a factor in which the mean outcome is taken."""
_YEARS: Final = (1, 2, 3, 5, 7, 10, 15)
"""Years at whose end a breaking path is told."""


def risk_study(
    links: Links,
    *,
    kind: DrawKind = "plain",
    paths: int = 4096,
    seed: int = 0,
    workers: int = 1,
    cluster: Cluster | None = None,
    fat_tails: bool = False,
) -> dict[str, Any]:
    """Everything about one use's risk as plain numbers.

    Parameters
    ----------
    links : Links
        Of the use, with its base case.
    kind : str
        How paths are drawn; importance sampling begins from the breaking point.
    fat_tails : bool
        Factors under the t copula, and bitcoin with the jumps, that history shows (`megawatt.risk.tails`).
    paths, seed, workers : int
        The result is the same for any number of workers.
    cluster : Cluster, optional
        Takes the paths in place of ``workers`` (`megawatt.risk.open_cluster`); the result is the same.
    """
    model, terms, months = links.model.committed(links.base), links.terms, links.model.calendar.spine.months
    has_loan = links.base.terms.loan is not None
    plain = draw("plain" if kind == "importance" else kind, months, paths, seed)
    tails = tails_of(links.catalogue) if fat_tails else None
    run = partial(run_calls, workers=workers, cluster=cluster)
    found = _simulated(model, terms, plain, run, tails)
    points: tuple[BreakingPoint, ...] = ()
    rare = None
    if has_loan:
        broke = found["payment_default"] >= 0
        start = plain.normals[:, :, broke].mean(axis=2) if broke.any() else None
        points = breaking_points(partial(_breaks, model), terms, months, start, seed)
        market = next((point for point in points if not point.tenant_fails and point.distance > 0.0), None)
        if market is not None:
            pulled = draw("importance", months, paths, seed, market.normals)
            hit = _simulated(model, terms, pulled, run, tails)["payment_default"] >= 0
            rare = _told(estimate(hit, pulled, "importance"))
            rare["interval"] = [min(max(end, 0.0), 1.0) for end in rare["interval"]]
    shown: DrawKind = "plain" if kind == "importance" else kind
    return {
        "name": links.scenario.name,
        "title": links.scenario.title,
        "draws": shown,
        "fat_tails": fat_tails,
        "paths": int(plain.weights.size),
        "seed": seed,
        "months": months,
        "npv_usd": _told(estimate(found["npv_usd"], plain, shown)),
        "expected_shortfall_5_usd": tail_mean(found["npv_usd"]),
        "events": _events(found, plain, shown, links.model.calendar.spine.label) if has_loan else {},
        "loss_given_default": _loss(found) if has_loan else None,
        "refinancing": _refinancing(found, plain, shown),
        "refinancing_option": refinancing_option(
            links,
            model,
            plain if shown == "plain" else draw("plain", months, paths, seed),
            partial(_factors, terms, tails),
            run,
        ),
        "payment_default_importance": rare,
        "drivers": _drivers(found),
        "breaking_points": [_breaking(point) for point in points],
        "episodes": [_episode(model, terms, months, s) for s in named_episodes(links.catalogue)],
        "demand": _weighted([_episode(model, terms, months, s) for s in demand_scenarios(links.catalogue)]),
    }


def _breaks(model: CashModel, factors: FactorPaths) -> NDArray[np.bool_]:
    return np.asarray(model.missed(factors) >= 0)


def _block(
    model: CashModel,
    terms: FactorTerms,
    tails: Tails | None,
    normals: FloatArray,
    uniforms: FloatArray,
    extras: FloatArray,
) -> dict[str, NDArray[Any]]:
    factors = _factors(terms, tails, normals, uniforms, extras)
    return _outcome(model(factors), factors, normals.shape[2])


def _factors(
    terms: FactorTerms, tails: Tails | None, normals: FloatArray, uniforms: FloatArray, extras: FloatArray
) -> FactorPaths:
    if tails is None:
        return factors_of(terms, normals, uniforms)
    return fat_tailed(terms, tails, normals, uniforms, extras)


def _outcome(cash: CashFlow, factors: FactorPaths, count: int) -> dict[str, NDArray[Any]]:
    def rows(values: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(values, (count,)) if values.shape[0] == 1 else values

    out: dict[str, NDArray[Any]] = {"npv_usd": rows(cash.measures.npv_usd), "min_dscr": rows(cash.measures.min_dscr)}
    never = np.full(1, -1, dtype=np.int64)
    for name in EVENTS:
        out[name] = rows(never if cash.events is None else getattr(cash.events, name))
    out["payment_default"] = rows(cash.missed)
    last = cash.debt_balance[:, -1] + cash.arrears[:, -1]
    out["unpaid_usd"] = rows(last)
    month = np.maximum(out["payment_default"], 0)
    owed = np.broadcast_to(cash.debt_balance, (count, cash.debt_balance.shape[1]))
    out["exposure_usd"] = owed[np.arange(count), month]
    if cash.not_refinanced is not None:
        out["not_refinanced_usd"] = rows(cash.not_refinanced)
        out["new_rate"] = rows(_new_rate(cash.terms))
    for name in FACTORS:
        out[f"mean_{name}"] = getattr(factors, name).mean(axis=1)
        out[f"end_{name}"] = getattr(factors, name)[:, -1]
    out["tenant_fails"] = (factors.tenant_default_month >= 0).astype(np.float64)
    return out


def _new_rate(terms: ProjectTerms) -> FloatArray:
    """Annual rate of the new loan on each path, (paths,)."""
    assert terms.loan is not None, "no refinancing without a loan"
    assert terms.lender is not None, "nor without its lender"
    assert terms.lender.refinancing is not None, "the caller asks where there is one"
    return new_rate(terms.lender.refinancing, terms.loan.last_payment_month, terms.money)


def _simulated(
    model: CashModel, terms: FactorTerms, draws: Draws, run: Callable[..., list[Any]], tails: Tails | None = None
) -> dict[str, NDArray[Any]]:
    count = draws.weights.size
    calls: list[Callable[[], dict[str, NDArray[Any]]]] = [
        partial(_block, model, terms, tails, *draws.part(start, min(start + BLOCK_PATHS, count)))
        for start in range(0, count, BLOCK_PATHS)
    ]
    results = run(calls)
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


def _told(found: Any) -> dict[str, Any]:
    low, high = found.interval
    return {
        "value": found.value,
        "standard_error": found.standard_error,
        "interval": [low, high],
        "worth_paths": found.worth_paths if np.isfinite(found.worth_paths) else None,
    }


def _events(
    found: Mapping[str, NDArray[Any]], draws: Draws, kind: DrawKind, label: Callable[[int], str]
) -> dict[str, Any]:
    out = {}
    for name in EVENTS:
        month = found[name]
        hit = month >= 0
        told = _told(estimate(hit, draws, kind))
        if kind == "plain" or not hit.any() or hit.all():
            told["interval"] = list(wilson_interval(int(hit.sum()), hit.size))
        told["interval"] = [min(max(end, 0.0), 1.0) for end in told["interval"]]
        out[name] = told | {"median_month": label(int(np.median(month[hit]))) if hit.any() else None}
    return out


def _loss(found: Mapping[str, NDArray[Any]]) -> dict[str, float] | None:
    """What is still unpaid at the end over what was owed in the month of the default, where there is one."""
    hit = (found["payment_default"] >= 0) & (found["exposure_usd"] > 0.0)
    if not hit.any():
        return None
    share = np.clip(found["unpaid_usd"][hit] / found["exposure_usd"][hit], 0.0, 1.0)
    return {"mean_frac": float(share.mean()), "mean_usd": float(found["unpaid_usd"][hit].mean())}


def _refinancing(found: Mapping[str, NDArray[Any]], draws: Draws, kind: DrawKind) -> dict[str, Any] | None:
    """What of the balloon no new lender takes at the path's rates, and what a new loan costs; None without one."""
    if "not_refinanced_usd" not in found:
        return None
    left = np.where(found["not_refinanced_usd"] > CENT, found["not_refinanced_usd"], 0.0)
    hit = left > 0.0
    low, middle, high = (float(rate) for rate in np.percentile(found["new_rate"], (5.0, 50.0, 95.0)))
    return {
        "probability": _told(estimate(hit, draws, kind)),
        "not_refinanced_usd": float(left[hit].mean()) if hit.any() else None,
        "expected_usd": float(left.mean()),
        "rate_p5": low,
        "rate_p50": middle,
        "rate_p95": high,
    }


def _drivers(found: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Each cause's share of the variance of value that it explains alone (first-order Sobol index: of a factor by its
    mean over the path or by its end, whichever tells more), its rank correlation with value, and where it stood on
    average on paths that missed a payment."""
    value, missed = found["npv_usd"].astype(np.float64), found["payment_default"] >= 0
    defaults = missed.astype(np.float64)
    ranks = drivers({name: found[name] for name in found if name.startswith(("mean_", "end_"))}, value)
    rows = []
    for name in (*(f"mean_{f}" for f in FACTORS), "tenant_fails"):
        cause, end = found[name], name.replace("mean_", "end_")
        rows.append(
            {
                "cause": name.removeprefix("mean_"),
                "first_order_index": max(_explained(cause, value), _explained(found[end], value)),
                "first_order_index_of_default": max(_explained(cause, defaults), _explained(found[end], defaults)),
                "rank_correlation": ranks.get(name),
                "rank_correlation_of_end": ranks.get(end),
                "mean": float(cause.mean()),
                "mean_given_default": float(cause[missed].mean()) if missed.any() else None,
            }
        )
    return rows


def _explained(cause: FloatArray, value: FloatArray) -> float:
    """Variance of the mean value by bin of the cause, less what chance makes of it, over all variance."""
    total = float(value.var())
    if total == 0.0 or float(cause.var()) == 0.0:
        return 0.0
    edges = np.unique(np.quantile(cause, np.linspace(0.0, 1.0, _BINS + 1)))
    place = np.clip(np.searchsorted(edges, cause, side="right") - 1, 0, max(edges.size - 2, 0))
    count = np.bincount(place).astype(np.float64)
    sums = np.bincount(place, weights=value)
    squares = np.bincount(place, weights=value**2)
    kept = count > 1
    means = sums[kept] / count[kept]
    within = np.maximum(squares[kept] / count[kept] - means**2, 0.0) * count[kept] / (count[kept] - 1.0)
    between = float((count[kept] * (means - value.mean()) ** 2).sum() / count[kept].sum())
    noise = float(within.sum() / count[kept].sum())
    return float(np.clip((between - noise) / total, 0.0, 1.0))


def _breaking(point: BreakingPoint) -> dict[str, Any]:
    months = point.normals.shape[1]
    years = [year for year in _YEARS if 12 * year <= months]
    return {
        "distance_sd": point.distance,
        "likelihood": point.likelihood,
        "tenant_fails": point.tenant_fails,
        "part_of_distance": {
            name: float((point.normals[i] ** 2).sum() / max(float((point.normals**2).sum()), 1e-300))
            for i, name in enumerate(FACTORS)
        },
        "levels": [
            {"year": year} | {name: float(getattr(point.factors, name)[0, 12 * year - 1]) for name in FACTORS}
            for year in years
        ],
    }


def _episode(model: CashModel, terms: FactorTerms, months: int, episode: Any) -> dict[str, Any]:
    """A named path that begins when the site is fully let, or at once where it is built."""
    begins = min(model.calendar.last_live, months - 1)
    cash = model(episode_factors(episode, terms, months, begins))
    first = {
        name: None if cash.events is None or int(getattr(cash.events, name)[0]) < 0
        else model.calendar.spine.label(int(getattr(cash.events, name)[0])) for name in EVENTS
    }  # fmt: skip
    low = float(cash.measures.min_dscr[0])
    return {
        "key": episode.key,
        "title": episode.title,
        "weight": episode.weight,
        "npv_usd": float(cash.measures.npv_usd[0]),
        "min_dscr": low if np.isfinite(low) else None,
        "first_month": first,
    }


def _weighted(rows: list[dict[str, Any]]) -> dict[str, Any]:
    total = sum(row["weight"] for row in rows)
    return {
        "scenarios": rows,
        "weighted_npv_usd": sum(row["weight"] * row["npv_usd"] for row in rows) / total,
        "weight_with_default": sum(row["weight"] for row in rows if row["first_month"]["payment_default"]) / total,
    }
