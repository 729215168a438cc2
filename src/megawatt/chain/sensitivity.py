"""What moves the value and the loan's cover: every input with a range, one at a time, to both ends of it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.chain.inputs import field_title, is_number, move
from megawatt.chain.links import Links, reforge
from megawatt.chain.records import MISSED_PATHS, Sensitivity
from megawatt.errors import CatalogueError, InfeasibleError, ScenarioError
from megawatt.finance.scheduled import Cover, scheduled_covers
from megawatt.risk import run_calls, simulate_factors
from megawatt.scenario.schema import Scenario

__all__ = [
    "End",
    "end_of",
    "input_title",
    "known",
    "low_high",
    "missed_frac",
    "moved_input",
    "ranged_inputs",
    "sensitivities",
]

_UNIT_AT_END: Final = re.compile(
    r"_(frac|years|months|hours|usd|mw|w|k|c|usd_per_(chip|kw_month|mw|chip_hour|mwh|th)|w_per_chip|per_year)$"
)
"""Units that end a field's name; the sensitivity has its unit beside."""

_OF_DEFAULT: Final = ("tenant_default", "relet_lag", "hall_rent_elasticity", "compute_vol", "demand_vol")
"""Fields of the factors, by their beginning, that what happens to a loan after a default rests on."""

_SIMULATED: Final = 4
"""Inputs, largest move of the lowest DSCR first, whose ends are simulated for the probability of a missed payment."""

_CALLS_PER_WORKER: Final = 2
"""So that a process that is done early takes over from the others."""

_LEAST_SHARE: Final = 1e-6
"""Ranges that move the value by less than this share are left out."""


def ranged_inputs(links: Links) -> tuple[Assumption, ...]:
    """Inputs of the base case with a range, simulated factors left out; some are results and cannot be moved."""
    return tuple(a for a in _ranged(links) if a.room != "risk")


def _ranged(links: Links) -> list[Assumption]:
    rows = [a for a in links.assumptions() if not isinstance(a.fact.value, str)]
    return [a for a in rows if a.fact.low is not None or a.fact.high is not None]


def _rack_follows_chip(links: Links, key: str, field: str, value: float) -> tuple[str, float] | None:
    """A rack power that is derived from the chip's moves with it: otherwise more power would come for free."""
    if links.compute is None or field != "power_cap_w" or key != links.compute.system.accelerator.key:
        return None
    system = links.compute.system
    fact = links.catalogue.fact(system.key, "provisioned_w_per_chip")
    if fact.kind in ("measured", "vendor", "reported"):
        return None
    return system.key, fact.number() * value / system.accelerator.power_cap_w


def moved_input(links: Links, name: str, value: float) -> tuple[Scenario, Catalogue]:
    """Scenario and catalogue with one input at another value.

    Raises
    ------
    CatalogueError
        If the name is neither a number of the scenario nor a fact of the catalogue: a result.
    """
    if is_number(links.scenario, name):
        return move(links.scenario, name, value), links.catalogue
    key, _, field = name.rpartition(".")
    if not links.catalogue.knows(key):
        raise CatalogueError(f"{name} is a result")
    catalogue = links.catalogue.replace_fact(key, field, value)
    also = _rack_follows_chip(links, key, field, value)
    if also is not None:
        catalogue = catalogue.replace_fact(also[0], "provisioned_w_per_chip", also[1])
    return links.scenario, catalogue


@dataclass(frozen=True, slots=True)
class End:
    """What a site is worth, per MW of its connection and year, what it trains, per MWh, and its loan's cover."""

    value_usd: float
    tokens: float | None
    cover: Cover


def _ends(moved: Sequence[Links | None]) -> list[End | None]:
    """Ends of sites, their covers found together."""
    sites = [links for links in moved if links is not None]
    found = [site.model.base_end() for site in sites]
    covers = scheduled_covers([case for _, case in found])
    ends = iter(
        End(value, site.tokens_per_mwh, cover) for site, (value, _), cover in zip(sites, found, covers, strict=True)
    )
    return [None if links is None else next(ends) for links in moved]


def end_of(links: Links) -> End:
    """What one site is worth, and its loan's cover; base case."""
    found = _ends([links])[0]
    assert found is not None, "an end was given"
    return found


def _moved(links: Links, row: Assumption, value: float) -> Links | None:
    """The site with one input moved; None where it cannot be built then or the name is a result."""
    try:
        return reforge(links, *moved_input(links, row.name, value))
    except (CatalogueError, InfeasibleError, ScenarioError):
        return None


def low_high(row: Assumption) -> tuple[float, float]:
    """Both ends of an input's range; where one is not known, its value."""
    fact, base = row.fact, row.fact.number()
    return base if fact.low is None else fact.low, base if fact.high is None else fact.high


def _one(links: Links, row: Assumption, at: tuple[End | None, End | None], here: End) -> Sensitivity | None:
    low, high = low_high(row)
    base = row.fact.number()
    if at[0] is None and at[1] is None:
        return None
    ends = _between(at[0] or here, at[1] or here)
    title, low, high = input_title(links, row), low if at[0] else base, high if at[1] else base
    return replace(ends, name=row.name, title=title, unit=row.fact.unit, low=low, base=base, high=high)


def _between(low: End, high: End) -> Sensitivity:
    return Sensitivity(
        name="",
        title="",
        unit="",
        low=math.nan,
        base=math.nan,
        high=math.nan,
        value_at_low=low.value_usd,
        value_at_high=high.value_usd,
        tokens_at_low=low.tokens,
        tokens_at_high=high.tokens,
        dscr_at_low=known(low.cover.min_dscr),
        dscr_at_high=known(high.cover.min_dscr),
        llcr_at_low=known(low.cover.llcr),
        llcr_at_high=known(high.cover.llcr),
    )


def known(value: float) -> float | None:
    """A figure, or None where there is none (not finite)."""
    return value if math.isfinite(value) else None


def input_title(links: Links, row: Assumption) -> str:
    """Words for a chart: the scenario field's title, or catalogue entry and field without the unit at its end."""
    title = field_title(links.scenario, row.name)
    if title:
        return title
    key, _, field = row.name.rpartition(".")
    words = _UNIT_AT_END.sub("", field).replace("_", " ")
    entry = links.catalogue.entries.get(key)
    return f"{entry.title}: {words}" if entry else words


def _basis(links: Links, base_end: End) -> Sensitivity | None:
    """The other price basis of a system without a published price, as a range of its own."""
    chips = links.compute
    contract = links.scenario.contract
    if chips is None or contract is None or len(chips.basis_price_usd_per_chip_hour) < 2:
        return None
    used = chips.basis_price_usd_per_chip_hour[contract.basis]
    other = next(b for b in chips.basis_price_usd_per_chip_hour if b != contract.basis)
    scenario = links.scenario.model_copy(update={"contract": contract.model_copy(update={"basis": other})})
    try:
        moved = end_of(reforge(links, scenario, links.catalogue))
    except InfeasibleError:
        return None
    price = chips.basis_price_usd_per_chip_hour[other]
    pair = sorted([(price, moved), (used, base_end)], key=lambda p: p[0])
    return replace(
        _between(pair[0][1], pair[1][1]),
        name="contract.basis",
        title=f"price basis: {contract.basis} or {other}",
        unit="USD/hour",
        low=pair[0][0],
        base=used,
        high=pair[1][0],
    )


def _all(links: Links, base_end: End, ranged: Sequence[Assumption]) -> list[Sensitivity | None]:
    moved = [links if end == row.fact.number() else _moved(links, row, end) for row in ranged for end in low_high(row)]
    ends = _ends([None if site is links else site for site in moved])
    at = [base_end if site is links else end for site, end in zip(moved, ends, strict=True)]
    return [_one(links, row, (at[2 * i], at[2 * i + 1]), base_end) for i, row in enumerate(ranged)]


def missed_frac(links: Links | None) -> float | None:
    """Share of a few paths on which service is missed, owners committed to what that base case takes."""
    if links is None or links.model.capital.loan is None:
        return None
    months = links.model.calendar.spine.months
    factors = simulate_factors(
        links.terms, months, MISSED_PATHS, np.random.SeedSequence(links.scenario.seed).spawn(1)[0]
    )
    return float((links.model.missed(factors) >= 0).mean())


def _simulated(links: Links, rows: Sequence[Assumption]) -> list[tuple[float | None, float | None]]:
    ends = [[links if end == row.fact.number() else _moved(links, row, end) for end in low_high(row)] for row in rows]
    return [(missed_frac(low), missed_frac(high)) for low, high in ends]


def _shares(workers: int) -> int:
    """Calls that some work is cut into: few, since the links travel with each."""
    return 1 if workers == 1 else _CALLS_PER_WORKER * workers


def _with_missed(links: Links, here: End, rows: list[Sensitivity], workers: int) -> list[Sensitivity]:
    """The rows with the probability of a missed payment at their ends, where it is simulated."""
    if links.model.capital.loan is None:
        return rows
    asked = {a.name: a for a in _ranged(links)}
    first = sorted((s for s in rows if s.name in asked), key=lambda s: (-_dscr_swing(s), s.name))[:_SIMULATED]
    found = {s.name: s for s in rows}
    chosen = [s.name for s in first if _dscr_swing(s) > 0.0]
    for name, row in asked.items():
        if row.room == "risk" and name.rpartition(".")[2].startswith(_OF_DEFAULT):
            chosen.append(name)
            found[name] = _one(links, row, (here, here), here) or found[name]
    cuts = [chosen[i :: _shares(workers)] for i in range(min(_shares(workers), len(chosen)))]
    ends = run_calls([partial(_simulated, links, [asked[name] for name in cut]) for cut in cuts], workers)
    for name, (low, high) in zip(itertools.chain(*cuts), itertools.chain(*ends), strict=True):
        found[name] = replace(found[name], missed_at_low=low, missed_at_high=high)
    return list(found.values())


def sensitivities(links: Links, workers: int = 1) -> tuple[Sensitivity, ...]:
    """Every ranged input moved to both ends, the layout held, largest effect on value first.

    An end at which the site cannot be built (the chips no longer fit the halls) is left at its base value.

    Parameters
    ----------
    links : Links
        The base case.
    workers : int
        Processes; the result does not depend on it.
    """
    ranged, here = ranged_inputs(links), end_of(links)
    # The order in which results come is undone by sorting.
    calls = _shares(workers)
    shares = run_calls([partial(_all, links, here, ranged[i::calls]) for i in range(calls)], workers)
    rows = [*itertools.chain.from_iterable(shares), _basis(links, here)]
    base, tokens = abs(here.value_usd), here.tokens or 1.0
    kept = [
        s for s in rows
        if s is not None and (_swing(s) > _LEAST_SHARE * max(base, 1.0) or _token_swing(s) > _LEAST_SHARE * tokens
                              or _dscr_swing(s) > _LEAST_SHARE)
    ]  # fmt: skip
    kept = _with_missed(links, here, kept, workers)
    return tuple(sorted(kept, key=lambda s: (-_swing(s), -_token_swing(s), s.name)))


def _dscr_swing(s: Sensitivity) -> float:
    return abs((s.dscr_at_high or 0.0) - (s.dscr_at_low or 0.0))


def _swing(s: Sensitivity) -> float:
    return abs(s.value_at_high - s.value_at_low)


def _token_swing(s: Sensitivity) -> float:
    return abs((s.tokens_at_high or 0.0) - (s.tokens_at_low or 0.0))
