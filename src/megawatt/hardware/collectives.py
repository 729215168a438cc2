"""Times of collectives over the levels of a system's network, over arrays of payloads and groups.

A group has ``size`` members that are ``stride`` chips apart. Members inside one domain of a level talk over that level;
what is left crosses the next one. Every chip drives its own share of each level, levels work at the same time (the
slower one sets the pace), start-up times add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import LinkLevel
from megawatt.errors import ScenarioError
from megawatt.hardware.links import LinkKernel, Operation, across_s, domain_s

__all__ = ["Fabric", "all_gather_s", "all_reduce_s", "all_to_all_s", "reduce_scatter_s", "send_receive_s"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fabric:
    """A system's network and the share of its link rates that software reaches.

    Attributes
    ----------
    links : tuple of LinkLevel
        Levels, innermost first; the last one reaches every chip.
    ring_share : float
        Share of the one-way link rate that gather, scatter and reduce reach, 0 to 1.
    all_to_all_share : float
        The same of all-to-all.
    startup_s : float
        Software start-up of one collective, beside the start-up of each message. [s]
    hop_inside_s, hop_across_s : float
        Where the library gathers and scatters in one ring over all members (NCCL, RCCL): time of a hop inside the
        innermost domain and across domains; both 0 where it works level by level. [s]
    inner : LinkKernel, optional
        Measured collectives inside the innermost domain; groups within one domain follow them.
    outer : LinkKernel, optional
        Measured collectives between domains, per chip; sums over several domains follow both.
    """

    links: tuple[LinkLevel, ...]
    ring_share: float
    all_to_all_share: float
    startup_s: float = 0.0
    hop_inside_s: float = 0.0
    hop_across_s: float = 0.0
    inner: LinkKernel | None = None
    outer: LinkKernel | None = None

    def __post_init__(self) -> None:
        if not self.links or not np.isinf(self.links[-1].domain_chips):
            raise ScenarioError("network: the outermost link level must reach every chip (domain_chips = inf)")


def _reach(links: Sequence[LinkLevel], size: FloatArray, stride: FloatArray) -> list[FloatArray]:
    """Members of the group inside one domain of each level, innermost first; the last is ``size``."""
    inside: list[FloatArray] = []
    reached = np.ones_like(size)
    for link in links:
        members = np.floor(link.domain_chips / stride) if np.isfinite(link.domain_chips) else size
        reached = np.maximum(reached, np.clip(members, 1.0, size))
        inside.append(reached)
    return inside


def _arrays(*values: FloatArray | float) -> list[FloatArray]:
    return [np.asarray(v, dtype=np.float64) for v in np.broadcast_arrays(*values)]


def all_gather_s(
    fabric: Fabric, payload_bytes: FloatArray | float, size: FloatArray | float, stride: FloatArray | float = 1.0
) -> FloatArray:
    """Time until every member holds the whole payload. [s]

    Level i joins k_i sub-groups that hold 1/inner of the payload per chip: (k_i - 1)/k_i * payload / inner / link; the
    slowest level counts, plus ceil(log2 k_i) message start-ups per level and one of the software. Where the library
    runs one ring over n members in d domains, every link between domains carries (n - 1)/n of its share of the payload
    and the ring's n - d hops inside and d across add up.

    Parameters
    ----------
    fabric : Fabric
        The network.
    payload_bytes : array or float
        Gathered size. [B], >= 0
    size, stride : array or float
        Members and their distance in chips, >= 1; a group of one takes no time.

    Notes
    -----
    Sources: ring and hierarchical algorithms as in Thakur 2005 (doi 10.1177/1094342005051521), overlap of levels as in
    NCCL's rings, whose hops are in its tuning tables. Limits: links are not shared with other groups' traffic; on a
    torus a small group is granted the full rate of its chips.
    """
    payload, members, step = _arrays(payload_bytes, size, stride)
    time = _levels_s(fabric, payload, members, step, one_ring=fabric.hop_across_s > 0.0)
    inside = _reach(fabric.links, members, step)[0]
    domains = members / inside
    hops = (members - domains) * fabric.hop_inside_s + domains * fabric.hop_across_s
    return _inside(fabric, "all_gather", payload, members, domains, time + np.where(domains > 1.0, hops, 0.0))


def _inside(
    fabric: Fabric,
    operation: Operation,
    payload: FloatArray,
    members: FloatArray,
    domains: FloatArray,
    time: FloatArray,
) -> FloatArray:
    """``time``, replaced by the measured collective where a group lies in one domain. [s]"""
    if fabric.inner is None:
        return time
    return np.where(domains > 1.0, time, domain_s(fabric.inner, operation, payload, members))


def _levels_s(
    fabric: Fabric, payload: FloatArray, members: FloatArray, step: FloatArray, *, one_ring: bool
) -> FloatArray:
    """Gather over the levels of a network, hops of a long ring apart. [s]"""
    slowest, startup = np.zeros_like(payload), np.zeros_like(payload)
    inner = np.ones_like(members)
    for link, total in zip(fabric.links, _reach(fabric.links, members, step), strict=True):
        groups = total / inner
        passed = np.where(groups > 1.0, (total - 1.0) / total, 0.0) if one_ring else (groups - 1.0) / groups
        slowest = np.maximum(slowest, passed * payload / inner / (link.link_bytes_per_s * fabric.ring_share))
        startup = startup + link.latency_s * np.ceil(np.log2(groups))
        inner = total
    return slowest + startup + np.where(members > 1.0, fabric.startup_s, 0.0)


def reduce_scatter_s(
    fabric: Fabric, payload_bytes: FloatArray | float, size: FloatArray | float, stride: FloatArray | float = 1.0
) -> FloatArray:
    """Time until every member holds its share of the sum of all payloads; the mirror of `all_gather_s`. [s]"""
    payload, members, step = _arrays(payload_bytes, size, stride)
    domains = members / _reach(fabric.links, members, step)[0]
    return _inside(fabric, "reduce_scatter", payload, members, domains, all_gather_s(fabric, payload, members, step))


def all_reduce_s(
    fabric: Fabric, payload_bytes: FloatArray | float, size: FloatArray | float, stride: FloatArray | float = 1.0
) -> FloatArray:
    """Time until every member holds the sum of all payloads: a reduce-scatter and an all-gather, level by level. [s]

    Libraries reduce over trees where domains are left, so neither the traffic nor the start-up is that of one long ring
    (two nodes of p4d: 78 GB/s of bus bandwidth over adapters of 50). Reduction inside the switches is not counted: it
    speeds up all-reduce alone, and only inside one domain.
    """
    payload, members, step = _arrays(payload_bytes, size, stride)
    inside = _reach(fabric.links, members, step)[0]
    domains = members / inside
    if fabric.inner is not None and fabric.outer is not None:
        time = across_s(fabric.inner, fabric.outer, "all_reduce", payload, members, inside)
    else:
        time = 2.0 * _levels_s(fabric, payload, members, step, one_ring=False)
    return _inside(fabric, "all_reduce", payload, members, domains, time)


def all_to_all_s(
    fabric: Fabric, payload_bytes: FloatArray | float, size: FloatArray | float, stride: FloatArray | float = 1.0
) -> FloatArray:
    """Time until every member has sent an equal part of its payload to every member. [s]

    Parameters
    ----------
    payload_bytes : array or float
        What one member sends in all, its own part included. [B], >= 0
    fabric, size, stride
        As for `all_gather_s`.
    """
    payload, members, step = _arrays(payload_bytes, size, stride)
    slowest, startup = np.zeros_like(payload), np.zeros_like(payload)
    inner = np.ones_like(members)
    for link, total in zip(fabric.links, _reach(fabric.links, members, step), strict=True):
        moved = payload * (total - inner) / members
        slowest = np.maximum(slowest, moved / (link.link_bytes_per_s * fabric.all_to_all_share))
        startup = startup + link.latency_s * np.ceil(np.log2(total / inner))
        inner = total
    time = slowest + startup + np.where(members > 1.0, fabric.startup_s, 0.0)
    domains = members / _reach(fabric.links, members, step)[0]
    return _inside(fabric, "all_to_all", payload, members, domains, time)


def send_receive_s(
    fabric: Fabric, payload_bytes: FloatArray | float, size: FloatArray | float, stride: FloatArray | float = 1.0
) -> FloatArray:
    """Time to pass a payload to the next member of a chain or ring, all members at once. [s]

    The slowest pair counts: the innermost level whose domain holds the whole group, else the outermost that it spans.
    """
    payload, members, step = _arrays(payload_bytes, size, stride)
    time = np.zeros_like(payload)
    undecided = members > 1.0
    for link in fabric.links:
        here = undecided & (members * step <= link.domain_chips)
        time = np.where(here, payload / (link.link_bytes_per_s * fabric.ring_share) + link.latency_s, time)
        undecided = undecided & ~here
    return time
