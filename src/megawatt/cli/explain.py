"""``megawatt explain``: where a figure comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from megawatt.cli.options import SETTING, Whole
from megawatt.cli.output import console, emit_json
from megawatt.cli.tables import print_table

if TYPE_CHECKING:
    from megawatt.results.explanation import Explanation

__all__ = ["explain"]


@click.command(epilog="Example: megawatt explain runs/childress-bitcoin value_usd_per_grid_mw_year")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("number", type=SETTING, required=False)
@click.option("--use", type=SETTING, default="", metavar="NAME", help="Use of a run that has several (the first).")
@click.option("--top", type=Whole(1, 1000), default=8, show_default=True, help="Inputs and ranges that are listed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md) with all of them.")
def explain(run: Path, number: str | None, use: str, top: int, as_json: bool) -> None:
    """The tree of a figure: how it is worked out, from what, who says so, and what moves it most.

    RUN is a run folder or its name below runs, or a file with the JSON of a command (`megawatt hall ... --json >
    hall.json`). NUMBER is a figure's name, or USE.NAME; a dotted path in JSON. Without it, all figures that can be
    explained.
    """
    from megawatt.results.explanation import explain_path, figures_in

    if number is None:
        rows = figures_in(run)
        if as_json:
            emit_json("explain", rows)
            return
        cells = [(row["number"], row["told"]) for row in rows]
        print_table(("number", "value"), cells, left=("value",))
        return
    found = explain_path(run, number, use)
    if as_json:
        emit_json("explain", [found.as_dict()])
        return
    _print(found, top)


def _print(found: Explanation, top: int) -> None:
    from rich.padding import Padding

    from megawatt.words import amount, span

    to = console()
    to.print(f"{found.name} of {found.use}: {amount(found.value, found.unit)}", style="bold")
    for text in dict.fromkeys((found.words, found.formula)):
        if text:
            to.print(f"{text[:1].upper()}{text[1:].rstrip('.')}.")
    if found.driver:
        to.print(found.driver)
    for indent, text in found.tree():
        to.print(Padding(text, (0, 0, 0, indent)))
    if found.movers:
        rows = [
            (m.name, span(m.low, m.high, m.base, m.unit), amount(m.at_low), amount(m.at_high))
            for m in found.movers[:top]
        ]
        to.print(f"\nMoves {found.moved or 'it'} most", style="bold")
        print_table(("input", "from, to", "there", "and there"), rows, fold="input")
    if found.inputs:
        listed = [
            (i.name, amount(i.value, i.unit), span(i.low, i.high, i.value, i.unit), i.kind, i.source)
            for i in found.inputs[:top]
        ]  # fmt: skip
        to.print("\nRests on", style="bold")
        print_table(("input", "value", "range", "kind", "source"), listed, left=("kind", "source"), fold="input")
        if left := found.inputs[top:]:
            to.print(f"and {len(left):,} more (--top {len(found.inputs)}, --json)")
