"""What the training room hands on: layouts, their cost, the plan. Arrays have shape (n,), one per layout."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.catalogue.records import Accelerator, Assumption
from megawatt.errors import ScenarioError, shown
from megawatt.hardware import peak_precision
from megawatt.workload import ModelArch

if TYPE_CHECKING:
    from megawatt.training.confidence import Confidence

__all__ = ["Job", "Layouts", "StepCost", "TrainingPlan"]


MOST_COUNTED: Final = 10_000_000
"""Most chips, sequences or tokens of a sequence that a question may be about."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained: a model, ``global_batch`` sequences of ``seq_len`` tokens per optimizer step, and the precision
    of the linear layers (bf16, fp16, fp8, nvfp4, ... as the chip has it).

    Fine-tuning packs documents of different lengths into a sequence: ``document_tokens`` is the length of the document
    that a token is in, on average over tokens (0: sequences are whole), ``filled_frac`` the share of a sequence that is
    not padding, above 0 to 1. ``block_scaled``: 8-bit numbers share a scale by block (mxfp8), not by tensor (`on`).

    Raises
    ------
    ScenarioError
        If a size is below 1 or above 10 million, the sequence is longer than the model has learned positions, documents
        are longer than a sequence, or the share is none.
    """

    arch: ModelArch
    seq_len: int
    global_batch: int
    precision: str = "bf16"
    document_tokens: int = 0
    filled_frac: float = 1.0
    block_scaled: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.seq_len <= MOST_COUNTED and 1 <= self.global_batch <= MOST_COUNTED):
            sizes = f"seq_len = {shown(self.seq_len)} tokens, global_batch = {shown(self.global_batch)} sequences"
            raise ScenarioError(f"{sizes}; allowed: 1 or more, up to {MOST_COUNTED:,}")
        if not (0 <= self.document_tokens <= self.seq_len and 0.0 < self.filled_frac <= 1.0):
            found = f"documents of {shown(self.document_tokens)} tokens, {self.filled_frac:g} of a sequence filled"
            raise ScenarioError(f"{found}; allowed: up to {self.seq_len:,} tokens, a share above 0 to 1")
        positions = self.arch.learned_positions
        if 0 < positions < self.seq_len:
            raise ScenarioError(
                f"seq_len = {self.seq_len:,} tokens; allowed: up to {positions:,}, the learned positions of "
                f"{self.arch.key}"
            )

    @property
    def tokens(self) -> int:
        """Tokens of one optimizer step, padding left out."""
        return round(self.global_batch * self.seq_len * self.filled_frac)

    @property
    def attended(self) -> int:
        """Tokens of the text that a token can see, before and behind it: a sequence, or a packed document."""
        return self.document_tokens or self.seq_len

    def on(self, chip: Accelerator) -> Job:
        """The same job with its precision as the chip names it: where it lists one rate of 8 bits, that.

        Raises
        ------
        ScenarioError
            If the chip has no such precision.
        """
        by_block = self.block_scaled or self.precision == "mxfp8"
        return replace(self, precision=peak_precision(chip, self.precision), block_scaled=by_block)


_DEFAULTS: Final = (
    ("etp", 1),
    ("zero_group", 0),
    ("schedule", 0),
    ("cp_exchange", 0),
    ("first_layers", 0),
    ("last_layers", 0),
    ("modules", 0),
    ("repeated_layers", 0),
    ("group_layers", 0),
)
"""What a layout has in fields that are not given."""


def _not_given() -> IntArray:
    return np.empty(0, dtype=np.int64)


@functools.lru_cache(maxsize=512)
def _the_same(value: int, length: int) -> IntArray:
    """One value however many there are: a view without a stride."""
    return np.broadcast_to(np.int64(value), length)


@dataclass(frozen=True, slots=True)
class Layouts:
    """Parallel layouts, one per array element; tp * pp * cp * dp = chips, and ep divides dp * cp * tp.

    ``recompute``: 0 none, 1 selective (attention), 2 full. ``zero``: 0 to 3 (1: optimizer states sharded over dp).
    ``micro_batch`` in sequences. ``vpp`` is the number of virtual stages per device (1: plain 1F1B). ``etp`` is the
    tensor-parallel degree inside an expert (1 unless given; ep * etp divides tp * cp * dp).

    Those that follow are 0 unless given. ``zero_group``: ranks over which ZeRO shards (0: all dp * cp of them; fewer is
    hybrid sharding). ``schedule``: of the pipeline, a code of `megawatt.training.schedules` (0: the stack's own).
    ``cp_exchange``: 1 where context parallelism exchanges heads for tokens (all-to-all) instead of passing keys and
    values round a ring. ``first_layers``, ``last_layers``: layers of the first and the last stage (0: as
    `megawatt.training.stages` spreads them). ``modules``: parts of a layer that selective recompute repeats, as bits in
    the order of `megawatt.training.features.MODULES` (0: the usual ones). ``repeated_layers``: layers of each chunk of
    the pipeline that full recompute repeats (0: all). ``group_layers``: layers that it repeats together, of which the
    input of the first alone is kept (Megatron-Core's uniform method; 0: each by itself).
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
    etp: IntArray = field(default_factory=_not_given)
    zero_group: IntArray = field(default_factory=_not_given)
    schedule: IntArray = field(default_factory=_not_given)
    cp_exchange: IntArray = field(default_factory=_not_given)
    first_layers: IntArray = field(default_factory=_not_given)
    last_layers: IntArray = field(default_factory=_not_given)
    modules: IntArray = field(default_factory=_not_given)
    repeated_layers: IntArray = field(default_factory=_not_given)
    group_layers: IntArray = field(default_factory=_not_given)

    def __post_init__(self) -> None:
        # Defaults have no length of their own; they take the length of the layouts.
        for name, value in _DEFAULTS:
            if len(getattr(self, name)) != len(self.tp):
                object.__setattr__(self, name, _the_same(value, len(self.tp)))

    def __len__(self) -> int:
        return len(self.tp)

    def names(self, *fields_: str) -> bool:
        """Whether any layout says something other than nothing in any of these fields."""
        arrays = (getattr(self, name) for name in fields_)
        return any(bool(a[:1].any() if not a.strides[0] else a.any()) for a in arrays)

    @classmethod
    def joined(cls, parts: Sequence[Layouts]) -> Layouts:
        """Layouts one after another; at least one part."""
        if len(parts) == 1:
            return parts[0]
        return cls(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)})

    def take(self, index: NDArray[np.integer] | NDArray[np.bool_] | slice) -> Layouts:
        """The layouts at these positions (or where the mask is true)."""
        # What no layout names stays one value.
        shared = {name for name, _ in _DEFAULTS if not getattr(self, name).strides[0]}
        return Layouts(**{f.name: getattr(self, f.name)[index] for f in fields(self) if f.name not in shared})


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
    is the key of the training stack, ``optimizer`` the kind of optimizer, ``offload`` what the host's memory holds.
    ``precisions`` are those of the layout and its runners-up, ``front_precisions`` those of the front. ``notes`` are
    sentences about the question that its answer should not hide. ``evidence`` says of each kind of operator whether its
    time was measured on this chip, on a relative, or rests on a data sheet or a roofline; ``sure`` names the nearest
    measured run and the range of the step time.
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
    optimizer: str = ""
    offload: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    front_precisions: tuple[str, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sure: Confidence | None = None

    @property
    def rests_on(self) -> str:
        """The weakest of what its operators' times rest on: ``silicon`` (measured on this chip), ``relative``, or
        ``data sheet`` (rooflines too)."""
        words = list(self.evidence.values())
        if not words or any("data sheet" in word or "roofline" in word for word in words):
            return "data sheet"
        return "silicon" if all("this chip" in word for word in words) else "relative"
