"""`import megawatt`: its names, how soon it is there, what answers can do, errors in the words of the command."""

from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
from click.testing import CliRunner

import megawatt as mw
from megawatt.api import chips, keeping, known, money, places, site, sites
from megawatt.cli.entry import cli
from megawatt.errors import MissingDependencyError

NAMES = (
    "Loan MegawattError Site best cases cash catalogue company compare contagion convert dispatch explain hall load "
    "miners model plan prices report risk save serve sweep system tariff timeline train validate weather workbook"
)
_MOST_S = 0.05
"""Longest import that one does not notice. [s]"""
_HEAVY = ("numpy", "scipy", "pandas", "pyarrow", "pydantic", "duckdb", "click", "typing")


def test_the_names_are_these() -> None:
    assert sorted(mw.__all__) == NAMES.split()
    assert set(dir(mw)) == {*mw.__all__, "__version__"}
    assert all(callable(getattr(mw, name)) for name in mw.__all__)


def test_it_is_imported_at_once_and_brings_nothing() -> None:
    code = (
        "import sys, time; before = set(sys.modules); start = time.process_time(); import megawatt; "
        "print(time.process_time() - start, *set(sys.modules) - before)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    said = [run.stdout.split() for run in runs]
    assert min(float(words[0]) for words in said) < _MOST_S
    assert not set(_HEAVY) & set(said[0][1:])


def test_rooms_of_a_questions_name_are_both() -> None:
    from megawatt.dispatch import optimise

    room = importlib.import_module("megawatt.dispatch")
    assert isinstance(mw.dispatch, types.ModuleType)
    assert mw.dispatch is room
    assert room.optimise is optimise
    assert mw.tariff("ercot-transmission").title == "ERCOT, load connected at transmission voltage"
    with pytest.raises(AttributeError, match="no attribute 'dispach'"):
        mw.dispach  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("module", [chips, keeping, known, money, places, site, sites], ids=lambda m: m.__name__)
def test_every_example_of_a_docstring_runs(module: types.ModuleType) -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner()
    for test in finder.find(module, module.__name__):
        runner.run(test)
    found = runner.summarize(verbose=False)
    assert found.attempted
    assert not found.failed


def test_an_answer_prints_shows_and_gives_its_numbers(tmp_path: Path) -> None:
    hall = mw.hall("dublin", ["liquid-dry-cooler", "air-chiller"], it_mw=50)
    assert str(hall) == repr(hall) == hall.summary()
    assert hall.summary().startswith("50 MW of IT at Dublin")
    assert json.loads(json.dumps(hall.to_dict(), allow_nan=False))["halls"][0]["pue"] == hall["halls.0.pue"]
    assert hall.to_pandas()["pue"].tolist() == [row["pue"] for row in hall["halls"]]
    assert hall.to_arrow().column("design").to_pylist() == ["liquid-dry-cooler", "air-chiller"]
    shown = hall._repr_html_()
    assert "<svg" in shown
    assert "liquid-dry-cooler: PUE" in shown
    picture = hall.chart().save(tmp_path / "hall.svg")
    assert picture.read_text("utf-8").startswith("<svg")
    with pytest.raises(mw.MegawattError, match="no such value; allowed: halls"):
        hall["hall.0"]


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'megawatt\[pandas\]'"):
        mw.miners("antminer-s21").to_pandas()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (lambda: mw.train("llama-9", "hgx-h100", chips=8),
         ["train", "llama-9", "--system", "hgx-h100", "--chips", "8"]),
        (lambda: mw.train("llama-3.1-405b", "hgx-h100", chips=8, layout="tp=8,pp=1,micro_batch=1"),
         ["train", "llama-3.1-405b", "--system", "hgx-h100", "--chips", "8", "--layout", "tp=8,pp=1,micro_batch=1"]),
        (lambda: mw.load("nowhere.toml"), ["plan", "nowhere.toml"]),
        (lambda: mw.hall("dubln"), ["hall", "dubln"]),
        (lambda: mw.company("ire"), ["company", "ire"]),
    ],
    ids=["model", "infeasible", "file", "place", "company"],
)  # fmt: skip
def test_errors_are_in_the_words_of_the_command(asked: types.FunctionType, words: list[str]) -> None:
    with pytest.raises(mw.MegawattError) as caught:
        asked()
    told = CliRunner().invoke(cli, words, standalone_mode=False).exception
    assert isinstance(told, mw.MegawattError)
    assert caught.value.lines() == told.lines()


def test_every_problem_is_in_the_notes_of_an_error() -> None:
    with pytest.raises(mw.MegawattError) as caught:
        mw.load("examples/childress-bitcoin.toml", {"site": {"grid_mw": -5}, "power.price_year": "last"})
    assert len(caught.value.problems) == len(caught.value.__notes__) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: mw.train("llama-3.1-8b", "hgx-h100", chips=8, layuot="tp=8"),
        lambda: mw.train("llama-3.1-8b", "hgx-h100", chips=8, spares=2),
        lambda: mw.compare("llama-3.1-8b", "hgx-h100", chips=8),
        lambda: mw.compare("llama-3.1-8b", ["hgx-h100"], chips=[8, 16]),
        lambda: mw.compare("llama-3.1-8b", ["hgx-h100"], chips=8, step_s=1.0),
        lambda: mw.Site.of("farming", place="dublin", grid_mw=1, power={}),
        lambda: mw.miners("antminer-s21", -1.0),
        lambda: mw.miners("antminer-s21", hashprice_usd_per_ph_day=float("nan")),
        lambda: mw.tariff("ercot-transmission").bill([1.0, 2.0]),
        lambda: mw.cash(capex_usd=1e6, revenue_usd_per_month=[1.0], opex_usd_per_month=0.0, months=12),
        lambda: mw.cash(capex_usd=1e6, revenue_usd_per_month=1.0, opex_usd_per_month=0.0, months=0),
        lambda: mw.cash(capex_usd=1e6, revenue_usd_per_month=1.0, opex_usd_per_month=0.0, months=9, start="June"),
        lambda: mw.cash(capex_usd=0.0, revenue_usd_per_month=1.0, opex_usd_per_month=0.0, months=9,
                        loan=mw.Loan(1.0, 0.1, 9)),
        lambda: mw.cash(capex_usd=1e6, revenue_usd_per_month=1e5, opex_usd_per_month=0.0,
                        months=24).revenue_share_at(1.0),
        lambda: mw.load("examples/childress-bitcoin.toml", {"site.grid_mw": {1, 2}}),
        lambda: mw.save(mw.miners("antminer-s21")),
        lambda: mw.best("examples/childress-bitcoin.toml"),
        lambda: mw.plan("examples/childress-mixed.toml"),
        lambda: mw.convert("examples/childress-bitcoin.toml"),
        lambda: mw.miners("antminer-s21").chart(),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_an_error_of_ours(wrong: types.FunctionType) -> None:
    with pytest.raises(mw.MegawattError):
        wrong()


def test_a_plan_is_kept_as_the_command_keeps_it(tmp_path: Path) -> None:
    found = mw.plan(mw.load("examples/childress-bitcoin.toml", {"risk.paths": 64}))
    folder = mw.save(found, tmp_path)
    kept = {path.name for path in folder.iterdir()}
    assert {"report.html", "summary.json", "manifest.json", "cashflow.xlsx", "hourly.parquet"} <= kept
    assert json.loads((folder / "summary.json").read_text("utf-8")) == found.to_dict()
    assert mw.report(found, tmp_path / "page.html").read_text("utf-8").startswith("<!")
    assert mw.workbook(found, tmp_path / "cash.xlsx").stat().st_size > 10_000
    assert "Value of a grid MW-year" in found.chart().svg
