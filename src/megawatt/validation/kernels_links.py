"""Score measured and published collectives."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.calibration.links import message_widths
from megawatt.catalogue import Catalogue
from megawatt.errors import MegawattError, ScenarioError
from megawatt.evidence.kernel_rows import OPERATION_OF
from megawatt.evidence.kernel_tables import read_kernels
from megawatt.files import Row, read_table
from megawatt.hardware.collectives import Fabric, collective_s
from megawatt.hardware.fabric import fabric_for
from megawatt.hardware.kernels import OUTER_KEY, links_kernel
from megawatt.hardware.links import Operation, domain_s
from megawatt.validation.case_set import CaseSet
from megawatt.validation.scoring import Case, Skipped

__all__ = ["collect", "collect_published", "score", "score_published"]

_LARGE_BYTES: Final = 2.0**20
_PUBLISHED: Final = ("accelerator", "op", "ranks", "bytes", "time_us", "busbw_GBps")
_UNSTATED_BYTES: Final = 16.0 * 2.0**30
"""Rows without a size are peak bandwidths of large messages."""
_MOST_RANKS: Final = 1e7
"""Most ranks of a row."""
_MOST_BYTES: Final = 1e15
"""Largest message of a row. [B]"""


def _factor(operation: str, ranks: float) -> float:
    """Bus bandwidth counts the bytes that each rank must send: this share of the buffer."""
    return 2.0 * (ranks - 1.0) / ranks if operation == "all_reduce" else (ranks - 1.0) / ranks


def collect(path: Path, catalogue: Catalogue) -> CaseSet:
    """Scored rows of the file; see `score`."""
    table = read_kernels(path)
    width = message_widths(table)
    payload, ranks = table.number("message_size") * width, table.number("num_gpus")
    measured = table.number("latency_ms")
    keys = np.array(
        [f"{a}|{o}|{n:g}" for a, o, n in zip(table.word("accelerator"), table.word("op_name"), ranks, strict=True)],
        dtype=object,
    )
    fit = table.word("fold") == "fit"
    time, null = np.full(len(table), np.nan), np.full(len(table), np.nan)
    reasons: dict[int, str] = {}
    for key in sorted(set(keys)):
        places = np.flatnonzero(keys == key)
        chip, name, _ = str(key).split("|")
        try:
            links, _ = links_kernel(catalogue, chip)
        except MegawattError as error:
            reasons |= dict.fromkeys((int(p) for p in places), f"{name}: {error}")
            continue
        time[places] = 1e3 * domain_s(
            links, OPERATION_OF[name], payload[places], ranks[places], in_switch=width[places] >= 2.0
        )
        used = places[fit[places]] if fit[places].any() else places
        null[places] = payload[places] / np.median(payload[used] / measured[used])
    cases = []
    for place in range(len(table)):
        if place in reasons:
            continue
        words = {n: str(table.word(n)[place]) for n in ("accelerator", "dtype", "stack", "op_name", "fold")}
        size = "large" if payload[place] >= _LARGE_BYTES else "small"
        labels = (
            f"accelerator={words['accelerator']}",
            f"dtype={words['dtype']}",
            f"stack={words['stack']}",
            f"operation={words['op_name']}",
            f"ranks={ranks[place]:g}",
            f"size={size}",
            f"fold={words['fold']}",
            f"cell={words['accelerator']} {size} {words['fold']}",
        )
        cases.append(
            Case(f"row-{place + 1}", float(measured[place]), float(time[place]), (), labels, null=float(null[place]))
        )
    skipped = [Skipped(f"row-{place + 1}", why) for place, why in sorted(reasons.items())]
    return CaseSet("kernels-collectives", "latency", "ms", len(table), tuple(cases), tuple(skipped))


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Score a Parquet file of collectives inside one scale-up domain.

    Null model: one bus bandwidth per chip, operation and ranks, the median of the rows with ``fold = fit``.
    """
    return [collect(path, catalogue).entry(path)]


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    chip: str
    operation: Operation
    ring: bool
    ranks: float
    payload_bytes: float
    time_s: float
    launched: bool
    assumed: tuple[str, ...]


def _published_row(place: int, cells: Row) -> _Row | Skipped:
    name = f"{cells['accelerator']}-{cells['op']}-{cells['ranks']}-{cells['bytes'] or 'large'}-{place}"
    operation = cells["op"].removesuffix("_ring").removesuffix("_dcn")
    if operation not in OPERATION_OF:
        return Skipped(name, f"operation {cells['op']} is not modelled")
    if cells["op"].endswith("_dcn"):
        return Skipped(name, "between slices over the data-centre network: example output, its NICs are not stated")
    if "NeuronCore" in cells.get("note", ""):
        return Skipped(name, "between two cores of one chip, not between chips")
    ranks = cells.number("ranks", 2.0, _MOST_RANKS)
    payload = cells.number("bytes", 1.0, _MOST_BYTES) if cells["bytes"] else _UNSTATED_BYTES
    assumed = () if cells["bytes"] else ("bytes",)
    if cells["time_us"]:
        time = cells.number("time_us", 1e-6, 1e12) * 1e-6
    elif (rate := cells.optional("busbw_GBps") or 0.0) > 0.0:
        time = payload * _factor(operation, ranks) / (rate * 1e9)
    else:
        return Skipped(name, "neither time nor bandwidth")
    ring = cells["op"].endswith("_ring") or "ring" in cells.get("note", "")
    # What a benchmark of a library's calls adds; compiled programs are timed on the chip.
    launched = not cells.get("software", "").startswith("JAX")
    return _Row(name, cells["accelerator"], OPERATION_OF[operation], ring, ranks, payload, time, launched, assumed)


def _machine(row: _Row, catalogue: Catalogue, note: str) -> tuple[Fabric, float]:
    """Network of the row's machine, and chips in its innermost domain: an instance named there brings its own rate."""
    systems = [catalogue.system(key) for key in catalogue.keys("system")]
    system = next((s for s in systems if s.accelerator.key == catalogue.get(row.chip).key), None)
    if system is None:
        raise ScenarioError(f"accelerator {row.chip!r}: no system of the catalogue has it")
    links = list(system.links)
    for name, fact in catalogue.get(OUTER_KEY).facts.items():
        if name.startswith("instance.") and f"{name.split('.')[1]}." in note:
            links[-1] = dataclasses.replace(links[-1], link_bytes_per_s=fact.number())
    return fabric_for(catalogue, row.chip, links)[0], links[0].domain_chips


def _published_s(row: _Row, catalogue: Catalogue, fabric: Fabric, inside: float) -> float:
    """Predicted time. [s]"""
    time = float(collective_s(fabric, row.operation, row.payload_bytes, row.ranks, in_switch=not row.ring))
    return time + (catalogue.number(OUTER_KEY, "harness_s") if row.launched and row.ranks <= inside else 0.0)


def collect_published(path: Path, catalogue: Catalogue) -> CaseSet:
    """Scored rows of the file; see `score_published`."""
    table = read_table(path, _PUBLISHED).rows
    cases, skipped = [], []
    for place, cells in enumerate(table, 1):
        row = _published_row(place, cells)
        if isinstance(row, Skipped):
            skipped.append(row)
            continue
        try:
            fabric, inside = _machine(row, catalogue, cells.get("note", ""))
            time = _published_s(row, catalogue, fabric, inside)
        except MegawattError as error:
            skipped.append(Skipped(row.id, str(error)))
            continue
        across = row.ranks > inside
        rate = fabric.kernels[-1].link_bytes_per_s * 8.0 if across else fabric.kernels[0].link_bytes_per_s
        null = row.payload_bytes * _factor(row.operation, row.ranks) / rate
        size = "large" if row.payload_bytes >= _LARGE_BYTES else "small"
        level = "across" if across else "domain"
        labels: tuple[str, ...] = (
            f"accelerator={row.chip}",
            f"operation={row.operation}",
            f"ranks={row.ranks:g}",
            f"size={size}",
        )
        labels += (f"level={level}", f"cell={level} {size}")
        cases.append(Case(row.id, row.time_s * 1e3, time * 1e3, row.assumed, labels, null=null * 1e3))
    return CaseSet("collectives-published", "latency", "ms", len(table), tuple(cases), tuple(skipped))


def score_published(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Score a CSV of published collectives, inside domains and across them.

    Null model: payload over the one-way rate of the slowest link that the group uses.
    """
    return [collect_published(path, catalogue).entry(path)]
