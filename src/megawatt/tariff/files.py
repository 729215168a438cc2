"""Tariff files: TOML as the section `[tariff]`, or JSON of OpenEI's Utility Rate Database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from megawatt.files import read_json, read_toml
from megawatt.tariff.urdb import urdb_sheet

__all__ = ["is_tariff_file", "read_tariff_file"]


def is_tariff_file(name: str) -> bool:
    """Whether a name is the path of a tariff file rather than a key."""
    return name.lower().endswith((".toml", ".json"))


def read_tariff_file(path: Path) -> tuple[dict[str, Any], str]:
    """A tariff file as a raw section ``tariff``, and the hash of its bytes.

    Raises
    ------
    ScenarioError
        If the file cannot be read, or holds what is not costed; names the key.
    """
    what = "a tariff file (TOML as the section [tariff], or OpenEI JSON)"
    if path.suffix.lower() == ".json":
        from hashlib import sha256

        from megawatt.files import read_bytes

        content = read_json(path, kind=None)
        return urdb_sheet(content, str(path)), sha256(read_bytes(path, 64 * 2**20, what)).hexdigest()
    content, digest = read_toml(path, what, ("tariff",))
    own = content.get("tariff")
    return (own if isinstance(own, dict) and len(content) == 1 else content), digest
