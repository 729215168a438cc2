"""Published runs: how often they were interrupted, how much of their time was useful, and what the model says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from megawatt.catalogue.loader import data_folder
from megawatt.files import read_table
from megawatt.runs.process import Process, expected
from megawatt.runs.reliability import Checkpoint, RunFacts, interruptions
from megawatt.runs.settings import RunSettings
from megawatt.units import S_PER_DAY

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["PublishedRun", "others_rate", "published_goodput", "published_runs"]


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """A row of ``table-training-interruptions.csv``; nan where nothing is published."""

    key: str
    title: str
    recovery: str
    kind: str
    read_at: str
    source: str
    note: str
    chips: float = math.nan
    days: float = math.nan
    per_1000_node_days: float = math.nan
    effective_frac: float = math.nan
    checkpoint_stall_s: float = math.nan
    interval_s: float = math.nan


def published_runs() -> list[PublishedRun]:
    """Published interruptions and effective times, each with its source."""
    found = []
    for row in read_table(data_folder() / "table-training-interruptions.csv").rows:
        names = ("chips", "days", "per_1000_node_days", "effective_frac", "checkpoint_stall_s", "interval_s")
        values: list[Any] = [math.nan if (v := row.optional(name)) is None else v for name in names]
        words: list[Any] = [row[name] for name in ("key", "title", "recovery", "kind", "read_at", "source", "note")]
        found.append(PublishedRun(*words, *values))
    return found


def others_rate(key: str, runs: Sequence[PublishedRun]) -> float:
    """Geometric mean of the interruptions in 1,000 node-days of all published runs but one."""
    rates = [r.per_1000_node_days for r in runs if r.key != key and r.per_1000_node_days > 0.0]
    return float(np.exp(np.mean(np.log(rates))))


def published_goodput(one: PublishedRun, runs: Sequence[PublishedRun], catalogue: Catalogue) -> float:
    """Goodput of a published run by the model, at the rate of the other runs.

    How it recovers and, where published, its interval and stall are its own; planned stops are not counted, as in
    published effective times. Chips and days (a quarter where none are given) are needed.
    """
    facts = RunFacts(catalogue)
    memory = one.recovery == "standby"
    settings = RunSettings(
        recovery=one.recovery, checkpoint="memory" if memory else "async", interruptions=others_rate(one.key, runs)
    )
    interval_s = facts("least_interval_s") if math.isnan(one.interval_s) else one.interval_s
    stall_s = 0.0 if math.isnan(one.checkpoint_stall_s) else one.checkpoint_stall_s
    kinds = interruptions(int(one.chips), settings, Checkpoint(0.0, stall_s, stall_s, 0.0), facts)
    nodes = math.ceil(one.chips / facts("counted_node_chips"))
    process = Process(
        tuple(kinds), interval_s, stall_s, nodes=nodes, spares=round(facts("spare_frac") * nodes),
        per_write=max(1, round(facts("least_interval_s") / interval_s)) if memory else 1,
        repair_s=facts("repair_days") * S_PER_DAY,
    )  # fmt: skip
    return expected(process, (90.0 if math.isnan(one.days) else one.days) * S_PER_DAY).goodput
