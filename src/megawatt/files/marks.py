"""What tells the TOML files of the package apart: the keys that each kind has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

__all__ = ["TOML_MARKS", "other_kind"]

TOML_MARKS: Final[Mapping[str, frozenset[str]]] = {
    "model": frozenset({"model"}),
    "comparison": frozenset({"compare"}),
    "mix": frozenset({"parts"}),
    "machine": frozenset({"chip", "links", "like", "anchor"}),
    "company": frozenset({"cash_usd", "overhead_usd_per_year", "lease", "debt"}),
    "scenario": frozenset({"format", "use", "site", "power"}),
    "tariff": frozenset({"energy", "demand", "coincident", "fixed", "tariff"}),
    "place": frozenset({"latitude_deg"}),
}
"""Outermost keys, any of which makes a file one of a kind, in the order in which kinds are tried."""
_SHARED: Final = frozenset({"format", "lease", "debt", "tariff"})
"""Keys that files of several kinds have."""


def other_kind(content: Mapping[str, object], wanted: Collection[str]) -> str:
    """The kind of a file that is none of those wanted; nothing where it may be one, or is of no known kind.

    Parameters
    ----------
    content : mapping
        The file's outermost table.
    wanted : collection of str
        Kinds, keys of `TOML_MARKS`.
    """
    found = next((kind for kind, marks in TOML_MARKS.items() if kind in wanted and _own(content, marks)), "")
    if found:
        return ""
    return next((kind for kind, marks in TOML_MARKS.items() if _own(content, marks)), "")


def _own(content: Mapping[str, object], marks: frozenset[str]) -> bool:
    return not (marks - _SHARED).isdisjoint(content)
