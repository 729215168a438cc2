"""Routed tokens on their way to the experts and back: by the path that the stack's dispatcher takes."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.hardware import all_to_all_s
from megawatt.hardware.links import exchange_share
from megawatt.training.practice import Practice
from megawatt.training.records import Layouts
from megawatt.workload import LayerWork

__all__ = ["dispatch_s", "distinct_places"]


_SORTED: Final = 2.0
"""Times that what NCCL's all-to-all brings is read and written besides: chunks by rank, sorted by expert."""
_FEW_RANKS: Final = 16
"""Ranks in one domain up to which DeepEP keeps its rate."""


def distinct_places(copies: float, places: FloatArray, groups: tuple[int, int] = (0, 0)) -> FloatArray:
    """Distinct places (ranks, nodes) that a token's experts lie on.

    N (1 - (1 - 1/N)^k) for k experts spread evenly over N places; where a token chooses from M of G groups of experts,
    over those that such groups lie on.
    """
    of, chosen = groups
    reached = places
    if of:
        # Places that hold several groups are missed with the chance that none of the chosen ones is theirs.
        held = np.maximum(of / places, 1.0)
        missed = np.prod([np.maximum(1.0 - held / (of - i), 0.0) for i in range(chosen)], axis=0)
        reached = np.maximum(np.where(places <= of, places * (1.0 - missed), places * chosen / of), 1.0)
    return np.asarray(reached * (1.0 - (1.0 - 1.0 / reached) ** copies))


def dispatch_s(work: LayerWork, layouts: Layouts, practice: Practice) -> FloatArray:
    """Dispatch and combine of one layer, one way (forward or backward), nothing hidden. [s], shape (n,)

    NCCL's all-to-all sends a copy per expert, and its receiver sorts them. DeepEP and HybridEP send one per rank that
    holds any of a token's experts, and across nodes one per node, copied there: the slower of both ways counts, as they
    are pipelined. What leaves a leaf of a tree or rail shares its uplinks; nothing is forwarded for other rails, since
    a token travels on its own.

    Parameters
    ----------
    work : LayerWork
        The layer.
    layouts : Layouts
        Expert groups are neighbours, etp apart.
    practice : Practice
        Network, dispatcher and the shares of the links that it reaches; the step waits for the busiest rank.

    Notes
    -----
    Sources: tables of DeepEP and HybridEP by ranks [training-dispatch]; they count copies that stay on a rank.
    """
    fabric, stack = practice.fabric, practice.stack
    ep, etp = layouts.ep.astype(np.float64), layouts.etp.astype(np.float64)
    copies, groups = max(work.routed_copies, 1.0), work.routed_groups
    if stack.dispatcher == "alltoall":
        once = (
            all_to_all_s(fabric, work.ep_bytes, ep, etp)
            + _SORTED * work.ep_bytes / practice.kernels.hbm_flow_bytes_per_s
        )
    else:
        token_bytes = work.ep_bytes / copies
        ranks = np.clip(np.floor(fabric.links[0].domain_chips / etp), 1.0, ep)
        nodes = ep / ranks
        reached = np.full_like(ep, stack.dispatch_inside_frac)
        if stack.dispatcher == "deepep":
            reached = np.where(ranks > _FEW_RANKS, min(stack.dispatch_wide_frac, stack.dispatch_inside_frac), reached)
        inside = token_bytes * distinct_places(copies, ep, groups) / (reached * fabric.links[0].link_bytes_per_s)
        crossing = token_bytes * distinct_places(copies, nodes, groups) * (1.0 - 1.0 / nodes)
        shared = exchange_share(fabric.links[-1], nodes, etp, ranks)
        across = crossing / (stack.dispatch_across_frac * shared * fabric.links[-1].link_bytes_per_s)
        once = np.maximum(inside, across)
    return np.where((work.ep_bytes > 0.0) & (ep > 1.0), 2.0 * once * stack.expert_imbalance, 0.0)
