"""``megawatt contagion``: who falls with whom, and how much of the money goes in a circle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from megawatt.cli.options import Number, Whole, force_option
from megawatt.cli.output import console, emit_json
from megawatt.cli.tables import print_table

__all__ = ["contagion"]

_LISTED = 12
"""Rows of a table of payments."""


@click.command(epilog="Example: megawatt contagion --shock OpenAI --closed --report contagion.html")
@click.argument("flows", required=False, type=click.Path(path_type=Path))
@click.option("--shock", "failing", multiple=True, metavar="NAME", help="Node that fails (repeatable); default: each.")
@click.option(
    "--year", type=Whole(2020, 2060), default=2027, show_default=True, help="Year whose payments are cleared."
)
@click.option("--loss", type=Number(0.0, 1.0), default=1.0, show_default=True,
              help="Part of its own means that the failing node loses.")  # fmt: skip
@click.option("--closed", is_flag=True, help="Nobody can raise money: commitments not yet funded stay so.")
@click.option("--fire-sales/--no-fire-sales", default=True, help="Sales push prices of coins, chips and equity down.")
@click.option("--alpha", type=Number(0.0, 1.0), default=0.8, show_default=True,
              help="What is left of a failed node's own means.")  # fmt: skip
@click.option("--beta", type=Number(0.0, 1.0), default=0.9, show_default=True,
              help="What is left of what it is paid.")  # fmt: skip
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="HTML file: the network to click on.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def contagion(
    flows: Path | None,
    failing: tuple[str, ...],
    year: int,
    loss: float,
    closed: bool,
    fire_sales: bool,
    alpha: float,
    beta: float,
    report: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Clear a year of payments among chip makers, clouds, laboratories and miners, and fail one of them.

    FLOWS is a CSV file with payer, payee, kind, amount_usd, years, start (docs/contagion.md); default: the catalogue's.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.contagion import circle_rows, market_of, node_rows, shock_rows, study
    from megawatt.writing import check_text, write_text

    if report:
        check_text(report, force=force)
    catalogue = load_catalogue()
    market = market_of(catalogue, fire_sales=fire_sales, closed=closed, alpha=alpha, beta=beta)
    found = study(catalogue, year, file=flows, failing=failing, market=market, loss=loss)
    if report:
        from megawatt.report.contagion_page import render_contagion

        write_text(report, render_contagion(found, catalogue.sources), force=force)
    if as_json:
        told = {"year": year, "nodes": node_rows(found), "circles": circle_rows(found), "shocks": shock_rows(found)}
        emit_json("contagion", [told | {"left_out": list(found.left_out)}])
        return
    _print_nodes(year, node_rows(found))
    _print_circles(circle_rows(found))
    for row in shock_rows(found) if failing else ():
        _print_shock(row)
    if not failing:
        _print_all(shock_rows(found))
    for line in found.left_out:
        console().print(f"left out: {line}")


def _bn(value: float) -> str:
    return f"{value / 1e9:,.1f}"


def _print_nodes(year: int, rows: list[dict[str, Any]]) -> None:
    console().print(f"Payments of {year} [bn USD]", style="bold")
    cells = [
        [row["node"], *(_bn(row[name]) for name in ("own_usd", "owed_usd", "receives_usd", "to_raise_usd")),
         f"{row['comes_back_of_a_dollar']:.1%}", "" if row["means_known"] else "means not known"]
        for row in rows if not row["lender"]
    ]  # fmt: skip
    print_table(("", "own", "owes", "receives", "to raise", "of $1 back", ""), cells, left=("",))


def _print_circles(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    console().print("Of a dollar paid, what comes back to the payer", style="bold")
    cells = [
        [f"{row['payer']} to {row['payee']}", _bn(row["paid_usd"]), f"{row['comes_back_of_a_dollar']:.1%}"]
        for row in rows[:_LISTED]
    ]
    print_table(("", "bn USD", "back"), cells)


def _print_shock(row: dict[str, Any]) -> None:
    waves = [f"wave {number}: {', '.join(wave)}" for number, wave in enumerate(row["waves"], 1)]
    prices = ", ".join(f"{name} {price:.0%}" for name, price in row["prices"].items())
    to = console()
    to.print(f"{row['shock']} fails", style="bold")
    to.print("; ".join(waves) if waves else "nobody misses a payment")
    to.print(f"lost in all {_bn(row['lost_usd'])} bn USD; prices: {prices}")
    cells = [
        [node["node"], str(node["wave"] or "-"), _bn(node["owed_usd"]), f"{node['recovery']:.0%}",
         _bn(node["lost_usd"]), _bn(node["guaranteed_usd"]), _bn(node["sold_usd"]), f"{node['debt_rank']:.1%}"]
        for node in row["nodes"]
    ]  # fmt: skip
    print_table(("", "wave", "owes", "pays", "loses", "guarantees", "sells", "DebtRank"), cells)


def _print_all(rows: list[dict[str, Any]]) -> None:
    console().print("If one fails", style="bold")
    cells = [[row["shock"], _bn(row["lost_usd"]), "; ".join(map(", ".join, row["waves"])) or "-"] for row in rows]
    print_table(("", "bn USD lost", "who fails, wave after wave"), cells, fold="who fails, wave after wave")
