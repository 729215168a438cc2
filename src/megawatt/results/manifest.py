"""The manifest: with which inputs, versions and seed a result came about."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from megawatt import __version__

__all__ = ["file_hashes", "make_manifest"]

_PACKAGES = ("numpy", "scipy", "highspy", "duckdb", "pydantic", "pyxirr")


def make_manifest(
    *, scenarios: Mapping[str, str], catalogue_sha256: str, seeds: Mapping[str, int], solvers: Iterable[str]
) -> dict[str, Any]:
    """Versions, hashes, seeds, solver and UTC time of a run.

    Parameters
    ----------
    scenarios : mapping
        File name to sha256 of each scenario file read.
    catalogue_sha256 : str
        Hash of the catalogue's data.
    seeds : mapping
        Use name to root seed.
    solvers : iterable of str
        Names and versions of the solvers used.
    """
    return {
        "megawatt": __version__,
        "created_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "scenarios": dict(scenarios),
        "catalogue_sha256": catalogue_sha256,
        "seeds": dict(seeds),
        "solvers": sorted(set(solvers)),
    }


def file_hashes(folder: Path) -> dict[str, str]:
    """Name and sha256 of every file of a run folder, the manifest itself left out."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != "manifest.json")
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
