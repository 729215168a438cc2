"""Requests as they came: a trace of arrivals and lengths, in the layouts that are published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.files import Row, parse_json, read_table, read_text, refused

__all__ = ["Trace", "read_trace"]

_MOST_TOKENS: Final = 1e8
"""Longest prompt or answer. [tokens]"""
_PER_S: Final = 1e-3
"""Seconds of a millisecond, in which Mooncake's stamps are. [s]"""
_LAYOUTS: Final = (
    ("arrival_s", "input_tokens", "output_tokens"),
    ("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
    ("Timestamp", "Request tokens", "Response tokens"),
)
"""Columns of a table: of one's own, Azure's LLM inference traces, BurstGPT."""
_LINES: Final = ("timestamp", "input_length", "output_length")
"""Keys of a line of JSON in Mooncake's traces, stamps in milliseconds."""
_ALLOWED: Final = (
    "arrival_s, input_tokens, output_tokens; or TIMESTAMP, ContextTokens, GeneratedTokens (Azure); or Timestamp, "
    "Request tokens, Response tokens (BurstGPT); or lines of JSON with timestamp [ms], input_length, output_length "
    "(Mooncake)"
)


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests in the order of their arrival.

    ``arrival_s`` (n,) from the first one on [s]; ``input_tokens`` and ``output_tokens`` (n,) of each. ``notes`` says
    what was left out.
    """

    arrival_s: FloatArray
    input_tokens: FloatArray
    output_tokens: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def rate_per_s(self) -> float:
        """Mean rate from the first to the last arrival. [1/s]"""
        return (len(self.arrival_s) - 1) / float(self.arrival_s[-1])

    def share(self, replicas: int) -> Trace:
        """What one of several replicas gets where requests are handed out in turn."""
        taken = (self.arrival_s[::replicas], self.input_tokens[::replicas], self.output_tokens[::replicas])
        return Trace(taken[0] - taken[0][0], taken[1], taken[2], self.notes)


def read_trace(path: Path) -> Trace:
    """Read a trace: a CSV file with a header, or lines of JSON.

    Requests without a prompt or an answer (failed ones) are left out, and said.

    Raises
    ------
    ScenarioError
        If the columns are none of the layouts known, a cell is no number in range, or fewer than two requests are left;
        names file, line and column.
    """
    rows = _json_rows(path) if path.suffix.lower() in (".jsonl", ".json") else _table_rows(path)
    stamps, prompts, answers = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    kept = (prompts >= 1.0) & (answers >= 1.0)
    if kept.sum() < 2 or np.ptp(stamps[kept]) <= 0.0:
        raise refused(path, f"{kept.sum()} requests with a prompt and an answer", "two or more, at different times")
    order = np.argsort(stamps[kept], kind="stable")
    found = [column[kept][order] for column in (stamps, prompts, answers)]
    lost = int((~kept).sum())
    notes = (
        (f"{lost} of {len(kept)} requests of the trace have no prompt or no answer and are left out",) if lost else ()
    )
    return Trace(found[0] - found[0][0], found[1], found[2], notes)


def _table_rows(path: Path) -> list[tuple[float, float, float]]:
    table = read_table(path, what="a trace of requests")
    names = next((n for n in _LAYOUTS if set(n) <= set(table.names)), None)
    if names is None:
        raise refused(path, f"columns {', '.join(table.names[:30]) or 'none'}", _ALLOWED, line=1)
    if not table.rows:
        raise refused(path, "no request", "a line for each request")
    when, prompt, answer = names
    return [
        (_stamp_s(r, when), r.number(prompt, 0.0, _MOST_TOKENS), r.number(answer, 0.0, _MOST_TOKENS))
        for r in table.rows
    ]


def _stamp_s(row: Row, column: str) -> float:
    """Seconds of a stamp: a number is seconds, text a date and time."""
    number = row.optional(column)
    if number is not None:
        return row.number(column, 0.0, 1e12)
    try:
        return datetime.fromisoformat(row[column].strip()).timestamp()
    except ValueError:
        raise row.wrong(column, "seconds, or a date and time as 2023-11-16 18:15:46.68") from None


def _json_rows(path: Path) -> list[tuple[float, float, float]]:
    rows: list[tuple[float, float, float]] = []
    for line, text in enumerate(read_text(path, "a trace of requests").splitlines(), start=1):
        if text.strip():
            found = parse_json(text, path, "a line of a trace", line=line)
            when, prompt, answer = (_json_number(path, line, found, key) for key in _LINES)
            rows.append((when * _PER_S, prompt, answer))
    if not rows:
        raise refused(path, "no request", "a line for each request")
    return rows


def _json_number(path: Path, line: int, found: Any, key: str) -> float:
    value = found.get(key) if isinstance(found, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1e15:
        raise refused(path, f"{key} = {value!r}", f"a number of 0 or more; {_ALLOWED}", line=line)
    return float(value)
