"""Machines, described: chip, network from the inside out, power, and whose measurements their times rest on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from megawatt.catalogue import Catalogue, System
from megawatt.inspection.records import Description, Line, Section
from megawatt.training import open_machine, practice_for, usual_precision
from megawatt.workload import load_model

__all__ = ["describe_machine", "machine_sections"]

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "accelerator": "chip",
        "chips": "chips of a unit",
        "hbm_bytes": "memory",
        "hbm_bytes_per_s": "memory rate",
        "link_bytes_per_s": "rate per chip, one direction",
        "latency_s": "latency",
        "domain_chips": "chips that it joins",
        "wrap_chips": "smallest block with joined ends",
        "leaf_chips": "chips below a leaf",
        "achieved_over_predicted": "rate of kernels over predicted",
        "like": "measured kernels of",
        "family": "libraries of",
        "coolant_supply_max_c": "warmest coolant",
        "liquid_share": "heat to liquid",
    }
)
_PEAK: Final = re.compile(r"^peak_(\w+)_flops_per_s$")
_MIXTURE: Final = "mixtral-8x7b"
"""A model with every kind of operator that kernels are measured of."""
_POWER: Final = ("_w", "_w_per_chip", "_c", "liquid_share")


def describe_machine(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A machine file."""
    over, system = open_machine(catalogue, str(path))
    assumed = (a for a in system.assumptions if a.fact.note.startswith("not in "))
    told = tuple(f"{a.name}: {Line.of(a.name, a.fact).told}, {a.fact.note}" for a in assumed)
    return Description("machine", str(path), system.title, machine_sections(over, system), told)


def machine_sections(catalogue: Catalogue, system: System) -> tuple[Section, ...]:
    """Unit and chip, each level of the network, power, and what times rest on."""
    levels = {f"level{n}": link.name for n, link in enumerate(system.links, 1)}
    parts: dict[str, list[Line]] = {name: [] for name in ("unit", "chip", *levels.values(), "power")}
    for used in system.assumptions:
        name = used.name.rpartition(".")[2]
        if not name.endswith("_name"):
            part, words = _part(name, levels)
            parts[part].append(replace(Line.of(name, used.fact), name=words))
    precision = usual_precision(system.accelerator)
    rests = practice_for(catalogue, system).rests_on(precision, load_model(_MIXTURE, catalogue))
    measured = Section(f"times in {precision} rest on", tuple(Line(name, what) for name, what in rests.items()))
    return (*_sections(parts, set(levels.values())), measured)


def _sections(parts: Mapping[str, list[Line]], levels: set[str]) -> Iterator[Section]:
    for name, lines in parts.items():
        yield Section(f"network: {name}" if name in levels else name, tuple(lines))


def _part(name: str, levels: Mapping[str, str]) -> tuple[str, str]:
    """Part of a machine that a fact belongs to, and what it is in words."""
    level, _, rest = name.partition("_")
    if level in levels:
        return levels[level], _WORDS.get(rest, rest.replace("_", " "))
    if peak := _PEAK.match(name):
        return "chip", f"dense rate in {peak[1]}"
    words = _WORDS.get(name, name.replace("_w_per_chip", " per chip").removesuffix("_w").replace("_", " "))
    part = "unit" if name in ("accelerator", "chips") else "power" if name.endswith(_POWER) else "chip"
    return part, words
