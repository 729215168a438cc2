"""Turn catalogue entries into the chip and system records that other rooms compute with."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from megawatt.catalogue.records import FAMILIES, TOPOLOGIES, Accelerator, Assumption, Entry, Fact, LinkLevel, System
from megawatt.errors import CatalogueError

__all__ = ["build_accelerator", "build_system"]

_PEAK: Final = re.compile(r"^peak_(\w+)_flops_per_s$")
_ROOM: Final = "hardware"
_MOST_LEVELS: Final = 4
"""Node, domain, rail and beyond: no catalogued network has more."""


class _Reader:
    """Reads facts of one entry and remembers each as an assumption."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.used: dict[str, Assumption] = {}

    def fact(self, name: str) -> Fact:
        fact = self.entry.facts.get(name)
        if fact is None:
            raise CatalogueError(
                f"{self.entry.family} {self.entry.key}: fact {name} is missing, it is needed to compute with it; "
                f"present: {', '.join(sorted(self.entry.facts))}"
            )
        self.used[name] = Assumption(f"{self.entry.key}.{name}", _ROOM, fact)
        return fact

    def number(self, name: str) -> float:
        value = self.fact(name).value
        if isinstance(value, str):
            raise CatalogueError(f"{self.entry.key}.{name} = {value!r}, must be a number")
        return value

    def word(self, name: str) -> str:
        return str(self.fact(name).value)

    def word_or(self, name: str, other: str) -> str:
        return self.word(name) if self.has(name) else other

    def number_or(self, name: str, other: float) -> float:
        return self.number(name) if self.has(name) else other

    def has(self, name: str) -> bool:
        return name in self.entry.facts

    def assumptions(self) -> tuple[Assumption, ...]:
        return tuple(self.used.values())


def _ends(fact: Fact) -> tuple[float, float]:
    value = fact.number()
    return (value if fact.low is None else fact.low), (value if fact.high is None else fact.high)


def build_accelerator(entry: Entry) -> Accelerator:
    """The chip record of an entry of the family ``accelerator``.

    Raises
    ------
    CatalogueError
        If a fact that the record needs is missing; names it.
    """
    read = _Reader(entry)
    matches = {match[1]: name for name in entry.facts if (match := _PEAK.match(name))}
    if not matches:
        raise CatalogueError(f"accelerator {entry.key}: no fact peak_<precision>_flops_per_s, at least one is needed")
    peaks = {precision: read.number(name) for precision, name in matches.items()}
    power_low, power_high = _ends(read.fact("power_cap_w"))
    prefix = entry.key[:3]
    return Accelerator(
        key=entry.key,
        title=entry.title,
        peak_flops_per_s=peaks,
        hbm_bytes=read.number("hbm_bytes"),
        hbm_bytes_per_s=read.number("hbm_bytes_per_s"),
        power_cap_w=read.number("power_cap_w"),
        power_cap_low_w=power_low,
        power_cap_high_w=power_high,
        power_idle_w=read.number("power_idle_w"),
        family=read.word_or("family", prefix if prefix in FAMILIES else "gpu"),
        like=read.word_or("like", ""),
        purpose=read.word_or("purpose", ""),
        achieved_over_predicted=read.number_or("achieved_over_predicted", 1.0),
        assumptions=read.assumptions(),
    )


def build_system(entry: Entry, accelerator_of: Callable[[str], Accelerator]) -> System:
    """The system record of an entry of the family ``system``; ``accelerator_of`` looks its chip up.

    Raises
    ------
    CatalogueError
        If a fact that the record needs is missing; names it.
    """
    read = _Reader(entry)
    accelerator = accelerator_of(read.word("accelerator"))
    provisioned_low, provisioned_high = _ends(read.fact("provisioned_w_per_chip"))
    return System(
        key=entry.key,
        title=entry.title,
        accelerator=accelerator,
        chips=int(read.number("chips")),
        links=_links(read),
        overhead_w_per_chip=read.number("overhead_w_per_chip"),
        provisioned_w_per_chip=read.number("provisioned_w_per_chip"),
        provisioned_low_w_per_chip=provisioned_low,
        provisioned_high_w_per_chip=provisioned_high,
        liquid_share=read.number("liquid_share"),
        coolant_supply_max_c=read.number("coolant_supply_max_c"),
        assumptions=(*accelerator.assumptions, *read.assumptions()),
    )


def _links(read: _Reader) -> tuple[LinkLevel, ...]:
    """Network levels, innermost first; domains must grow and the last one must be unlimited."""
    levels = [level for level in range(1, _MOST_LEVELS + 1) if level == 1 or read.has(f"level{level}_name")]
    links = tuple(_link(read, f"level{level}") for level in levels)
    domains = [link.domain_chips for link in links]
    if domains != sorted(set(domains)) or domains[-1] != float("inf"):
        raise CatalogueError(f"system {read.entry.key}: link domains {domains} must grow and end with inf")
    return links


def _link(read: _Reader, level: str) -> LinkLevel:
    topology = read.word(f"{level}_topology")
    if topology not in TOPOLOGIES:
        raise CatalogueError(
            f"{read.entry.key}.{level}_topology = {topology!r}, must be one of {', '.join(TOPOLOGIES)}"
        )
    domain = read.number(f"{level}_domain_chips")
    return LinkLevel(
        name=read.word(f"{level}_name"),
        domain_chips=domain,
        link_bytes_per_s=read.number(f"{level}_link_bytes_per_s"),
        latency_s=read.number(f"{level}_latency_s"),
        topology=topology,
        dimensions=int(read.number(f"{level}_dimensions")) if topology == "torus" else int(topology == "ring"),
        wrap_chips=read.number_or(f"{level}_wrap_chips", domain) if topology in ("ring", "torus") else math.inf,
        leaf_chips=read.number_or(f"{level}_leaf_chips", 1.0),
        oversubscription=read.number_or(f"{level}_oversubscription", 1.0),
        longest_side=read.number_or(f"{level}_longest_side", math.nan),
    )
