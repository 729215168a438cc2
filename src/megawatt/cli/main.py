"""The command group: starts at once (heavy imports live in the commands), one place for errors and exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final

import click

from megawatt import __version__
from megawatt.cli.output import emit_error, emit_json
from megawatt.errors import MegawattError

__all__ = ["cli", "main"]

_COMMANDS: Final = {
    "plan": ("plan", "Run the whole chain on a site: chip, hall, grid, cash, risk."),
    "check": ("scenarios", "Report every problem of a scenario file."),
    "init": ("scenarios", "Write a commented starter scenario."),
    "schema": ("scenarios", "Print the JSON Schema of scenario files."),
    "hall": ("hall", "Power, cooling and water of a hall at any place, hour by hour."),
    "train": ("train", "How long is a training step, under which parallel layout, and why."),
    "convert": ("convert", "Convert mining halls to AI: now, later, partly, never, as an option."),
    "compare": ("compare", "A model on several machines, at equal chips, power or cost."),
    "catalogue": ("catalogue", "Look up what is known, and who says so."),
    "dispatch": ("dispatch", "What the megawatts do in every hour of a year."),
    "validate": ("validate", "Compare the package with published answers."),
    "calibrate": ("calibrate", "Fit a chip's kernels on measurements, or measure this machine."),
}


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
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: megawatt plan examples/childress-compare.toml",
)
@click.version_option(__version__, "-V", "--version", prog_name="megawatt")
def cli() -> None:
    """What is a megawatt worth, put to its best use, and does its owner survive if demand for AI compute slows?

    Exit codes: 0 done, 1 our bug, 2 usage or scenario, 3 infeasible, 4 solver gave up, 5 missing optional dependency,
    6 not supported yet, 130 interrupted.
    """


def _run(arguments: list[str], command: str, as_json: bool) -> int:
    try:
        if any("\0" in word for word in arguments):
            raise click.UsageError("a NUL character in an argument")
        result: Any = cli.main(arguments, prog_name="megawatt", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except MegawattError as error:
        emit_error(command, error, as_json)
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        if as_json:
            blank = {"file": "", "path": "", "found": "", "allowed": "", "hint": ""}
            emit_json(command, [], [blank | {"message": error.format_message()}], 2)
        else:
            error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; nothing was written", err=True)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the ``megawatt`` command; exits with a code of the contract."""
    words = sys.argv[1:] if arguments is None else arguments
    command = next((w for w in words if not w.startswith("-")), "")
    try:
        code = _run(words, command, "--json" in words)
    except Exception:
        import traceback

        traceback.print_exc()
        click.echo(
            "megawatt: this is a bug of megawatt, not of your input; please report it with the lines above", err=True
        )
        code = 1
    sys.exit(code)
