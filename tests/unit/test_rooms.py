"""Imports go one way through the rooms, and the command starts without numpy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import megawatt

ROOMS = (
    "files",
    "hourly",
    "catalogue",
    "workload",
    "hardware",
    "training",
    "runs",
    "serving",
    "launch",
    "facility",
    "mining",
    "tariff",
    "dispatch",
    "finance",
    "contagion",
    "risk",
    "company",
    "scenario",
    "chain",
    "results",
    "evidence",
    "calibration",
    "validation",
    "inspection",
    "report",
    "cases",
    "api",
    "app",
    "cli",
)
PACKAGE = Path(megawatt.__file__).parent


def _imported_rooms(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {parts[1] for parts in (n.split(".") for n in names) if parts[0] == "megawatt" and parts[1:2]} & set(ROOMS)


def test_every_folder_is_a_room() -> None:
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(ROOMS)


def test_rooms_import_only_rooms_before_them() -> None:
    wrong = []
    for place, room in enumerate(ROOMS):
        for file in (PACKAGE / room).rglob("*.py"):
            wrong += [
                f"{file.relative_to(PACKAGE)} imports {r}" for r in _imported_rooms(file) if ROOMS.index(r) > place
            ]
    assert not wrong, wrong


def test_every_room_says_what_it_answers() -> None:
    missing = [room for room in ROOMS if not (PACKAGE / room / "README.md").is_file()]
    assert not missing


def test_the_command_starts_without_heavy_imports() -> None:
    code = "import sys, megawatt.cli; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("numpy", "scipy", "pydantic", "duckdb", "highspy", "rich", "jinja2"):
        assert repr(heavy) not in loaded


_WRITERS = {"write_text", "write_bytes", "unlink", "rename", "rmdir", "mkdir", "touch", "symlink_to", "hardlink_to"}
_MODULES = {"tempfile", "shutil"}
_OF_OS = {"remove", "unlink", "rename", "replace", "rmdir", "mkdir", "makedirs", "truncate", "link", "symlink"}


def _writes(file: Path) -> list[str]:
    """Calls of a file that open something for writing, or change a folder."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("COPY "):
            found.append(f"{node.lineno}: COPY")
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        owner, _, method = name.rpartition(".")
        words = [a.value for a in (*node.args, *(k.value for k in node.keywords)) if isinstance(a, ast.Constant)]
        opens = method == "open" and any(isinstance(w, str) and set(w) & set("wax+") and len(w) < 4 for w in words)
        if opens or owner in _MODULES or (owner == "os" and method in _OF_OS) or (owner and method in _WRITERS):
            found.append(f"{node.lineno}: {name}")
    return found


def test_one_module_writes() -> None:
    allowed = {"writing.py", "ours.py"}
    found = {str(f.relative_to(PACKAGE)): _writes(f) for f in PACKAGE.rglob("*.py") if f.name not in allowed}
    wrong = {name: calls for name, calls in found.items() if calls}
    assert not wrong, wrong
