"""``megawatt cases``: published claims, computed again."""

from __future__ import annotations

from pathlib import Path

import click

from megawatt.cli.options import SETTING, force_option
from megawatt.cli.output import console, emit_json, say
from megawatt.cli.tables import print_table

__all__ = ["cases"]


@click.group(epilog="Example: megawatt cases run trn3-claim --report trn3-claim.html")
def cases() -> None:
    """Published claims, computed again: what holds, under what, and what would change it (docs/cases.md)."""


@cases.command(name="list")
def list_() -> None:
    """Cases at hand."""
    from megawatt.cases import case_keys, read_case

    rows = [(key, read_case(key).title) for key in case_keys()]
    print_table(("case", "question"), rows, fold="question", left=("question",))


@cases.command()
@click.argument("key")
@click.option("--set", "said", multiple=True, type=SETTING, metavar="NAME=VALUE", help="An input at another value.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="HTML file: the case's page.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cases.md).")
def run(key: str, said: tuple[str, ...], report: Path | None, force: bool, as_json: bool) -> None:
    """Compute the case KEY (a key, or a folder with a case.toml) and judge its claims."""
    from megawatt.cases import case_dict, read_case, render_case, run_case, with_inputs
    from megawatt.catalogue import load_catalogue
    from megawatt.writing import check_text, write_text

    if report:
        check_text(report, force=force)
    result = run_case(with_inputs(read_case(key), said), load_catalogue())
    if report:
        write_text(report, render_case(result), force=force)
    if as_json:
        emit_json("cases", [case_dict(result)])
        return
    to = console()
    to.print(f"{result.case.title}\n", style="bold")
    for sentence in result.answer:
        to.print(f"{sentence}\n")
    rows = [(v.claim.key, v.verdict, v.because) for v in result.verdicts]
    print_table(("claim", "verdict", "because"), rows, fold="because", left=("verdict", "because"))
    for table in result.tables:
        to.print(f"\n{table.title}\n")
        print_table(table.columns, table.rows, fold=table.columns[0])
    for text in result.notes:
        to.print(f"\n{text}")
    if report:
        say(f"Page: {report}")
