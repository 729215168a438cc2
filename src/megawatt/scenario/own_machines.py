"""Machine files and measured kernels that a scenario names, laid over the catalogue that it is read with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.catalogue.own_machine import is_machine_file
from megawatt.errors import MegawattError, Problem

__all__ = ["with_own_machines"]

_SYSTEMS: Final = ("ai.system", "contract.parity_system", "contract.predecessor_system")
_KERNELS: Final = "training.kernels"


def with_own_machines(
    raw: Mapping[str, Any], catalogue: Catalogue, folder: Path
) -> tuple[dict[str, Any], Catalogue, list[Problem]]:
    """The raw scenario with the keys of its machine files in their place, the catalogue with them, and problems.

    Parameters
    ----------
    raw : mapping
        As read; ``ai.system`` and the contract's systems may be paths, relative to ``folder``, and
        ``training.kernels`` a folder of measured kernels.
    catalogue : Catalogue
        What is known.
    folder : Path
        Of the scenario.
    """
    from megawatt.training import open_machines

    found = dict(raw)
    files = {path: _text(raw, path) for path in _SYSTEMS if is_machine_file(_text(raw, path))}
    kernels = _text(raw, _KERNELS)
    try:
        over, keys = open_machines(
            catalogue, list(files.values()), kernels=Path(kernels) if kernels else None, folder=folder
        )
    except MegawattError as error:
        named = files | ({_KERNELS: kernels} if kernels else {})
        where = next((path for path, name in named.items() if name == error.file), next(iter(named), _KERNELS))
        told = error.problems or [Problem("", str(error), "a file that can be read")]
        return found, catalogue, [_at(where, error.file, p) for p in told]
    for path, key in zip(files, keys, strict=True):
        section, name = path.split(".")
        found[section] = {**found[section], name: key}
    return found, over, []


def _at(where: str, file: str, problem: Problem) -> Problem:
    """A problem of a file, where the scenario names it."""
    if problem.path:
        return replace(problem, path=f"{where}: {problem.path}")
    return replace(problem, path=where, found=f"{file}: {problem.found}" if file else problem.found)


def _text(raw: Mapping[str, Any], path: str) -> str:
    """The text at ``section.name``; empty where there is none."""
    section, name = path.split(".")
    table = raw.get(section)
    value = table.get(name) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""
