"""Each kind of error, produced by a command: its exit code, its line, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tools import errors_page

from megawatt.cli.entry import main
from megawatt.errors import (
    CatalogueError,
    InfeasibleError,
    MachineError,
    MegawattError,
    MissingDependencyError,
    NotSupportedError,
    ScenarioError,
    SolverError,
)
from megawatt.validation import registry

EXAMPLES = Path(__file__).parents[3] / "examples"
Patch = pytest.MonkeyPatch


def _scenario(folder: Path, patch: Patch) -> list[str]:
    return ["check", str(folder / "none.toml")]


def _catalogue(folder: Path, patch: Patch) -> list[str]:
    return ["catalogue", "show", "trainium33"]


def _infeasible(folder: Path, patch: Patch) -> list[str]:
    return ["train", "gpt-3-175b", "--system", "hgx-h100", "--chips", "1"]


def _solver(folder: Path, patch: Patch) -> list[str]:
    def give_up(*_: object, **__: object) -> None:
        raise SolverError("HiGHS stopped at its time limit")

    patch.setattr("megawatt.dispatch.optimise", give_up)
    return ["dispatch", str(EXAMPLES / "childress-bitcoin.toml")]


def _dependency(folder: Path, patch: Patch) -> list[str]:
    patch.setitem(__import__("sys").modules, "torch", None)
    return ["calibrate", "run", "--out", str(folder / "out")]


def _unsupported(folder: Path, patch: Patch) -> list[str]:
    kind = registry._BY_NAME["clearing-case"]
    patch.setitem(registry._BY_NAME, kind.name, replace(kind, scorer=None))
    (folder / "case.json").write_text('{"schema": "clearing-case/1"}')
    return ["validate", str(folder / "case.json")]


def _machine(folder: Path, patch: Patch) -> list[str]:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    patch.setattr("megawatt.writing._probe", refuse)
    return ["hall", "dublin", "--report", str(folder / "hall.html")]


_MAKE: dict[type[MegawattError], Callable[[Path, Patch], list[str]]] = {
    ScenarioError: _scenario,
    CatalogueError: _catalogue,
    InfeasibleError: _infeasible,
    SolverError: _solver,
    MissingDependencyError: _dependency,
    NotSupportedError: _unsupported,
    MachineError: _machine,
}


def test_the_page_of_errors_is_not_stale() -> None:
    assert errors_page.PAGE.read_text(encoding="utf-8") == errors_page.page()
    assert set(errors_page.kinds()) == set(_MAKE)


@pytest.mark.parametrize("kind", _MAKE, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("as_json", [False, True])
def test_each_kind_has_its_code_and_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Patch, kind: type[MegawattError], as_json: bool
) -> None:
    words = _MAKE[kind](tmp_path, monkeypatch)
    with pytest.raises(SystemExit) as end:
        main([*words, *(["--json"] if as_json else [])])
    out, err = capsys.readouterr()
    assert end.value.code == kind.exit_code
    assert "Traceback" not in err
    if as_json:
        content = json.loads(out)
        assert content["exit_code"] == kind.exit_code
        assert content["problems"][0]["message"]
    else:
        assert len(err.splitlines()) <= 4
        assert len(err) > 20


def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "megawatt", "show", "hgx-h100"]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("words", [["train", "llama-9", "--system", "hgx-h100", "--chips", "64"], ["trian"]])
def test_refusals_fold_at_words_to_the_columns_there_are(
    words: list[str], monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    with pytest.raises(SystemExit):
        main(words)
    plain = capsys.readouterr().err
    assert max(map(len, plain.splitlines())) > 60  # to a file or a pipe: one line a problem
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(SystemExit):
        main(words)
    folded = capsys.readouterr().err
    assert max(map(len, folded.splitlines())) <= 60
    assert folded.split() == plain.split()
