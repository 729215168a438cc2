"""Releases of a software: entry ``stack@26.02`` says since when (``since``) and what it does otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from megawatt.catalogue.records import Accelerator
from megawatt.catalogue.store import Catalogue
from megawatt.errors import CatalogueError, ScenarioError, shown

__all__ = ["check_runs_on", "find_software", "is_month", "releases_until"]

_PRACTICE: Final = "practice"
"""What is in the key of an entry that holds for several stacks and is none."""


def find_software(catalogue: Catalogue, prefix: str, name: str) -> str:
    """Key of a software by its name.

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``<prefix><name>``.
    prefix : str
        What keys begin with (``stack-``, ``serving-``); the name may leave it out.
    name : str
        As the user wrote it.

    Raises
    ------
    CatalogueError
        If there is none of that name; names the nearest as they are written.
    """
    written, name = name, name.removeprefix(prefix)
    if _PRACTICE not in name and catalogue.knows(prefix + name):
        return catalogue.get(prefix + name, "practice").key
    keys = (key for key in catalogue.entries if key.startswith(prefix) and "@" not in key and _PRACTICE not in key)
    names = [key.removeprefix(prefix) for key in keys]
    near = get_close_matches(name.lower()[:80], names, 4, 0.5) or names
    raise CatalogueError(f"catalogue: stack {shown(written)} is not known; nearest: {', '.join(near)}")


def is_month(text: str) -> bool:
    """Whether a text is a month, YYYY-MM."""
    return re.fullmatch(r"[0-9]{4}-[0-9]{2}", text) is not None


def releases_until(catalogue: Catalogue, key: str, release: str | None, what: str) -> list[str]:
    """Releases of an entry up to one of them or to a month, the oldest first; all where none is named (None).

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``<key>@<release>``.
    key : str
        The software.
    release : str or None
        One of its releases, or a month (YYYY-MM).
    what : str
        What the user wrote, for the error.

    Raises
    ------
    ScenarioError
        If it has no such release.
    """
    found = {
        entry.removeprefix(f"{key}@"): str(catalogue.get(entry).facts["since"].value)
        for entry in catalogue.entries
        if entry.startswith(f"{key}@") and "since" in catalogue.get(entry).facts
    }
    ordered = sorted(found, key=lambda name: found[name])
    if release is None:
        return ordered
    if release not in found and not is_month(release):
        known = ", ".join(ordered) or "it has none"
        raise ScenarioError(f"{what}: no release {shown(release)}; allowed: {known}, YYYY-MM")
    return [name for name in ordered if found[name] <= found.get(release, release)]


def check_runs_on(catalogue: Catalogue, keys: Iterable[str], chip: Accelerator, what: str, usual: str) -> None:
    """Refuse a software on chips that it does not run on (``runs_on``: families of chips).

    Parameters
    ----------
    catalogue : Catalogue
        Entries of ``keys``.
    keys : iterable of str
        The software after what it is like: the last that says something counts.
    chip : Accelerator
        Where it should run.
    what, usual : str
        What the user wrote, and what does run there, for the error.

    Raises
    ------
    ScenarioError
        If it does not run there.
    """
    said = [fact for key in keys if (fact := catalogue.get(key).facts.get("runs_on")) is not None]
    if said and chip.family not in str(said[-1].value).split():
        families = " and ".join(str(said[-1].value).split())
        raise ScenarioError(f"{what} runs on {families} chips, not on {chip.key}; allowed: such as {usual}")
