"""``model_dimensions.csv`` (curated, one model per line) to one fact per row."""

from __future__ import annotations

from collections.abc import Iterable

from derivation.rows import Row, number

_ABOUT = ("key", "title", "aliases", "source", "kind", "dimensions_note", "counts_kind", "note")


def model_rows(table: Iterable[dict[str, str]]) -> list[Row]:
    """Facts of every model; an empty cell means the dimension does not apply, and leaves no fact.

    ``kind`` and ``dimensions_note`` are those of the dimensions, ``counts_kind`` and ``note`` those of the parameters
    that the maker states; a kind that is not given is ``vendor``.
    """
    rows: list[Row] = []
    for line in table:
        key = line["key"]
        rows.append(Row(key, "title", line["title"]))
        rows += [Row(key, "aliases", line["aliases"])] if line["aliases"] else []
        for field, value in line.items():
            if field not in _ABOUT and value:
                word = value if field in ("attention", "mixers", "mlps", "linear_rule") else number(value)
                stated = field.startswith("params")
                kind = line["counts_kind"] if stated else line["kind"]
                note = line["note"] if stated else line["dimensions_note"]
                rows.append(Row(key, field, word, "", "", "", kind or "vendor", line["source"], "", note))
    return rows
