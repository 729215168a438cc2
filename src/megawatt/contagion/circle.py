"""Money that goes in a circle: how much of a dollar that a node pays comes back to it as receipts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.contagion.network import Network

__all__ = ["Circle", "circular_flows"]


@dataclass(frozen=True, slots=True)
class Circle:
    """Of a dollar paid in the year, what comes back to the payer.

    Attributes
    ----------
    by_node : array, (nodes,)
        Of a dollar of all that the node pays; 0 where it pays nothing.
    by_edge : array, (nodes, nodes)
        Of a dollar that row pays to column.
    paid_usd, received_usd : array, (nodes,)
        Paid and received within the network.
    passed_on : array, (nodes,)
        Part of a dollar received that is spent within the network again.
    """

    by_node: FloatArray
    by_edge: FloatArray
    paid_usd: FloatArray
    received_usd: FloatArray
    passed_on: FloatArray


def circular_flows(network: Network) -> Circle:
    """Follow each dollar of the year from payer to payee until it returns or leaves the network.

    A node spends its sources (own means, what it raises, receipts) in even mixture: of a dollar received, payments
    within the network over sources is paid on; the rest stays or leaves. The chance that a dollar returns is that of
    reaching the payer again in this chain, its first return counted.
    """
    due = network.due
    paid, received = due.sum(axis=1), due.sum(axis=0)
    sources = network.own_usd + network.raised_usd + received
    step = np.divide(due, sources[:, None], out=np.zeros_like(due), where=sources[:, None] > 0.0)
    size = paid.size
    edges = np.zeros_like(due)
    for node in range(size):
        others = np.arange(size) != node
        reach = np.zeros(size)
        # the chain is absorbed at the payer; those that hand on all they get would hold a dollar for ever without it
        inner = np.eye(size - 1) - step[np.ix_(others, others)]
        reach[others] = np.linalg.lstsq(inner, step[others, node], rcond=None)[0]
        reach[node] = 0.0
        edges[node] = np.where(due[node] > 0.0, reach, 0.0)
    by_node = np.divide((due * edges).sum(axis=1), paid, out=np.zeros(size), where=paid > 0.0)
    passed = np.divide(paid, sources, out=np.zeros(size), where=sources > 0.0)
    return Circle(np.clip(by_node, 0.0, 1.0), np.clip(edges, 0.0, 1.0), paid, received, passed)
