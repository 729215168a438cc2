"""What a credit committee reads, on a terminal: the verdict, and the tables of the printed page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from megawatt.cli.output import console
from megawatt.cli.tables import print_table

if TYPE_CHECKING:
    from megawatt.chain import Comparison

__all__ = ["print_credit"]


def print_credit(comparison: Comparison) -> None:
    """The paper of each use that carries debt."""
    from megawatt.report import credit_tables

    to = console()
    for use in comparison.uses:
        if use.credit is None:
            continue
        to.print(f"\nCredit, {use.name}", style="bold")
        for line in use.credit.verdict:
            to.print(f"- {line}")
        for table in credit_tables(use.credit).values():
            to.print()
            print_table(table.columns, table.rows, left=("Input",))
