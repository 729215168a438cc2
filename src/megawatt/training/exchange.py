"""Exchange of gradients and weights between replicas, and the optimizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, distinct_rows
from megawatt.hardware import all_gather_s, all_reduce_s, reduce_scatter_s
from megawatt.training.activations import activation_bytes
from megawatt.training.memory import shard_degrees
from megawatt.training.pipeline import Pace
from megawatt.training.practice import Practice
from megawatt.training.records import Job, Layouts
from megawatt.training.schedules import codes_of, weight_copies
from megawatt.workload import ACTIVATION_BYTES, parameters, trained_share

__all__ = ["exchange_s", "optimizer_traffic_bytes"]


_GRADIENT_BYTES: Final = 4.0
"""A 32-bit gradient that the optimizer reads."""


def optimizer_traffic_bytes(practice: Practice, precision: str) -> float:
    """Memory traffic of the optimizer per parameter: states read and written, a 32-bit gradient read, a weight written;
    30 bytes with Adam in mixed precision. In 32 bits weights are the masters. [B]"""
    weight = 0.0 if activation_bytes(precision) > ACTIVATION_BYTES else ACTIVATION_BYTES
    return 2.0 * practice.optimizer.updated_bytes + _GRADIENT_BYTES + weight


@dataclass(frozen=True, slots=True)
class _Exchange:
    """Times of one exchange; arrays: gradients scattered, weights gathered, gradients reduced between the groups that
    shard, and the optimizer's memory traffic with and without sharded states. [s]"""

    gradients: FloatArray
    weights: FloatArray
    across: FloatArray
    optimizer: FloatArray
    optimizer_sharded: FloatArray


def exchange_s(job: Job, layouts: Layouts, practice: Practice, pace: Pace, count: FloatArray) -> dict[str, FloatArray]:
    """Exposed exchange of gradients and weights between replicas, and the optimizer. [s], arrays (n,)

    Both stages of a DualPipe device are exchanged, each with the device that runs it in the other direction too.

    Parameters
    ----------
    job, layouts, practice
        What is trained, layouts (n,), machine and stack.
    pace : Pace
        The slowest stage, whose weights these are.
    count : (n,)
        Micro-batches per replica.
    """
    arch, stack, y, load = job.arch, practice.stack, layouts, pace.load
    counts = parameters(arch)
    copies = weight_copies(codes_of(y, stack.schedule), y)
    dense = sum(n * kind.resident for n, kind in zip(load.layers, counts.kinds, strict=True))
    # The token table sits on the first stage, the output projection on the last; the slowest stage holds one of them.
    dense = dense + counts.embedding + np.where(y.pp == 1, counts.output, 0)
    experts = np.asarray(sum(n * kind.experts for n, kind in zip(load.layers, counts.kinds, strict=True)))
    # What a stage holds follows from the pipeline's length and the stage's place.
    first, entry = distinct_rows(
        (y.tp, y.cp, y.dp, y.ep, y.etp, y.zero_group, y.pp, pace.place, copies.astype(np.int64))
    )
    share = trained_share(arch)
    held = _Held(share * dense[first], share * experts[first], copies[first])
    table = _distinct(job.precision, y.take(first), practice, held)
    gradients, weights, across = (v[entry] for v in (table.gradients, table.weights, table.across))
    # Once per step: gradients behind the last backward pass, weights behind the first forward pass.
    # Without ZeRO the second half of the exchange carries reduced gradients instead of updated weights.
    each = y.zero >= 2
    once = np.select([y.zero == 0, y.zero == 1, y.zero == 2], [2.0 * gradients, gradients + weights, weights], 0.0)
    hidden = np.minimum(stack.dp_overlap_frac * (once + across), pace.stage_s)
    # Sharded gradients are scattered after every backward pass; sharded weights are gathered for every forward and
    # backward pass, frozen ones too.
    per_pass = (np.where(y.zero == 3, 2.0 * weights / share, 0.0) + gradients) / stack.shard_link_frac
    behind = np.minimum(stack.dp_overlap_frac * per_pass, pace.stage_s)
    return {
        "dp": once + across - hidden,
        "shard": np.where(each, count * (per_pass - behind), 0.0),
        "optimizer": np.where(y.zero >= 1, table.optimizer_sharded[entry], table.optimizer[entry]),
    }


@dataclass(frozen=True, slots=True)
class _Held:
    """Parameters of a stage, not yet divided over its chips, and stages of a device; arrays."""

    dense: FloatArray
    experts: FloatArray
    copies: FloatArray


def _distinct(precision: str, layouts: Layouts, practice: Practice, held: _Held) -> _Exchange:
    """Exchange of so many parameters per stage, one entry per distinct layout."""
    stack, fabric = practice.stack, practice.fabric
    tp = layouts.tp.astype(np.float64)
    replicas = (layouts.dp * layouts.cp).astype(np.float64)
    expert_stride = (layouts.ep * layouts.etp).astype(np.float64)
    expert_replicas = np.maximum(replicas * tp / expert_stride, 1.0)
    # The device that runs a stage in the other direction is one more replica of it.
    shard, expert_shard = (held.copies * degree for degree in shard_degrees(layouts))
    replicas, expert_replicas = held.copies * replicas, held.copies * expert_replicas
    dense, experts = held.copies * held.dense / tp, held.copies * held.experts / expert_stride
    mixed = experts > 0.0

    def with_experts(inside: FloatArray, theirs: Callable[[], FloatArray]) -> FloatArray:
        return inside + np.where(mixed, theirs(), 0.0) if mixed.any() else inside

    def whole(collective: Callable[..., FloatArray], width: float) -> FloatArray:
        inside = collective(fabric, width * dense, shard, tp)
        return with_experts(inside, lambda: collective(fabric, width * experts, expert_shard, expert_stride))

    wide = activation_bytes(precision)
    width = stack.gradient_exchange_bytes if wide == ACTIVATION_BYTES else wide
    traffic = optimizer_traffic_bytes(practice, precision)
    across = all_reduce_s(fabric, width * dense / shard, replicas / shard, tp * shard)
    rest = expert_replicas / expert_shard
    rate = practice.kernels.hbm_flow_bytes_per_s
    return _Exchange(
        gradients=whole(reduce_scatter_s, width),
        weights=whole(all_gather_s, wide),
        across=with_experts(
            across, lambda: all_reduce_s(fabric, width * experts / expert_shard, rest, expert_stride * expert_shard)
        ),
        optimizer=traffic * (dense + experts) / rate,
        optimizer_sharded=traffic * (dense / shard + experts / expert_shard) / rate,
    )
