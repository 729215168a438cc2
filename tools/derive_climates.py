"""Derive the places of the catalogue whose climate was read from a station's hourly file or published normals.

Usage: ``python tools/derive_climates.py --weather DIR [--check]``. ``DIR`` holds the EPW files that
``tools/derivation/station_files.csv`` names, found by file name in any folder below. Runs are deterministic: the same
files give the same bytes.

Generated, in ``src/megawatt/catalogue/data``: ``place-stations.csv`` and ``table-normals-stations.csv``. Their sources
are curated in ``sources-stations.toml``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from derivation.climate import COLUMNS
from derivation.rows import read_reference, write_rows, write_table
from derivation.stations import from_file, from_normals

TOOLS = Path(__file__).resolve().parent
DATA = TOOLS.parent / "src" / "megawatt" / "catalogue" / "data"
PLACES = "place-stations.csv"
NORMALS = "table-normals-stations.csv"


def derive(weather: Path, target: Path) -> None:
    """Write both generated files into ``target``."""
    rows, table = [], []
    for entry in read_reference(TOOLS / "derivation" / "station_files.csv"):
        place, months = from_file(entry, _found(weather, entry["file"]))
        rows += place
        table += months
    for entry in read_reference(TOOLS / "derivation" / "station_normals.csv"):
        place, months = from_normals(entry)
        rows += place
        table += months
    write_rows(target / PLACES, rows)
    write_table(target / NORMALS, ["key", "month", *(column[0] for column in COLUMNS)], table)


def _found(folder: Path, name: str) -> Path:
    """The file of this name in the folder or below; the first in alphabetical order."""
    found = sorted(path for path in folder.rglob("*.epw") if path.name == name)
    if not found:
        raise SystemExit(f"{folder}: no file {name}")
    return found[0]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Derive the catalogue's places read from weather stations.")
    parser.add_argument("--weather", type=Path, required=True, help="folder with the EPW files")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file would change")
    options = parser.parse_args()
    if not options.check:
        derive(options.weather, DATA)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        derive(options.weather, Path(scratch))
        changed = [
            name for name in (PLACES, NORMALS) if (Path(scratch) / name).read_bytes() != (DATA / name).read_bytes()
        ]
    if changed:
        print("would change: " + ", ".join(changed), file=sys.stderr)
    return 1 if changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
