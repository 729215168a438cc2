"""What the commands print: one JSON shape, and problems as sentences.

``--json`` prints one object on stdout: ``megawatt`` (version), ``command``, ``exit_code``, ``results`` (a list whose
items depend on the command, documented in docs/cli.md) and ``problems`` (each with ``file``, ``path``, ``found``,
``allowed``, ``hint``, ``message``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from megawatt import __version__
from megawatt.errors import MegawattError, Problem, ScenarioError
from megawatt.files import strict

__all__ = ["emit_error", "emit_json", "note"]


def emit_json(
    command: str, results: Sequence[Any], problems: Sequence[dict[str, str]] = (), exit_code: int = 0
) -> None:
    """Print the one JSON object of a command on stdout."""
    shape = {"megawatt": __version__, "command": command, "exit_code": exit_code}
    content = strict(shape | {"results": list(results), "problems": list(problems)})
    click.echo(json.dumps(content, allow_nan=False, indent=1))


def note(text: str) -> None:
    """A line for people on stderr, only on a terminal."""
    if sys.stderr.isatty():
        click.echo(text, err=True)


def _as_dict(problem: Problem, file: str) -> dict[str, str]:
    fields = {
        "file": file,
        "path": problem.path,
        "found": problem.found,
        "allowed": problem.allowed,
        "hint": problem.hint,
    }
    return fields | {"message": str(problem)}


def problems_of(error: MegawattError) -> list[dict[str, str]]:
    """The problems of an error as plain dicts; an error without parts is one problem."""
    if isinstance(error, ScenarioError) and error.problems:
        return [_as_dict(p, error.file) for p in error.problems]
    empty = {"file": "", "path": "", "found": "", "allowed": "", "hint": ""}
    return [empty | {"message": str(error)}]


def emit_error(command: str, error: MegawattError, as_json: bool) -> None:
    """Tell the user what is wrong: JSON on stdout with ``--json``, sentences on stderr otherwise."""
    if as_json:
        emit_json(command, [], problems_of(error), error.exit_code)
        return
    click.echo(f"megawatt {command}: {error}", err=True)
    for problem in problems_of(error):
        if problem["message"] != str(error):
            click.echo(f"  {problem['message']}", err=True)
