"""Parquet: what a file holds is asked before it is read, and what does not fit is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from megawatt.files.guard import open_descriptor, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["parquet_columns", "parquet_names", "parquet_units"]

_MOST_BYTES: Final = 512 * 2**20
_MOST_ROWS: Final = 5_000_000
"""Rows that are read at most."""
_MOST_CELLS: Final = 50_000_000
"""Cells that are read at most: 400 MB of numbers."""
_MOST_TEXT_BYTES: Final = 256 * 2**20
_WHAT: Final = "a Parquet file"
_FLAT: Final = re.compile(
    r"(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN|VARCHAR|DATE|TIMESTAMP.*)"
)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, str]]:
    """A connection without network or extensions, and the path with its wildcards taken literally."""
    import duckdb

    handle, size = open_descriptor(path, _WHAT)
    os.close(handle)
    if size > _MOST_BYTES:
        raise refused(path, f"{size / 2**20:,.0f} MiB", f"{_WHAT} of at most {_MOST_BYTES / 2**20:,.0f} MiB")
    literal = re.sub(r"([*?\[])", r"[\1]", str(path.absolute()))
    options: Any = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": "1GB",
        "threads": 1,
    }
    try:
        with duckdb.connect(config=options) as connection:
            yield connection, literal
    except (duckdb.Error, RuntimeError, ValueError, MemoryError) as error:
        raise refused(path, f"cannot be read: {str(error).splitlines()[0]}", _WHAT) from None


def parquet_names(path: Path) -> list[str]:
    """Column names of a Parquet file.

    Raises
    ------
    ScenarioError
        If it cannot be read, or is no Parquet file.
    """
    with _opened(path) as (connection, literal):
        return [name for name, _ in _schema(connection, literal)]


def _schema(connection: Any, literal: str) -> list[tuple[str, str]]:
    query = "DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)"
    return [(str(row[0]), str(row[1])) for row in connection.execute(query, [literal]).fetchall()]


def parquet_columns(path: Path) -> dict[str, NDArray[Any]]:
    """All columns of a Parquet file as numpy arrays (masked where the file has missing values).

    Rows, cells and the length of text are asked of the file's own account and counted again while reading, so that a
    small file that unpacks to many gigabytes is refused.

    Raises
    ------
    ScenarioError
        If it cannot be read, is too large, or a column is a list, a structure or bytes.
    """
    with _opened(path) as (connection, literal):
        schema = _schema(connection, literal)
        nested = [f"{name} ({kind})" for name, kind in schema if _FLAT.fullmatch(kind) is None]
        if nested:
            raise refused(path, f"column {nested[0]}", "columns of numbers, words and dates", where=nested[0])
        stated = connection.execute("SELECT num_rows FROM parquet_file_metadata(?)", [literal]).fetchone()
        most = min(_MOST_ROWS, _MOST_CELLS // max(len(schema), 1))
        if stated[0] > most:
            raise refused(path, f"{stated[0]:,} rows", f"at most {most:,} rows of {len(schema)} columns")
        source = f"(SELECT * FROM read_parquet(?, hive_partitioning = false) LIMIT {most})"
        _check_text(connection, path, literal, source, [name for name, kind in schema if kind == "VARCHAR"])
        table: dict[str, NDArray[Any]] = connection.execute(f"SELECT * FROM {source}", [literal]).fetchnumpy()
    return table


def _check_text(connection: Any, path: Path, literal: str, source: str, words: list[str]) -> None:
    if not words:
        return
    sums = " + ".join('coalesce(sum(strlen("' + name.replace('"', '""') + '")), 0)' for name in words)
    found = connection.execute(f"SELECT {sums} FROM {source}", [literal]).fetchone()[0]
    if found > _MOST_TEXT_BYTES:
        raise refused(path, f"{found / 2**20:,.0f} MiB of text", f"at most {_MOST_TEXT_BYTES / 2**20:,.0f} MiB")


def parquet_units(path: Path) -> dict[str, str]:
    """Units by column, where the file's metadata state them as ``unit.<column>``.

    Raises
    ------
    ScenarioError
        If it cannot be read.
    """
    with _opened(path) as (connection, literal):
        rows = connection.execute("SELECT key, value FROM parquet_kv_metadata(?)", [literal]).fetchall()
    pairs = ((bytes(key).decode("utf-8", "replace"), bytes(value).decode("utf-8", "replace")) for key, value in rows)
    return {k.removeprefix("unit."): v for k, v in pairs if k.startswith("unit.")}
