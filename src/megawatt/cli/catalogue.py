"""``megawatt catalogue``: what is known, and who says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from megawatt.cli.output import console, emit_json

__all__ = ["catalogue"]


@click.group(epilog="Example: megawatt catalogue show trn3")
def catalogue() -> None:
    """Look up chips, systems, models, miners, places, grids, deals and companies, each number with its source."""


def _print(rows: Sequence[Mapping[str, Any]], as_json: bool, command: str) -> None:
    if as_json:
        emit_json(command, rows)
        return
    from rich.table import Table

    table = Table(show_header=True, header_style="bold", pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*("" if v is None else f"{v:g}" if isinstance(v, float) else str(v) for v in row.values()))
    console().print(table)


@catalogue.command("list", epilog="Example: megawatt catalogue list accelerator")
@click.argument("family", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def list_(family: str | None, as_json: bool) -> None:
    """List the families, or the entries of FAMILY."""
    from megawatt.catalogue import load_catalogue
    from megawatt.catalogue.describe import entry_rows, family_rows

    rows = entry_rows(load_catalogue(), family) if family else family_rows(load_catalogue())
    _print(rows, as_json, "catalogue list")


@catalogue.command(epilog="Example: megawatt catalogue show gb300-nvl72")
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def show(key: str, as_json: bool) -> None:
    """Show every fact of KEY: value, unit, range, kind, source, date, note."""
    from megawatt.catalogue import load_catalogue
    from megawatt.catalogue.describe import fact_rows

    _print(fact_rows(load_catalogue(), key), as_json, "catalogue show")


@catalogue.command(epilog="Example: megawatt catalogue sources --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def sources(as_json: bool) -> None:
    """List every source that a fact cites."""
    from megawatt.catalogue import load_catalogue
    from megawatt.catalogue.describe import source_rows

    _print(source_rows(load_catalogue()), as_json, "catalogue sources")
