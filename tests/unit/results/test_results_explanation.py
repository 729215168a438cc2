"""Every figure on the report's first screen is explained, out of what the run recorded, and adds up."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

import megawatt as mw
from megawatt.cli.entry import cli
from megawatt.errors import ScenarioError
from megawatt.report.tables import headline_measures
from megawatt.results.explanation import (
    Explanation,
    RunTables,
    explain_answer,
    explain_path,
    explain_run,
    explained,
    figures_in,
    run_tables,
    tables_in_memory,
)
from megawatt.results.view import METRICS
from tests.report_sample import sample_comparison

_DEBT = {"principal_usd": 12e6, "rate": 0.1, "payments": 36, "shape": "level"}


def test_what_partners_have_is_explained() -> None:
    both = [{"name": name, "equity_usd": 4.0, "received_usd": 5.0, "tax_usd": 0.5, "npv_usd": -1.0, "irr": irr}
            for name, irr in (("Fund", 0.08), ("Owner", None))]  # fmt: skip
    found = explained({"headline": {}, "partners": {"partners": both}})
    assert found["investor_irr"]["value"] == 0.08
    assert found["investor_irr"]["means"].startswith("Fund: ")
    assert found["sponsor_irr"]["value"] is None
    assert (found["sponsor_npv_usd"]["value"], found["sponsor_npv_usd"]["unit"]) == (-1.0, "USD")
    assert explained({"headline": {}, "partners": None}) == {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of miners with a loan that some paths cannot serve."""
    site = mw.load("examples/childress-bitcoin.toml", {"risk.paths": 128, "debt": _DEBT})
    return mw.save(mw.plan(site), tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def run(folder: Path) -> RunTables:
    return run_tables(folder)


def _of(run: RunTables, name: str) -> Explanation:
    return explain_run(run, name)


def test_every_figure_of_the_first_screen_is_explained() -> None:
    sample = sample_comparison()
    run = tables_in_memory(sample)
    for measure in headline_measures(sample.uses):
        assert measure.figure, measure.name
        for use in sample.uses:
            found = explain_run(run, measure.figure, use.name)
            assert found.name == measure.figure
            assert found.formula or found.words or measure.figure == "grid_mw"


def test_every_headline_figure_has_formula_parts_and_inputs(run: RunTables) -> None:
    for name in METRICS:
        found = _of(run, name)
        assert len(found.formula) > 20, name
        if found.value is None:
            assert "not defined" in found.words or ":" in found.words
            continue
        assert found.parts, name
        assert found.inputs, name
        assert all(one.kind and one.source for one in found.inputs), name


def test_parts_add_up_to_the_figure(run: RunTables) -> None:
    value = _of(run, "value_usd_per_grid_mw_year")
    npv, level, grid = (part.value for part in value.parts)
    assert math.isclose(npv * level / grid, value.value, rel_tol=1e-9)
    margin = _of(run, "margin_usd_per_grid_mw_year")
    net = sum(p.value if p.name.startswith("revenue") else -p.value for p in margin.parts[0].parts)
    assert math.isclose(net / margin.parts[1].value, margin.value, rel_tol=1e-9)
    pue = _of(run, "pue")
    assert math.isclose(pue.parts[0].value / pue.parts[1].value, pue.value, rel_tol=1e-9)
    per_it = _of(run, "value_usd_per_it_mw_year")
    assert math.isclose(per_it.parts[0].value * per_it.parts[1].value / per_it.parts[2].value, per_it.value)
    missed = _of(run, "probability_missed")
    assert missed.parts[1].value / missed.parts[0].value == missed.value > 0.0
    cover = _of(run, "min_dscr")
    year = {part.name: part.value for part in cover.parts[0].parts}
    assert math.isclose(year["cover_cash_usd"] / year["service_usd"], cover.value, rel_tol=1e-9)


def test_a_missed_payment_names_its_driver_and_not_hundreds_of_names(run: RunTables) -> None:
    found = _of(run, "probability_missed")
    assert "drives it (rank correlation" in found.driver
    assert found.driver.split()[0] in ("btc", "power")
    assert found.movers
    assert [part.name for part in found.parts] == ["paths", "paths_with_a_missed_payment"]  # miners have no tenant
    assert found.parts[1].parts == ()
    assert found.moved == "the share of 256 paths of the same seed, one of which is 0.39%"


def test_what_moves_it_most_comes_first(run: RunTables) -> None:
    value = _of(run, "value_usd_per_grid_mw_year")
    swings = [mover.swing for mover in value.movers]
    assert swings == sorted(swings, reverse=True)
    assert value.inputs[0].name == value.movers[0].name
    assert value.driver.startswith(value.movers[0].name)
    assert value.moved == ""
    worth = _of(run, "npv_usd")  # in USD, its moves in USD a MW-year
    assert worth.moved == "value_usd_per_grid_mw_year"
    assert worth.driver.startswith(f"{worth.movers[0].name} moves value_usd_per_grid_mw_year most: ")
    low = _of(run, "value_low")
    assert low.parts[0].name == value.movers[0].name
    pue = _of(run, "pue")
    assert all(mover.name in {one.name for one in pue.inputs} for mover in pue.movers)


def test_a_figure_that_is_none_names_the_nearest(run: RunTables) -> None:
    with pytest.raises(ScenarioError, match=r"pue\?"):
        _of(run, "pui")
    with pytest.raises(ScenarioError, match="allowed: childress-bitcoin"):
        explain_run(run, "pue", "other")


def test_the_command_tells_the_tree_and_python_the_same(folder: Path) -> None:
    told = CliRunner().invoke(cli, ["explain", str(folder), "value_usd_per_grid_mw_year"])
    assert told.exit_code == 0
    assert "npv_usd" in told.output
    assert "hash-response.growth_per_year" in told.output
    listed = CliRunner().invoke(cli, ["explain", str(folder), "--json"])
    assert {row["number"] for row in json.loads(listed.output)["results"]} == {r["number"] for r in figures_in(folder)}
    as_json = CliRunner().invoke(cli, ["explain", str(folder), "childress-bitcoin.pue", "--json"])
    (found,) = json.loads(as_json.output)["results"]
    assert found == json.loads(json.dumps(mw.explain(folder, "pue").to_dict()))
    assert CliRunner().invoke(cli, ["explain", str(folder / "nothing"), "pue"]).exception.exit_code == 2


@pytest.mark.parametrize(
    ("words", "number", "meant"),
    [
        (["hall", "dublin", "--design", "liquid-dry-cooler"], "pue", "facility energy over IT energy"),
        (["train", "llama-3.1-8b", "--system", "hgx-h100", "--chips", "8"], "step_time_s", "longest pipeline stage"),
        (["train", "llama-3.1-8b", "--system", "hgx-h100", "--chips", "8"], "mfu", "FLOPs of the model"),
        (["serve", "llama-3.1-8b", "--system", "hgx-h100", "--chips", "1"], "ttft_s", "first token"),
        (["dispatch", "examples/childress-bitcoin.toml"], "earned_usd", "revenue less cost"),
    ],
    ids=["hall", "step", "mfu", "serve", "dispatch"],
)
def test_figures_of_a_commands_json_are_explained(words: list[str], number: str, meant: str) -> None:
    content = json.loads(CliRunner().invoke(cli, [*words, "--json"]).output)
    found = explain_answer(content, number)
    assert isinstance(found.value, int | float)
    assert meant in found.words
    assert found.parts or found.inputs


def test_what_can_be_explained_of_a_use_has_units() -> None:
    for use in tables_in_memory(sample_comparison()).summary["uses"]:
        assert {"value_usd_per_grid_mw_year", "npv_usd", "it_mw"} <= set(explained(use))


@pytest.mark.parametrize("content", [{}, {"results": []}, {"results": ["x"]}])
def test_an_answer_without_results_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(ScenarioError, match="no results"):
        explain_answer(content, "pue")


def test_figures_of_claims_mixes_and_conversions_are_explained() -> None:
    given = {"name": "x", "value": 2.0, "low": 1.0, "high": 3.0, "unit": "USD"}
    case = {"case": "c", "inputs": {"x": given}, "measures": {"lead": {"value": 1.4, "low": 1.1, "high": 1.6}}}
    found = explain_answer({"command": "cases", "results": [case]}, "measures.lead.value")
    assert (found.words, found.inputs[0].low) == ("lead", 1.0)
    assert [part.value for part in found.parts] == [1.1, 1.6]
    flip = {"name": "x", "unit": "USD", "low": 1.0, "base": 2.0, "high": 3.0, "value_at_low_usd": 5.0,
            "value_at_high_usd": 9.0}  # fmt: skip
    mix = {"best": {"value_usd": 7.0}, "robust": {"flips": [flip]}}
    found = explain_answer({"command": "best", "results": [mix]}, "value_usd")
    assert found.words.startswith("worth of the site")
    assert found.movers[0].swing == 4.0
    never = {
        "name": "s",
        "never": {"value_usd": 3.0},
        "assumptions": [given | {"kind": "assumed", "source": "assumption"}],
    }
    found = explain_answer({"command": "convert", "results": [never]}, "never.value_usd")
    assert found.inputs[0].source == "assumption"


@pytest.mark.parametrize("content", ["{}", '{"uses": 3}', '{"uses": []}', '{"uses": [3]}', '{"uses": [{}]}'])
def test_a_summary_without_uses_is_no_run(tmp_path: Path, content: str) -> None:
    (tmp_path / "summary.json").write_text(content)
    for ask in (run_tables, figures_in):
        with pytest.raises(ScenarioError, match="a run folder of megawatt plan"):
            ask(tmp_path)


def test_a_run_is_found_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    assert explain_path(Path("mine"), "npv_usd") == explain_path(folder, "npv_usd")
    assert figures_in(Path("mine")) == figures_in(folder)
    assert explain_path(folder / "report.html", "npv_usd") == explain_path(folder / "summary.json", "npv_usd")
    with pytest.raises(ScenarioError, match="no run folder") as caught:
        explain_path(Path("min"), "npv_usd")
    assert caught.value.problems[0].hint == "did you mean mine?"
    Path("site.toml").write_text('name = "a"\n')
    with pytest.raises(ScenarioError, match=r"megawatt plan site\.toml leaves a run"):
        explain_path(Path("site.toml"), "npv_usd")
    with pytest.raises(ScenarioError, match="no such file"):
        explain_path(Path("hall.json"), "pue")
