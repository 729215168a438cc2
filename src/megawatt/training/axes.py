"""What a search of layouts varies, within which bounds."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from megawatt.arrays import IntArray
from megawatt.training.division import PLACES, tensor_dimensions
from megawatt.training.records import Job
from megawatt.training.schedules import CODES
from megawatt.workload import ModelArch

__all__ = ["NOTHING", "Fixed", "choices_under", "count_under", "divisors", "held", "micro_batches", "splits_of"]

Fixed = Mapping[str, int]
"""Values by field that a search holds."""
_MOST_TENSOR: Final = 128
"""Largest tensor-parallel degree that is searched."""
_MOST_CONTEXT: Final = 64
"""Largest context-parallel degree that is searched."""
_MOST_TOKENS: Final = 131_072
"""Tokens of a micro-batch beyond which larger ones gain nothing."""
_MOST_MICRO_LONG: Final = 8
"""Sequences of a micro-batch that are searched however long they are."""
_MOST_MICRO: Final = 64
"""Sequences of a micro-batch at most."""
_MOST_SIZES: Final = 10
"""Micro-batches hold at most so many tokens (or so many sequences where those are long), and at most 64 sequences."""
_DIVISORS_OF_A_PRIME: Final = 2
"""One and itself."""
_MOST_VIRTUAL: Final = 16
"""Virtual stages at most."""
_ZERO: Final = (1, 2, 3)
"""Stages of ZeRO that are searched; 0 is never better than 1."""
_RECOMPUTE: Final = (0, 1, 2)
"""None, selective, full."""
NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
"""Nothing is held."""


def divisors(number: int) -> IntArray:
    """Divisors of a positive integer, increasing."""
    return _divisors(int(number))


@functools.lru_cache(maxsize=4096)
def _divisors(number: int) -> IntArray:
    small = np.arange(1, int(number**0.5) + 1, dtype=np.int64)
    small = small[number % small == 0]
    found = np.unique(np.concatenate([small, number // small]))
    found.flags.writeable = False
    return found


def held(fixed: Fixed, name: str, values: IntArray) -> IntArray:
    """An axis of the search: its values, or the one that is held."""
    return np.array([fixed[name]], dtype=np.int64) if name in fixed else values


def splits_of(arch: ModelArch, chips: int, fixed: Fixed = NOTHING) -> IntArray:
    """All (tp, pp, cp, dp) that use up the chips, rows of shape (m, 4); within the bounds of degrees where they are not
    held."""
    steps = divisors(chips)
    tp, pp, cp = (
        v.ravel()
        for v in np.meshgrid(
            held(fixed, "tp", steps[steps <= min((*tensor_dimensions(arch)[0], _MOST_TENSOR))]),
            held(fixed, "pp", steps[steps <= arch.layers]),
            held(fixed, "cp", steps[steps <= _MOST_CONTEXT]),
            indexing="ij",
        )
    )
    dp = chips // (tp * pp * cp)
    fits = (chips % (tp * pp * cp) == 0) & (dp == fixed.get("dp", dp))
    return np.asarray(np.stack([tp, pp, cp, dp], axis=1)[fits])


def _virtual(layers: int, pp: int, fixed: Fixed = NOTHING) -> IntArray:
    """Numbers of virtual stages: those that cut the fullest stage into equal chunks; one where the schedule is another
    than 1F1B."""
    if "vpp" in fixed or fixed.get("schedule", 0) > CODES["1f1b"]:
        return np.array([fixed.get("vpp", 1)], dtype=np.int64)
    chunks = divisors(-(-layers // pp)) if pp > 1 else np.ones(1, dtype=np.int64)
    return chunks[(chunks <= _MOST_VIRTUAL) & (chunks * pp <= layers + PLACES)]


def _experts(arch: ModelArch, tp: int, fixed: Fixed = NOTHING) -> IntArray:
    """Pairs (ep, etp), rows of shape (m, 2)."""
    one = np.ones(1, dtype=np.int64)
    eps = held(fixed, "ep", divisors(arch.experts) if arch.experts else one)
    etps = held(fixed, "etp", np.unique([1, tp]) if arch.experts else one)
    return np.array([(ep, etp) for ep in eps for etp in etps], dtype=np.int64)


def _axes_under(arch: ModelArch, tp: int, pp: int, micro: IntArray, fixed: Fixed) -> tuple[IntArray, ...]:
    """Virtual stages, micro-batches, numbers of pairs of experts' degrees, ZeRO, recompute, sequence parallelism."""
    return (
        _virtual(arch.layers, pp, fixed),
        micro,
        np.arange(len(_experts(arch, tp, fixed))),
        held(fixed, "zero", np.array(_ZERO)),
        held(fixed, "recompute", np.array(_RECOMPUTE)),
        held(fixed, "sequence_parallel", np.array([0, 1] if tp > 1 else [0])),
    )


def count_under(arch: ModelArch, tp: int, pp: int, micro: IntArray, fixed: Fixed = NOTHING) -> int:
    """How many `choices_under` has."""
    return math.prod(map(len, _axes_under(arch, tp, pp, micro, fixed)))


def choices_under(arch: ModelArch, tp: int, pp: int, micro: IntArray, fixed: Fixed = NOTHING) -> dict[str, IntArray]:
    """All that can be chosen under tensor and pipeline degrees: every combination, by field, (n,) each."""
    experts = _experts(arch, tp, fixed)
    axes = _axes_under(arch, tp, pp, micro, fixed)
    vpp, size, pair, zero, recompute, sequence = (v.ravel() for v in np.meshgrid(*axes, indexing="ij"))
    return {
        "vpp": vpp,
        "ep": experts[pair, 0],
        "etp": experts[pair, 1],
        "micro_batch": size,
        "zero": zero,
        "recompute": recompute,
        "sequence_parallel": sequence > 0,
    }


def _largest_prime(number: int) -> int:
    """Largest prime factor of a positive integer; 1 of 1."""
    return max((p for p in divisors(number).tolist() if len(divisors(p)) == _DIVISORS_OF_A_PRIME), default=1)


def micro_batches(job: Job) -> IntArray:
    """Sizes to try, increasing: divisors of the batch (nothing else can pass), within bounds; of more than ten, those
    with the smallest prime factors."""
    most = min(max(_MOST_TOKENS // job.seq_len, _MOST_MICRO_LONG), _MOST_MICRO)
    sizes = [int(n) for n in divisors(job.global_batch) if n <= most]
    return np.array(sorted(sorted(sizes, key=lambda n: (_largest_prime(n), n))[:_MOST_SIZES]), dtype=np.int64)
