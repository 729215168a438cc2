"""Writing files and folders: whole or not at all, and never over what we did not write.

Everything that the package leaves on a disk goes through this module (a test reads the source of all others). Three
promises:

- **Old or new.** What is written is made in a scratch folder beside its place, flushed, and takes its name in one step
  (renameat2 where the system has it). Killed at any moment, the place holds the old content or the new one.
- **Ours alone.** A folder is replaced only if it holds nothing but files that its manifest lists, unchanged; a file
  only if it carries an unbroken seal, or with ``force``. What was swapped out is looked at once more before it is
  removed, and put back if someone changed it in between. Links and devices are never replaced.
- **Look before you compute.** `check_folder` and `check_text` tell before a long computation what would fail after it.

A scratch folder (``.megawatt-*``) carries a mark that its process keeps locked; one whose process is gone is removed
by the next run in the same place.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from megawatt.errors import MachineError, Problem, ScenarioError
from megawatt.files import decode, parse_json
from megawatt.ours import MANIFEST, differences, kind_of, listed, read_ours, remove, sealed, why_foreign

__all__ = [
    "Content",
    "abandon",
    "check_folder",
    "check_text",
    "own_folder",
    "write_bytes",
    "write_columns",
    "write_folder",
    "write_text",
]

Content = str | bytes | Callable[[Path], None]
"""What a file holds: text (UTF-8), bytes, or a function that writes it to the path it is given."""

_MARK: Final = "mark"
_MARK_TEXT: Final = "scratch folder of megawatt"
_SCRATCH: Final = ".megawatt-"
_NAME_BYTES: Final = 255
"""Longest name of a file on Linux's file systems. [B]"""
_RUN_BYTES: Final = 8 * 2**20
"""What a run folder takes, and a little more. [B]"""
_FILE_BYTES: Final = 4 * 2**20
_AT_FDCWD: Final = -100
""""Relative to the working directory" of Linux system calls (fcntl.h)."""
_NOREPLACE, _EXCHANGE = 1, 2
"""Flags of renameat2 (linux/fs.h)."""
_WRONG_PATH: Final = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}
"""Errors of a path that a user gave; all others are the machine's."""
_open_scratches: list[tuple[Path, Path]] = []
"""Scratch folders of this process with what they are for, so that `abandon` can clear them."""


@contextlib.contextmanager
def _told(target: Path) -> Iterator[None]:
    """Errors of the system as ours: a wrong path is the user's (2), all else the machine's (7)."""
    try:
        yield
    except OSError as error:
        found = f"cannot write ({error.strerror or error})"
        if error.errno in _WRONG_PATH:
            hint = f"mkdir -p {target.parent}" if error.errno == errno.ENOENT else "give another path"
            problem = Problem(str(target), found, "a path in a folder that exists", hint)
            raise ScenarioError(f"{target}: not written", [problem], str(target)) from None
        problem = Problem(
            str(target), found, "a folder that can be written, with room", "give another path, or free it"
        )
        raise MachineError(f"{target}: not written", [problem], str(target)) from None


def _refusal(target: Path, why: str, hint: str) -> ScenarioError:
    problem = Problem(str(target), why, "a new name, or what megawatt wrote there, unchanged", hint)
    return ScenarioError(f"{target}: not written", [problem], str(target))


_KEEP_HINT: Final = "move it away, give another --out, or --keep, which numbers runs"
_FORCE_HINT: Final = "--force replaces a file"


def own_folder() -> tempfile.TemporaryDirectory[str]:
    """An empty folder of this process's own, removed when it is cleaned up or the process ends."""
    return tempfile.TemporaryDirectory(prefix="megawatt-")


def check_folder(target: Path, *, keep: bool = False) -> None:
    """Raise now what `write_folder` would raise later; changes nothing.

    Raises
    ------
    ScenarioError
        If the folder is not ours to replace, or its path cannot be.
    MachineError
        If the place cannot be written, or has no room.
    """
    with _told(target):
        _check_name(target)
        place = target.parent
        while kind_of(place) == "nothing" and place != place.parent:
            place = place.parent
        with _alone(place):
            why = "" if keep else _folder_refusal(target)
        if why:
            raise _refusal(target, why, _KEEP_HINT)
        _probe(place, _RUN_BYTES)


def check_text(target: Path, *, force: bool = False) -> None:
    """Raise now what `write_text` would raise later; changes nothing."""
    with _told(target):
        _check_name(target)
        with _alone(target.parent):
            why = _text_refusal(target, force)
        if why:
            raise _refusal(target, why, _FORCE_HINT)
        _probe(target.parent, _FILE_BYTES)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other run of ours looks at, or exchanges, names of this folder meanwhile."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _check_name(target: Path) -> None:
    if target.name in ("", "..") or "\0" in str(target) or len(os.fsencode(target.name)) > _NAME_BYTES:
        problem = Problem(str(target)[:80], "no name of a file", f"at most {_NAME_BYTES} bytes, no NUL", "a short name")
        raise ScenarioError(f"{str(target)[:80]}: not written", [problem], str(target)[:80])


def _folder_refusal(target: Path) -> str:
    return "a file is there" if kind_of(target) == "file" else why_foreign(target)


def _text_refusal(target: Path, force: bool) -> str:
    kind = kind_of(target)
    return "a folder is there" if kind == "folder" else "" if force and kind == "file" else why_foreign(target)


def _probe(place: Path, size: int) -> None:
    """Make, fill and remove a file of so many bytes where something is to be written."""
    with tempfile.TemporaryFile(prefix=_SCRATCH, dir=place) as file:
        file.write(bytes(size))
        file.flush()


@contextlib.contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A marked folder beside the target, gone when the block ends; leftovers of dead processes go with it."""
    for left in target.parent.glob(f"{_SCRATCH}*"):
        with contextlib.suppress(OSError):
            _tidy(left)
    place = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=target.parent))
    _open_scratches.append((place, target))
    mark = os.open(place / _MARK, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: leftovers stay
            fcntl.flock(mark, fcntl.LOCK_EX)
        os.write(mark, json.dumps({"megawatt": _MARK_TEXT, "for": target.name}).encode())
        yield place
    finally:
        os.close(mark)
        with contextlib.suppress(OSError):
            _clear(place, target)
        _open_scratches.remove((place, target))


def _tidy(place: Path) -> None:
    """Clear a scratch folder that carries our mark and whose process is gone."""
    if kind_of(place) != "folder" or kind_of(place / _MARK) != "file":
        return
    mark = os.open(place / _MARK, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            content = parse_json(decode(place, os.read(mark, 4096)), place)
        except ScenarioError:
            return
        if isinstance(content, dict) and content.get("megawatt") == _MARK_TEXT:
            _clear(place, place.parent / Path(str(content["for"])).name)
    finally:
        os.close(mark)


def _clear(place: Path, target: Path) -> None:
    """Remove a scratch folder, whatever its process was doing; what is not ours stays, or goes back to its place.

    ``new`` is being made; ``swap`` is complete and about to change places with the target, or has; ``old`` is the
    target on its way out where the system cannot exchange names.
    """
    shutil.rmtree(place / "new", ignore_errors=True)
    (place / "new").unlink(missing_ok=True)
    aside = kind_of(place / "old") != "nothing" and not _appear(place / "old", target)
    if aside and not why_foreign(place / "old"):
        remove(place / "old")
    if kind_of(place / "swap") != "nothing" and not why_foreign(place / "swap"):
        remove(place / "swap")
    if {entry.name for entry in os.scandir(place)} <= {_MARK}:
        (place / _MARK).unlink(missing_ok=True)
        place.rmdir()


def abandon() -> None:
    """Clear the scratch folders of this process: it is about to end without finishing what it writes."""
    for place, target in tuple(_open_scratches):
        with contextlib.suppress(Exception):
            _clear(place, target)


def _rename(a: Path, b: Path, flags: int) -> None:
    """renameat2, or OSError with its number; ENOSYS where the system has no such call."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        raise OSError(errno.ENOSYS, "no renameat2", str(a)) from None
    if call(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(b))


def _appear(fresh: Path, target: Path) -> bool:
    """Give the target's name to what is fresh; False where the name is taken."""
    try:
        _rename(fresh, target, _NOREPLACE)
    except OSError as error:
        if error.errno == errno.EEXIST:
            return False
        if error.errno not in (errno.ENOSYS, errno.EINVAL):
            raise
        if kind_of(target) != "nothing":
            return False
        fresh.rename(target)
    return True


def _exchange(fresh: Path, target: Path, aside: Path) -> None:
    """Let two names change places: at once, or by way of a third name where the system cannot."""
    try:
        _rename(fresh, target, _EXCHANGE)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL):
            raise
        target.rename(aside)
        fresh.rename(target)
        aside.rename(fresh)


def _put(place: Path, target: Path, hint: str, force: bool) -> None:
    """Let the complete ``swap`` of a scratch folder take the target's name, if what is there is ours."""
    swap = place / "swap"
    if _appear(swap, target):
        return
    _exchange(swap, target, place / "old")
    refusal = _text_refusal if kind_of(target) == "file" else lambda path, _: _folder_refusal(path)
    why = refusal(swap, force)
    if why:
        _exchange(swap, target, place / "old")
        raise _refusal(target, why, hint)
    with contextlib.suppress(OSError):  # what is written is written; the scratch folder's end tries once more
        remove(swap)


def _flush(path: Path) -> None:
    """Make a file, or a folder with its files, durable before its name changes hands."""
    for item in [*(path.iterdir() if path.is_dir() else ()), path, path.parent]:
        handle = os.open(item, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _fill(path: Path, content: Content) -> None:
    if callable(content):
        content(path)
    else:
        write_bytes(path, content.encode() if isinstance(content, str) else content)


def write_folder(
    target: Path,
    files: Mapping[str, Content],
    about: Mapping[str, Any],
    *,
    keep: bool = False,
    add: bool = False,
) -> Path:
    """Write a folder of files with a manifest, as a whole.

    Parameters
    ----------
    target : Path
        Folder to make, or to replace if it is ours. Its parents are made.
    files : mapping
        Contents by name (plain names, no folders).
    about : mapping
        What the manifest says beside ``files``, the sha256 of each; JSON-ready.
    keep : bool
        Never replace: the first free name of ``target``, ``target-2``, ``target-3`` ...
    add : bool
        Files of ours that are there and not in ``files`` stay in the new folder.

    Returns
    -------
    Path
        The folder that was written.

    Raises
    ------
    ScenarioError
        If the folder is not ours to replace, or its path cannot be.
    MachineError
        If the place cannot be written.
    """
    with _told(target):
        _check_name(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent):
            if not keep and (why := _folder_refusal(target)):
                raise _refusal(target, why, _KEEP_HINT)
            if add and kind_of(target) == "folder":
                stay = (listed(target) or {}).keys() - files.keys() - set(differences(target)[1])
                files = {name: read_ours(target / name) for name in sorted(stay)} | dict(files)
        with _scratch(target) as place:
            fresh = place / "new"
            fresh.mkdir()
            for name, content in files.items():
                if Path(name).name != name or name == MANIFEST:
                    raise ValueError(f"{name!r} is no name for a file of a folder")
                _fill(fresh / name, content)
            hashes = {name: hashlib.sha256((fresh / name).read_bytes()).hexdigest() for name in sorted(files)}
            text = json.dumps(dict(about) | {"files": hashes}, indent=1, allow_nan=False)
            _fill(fresh / MANIFEST, sealed(text + "\n"))
            _flush(fresh)
            fresh.rename(place / "swap")
            with _alone(target.parent):
                return _put_kept(place, target) if keep else _put_over(place, target)


def _put_over(place: Path, target: Path) -> Path:
    _put(place, target, _KEEP_HINT, force=False)
    return target


def _put_kept(place: Path, target: Path) -> Path:
    names = itertools.chain([target], (target.with_name(f"{target.name}-{n}") for n in itertools.count(2)))
    return next(name for name in names if _appear(place / "swap", name))


def write_text(target: Path, text: str, *, force: bool = False, seal: bool = True) -> None:
    """Write a text file as a whole; an older one is replaced if its seal is unbroken, or with ``force``.

    Parameters
    ----------
    target : Path
        File to write; its folder must exist.
    text : str
        HTML, SVG or a JSON object; anything where ``seal`` is False.
    force : bool
        Replace a file that is not ours (never a folder, a link or a device).
    seal : bool
        Mark it as ours, so that the next run may replace it; False for files that a user goes on to edit.

    Raises
    ------
    ScenarioError
        If the file is not ours to replace, or its path cannot be.
    MachineError
        If the place cannot be written.
    """
    with _told(target):
        _check_name(target)
        with _alone(target.parent):
            why = _text_refusal(target, force)
        if why:
            raise _refusal(target, why, _FORCE_HINT)
        with _scratch(target) as place:
            _fill(place / "new", sealed(text) if seal else text)
            _flush(place / "new")
            (place / "new").rename(place / "swap")
            with _alone(target.parent):
                _put(place, target, _FORCE_HINT, force)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a new file of a folder under construction: what a function given to `write_folder` may do."""
    with path.open("xb") as file:
        file.write(data)


def write_columns(path: Path, columns: Mapping[str, Any], units: Mapping[str, str]) -> None:
    """Write equally long columns to one Parquet file (zstd); ``units`` by column go into the file's metadata.

    Raises
    ------
    MachineError
        If the file cannot be written.
    """
    import duckdb

    def quoted(text: str) -> str:
        escaped = text.replace("'", "''")
        return f"'{escaped}'"

    pairs = ", ".join(f"{quoted(f'unit.{name}')}: {quoted(unit)}" for name, unit in units.items())
    options = f", KV_METADATA {{{pairs}}}" if pairs else ""
    query = f"COPY (SELECT * FROM columns_) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd{options})"
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")  # the row order, hence the file, does not depend on the machine
        connection.register("columns_", dict(columns))
        try:
            connection.execute(query)
        except duckdb.IOException as error:
            problem = Problem(path.name, f"cannot write ({error})", "a folder that can be written, with room")
            raise MachineError(f"{path.name}: not written", [problem]) from None
