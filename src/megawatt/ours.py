"""What on a disk is ours to replace: files with an unbroken seal, folders that hold only what their manifest lists."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Final

from megawatt.errors import ScenarioError
from megawatt.files import decode, parse_json, read_bytes

__all__ = ["MANIFEST", "differences", "kind_of", "listed", "read_ours", "remove", "sealed", "why_foreign"]

MANIFEST: Final = "manifest.json"
_SEAL: Final = "megawatt sha256:"
_BLANK: Final = _SEAL + "0" * 64
_SEAL_PLACE: Final = re.compile(
    rb'\A\{"seal": "megawatt sha256:([0-9a-f]{64})"|<!-- megawatt sha256:([0-9a-f]{64}) -->\n\Z'
)
_MOST_READ: Final = 256 * 2**20


def sealed(text: str) -> str:
    """The text with the hash of itself: first key of a JSON object, last comment of HTML and SVG."""
    if text.startswith("{"):
        head, tail = '{"seal": "', f'",{text[1:]}'
    elif text.startswith("<"):
        head, tail = f"{text.rstrip()}\n<!-- ", " -->\n"
    else:
        raise ValueError("a seal needs a JSON object, HTML or SVG")
    digest = hashlib.sha256(f"{head}{_BLANK}{tail}".encode()).hexdigest()
    return f"{head}{_SEAL}{digest}{tail}"


def seal_holds(data: bytes) -> bool:
    """Whether these are bytes as we sealed them."""
    found = _SEAL_PLACE.search(data)
    if found is None:
        return False
    start, end = found.span(1 if found[1] else 2)
    return hashlib.sha256(data[:start] + b"0" * 64 + data[end:]).hexdigest().encode() == data[start:end]


def kind_of(path: Path) -> str:
    """What a path is, without following links: file, folder, nothing, or another kind in words."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return "nothing"
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "symbolic link", stat.S_IFIFO: "FIFO"}
    return kinds.get(stat.S_IFMT(mode), "device or socket")


def read_ours(path: Path) -> bytes:
    """Bytes of a file of ours; empty where it is too large to be one."""
    try:
        return read_bytes(path, _MOST_READ, "a file of ours")
    except ScenarioError:
        return b""


def listed(folder: Path) -> dict[str, str] | None:
    """Names and hashes in a folder's manifest; None where it has none of ours."""
    path = folder / MANIFEST
    if kind_of(path) != "file" or not seal_holds(data := read_ours(path)):
        return None
    try:
        files = parse_json(decode(path, data), path)["files"]
    except (ScenarioError, KeyError, TypeError):
        return None
    return {str(name): str(digest) for name, digest in files.items()} if isinstance(files, dict) else None


def differences(folder: Path) -> tuple[list[str], list[str]]:
    """What a folder holds against its manifest.

    Returns
    -------
    foreign : list of str
        Names that the manifest does not list or that have changed (``manifest.json`` itself where it is not ours).
    missing : list of str
        Listed names that are not there.
    """
    hashes = listed(folder)
    found = {entry.name: Path(entry.path) for entry in os.scandir(folder)}
    if hashes is None:
        return sorted(found), []

    def ours(name: str) -> bool:
        path = found[name]
        return kind_of(path) == "file" and hashlib.sha256(read_ours(path)).hexdigest() == hashes.get(name)

    foreign = [name for name in sorted(found) if name != MANIFEST and not ours(name)]
    return foreign, sorted(hashes.keys() - found.keys())


def why_foreign(path: Path) -> str:
    """Why a path is not ours to replace, in words; empty where it is (or where nothing is there)."""
    kind = kind_of(path)
    if kind == "folder":
        names = differences(path)[0]
        shown = ", ".join(repr(name) for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        return f"the folder holds what megawatt did not write, or not like this: {shown}" if names else ""
    if kind == "file":
        return "" if seal_holds(read_ours(path)) else "the file was not written by megawatt, or was changed since"
    return "" if kind == "nothing" else f"a {kind} is there"


def remove(path: Path) -> None:
    """Remove a file or a run folder of ours; of a folder only what its manifest lists, the manifest last."""
    if kind_of(path) == "file":
        path.unlink()
        return
    for name in listed(path) or ():
        (path / name).unlink(missing_ok=True)
    (path / MANIFEST).unlink(missing_ok=True)
    path.rmdir()
