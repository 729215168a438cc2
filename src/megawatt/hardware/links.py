"""Times of collectives inside a scale-up domain and across domains: latency, ramp and bandwidth of measured links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import LinkLevel
from megawatt.errors import ScenarioError

__all__ = [
    "OPERATIONS",
    "SWITCH_RANKS",
    "LinkKernel",
    "Operation",
    "domain_s",
    "exchange_share",
    "level_share",
    "links_from",
    "neighbour_share",
]

Operation = Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send_receive"]
SWITCH_RANKS: Final = 8.0
"""Least ranks for which libraries let the switches reduce."""
OPERATIONS: Final[tuple[Operation, ...]] = (
    "all_reduce",
    "all_gather",
    "reduce_scatter",
    "all_to_all",
    "send_receive",
)


@dataclass(frozen=True, slots=True)
class LinkKernel:
    """Collectives over one level of links, as a library runs them.

    Attributes
    ----------
    link_bytes_per_s : float
        One-way rate of a chip on this level. [B/s]
    base_s, step_s : float
        Start of a collective, and of each step of its ring. [s]
    copy_bytes_per_s : float
        Rate at which a chip copies its own part (1/ranks of the buffer, twice for an all-to-all). [B/s]
    ramp_s, ramp_bytes : float
        Pipelines fill and libraries add channels as messages grow: ramp_s per doubling of ramp_bytes. [s], [B]
    gather_share, scatter_share, reduce_share, exchange_share : float
        Share of the link rate on large messages: all-gather (and send), reduce-scatter, all-reduce, all-to-all.
    switch_share : float
        The same of an all-reduce whose sums are made in the switches; 0 where the links have none.
    switch_ramp_s, switch_ramp_bytes : float
        What an all-reduce summed in the switches loses while its channels fill: ``switch_ramp_s`` on large messages,
        half of it at ``switch_ramp_bytes``. [s], [B]
    switch_ranks : float
        Least ranks for which the library lets the switches reduce.
    tree : bool
        Start-up grows with the logarithm of the ranks (trees across domains), not with the ranks (rings).
    """

    link_bytes_per_s: float
    base_s: float
    step_s: float
    copy_bytes_per_s: float
    ramp_s: float
    ramp_bytes: float
    gather_share: float
    scatter_share: float
    reduce_share: float
    exchange_share: float
    switch_share: float = 0.0
    switch_ramp_s: float = 0.0
    switch_ramp_bytes: float = 1.0
    switch_ranks: float = SWITCH_RANKS
    tree: bool = False

    def share(self, operation: Operation) -> float:
        """Share of the link rate that an operation reaches on large messages."""
        return {
            "all_gather": self.gather_share,
            "reduce_scatter": self.scatter_share,
            "all_reduce": self.reduce_share,
            "all_to_all": self.exchange_share,
            "send_receive": self.gather_share,
        }[operation]


def links_from(link_bytes_per_s: float, values: Mapping[str, float], *, tree: bool = False) -> LinkKernel:
    """Links from named numbers (the fields of `LinkKernel`); without ``switch_share`` switches do not sum."""
    return LinkKernel(
        link_bytes_per_s,
        base_s=values["base_s"],
        step_s=values["step_s"],
        copy_bytes_per_s=values["copy_bytes_per_s"],
        ramp_s=values["ramp_s"],
        ramp_bytes=values["ramp_bytes"],
        gather_share=values["gather_share"],
        scatter_share=values["scatter_share"],
        reduce_share=values["reduce_share"],
        exchange_share=values["exchange_share"],
        switch_share=values.get("switch_share", 0.0),
        switch_ramp_s=values.get("switch_ramp_s", 0.0),
        switch_ramp_bytes=values.get("switch_ramp_bytes", 1.0),
        tree=tree,
    )


_TREES: Final = ("rail", "fat-tree")


def level_share(
    link: LinkLevel, ranks: FloatArray | float, stride: FloatArray | float = 1.0, inner: FloatArray | float = 1.0
) -> FloatArray:
    """Share of a chip's links on a level that a ring or tree of a group uses. [1]

    Switch: all. Mesh: the links to its members, (n - 1) of (domain - 1). Ring, torus: a block without wrap-around uses
    one link per dimension that it spans (2 x 2 x 1: 2 of 6), a block with wrap-around both of every dimension; groups
    that stride over other chips to the end of the domain lie along whole dimensions, log(n) of log(domain) of them.
    Rail, fat tree: of the m members below one leaf one sends to the next leaf, over uplinks that carry 1/r of what the
    leaf's chips send: m / r, at most all; all where the whole group is below one leaf.

    Parameters
    ----------
    link : LinkLevel
        The level; a torus with its dimensions and the chips of its smallest block with wrap-around.
    ranks, stride, inner : array or float
        Members on this level, their distance in chips, and members of the group inside each of them, >= 1.
    """
    n, step, within = (np.asarray(v, dtype=np.float64) for v in np.broadcast_arrays(ranks, stride, inner))
    if link.topology == "mesh":
        return np.clip((n - 1.0) / max(link.domain_chips - 1.0, 1.0), 1.0 / max(link.domain_chips - 1.0, 1.0), 1.0)
    if link.topology in _TREES:
        below = np.maximum(_below_leaf(link, n * within, step) / within, 1.0)
        return np.where(n <= below, 1.0, np.minimum(below / link.oversubscription, 1.0))
    if not link.dimensions:
        return np.ones_like(n)
    used, wraps = _spanned(link, n, step)
    return used / link.dimensions * np.where(wraps, 1.0, 0.5)


def _below_leaf(link: LinkLevel, members: FloatArray, stride: FloatArray) -> FloatArray:
    """Members of a group below one leaf of a tree."""
    return np.clip(np.floor(link.leaf_chips / stride), 1.0, members)


def _spanned(link: LinkLevel, n: FloatArray, step: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Dimensions of a torus that a group lies along, and whether their ends are joined."""
    many = np.log2(np.maximum(n, 2.0))
    block = np.minimum(link.dimensions, np.floor(many))
    whole = link.dimensions * np.clip(many / np.log2(max(link.domain_chips, 2.0)), 0.0, 1.0)
    along = (step > 1.0) & (n * step >= link.domain_chips) & (2.0 * whole > block)
    closed = (step <= 1.0) & (n >= link.wrap_chips)
    used = np.where(closed, float(link.dimensions), np.where(along, whole, block))
    return used, closed | along


def exchange_share(
    link: LinkLevel, ranks: FloatArray | float, stride: FloatArray | float = 1.0, inner: FloatArray | float = 1.0
) -> FloatArray:
    """Share of a chip's links on a level that an all-to-all of a group uses; parameters as of `level_share`. [1]

    Its messages go to every member, not to neighbours. Ring, torus: half of what a block holds crosses its middle, so
    a block of longest side k passes P k / 4 per chip and link, with joined ends P k / 8. Rail, fat tree: what leaves a
    leaf shares its uplinks.

    Notes
    -----
    Source: bisection, as in the scaling book (a ring of n with both directions b: n P / 8 b).
    """
    n, step, within = (np.asarray(v, dtype=np.float64) for v in np.broadcast_arrays(ranks, stride, inner))
    if link.topology in _TREES:
        members = n * within
        above = members - np.maximum(_below_leaf(link, members, step), within)
        carried = np.minimum((members - within) / np.maximum(above * link.oversubscription, 1.0), 1.0)
        return np.where(n > 1.0, carried, 1.0)
    share = level_share(link, n, step, within)
    if not link.dimensions:
        return share
    used, wraps = _spanned(link, n, step)
    side = np.exp2(np.ceil(np.log2(np.maximum(n, 2.0)) / np.maximum(used, 1.0)))
    side = np.where(n >= link.domain_chips, np.fmax(side, link.longest_side), side)
    middle = np.where(wraps, 4.0, 2.0) * (n - 1.0) / (n * side * link.dimensions)
    return np.where(n > 1.0, np.minimum(share, middle), share)


def neighbour_share(link: LinkLevel, ranks: FloatArray | float = 2.0, stride: FloatArray | float = 1.0) -> FloatArray:
    """Share of a chip's links on a level that lead to the next member of a chain; of a tree as of `level_share`. [1]"""
    n, step = (np.asarray(v, dtype=np.float64) for v in np.broadcast_arrays(ranks, stride))
    if link.topology in _TREES:
        return level_share(link, n, step)
    pairs = max(link.domain_chips - 1.0, 1.0) if link.topology == "mesh" else max(2.0 * link.dimensions, 1.0)
    return np.full_like(n, 1.0 / pairs)


def _moved(operation: Operation, payload: FloatArray, n: FloatArray) -> tuple[FloatArray, ...]:
    """Bytes that each chip sends, steps one after the other, and bytes that it copies at home."""
    part, own = payload * (n - 1.0) / n, payload / n
    if operation == "all_reduce":
        return 2.0 * part, 2.0 * (n - 1.0), own
    if operation == "all_to_all":
        return part, np.ones_like(n), 2.0 * own
    if operation == "send_receive":
        return payload, np.ones_like(n), np.zeros_like(n)
    return part, n - 1.0, own


def domain_s(
    links: LinkKernel,
    operation: Operation,
    payload_bytes: FloatArray | float,
    ranks: FloatArray | float,
    *,
    in_switch: NDArray[np.bool_] | bool = True,
    link_share: FloatArray | float = 1.0,
) -> FloatArray:
    """Time of a collective of ranks that share one level of links. [s]

    t = base + steps * step + ramp * log2(1 + sent / ramp bytes) + sent / (share * link) + own part / copy rate; an
    all-reduce takes the faster of the ring and the switches' sum: base + steps * step + switch ramp * payload /
    (payload + switch ramp bytes) + payload / (switch share * link).

    Parameters
    ----------
    links : LinkKernel
        The level.
    operation : str
        One of `OPERATIONS`.
    payload_bytes : array or float
        Whole buffer: gathered size of an all-gather, input of one rank otherwise. [B], >= 0
    ranks : array or float
        Members, >= 1; one takes no time.
    in_switch : array or bool
        The type can be summed in the switches (16 and 32 bit floats).
    link_share : array or float
        Share of the link rate left: below 1 on parts of a torus (`level_share`) or where groups share a link.

    Raises
    ------
    ScenarioError
        If there is less than one rank or no such operation.

    Notes
    -----
    Sources: ring and direct algorithms as in Thakur 2005 (doi 10.1177/1094342005051521); NVLink SHARP for sums in
    switches.
    """
    if operation not in OPERATIONS:
        raise ScenarioError(f"collective {operation!r} is not known; allowed: {', '.join(OPERATIONS)}")
    payload, n, left = (np.asarray(v, dtype=np.float64) for v in (payload_bytes, ranks, link_share))
    if n.size and float(n.min()) < 1.0:
        raise ScenarioError(f"collective: ranks = {n.min():g}, must be >= 1")
    rate = links.link_bytes_per_s * left
    sent, steps, own = _moved(operation, payload, np.maximum(n, 1.0))
    if links.tree:
        steps = 2.0 * np.ceil(np.log2(np.maximum(n, 1.0)))
    time = links.base_s + steps * links.step_s + sent / (links.share(operation) * rate) + own / links.copy_bytes_per_s
    time = time + links.ramp_s * np.log2(1.0 + sent / links.ramp_bytes)
    if operation == "all_reduce" and links.switch_share > 0.0:
        hidden = links.base_s + links.switch_ramp_s * payload / (payload + links.switch_ramp_bytes)
        inside = hidden + 2.0 * (n - 1.0) * links.step_s + payload / (links.switch_share * rate)
        allowed = np.asarray(in_switch, dtype=np.bool_) & (n >= links.switch_ranks)
        time = np.where(allowed, np.minimum(time, inside), time)
    return np.where(n > 1.0, time, 0.0)
