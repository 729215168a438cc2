"""What each kind of file is taken for, what is said of it, and which problems are found."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.inspection import KINDS, check, describe, kind_of
from megawatt.writing import write_folder

EXAMPLES = Path(__file__).parents[3] / "examples"
HEADER = "key,field,value,unit,low,high,kind,source,date,note\n"
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32,
    "num_hidden_layers": 32, "intermediate_size": 11008, "vocab_size": 32000,
}  # fmt: skip
WEATHER = "dry_bulb_c,dew_point_c\n" + "10,5\n" * 8760
RUNS = "id,metric,value,flops_convention,accelerator\nr1,step_time_s,3.0,model,h100\nr2,step_time_s,1,model,none\n"


def _hours() -> str:
    days = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    stamps = (
        f"2023-{m:02}-{d + 1:02} {h:02}:00:00-06:00" for m, n in enumerate(days, 1) for d in range(n) for h in range(24)
    )
    return "Datetime,Price (USD/MWh)\n" + "".join(f"{stamp},{i % 100}\n" for i, stamp in enumerate(stamps))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("config.json", json.dumps(CONFIG), "model"),
        ("any.csv", WEATHER, "weather"),
        ("p.csv", _hours(), "prices"),
        ("kernel-gemm.csv", HEADER + "k,a,1,,,,measured,me,,\n", "facts"),
        ("runs.csv", RUNS, "training-runs"),
        ("pue.csv", "id,pue,wue_l_per_kwh\n", "facility"),
        ("case.json", '{"schema": "risk-case/1"}', "risk-case"),
        ("curves.csv", "accelerator,kernel,pass,head_dim,causal,seq_len,tflops\n", "attention-published"),
        ("site.toml", "format = 1\n", "scenario"),
        ("rates.toml", "[[energy]]\nper_mwh = 4\n", "tariff"),
        ("section.toml", "[tariff]\ncurrency = 'USD'\n", "tariff"),
        ("urdb.json", '{"FlatDemandStructure": [[{"rate": 3}]]}', "tariff"),
        ("answer.json", '{"items": [{"energyratestructure": []}]}', "tariff"),
        ("both.toml", "format = 1\ncompare = ['a.toml']\n", "comparison"),
    ],
)
def test_a_file_is_known_by_its_content(tmp_path: Path, name: str, content: str, kind: str) -> None:
    (tmp_path / name).write_text(content)
    assert kind_of(tmp_path / name).name == kind


LAUNCH = Path(__file__).parents[1] / "launch" / "files"


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("ds_zero3.json", "launch", "deepspeed"),
        ("maxtext_70b.yml", "launch", "maxtext"),
        ("nxd_8b.yaml", "launch", "nxd"),
        ("pretrain_70b.sh", "launch", "megatron"),
        ("train_8b.toml", "launch", "torchtitan"),
        ("megatron.log", "training-log", "megatron"),
    ],
)
def test_launch_files_and_logs(name: str, kind: str, title: str) -> None:
    found = check(LAUNCH / name, load_catalogue())
    assert (found.kind, found.title.rpartition(" ")[2]) == (kind, title)
    lines = {line.name: line.value for section in found.sections for line in section.lines}
    assert lines.get("tp", lines.get("median", 0))


def test_a_folder_is_known_by_what_it_holds(tmp_path: Path) -> None:
    for folder, names in (
        ("model", ["config.json"]),
        ("run", ["manifest.json", "summary.json"]),
        ("kernel-profile", ["kernel-gemm.csv"]),
        ("dispatch-case", ["parameters.json", "hourly.csv"]),
    ):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text("{}")
        assert kind_of(tmp_path / folder).name == folder


@pytest.mark.parametrize(("name", "content"), [("notes.md", "hello"), ("t.csv", "a,b\n1,2\n"), ("x.toml", "a = 1")])
def test_what_is_of_no_kind_is_told_with_all_kinds(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ScenarioError) as caught:
        kind_of(tmp_path / name)
    (problem,) = caught.value.problems
    alike = [kind.name for kind in KINDS if name.rpartition(".")[2].upper() in kind.recognised_by]
    assert all(word in problem.allowed for word in alike or [kind.name for kind in KINDS])
    assert ("training-runs" in problem.allowed) == (not name.endswith(".toml"))
    assert "a .md file" in problem.found or " with a" in problem.found


@pytest.mark.parametrize("name", ["a.toml", "a.csv", "a.md"])
def test_an_empty_file_is_called_empty(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(ScenarioError) as caught:
        kind_of(tmp_path / name)
    assert [p.found for p in caught.value.problems] == ["an empty file"]


def test_hours_with_titles_of_ones_own_are_told_where_to_name_them(tmp_path: Path) -> None:
    (tmp_path / "no4.csv").write_text("Quand;Prix\n01.01.2024 00:00;403,77\n")
    with pytest.raises(ScenarioError) as caught:
        kind_of(tmp_path / "no4.csv")
    assert "power.price_column" in caught.value.problems[0].hint


def test_every_kind_names_a_function_that_exists() -> None:
    import importlib

    for kind in KINDS:
        module, _, function = kind.describer.partition(":")
        assert callable(getattr(importlib.import_module(f"megawatt.inspection.{module}"), function))


NOK = 'currency = "NOK"\nusd_per_currency = 0.1\n[[energy]]\nper_mwh = 40\n[[fixed]]\nper_month = 1000\n'


def test_a_tariff_file_is_told_in_its_own_currency(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(NOK)
    found = describe(str(tmp_path / "mine.toml"), load_catalogue())
    told = {line.name: line.told for section in found.sections for line in section.lines}
    assert told["per_mwh"] == "40 NOK/MWh"
    assert told["per_month"] == "1000 NOK"
    assert told["usd_per_currency"] == "0.1"


def test_check_reports_every_problem_of_a_tariff_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        NOK.replace("40", "'x'") + "[[demand]]\nrachet_frac = 0.8\nper_kw_month = 3\nmonths = []\n"
    )
    with pytest.raises(ScenarioError) as caught:
        check(tmp_path / "mine.toml", load_catalogue())
    assert {p.path for p in caught.value.problems} >= {"energy.0.per_mwh", "demand.0.rachet_frac"}
    assert describe(str(tmp_path / "mine.toml"), load_catalogue()).problems == caught.value.problems


def test_check_sets_values_of_a_mixed_site() -> None:
    with pytest.raises(ScenarioError) as caught:
        check(EXAMPLES / "childress-mixed.toml", load_catalogue(), ("grid_mw=-3",))
    assert [p.path for p in caught.value.problems] == ["grid_mw"]


def test_check_reports_every_line_of_a_table_of_facts(tmp_path: Path) -> None:
    file = tmp_path / "kernel-mine.csv"
    file.write_text(HEADER + "k,a,1,,,,guess,me,,\nk,b,,,,,measured,me,,\nk,c,1,,,,measured,me,,\n")
    with pytest.raises(CatalogueError) as caught:
        check(file, load_catalogue())
    assert [p.path for p in caught.value.problems] == ["line 2", "line 3"]


def test_check_reports_every_run_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    file.write_text(RUNS)
    with pytest.raises(ScenarioError) as caught:
        check(file, load_catalogue())
    assert [p.path.partition(":")[0] for p in caught.value.problems] == ["line 2 (r1)", "line 3 (r2)"]
    found = describe(str(file), load_catalogue())
    assert found.problems == caught.value.problems
    assert found.exit_code == 2


def test_settings_are_for_scenarios(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    with pytest.raises(ScenarioError, match="--set is for scenarios"):
        check(tmp_path / "config.json", load_catalogue(), ["a=1"])


def _values(name: str, seq_len: int = 4096) -> dict[str, object]:
    found = describe(name, load_catalogue(), seq_len=seq_len)
    return {line.name: line.value for section in found.sections for line in section.lines}


def test_a_model_is_told_by_key_and_by_file_alike(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    by_file, by_key = _values(str(tmp_path)), _values("llama-2-7b")
    assert by_file["total"] == by_key["total"] == 6_738_415_616
    longer = _values("llama-2-7b", 8192)
    assert longer["forward and backward"] > by_key["forward and backward"]  # type: ignore[operator]


def test_hours_are_told_by_mean_and_ends(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(_hours())
    (tmp_path / "w.csv").write_text(WEATHER)
    price = describe(str(tmp_path / "p.csv"), load_catalogue()).sections[0].lines[1]
    assert (price.low, price.high) == (0.0, 99.0)
    assert price.value == pytest.approx(49.4, abs=0.1)
    dry = describe(str(tmp_path / "w.csv"), load_catalogue()).sections[0].lines[1]
    assert (dry.value, dry.low, dry.high) == (10.0, 10.0, 10.0)


def test_a_scenario_says_what_was_set_and_what_was_left() -> None:
    found = describe(str(EXAMPLES / "childress-gb300.toml"), load_catalogue())
    site = next(s for s in found.sections if s.title == "site")
    grid = next(line for line in site.lines if line.name == "grid_mw")
    assert (grid.value, grid.unit, grid.low, grid.high) == (300.0, "MW", 240.0, 300.0)
    assert "debt.upfront_fee_frac = 0" in found.assumed
    compared = describe(str(EXAMPLES / "childress-compare.toml"), load_catalogue())
    assert {s.title.partition(":")[0] for s in compared.sections} >= {"childress-gb300", "childress-bitcoin"}


def test_a_broken_file_is_shown_with_its_problems(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | {"hidden_size": "wide"}))
    found = describe(str(tmp_path / "config.json"), load_catalogue())
    assert (found.kind, found.exit_code) == ("model", 2)
    assert any(p.path == "hidden_size" for p in found.problems)


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        ("trainium33", "nearest: trainium3"),
        ("models", "`megawatt catalogue list model` lists its keys"),
        ("gone.toml", "no such file"),
        ("some/where", "no such file"),
        ("zzzzzzzz", "megawatt catalogue list"),
    ],
)
def test_what_is_neither_key_nor_file(thing: str, words: str) -> None:
    with pytest.raises((CatalogueError, ScenarioError), match=words.replace("`", ".")):
        describe(thing, load_catalogue())


def test_every_key_and_source_of_the_catalogue_is_told_in_strict_json() -> None:
    catalogue = load_catalogue()
    for key in (*catalogue.entries, *catalogue.sources):
        content = describe(key, catalogue).as_dict(catalogue.sources)
        json.dumps(content, allow_nan=False)
    unlimited = _values("hgx-h100")["level2_domain_chips"]
    assert unlimited == math.inf
    lines = describe("hgx-h100", catalogue).as_dict(catalogue.sources)["sections"]
    told = [line["value"] for s in lines for line in s["lines"] if line["name"] == "level2_domain_chips"]
    assert told == ["unlimited"]


def test_a_source_lists_what_cites_it() -> None:
    found = describe("arxiv-2412-08602", load_catalogue())
    assert "hgx-h100.overhead_w_per_chip" in {line.name for line in found.sections[1].lines}
    assert dataclasses.is_dataclass(found)


def test_a_run_is_told_with_its_headline_and_what_was_changed_since(tmp_path: Path) -> None:
    summary = {"title": "A run", "uses": [{"name": "mine", "grid_mw": 300.0, "headline": {"pue": {"value": 1.03}}}]}
    write_folder(tmp_path / "run", {"summary.json": json.dumps(summary), "notes.csv": "a\n"}, {"megawatt": "1"})
    found = check(tmp_path / "run", load_catalogue())
    assert (found.kind, found.title) == ("run", "A run")
    mine = next(s for s in found.sections if s.title == "mine")
    assert {line.name: line.value for line in mine.lines} == {"grid_mw": 300.0, "pue": 1.03}
    (tmp_path / "run" / "notes.csv").write_text("b\n")
    with pytest.raises(ScenarioError) as caught:
        check(tmp_path / "run", load_catalogue())
    assert [p.path for p in caught.value.problems] == ["notes.csv"]
