"""One node fails: who follows in which wave, who pays under a guarantee, what prices fall to, what everyone loses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.contagion.clearing import Clearing, clear
from megawatt.contagion.flows import CLASSES
from megawatt.contagion.network import ASSETS, Network
from megawatt.errors import ScenarioError

__all__ = ["Market", "Shock", "debt_rank", "shock"]

_SETTLED: Final = 1e-9
"""Change of prices below which sales have come to rest."""
_SWEEPS: Final = 500
"""Rounds of sales at most."""
_CONTRACTS: Final = CLASSES.index("contracts and purchases")


@dataclass(frozen=True, slots=True)
class Market:
    """How markets take a failure.

    Attributes
    ----------
    open_to_others : bool
        Whether nodes other than the shocked one can still raise what they lack.
    alpha, beta : float
        Shares of outside means and of receipts that are left of a failed node's (Rogers and Veraart).
    depth_usd : array, (assets,)
        Sales that lower the price of coins, chips and equity to 1/e; infinite: no price falls.
    """

    open_to_others: bool = True
    alpha: float = 0.8
    beta: float = 0.9
    depth_usd: tuple[float, ...] = (np.inf,) * len(ASSETS)


@dataclass(frozen=True, slots=True)
class Shock:
    """What a failure does, arrays (nodes,) in USD.

    ``prices`` are those of coins, chips and equity over today's; ``guaranteed_usd`` what each pays under guarantees,
    of what is called on it; ``lost_usd`` that, receipts that do not come and holdings that are worth less; ``sold_usd``
    holdings sold.
    """

    node: int
    clearing: Clearing
    prices: FloatArray
    sold_usd: FloatArray
    guaranteed_usd: FloatArray
    lost_usd: FloatArray
    debt_rank: FloatArray

    @property
    def wave(self) -> IntArray:
        """Wave in which a node fails, from 1; 0: never."""
        return self.clearing.default_round


def shock(network: Network, name: str, market: Market = Market(), loss: float = 1.0) -> Shock:
    """Fail one node and clear the year.

    Parameters
    ----------
    network : Network
        A year's debts and means.
    name : str
        The node that loses ``loss`` (0 to 1) of what it has of its own, of what it would raise and of what it holds.
    market : Market
        How markets take it.

    Returns
    -------
    Shock
        Greatest clearing with guarantees called and holdings sold. A guarantee pays what the beneficiary's contracts
        lack, up to its amount; holdings are sold where cash and receipts do not reach, by a node that fails all of
        them; prices fall with what all sell.

    Raises
    ------
    ScenarioError
        If the node does not exist, or a number is out of range.

    Notes
    -----
    Prices after Cifuentes, Ferrucci and Shin (2005), J. Eur. Econ. Assoc. 3, 556: exp(-sold / depth), the greatest
    fixed point from today's prices.
    """
    if not 0.0 <= loss <= 1.0:
        raise ScenarioError(f"contagion: loss {loss}, must be between 0 and 1")
    if len(market.depth_usd) != len(ASSETS) or not all(depth > 0.0 for depth in market.depth_usd):
        raise ScenarioError(f"contagion: depth of {', '.join(ASSETS)} must be above 0 [USD]")
    node = network.index(name)
    kept = np.ones(len(network.names))
    kept[node] = 1.0 - loss
    raised = network.raised_usd if market.open_to_others else np.zeros(kept.size)
    cash, holdings = kept * (network.own_usd + raised), kept * network.holdings_usd
    prices = np.ones(len(ASSETS))
    depth = np.asarray(market.depth_usd)
    for _ in range(_SWEEPS):
        settled, guaranteed = _settle(network, cash + prices @ holdings, market)
        sold = _sold_usd(settled, cash, prices, holdings)
        following = np.minimum(np.exp(-(sold / prices[:, None]).sum(axis=1) / depth), prices)
        if np.all(np.abs(following - prices) <= _SETTLED):
            break
        prices = following
    due = network.due
    lost = np.maximum(due.sum(axis=0) - settled.received, 0.0) + guaranteed + (1.0 - prices) @ network.holdings_usd
    return Shock(node, settled, prices, sold.sum(axis=0), guaranteed, lost, debt_rank(network, node, loss))


def _settle(network: Network, means: FloatArray, market: Market) -> tuple[Clearing, FloatArray]:
    """Clearing with guarantees, and what each pays under them, (nodes,): what beneficiaries' contracts lack is added to
    what the guarantors owe, and ranks with their other contracts.
    """
    owed = network.liabilities.copy()
    called = np.zeros(network.due.shape)
    for _ in range(len(network.backstops) + 1):
        settled = clear(owed, means, network.external, alpha=market.alpha, beta=market.beta)
        due = owed.sum(axis=0)
        share = np.divide(settled.flows, due, out=np.ones_like(due), where=due > 0.0)
        wanted = np.zeros_like(called)
        for backstop in network.backstops:
            contracts = network.liabilities[_CONTRACTS, :, backstop.beneficiary]
            short = contracts * (1.0 - share[:, backstop.beneficiary]) * (settled.default_round > 0)
            # nobody stands in for itself
            unpaid = float(short.sum() - short[backstop.guarantor])
            already = wanted[:, backstop.beneficiary].sum()
            wanted[backstop.guarantor, backstop.beneficiary] += min(backstop.most_usd, max(unpaid - already, 0.0))
        grown = np.maximum(wanted, called)
        if np.array_equal(grown, called):
            break
        owed[_CONTRACTS] += grown - called
        called = grown
    above, due = owed[:_CONTRACTS].sum(axis=(0, 2)), owed[_CONTRACTS].sum(axis=1) + network.external[_CONTRACTS]
    paid = np.clip(settled.payments - above - network.external[:_CONTRACTS].sum(axis=0), 0.0, due)
    return settled, called.sum(axis=1) * np.divide(paid, due, out=np.zeros_like(due), where=due > 0.0)


def _sold_usd(settled: Clearing, cash: FloatArray, prices: FloatArray, holdings: FloatArray) -> FloatArray:
    """Holdings sold to pay what is owed, (assets, nodes), at these prices; pro rata over what a node holds."""
    worth = prices[:, None] * holdings
    have = worth.sum(axis=0)
    needed = np.where(settled.defaulted, have, np.clip(settled.obligations - cash - settled.received, 0.0, have))
    share = np.divide(needed, have, out=np.zeros_like(have), where=have > 0.0)
    return np.asarray(worth * share)


def debt_rank(network: Network, node: int, loss: float = 1.0) -> FloatArray:
    """Relative loss of equity of each node if one loses that part of its own, (nodes,), 0 to 1.

    A node's loss passes to its creditors by what they are owed over their equity; each node passes on once.
    Source: Battiston and others (2012), Sci. Rep. 2, 541.
    """
    equity = network.equity_usd
    exposure = network.due.T  # row is owed by column
    owners = np.broadcast_to(equity[:, None], exposure.shape)
    weight = np.minimum(np.divide(exposure, owners, out=np.ones_like(exposure), where=owners > 0.0), 1.0)
    weight[exposure == 0.0] = 0.0
    distress = np.zeros(equity.size)
    distress[node] = loss
    spent = np.zeros(equity.size, dtype=bool)
    active = distress > 0.0
    while active.any():
        distress_next = np.minimum(distress + weight[:, active] @ distress[active], 1.0)
        spent |= active
        active = (distress_next > distress) & ~spent
        distress = distress_next
    return distress
