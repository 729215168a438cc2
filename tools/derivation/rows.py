"""Rows of catalogue files: number format, units, ranges, confidence words."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

HEADER = ("key", "field", "value", "unit", "low", "high", "kind", "source", "date", "note")
ASSUMPTION = "assumption"
FROM_MEMORY = "from memory, unverified"
NO_ADDRESS = "third-party summary without an address, unverified"

_RANGE = re.compile(r"^\s*([\d.]+)\s*-\s*([\d.]+)\s*$")
_HOUSEKEEPING = re.compile(r"\s*\((?:file id)[^)]*\)")


@dataclass(frozen=True)
class Row:
    """One line of a catalogue file."""

    key: str
    field: str
    value: str
    unit: str = ""
    low: str = ""
    high: str = ""
    kind: str = ""
    source: str = ""
    date: str = ""
    note: str = ""

    def cells(self) -> list[str]:
        return [getattr(self, name) for name in HEADER]


def read_reference(path: Path) -> list[dict[str, str]]:
    """All rows of a reference table; its own grid table leaves a comma unquoted in one column."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    write_table(path, HEADER, (row.cells() for row in rows))


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def number(text: str | float | Decimal, scale: str = "1") -> str:
    """Decimal text of a number times a scale, exact and in its shortest form."""
    value = (Decimal(str(text)) * Decimal(scale)).normalize()
    plain = format(value, "f")
    exponent = value.adjusted()
    return plain if -4 <= exponent < 7 else f"{value:e}".replace("e+", "e")


def split_range(text: str, scale: str = "1") -> tuple[str, str, str] | None:
    """Value, low and high of ``text``: a number gives no ends, ``a-b`` its middle and ends, a word None."""
    match = _RANGE.match(text)
    if match:
        low, high = Decimal(match[1]), Decimal(match[2])
        return number((low + high) / 2, scale), number(low, scale), number(high, scale)
    try:
        return number(text, scale), "", ""
    except ArithmeticError:
        return None


def slug(text: str) -> str:
    """Lower-case kebab."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


def tidy(note: str) -> str:
    """A note without the housekeeping of whoever collected it."""
    note = _HOUSEKEEPING.sub("", note)
    note = note.replace("; the index gave no address", "").replace("without address in the index", "without address")
    return note.strip()


def joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def judged(confidence: str, url: str, note: str) -> tuple[str, str]:
    """Kind and note of a fact about somebody else, from the confidence word of the reference.

    Whatever nobody can look up (from memory, or a page without an address) is an assumption here.
    """
    if confidence == "memory":
        return "assumed", joined(FROM_MEMORY, note)
    if not url:
        return "assumed", joined(NO_ADDRESS, note)
    if confidence == "low":
        return "reported", joined("single weak source", note)
    return "reported", note
