"""Sweeps on disk: one folder of Parquet files that is one data set, resumed where it was left, asked in SQL."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.chain.sweep import Axis, check_points, check_words, points_of, value_points
from megawatt.errors import Problem, ScenarioError
from megawatt.files import is_folder, read_json, read_toml, refused
from megawatt.ours import MANIFEST, differences
from megawatt.risk import Cluster, stream_calls
from megawatt.writing import check_folder, write_columns, write_folder

__all__ = ["list_runs", "query_runs", "run_sweep"]

_CHUNK: Final = 16
"""Points of a file: what a killed sweep loses at most for each worker."""
_MOST_ROWS: Final = 1_000_000
"""Rows of an answer."""
_TRIED: Final = 8
"""Points, spread over a sweep, of which one must be a scenario before anything is written."""
_PART: Final = "part-{:06d}.parquet"


def run_sweep(
    file: Path, catalogue: Catalogue, axes: Sequence[Axis], target: Path, *, sample: int = 0, seed: int = 0,
    settings: Sequence[str] = (), workers: int = 1, cluster: Cluster | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Value every point of a sweep into a folder; points that are there already are kept.

    Files hold the same bytes whatever the number of workers, on a cluster too, and whether or not it was interrupted.

    Parameters
    ----------
    cluster : Cluster, optional
        Computes the points instead of ``workers`` (`megawatt.risk.open_cluster`); its workers see the same files.
    progress : callable, optional
        Called with points done, all points, and seconds that remain.

    Returns
    -------
    (int, int)
        Points of the sweep, and how many of them were computed now.

    Raises
    ------
    ScenarioError
        If an axis is wrong (of points spread over the sweep none is a scenario, or a word is none that its path knows),
        or the folder holds another sweep.
    """
    points = points_of(axes, sample, seed)
    paths = [axis.path for axis in axes]
    identity = _identity(file, catalogue, paths, points, settings)
    check_folder(target)
    done = _done(target, identity["sweep"])
    check_points(file, catalogue, paths, points[:: max(len(points) // _TRIED, 1)], settings)
    check_words(file, catalogue, paths, points, settings)
    chunks = range(0, len(points), _CHUNK)
    asked = [start for start in chunks if _PART.format(start // _CHUNK) not in done]
    calls = [
        partial(value_points, file, catalogue, paths, points[start : start + _CHUNK], start, tuple(settings))
        for start in asked
    ]
    began, computed = time.monotonic(), 0
    for place, (start, rows) in enumerate(zip(asked, stream_calls(calls, workers, cluster), strict=True), 1):
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        content = partial(_write, columns=_typed(columns))
        write_folder(target, {_PART.format(start // _CHUNK): content}, identity, add=True)
        computed += len(points[start : start + _CHUNK])
        if progress is not None:
            left = len(asked) - place
            progress(len(points) - left * _CHUNK, len(points), (time.monotonic() - began) / place * left)
    return len(points), computed


def _typed(columns: dict[str, list[Any]]) -> dict[str, Any]:
    import numpy as np

    made: dict[str, Any] = {}
    for name, values in columns.items():
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        kind = np.int64 if name == "point" else np.float64
        made[name] = np.array(values, dtype=kind) if numbers else np.array([str(v) for v in values], dtype=object)
    return made


def _write(path: Path, columns: dict[str, Any]) -> None:
    write_columns(path, columns, {"value_usd": "USD", "capital_usd": "USD", "it_mw": "MW"})


def _identity(
    file: Path, catalogue: Catalogue, paths: Sequence[str], points: Sequence[tuple[Any, ...]], settings: Sequence[str]
) -> dict[str, Any]:
    """What makes a sweep that sweep: the file, the scenarios that it names, the catalogue, every point."""
    raw, digest = read_toml(file)
    named = [str(part.get("scenario")) for part in raw.get("parts", ()) if isinstance(part, dict)]
    named += [str(name) for name in raw.get("compare", ())]
    hashes = {name: read_toml(file.parent / name)[1] for name in named}
    asked = {
        "file": digest, "named": hashes, "catalogue": catalogue.content_hash(), "over": list(paths),
        "points": [list(point) for point in points], "set": list(settings),
    }  # fmt: skip
    whole = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    return {"sweep": whole, "scenario": file.name, "over": list(paths), "points": len(points)}


def _done(target: Path, sweep: str) -> set[str]:
    """Files of this sweep that are there, whole and unchanged."""
    if not is_folder(target):
        return set()
    manifest = read_json(target / MANIFEST)
    if manifest.get("sweep") != sweep:
        problem = Problem(str(target), "another sweep", "an empty place, or the folder of the same sweep", "--out")
        raise ScenarioError(f"{target}: holds another sweep", [problem])
    changed, missing = differences(target)
    return set(manifest.get("files", {})) - set(changed) - set(missing)


def list_runs(root: Path) -> list[dict[str, Any]]:
    """Runs and sweeps below a folder: name, kind, what they were made from, points."""
    rows = []
    for manifest in sorted(root.glob(f"*/{MANIFEST}")):
        told = read_json(manifest)
        kind = "sweep" if "sweep" in told else "run"
        made = told.get("scenario") or ", ".join(Path(name).name for name in told.get("scenarios", {}))
        rows.append({"name": manifest.parent.name, "kind": kind, "from": made, "points": told.get("points")})
    return rows


def query_runs(root: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Rows of a question in SQL over the runs of a folder: names of columns, and rows.

    Every sweep is a table of its name; a run's tables are ``NAME.hourly`` and so on, as views ``NAME_hourly``. A name
    with a hyphen stands in quotes.

    Raises
    ------
    ScenarioError
        If the question is not understood, holds none, or has more than a million rows; names the tables.
    """
    import duckdb

    with duckdb.connect() as connection:
        tables, allowed = [], list[str]()
        for manifest in sorted(root.glob(f"*/{MANIFEST}")):
            folder = manifest.parent
            sweep = "sweep" in read_json(manifest)
            for name, files in _tables(folder, sweep):
                tables.append(name)
                allowed += files
                try:
                    connection.read_parquet(files, union_by_name=True).create_view(name, replace=False)
                except duckdb.Error as error:
                    raise refused(folder, str(error).splitlines()[0][:300], "whole Parquet files of one run") from None
        connection.execute("SET allowed_paths = ?", [allowed])
        connection.execute("SET enable_external_access = false")
        try:
            return _answer(connection.execute(sql))
        except RuntimeError as error:
            if "interrupted" in str(error):  # how the library passes a signal on
                raise KeyboardInterrupt from None
            raise
        except (duckdb.Error, ValueError, MemoryError) as error:
            names = [name if name.isidentifier() else f'"{name}"' for name in tables]
            there = f"SQL over {', '.join(names) or 'no runs'}"
            found = (str(error) or "more than memory holds").splitlines()[0][:300]
            problem = Problem("query", found, there)
            raise ScenarioError(f"runs query: {problem}", [problem]) from None


def _answer(asked: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names and rows of what was executed (None: nothing), of at most `_MOST_ROWS`."""
    if asked is None or not asked.description:
        raise ValueError("no question that has rows")
    names = [column[0] for column in asked.description]
    if len(set(names)) < len(names):
        raise ValueError(f"two columns of one name: {', '.join(names)[:200]}")
    rows = asked.fetchmany(_MOST_ROWS + 1)
    if len(rows) > _MOST_ROWS:
        raise ValueError(f"more than {_MOST_ROWS:,} rows (add a LIMIT, or aggregate)")
    return names, [tuple(_plain(cell) for cell in row) for row in rows]


def _plain(cell: Any) -> Any:
    """A cell as JSON can say it: bytes in hexadecimal, dates and the like as text."""
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, list | tuple):
        return [_plain(item) for item in cell]
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, dict):
        return {str(name): _plain(item) for name, item in cell.items()}
    return cell if cell is None or isinstance(cell, bool | int | float | str) else str(cell)


def _tables(folder: Path, sweep: bool) -> Iterable[tuple[str, list[str]]]:
    files = sorted(folder.glob("*.parquet"))
    if sweep:
        yield folder.name, [str(file) for file in files]
    else:
        for file in files:
            yield f"{folder.name}_{file.stem}", [str(file)]
