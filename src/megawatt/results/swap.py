"""Replace a folder as a whole: whoever looks, at any moment, finds the old one or the new one, never half.

On Linux two names are exchanged by one system call (renameat2 with RENAME_EXCHANGE), which the kernel makes atomic.
Elsewhere the old folder is moved aside first; a kill between the two renames leaves the old folder under its backup
name, and the next run puts it back.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["new_folder"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def _exchange(a: Path, b: Path) -> bool:
    """Exchange two paths atomically; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _tidy(target: Path) -> None:
    """Remove what killed runs left behind, and put a moved-aside folder back."""
    backup = target.with_name(f".{target.name}.old")
    if backup.is_dir() and not target.exists():
        backup.rename(target)
    for left in target.parent.glob(f".{target.name}.*.new"):
        match = re.fullmatch(rf"\.{re.escape(target.name)}\.(\d+)\.new", left.name)
        if match and (int(match[1]) == os.getpid() or not _alive(int(match[1]))):
            shutil.rmtree(left, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Make the folder's files durable before its name changes hands."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _put(fresh: Path, target: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    if _exchange(fresh, target):
        shutil.rmtree(fresh)
        return
    backup = target.with_name(f".{target.name}.old")
    shutil.rmtree(backup, ignore_errors=True)
    target.rename(backup)
    fresh.rename(target)
    shutil.rmtree(backup)


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A fresh folder to write into; it takes the name ``target`` when the block ends without an error.

    Parameters
    ----------
    target : Path
        Folder to make or replace. Its parent is created.

    Yields
    ------
    Path
        The folder to write into, beside the target on the same file system.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _tidy(target)
    fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
    fresh.mkdir()
    try:
        yield fresh
        _flush(fresh)
        _put(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
