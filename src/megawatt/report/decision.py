"""The plain answer: which use leaves most, by how much, whether the ranges overlap, and what could reverse it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.chain.records import Comparison, Sensitivity, UseResult
from megawatt.report.format import chance, money, money_range, percent, quantity

__all__ = ["Answer", "Reversal", "answer", "overlap", "paired_lead", "reversals"]


_FACTORS: Final = ("btc", "power", "compute", "demand")
_VALUE: Final = "value_usd_per_grid_mw_year"


@dataclass(frozen=True, slots=True)
class Answer:
    """One sentence, and the points that qualify it."""

    sentence: str
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reversal:
    """One input at one end of its range at which the order of two uses (or the sign of one) changes."""

    title: str
    end: str
    first_usd: float
    second_usd: float


def value_of(use: UseResult) -> float:
    """Base-case value of a grid megawatt-year after capital; minus infinity where there is none. [USD]"""
    value = use.headline.value_usd_per_grid_mw_year
    return value if math.isfinite(value) else -math.inf


def overlap(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether two ranges share a point; False where an end is not finite."""
    if not all(map(math.isfinite, (*a, *b))):
        return False
    return max(min(a), min(b)) <= min(max(a), max(b))


def reversals(first: UseResult, second: UseResult) -> tuple[Reversal, ...]:
    """Inputs that, moved alone to one end of their range, put ``second`` ahead of ``first``.

    An input that both uses share, with the same ends, is moved in both at once; any other in one use, the other held.
    Sorted by how far the second gets ahead.
    """
    ours = {s.name: s for s in first.sensitivities}
    theirs = {s.name: s for s in second.sensitivities}
    found = []
    for name in dict.fromkeys([*ours, *theirs]):
        a, b = ours.get(name), theirs.get(name)
        if a is not None and b is not None and (a.low, a.high) != (b.low, b.high):
            pairs: list[tuple[Sensitivity | None, Sensitivity | None]] = [(a, None), (None, b)]
        else:
            pairs = [(a, b)]
        for mine, other in pairs:
            found += _ends(first, second, mine, other)
    return tuple(sorted(found, key=lambda r: r.first_usd - r.second_usd))


def _ends(first: UseResult, second: UseResult, a: Sensitivity | None, b: Sensitivity | None) -> list[Reversal]:
    moved = a or b
    if moved is None:
        return []
    found = []
    for side in ("low", "high"):
        ours = getattr(a, f"value_at_{side}") if a else value_of(first)
        theirs = getattr(b, f"value_at_{side}") if b else value_of(second)
        if theirs > ours:
            who = "" if a and b else f" ({(first if a else second).title})"
            end = quantity(getattr(moved, side), moved.unit, moved.name)
            found.append(Reversal(f"{moved.title}{who}", end, ours, theirs))
    return found


def paired_lead(first: UseResult, second: UseResult) -> float | None:
    """Share of market paths in which ``first`` is worth more than ``second``.

    None unless both were simulated on the same draws: same seed and number of paths, and equal fans of the factors.
    """
    a, b = first.risk, second.risk
    shared = [key for key in _FACTORS if key in a.fans and key in b.fans]
    values = [np.asarray(r.samples.get(_VALUE, ()), dtype=np.float64) for r in (a, b)]
    same = a.seed == b.seed and shared and all(np.array_equal(a.fans[key], b.fans[key]) for key in shared)
    if not same or len(values[0]) != len(values[1]) or not len(values[0]):
        return None
    return float(np.mean(values[0] > values[1]))


def answer(comparison: Comparison) -> Answer:
    """The answer of a comparison, from its numbers alone."""
    ranked = sorted(comparison.uses, key=value_of, reverse=True)
    if not ranked:
        return Answer("This comparison holds no use of the site.", ())
    if len(ranked) == 1 or not math.isfinite(value_of(ranked[1])):
        return _alone(ranked[0])
    return _ranked(ranked)


def _alone(use: UseResult) -> Answer:
    head, value = use.headline, value_of(use)
    if not math.isfinite(value):
        return Answer(f"{use.title}: the value of a grid megawatt-year is not defined in this case.", ())
    sentence = (
        f"{use.title} leaves {money(value)} per grid megawatt-year after all capital has earned its discount rate."
        if value >= 0
        else f"{use.title} falls {money(-value)} per grid megawatt-year short of earning its discount rate on capital."
    )
    points = []
    if math.isfinite(head.value_p5) and math.isfinite(head.value_p95):
        points.append(f"5th to 95th percentile over market paths: {money_range(head.value_p5, head.value_p95)}.")
    points.append(
        f"Ranges of single inputs, published or assumed, span {money_range(head.value_low, head.value_high)}."
    )
    crossing = [
        f"{s.title} at {quantity(getattr(s, side), s.unit, s.name)} ({money(getattr(s, f'value_at_{side}'))})"
        for s in use.sensitivities
        for side in ("low", "high")
        if (getattr(s, f"value_at_{side}") < 0) != (value < 0)
    ]
    if use.sensitivities:
        points.append(_reversal_text(crossing, "change the sign"))
    return Answer(sentence, (*points, *use.blocks, *_debt_points([use])))


def _ranked(ranked: Sequence[UseResult]) -> Answer:
    best, second = ranked[0], ranked[1]
    lead = value_of(best) - value_of(second)
    share = f" ({percent(lead / value_of(second))})" if value_of(second) > 0 else ""
    market = [(u.headline.value_p5, u.headline.value_p95) for u in (best, second)]
    inputs = [(u.headline.value_low, u.headline.value_high) for u in (best, second)]
    market_meets, inputs_meet = overlap(market[0], market[1]), overlap(inputs[0], inputs[1])
    found = sorted(
        ((other, change) for other in ranked[1:] for change in reversals(best, other)),
        key=lambda row: row[1].first_usd - row[1].second_usd,
    )
    moved = any(use.sensitivities for use in ranked)
    reverse = "no single input reverses it" if moved else "no input was moved to see what reverses it"
    if found:
        other, change = found[0]
        ahead = "reverse it" if other is second else f"put {other.title} ahead"
        reverse = f"{change.title} at {change.end} would {ahead}"
    meets = "their market ranges overlap" if market_meets else "their market ranges do not overlap"
    sentence = (
        f"{best.title} leaves most of a grid megawatt-year after capital: {money(value_of(best))}, "
        f"{money(lead)}{share} more than {second.title} ({money(value_of(second))}); {meets}, and {reverse}."
    )
    points = [_sign_point(ranked), _overlap_point(best, second, market_meets, inputs_meet)]
    lead_share = paired_lead(best, second)
    if lead_share is not None:
        points.append(
            f"On the same market paths, {best.title} is ahead of {second.title} in {chance(lead_share)} of them."
        )
    if moved:
        ends = [
            f"{r.title} at {r.end} ({other.title}: {money(r.second_usd)} against {money(r.first_usd)})"
            for other, r in found
        ]
        points.append(_reversal_text(ends))
    blocks = tuple(f"{use.title}: {text}" for use in ranked for text in use.blocks)
    return Answer(sentence, (*points, *blocks, *_unknown_points(ranked), *_debt_points(ranked)))


_FAR_APART: Final = 5.0
"""A range from nothing to so many times the leader's value says that the value is not known."""


def _unknown_points(ranked: Sequence[UseResult]) -> tuple[str, ...]:
    """Uses whose inputs leave open whether they are worth nothing or far more than the leader."""
    most = _FAR_APART * max(value_of(ranked[0]), 0.0)
    names = [
        f"{use.title} ({money_range(use.headline.value_low, use.headline.value_high)})"
        for use in ranked[1:]
        if most > 0.0 and use.headline.value_low <= 0.0 and use.headline.value_high >= most
    ]
    if not names:
        return ()
    return (f"Not known, whatever the order says: {'; '.join(names)}. A single input moves it from nothing to more "
            f"than {_FAR_APART:g} times the leader's value.",)  # fmt: skip


def _sign_point(ranked: Sequence[UseResult]) -> str:
    losing = [use for use in ranked if value_of(use) < 0]
    if not losing:
        return "Every use earns its discount rate on capital in the base case."
    if len(losing) == len(ranked):
        return "No use earns its discount rate on capital in the base case."
    names = ", ".join(f"{use.title} ({money(value_of(use))})" for use in losing)
    return f"Not earning the discount rate on capital in the base case: {names}."


def _overlap_point(best: UseResult, second: UseResult, market: bool, inputs: bool) -> str:
    b, s = best.headline, second.headline
    return (
        f"Market ranges (P5 to P95): {money_range(b.value_p5, b.value_p95)} against "
        f"{money_range(s.value_p5, s.value_p95)}, "
        f"{'overlapping' if market else 'apart'}. Ranges of inputs: {money_range(b.value_low, b.value_high)} against "
        f"{money_range(s.value_low, s.value_high)}, {'overlapping' if inputs else 'apart'}."
    )


def _reversal_text(found: Sequence[str], what: str = "reverse the order") -> str:
    if not found:
        return f"What could {what}: no single input within its range does; several together might."
    more = f"; and {len(found) - 4} more in the tables below" if len(found) > 4 else ""
    return f"What could {what}, each alone: {'; '.join(found[:4])}{more}."


def _debt_points(uses: Sequence[UseResult]) -> tuple[str, ...]:
    texts = []
    for use in uses:
        missed, interval = use.headline.probability_missed, use.headline.probability_missed_interval
        if missed is None:
            continue
        between = f" (95\u202f% interval {chance(interval[0])} to {chance(interval[1])})" if interval else ""
        texts.append(f"{use.title} {chance(missed)}{between}")
    return (f"Probability that debt service is missed: {'; '.join(texts)}.",) if texts else ()
