"""``model_dimensions.csv`` (curated, one model per line) to one fact per row."""

from __future__ import annotations

from collections.abc import Iterable

from derivation.rows import Row, number

_ABOUT = ("key", "title", "aliases", "source", "note")


def model_rows(table: Iterable[dict[str, str]]) -> list[Row]:
    """Facts of every model; an empty cell means the dimension does not apply, and leaves no fact."""
    rows: list[Row] = []
    for line in table:
        key = line["key"]
        rows.append(Row(key, "title", line["title"]))
        rows += [Row(key, "aliases", line["aliases"])] if line["aliases"] else []
        for field, value in line.items():
            if field not in _ABOUT and value:
                word = value if field in ("attention", "mixers", "mlps", "linear_rule") else number(value)
                note = line["note"] if field.startswith("params") else ""
                rows.append(Row(key, field, word, "", "", "", "vendor", line["source"], "", note))
    return rows
