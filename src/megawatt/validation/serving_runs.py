"""Serving: published throughput and latency against predicted ones, a roofline as the trivial predictor."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.errors import MegawattError
from megawatt.evidence.serving_rows import ServedRow, read_served
from megawatt.files import read_table
from megawatt.serving import (
    Points,
    ServingMachine,
    StepModel,
    burst_ttft_s,
    closed_loop,
    offline,
    serving_machine,
)
from megawatt.serving.memory import cache_bytes_per_token, stored_bytes
from megawatt.validation.scoring import Case, Skipped, result_entry
from megawatt.workload import forward_flops_per_token, parameters

__all__ = ["predicted", "roofline", "score"]

_MS: Final = 1e3
"""Milliseconds of a second."""


def predicted(row: ServedRow, machine: ServingMachine) -> float:
    """What the model gives for a row, in the unit of its metric."""
    model = StepModel(row.service, row.layout, machine)
    if not row.concurrency:
        found = offline(model, row.traffic, row.requests / row.replicas)
        return _in_unit(row, found)
    users = np.array([row.concurrency / row.replicas])
    found = closed_loop(model, row.traffic, users)
    if row.metric == "ttft_ms" and not row.median:
        # Requests of one length start together, and answers of one length keep them in step.
        return float(burst_ttft_s(model, row.traffic, users)[0]) * _MS
    return _in_unit(row, found)


def _in_unit(row: ServedRow, found: Points) -> float:
    total = float(found.tokens_per_s[0]) * row.replicas
    return {
        "tokens_per_s_total": total,
        "tokens_per_s_per_chip": total / (row.layout.chips * row.replicas),
        "ttft_ms": float(found.ttft_s[0]) * _MS,
        "tpot_ms": float(found.tpot_s[0]) * _MS,
    }[row.metric]


def roofline(row: ServedRow) -> float:
    """The trivial predictor: every step reads active weights and caches at the data sheet's rate or does the FLOPs at
    its peak, whichever takes longer; as many requests as fit, no other cost."""
    arch, chip, traffic = row.service.arch, row.system.accelerator, row.traffic
    chips = float(row.layout.chips)
    peak = chips * max(chip.peak_flops_per_s.get(row.service.precision, 0.0), chip.peak_flops_per_s.get("bf16", 0.0))
    memory = chips * chip.hbm_bytes_per_s
    flops = forward_flops_per_token(arch, max(round(traffic.input_tokens), 1))
    weights = stored_bytes(row.service.precision) * parameters(arch).total
    kept = cache_bytes_per_token(arch, row.service.cache_bytes)
    users = row.concurrency / row.replicas
    if not users:
        room = max(chips * chip.hbm_bytes - weights, 0.0)
        users = min(max(room / (kept * (traffic.input_tokens + traffic.output_tokens)), 1.0), row.requests)
    prompt = max(flops * traffic.input_tokens / peak, weights / memory)
    step = max(users * flops / peak, (weights + users * kept * traffic.mean_context) / memory)
    rate = users * traffic.output_tokens / (users * prompt + traffic.output_tokens * step)
    return {
        "tokens_per_s_total": rate * row.replicas,
        "tokens_per_s_per_chip": rate / chips,
        "ttft_ms": prompt * _MS,
        "tpot_ms": step * _MS,
    }[row.metric]


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Score one file of measured serving; one entry, errors relative."""
    rows = read_table(path).rows
    cases, skipped = [], []

    @functools.cache
    def machine(system: str, precision: str, stack: str, width: float) -> ServingMachine:
        return serving_machine(catalogue, catalogue.system(system), precision, stack, cache_bytes=width)

    for row in rows:
        try:
            served = read_served(row, catalogue)
            used = machine(served.system.key, served.service.precision, served.stack, served.service.cache_bytes)
            value = predicted(served, used)
            if not np.isfinite(value) or value <= 0.0:
                skipped.append(Skipped(served.id, "the weights do not fit on the chips"))
                continue
            cases.append(Case(served.id, served.value, value, served.assumed, _groups(row, served), roofline(served)))
        except MegawattError as error:
            skipped.append(Skipped(row.get("id", ""), str(error)))
    return [
        result_entry(
            file=str(path),
            kind="inference",
            quantity="serving throughput and latency",
            unit="as measured",
            error="relative",
            rows=len(rows),
            scorable=len(rows),
            cases=cases,
            skipped=skipped,
        )
    ]


def _groups(row: Mapping[str, str], served: ServedRow) -> tuple[str, ...]:
    kind = "latency" if served.metric in ("ttft_ms", "tpot_ms") else "throughput"
    named = [f"fold={row['fold']}"] if row.get("fold") else []
    apart = ["chips not published"] if "chips" in served.assumed else []
    return (*named, f"source={row.get('source', '')}", f"chip={row.get('accelerator', '')}", kind, *apart)
