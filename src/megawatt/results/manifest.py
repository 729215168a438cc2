"""The manifest: with which inputs, versions and seed a result came about."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import megawatt
from megawatt import __version__
from megawatt.files import read_bytes

__all__ = ["code_of_rooms", "make_manifest"]

_HASH: Final = 16
"""Characters of a hash."""
_LARGEST: Final = 2**22
"""Size of a module, at most. [B]"""
_PACKAGES = ("numpy", "scipy", "highspy", "duckdb", "pydantic", "pyxirr")


def code_of_rooms() -> dict[str, str]:
    """The beginning of a hash of each room's code; of modules outside rooms under an empty name."""
    hashes: dict[str, Any] = {}
    package = Path(megawatt.__file__).parent
    for file in sorted(package.rglob("*.py")):
        room = file.relative_to(package).parts[0] if file.parent != package else ""
        hashes.setdefault(room, hashlib.sha256()).update(read_bytes(file, _LARGEST, "a module of the package"))
    return {room: digest.hexdigest()[:_HASH] for room, digest in hashes.items()}


def make_manifest(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies a run's inputs, with the versions it ran on and the UTC time.

    Parameters
    ----------
    identity : mapping
        Scenario files and seeds, catalogue hash, solvers (from `megawatt.chain.compare`).
    """
    return {
        "megawatt": __version__,
        "created_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "code": code_of_rooms(),
    } | dict(identity)
