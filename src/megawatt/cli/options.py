"""Options and values that commands share: one place for what a number or a list on the command line may be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from megawatt.run_options import MOST_RANK, RUN_OPTIONS, SETTINGS

__all__ = [
    "DAY",
    "KEY",
    "SETTING",
    "WORDS",
    "Number",
    "Whole",
    "cluster_option",
    "force_option",
    "kernels_option",
    "run_options",
    "whole_run_options",
]

_MOST: Final = 1e15
"""No quantity of a site, a machine or a price is larger in the unit that its option takes."""
_DIGITS: Final = 40
"""Longest text of a number in an option."""
_SHOWN: Final = 80
"""Characters of a refused option that its message repeats."""

force_option: Final = click.option(
    "--force", is_flag=True, help="Replace a file that megawatt did not write, or that was changed since."
)

cluster_option: Final = click.option(
    "--cluster",
    metavar="local|tcp://HOST:PORT",
    help="A Dask cluster: one of --workers processes started here, or a scheduler that runs (extra: cluster); "
    "the result is the same.",
)

kernels_option: Final = click.option(
    "--kernels",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Measured kernels in place of the catalogue's: what `calibrate kernels` wrote.",
)


def _plain(kind: click.ParamType[Any], value: Any, param: click.Parameter | None, ctx: click.Context | None) -> None:
    """Refuse text that is no plain number: too long, no ASCII, with underscores."""
    if isinstance(value, str) and (len(value) > _DIGITS or not value.isascii() or "_" in value):
        kind.fail(f"{value[:_SHOWN]!r} is not a plain number of at most {_DIGITS} characters.", param, ctx)


class Number(click.FloatRange):
    """A finite number within limits; a limit that is not given is 1e15 away from zero."""

    def __init__(self, low: float = -_MOST, high: float = _MOST, *, above: bool = False) -> None:
        super().__init__(low, high, min_open=above)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; NaN and infinity are none."""
        _plain(self, value, param, ctx)
        number = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return float(super().convert(number, param, ctx))


class Whole(click.IntRange):
    """A whole number within limits."""

    def __init__(self, low: int, high: int = 1_000_000_000) -> None:
        super().__init__(low, high)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The whole number."""
        _plain(self, value, param, ctx)
        return int(super().convert(value, param, ctx))


class _Line(click.ParamType[str]):
    """Text of one line, of bounded length."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it was given."""
        text = str(value)
        if len(text) > 10_000 or not text.isprintable():
            self.fail(f"{text[:_SHOWN]!r} is not one printable line of at most 10,000 characters.", param, ctx)
        return text


class _Like(_Line):
    """Text of one form, since it goes into tables that spreadsheets open."""

    def __init__(self, name: str, pattern: str, example: str) -> None:
        self.name, self._pattern, self._example = name, re.compile(pattern), example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it was given."""
        text = super().convert(value, param, ctx)
        if text and not self._pattern.fullmatch(text):
            self.fail(f"{text[:_SHOWN]!r} is no {self.name}, such as {self._example}.", param, ctx)
        return text


class _Words(_Line):
    """A list with commas in which something stands; empty text is no list."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it was given."""
        text = super().convert(value, param, ctx)
        if text and not all(word.strip() for word in text.split(",")):
            self.fail(f"{text[:_SHOWN]!r} has an empty entry; allowed: names with commas between them.", param, ctx)
        return text


SETTING: Final = _Line()
WORDS: Final = _Words()
KEY: Final = _Like("key", r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "my-measurements")
DAY: Final = _Like("date", r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "2026-05-31")

_Command = TypeVar("_Command", bound=Callable[..., Any])


def run_options(*, launch_file: bool = False) -> Callable[[_Command], _Command]:
    """Every option of `RUN_OPTIONS`, as keyword arguments of the command by their names there.

    ``launch_file``: a layout may be the name of one.
    """

    def with_options(command: _Command) -> _Command:
        for name, option in reversed(tuple(RUN_OPTIONS.items())):
            told, metavar = option.help, option.metavar
            if name == "layout" and launch_file:
                told, metavar = f"{told} Or the launch file of a run.", f"{metavar}|FILE"
            kind = Whole(0, MOST_RANK) if option.whole else SETTING if option.repeated else WORDS
            settings: dict[str, Any] = {"multiple": True} if option.repeated else {"default": 0 if option.whole else ""}
            command = click.option(option.flag, name, type=kind, metavar=metavar, help=told, **settings)(command)
        return command

    return with_options


def whole_run_options(command: _Command) -> _Command:
    """Every setting of `megawatt.run_options.SETTINGS`, as a keyword argument by its name; None if not given."""
    for name, setting in reversed(tuple(SETTINGS.items())):
        kind: click.ParamType[Any] = SETTING
        if setting.words:
            kind = click.Choice(setting.words)
        elif setting.whole:
            kind = Whole(int(setting.low), int(setting.high))
        elif not setting.text:
            kind = Number(setting.low, setting.high, above=setting.above)
        more: dict[str, Any] = {"multiple": True} if setting.repeated else {"default": None}
        flag, told = f"--{name.replace('_', '-')}", f"With --tokens: {setting.help}"
        metavar = None if setting.words else setting.metavar
        command = click.option(flag, name, type=kind, metavar=metavar, help=told, **more)(command)
    return command
