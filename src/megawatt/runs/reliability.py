"""What interrupts a machine and how it recovers, from the catalogue and what is said of the run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, cast

from megawatt.catalogue.records import Assumption, System
from megawatt.runs.process import Interruption, Process, best_interval_s, optimal_interval_s, young_daly_interval_s
from megawatt.runs.settings import RunSettings
from megawatt.training import TrainingPlan, optimizer_states
from megawatt.units import S_PER_DAY, S_PER_HOUR
from megawatt.workload import parameters, trained_share

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = [
    "RUN_KEY",
    "Checkpoint",
    "Reclaimed",
    "Reliability",
    "RunFacts",
    "checkpoint_of",
    "interruptions",
    "reliability",
]

RUN_KEY: Final = "training-run"
"""Catalogue entry of these facts."""
_CAUSES: Final = ("chip", "node", "fabric", "software")
_MONTH_S: Final = 30.0 * S_PER_DAY
"""Seconds of 30 days."""
_WIDE: Final = ("fp32", "tf32")
"""Precisions whose weights are their own masters."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint weighs and takes: ``bytes_`` in storage, ``write_s`` to write them, ``stall_s`` that it holds
    the run, ``lag_s`` until it is safe. [B], [s]"""

    bytes_: float
    write_s: float
    stall_s: float
    lag_s: float


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """Spot capacity: ``per_1000_node_days`` how often a cloud takes a node back, ``refill_hours`` until there are as
    many again. The run stops as a whole and returns to its last checkpoint."""

    per_1000_node_days: float
    refill_hours: float

    def interruption(self, nodes: float, restart_s: float) -> Interruption:
        """As a class of interruptions of so many nodes; ``restart_s`` to detect, start and load. [s]"""
        per_s = nodes * self.per_1000_node_days / 1000.0 / S_PER_DAY
        return Interruption("reclaimed", per_s, restart_s + self.refill_hours * S_PER_HOUR)


@dataclass(frozen=True, slots=True)
class Reliability:
    """A run's process, its checkpoint, and the intervals that formulas name best. [s]"""

    process: Process
    checkpoint: Checkpoint
    young_daly_s: float
    optimal_s: float
    slow_frac: float
    rate_spread: float
    node_chips: int
    assumptions: tuple[Assumption, ...]

    @property
    def spare_chips(self) -> int:
        """Chips of the spare nodes."""
        return self.process.spares * self.node_chips


class RunFacts:
    """Facts of the entry; what is used is remembered."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue, self.used = catalogue, dict[str, Assumption]()

    def __call__(self, name: str) -> float:
        self.used[name] = self.catalogue.assume(RUN_KEY, name, "training")
        return self.used[name].fact.number()


def checkpoint_of(
    plan: TrainingPlan, system: System, settings: RunSettings, catalogue: Catalogue, facts: RunFacts | None = None
) -> Checkpoint:
    """Checkpoint of a plan: weights in their precision of multiplies at 16 bits or more, and the optimizer's states as
    the memory model has them; frozen weights are not written."""
    facts = facts or RunFacts(catalogue)
    states = optimizer_states(catalogue, system, plan.stack or None, plan.optimizer or None)
    counts, arch = parameters(plan.job.arch), plan.job.arch
    weights = 0.0 if plan.job.precision in _WIDE else 2.0
    size = (weights + states) * trained_share(arch) * (counts.total + counts.mtp)
    given = settings.storage_gb_per_s
    rate = given * 1e9 if given else facts("storage_bytes_per_s_per_chip") * plan.chips
    write_s, copy_s = size / rate, size / plan.chips / facts("memory_bytes_per_s_per_chip")
    if settings.checkpoint == "sync":
        return Checkpoint(size, write_s, write_s, 0.0)
    if settings.checkpoint == "async":
        return Checkpoint(size, write_s, copy_s, write_s)
    return Checkpoint(size, write_s, copy_s * facts("snapshot_stall_frac"), write_s)


def reliability(
    plan: TrainingPlan,
    system: System,
    settings: RunSettings,
    catalogue: Catalogue,
    work_s: float,
    reclaimed: Reclaimed | None = None,
) -> Reliability:
    """The process of a plan's run over so much useful time [s], on spot capacity where ``reclaimed`` says so.

    Rates go with the chips, in the nodes of eight in which they were counted; a cause's downtime is detection,
    replacement of a broken node, start, and loading.
    """
    facts = RunFacts(catalogue)
    node_chips = min(system.chips, int(facts("counted_node_chips")))
    nodes = -(-plan.chips // node_chips)
    checkpoint = checkpoint_of(plan, system, settings, catalogue, facts)
    spares = settings.spares if settings.spares is not None else round(facts("spare_frac") * nodes)
    stops = settings.planned_stops
    every_s = facts("planned_stops_days") * S_PER_DAY / facts("planned_stops") if stops is None else 0.0
    if stops:
        every_s = _MONTH_S / stops
    classes = interruptions(plan.chips, settings, checkpoint, facts)
    if reclaimed is not None:
        restart_s = facts("detect_s") + facts("start_s") + checkpoint.write_s
        classes.append(reclaimed.interruption(nodes, restart_s))
    base = Process(
        interruptions=tuple(classes),
        interval_s=max(plan.step_time_s, 1.0),
        stall_s=checkpoint.stall_s,
        lag_s=checkpoint.lag_s,
        nodes=nodes,
        spares=spares,
        repair_s=facts("repair_days") * S_PER_DAY,
        shortage=cast("Literal['wait', 'elastic']", settings.shortage),
        replica_frac=min(1.0, max(node_chips, plan.chips / max(int(plan.layout.dp[0]), 1)) / plan.chips),
        planned_every_s=every_s,
        planned_s=facts("planned_stop_s"),
    )
    process = _with_interval(base, plan, settings, checkpoint, work_s, facts("least_interval_s"))
    stall, mtbf = max(checkpoint.stall_s, 1e-9), 1.0 / base.per_s if base.per_s else 1e12
    return Reliability(
        process=process,
        checkpoint=checkpoint,
        young_daly_s=young_daly_interval_s(stall, mtbf),
        optimal_s=optimal_interval_s(stall, mtbf),
        slow_frac=facts("slow_frac"),
        rate_spread=facts("rate_spread"),
        node_chips=node_chips,
        assumptions=tuple(facts.used.values()),
    )


def interruptions(chips: int, settings: RunSettings, checkpoint: Checkpoint, facts: RunFacts) -> list[Interruption]:
    """Classes of interruptions of so many chips: rates by cause, and the downtime of each."""
    rates = {cause: facts(f"{cause}_interruptions") for cause in _CAUSES}
    if settings.interruptions is not None:
        total = sum(rates.values())
        rates = {cause: settings.interruptions * rate / total for cause, rate in rates.items()}
    per_s = chips / facts("counted_node_chips") / 1000.0 / S_PER_DAY
    detect = facts("manual_detect_s" if settings.recovery == "manual" else "detect_s")
    replace_s = facts("standby_replace_s" if settings.recovery == "standby" else "replace_s")
    start = facts("start_s") if settings.recovery != "standby" else facts("standby_replace_s")
    memory = settings.checkpoint == "memory"
    lost = facts("memory_lost_frac") if memory else 1.0
    copy_s = checkpoint.stall_s / facts("snapshot_stall_frac") if memory else 0.0
    found = []
    for cause, rate in rates.items():
        breaks = cause in ("chip", "node")
        down = detect + start + (replace_s if breaks else 0.0)
        if memory:
            found.append(Interruption(cause, per_s * rate * (1.0 - lost), down + copy_s, True, breaks))
        found.append(Interruption(cause, per_s * rate * lost, down + checkpoint.write_s, False, breaks))
    return found


def _with_interval(
    base: Process, plan: TrainingPlan, settings: RunSettings, checkpoint: Checkpoint, work_s: float, least_s: float
) -> Process:
    """The process at the interval that is asked for, or at the best.

    No write begins before the last has ended; where nothing is said, storage is written to at most every ``least_s``
    (copies in memory may be at every step).
    """
    memory = settings.checkpoint == "memory"
    # A run is no shorter than an interval.
    step_s, write_s = min(plan.step_time_s, work_s), checkpoint.write_s
    if settings.interval_s is not None:
        least_s = write_s
    write_s = max(write_s, least_s)
    interval = settings.interval_s
    if interval is None:
        least = min(step_s if memory else max(step_s, write_s - base.stall_s), work_s)
        interval = best_interval_s(base, least_s=least, most_s=work_s, write_s=write_s if memory else 0.0)
    floor_s = write_s - base.stall_s if settings.checkpoint == "async" else step_s
    interval = min(max(interval, step_s, floor_s), work_s)
    per_write = max(1, math.ceil(write_s / (interval + base.stall_s))) if memory else 1
    return replace(base, interval_s=interval, per_write=per_write)
