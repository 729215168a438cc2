"""Memory of the fullest chip of each layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.training.activations import Activations, activation_bytes, gradient_width, layer_activations
from megawatt.training.practice import Host, Practice
from megawatt.training.records import Job, Layouts
from megawatt.training.schedules import codes_of, in_flight, weight_copies
from megawatt.training.stages import StageLoad, device_loads
from megawatt.workload import ACTIVATION_BYTES, ModelArch, parameters, trained_share

__all__ = ["layout_memory", "shard_degrees", "total_bytes"]


_MASTER_BYTES: Final = 4.0
"""A 32-bit master weight, part of the optimizer's states; training in 32 bits has none beside its weights."""
_OFFLOAD_BUFFERS: Final = 2.0
"""Layers whose activations are on the chip while the rest is in the host's memory: double buffering."""
_FIRST, _MIDDLE, _LAST = range(3)
"""Places of a stage."""


def _f(values: IntArray) -> FloatArray:
    return values.astype(np.float64)


def shard_degrees(layouts: Layouts) -> tuple[FloatArray, FloatArray]:
    """Replicas of a dense weight, and of an expert's weight: how far ZeRO can shard each."""
    replicas = _f(layouts.dp * layouts.cp)
    expert = np.maximum(replicas * layouts.tp / _f(layouts.ep * layouts.etp), 1.0)
    group = np.where(layouts.zero_group > 0, _f(layouts.zero_group), replicas)
    return np.minimum(replicas, group), np.minimum(expert, np.maximum(group * expert / replicas, 1.0))


def layout_memory(
    job: Job,
    layouts: Layouts,
    practice: Practice,
    *,
    micro_batches: FloatArray,
    activations: Activations | None = None,
) -> dict[str, FloatArray]:
    """Memory of the fullest chip by part. [B], arrays of shape (n,)

    Stages are compared: the first holds the most micro-batches and the token table, one in the middle may hold more
    layers, the last has the output projection and the logits. At its peak a stage either takes the loss or is in the
    backward pass of a layer: what that needs for a moment is ``logits`` or ``working``, whichever is more.

    Parameters
    ----------
    job, layouts
        What is trained (precision as the chip names it), and layouts (n,).
    practice : Practice
        Optimizer states, width of gradients, what the loss holds, the reserve, what the host's memory holds.
    micro_batches : (n,)
        Micro-batches per replica and step.
    activations : Activations, optional
        `layer_activations`, where they are known.

    Returns
    -------
    dict of str to array
        weights, gradients, optimizer, activations, logits, working, reserve.
    """
    if activations is None:
        activations = layer_activations(job, layouts, practice.stack)
    codes = codes_of(layouts, practice.stack.schedule)
    loads = device_loads(job.arch, layouts, codes)
    stage = _Stage(job, layouts, practice, codes, micro_batches, activations, _shards(layouts))
    parts = stage.parts(_FIRST, loads[0])
    # A stage in the middle holds fewer micro-batches and no table: it matters where it has more layers.
    if ((layouts.pp > 2) & (loads[1].count() > loads[0].count())).any():
        parts = _fuller(parts, stage.parts(_MIDDLE, loads[1]))
    if (layouts.pp > 1).any():
        parts = _fuller(parts, stage.parts(_LAST, loads[2]))
    allocated = total_bytes(parts)
    return parts | {"reserve": practice.context_bytes + practice.fragmentation_frac * allocated}


def total_bytes(parts: Mapping[str, FloatArray]) -> FloatArray:
    """All parts of `layout_memory` together. [B], shape (n,)"""
    return np.asarray(sum(parts.values()))


def _fuller(one: dict[str, FloatArray], other: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Parts of the stage that holds more, layout by layout."""
    more = total_bytes(other) > total_bytes(one)
    return {name: np.where(more, other[name], one[name]) for name in one}


def _shards(layouts: Layouts) -> tuple[tuple[FloatArray, FloatArray], ...]:
    """Over how many replicas weights, gradients and optimizer states of dense weights and of experts are spread."""
    shard, expert = shard_degrees(layouts)
    return tuple(
        (np.where(layouts.zero >= level, shard, 1.0), np.where(layouts.zero >= level, expert, 1.0))
        for level in (3, 2, 1)
    )


@dataclass(frozen=True, slots=True)
class _Stage:
    """What all stages of the layouts share."""

    job: Job
    layouts: Layouts
    practice: Practice
    codes: IntArray
    micro_batches: FloatArray
    activations: Activations
    shards: tuple[tuple[FloatArray, FloatArray], ...]

    def parts(self, place: int, load: StageLoad) -> dict[str, FloatArray]:
        """Memory of one stage by part, the reserve apart. [B]"""
        arch, layouts, acts = self.job.arch, self.layouts, self.activations
        depth = in_flight(self.codes, layouts, self.micro_batches, place=place)
        kept, moment = np.zeros_like(depth), np.zeros_like(depth)
        for n, held, repeated, working in zip(load.layers, acts.kept, acts.repeated, acts.working, strict=True):
            kept = kept + n * held
            moment = np.maximum(moment, np.where(n > 0.0, repeated + working, 0.0))
        # A stage may keep its output, what the next one takes in, beside what its layers keep.
        outputs = acts.output if self.practice.stack.outputs_kept else 0.0
        kept = depth * (kept + np.where(layouts.pp > 1, 1.0 - load.heads, 0.0) * outputs)
        host = self.practice.host
        if host is not None and "activations" in host.offloaded:
            kept = _on_chip(arch, host, kept, kept / (np.maximum(load.count(), 1.0) * depth))
        wide, tp = activation_bytes(self.job.precision), _f(layouts.tp)
        tokens = _f(layouts.micro_batch) * self.job.seq_len / _f(layouts.cp)
        loss = self.practice.stack.logit_bytes * wide / 2.0 * (1.0 + arch.mtp_layers) * tokens * arch.vocab
        # The gradient of the output projection's weight is whole for a moment before it is added to the stored one.
        loss = np.where(load.heads > 0.0, (loss + wide * trained_share(arch) * _output(arch)) / tp, 0.0)
        at_loss = loss >= moment
        return self._states(place, load) | {
            "activations": kept,
            "logits": np.where(at_loss, loss, 0.0),
            "working": np.where(at_loss, 0.0, moment),
        }

    def _states(self, place: int, load: StageLoad) -> dict[str, FloatArray]:
        """Weights, gradients and optimizer states of one stage."""
        arch, layouts, stack, practice = self.job.arch, self.layouts, self.practice.stack, self.practice
        counts, tp = parameters(arch), _f(layouts.tp)
        linear, experts = np.zeros_like(tp), np.zeros_like(tp)
        for n, kind in zip(load.layers, counts.kinds, strict=True):
            linear, experts = linear + n * kind.resident, experts + n * kind.experts
        linear, experts = linear / tp, experts / _f(layouts.ep * layouts.etp)
        # The last stage has the output projection and, beside a module of multi-token prediction, its own projection.
        ends = _output(arch) + arch.mtp_layers * 2.0 * arch.hidden * arch.hidden
        tables = load.heads * ends
        copies = weight_copies(self.codes, layouts)
        if place == _FIRST:
            tables = tables + np.where((load.heads > 0.0) & (counts.output == 0), 0.0, counts.embedding / copies)
        dense = linear + tables / tp
        trained, wide = trained_share(arch), activation_bytes(self.job.precision)
        # Buckets hold no more than there is to send.
        bucket = np.minimum(stack.bucket_bytes, 2.0 * wide * (dense + experts)) * np.ceil(trained)
        weights, gradients, states = (dense / d + experts / e for d, e in self.shards)
        one_layer = (linear + experts) / np.maximum(load.count(), 1.0)
        offloaded = practice.host.offloaded if practice.host else ()
        # Sharded weights are cast from their 32-bit masters when gathered (FSDP, MaxText); frozen ones have no master.
        # Masters in the host's memory leave a narrow shard on the chip.
        kept = practice.optimizer
        apart = kept.mastered and wide < _MASTER_BYTES
        if apart and "optimizer" not in offloaded and not stack.narrow_shards:
            weights = np.where(layouts.zero == 3, (1.0 - trained) * weights, weights)
        gathered = np.where(layouts.zero == 3, np.maximum(stack.gathered_layers * one_layer, bucket / wide), 0.0)
        width = gradient_width(self.job.precision, stack)
        # In 32 bits weights are the masters, and moments of 16-bit weights are as wide as those.
        own = kept.state_bytes if apart else kept.state_bytes - _MASTER_BYTES * kept.mastered
        own = own if kept.mastered else own * wide / ACTIVATION_BYTES
        whole = kept.whole_bytes if apart else 0.0
        states = (own - whole) * states + whole * (dense + experts)
        # Multiplies that do not add to wider gradients themselves leave theirs beside these until a step's end.
        unfused = not stack.gradient_fused and stack.gradient_bytes > wide
        fresh = dense + experts if unfused else _fresh(arch, layouts, load)
        # Gradients that are scattered are those of layers, experts together (ZeRO 2 and 3).
        fresh = np.where(layouts.zero < 2, fresh, stack.gathered_layers / 2.0 * one_layer)
        buckets = np.where(layouts.zero < 3, bucket, 0.0)
        return {
            "weights": wide * copies * np.minimum(weights + gathered, dense + experts),
            "gradients": trained * (copies * width * gradients + wide * fresh) + buckets,
            "optimizer": (0.0 if "optimizer" in offloaded else trained) * states,
        }


def _on_chip(arch: ModelArch, host: Host, kept: FloatArray, one: FloatArray) -> FloatArray:
    """What the chip holds of the activations of so many layers when the host holds those of all or of some."""
    share = min(host.layers / arch.layers, 1.0) if host.layers else 1.0
    return np.asarray((1.0 - share) * kept + np.minimum(share * kept, _OFFLOAD_BUFFERS * one))


def _output(arch: ModelArch) -> float:
    counts = parameters(arch)
    return float(counts.output or counts.embedding)


def _fresh(arch: ModelArch, layouts: Layouts, load: StageLoad) -> FloatArray:
    """Weights whose gradients stand beside the stored ones before they are added: those of one layer, of its experts
    one. [elements]"""
    one = np.zeros(len(layouts))
    for n, kind in zip(load.layers, parameters(arch).kinds, strict=True):
        each = kind.resident / _f(layouts.tp) + kind.expert / _f(layouts.etp)
        one = np.maximum(one, np.where(n > 0.0, each, 0.0))
    return one
