"""``accelerators.csv``: the plain data-sheet facts of each chip that the curated file does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from derivation.rows import ASSUMPTION, FROM_MEMORY, Row, joined, number, tidy
from derivation.sources import SourceBook

_KEYS = {"gb200-nvl72": "gb200", "gb300-nvl72": "gb300"}
_SCALE = {
    "TFLOPS": "1e12",
    "TOPS": "1e12",
    "GB": "1e9",
    "GiB": str(2**30),
    "MB": "1e6",
    "MiB": str(2**20),
    "TB/s": "1e12",
    "GB/s per chip": "1e9",
    "Gb/s per chip": "1.25e8",
    "GHz": "1e9",
    "kW": "1e3",
}
"""To bytes, bytes per second, FLOP per second, Hz and W; 1 Gb/s is 1e9 / 8 bytes per second."""

_FIELDS = {
    "hbm_capacity": ("hbm_bytes", "byte"),
    "hbm_bandwidth": ("hbm_bytes_per_s", "byte/s"),
    "hbm_bandwidth_achieved": ("hbm_achieved_bytes_per_s", "byte/s"),
    "sram": ("sram_bytes", "byte"),
    "cores": ("cores", ""),
    "clock": ("clock_hz", "Hz"),
    "tensor_engine_clock": ("clock_hz", "Hz"),
    "scaleup_bandwidth_unidir": ("scaleup_link_bytes_per_s", "byte/s"),
    "scaleout_bandwidth": ("scaleout_link_bytes_per_s", "byte/s"),
    "all_in_power_per_gpu": ("all_in_power_w", "W"),
    "price_on_demand": ("price_on_demand_usd_per_chip_hour", "USD/hour"),
    "price_capacity_block": ("price_capacity_block_usd_per_chip_hour", "USD/hour"),
    "price_reserved_effective": ("price_reserved_usd_per_chip_hour", "USD/hour"),
    "tco_owner_hyperscaler": ("tco_hyperscaler_usd_per_chip_hour", "USD/hour"),
    "tco_owner_neocloud": ("tco_neocloud_usd_per_chip_hour", "USD/hour"),
    "rental_3yr": ("price_rental_3yr_usd_per_chip_hour", "USD/hour"),
    "purchase_price_estimate": ("purchase_price_usd_per_chip", "USD"),
    "release": ("release_date", ""),
}
_PEAK = re.compile(r"^peak_dense_(\w+)$")
_ACHIEVED = re.compile(r"^gemm_(?:mamf|achieved)_(\w+)$")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_KINDS = {"vendor-doc": "vendor", "vendor-blog": "vendor", "third-party": "reported", "memory": "assumed"}


def chip_rows(reference: Iterable[dict[str, str]], curated: set[tuple[str, str]], book: SourceBook) -> list[Row]:
    """Facts of the chips that the curated file names, sorted by key and field, first statement of each field."""
    wanted = {key for key, _ in curated}
    rows: dict[tuple[str, str], Row] = {}
    for entry in reference:
        key = _KEYS.get(entry["key"], entry["key"])
        target = _target(entry["field"])
        if key not in wanted or entry["kind"] != "chip" or target is None or not entry["value"]:
            continue
        place = (key, target[0])
        if place not in curated and place not in rows:
            rows[place] = _row(key, target, entry, book)
    return sorted(rows.values(), key=lambda row: (row.key, row.field))


def _target(field: str) -> tuple[str, str] | None:
    if match := _PEAK.match(field):
        return f"peak_{match[1]}_flops_per_s", "1/s"
    if match := _ACHIEVED.match(field):
        return f"gemm_achieved_{match[1]}_flops_per_s", "1/s"
    return _FIELDS.get(field)


def _row(key: str, target: tuple[str, str], entry: dict[str, str], book: SourceBook) -> Row:
    name, unit = target
    note = tidy(entry["note"])
    kind = _KINDS[entry["confidence"]]
    if "achieved" in name:
        kind, note = "measured", note.removeprefix("derived: ")
    if kind == "assumed":
        note = joined(FROM_MEMORY, note)
    if name == "cores":
        note = joined(entry["unit"], note)
    if kind == "reported" and "InferenceX assumption" in note:
        note = "model input of the source, not a transaction"
    value = entry["value"] if name == "release_date" else number(entry["value"], _SCALE.get(entry["unit"], "1"))
    found = _DATE.search(note)
    date = found[0] if found and "price" in name else ""
    source = ASSUMPTION if kind == "assumed" else book.key(entry["source_url"], date)
    return Row(key, name, value, unit, "", "", kind, source, date, note)
