"""Times of collectives over the levels of a system's network, over arrays of payloads and groups.

A group has ``size`` members that are ``stride`` chips apart. Members inside one domain of a level talk over that level;
what is left crosses the next one. Every chip drives its own share of each level, levels work at the same time (the
slower one sets the pace), start-up times add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import LinkLevel
from megawatt.errors import ScenarioError
from megawatt.hardware.links import LinkKernel, Operation, domain_s, exchange_share, level_share, neighbour_share

__all__ = [
    "Fabric",
    "all_gather_s",
    "all_reduce_s",
    "all_to_all_s",
    "collective_s",
    "reduce_scatter_s",
    "send_receive_s",
]


@dataclass(frozen=True, slots=True)
class Fabric:
    """A system's network as its collective library uses it.

    Attributes
    ----------
    links : tuple of LinkLevel
        Levels, innermost first; the last one reaches every chip.
    kernels : tuple of LinkKernel
        How collectives run over each level.
    hop_inside_s, hop_across_s : float
        Where the library gathers and scatters in one ring over all members (NCCL, RCCL): time of a hop inside the
        innermost domain and across domains; both 0 where it works level by level. [s]
    """

    links: tuple[LinkLevel, ...]
    kernels: tuple[LinkKernel, ...]
    hop_inside_s: float = 0.0
    hop_across_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.links or not np.isinf(self.links[-1].domain_chips):
            raise ScenarioError("network: the outermost link level must reach every chip (domain_chips = inf)")
        if len(self.links) != len(self.kernels):
            raise ScenarioError(f"network: {len(self.links)} link levels, {len(self.kernels)} sets of collectives")


@dataclass(frozen=True, slots=True)
class _Level:
    """One level as a group meets it: the chips between its members, sub-groups that it joins, members that each of them
    holds."""

    link: LinkLevel
    kernel: LinkKernel
    stride: FloatArray
    groups: FloatArray
    inner: FloatArray

    @property
    def share(self) -> FloatArray:
        """Of links, to rings and trees."""
        return level_share(self.link, self.groups, self.stride, self.inner)

    @property
    def exchange(self) -> FloatArray:
        """Of links, to all-to-alls."""
        return exchange_share(self.link, self.groups, self.stride, self.inner)


def _levels(fabric: Fabric, size: FloatArray, stride: FloatArray) -> list[_Level]:
    """Levels of a group, innermost first, as far as a member lies beyond the level before."""
    levels: list[_Level] = []
    reached = np.ones_like(size)
    for link, kernel in zip(fabric.links, fabric.kernels, strict=True):
        if levels and not (size > reached).any():
            break
        members = np.floor(link.domain_chips / stride) if np.isfinite(link.domain_chips) else size
        total = np.maximum(reached, np.clip(members, 1.0, size))
        levels.append(_Level(link, kernel, stride, total / reached, reached))
        reached = total
    return levels


def _arrays(*values: FloatArray | float) -> list[FloatArray]:
    return [np.asarray(v, dtype=np.float64) for v in np.broadcast_arrays(*values)]


def _by_level(operation: Operation, payload: FloatArray, levels: Sequence[_Level], in_switch: bool) -> FloatArray:
    """Level by level, pipelined: the slowest stream, the others' starts. [s]"""
    time, started = np.zeros_like(payload), np.zeros_like(payload)
    for place, level in enumerate(levels):
        here = domain_s(
            level.kernel,
            operation,
            payload / level.inner,
            level.groups,
            in_switch=in_switch and place == 0,
            link_share=level.share,
        )
        used = level.groups > 1.0
        time = np.where(used, np.maximum(time, here + started), time)
        started = started + np.where(used, level.kernel.base_s, 0.0)
    return time


def _one_ring(fabric: Fabric, payload: FloatArray, members: FloatArray, levels: Sequence[_Level]) -> FloatArray:
    """One ring over all members: every level carries (n - 1)/n of its share of the payload; hops add up. [s]"""
    slowest, startup = np.zeros_like(payload), np.zeros_like(payload)
    for level in levels:
        used = level.groups > 1.0
        rate = level.kernel.link_bytes_per_s * level.kernel.gather_share * level.share
        passed = np.where(used, (members - 1.0) / members, 0.0)
        slowest = np.maximum(slowest, passed * payload / level.inner / rate)
        startup = startup + np.where(used, level.kernel.base_s, 0.0)
    domains = members / levels[0].groups
    return slowest + startup + (members - domains) * fabric.hop_inside_s + domains * fabric.hop_across_s


def _exchange(payload: FloatArray, members: FloatArray, levels: Sequence[_Level]) -> FloatArray:
    """What stays inside a level and what crosses it travel at once; for other rails, by the inner links first. [s]"""
    first = levels[0]
    inside, share = payload * first.groups / members, first.exchange
    near = domain_s(first.kernel, "all_to_all", inside, first.groups, link_share=share)
    forwarded = np.zeros_like(payload)
    for level in levels[1:]:
        if level.link.topology == "rail":
            leaving = payload * (members - level.inner) / members
            forwarded = np.maximum(forwarded, leaving * (1.0 - 1.0 / level.inner))
    near = near + forwarded / (first.kernel.link_bytes_per_s * first.kernel.exchange_share * share)
    for level in levels[1:]:
        kernel, reached = level.kernel, level.inner * level.groups
        crossing = payload * (reached - level.inner) / members
        rate = kernel.link_bytes_per_s * kernel.exchange_share * level.exchange
        far = kernel.base_s + kernel.ramp_s * np.log2(1.0 + crossing / kernel.ramp_bytes) + crossing / rate
        near = np.where(level.groups > 1.0, np.maximum(near, far), near)
    return near


def collective_s(
    fabric: Fabric,
    operation: Operation,
    payload_bytes: FloatArray | float,
    size: FloatArray | float,
    stride: FloatArray | float = 1.0,
    *,
    in_switch: bool = True,
) -> FloatArray:
    """Time of a collective over a system's network. [s]

    Inside one domain `megawatt.hardware.domain_s`. Across domains: an all-reduce scatters inside, sums 1/inner across
    and gathers inside, pipelined; gathers and scatters do the same, or run one ring over n members in d domains, whose
    n - d hops inside and d across add up; in an all-to-all what stays inside and what crosses travel at once.

    Parameters
    ----------
    fabric : Fabric
        The network.
    operation : str
        all_reduce, all_gather, reduce_scatter, all_to_all.
    payload_bytes : array or float
        Whole buffer: gathered size of an all-gather, input of one rank otherwise. [B], >= 0
    size, stride : array or float
        Members and their distance in chips, >= 1; a group of one takes no time.
    in_switch : bool
        The type can be summed in the switches of the innermost level.

    Notes
    -----
    Sources: ring and hierarchical algorithms as in Thakur 2005 (doi 10.1177/1094342005051521), overlap of levels as in
    NCCL's rings, whose hops are in its tuning tables; messages for other rails over the inner links as its PXN. Limits:
    links are not shared with other groups' traffic.
    """
    payload, members, step = _arrays(payload_bytes, size, stride)
    if members.size and float(members.max()) == 1.0:
        return np.zeros_like(payload)
    levels = _levels(fabric, members, step)
    if operation == "all_to_all":
        return _exchange(payload, members, levels)
    time = _by_level(operation, payload, levels, in_switch)
    if fabric.hop_across_s <= 0.0 or operation not in ("all_gather", "reduce_scatter"):
        return time
    return np.where(members > levels[0].groups, _one_ring(fabric, payload, members, levels), time)


def all_gather_s(
    fabric: Fabric, payload_bytes: FloatArray | float, size: FloatArray | float, stride: FloatArray | float = 1.0
) -> FloatArray:
    """Time until every member holds the whole payload (its gathered size); see `collective_s`. [s]"""
    return collective_s(fabric, "all_gather", payload_bytes, size, stride)


def reduce_scatter_s(
    fabric: Fabric, payload_bytes: FloatArray | float, size: FloatArray | float, stride: FloatArray | float = 1.0
) -> FloatArray:
    """Time until every member holds its share of the sum of all payloads; see `collective_s`. [s]"""
    return collective_s(fabric, "reduce_scatter", payload_bytes, size, stride)


def all_reduce_s(
    fabric: Fabric, payload_bytes: FloatArray | float, size: FloatArray | float, stride: FloatArray | float = 1.0
) -> FloatArray:
    """Time until every member holds the sum of all payloads; see `collective_s`. [s]"""
    return collective_s(fabric, "all_reduce", payload_bytes, size, stride)


def all_to_all_s(
    fabric: Fabric, payload_bytes: FloatArray | float, size: FloatArray | float, stride: FloatArray | float = 1.0
) -> FloatArray:
    """Time until every member has sent an equal part of its payload to every member; see `collective_s`. [s]"""
    return collective_s(fabric, "all_to_all", payload_bytes, size, stride)


def send_receive_s(
    fabric: Fabric, payload_bytes: FloatArray | float, size: FloatArray | float, stride: FloatArray | float = 1.0
) -> FloatArray:
    """Time to pass a payload to the next member of a chain or ring, all members at once. [s]

    The slowest pair counts: the innermost level whose domain holds the whole group, else the outermost that it spans.
    On a mesh or torus a pair has the links between its two chips only.
    """
    payload, members, step = _arrays(payload_bytes, size, stride)
    time = np.zeros_like(payload)
    undecided = members > 1.0
    for link, kernel in zip(fabric.links, fabric.kernels, strict=True):
        here = undecided & (members * step <= link.domain_chips)
        rate = kernel.link_bytes_per_s * kernel.gather_share * neighbour_share(link, members, step)
        time = np.where(here, payload / rate + link.latency_s, time)
        undecided = undecided & ~here
    return time
