"""The whole question at once: a year's network from a file or the catalogue, its circles, every node's failure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.contagion.circle import Circle, circular_flows
from megawatt.contagion.flows import catalogue_flows, read_flows, renamed
from megawatt.contagion.network import ASSETS, Network, build_network, means_of
from megawatt.contagion.shock import Market, Shock, shock

__all__ = ["Study", "circle_rows", "market_of", "node_rows", "shock_rows", "study"]

_DEPTHS = "market-depth"
"""Key of the depth of markets in the catalogue."""


@dataclass(frozen=True, slots=True)
class Study:
    """A year's network, money in circles, and the failure of each node that was asked for.

    ``left_out`` says which rows could not be used; ``market`` how markets take a failure.
    """

    network: Network
    circle: Circle
    shocks: tuple[Shock, ...]
    market: Market
    left_out: tuple[str, ...]


def market_of(
    catalogue: Catalogue, *, fire_sales: bool = True, closed: bool = False, alpha: float = 0.8, beta: float = 0.9
) -> Market:
    """How markets take a failure: with ``fire_sales`` at the catalogue's depths, ``closed`` to everyone else or not."""
    depths = tuple(catalogue.number(_DEPTHS, f"{asset}_depth_usd") if fire_sales else np.inf for asset in ASSETS)
    return Market(not closed, alpha, beta, depths)


def study(
    catalogue: Catalogue,
    year: int,
    *,
    file: Path | None = None,
    failing: Iterable[str] = (),
    market: Market | None = None,
    loss: float = 1.0,
) -> Study:
    """The network of a year and what happens when nodes fail, one at a time.

    Parameters
    ----------
    catalogue : Catalogue
        Flows, means, depth of markets.
    year : int
        Calendar year whose payments are cleared.
    file : Path, optional
        Flows of one's own instead of the catalogue's.
    failing : iterable of str
        Nodes to fail; empty: each that is no lender.
    market : Market, optional
        Default: `market_of` the catalogue.
    loss : float
        Part of its own that a failing node loses, 0 to 1.

    Raises
    ------
    ScenarioError
        If the file is wrong, the year holds no flow, or a node does not exist.
    """
    if file is None:
        flows, left, facts = catalogue_flows(catalogue)
    else:
        (flows, left), facts = read_flows(file), ()
    flows = renamed(flows, catalogue)
    means, more = means_of(flows, catalogue)
    network = build_network(flows, year, means, (*facts, *more))
    names = tuple(failing) or tuple(n for n, lends in zip(network.names, network.lenders, strict=True) if not lends)
    taken = market or market_of(catalogue)
    shocks = tuple(shock(network, network.names[at], taken, loss) for at in dict.fromkeys(map(network.index, names)))
    return Study(network, circular_flows(network), shocks, taken, left)


def node_rows(found: Study) -> list[dict[str, Any]]:
    """One dict per node: what it owes and is owed in the year, has, must raise, and how much of a dollar comes back."""
    network, circle = found.network, found.circle
    due = network.due
    return [
        {
            "node": name,
            "lender": bool(network.lenders[i]),
            "means_known": bool(network.known[i]),
            "own_usd": float(network.own_usd[i]),
            "owed_usd": float(due[i].sum() + network.external[:, i].sum()),
            "owed_in_network_usd": float(due[i].sum()),
            "receives_usd": float(due[:, i].sum()),
            "to_raise_usd": float(network.raised_usd[i]),
            "comes_back_of_a_dollar": float(circle.by_node[i]),
        }
        for i, name in enumerate(network.names)
    ]


def circle_rows(found: Study, least: float = 0.005) -> list[dict[str, Any]]:
    """Payments of which at least that part of a dollar comes back to the payer, the most first."""
    network, due = found.network, found.network.due
    places = np.argwhere((found.circle.by_edge >= least) & (due > 0.0))
    rows = [
        {
            "payer": network.names[i],
            "payee": network.names[j],
            "paid_usd": float(due[i, j]),
            "comes_back_of_a_dollar": float(found.circle.by_edge[i, j]),
        }
        for i, j in places
    ]
    return sorted(rows, key=lambda row: -row["comes_back_of_a_dollar"])


def shock_rows(found: Study) -> list[dict[str, Any]]:
    """One dict per failing node: who fails in which wave, losses, prices; those left alone are left out."""
    network = found.network
    rows = []
    for one in found.shocks:
        cleared = one.clearing
        hit = np.flatnonzero((one.wave > 0) | (one.lost_usd > 0.0) | (one.debt_rank > 0.0) | (one.guaranteed_usd > 0.0))
        rows.append(
            {
                "shock": network.names[one.node],
                "waves": [[network.names[i] for i in wave] for wave in cleared.rounds],
                "lost_usd": float(one.lost_usd.sum()),
                "prices": dict(zip(ASSETS, map(float, one.prices), strict=True)),
                "nodes": [
                    {
                        "node": network.names[i],
                        "wave": int(one.wave[i]),
                        "owed_usd": float(cleared.obligations[i]),
                        "paid_usd": float(cleared.payments[i]),
                        "recovery": float(cleared.recovery[i]),
                        "lost_usd": float(one.lost_usd[i]),
                        "sold_usd": float(one.sold_usd[i]),
                        "guaranteed_usd": float(one.guaranteed_usd[i]),
                        "debt_rank": float(one.debt_rank[i]),
                    }
                    for i in sorted(hit, key=lambda i: (one.wave[i] or 99, -one.lost_usd[i]))
                ],
            }
        )
    return rows
