"""What each part of a mixed site adds: with and without it, so that the parts sum to the whole."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from megawatt.chain.mixed import MixedPart, MixedSite, site_of
from megawatt.chain.plants import Plants
from megawatt.dispatch import SiteAssets
from megawatt.scenario.mixed import LoadedMix

__all__ = ["PLANTS_AND_SERVICES", "Contribution", "contributions", "shares_of", "values_of_subsets"]

PLANTS_AND_SERVICES: Final = "plants and services"
"""The name of what stands beside the parts, where it is shown as one of them."""

_MOST_EXACT: Final = 6
"""Parts up to which every order is looked at (2^n sites); above, the order of the file and its reverse."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a part adds to the site's net present value. [USD]

    ``alone_usd``: the site with it alone; ``last_usd``: the whole less the site without it; ``share_usd``: its mean
    over the orders in which parts may come (Shapley), which sums to the whole.
    """

    name: str
    alone_usd: float
    last_usd: float
    share_usd: float


def shares_of(names: Sequence[str], value: Callable[[frozenset[str]], float]) -> tuple[float, ...]:
    """Share of each name in the value of all of them: the mean of what it adds over the orders in which they come.

    Parameters
    ----------
    value : callable
        Value of a set of names; that of none is subtracted.
    """
    n = len(names)
    if n > _MOST_EXACT:
        orders = [tuple(names), tuple(reversed(names))]
        added = dict.fromkeys(names, 0.0)
        for order in orders:
            for place, name in enumerate(order):
                before = frozenset(order[:place])
                added[name] += (value(before | {name}) - value(before)) / len(orders)
        return tuple(added[name] for name in names)
    shares = []
    for name in names:
        others = [other for other in names if other != name]
        total = 0.0
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for group in itertools.combinations(others, size):
                before = frozenset(group)
                total += weight * (value(before | {name}) - value(before))
        shares.append(total)
    return tuple(shares)


def values_of_subsets(loaded: LoadedMix, site: MixedSite) -> Callable[[frozenset[str]], float]:
    """Value of the site with some of its parts, the others left out. [USD]"""
    bare = replace(site.common, plants=Plants(SiteAssets()))

    @cache
    def value(there: frozenset[str]) -> float:
        parts = [_sized(part, part.scale if part.name in there else 0.0) for part in site.parts]
        if there == {part.name for part in site.parts} | {PLANTS_AND_SERVICES} and site.common.plants:
            return site.value_usd
        return site_of(loaded, parts, site.common if PLANTS_AND_SERVICES in there else bare).value_usd

    return value


def _sized(part: MixedPart, scale: float) -> MixedPart:
    """A part at another size, alone on the connection."""
    return replace(part, scale=scale, model=part.links.model, left_mw=())


def contributions(loaded: LoadedMix, site: MixedSite) -> tuple[Contribution, ...]:
    """What every part with a size, and what stands beside them, adds to the site."""
    value = values_of_subsets(loaded, site)
    names = [part.name for part in site.parts if part.scale > 0.0]
    if site.common.plants:
        names.append(PLANTS_AND_SERVICES)
    whole = frozenset(names)
    shares = shares_of(names, value)
    return tuple(
        Contribution(name, value(frozenset({name})), value(whole) - value(whole - {name}), share)
        for name, share in zip(names, shares, strict=True)
    )
