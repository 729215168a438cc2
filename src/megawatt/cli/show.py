"""``megawatt show`` and ``megawatt check``: what a key or a file is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from megawatt.cli.options import SETTING, Whole
from megawatt.cli.output import console, emit_json, problem_dicts, say, tell
from megawatt.cli.tables import print_below, print_table

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue
    from megawatt.inspection import Description, Line

__all__ = ["check", "show"]

_LONG = 20
"""Characters of a word from which on it is not broken in a table but stands below it."""


@click.command(epilog="Example: megawatt show llama-3.1-405b --seq 8192")
@click.argument("thing")
@click.option("--seq", "seq_len", type=Whole(1), default=4096, show_default=True, help="Tokens of a sequence (models).")
@click.option("--sources", is_flag=True, help="Below each number: who says so, when, and the note.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def show(thing: str, seq_len: int, sources: bool, as_json: bool) -> int:
    """Say what THING is and what was understood of it: a key of the catalogue, or a file or folder of any kind.

    Kinds of files: scenarios, machines, run folders, models (config.json), weather, prices, dispatch cases, kernels,
    published answers. A file that is wrong is shown with its problems, and the exit code is that of `check`.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.inspection import describe

    catalogue = load_catalogue()
    found = describe(thing, catalogue, seq_len=seq_len)
    if as_json:
        emit_json(
            "show", [found.as_dict(catalogue.sources)], problem_dicts(found.problems, found.name), found.exit_code
        )
        return found.exit_code
    _print(found, catalogue, sources)
    _warn(found)
    for problem in found.problems:
        tell(f"  {problem}")
    return found.exit_code


@click.command(epilog="Example: megawatt check examples/childress-gb300.toml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--set", "settings", type=SETTING, multiple=True, metavar="PATH=VALUE",
              help="Replace a value of a scenario, e.g. site.grid_mw=320.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def check(file: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Report every problem of FILE at once: where it is, what was found, what is allowed, the nearest key.

    FILE is of any kind that `show` knows.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.inspection import check as checked

    found = checked(file, load_catalogue(), settings)
    if as_json:
        emit_json("check", [{"file": str(file), "kind": found.kind, "title": found.title}])
    else:
        console().print(f"{file}: valid ({found.kind}: {found.title})")
        _warn(found)


def _warn(found: Description) -> None:
    for text in found.warnings:
        say(f"  warning: {text}", err=True)


def _print(found: Description, catalogue: Catalogue, sources: bool) -> None:
    to = console()
    to.print(f"{found.name}: {found.title} ({found.kind})", style="bold")
    for section in found.sections:
        to.print(f"\n{section.title}" if section.title else "", style="bold")
        if sources:
            _print_argued(section.lines)
        else:
            cells = [line.cells for line in section.lines if not _is_whole(line)]
            print_table(("name", "value", "range", "kind"), cells, left=("value", "kind"), fold="range", head=False)
            for line in filter(_is_whole, section.lines):
                to.print(f"{line.name}: {line.value}", soft_wrap="://" in str(line.value))
    if found.assumed:
        to.print("\nassumed", style="bold")
    for text in found.assumed:
        to.print(text)
    if sources:
        _print_sources(found, catalogue)


def _is_whole(line: Line) -> bool:
    """Whether it is one long word: an address stays on one line of any length, others are broken at the edge alone."""
    return isinstance(line.value, str) and len(line.value) > _LONG and " " not in line.value


def _print_argued(lines: Iterable[Line]) -> None:
    """Each line with who says so, when, and the note."""
    for line in lines:
        said = ", ".join(filter(None, (line.source, line.date)))
        name, *told = line.cells
        print_below(name, ", ".join(filter(None, told)), f"{said}: {line.note}" if line.note and said else said)


def _print_sources(found: Description, catalogue: Catalogue) -> None:
    """The sources that were named, with where they are to be read."""
    keys = dict.fromkeys(line.source for section in found.sections for line in section.lines)
    known = [source for key in keys if (source := catalogue.sources.get(key)) is not None]
    to = console()
    if known:
        to.print("\nsources", style="bold")
    for source in known:
        to.print(f"{source.key}: {', '.join(filter(None, (source.title, source.publisher, source.date)))}")
        to.print(f"  {source.url}", soft_wrap=True)
