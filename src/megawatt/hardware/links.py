"""Times of collectives inside a scale-up domain and across domains: latency, ramp and bandwidth of measured links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError

__all__ = ["OPERATIONS", "SWITCH_RANKS", "LinkKernel", "Operation", "across_s", "domain_s", "links_from", "torus_share"]

FloatArray = NDArray[np.float64]
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


def torus_share(ranks: FloatArray | float, dimensions: int, domain: float) -> FloatArray:
    """Share of a torus chip's links that a group uses. [1]

    The whole domain uses both directions of every dimension; a block inside it has no wrap-around and uses one link
    per dimension that it spans (a 2 x 2 x 1 block: 2 of 6).
    """
    n = np.asarray(ranks, dtype=np.float64)
    spanned = np.minimum(dimensions, np.floor(np.log2(np.maximum(n, 2.0))))
    return np.where(n >= domain, 1.0, spanned / (2.0 * dimensions))


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
        Share of the link rate left: below 1 on parts of a torus (`torus_share`) or where groups share a link.

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
    inputs = np.broadcast_arrays(payload_bytes, ranks, in_switch, link_share)
    payload, n, summed, left = (np.asarray(v, dtype=np.float64) for v in inputs)
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
        allowed = (summed > 0.0) & (n >= links.switch_ranks)
        time = np.where(allowed, np.minimum(time, inside), time)
    return np.where(n > 1.0, time, 0.0)


def across_s(
    inner: LinkKernel,
    outer: LinkKernel,
    operation: Operation,
    payload_bytes: FloatArray | float,
    ranks: FloatArray | float,
    inner_ranks: FloatArray | float,
    *,
    in_switch: NDArray[np.bool_] | bool = True,
    groups_per_link: FloatArray | float = 1.0,
) -> FloatArray:
    """Time of a collective over domains: each chip of a domain carries its part across, both levels at once. [s]

    All-reduce: scatter inside, sum of 1/inner across, gather inside, pipelined, so the slower level sets the pace;
    start-up times add. All-to-all: what stays inside and what crosses travel at once.

    Parameters
    ----------
    inner, outer : LinkKernel
        Links of a domain, and between domains (per chip: on rails every chip has a link of its own).
    operation, payload_bytes, ranks, in_switch
        As for `domain_s`.
    inner_ranks : array or float
        Members in one domain, 1 to ranks.
    groups_per_link : array or float
        Groups that share each outer link at the same time, >= 1.
    """
    inputs = np.broadcast_arrays(payload_bytes, ranks, inner_ranks, groups_per_link)
    payload, n, inside, groups = (np.asarray(v, dtype=np.float64) for v in inputs)
    inside = np.minimum(inside, n)
    domains = n / inside
    left = 1.0 / groups
    if operation == "all_to_all":
        near = domain_s(inner, operation, payload * inside / n, inside)
        crossing = payload * (n - inside) / n
        rate = outer.link_bytes_per_s * left * outer.exchange_share
        far = outer.base_s + outer.ramp_s * np.log2(1.0 + crossing / outer.ramp_bytes) + crossing / rate
        return np.where(domains > 1.0, np.maximum(near, far), near)
    near = domain_s(inner, operation, payload, inside, in_switch=in_switch)
    share = payload / inside if operation != "send_receive" else payload
    far = domain_s(outer, operation, share, domains, in_switch=False, link_share=left)
    # Pipelined: the slower level's stream, the other's start.
    start = np.where(inside > 1.0, inner.base_s, 0.0)
    return np.where(domains > 1.0, np.maximum(near, far) + start, near)
