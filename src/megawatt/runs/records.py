"""What the room hands on: the whole run."""

from __future__ import annotations

from dataclasses import dataclass

from megawatt.catalogue.records import Assumption
from megawatt.runs.power import RunPower
from megawatt.runs.process import Expected
from megawatt.runs.reliability import Checkpoint

__all__ = ["PhaseRun", "TrainingRun"]


@dataclass(frozen=True, slots=True)
class PhaseRun:
    """A phase: its tokens, steps, and useful seconds; ``layout`` as words."""

    name: str
    tokens: float
    steps: int
    seq_len: int
    global_batch: int
    work_s: float
    chip_power_w: float
    layout: str


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A whole training run.

    ``days`` is expected, ``days_low`` and ``days_high`` hold 80 % of the drawn runs, whose rate of interruptions
    differs as operators do and whose steps as predicted steps from measured ones (nan where none were drawn, infinite
    where too many never end). Goodput is useful over wall time; ``failures`` counts unplanned interruptions; ``parts``
    is where the time goes. ``spares`` nodes idle beside the run. Energy and power are those of critical IT: chips,
    hosts, fabric, storage and spares.
    """

    tokens: float
    steps: int
    phases: tuple[PhaseRun, ...]
    days: float
    days_low: float
    days_high: float
    goodput: float
    failures: float
    parts: Expected
    checkpoint: Checkpoint
    checkpoint_interval_s: float
    young_daly_interval_s: float
    optimal_interval_s: float
    spares: int
    spare_chips: int
    power: RunPower
    assumptions: tuple[Assumption, ...] = ()

    @property
    def energy_mwh(self) -> float:
        """Energy of critical IT. [MWh]"""
        return self.power.energy_mwh

    @property
    def average_it_mw(self) -> float:
        """Mean power of critical IT. [MW]"""
        return self.power.average_mw

    @property
    def peak_it_mw(self) -> float:
        """Every chip at its cap. [MW]"""
        return self.power.peak_mw

    @property
    def shares_s(self) -> dict[str, float]:
        """Where the wall time goes, by name; adds up to it. [s]"""
        parts = self.parts
        slow_s = parts.useful_s - sum(p.work_s for p in self.phases)
        return {
            "steps": parts.useful_s - slow_s,
            "slow chips": slow_s,
            "fewer replicas": parts.slower_s,
            "checkpoints": parts.stall_s,
            "redone work": parts.redone_s,
            "restarts": parts.down_s,
            "waiting for nodes": parts.waiting_s,
            "planned stops": parts.planned_s,
        }
