"""Companies and flows between them, described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from megawatt.catalogue import Catalogue
from megawatt.company import load_company
from megawatt.contagion import CLASSES, read_flows
from megawatt.files import refused
from megawatt.inspection.records import Description, Line, Section

__all__ = ["describe_company", "describe_flows"]

_CLEARED: Final = range(2020, 2061)
"""Years that `contagion` can clear."""
_USUAL: Final = 2027
"""The one that it clears without a word."""


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
    years = [year for year in _CLEARED if any(flow.due_usd(year) or flow.lent_usd(year) for flow in flows)]
    lines.append(Line("years in which something is paid", f"{years[0]} to {years[-1]}" if years else "none"))
    usual = (
        () if _USUAL in years else (f"nothing is paid in {_USUAL}, the year that `contagion` clears without --year",)
    )
    if not years:
        raise refused(path, "flows of which nothing is paid", f"payments in {_CLEARED[0]} to {_CLEARED[-1]}")
    sections = (Section("flows", tuple(lines)),)
    return Description("flows", str(path), f"{len(flows)} flows", sections, left, warnings=usual)
