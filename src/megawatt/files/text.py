"""Text of a file: UTF-8 or UTF-16 by their marks, and tables also in the old Western code page."""

from __future__ import annotations

import codecs
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from megawatt.files.guard import read_bytes, refused

__all__ = ["TEXT_BYTES", "decode", "read_text"]

TEXT_BYTES: Final = 64 * 2**20
"""Largest text file that is read."""
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(path: object, data: bytes, *, western: bool = False) -> str:
    """Text of a file's bytes.

    A byte-order mark decides; without one it is UTF-8, and where that does not hold and ``western`` is set,
    Windows-1252 (Latin-1 where a byte has no meaning there): titles of exports, never numbers, hold such letters.

    Raises
    ------
    ScenarioError
        If bytes are not of the encoding, or a NUL is among them; names the line.
    """
    mark, encoding = next(((m, e) for m, e in _MARKS if data.startswith(m)), (b"", "utf-8"))
    body = data[len(mark) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        if mark or not western or b"\0" in body:
            line = body.count(b"\n", 0, error.start) + 1
            raise refused(path, f"bytes that are no {encoding.upper()}", "text in UTF-8", line=line) from None
        try:
            text = body.decode("cp1252")
        except UnicodeDecodeError:
            text = body.decode("latin-1")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise refused(path, "a NUL character: no text, or UTF-16 without its mark", "text in UTF-8", line=line)
    return text


def read_text(
    item: Path | str | Traversable, what: str = "a text file", *, most_bytes: int = TEXT_BYTES, western: bool = False
) -> str:
    """Text of a regular file; see `decode`.

    Raises
    ------
    ScenarioError
        If it cannot be read, is too large, or is no text.
    """
    return decode(item, read_bytes(item, most_bytes, what), western=western)
