"""One source of the version, forms with the fields that are scored, a history of benchmarks, completion."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import benchmarks
import pytest
from benchmarks.history import COLUMNS, appended
from click.testing import CliRunner

import megawatt
from megawatt.cli.entry import cli
from megawatt.evidence import training_rows
from megawatt.words import sparkline

ROOT = Path(__file__).parents[2]


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "version" not in project["project"]
    assert project["tool"]["hatch"]["version"]["path"] == "src/megawatt/__init__.py"
    assert CliRunner().invoke(cli, ["--version"]).output.strip().endswith(megawatt.__version__)


def test_the_form_of_a_measurement_asks_for_what_is_read() -> None:
    form = (ROOT / ".github/ISSUE_TEMPLATE/measurement.yml").read_text("utf-8")
    read = Path(training_rows.__file__).read_text("utf-8")
    for name in ("accelerator", "chips", "model", "global_batch", "seq_len", "precision", "step_time_s"):
        assert name in form
        assert name in read


def test_every_benchmark_loads_and_gives_figures() -> None:
    names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in ("__main__", "history")]
    assert len(names) > 10
    for name in names:
        gives = typing.get_type_hints(importlib.import_module(f"benchmarks.{name}").main)["return"]
        assert typing.get_origin(gives) is dict, name


def test_the_history_of_benchmarks_has_ratios() -> None:
    first = appended(",".join(COLUMNS) + "\n", {("b", "s"): 2.0}, "2026-01-01", "1")
    assert first.splitlines()[1] == "2026-01-01,1,b,s,2,"
    assert appended(first, {("b", "s"): 3.0}, "2026-01-02", "1").splitlines()[2].endswith(",3,1.500")
    kept = (ROOT / "benchmarks/history.csv").read_text("utf-8")
    assert kept.splitlines()[0] == ",".join(COLUMNS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str) -> None:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert "_MEGAWATT_COMPLETE" in done.output
    words = {"bash": {"COMP_WORDS": "megawatt disp", "COMP_CWORD": "1"}, "zsh": {"COMP_WORDS": "megawatt disp",
             "COMP_CWORD": "1"}, "fish": {"COMP_WORDS": "megawatt disp", "COMP_CWORD": "disp"}}[shell]  # fmt: skip
    env = {**words, "_MEGAWATT_COMPLETE": f"{shell}_complete", "PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    found = subprocess.run([sys.executable, "-m", "megawatt"], env=env, capture_output=True, text=True, check=False)
    assert "dispatch" in found.stdout


def test_the_command_alone_says_what_to_do_first() -> None:
    done = CliRunner().invoke(cli, [])
    assert done.exit_code == 0
    assert done.output.count("  megawatt ") >= 3
    assert "--help" in done.output


def test_a_sparkline_has_the_lowest_and_the_highest() -> None:
    assert sparkline([0.0, 1.0, 2.0, 7.0]) == "▁▂▃█"
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert sparkline([]) == ""
    assert len(sparkline(range(168), 56)) == 56


@pytest.mark.slow
def test_the_wheel_is_small_and_works_outside_the_source_tree(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-m", "tools.wheel", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "asked outside the source tree" in done.stdout
