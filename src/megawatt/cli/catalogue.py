"""``megawatt catalogue``: what is known, and who says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from megawatt.cli.output import emit_json
from megawatt.cli.show import show
from megawatt.cli.tables import print_table

__all__ = ["catalogue"]


@click.group(epilog="Example: megawatt catalogue list systems")
def catalogue() -> None:
    """Look up chips, systems, models, miners, places, grids, deals and companies, each number with its source."""


def _print(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], as_json: bool, command: str) -> None:
    """All of the rows as JSON, or some columns of them as a table."""
    if as_json:
        emit_json(command, rows)
        return
    cells = [[str(row[name]) for name in columns] for row in rows]
    print_table(columns, cells, left=("aliases",), fold="title")


@catalogue.command("list", epilog="Example: megawatt catalogue list models")
@click.argument("family", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def list_(family: str | None, as_json: bool) -> None:
    """List the families, or the entries of FAMILY (a plural will do)."""
    from megawatt.catalogue import load_catalogue
    from megawatt.catalogue.describe import entry_rows, family_rows

    rows = entry_rows(load_catalogue(), family) if family else family_rows(load_catalogue())
    columns = ("key", "facts", "title") if family else ("family", "entries", "facts", "assumed")
    _print(rows, columns, as_json, "catalogue list")


@catalogue.command(epilog="Example: megawatt catalogue sources --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with publishers, addresses, licences.")
def sources(as_json: bool) -> None:
    """List every source that a fact cites; `megawatt show KEY` says where it is and what rests on it."""
    from megawatt.catalogue import load_catalogue
    from megawatt.catalogue.describe import source_rows

    _print(source_rows(load_catalogue()), ("key", "facts", "title"), as_json, "catalogue sources")


catalogue.add_command(show)
