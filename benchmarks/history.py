"""The history of the benchmarks: a row for each figure that was kept, with its ratio to the one before."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

FILE = "history.csv"
COLUMNS = ("date", "version", "benchmark", "figure", "value", "ratio_to_before")


def appended(text: str, found: Mapping[tuple[str, str], float], date: str, version: str) -> str:
    """The history with a day's figures, by benchmark and name, at its end."""
    before = {(row["benchmark"], row["figure"]): float(row["value"]) for row in csv.DictReader(io.StringIO(text))}
    out = io.StringIO(text)
    out.seek(0, io.SEEK_END)
    writer = csv.writer(out, lineterminator="\n")
    for (benchmark, figure), value in found.items():
        last = before.get((benchmark, figure))
        ratio = f"{value / last:.3f}" if last else ""
        writer.writerow([date, version, benchmark, figure, f"{value:.6g}", ratio])
    return out.getvalue()
