"""The network of a year: what falls due, what each has of its own, what it must raise to pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.contagion.flows import CLASSES, Flow
from megawatt.errors import ScenarioError

__all__ = ["ASSETS", "Backstop", "Means", "Network", "build_network", "means_of"]

ASSETS: Final = ("coins", "chips", "equity")
"""What nodes hold and may have to sell."""
_FIRST_YEAR: Final = 2020  # of a year that can be cleared
_LAST_YEAR: Final = 2060  # likewise


@dataclass(frozen=True, slots=True)
class Means:
    """What a node has of its own in a year: ``cash_usd`` and what its business brings, and what it could sell.

    Outside the network it owes interest and other payments (capital spending that no flow names, maturities).
    ``equity_usd`` is what its owners' claim is worth, against which losses are measured.
    """

    cash_usd: float = 0.0
    cash_flow_usd_per_year: float = 0.0
    interest_usd_per_year: float = 0.0
    other_payments_usd_per_year: float = 0.0
    coins_usd: float = 0.0
    chips_usd: float = 0.0
    equity_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Backstop:
    """A guarantor pays the beneficiary what tenants leave unpaid, up to an amount a year. [USD]"""

    guarantor: int
    beneficiary: int
    most_usd: float


@dataclass(frozen=True, slots=True)
class Network:
    """Nodes and what falls due among them in ``year``; money in USD.

    Attributes
    ----------
    names : tuple of str
        Nodes, sorted.
    liabilities : array, (classes, nodes, nodes)
        What row owes column in the year, in the order of `CLASSES`.
    external : array, (classes, nodes)
        What each owes outside in the year: interest as secured debt, other payments as contracts, with what its
        business burns beyond its cash.
    own_usd : array, (nodes,)
        Cash, the year's cash flow from business outside the network, and loans of the year; 0 where they are less.
    raised_usd : array, (nodes,)
        What each must raise from outside so that everyone pays: commitments that are not funded yet.
    holdings_usd : array, (assets, nodes)
        Coins, chips and stakes in other nodes, at today's prices.
    equity_usd : array, (nodes,)
        Value against which losses are measured.
    known : array of bool, (nodes,)
        Whether the node's means are known.
    lenders : array of bool, (nodes,)
        Nodes that only lend or invest.
    """

    year: int
    names: tuple[str, ...]
    liabilities: FloatArray
    external: FloatArray
    own_usd: FloatArray
    raised_usd: FloatArray
    holdings_usd: FloatArray
    equity_usd: FloatArray
    known: BoolArray
    lenders: BoolArray
    backstops: tuple[Backstop, ...]
    flows: tuple[Flow, ...]
    assumptions: tuple[Assumption, ...] = ()

    @property
    def due(self) -> FloatArray:
        """What row owes column in all, (nodes, nodes)."""
        return np.asarray(self.liabilities.sum(axis=0))

    def index(self, name: str) -> int:
        """Place of a node by name, whatever its capitals.

        Raises
        ------
        ScenarioError
            If there is none; names the nearest.
        """
        from difflib import get_close_matches

        forms = {node.lower(): place for place, node in enumerate(self.names)}
        if name.strip().lower() in forms:
            return forms[name.strip().lower()]
        near = [self.names[forms[form]] for form in get_close_matches(name.lower()[:80], forms, 3, 0.4)]
        hint = f"nearest: {', '.join(near)}" if near else f"nodes: {', '.join(self.names)}"
        raise ScenarioError(f"contagion: no node {name[:80]!r}; {hint}")


def means_of(flows: Sequence[Flow], catalogue: Catalogue) -> tuple[dict[str, Means], tuple[Assumption, ...]]:
    """Means of the nodes of these flows that the catalogue knows, as counterparty or as company, and their facts."""
    means: dict[str, Means] = {}
    facts: list[Assumption] = []
    coin_usd = catalogue.number("bitcoin", "price_low_2025_11_usd")
    for name in sorted({name for flow in flows for name in (flow.payer, flow.payee)}):
        key = name.lower().replace(" ", "-")
        if not catalogue.knows(key) or catalogue.get(key).family not in ("counterparty", "company"):
            continue
        entry = catalogue.get(key)
        numbers = {field: catalogue.number(entry.key, field) for field in _MEANS if field in entry.facts}
        facts += [catalogue.assume(entry.key, field, "contagion") for field in numbers]
        means[name] = Means(
            cash_usd=numbers.get("cash_usd", 0.0),
            cash_flow_usd_per_year=numbers.get("cash_flow_usd_per_year", 0.0),
            interest_usd_per_year=numbers.get("interest_usd_per_year", 0.0),
            other_payments_usd_per_year=numbers.get("other_payments_usd_per_year", 0.0),
            coins_usd=numbers.get("held_btc", 0.0) * coin_usd,
            chips_usd=numbers.get("chips_usd", 0.0),
            equity_usd=numbers.get("equity_usd"),
        )
    return means, tuple(facts)


_MEANS: Final = (
    "cash_usd",
    "cash_flow_usd_per_year",
    "interest_usd_per_year",
    "other_payments_usd_per_year",
    "held_btc",
    "chips_usd",
    "equity_usd",
)
"""Facts of a counterparty or company that say what it has."""


def build_network(
    flows: Sequence[Flow],
    year: int,
    means: Mapping[str, Means],
    assumptions: Sequence[Assumption] = (),
) -> Network:
    """The network of one calendar year.

    Parameters
    ----------
    flows : sequence of Flow
        Contracts, loans, promises.
    year : int
        2020 to 2060.
    means : mapping of str to Means
        By node name; a node without an entry has nothing known of its own and raises what it lacks.

    Raises
    ------
    ScenarioError
        If the year is out of range, or no flow falls into it.
    """
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise ScenarioError(f"contagion: year {year}, must be {_FIRST_YEAR} to {_LAST_YEAR}")
    names = tuple(sorted({name for flow in flows for name in (flow.payer, flow.payee)}))
    place = {name: i for i, name in enumerate(names)}
    size = len(names)
    owed, loans = np.zeros((len(CLASSES), size, size)), np.zeros((size, size))
    stakes = np.zeros(size)
    for flow in flows:
        if flow.kind == "backstop_contingent":
            continue
        owed[flow.rank, place[flow.debtor], place[flow.creditor]] += flow.due_usd(year)
        loans[place[flow.payer], place[flow.payee]] += flow.lent_usd(year)
        if flow.kind == "equity":
            paid = sum(flow.share_of_year(y) for y in range(int(flow.start), year))
            stakes[place[flow.payer]] += flow.amount_usd * paid
    if not owed.any():
        raise ScenarioError(f"contagion: no flow falls due in {year}; years of the table: {_years(flows)}")
    due = owed.sum(axis=0)
    lends = np.array([name not in means and _only_lends(flows, name) for name in names])
    given = [means.get(name, Means()) for name in names]
    own = np.array([m.cash_usd + m.cash_flow_usd_per_year for m in given]) + loans.sum(axis=0)
    own = np.where(lends, due.sum(axis=1), own)
    external = np.zeros((len(CLASSES), size))
    external[0] = [m.interest_usd_per_year for m in given]
    external[CLASSES.index("contracts and purchases")] = [m.other_payments_usd_per_year for m in given]
    # a business that burns more than the cash there is owes the rest to the world
    external[CLASSES.index("contracts and purchases")] += np.maximum(-own, 0.0)
    own = np.maximum(own, 0.0)
    left = own + due.sum(axis=0) - due.sum(axis=1) - external.sum(axis=0)
    lacking = np.maximum(-left, 0.0)
    equity = [left[i] + lacking[i] if m.equity_usd is None else m.equity_usd for i, m in enumerate(given)]
    return Network(
        year=year,
        names=names,
        liabilities=owed,
        external=external,
        own_usd=own,
        raised_usd=lacking,
        holdings_usd=np.array([[m.coins_usd for m in given], [m.chips_usd for m in given], stakes]),
        equity_usd=np.maximum(equity, 0.0),
        known=lends | np.array([name in means for name in names]),
        lenders=lends,
        backstops=_backstops(flows, place, year),
        flows=tuple(flows),
        assumptions=tuple(assumptions),
    )


def _only_lends(flows: Sequence[Flow], name: str) -> bool:
    """Whether a node appears only as lender, or as investor that nobody else pays."""
    finance = ("debt", "convertible", "preferred_equity")
    return all(flow.payer == name and flow.kind in finance for flow in flows if name in (flow.payer, flow.payee))


def _backstops(flows: Sequence[Flow], place: Mapping[str, int], year: int) -> tuple[Backstop, ...]:
    """Guarantees in force in the year, each with an even part of its amount."""
    found = []
    for flow in flows:
        share = flow.share_of_year(year)
        if flow.kind == "backstop_contingent" and share > 0.0:
            found.append(Backstop(place[flow.payer], place[flow.payee], flow.amount_usd * share))
    return tuple(found)


def _years(flows: Sequence[Flow]) -> str:
    return f"{int(min(flow.start for flow in flows))} to {int(max(flow.start + flow.years for flow in flows))}"
