"""What a number, a list or a setting on the command line may be, for every option of every command."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from megawatt.cli.entry import _COMMANDS, cli, main
from megawatt.cli.options import Number, Whole

_NO_NUMBERS = ["nan", "inf", "-inf", "1e400", "NaN", "\u00b2", "\u0661", "1_000", "9" * 5000, "", "0x10", "1\n2"]


def _parameters() -> Iterator[tuple[str, click.Command, click.Parameter]]:
    context = click.Context(cli)
    for name in _COMMANDS:
        command = cli.get_command(context, name)  # type: ignore[attr-defined]
        group = isinstance(command, click.Group)
        for path, one in command.commands.items() if group else [("", command)]:
            for parameter in one.params:
                yield f"{name} {path} {parameter.name}", one, parameter


PARAMETERS = list(_parameters())


def test_every_number_is_of_the_shared_kinds() -> None:
    raw = (click.types.FloatParamType, click.types.IntParamType, click.FloatRange, click.IntRange)
    own = (Number, Whole)
    wrong = [n for n, _, p in PARAMETERS if isinstance(p.type, raw) and not isinstance(p.type, own)]
    assert not wrong
    assert sum(isinstance(p.type, own) for _, _, p in PARAMETERS) > 25


@pytest.mark.parametrize(
    ("command", "parameter"),
    [pytest.param(c, p, id=n) for n, c, p in PARAMETERS if isinstance(p.type, Number | Whole)],
)
def test_what_is_no_number_is_refused_in_few_words(command: click.Command, parameter: click.Parameter) -> None:
    context = click.Context(command)
    for text in _NO_NUMBERS:
        with pytest.raises(click.BadParameter) as caught:
            parameter.type_cast_value(context, text)
        assert len(caught.value.format_message()) < 300


def _code(capsys: pytest.CaptureFixture[str], words: str | list[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main(words.split(" ") if isinstance(words, str) else words)
    return int(end.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "hall dublin --it-mw -5",
        "hall dublin --it-mw inf",
        "hall dublin --it-mw 0",
        "hall dublin --grid-mw nan",
        "hall dublin --seed -1",
        "hall dublin --shift-k 1e300",
        "compare llama-2-7b --systems hgx-h100 --power-mw -1",
        "compare llama-2-7b --systems hgx-h100 --power-mw inf",
        "compare llama-2-7b --systems , --chips 8",
        "compare llama-2-7b --systems hgx-h100,, --chips 8",
        "compare llama-2-7b --systems hgx-h100 --chips " + "9" * 400,
        "train llama-2-7b --system hgx-h100 --chips 8 --price -1",
        "train llama-2-7b --system hgx-h100 --chips 8 --layout ,",
        "train llama-2-7b --system hgx-h100 --chips 8 --precision ,",
        "train llama-2-7b --system hgx-h100 --chips 8..16 --target-s nan",
        "train llama-2-7b --system hgx-h100 --chips 8 --target-s 1",
        "train llama-2-7b --system hgx-h100 --chips 8 --scaling weak",
        "train llama-2-7b --system hgx-h100 --chips 8..16 --objective energy",
        "train llama-2-7b --system hgx-h100 --chips 1_6",
        "train llama-2-7b --system hgx-h100 --chips \uff18",
        "train llama-2-7b --system hgx-h100 --chips 8 --layout tp=2,tp=4",
        "check no-such-thing",
        "dispatch x --demand-charge inf",
        "dispatch x --water-cap nan",
        "plan x --workers 0",
        "plan x --workers " + "9" * 30,
        "calibrate run --seconds inf",
    ],
)
def test_wrong_arguments_are_the_users_error(capsys: pytest.CaptureFixture[str], words: str) -> None:
    code, err = _code(capsys, words)
    assert code == 2
    assert "Traceback" not in err
    assert len(err) < 600


@pytest.mark.parametrize("setting", ["site.grid_mw=1\nname='x'", "a=\x1b[2J", "a=" + "1" * 20_000, "a\x00=1"])
@pytest.mark.parametrize("command", ["plan", "check", "convert", "dispatch"])
def test_a_setting_is_one_line(capsys: pytest.CaptureFixture[str], command: str, setting: str) -> None:
    code, err = _code(capsys, [command, "x.toml", "--set", setting])
    assert code == 2
    assert len(err) < 600
    assert "\x1b" not in err
