"""The network of a machine file, as facts of the catalogue's levels; and the sheet that parts of a file are read on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from megawatt.catalogue.machine_file import Chip, Link, MachineFile
from megawatt.catalogue.records import Fact
from megawatt.catalogue.store import Catalogue
from megawatt.errors import Problem

__all__ = ["USUAL", "Network", "Sheet", "times"]

USUAL: Final = "hgx-h100"
"""The node whose surroundings (host power, rack budget, air, latencies) stand in where a machine says nothing."""
_LEVELS: Final = 4
"""Levels that a catalogued network has at most."""


def times(fact: Fact, factor: float) -> Fact:
    """A number with its range, scaled."""
    low, high = (None if end is None else end * factor for end in (fact.low, fact.high))
    return dataclasses.replace(fact, value=fact.number() * factor, low=low, high=high)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is read from one file: whose facts they are, what they may refer to, and the problems found so far."""

    catalogue: Catalogue
    file: str
    problems: list[Problem] = field(default_factory=list)

    def lacks(self, path: str, allowed: str) -> None:
        """Note that something is missing."""
        self.problems.append(Problem(path, "missing", allowed))

    def word(self, text: str) -> Fact:
        """A word of the file as a fact."""
        return Fact(text, "", "assumed", self.file, note="set in the file")

    def own(self, fact: Fact, unit: str | None = None) -> Fact:
        """A number of the file: whatever source it names stands in the note."""
        note = fact.note if fact.source == self.file else f"{fact.source}; {fact.note}".rstrip("; ")
        return dataclasses.replace(fact, source=self.file, note=note, unit=fact.unit if unit is None else unit)

    def given(self, section: Chip | MachineFile | Link, names: tuple[str, ...]) -> dict[str, Fact]:
        """The named numbers of a section that the file gives."""
        pairs = ((name, getattr(section, name)) for name in names)
        return {name: self.own(fact) for name, fact in pairs if fact is not None}


@dataclass(frozen=True, slots=True)
class Network:
    """Levels of a file over those of the machine that is alike (its facts; none where there is no such machine)."""

    sheet: Sheet
    links: Mapping[str, Link]
    alike: Mapping[str, Fact]

    def facts(self) -> dict[str, Fact]:
        levels = self._alike_levels()
        for name, link in self.links.items():
            facts = self._link_facts(name, link, self._replaced(levels, name, link))
            levels[name] = facts
        if not levels:
            self.sheet.lacks("links", "at least one level: [links.NAME] with topology and link_bytes_per_s")
            return {}
        ordered = sorted(levels.values(), key=lambda f: f["domain_chips"].number())
        domains = [f["domain_chips"].number() for f in ordered]
        if domains[-1] != math.inf:
            self.sheet.lacks("links", "an outermost level without domain_chips, which reaches every chip")
        if len(set(domains)) < len(domains):
            found = ", ".join(f"{d:g}" for d in domains)
            allowed = "levels that reach more and more chips, one of them (without domain_chips) all"
            self.sheet.problems.append(Problem("links", f"domain_chips {found}", allowed))
        if len(ordered) > _LEVELS:
            self.sheet.problems.append(Problem("links", f"{len(ordered)} levels", f"at most {_LEVELS}"))
        return {f"level{n}_{name}": fact for n, facts in enumerate(ordered, 1) for name, fact in facts.items()}

    def _alike_levels(self) -> dict[str, dict[str, Fact]]:
        facts = self.alike
        found: dict[str, dict[str, Fact]] = {}
        for level in range(1, _LEVELS + 1):
            prefix = f"level{level}_"
            mine = {n.removeprefix(prefix): f for n, f in facts.items() if n.startswith(prefix)}
            if mine:
                found[str(mine["name"].value)] = mine
        return found

    def _replaced(self, levels: dict[str, dict[str, Fact]], name: str, link: Link) -> dict[str, Fact]:
        """The level that a level of the file takes the place of, taken out; empty where it is new."""
        if name in levels:
            return levels.pop(name)
        domain = math.inf if link.domain_chips is None else link.domain_chips.number()
        same = [n for n, f in levels.items() if n not in self.links and f["domain_chips"].number() == domain]
        for alike in same:
            levels.pop(alike)
        return {}

    def _link_facts(self, name: str, link: Link, alike: Mapping[str, Fact]) -> dict[str, Fact]:
        path = f"links.{name}"
        facts = dict(alike) | {"name": self.sheet.word(name)}
        facts |= self.sheet.given(link, ("domain_chips", "latency_s", "wrap_chips", "leaf_chips", "oversubscription"))
        if link.link_bytes_per_s is not None:
            many = link.links_per_chip.number() if link.links_per_chip is not None else 1.0
            facts["link_bytes_per_s"] = times(self.sheet.own(link.link_bytes_per_s), many)
        elif link.links_per_chip is not None or "link_bytes_per_s" not in facts:
            self.sheet.lacks(f"{path}.link_bytes_per_s", str(Link.model_fields["link_bytes_per_s"].description))
        if link.topology is not None:
            facts["topology"] = self.sheet.word(link.topology)
        elif "topology" not in facts:
            self.sheet.lacks(f"{path}.topology", "switch, mesh, ring, torus, rail or fat-tree")
        if "topology" in facts:
            facts |= self._shape(path, link, facts)
        if "domain_chips" not in facts:
            facts["domain_chips"] = Fact(math.inf, "", "assumed", self.sheet.file, note="the outermost level")
        if "latency_s" not in facts:
            level = 2 if facts["domain_chips"].number() == math.inf else 1
            usual = self.sheet.catalogue.fact(USUAL, f"level{level}_latency_s")
            facts["latency_s"] = dataclasses.replace(usual, note=f"not in {self.sheet.file}: as {USUAL}")
        return facts

    def _shape(self, path: str, link: Link, facts: Mapping[str, Fact]) -> dict[str, Fact]:
        """Dimensions and size of a torus from its shape."""
        if link.shape is None:
            if str(facts["topology"].value) == "torus" and "dimensions" not in facts:
                self.sheet.lacks(f"{path}.shape", "chips along each dimension, e.g. [16, 16]")
            return {}
        chips = math.prod(link.shape)
        given = link.domain_chips.number() if link.domain_chips is not None else chips
        if given != chips:
            self.sheet.problems.append(Problem(f"{path}.domain_chips", f"{given:g}", f"{chips} = the product of shape"))
        numbers = {"dimensions": len(link.shape), "domain_chips": chips, "longest_side": max(link.shape)}
        if link.wrap_chips is None:
            numbers["wrap_chips"] = chips
        return {
            n: Fact(float(v), "", "assumed", self.sheet.file, note=f"shape {list(link.shape)}")
            for n, v in numbers.items()
        }
