"""Costs of one layer, computed once for each set of choices that it depends on, and looked up by layout.

A layer of one micro-batch knows nothing of pipeline depth, replicas or batch: thousands of layouts share one entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IndexArray, distinct_rows
from megawatt.training.activations import Activations, layer_activations
from megawatt.training.layer import BlockTime, head_time, layer_columns, layer_time
from megawatt.training.practice import Practice
from megawatt.training.records import Job, Layouts
from megawatt.training.stacks import Stack
from megawatt.workload import structure

__all__ = ["PARTS", "Block", "LayerTables", "layer_tables"]

PARTS: Final = ("attention", "cp", "ep", "experts", "gemm", "host", "recompute", "tp", "vector")
"""Parts of a layer's time, in the order of a block's rows."""


@dataclass(frozen=True, slots=True)
class Block:
    """Seconds of one block of one micro-batch for each entry u: ``parts`` (9, u) in the order of `PARTS`, forward pass,
    weight gradients and all of it (u,); ``dynamic_j`` is the energy above idle of its arithmetic, repeats included."""

    parts: FloatArray
    forward_s: FloatArray
    weight_gradient_s: FloatArray
    total_s: FloatArray
    dynamic_j: FloatArray


@dataclass(frozen=True, slots=True)
class LayerTables:
    """Blocks by entry, one for each of the model's kinds of layers, and the entry of each layout (n,).

    ``distinct`` is a layout of each entry.
    """

    layers: tuple[Block, ...]
    head: Block
    entry: IndexArray
    distinct: Layouts

    def at(self, index: NDArray[np.integer] | slice) -> LayerTables:
        """The same tables for the layouts at these positions."""
        return LayerTables(self.layers, self.head, self.entry[index], self.distinct)

    def activations(self, job: Job, stack: Stack) -> Activations:
        """Of one micro-batch in one layer of each kind, for each entry: (kinds, entries)."""
        return layer_activations(job, self.distinct, stack)


def layer_tables(job: Job, layouts: Layouts, practice: Practice) -> LayerTables:
    """Blocks of a job's model for every distinct choice among the layouts.

    Parameters
    ----------
    job, layouts, practice
        What is trained (precision as the chip names it), layouts (n,) with n >= 1, machine and stack.
    """
    y = layouts
    # What full recomputation of some layers comes to depends on the chunks of the pipeline.
    repeated = np.where(y.repeated_layers > 0, y.repeated_layers * y.pp * y.vpp, 0)
    first, entry = distinct_rows((*layer_columns(y), y.recompute, y.modules, repeated, y.group_layers))
    distinct = layouts.take(first)
    kinds = structure(job.arch).kinds
    return LayerTables(
        layers=tuple(_block(layer_time(job, distinct, practice, kind)) for kind in kinds),
        head=_block(head_time(job, distinct, practice)),
        entry=entry,
        distinct=distinct,
    )


def _block(time: BlockTime) -> Block:
    zero = np.zeros_like(time.recompute)
    both = {n: time.forward.get(n, zero) + time.backward.get(n, zero) for n in PARTS} | {"recompute": time.recompute}
    parts = np.stack([both[name] for name in PARTS])
    arithmetic_s = sum(both[name] for name in ("gemm", "experts", "attention"))
    # What is repeated draws as much as the rest.
    energy = time.dynamic_j * (1.0 + time.recompute / np.maximum(arithmetic_s, 1e-30))
    return Block(parts, np.asarray(time.forward_s()), time.weight_gradient, parts.sum(axis=0), energy)
