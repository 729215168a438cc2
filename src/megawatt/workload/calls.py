"""What operators are made of: splits of a micro-batch, multiplies, fused attention, recurrences. Arrays over splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray

__all__ = ["ACTIVATION_BYTES", "AttentionCall", "Gemm", "ScanCall", "Split"]

ACTIVATION_BYTES: Final = 2.0
"""Activations travel and are stored in 16 bits in every precision of training that the package knows."""


@dataclass(frozen=True, slots=True)
class Split:
    """How one micro-batch is cut; arrays of one shape (n,).

    ``tp`` tensor, ``cp`` context, ``ep`` expert and ``etp`` tensor-parallel-in-expert degrees, ``micro_batch`` in
    sequences, ``sequence_parallel`` whether norms and residuals are sharded over the tensor group.
    """

    tp: FloatArray
    cp: FloatArray
    ep: FloatArray
    etp: FloatArray
    micro_batch: FloatArray
    sequence_parallel: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gemm:
    """C[m, n] = A[m, k] B[k, n], ``count`` times per micro-batch and chip; arrays of shape (n,).

    ``linear``: multiplies by a weight, hence runs in the training precision; otherwise in 16 bits. ``grouped``: one
    launch over ``count`` experts whose rows differ; ``batched``: one launch over ``count`` equal ones. ``frozen``: its
    weight is not trained, so that the backward pass has no product for the weight's gradient.
    """

    name: str
    m: FloatArray
    n: FloatArray
    k: FloatArray
    count: FloatArray
    linear: bool = True
    grouped: bool = False
    frozen: bool = False
    batched: bool = False

    def flops(self) -> FloatArray:
        """FLOPs of all of them, forward. [FLOP]"""
        return 2.0 * self.m * self.n * self.k * self.count


@dataclass(frozen=True, slots=True)
class AttentionCall:
    """Fused causal attention of one micro-batch on one chip; arrays of shape (n,).

    ``batch`` sequences with ``queries`` on this chip see ``keys`` each, of which a query sees the share ``visible`` on
    average, in ``heads`` query and ``kv_heads`` key heads of ``head_dim`` (keys) and ``value_dim`` (values).
    """

    batch: FloatArray
    queries: FloatArray
    keys: FloatArray
    heads: FloatArray
    kv_heads: FloatArray
    head_dim: float
    value_dim: float
    visible: float

    def flops(self) -> FloatArray:
        """FLOPs of the causal part. [FLOP]"""
        scores = self.batch * self.queries * self.keys * self.visible * self.heads
        return 2.0 * scores * (self.head_dim + self.value_dim)


@dataclass(frozen=True, slots=True)
class ScanCall:
    """Recurrence of linear attention or a state-space layer, computed chunk by chunk; arrays of shape (n,).

    ``flops`` forward (a backward pass has 2.5 times as many: it computes the chunks again), ``moved_bytes`` to and from
    memory (twice as many backward), ``chunk`` in tokens.
    """

    flops: FloatArray
    moved_bytes: FloatArray
    chunk: int
