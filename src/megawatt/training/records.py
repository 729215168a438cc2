"""What the training room hands on: layouts, their cost, the plan, the run. Arrays have shape (n,), one per layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.catalogue.records import Accelerator, Assumption
from megawatt.errors import ScenarioError, shown
from megawatt.hardware import peak_precision
from megawatt.workload import ModelArch

__all__ = ["Job", "Layouts", "StepCost", "TrainingPlan", "TrainingRun"]


MOST_COUNTED: Final = 10_000_000
"""Most chips, sequences or tokens of a sequence that a question may be about."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained: a model, ``global_batch`` sequences of ``seq_len`` tokens per optimizer step, and the precision
    of the linear layers (bf16, fp16, fp8, nvfp4, ... as the chip has it).

    Raises
    ------
    ScenarioError
        If a size is below 1 or above 10 million.
    """

    arch: ModelArch
    seq_len: int
    global_batch: int
    precision: str = "bf16"

    def __post_init__(self) -> None:
        if not (1 <= self.seq_len <= MOST_COUNTED and 1 <= self.global_batch <= MOST_COUNTED):
            sizes = f"seq_len = {shown(self.seq_len)} tokens, global_batch = {shown(self.global_batch)} sequences"
            raise ScenarioError(f"{sizes}; allowed: 1 or more, up to {MOST_COUNTED:,}")

    @property
    def tokens(self) -> int:
        """Tokens of one optimizer step."""
        return self.global_batch * self.seq_len

    def on(self, chip: Accelerator) -> Job:
        """The same job with its precision as the chip names it.

        Raises
        ------
        ScenarioError
            If the chip has no such precision.
        """
        return replace(self, precision=peak_precision(chip, self.precision))


@dataclass(frozen=True, slots=True)
class Layouts:
    """Parallel layouts, one per array element; tp * pp * cp * dp = chips, and ep divides dp * cp * tp.

    ``recompute``: 0 none, 1 selective (attention), 2 full. ``zero``: 0 to 3 (1: optimizer states sharded over dp).
    ``micro_batch`` in sequences. ``vpp`` is the number of virtual stages per device (1: plain 1F1B). ``etp`` is the
    tensor-parallel degree inside an expert (1 unless given; ep * etp divides tp * cp * dp). ``zero_group`` is the
    number of ranks over which ZeRO shards (0 or not given: all dp * cp of them).
    """

    tp: IntArray
    pp: IntArray
    vpp: IntArray
    cp: IntArray
    ep: IntArray
    dp: IntArray
    micro_batch: IntArray
    zero: IntArray
    recompute: IntArray
    sequence_parallel: NDArray[np.bool_]
    etp: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    zero_group: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        # Defaults have no length of their own; they take the length of the layouts.
        if len(self.etp) != len(self.tp):
            object.__setattr__(self, "etp", np.ones(len(self.tp), dtype=np.int64))
        if len(self.zero_group) != len(self.tp):
            object.__setattr__(self, "zero_group", np.zeros(len(self.tp), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.tp)

    def take(self, index: NDArray[np.integer] | NDArray[np.bool_] | slice) -> Layouts:
        """The layouts at these positions (or where the mask is true)."""
        return Layouts(*(getattr(self, f.name)[index] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class StepCost:
    """Cost of one optimizer step of each layout.

    ``parts_s`` (compute, tp, cp, ep, pp, bubble, dp, optimizer, ...: exposed seconds) sums to ``step_time_s``;
    ``memory_parts_bytes`` (weights, gradients, optimizer, activations, ...) sums to ``memory_bytes``, both of the
    fullest chip. ``reason`` is empty where the layout is feasible.
    """

    step_time_s: FloatArray
    parts_s: Mapping[str, FloatArray]
    memory_bytes: FloatArray
    memory_parts_bytes: Mapping[str, FloatArray]
    chip_power_w: FloatArray
    energy_j: FloatArray
    feasible: NDArray[np.bool_]
    reason: NDArray[np.str_]

    def take(self, index: NDArray[np.integer]) -> StepCost:
        """The costs at these positions."""
        return StepCost(
            step_time_s=self.step_time_s[index],
            parts_s={n: v[index] for n, v in self.parts_s.items()},
            memory_bytes=self.memory_bytes[index],
            memory_parts_bytes={n: v[index] for n, v in self.memory_parts_bytes.items()},
            chip_power_w=self.chip_power_w[index],
            energy_j=self.energy_j[index],
            feasible=self.feasible[index],
            reason=self.reason[index],
        )


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The best layout of a job on a system, and what it gives; the job has the precision of the best layout.

    ``energy_j`` of the step and ``chip_power_w`` are of the chips alone; ``it_w_per_chip`` adds the system's hosts,
    switches and supplies (critical IT power). MFU counts no recompute and the causal half of attention; HFU adds the
    recompute. ``considered`` counts every layout of the space, ``rejected`` those that cannot run, by reason; ``front``
    holds the layouts that no other beats in step time and energy of the machine together, by increasing time. ``stack``
    is the key of the training stack, ``offload`` what the host's memory holds. ``precisions`` are those of the layout
    and its runners-up, ``front_precisions`` those of the front. ``evidence`` says of each kind of operator whether its
    time was measured on this chip, on a relative, or rests on a data sheet or a roofline.
    """

    job: Job
    system: str
    chips: int
    layout: Layouts
    cost: StepCost
    runners_up: Layouts
    runners_up_cost: StepCost
    considered: int
    rejected: Mapping[str, int]
    step_time_s: float
    tokens_per_s: float
    tokens_per_s_per_chip: float
    mfu: float
    hfu: float
    chip_power_w: float
    it_w_per_chip: float
    it_energy_j_per_token: float
    assumptions: tuple[Assumption, ...] = ()
    front: Layouts | None = None
    front_cost: StepCost | None = None
    stack: str = ""
    offload: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    front_precisions: tuple[str, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A whole training run with failures and checkpoints. Goodput: useful time over wall time."""

    tokens: float
    days: float
    goodput: float
    failures: float
    checkpoint_interval_s: float
    energy_mwh: float
    average_it_mw: float
    peak_it_mw: float
    assumptions: tuple[Assumption, ...] = ()
