"""The page of contagion: a network to click on, and what follows when one of its names fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from megawatt.catalogue.records import KINDS, Source
from megawatt.contagion import CLASSES, Study, circle_rows, node_rows, shock_rows
from megawatt.report import listing
from megawatt.report.charts.network import WAVE_COLOURS, network_chart
from megawatt.report.figure import Table
from megawatt.report.format import fixed, percent
from megawatt.report.frame import fill

__all__ = ["render_contagion"]


@dataclass(frozen=True, slots=True)
class _Failure:
    """What the page says of one failure; ``id`` is the node's, by which a click finds it."""

    id: str
    title: str
    lines: tuple[str, ...]
    table: Table


def render_contagion(found: Study, sources: Mapping[str, Source]) -> str:
    """One offline HTML file on a year's payments.

    Parameters
    ----------
    found : Study
        Network and failures; a click on a node shows the failure of that node where it is among them.
    sources : mapping of str to Source
        What the source keys of the assumptions mean.
    """
    chart = network_chart(found)
    told = zip(shock_rows(found), found.shocks, strict=True)
    failures = [_failure(row, str(one.node)) for row, one in told if row["waves"] or row["lost_usd"] > 0.0]
    return fill(
        "contagion.html",
        (chart,),
        title=f"Who falls with whom in {found.network.year}",
        lines=_lines(found),
        chart=chart,
        failures=failures,
        nodes=_nodes(found),
        circles=_circles(found),
        assumptions=listing.listed([("", found.network.assumptions)], sources),
        warnings=[("Left out", line) for line in found.left_out],
        colours=WAVE_COLOURS,
        kinds=KINDS,
    )


def _usd(value: float) -> str:
    return fixed(value / 1e9, "bn", 1)


def _lines(found: Study) -> list[str]:
    network = found.network
    raised = float(network.raised_usd.sum())
    most = max(node_rows(found), key=lambda row: float(row["to_raise_usd"]))
    lines = [
        f"Due among these names in {network.year}: {_usd(float(network.due.sum()))} USD. To pay it, "
        f"{_usd(raised)} USD must still be raised from outside"
        + (f", most of it by {most['node']} ({_usd(most['to_raise_usd'])})." if raised > 0.0 else "."),
        f"Paid in this order: {', '.join(CLASSES)}. Guarantees are called where contracts stay unpaid; who fails sells "
        "what it holds, and prices of coins, chips and equity fall for all.",
    ]
    circles = circle_rows(found)
    if circles:
        top = circles[0]
        back = percent(top["comes_back_of_a_dollar"])
        lines.append(f"Of a dollar that {top['payer']} pays to {top['payee']}, {back} comes back to it as receipts.")
    return lines


def _failure(row: dict[str, Any], node: str) -> _Failure:
    waves = [f"Wave {number}: {', '.join(wave)}." for number, wave in enumerate(row["waves"], 1)]
    prices = ", ".join(f"{name} {percent(price)}" for name, price in row["prices"].items() if price < 0.9995)
    lines = [*(waves or ["Nobody misses a payment."]), f"Lost in all: {_usd(row['lost_usd'])} USD."]
    lines += [f"Prices fall to {prices} of today's."] if prices else []
    rows = [
        (
            one["node"],
            str(one["wave"] or "–"),
            _usd(one["owed_usd"]),
            percent(one["recovery"]),
            _usd(one["lost_usd"]),
            _usd(one["guaranteed_usd"]),
            percent(one["debt_rank"]),
        )
        for one in row["nodes"]
    ]
    columns = ("Name", "Fails in wave", "Owes", "Pays", "Loses", "Pays as guarantor", "DebtRank")
    return _Failure(node, f"If {row['shock']} fails", tuple(lines), Table(columns, tuple(rows)))


def _nodes(found: Study) -> Table:
    rows = [
        (
            row["node"],
            _usd(row["own_usd"]) if row["means_known"] else "not known",
            _usd(row["owed_usd"]),
            _usd(row["receives_usd"]),
            _usd(row["to_raise_usd"]),
            percent(row["comes_back_of_a_dollar"]),
        )
        for row in node_rows(found)
        if not row["lender"]
    ]
    columns = ("Name", "Has of its own", "Owes", "Receives", "Must raise", "Of a dollar, comes back")
    return Table(columns, tuple(rows))


def _circles(found: Study) -> Table:
    rows = [
        (f"{row['payer']} to {row['payee']}", _usd(row["paid_usd"]), percent(row["comes_back_of_a_dollar"]))
        for row in circle_rows(found)
    ]
    return Table(("Payment", "In the year", "Of a dollar, comes back"), tuple(rows))
