"""Companies and flows between them, described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from megawatt.catalogue import Catalogue
from megawatt.company import load_company
from megawatt.contagion import CLASSES, read_flows
from megawatt.inspection.records import Description, Line, Section

__all__ = ["describe_company", "describe_flows"]


def describe_company(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A company file: every number, its own and those left to their default."""
    company = load_company(str(path), catalogue)
    parts: dict[str, list[Line]] = {}
    for used in company.assumptions:
        part, _, name = used.name.removeprefix(f"{company.key}.").rpartition(".")
        parts.setdefault(part or "company", []).append(Line.of(name, used.fact))
    sections = tuple(Section(part.replace(".", " "), tuple(lines)) for part, lines in parts.items())
    return Description("company", str(path), f"{company.title}, {company.year}-{company.month:02d}", sections, ())


def describe_flows(path: Path, catalogue: Catalogue, *, seq_len: int, settings: Iterable[str]) -> Description:
    """A table of flows: how many of each rank, how much money, what cannot be used."""
    flows, left = read_flows(path)
    counts = Counter(CLASSES[flow.rank] for flow in flows)
    usd = {name: sum(flow.amount_usd for flow in flows if CLASSES[flow.rank] == name) for name in counts}
    names = {name for flow in flows for name in (flow.payer, flow.payee)}
    lines = [Line("names", len(names)), *(Line(f"{name} ({counts[name]})", usd[name], "USD") for name in counts)]
    return Description("flows", str(path), f"{len(flows)} flows", (Section("flows", tuple(lines)),), left)
