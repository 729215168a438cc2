"""``megawatt cases``: published claims, computed again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from megawatt.cli.options import SETTING, force_option
from megawatt.cli.output import console, emit_json, note, say
from megawatt.cli.tables import print_table

if TYPE_CHECKING:
    from megawatt.cases import CaseResult

__all__ = ["cases"]

_ALL = "all"
"""In place of a key: every case."""


@click.group(epilog="Example: megawatt cases run trn3-claim --report trn3-claim.html")
def cases() -> None:
    """Published claims, computed again: what holds, under what, and what would change it (docs/cases.md)."""


@cases.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cases.md).")
def list_(as_json: bool) -> None:
    """Cases at hand."""
    from megawatt.cases import case_keys, read_case

    found = [read_case(key) for key in case_keys()]
    if as_json:
        emit_json(
            "cases", [{"case": c.key, "number": c.number, "title": c.title, "claims": len(c.claims)} for c in found]
        )
        return
    rows = [(str(c.number or "-"), c.key, c.title) for c in found]
    print_table(("", "case", "question"), rows, fold="question", left=("case", "question"))


@cases.command()
@click.argument("key")
def show(key: str) -> None:
    """What the case KEY claims, asks of the rooms and makes of the answers; nothing is computed."""
    from megawatt.cases import claimed, formulas_of, questions_of, read_case

    case = read_case(key)
    to = console()
    to.print(f"{case.title}\n", style="bold")
    to.print(case.about)
    claims = [(c.key, c.text, f"{c.measure}, {claimed(c)}", c.by) for c in case.claims]
    print_table(
        ("claim", "what was said", "checked as", "by"), claims, fold="what was said", left=("what was said", "by")
    )
    inputs = [(i.name, f"{i.value:g}", f"{i.low:g}", f"{i.high:g}", i.unit, i.source) for i in case.inputs]
    print_table(("input", "value", "from", "to", "unit", "source"), inputs, fold="source", left=("unit", "source"))
    if asked := questions_of(case):
        print_table(
            ("asked", "room", "arguments"), [(name, *told) for name, told in asked.items()], fold="arguments",
            left=("room", "arguments"),
        )  # fmt: skip
    if formulas := formulas_of(case):
        print_table(("figure", "formula"), list(formulas.items()), fold="formula", left=("formula",))
    for unknown in case.unknown:
        to.print(f"Nobody has published {unknown.name}: {unknown.note}.")
    for event in case.since:
        to.print(f"{event.date}: {event.text} ({event.source})")


@cases.command()
@click.argument("key")
@click.option("--set", "said", multiple=True, type=SETTING, metavar="NAME=VALUE", help="An input at another value.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="HTML file: the page.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cases.md).")
def run(key: str, said: tuple[str, ...], report: Path | None, force: bool, as_json: bool) -> None:
    """Compute the case KEY (a key, a folder with a case.toml, or all) and judge its claims."""
    from megawatt.cases import (
        Answers,
        case_dict,
        case_keys,
        read_case,
        render_case,
        render_cases,
        run_case,
        with_inputs,
    )
    from megawatt.catalogue import load_catalogue
    from megawatt.writing import check_text, write_text

    if key == _ALL and said:
        raise click.UsageError("--set: inputs belong to one case; name it in place of all.")
    if report:
        check_text(report, force=force)
    catalogue, answers = load_catalogue(), Answers()
    results = []
    for one in case_keys() if key == _ALL else [key]:
        if key == _ALL:
            note(one)
        results.append(run_case(with_inputs(read_case(one), said), catalogue, answers))
    if report:
        page = render_cases(results) if key == _ALL else render_case(results[0])
        write_text(report, page, force=force)
    if as_json:
        emit_json("cases", [case_dict(result) for result in results])
        return
    if key == _ALL:
        _print_all(results)
    else:
        _print_one(results[0])
    if report:
        say(f"Page: {report}")


def _print_all(results: list[CaseResult]) -> None:
    from megawatt.cases import counts_text

    rows = [(str(r.case.number or "-"), r.case.key, r.case.title, counts_text(r)) for r in results]
    print_table(("", "case", "question", "verdicts"), rows, fold="question", left=("case", "question", "verdicts"))


def _print_one(result: CaseResult) -> None:
    from megawatt.cases import rests_on

    to = console()
    to.print(f"{result.case.title}\n", style="bold")
    for sentence in result.story or result.answer:
        to.print(f"{sentence}\n")
    rows = [(v.claim.text, v.verdict, v.because, v.would_change) for v in result.verdicts]
    words = ("claim", "because", "what would change it")
    print_table(("claim", "verdict", *words[1:]), rows, fold="because", left=("verdict", *words[1:]))
    for table in result.tables:
        to.print(f"\n{table.title}\n")
        print_table(table.columns, table.rows, fold=table.columns[0])
    for text in (*rests_on(result), *result.notes):
        to.print(f"\n{text}")
