"""The command group: starts at once (heavy imports live in the commands), one place for errors and exit codes."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import sys
from typing import Any, Final, TextIO

import click

from megawatt import __version__
from megawatt.cli.output import emit_error, tell
from megawatt.errors import MachineError, MegawattError, Problem, ScenarioError
from megawatt.stopping import stoppable

__all__ = ["cli", "main"]

_COMMANDS: Final = {
    "plan": ("plan", "Run the whole chain on a site: chip, hall, grid, cash, risk."),
    "show": ("show", "What a key or a file is, and what was understood of it."),
    "check": ("show", "Report every problem of a file at once."),
    "init": ("scenarios", "Write a commented starter scenario."),
    "schema": ("scenarios", "Print the JSON Schema of scenario files."),
    "hall": ("hall", "Power, cooling and water of a hall at any place, hour by hour."),
    "app": ("app", "A live page: move a scenario's inputs, see its figures at once."),
    "train": ("train", "How long is a training step, under which parallel layout, and why."),
    "serve": ("serve", "How many tokens a second a machine serves, how soon, at what cost."),
    "convert": ("convert", "Convert mining halls to AI: now, later, partly, never, as an option."),
    "mix": ("mixed", "Several uses behind one connection, hour by hour, to cash and debt."),
    "best": ("mixed", "The best mix of uses of a connection: what binds, what it risks, what flips it."),
    "sweep": ("sweep", "Value a scenario at every point of a grid or a sample of its inputs."),
    "runs": ("sweep", "What was run, and questions in SQL over it."),
    "explain": ("explain", "Where a figure of a run comes from, and what moves it most."),
    "compare": ("compare", "A model on several machines, at equal chips, power, cost or time."),
    "catalogue": ("catalogue", "Look up what is known, and who says so."),
    "dispatch": ("dispatch", "What the megawatts do in every hour of a year."),
    "risk": ("risk", "What breaks the debt, when, why, how likely; its factors from history."),
    "company": ("company", "How long a company lives, what it cuts first, what its value moves with."),
    "contagion": ("contagion", "Who falls with whom, and how much of the money goes in a circle."),
    "cases": ("cases", "Published claims, computed again: what holds, and what would change it."),
    "validate": ("validate", "Compare the package with published answers."),
    "completion": ("completion", "Print what makes bash, zsh or fish complete commands."),
    "calibrate": ("calibrate", "Fit a chip's kernels on measurements, or measure this machine."),
}

_MACHINE: Final = {
    number
    for name in ("ENOSPC", "EDQUOT", "EROFS", "EFBIG", "EIO", "EACCES", "EPERM", "EMFILE", "ENFILE", "ENOMEM", "EPIPE")
    if (number := getattr(errno, name, None))
}
"""Numbers of system errors that are the machine's doing, not the input's and not ours."""


class _LazyGroup(click.Group):
    """Imports a command's module when the command runs, not when its help line is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"megawatt.cli.{_COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        import difflib

        if args and args[0] not in _COMMANDS:
            near = difflib.get_close_matches(args[0], _COMMANDS, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"no command {args[0]!r}; commands: {', '.join(_COMMANDS)}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: megawatt plan examples/childress-compare.toml",
)
@click.version_option(__version__, "-V", "--version", prog_name="megawatt")
@click.pass_context
def cli(context: click.Context) -> None:
    """What is a megawatt worth, put to its best use, and does its owner survive if demand for AI compute slows?

    Exit codes: 0 done, 1 our bug, 2 usage or scenario, 3 infeasible, 4 solver gave up, 5 missing optional dependency,
    6 not supported yet, 7 the machine (cannot be written, a process killed, no memory), 130 interrupted,
    143 terminated.
    """
    if context.invoked_subcommand is None:
        click.echo(_FIRST)


_FIRST: Final = """What is a megawatt worth, put to its best use, and does its owner survive a slump? First:

  megawatt init my-site.toml && megawatt plan my-site.toml     a site from chip to cash
  megawatt train llama-3.1-8b --system hgx-h100 --chips 8      how long a training step is, and why
  megawatt hall dublin --design liquid-dry-cooler              what a hall draws and drinks at a place

megawatt --help lists every command; each has --help with an example."""


def _run(arguments: list[str], command: str, as_json: bool) -> int:
    """Exit code of a command whose errors are told to the user; errors of the machine go on to `main`."""
    try:
        if any("\0" in word for word in arguments):
            raise click.UsageError("a NUL character in an argument")
        result: Any = cli.main(arguments, prog_name="megawatt", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except MegawattError as error:
        emit_error(command, error, as_json)
        code = error.exit_code
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        if as_json:
            emit_error(command, ScenarioError(error.format_message()), as_json)
        else:
            said = io.StringIO()
            error.show(said)
            tell(said.getvalue().rstrip())
        code = 2
    sys.stdout.flush()
    return code


def _machine_failed(error: Exception, command: str) -> int:
    """Exit code where memory ran out or a disk, a device or a pipe refused; other errors are raised again.

    A reader that has read enough (``| head``) is no failure.
    """
    at_stdout = _gives_way(sys.stdout)
    if isinstance(error, BrokenPipeError) and at_stdout:
        return 0
    if isinstance(error, MemoryError):
        found = f"out of memory ({error})" if str(error) else "out of memory"
        told = MachineError(found, [Problem("", found, "memory for the whole question", "ask for less at a time")])
    elif isinstance(error, OSError) and error.errno in _MACHINE:
        place = str(error.filename or "standard output")
        problem = Problem(place, str(error.strerror), "a place that can be written", "free it, or write elsewhere")
        told = MachineError(f"{place}: not written", [problem])
    else:
        raise error
    emit_error(command, told, as_json=False)
    return told.exit_code


def _gives_way(stream: TextIO) -> bool:
    """Whether what waits in a stream cannot be written; it then leads nowhere, so that Python's end is silent."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return True
    return False


def _streams() -> None:
    """Make the standard streams safe to write: no closed ones, no character that stops them."""
    closed = [number for number in (0, 1, 2) if not _is_open(number)]
    for _ in closed:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: files of ours never become a standard stream
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if 1 in closed:
        message = "standard output is closed"
        hint = "> /dev/null discards what is printed"
        raise MachineError(message, [Problem("standard output", "closed", "a terminal, a file or a pipe", hint)])


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _code(words: list[str]) -> int:
    command = next((w for w in words if not w.startswith("-")), "")
    try:
        _streams()
        return _run(words, command, "--json" in words)
    except MachineError as error:
        emit_error(command, error, as_json=False)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; nothing was left half-written", err=True)
        return 130
    except (MemoryError, OSError) as error:
        return _machine_failed(error, command)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the ``megawatt`` command; exits with a code of the contract."""
    with stoppable():
        try:
            code = _code(sys.argv[1:] if arguments is None else arguments)
        except Exception:
            import traceback

            with contextlib.suppress(OSError):
                traceback.print_exc()
                click.echo(
                    "megawatt: this is a bug of megawatt, not of your input; please report it with the lines above",
                    err=True,
                )
            code = 1
        if sys.stderr is not None:
            _gives_way(sys.stderr)
    sys.exit(code)
