"""Which folder is a run of `megawatt plan`: by its path, its name, or a file in it."""

from __future__ import annotations

import difflib
from pathlib import Path

from megawatt.errors import Problem, ScenarioError, shown
from megawatt.files import is_file, is_folder
from megawatt.ours import MANIFEST

__all__ = ["is_run", "run_folder"]


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run of `megawatt plan`."""
    return is_folder(folder) and is_file(folder / MANIFEST) and is_file(folder / "summary.json")


def run_folder(name: str | Path, root: Path = Path("runs")) -> Path:
    """The folder of a run: its path, that of a file in it, or its name below the folder of runs.

    Raises
    ------
    ScenarioError
        If it is none; names the nearest.
    """
    path = Path(name)
    for folder in [path, root / name] + ([path.parent] if is_file(path) else []):
        if is_run(folder):
            return folder
    there = sorted(file.parent.name for file in root.glob("*/summary.json"))
    near = difflib.get_close_matches(path.name[:255], there, 1)
    hint = f"did you mean {near[0]}?" if near else ""
    problem = Problem(str(name), "no run", f"a run folder, or one of {root}: {', '.join(there) or 'none there'}", hint)
    raise ScenarioError(f"{shown(str(name))}: no run folder of megawatt plan", [problem])
