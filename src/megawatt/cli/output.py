"""What the commands print: one JSON shape, and problems as sentences.

``--json`` prints one object on stdout: ``megawatt`` (version), ``command``, ``exit_code``, ``results`` (a list whose
items depend on the command, documented in docs/cli.md) and ``problems`` (each with ``file``, ``path``, ``found``,
``allowed``, ``hint``, ``message``).
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from megawatt import __version__
from megawatt.errors import MegawattError, Problem, folded
from megawatt.files import strict

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "emit_error", "emit_json", "note", "problem_dicts", "problems_of", "safe", "say", "tell"]


def emit_json(
    command: str, results: Sequence[Any], problems: Sequence[dict[str, str]] = (), exit_code: int = 0
) -> None:
    """Print the one JSON object of a command on stdout."""
    shape = {"megawatt": __version__, "command": command, "exit_code": exit_code}
    content = strict(shape | {"results": list(results), "problems": list(problems)})
    click.echo(json.dumps(content, allow_nan=False, indent=1))


def safe(text: str) -> str:
    """Text from outside without what moves a terminal's cursor or turns its text around: such characters escaped."""
    if text.isprintable():
        return text
    hidden = {c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs")}
    return text.translate({ord(c): c.encode("unicode_escape", "surrogatepass").decode() for c in hidden})


def console(width: int | None = None) -> Console:
    """Where tables and sentences are printed: what users call things is text there, never markup or control."""
    from rich.console import Console
    from rich.text import Text

    class Plain(Console):
        def render_str(self, text: str, **how: Any) -> Text:
            return super().render_str(safe(text), **how)

        def on_broken_pipe(self) -> None:
            # rich would end with 1; a reader that has read enough is no failure.
            with contextlib.suppress(SystemExit):
                super().on_broken_pipe()
            raise SystemExit(0)

    return Plain(highlight=False, markup=False, emoji=False, width=width)


def say(text: str, *, err: bool = False) -> None:
    """A line of text, made `safe`."""
    click.echo(safe(text), err=err)


def note(text: str) -> None:
    """A line for people on stderr, only on a terminal."""
    if sys.stderr.isatty():
        say(text, err=True)


def _as_dict(problem: Problem, file: str) -> dict[str, str]:
    fields = {
        "file": file,
        "path": problem.path,
        "found": problem.found,
        "allowed": problem.allowed,
        "hint": problem.hint,
    }
    return fields | {"message": str(problem)}


def problem_dicts(problems: Iterable[Problem], file: str) -> list[dict[str, str]]:
    """Problems of a file as plain dicts."""
    return [_as_dict(problem, file) for problem in problems]


def problems_of(error: MegawattError) -> list[dict[str, str]]:
    """The problems of an error as plain dicts; an error without parts is one problem."""
    if error.problems:
        return problem_dicts(error.problems, error.file)
    empty = {"file": "", "path": "", "found": "", "allowed": "", "hint": ""}
    return [empty | {"message": str(error)}]


def emit_error(command: str, error: MegawattError, as_json: bool) -> None:
    """Tell the user what is wrong: JSON on stdout with ``--json``, sentences on stderr otherwise."""
    if as_json:
        emit_json(command, [], problems_of(error), error.exit_code)
        return
    lines = [f"megawatt {command}: {line}" if not number else f"  {line}" for number, line in enumerate(error.lines())]
    tell("\n".join(lines))


def tell(text: str) -> None:
    """Sentences on stderr, folded at words to the width of a terminal (or to COLUMNS); as they are elsewhere."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal():
        text = folded(text, int(asked))
    elif sys.stderr is not None and sys.stderr.isatty():
        text = folded(text, os.get_terminal_size(sys.stderr.fileno()).columns)
    with contextlib.suppress(OSError):  # nowhere to tell it: the exit code says so
        say(text, err=True)
