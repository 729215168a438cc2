"""Bytes of a regular file, up to a limit; a folder, pipe, device or missing file is an error that says so."""

from __future__ import annotations

import difflib
import hashlib
import os
import stat
from importlib.resources.abc import Traversable
from itertools import islice
from pathlib import Path
from typing import Final

from megawatt.errors import Problem, ScenarioError, cut

__all__ = ["file_sha256", "is_file", "is_folder", "open_descriptor", "read_bytes", "refused"]

_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_NEIGHBOURS: Final = 2000
"""Names of a folder that are looked at for a misspelt one."""
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def refused(path: object, found: str, allowed: str, *, where: str = "", line: int = 0, hint: str = "") -> ScenarioError:
    """The error of a file that cannot be used.

    Parameters
    ----------
    path : object
        The file.
    found, allowed, hint : str
        As in `Problem`.
    where : str
        Dotted path or column inside the file.
    line : int
        Counted from 1; 0 if unknown.
    """
    file = cut(str(path), 200)
    head = ": ".join(filter(None, (f"{file}:{line}" if line else file, where, found)))
    problem = Problem(where, f"line {line}: {found}" if line else found, allowed, hint)
    return ScenarioError(f"{head}; allowed: {allowed}{f' ({hint})' if hint else ''}", [problem], file)


def is_file(path: Path) -> bool:
    """Whether a regular file is there; False where the name cannot be one."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there; False where the name cannot be one."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        return False


def open_descriptor(path: Path, what: str) -> tuple[int, int]:
    """Descriptor and size of a regular file, opened for reading; the caller closes it.

    Raises
    ------
    ScenarioError
        If it is not there, is no regular file, or cannot be opened.
    """
    if "\0" in str(path):
        raise refused(path, "a NUL character in the path", f"the path of {what}")
    try:
        _regular(path, os.stat(path).st_mode, what)  # noqa: PTH116
        handle = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        found = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {reason}"
        raise refused(path, found, f"a readable file: {what}", hint=_near(path)) from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        _regular(path, status.st_mode, what)
    return handle, status.st_size


def _regular(path: Path, mode: int, what: str) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "no regular file")
        raise refused(path, f"is {kind}", f"a regular file: {what}")


def _near(path: Path) -> str:
    try:
        names = [p.name for p in islice(path.parent.iterdir(), _NEIGHBOURS) if p.suffix == path.suffix]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name[:255], names, 1)
    return f"did you mean {path.parent / near[0]}?" if near else ""


def read_bytes(item: Path | str | Traversable, most_bytes: int, what: str) -> bytes:
    """All bytes of a regular file, or of a file inside an installed package.

    Parameters
    ----------
    item : Path, str or Traversable
        The file.
    most_bytes : int
        Larger files are refused before they are read.
    what : str
        What is wanted, for the message, e.g. ``"a CSV file"``.

    Raises
    ------
    ScenarioError
        If it cannot be read, is no regular file or too large.
    """
    if not isinstance(item, Path | str):
        return item.read_bytes()
    path = Path(item)
    handle, size = open_descriptor(path, what)
    with os.fdopen(handle, "rb") as file:
        if size <= most_bytes:
            try:
                data = file.read(most_bytes + 1)
            except OSError as error:
                raise refused(path, f"cannot be read ({error.strerror})", f"a readable file: {what}") from None
            size = len(data)
    if size > most_bytes:
        raise refused(path, f"{size / 2**20:,.1f} MiB or more", f"{what} of at most {most_bytes / 2**20:,.0f} MiB")
    return data


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file of any size; hexadecimal.

    Raises
    ------
    ScenarioError
        If it cannot be read.
    """
    handle, _ = open_descriptor(path, "a file of results")
    with os.fdopen(handle, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
