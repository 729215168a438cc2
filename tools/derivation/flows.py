"""``counterparty_flows.csv``: who pays whom, as facts of the catalogue's family ``flow``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from derivation.rows import Row, slug, tidy
from derivation.sources import SourceBook

_COUPON = re.compile(r"^([0-9]{1,2}(?:\.[0-9]+)?) ?%(?! *(?:LTC|of|prepaid))")


def flow_rows(reference: Iterable[dict[str, str]], book: SourceBook) -> list[Row]:
    """A key per line of the reference: payer, payee, kind, start, and amount, years and coupon where it says them."""
    rows: list[Row] = []
    seen: Counter[str] = Counter()
    for entry in reference:
        stem = slug(f"{entry['payer']} {entry['payee']} {entry['kind'].replace('_', ' ')}")
        seen[stem] += 1
        key = stem if seen[stem] == 1 else f"{stem}-{seen[stem]}"
        rows += _facts(key, entry, book)
    return rows


def _facts(key: str, entry: dict[str, str], book: SourceBook) -> list[Row]:
    note = tidy(entry["note"])
    kind = "reported" if entry["source_url"] and "memory" not in note else "assumed"
    source = book.key(entry["source_url"] if kind == "reported" else "", entry["start"])
    if kind == "assumed" and not note:
        note = "from memory, unverified"
    coupon = _COUPON.match(entry["note"]) if entry["kind"] == "debt" else None
    fields = [
        ("payer", entry["payer"], ""),
        ("payee", entry["payee"], ""),
        ("flow_kind", entry["kind"], ""),
        ("amount_usd", entry["amount_usd"], "USD"),
        ("term_years", entry["years"], "year"),
        ("start", entry["start"], ""),
        ("coupon_frac", f"{float(coupon[1]) / 100:g}" if coupon else "", ""),
    ]
    title = f"{entry['payer']} pays {entry['payee']}: {entry['kind'].replace('_', ' ')}"
    found = [Row(key, "title", title)]
    return found + [
        Row(key, name, value, unit, "", "", kind, source, entry["start"], note) for name, value, unit in fields if value
    ]
