"""Two runs side by side: inputs, code and figures that differ."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

import megawatt as mw
from megawatt.cli.entry import cli
from megawatt.errors import ScenarioError
from megawatt.results.run_diff import diff_runs
from megawatt.results.run_folders import run_folder

_BTC = "bitcoin-2025-11.btc_price_usd"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same site twice, with another opex of the second; and a copy of the first from other code."""
    root = tmp_path_factory.mktemp("runs")
    for name, opex in (("one", "8 USD/kW/month"), ("two", "9 USD/kW/month")):
        values = {"risk.paths": 64, "name": name, "opex.site_usd_per_kw_month":
                  {"value": opex, "low": 5.7, "high": 15.9}}  # fmt: skip
        mw.save(mw.plan(mw.load("examples/childress-bitcoin.toml", values)), root)
    return root


def test_inputs_and_figures_that_moved_are_named(root: Path) -> None:
    found = diff_runs(root / "one", root / "two")
    (use,) = found["uses"]
    assert [row["name"] for row in use["inputs"]] == ["opex.site_usd_per_kw_month"]
    (row,) = use["inputs"]
    assert (row["a"], row["b"]) == (8.0, 9.0)
    figures = {figure["name"]: figure for figure in use["figures"]}
    value = figures["value_usd_per_grid_mw_year"]
    assert value["change"] < 0.0
    assert math.isclose(row["moves"]["value"], value["change"], rel_tol=0.05)
    assert abs(use["unexplained"]["value_usd_per_grid_mw_year"]) < 0.05 * abs(value["change"])
    assert "pue" not in figures
    assert found["rooms"] == []


def test_ones_own_figure_stands_for_the_fact_of_the_catalogue(root: Path, tmp_path: Path) -> None:
    values = {"risk.paths": 64, "name": "own", "mining.btc_price_usd": 90_000.0}
    mw.save(mw.plan(mw.load("examples/childress-bitcoin.toml", values)), tmp_path)
    rows = {row["name"]: row for row in diff_runs(root / "one", tmp_path / "own")["uses"][0]["inputs"]}
    assert rows[_BTC]["name_b"] == "mining.btc_price_usd"
    assert rows[_BTC]["b"] == 90_000.0
    assert rows[_BTC]["a"] != 90_000.0
    assert "mining.btc_price_usd" not in rows


def test_a_run_is_the_same_as_itself(root: Path) -> None:
    found = diff_runs(root / "one", root / "one")
    assert not found["origin"]
    assert found["uses"] == [{"name": "one", "inputs": [], "figures": [], "unexplained": {}}]


def test_code_of_rooms_that_changed_is_named(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for file in (root / "one").iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((other / "manifest.json").read_text("utf-8"))
    manifest["code"]["mining"] = "0" * 16
    (other / "manifest.json").write_text(json.dumps(manifest))
    assert diff_runs(root / "one", other)["rooms"] == ["mining"]
    del manifest["code"]
    (other / "manifest.json").write_text(json.dumps(manifest))
    assert diff_runs(root / "one", other)["rooms"] is None


def test_the_command_takes_names_below_the_folder_of_runs(root: Path) -> None:
    told = CliRunner().invoke(cli, ["runs", "diff", "one", "two", "--runs", str(root)])
    assert told.exit_code == 0
    assert "opex.site_usd_per_kw_month" in told.output
    assert "value_usd_per_grid_mw_year" in told.output
    same = CliRunner().invoke(cli, ["runs", "diff", "one", "one", "--runs", str(root)])
    assert "Figures: the same." in same.output
    listed = CliRunner().invoke(cli, ["runs", "show", "one", "--runs", str(root)])
    assert "margin_usd_per_grid_mw_year" in listed.output
    with pytest.raises(ScenarioError, match="no run folder"):
        run_folder("three", root)
