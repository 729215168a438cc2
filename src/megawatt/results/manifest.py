"""The manifest: with which inputs, versions and seed a result came about."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

from megawatt import __version__

__all__ = ["make_manifest"]

_PACKAGES = ("numpy", "scipy", "highspy", "duckdb", "pydantic", "pyxirr")


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
    } | dict(identity)
