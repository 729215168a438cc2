"""``megawatt company``: how long a company lives, what it cuts first, what its value moves with."""

from __future__ import annotations

from typing import Any

import click

from megawatt.cli.options import Number, Whole, cluster_option
from megawatt.cli.output import console, emit_json
from megawatt.cli.tables import print_table

__all__ = ["company"]


@click.command(epilog="Example: megawatt company iren --months 24")
@click.argument("names", nargs=-1, metavar="KEY|FILE...")
@click.option("--months", type=Whole(1, 240), default=36, show_default=True, help="Months ahead.")
@click.option("--paths", type=Whole(1, 1_000_000), default=8192, show_default=True, help="Simulated paths.")
@click.option("--seed", type=Whole(0, 9_223_372_036_854_775_807), default=0, show_default=True, help="Their seed.")
@click.option("--workers", type=Whole(1, 256), default=1, show_default=True, help="Processes; the result is the same.")
@cluster_option
@click.option(
    "--btc-drift", type=Number(-2.0, 2.0), help="Growth of the bitcoin price a year; default: the catalogue's."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def company(
    names: tuple[str, ...],
    months: int,
    paths: int,
    seed: int,
    workers: int,
    cluster: str | None,
    btc_drift: float | None,
    as_json: bool,
) -> None:
    """Simulate companies: probability of distress, liquidity, wall of maturities, dilution, who cuts what first.

    KEY is one of the companies that come with the package; FILE is a TOML file of your own (docs/company.md). Without
    names, all that come with it.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.company import company_keys, company_row, load_company, markets_today, practice, simulate_company
    from megawatt.risk import asked_cluster

    catalogue = load_catalogue()
    markets, terms = markets_today(catalogue, btc_drift=btc_drift), practice(catalogue)
    found = [load_company(name, catalogue) for name in names or company_keys()]
    how = {"months": months, "paths": paths, "seed": seed, "workers": workers}
    with asked_cluster(cluster, workers) as there:
        rows = [
            company_row(simulate_company(one, markets, terms, cluster=there, **how), markets, terms) for one in found
        ]
    if as_json:
        emit_json("company", rows)
        return
    if len(rows) > 1:
        _print_all(rows)
        return
    _print_one(rows[0])


def _bn(value: float) -> str:
    return f"{value / 1e9:,.2f}"


def _print_all(rows: list[dict[str, Any]]) -> None:
    cells = [
        [
            row["title"],
            row["date"],
            f"{row['distress_12_months']:.1%}",
            f"{row['distress']['value']:.1%}",
            f"{row['site_delayed']:.0%}",
            f"{row['issued_frac']:.0%}",
            str(row["runway_months_markets_shut"] or "-"),
            f"{row['value']['bitcoin_share_before']:.0%}",
            f"{row['value']['bitcoin_share_after']:.0%}",
            _bn(row["value"]["equity_usd"]),
            _bn(row["value"]["market_usd"]),
        ]
        for row in rows
    ]
    end = f"{rows[0]['months']} months"
    columns = (
        "", "position", "distress in 12", end, "site waits", "new shares", "runway", "bitcoin now", "all let",
        "equity bn", "market bn",
    )  # fmt: skip
    print_table(columns, cells)


def _print_one(row: dict[str, Any]) -> None:
    to = console()
    low, high = (f"{end:.1%}" for end in row["distress"]["interval"])
    to.print(f"{row['title']}, position of {row['date']}, {row['months']} months, {row['paths']:,} paths", style="bold")
    to.print(f"distress {row['distress']['value']:.1%} ({low} to {high}), in 12 months {row['distress_12_months']:.1%}")
    to.print(f"missed payment {row['default']:.1%}, machines left to lenders {row['surrender']:.1%}")
    to.print(f"covenant of liquidity broken {row['covenant_breach']:.1%}, a site waits {row['site_delayed']:.1%}")
    to.print(
        f"loss given default {_bn(row['loss_given_default_usd'])} bn USD; new shares {row['issued_frac']:.0%} of old"
    )
    runway = row["runway_months_markets_shut"]
    to.print(f"runway if nobody lends or buys shares: {f'{runway} months' if runway else 'beyond ten years'}")
    cuts = [
        [name, f"{cut['probability']:.0%}", "-" if cut["median_month"] is None else f"{cut['median_month']:.0f}"]
        for name, cut in row["cuts"].items()
    ]
    print_table(("gives up", "on paths", "median month"), cuts)
    wall = [
        [
            debt["due"],
            debt["name"],
            debt["kind"],
            _bn(debt["principal_usd"]),
            _bn(debt["undrawn_usd"]),
            f"{debt['rate']:.2%}",
        ]
        for debt in row["maturities"]
    ]
    print_table(("due", "debt", "secured by", "bn USD", "undrawn", "rate"), wall, left=("debt", "secured by"))
    value = row["value"]
    to.print(
        f"value: bitcoin {_bn(value['bitcoin_usd'])}, leases built {_bn(value['leases_built_usd'])}, all let "
        f"{_bn(value['leases_let_usd'])}, cash and other {_bn(value['cash_and_other_usd'])}, "
        f"debt {_bn(value['debt_usd'])}"
    )
    to.print(
        f"bitcoin's share of what moves: {value['bitcoin_share_before']:.0%} now, {value['bitcoin_share_after']:.0%} "
        f"when all is built; equity {_bn(value['equity_usd'])} bn USD, the market says {_bn(value['market_usd'])}"
    )
    cells = [
        [
            f"{point['month']}",
            *(_bn(point[f"liquidity_{p}_usd"]) for p in ("p5", "p50", "p95")),
            f"{point['distress']:.1%}",
        ]
        for point in row["by_month"]
    ]
    print_table(("month", "liquidity 5 %", "median", "95 %", "distress so far"), cells)
