"""What would change the best mix: every range of an input to its ends, and the prices of power and of compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.catalogue.records import Assumption
from megawatt.chain.best_programme import solve_programme
from megawatt.chain.best_records import Programme, Sized
from megawatt.chain.businesses import AIMoney
from megawatt.chain.inputs import move
from megawatt.chain.lease import LeaseMoney
from megawatt.chain.links import Links, reforge
from megawatt.chain.mixed import MixedPart
from megawatt.chain.money import CashModel
from megawatt.chain.sensitivity import input_title, moved_input, ranged_inputs
from megawatt.errors import CatalogueError, InfeasibleError, ScenarioError

__all__ = ["BestUse", "Flip", "best_uses", "flips", "mix_words"]

_EVERY: Final = 13
"""Hours that the quick programme skips from one to the next; with no common factor with a day or a week."""
_MOST_INPUTS: Final = 40
"""Inputs whose ends are solved: those that move the candidates most."""
_STEPS: Final = 6
"""Halvings that find where a choice flips."""
_OF_SITE: Final = ("site", "power", "tariff")


@dataclass(frozen=True, slots=True)
class Flip:
    """An input moved to both ends of its range, and the best mix there. ``flips_at``: where another mix becomes best,
    between base and the end (linear in between); None where none does."""

    name: str
    title: str
    unit: str
    low: float
    base: float
    high: float
    at_low: Mapping[str, float]
    at_high: Mapping[str, float]
    value_low_usd: float
    value_high_usd: float
    flips_at: float | None


@dataclass(frozen=True, slots=True)
class BestUse:
    """The best mix at a level of power prices and a level of what compute is paid."""

    power_level: float
    pay_level: float
    scales: Mapping[str, float]
    value_usd: float


def mix_words(scales: Mapping[str, float]) -> tuple[str, ...]:
    """The parts that a mix holds."""
    return tuple(name for name, scale in scales.items() if scale > 1e-3)


def _base_usd(model: CashModel) -> float:
    return float(model.without_loan().base().measures.npv_usd[0])


def _quick(programme: Programme, moved_usd: Sequence[float]) -> Sized:
    """The best mix where the candidates are worth so much more, without plants."""
    candidates = tuple(
        replace(c, worth_usd=c.worth_usd + usd) for c, usd in zip(programme.candidates, moved_usd, strict=True)
    )
    return solve_programme(replace(programme, candidates=candidates), plants=False, every=_EVERY)


def _key(part: MixedPart, row: Assumption) -> tuple[str, str]:
    """An input by whose it is: the site's and the catalogue's are those of every part alike."""
    own = row.name.split(".")[0] in type(part.links.scenario).model_fields
    return (part.name if own and row.name.split(".")[0] not in _OF_SITE else "", row.name)


def _moved(links: Links, base_usd: float, name: str, value: float) -> float:
    try:
        return _base_usd(reforge(links, *moved_input(links, name, value)).model) - base_usd
    except (CatalogueError, InfeasibleError, ScenarioError):
        return 0.0


def flips(programme: Programme, parts: Sequence[MixedPart]) -> tuple[Flip, ...]:
    """Every ranged input of the parts at both ends, the widest first; sizes and hours are chosen anew.

    The worth of a candidate moves by what its base case moves; an input of the catalogue or of the site moves in all.
    """
    base_usd = [_base_usd(part.links.model) for part in parts]
    rows: dict[tuple[str, str], tuple[Assumption, str]] = {}
    swings: dict[tuple[str, str], np.ndarray] = {}
    for place, part in enumerate(parts):
        for row in ranged_inputs(part.links):
            key, fact = _key(part, row), row.fact
            base = fact.number()
            ends = (base if fact.low is None else fact.low, base if fact.high is None else fact.high)
            moved = [0.0 if end == base else _moved(part.links, base_usd[place], row.name, end) for end in ends]
            rows.setdefault(key, (row, input_title(part.links, row)))
            swings.setdefault(key, np.zeros((2, len(parts))))[:, place] = moved
    widest = sorted(swings, key=lambda key: (-float(np.abs(swings[key]).max()), key))
    quick = _quick(programme, [0.0] * len(parts))
    return tuple(
        _flip(programme, quick, key, rows[key], swings[key])
        for key in widest[:_MOST_INPUTS]
        if np.abs(swings[key]).max() > 1.0
    )


def _flip(
    programme: Programme, quick: Sized, key: tuple[str, str], row: tuple[Assumption, str], moved: np.ndarray
) -> Flip:
    fact, base = row[0].fact, row[0].fact.number()
    ends = (base if fact.low is None else fact.low, base if fact.high is None else fact.high)
    at = [_quick(programme, moved[end].tolist()) for end in (0, 1)]
    here = mix_words(quick.scales)
    flips_at = None
    for end, found in enumerate(at):
        if mix_words(found.scales) != here and flips_at is None:
            near, far = 0.0, 1.0
            for _ in range(_STEPS):
                middle = 0.5 * (near + far)
                same = mix_words(_quick(programme, (middle * moved[end]).tolist()).scales) == here
                near, far = (middle, far) if same else (near, middle)
            flips_at = base + 0.5 * (near + far) * (ends[end] - base)
    title = f"{key[0]}: {row[1]}" if key[0] else row[1]
    name = f"{key[0]}: {key[1]}" if key[0] else key[1]
    return Flip(
        name, title, fact.unit, ends[0], base, ends[1], at[0].scales, at[1].scales, at[0].value_usd,
        at[1].value_usd, flips_at,
    )  # fmt: skip


def best_uses(
    programme: Programme, parts: Sequence[MixedPart], power_levels: Sequence[float], pay_levels: Sequence[float]
) -> tuple[BestUse, ...]:
    """The best mix on a grid of levels of power prices and of what compute is paid (chip-hours and rents)."""
    base_usd = [_base_usd(part.links.model) for part in parts]
    found = []
    for power in power_levels:
        at_power = [_at_power(part.links, power) for part in parts]
        for pay in pay_levels:
            moved = [_base_usd(_paid(model, pay)) - usd for model, usd in zip(at_power, base_usd, strict=True)]
            best = _quick(programme, moved)
            found.append(BestUse(power, pay, best.scales, best.value_usd))
    return tuple(found)


def _at_power(links: Links, level: float) -> CashModel:
    """The part's cash at another level of power prices."""
    if level == 1.0:
        return links.model
    power = links.scenario.power
    fixed = power.fixed_price_usd_per_mwh
    path, base = ("power.price_scale", power.price_scale) if fixed is None else ("power.fixed_price_usd_per_mwh", fixed)
    return reforge(links, move(links.scenario, path, base.number() * level), links.catalogue).model


def _paid(model: CashModel, level: float) -> CashModel:
    """The same cash with chip-hours and rents at another level."""
    businesses = tuple(
        replace(b, price_usd_per_chip_hour=level * b.price_usd_per_chip_hour)
        if isinstance(b, AIMoney)
        else replace(
            b,
            rent_usd_per_kw_month=level * b.rent_usd_per_kw_month,
            market_rent_usd_per_kw_month=level * b.market_rent_usd_per_kw_month,
        )
        if isinstance(b, LeaseMoney)
        else b
        for b in model.businesses
    )
    return replace(model, businesses=businesses)
