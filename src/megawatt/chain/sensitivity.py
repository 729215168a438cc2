"""What moves the value: every input with a range, one at a time, to both ends of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.chain.inputs import field_title, move, scenario_assumptions
from megawatt.chain.links import Links, reforge
from megawatt.chain.records import Sensitivity
from megawatt.errors import CatalogueError, InfeasibleError, ScenarioError
from megawatt.risk import run_calls
from megawatt.scenario.schema import Scenario

__all__ = ["moved_input", "ranged_inputs", "sensitivities"]

_UNIT_AT_END: Final = re.compile(
    r"_(frac|years|months|hours|usd|mw|w|k|c|usd_per_(chip|kw_month|mw|chip_hour|mwh|th)|w_per_chip|per_year)$"
)
"""Units that end a field's name; the sensitivity has its unit beside."""

_LEAST_SHARE: Final = 1e-6
"""Ranges that move the value by less than this share are left out."""


def ranged_inputs(links: Links) -> tuple[Assumption, ...]:
    """Inputs of the base case with a range, simulated factors left out; some are results and cannot be moved."""
    rows = [a for a in links.assumptions() if a.room != "risk" and not isinstance(a.fact.value, str)]
    return tuple(a for a in rows if a.fact.low is not None or a.fact.high is not None)


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
    if any(a.name == name for a in scenario_assumptions(links.scenario)):
        return move(links.scenario, name, value), links.catalogue
    key, _, field = name.rpartition(".")
    catalogue = links.catalogue.replace_fact(key, field, value)
    also = _rack_follows_chip(links, key, field, value)
    if also is not None:
        catalogue = catalogue.replace_fact(also[0], "provisioned_w_per_chip", also[1])
    return links.scenario, catalogue


@dataclass(frozen=True, slots=True)
class _End:
    """What a site is worth, per MW of its connection and year, and what it trains, per MWh."""

    value_usd: float
    tokens: float | None


def _end(links: Links) -> _End:
    return _End(links.model.base_value_usd_per_grid_mw_year(), links.tokens_per_mwh)


def _moved(links: Links, row: Assumption, value: float) -> _End | None:
    """The site with one input moved; None where it cannot be built then or the name is a result."""
    try:
        return _end(reforge(links, *moved_input(links, row.name, value)))
    except (CatalogueError, InfeasibleError, ScenarioError):
        return None


def _one(links: Links, base_end: _End, row: Assumption) -> Sensitivity | None:
    fact, base = row.fact, row.fact.number()
    low = base if fact.low is None else fact.low
    high = base if fact.high is None else fact.high
    at = [base_end if end == base else _moved(links, row, end) for end in (low, high)]
    if at[0] is None and at[1] is None:
        return None
    at_low, at_high = at[0] or base_end, at[1] or base_end
    return Sensitivity(
        name=row.name,
        title=_title(links, row),
        unit=fact.unit,
        low=low if at[0] else base,
        base=base,
        high=high if at[1] else base,
        value_at_low=at_low.value_usd,
        value_at_high=at_high.value_usd,
        tokens_at_low=at_low.tokens,
        tokens_at_high=at_high.tokens,
    )


def _title(links: Links, row: Assumption) -> str:
    """Words for a chart: the scenario field's title, or catalogue entry and field without the unit at its end."""
    title = field_title(links.scenario, row.name)
    if title:
        return title
    key, _, field = row.name.rpartition(".")
    words = _UNIT_AT_END.sub("", field).replace("_", " ")
    entry = links.catalogue.entries.get(key)
    return f"{entry.title}: {words}" if entry else words


def _basis(links: Links, base_end: _End) -> Sensitivity | None:
    """The other price basis of a system without a published price, as a range of its own."""
    chips = links.compute
    contract = links.scenario.contract
    if chips is None or contract is None or len(chips.basis_price_usd_per_chip_hour) < 2:
        return None
    used = chips.basis_price_usd_per_chip_hour[contract.basis]
    other = next(b for b in chips.basis_price_usd_per_chip_hour if b != contract.basis)
    scenario = links.scenario.model_copy(update={"contract": contract.model_copy(update={"basis": other})})
    try:
        moved = _end(reforge(links, scenario, links.catalogue))
    except InfeasibleError:
        return None
    price = chips.basis_price_usd_per_chip_hour[other]
    pair = sorted([(price, moved), (used, base_end)], key=lambda p: p[0])
    return Sensitivity(
        name="contract.basis",
        title=f"price basis: {contract.basis} or {other}",
        unit="USD/hour",
        low=pair[0][0],
        base=used,
        high=pair[1][0],
        value_at_low=pair[0][1].value_usd,
        value_at_high=pair[1][1].value_usd,
        tokens_at_low=links.tokens_per_mwh,
        tokens_at_high=links.tokens_per_mwh,
    )


def _all(links: Links, base_end: _End, ranged: Sequence[Assumption]) -> list[Sensitivity | None]:
    return [_one(links, base_end, row) for row in ranged]


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
    ranged, here = ranged_inputs(links), _end(links)
    # One call per process: the links travel once to each. The order in which results come is undone by sorting.
    shares = run_calls([partial(_all, links, here, ranged[i::workers]) for i in range(workers)], workers)
    rows = [*itertools.chain.from_iterable(shares), _basis(links, here)]
    base, tokens = abs(here.value_usd), here.tokens or 1.0
    kept = [
        s for s in rows
        if s is not None and (_swing(s) > _LEAST_SHARE * max(base, 1.0) or _token_swing(s) > _LEAST_SHARE * tokens)
    ]  # fmt: skip
    return tuple(sorted(kept, key=lambda s: (-_swing(s), -_token_swing(s), s.name)))


def _swing(s: Sensitivity) -> float:
    return abs(s.value_at_high - s.value_at_low)


def _token_swing(s: Sensitivity) -> float:
    return abs((s.tokens_at_high or 0.0) - (s.tokens_at_low or 0.0))
