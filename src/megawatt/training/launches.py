"""Operators that the host launches one by one, and how long the chip waits for it."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.training.stacks import Stack
from megawatt.workload import Gemm, LayerWork

__all__ = ["NARROW", "host_wait_s", "launched_operators", "linear_operators"]


NARROW: Final = ("fp8", "mxfp8", "fp4", "nvfp4", "mxfp4")
"""Precisions whose inputs are quantised before every linear layer."""
SHARED: Final = ("shared_up", "shared_down")
"""Multiplies of experts that take every token."""
_QUANTISED: Final = 2.0
"""Operators of a linear layer whose inputs are quantised: scheduling one takes the host more than twice as long
[training-te-host]."""
_ROUTED_BY_DISPATCHER: Final = 3.5
"""Operators (four kernels each) of routing and preparing the exchange that DeepEP and HybridEP do in their own kernels:
31 kernels to 17 [training-moe-guide]."""


def linear_operators(gemm: Gemm, precision: str) -> float:
    """Operators of one multiply."""
    return _QUANTISED if gemm.linear and precision in NARROW else 1.0


def launched_operators(work: LayerWork, stack: Stack, precision: str) -> FloatArray:
    """Operators of a layer's forward pass that the host launches one by one: those that no graph holds. Shape (n,)

    Parameters
    ----------
    work : LayerWork
        The layer.
    stack : Stack
        Graphs, dispatcher, and what its expert layers take.
    precision : str
        Of the linear layers.
    """
    total = np.zeros_like(work.vector_bytes)
    if "full" in stack.graphs:
        return total
    routed = [g for g in work.gemms if g.grouped or g.name == "router"]
    shared = [g for g in work.gemms if g.name in SHARED]
    plain = [g for g in work.gemms if not (g.grouped or g.name in ("router", *SHARED))]
    others = len(work.attention) + len(work.scans) + work.vector_kernels
    counts: dict[str, FloatArray | float] = {
        "attn": others + sum(linear_operators(g, precision) for g in plain),
        "shared": sum(linear_operators(g, precision) for g in shared),
    }
    if routed:
        own = _ROUTED_BY_DISPATCHER if stack.dispatcher != "alltoall" else 0.0
        counts["router"] = max(stack.router_operators - own, 0.0)
        counts["experts"] = stack.expert_operators + _by_expert(work, stack, precision)
    return np.asarray(sum((count for name, count in counts.items() if name not in stack.graphs), total))


def _by_expert(work: LayerWork, stack: Stack, precision: str) -> FloatArray | float:
    """What is launched for every expert of the rank apart: its products, and casts of what goes into them."""
    if work.experts is None or not stack.expert_launches:
        return 0.0
    each = stack.expert_launches * (_QUANTISED if precision in NARROW else 1.0)
    return np.asarray(each * work.experts.experts / work.experts.expert_parallel)


def host_wait_s(host: FloatArray, busy: FloatArray, work: LayerWork, stack: Stack) -> FloatArray:
    """Time of one pass of a layer that the chip waits for the host. [s]

    What the host takes longer than the chip; and where it has to read how many tokens every expert got, it cannot run
    ahead: a share of the shorter of both adds to the longer.
    """
    waits = stack.dropless and any(g.grouped for g in work.gemms)
    exposed = stack.host_exposed_frac if waits else 0.0
    return np.asarray(np.maximum(host - busy, 0.0) + exposed * np.minimum(host, busy))
