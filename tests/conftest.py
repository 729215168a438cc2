"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Refusals fold to it, and readline, which pytest imports, puts it into the environment of subprocesses.
os.environ.pop("COLUMNS", None)
os.unsetenv("COLUMNS")

_CANDIDATES = (Path(__file__).parents[2] / "shared" / "reference",)


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """Folder of published measurements and third-party answers (or MEGAWATT_REFERENCE); skips where it is not there."""
    named = os.environ.get("MEGAWATT_REFERENCE")
    for folder in (Path(named),) if named else _CANDIDATES:
        if (folder / "README.md").is_file():
            return folder
    pytest.skip("the reference data folder is not here; set MEGAWATT_REFERENCE to run this check")
