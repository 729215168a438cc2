"""Inputs that once ended in a traceback, a hang or a wrong acceptance, each as small as it could be made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import data_files
from tests.fuzz.data_files import PARAMETERS, case_rows
from tests.fuzz.runner import call
from tests.fuzz.scenarios import EXAMPLES

MINING = """format = 1
name = "t"
title = "t"
use = "mining"
discount_rate = 0.12
[site]
place = "childress-tx"
grid_mw = 300
[power]
grid = "ercot-hub"
price_year = 2023
tariff = "ercot-transmission"
[timeline]
start = "2025-11"
operating_months = 60
halls = [{ live = "2026-05", share = 1.0 }]
[hall]
design = "mining-air"
[mining]
miner = "antminer-s21"
network = "bitcoin-2025-11"
[capex]
shell_usd_per_mw = 3e5
build_months = 6
chip_lead_months = 1
[opex]
site_usd_per_kw_month = 5
[risk]
paths = 64
"""
TRAIN = ["--system", "hgx-h100", "--chips", "8", "--batch", "64"]


def _refused(arguments: list[str], *words: str) -> None:
    done = call(arguments)
    assert not done.wrong, done.wrong
    assert done.code == 2, done.printed
    assert len(done.printed) < 10_000
    for word in words:
        assert word in done.printed, done.printed


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.toml"
    file.write_text(MINING, encoding="utf-8")
    return file


def test_the_scenario_itself_is_valid(site: Path) -> None:
    assert call(["check", str(site)]).code == 0


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("site.grid_mw=1" + "0" * 400, ("site.grid_mw", "a whole number of thousands of digits|number")),
        ("site.grid_mw=9**9**9", ("site.grid_mw: '9**9**9'", "units: W, kW, MW, GW")),
        ("site.grid_mw=1/0", ("site.grid_mw: '1/0'",)),
        ("site.grid_mw=" + "(" * 600, ("600 characters",)),
        ("discount_rate=0.12-0.08", ("discount_rate",)),
        ("site.grid_mw=300 MVA", ("site.grid_mw: '300 MVA'", "units: W, kW, MW, GW")),
        ("site.grid_mw=nan", ("site.grid_mw",)),
        ("mining.it_mw=0", ("mining.it_mw: 0 MW",)),
        ("mining.it_mw=-5", ("mining.it_mw: -5 MW",)),
        ("power.tariff=synthetic-price", ("power.tariff", "no tariff with a rate sheet")),
        ("mining.network=hash-response", ("mining.network",)),
        ("timeline.start=2024-01", ("timeline.start", "from 2025-11 on")),
        ("timeline.halls=[]", ("timeline.halls", "at least one entry")),
        ('timeline.halls=[{live="2026-05",share=1.0},{live="2026-06",share=0}]', ("timeline.halls", "above 0")),
        ("site.weather=/dev/zero", ("site.weather",)),
        ("site.weather=none.epw", ("site.weather",)),
        ("power.price_file=none.csv", ("power.price_file",)),
        ("hall.design=liquid-dry-cooler-2", ("hall.design",)),
        ("debt.gearing_frac=0", ("debt.gearing_frac",)),
        ("seed=true", ("seed", "a whole number")),
        ("a.b\nc=1", ("--set",)),
        ("site.grid_mw=1\nx = 2", ("one printable line",)),
        ("risk.paths=" + "9" * 400, ("risk.paths",)),
    ],
)
def test_settings(site: Path, setting: str, words: tuple[str, ...]) -> None:
    _refused(["check", str(site), "--set", setting], *(w.partition("|")[2] or w for w in words))


def test_miners_in_a_scenario_of_chips(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    chips = (EXAMPLES / "childress-gb300.toml").read_text(encoding="utf-8")
    file.write_text(chips + MINING[MINING.index("[mining]") : MINING.index("[capex]")], encoding="utf-8")
    _refused(["check", str(file)], "mining: section of another use")


def test_chips_without_memory_for_the_job_are_refused_by_field(tmp_path: Path) -> None:
    few = ["--set", "training.chips=8", "--set", "risk.paths=64", "--out", str(tmp_path)]
    done = call(["plan", str(EXAMPLES / "childress-gb300.toml"), *few], 60.0)
    assert (done.code, done.wrong) == (3, "")
    assert "training.chips: llama-3.1-405b on 8 x gb300" in done.printed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('format = 1\nname="a"\ntitle="t"\ncompare=["a\\u0000b"]\n', ("NUL character",)),
        ('format = 1\nname="a"\ntitle="t"\ncompare=["/dev/zero"]\n', ("is a device",)),
        (f'format = 1\nname="a"\ntitle="t"\ncompare=["{"x" * 5000}"]\n', ("cannot be read",)),
        ("format = 1\n" + "\n".join(f"k{n} = 1" for n in range(60_000)), ("more problems",)),
        ("\n".join(f"k{n} = 1" for n in range(60_000)), ("of no kind that is known",)),
        ("a = " + "[" * 3000, ("nested too deeply",)),
        ("a = 1" + "0" * 5000, ("not TOML",)),
        (MINING.replace("grid_mw = 300", 'grid_mw = "(("*1'), ("line 8",)),
        ('title = "' + "x" * (2**20) + '"', ("at most 1 MiB",)),
    ],
)
def test_scenario_files(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    file = tmp_path / "a.toml"
    file.write_text(text, encoding="utf-8")
    _refused(["check", str(file)], *words)


_LLAMA: dict[str, Any] = {"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
                          "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 100}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"architectures": 5}', ("architectures: 5 (a number)", "a list of names")),
        ('{"architectures": [{"a": 1}]}', ("architectures", "a list of names")),
        ("[" * 5000, ("nested too deeply",)),
        (json.dumps(_LLAMA | {"hidden_size": float("nan")}), ("hidden_size: nan", "a whole number")),
        (json.dumps(_LLAMA).replace("64", "1e400"), ("hidden_size: inf", "a whole number")),
        (json.dumps(_LLAMA | {"hidden_size": "64"}), ("hidden_size: '64' (text)", "whole number")),
        (json.dumps(_LLAMA | {"num_hidden_layers": -2}), ("num_hidden_layers: -2",)),
        (json.dumps(_LLAMA | {"vocab_size": True}), ("vocab_size: True (true or false)",)),
        (json.dumps(_LLAMA | {"vocab_size": 10**12}), ("vocab_size",)),
        (json.dumps(_LLAMA | {"tie_word_embeddings": 1}), ("tie_word_embeddings: 1 (a number)", "true or false")),
        (json.dumps(_LLAMA | {"architectures": ["Qwen2MoeForCausalLM"], "num_experts": 4, "num_experts_per_tok": 2,
                              "moe_intermediate_size": 64, "mlp_only_layers": 3}),
         ("mlp_only_layers: 3 (a number)", "a list")),
        (json.dumps(_LLAMA)[:-5], ("not valid JSON",)),
    ],
)  # fmt: skip
def test_model_configs(tmp_path: Path, content: str, words: tuple[str, ...]) -> None:
    file = tmp_path / "config.json"
    file.write_text(content, encoding="utf-8")
    _refused(["train", str(file), *TRAIN], "config.json", *words)


@pytest.mark.parametrize(
    "layout",
    ["tp=0,pp=1,mb=1", "tp=1,pp=0,mb=1", "tp=1,pp=1,mb=0", "tp=1,pp=1,mb=1,cp=0", "tp=1,pp=1,mb=1,ep=0", "tp=²",
     "tp=1,pp=1,mb=1,vpp=0", "tp=1,pp=1,mb=1,etp=0", "tp=1,pp=1,mb=1,zero=9", "tp=1,pp=1,mb=1,recompute=7", "tp=-1",
     "tp=" + "9" * 30],
)  # fmt: skip
def test_layouts_of_impossible_degrees(layout: str) -> None:
    _refused(["train", "llama-2-7b", *TRAIN, "--layout", layout], "layout")


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "llama-2-7b", "--system", "hgx-h100", "--chips", "9" * 400],
        ["train", "llama-2-7b", "--system", "hgx-h100", "--chips", "²"],
        ["train", "llama-2-7b", "--system", "hgx-h100", "--chips", "8", "--batch", "9" * 30],
        ["train", "llama-2-7b", "--system", "hgx-h100", "--chips", "8", "--seq", "9" * 30],
        ["train", "llama-2-7b", *TRAIN, "--objective", "cost", "--energy-price", "inf"],
        ["compare", "llama-2-7b", "--systems", "hgx-h100", "--power-mw", "inf"],
        ["compare", "llama-2-7b", "--systems", "", "--chips", "8"],
        ["compare", "llama-2-7b", "--systems", "hgx-h100", "--usd-per-hour", "5", "--prices", "nan"],
        ["hall", "childress-tx", "--design", "liquid-dry-cooler", "--seed", "-1"],
        ["dispatch", "9" * 400],
    ],
)
def test_arguments(arguments: list[str]) -> None:
    _refused(arguments)


def _case(folder: Path, rows: str, **changes: object) -> Path:
    folder.mkdir()
    (folder / "parameters.json").write_text(json.dumps(PARAMETERS | changes), encoding="utf-8")
    (folder / "hourly.csv").write_text(rows, encoding="utf-8")
    return folder


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_and_semicolons_in_a_case_are_read(tmp_path: Path, encoding: str) -> None:
    folder = _case(tmp_path / "case", case_rows())
    plain = call(["dispatch", str(folder), "--json"], 60)
    assert plain.code == 0
    for file in folder.iterdir():
        file.write_bytes(file.read_text(encoding="utf-8").encode(encoding))
    (folder / "hourly.csv").write_bytes(case_rows(";").replace("0.2", "0,2").encode(encoding))
    marked = call(["dispatch", str(folder), "--json"], 60)
    objective = [json.loads(o.printed)["results"][0]["plans"]["perfect"]["objective_usd"] for o in (plain, marked)]
    assert objective[0] == objective[1]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",43,", ",-9999,", ("hourly.csv:25", "energy_price_usd_mwh", "-9999")),
        ("\n23,5,0.2", "\n23,5,-9999", ("hourly.csv:25", "solar_cf", "-9999")),
        ("\n23,", "\n24,5,0.2,0,1,200,60\n23,", ("25 rows", "hours of parameters.json")),
        ("\n23,5,0.2,0", "\n23,5", ("hourly.csv:25",)),
        ("grid_import_cap_mw", "cap", ("no column grid_import_cap_mw",)),
    ],
)
def test_rows_of_a_case(tmp_path: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    assert old in case_rows()
    _refused(["dispatch", str(_case(tmp_path / "case", case_rows().replace(old, new)))], *words)


@pytest.mark.parametrize("content", ["[1, 2]", '{"hours": 24,', '{"solar_mw": null}', '{"solar_mw": true}'])
def test_parameters_of_a_case(tmp_path: Path, content: str) -> None:
    folder = _case(tmp_path / "case", case_rows())
    (folder / "parameters.json").write_text(content, encoding="utf-8")
    _refused(["dispatch", str(folder)], "parameters.json")


def _finance(**changes: Any) -> str:
    inputs = {"n_years": 3, "capex_t0": 1000.0, "units": [10.0] * 3, "price": [60.0] * 3, "opex": [100.0] * 3,
              "discount_rate_nominal": 0.1}  # fmt: skip
    return json.dumps({"schema": "finance-case/1", "inputs": inputs | changes, "outputs": {"debt_size": 1.0}})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_finance(units=[1, float("nan"), 1]), ("inputs.units[1]",)),
        (_finance(units=["a", 1, 1]), ("inputs.units[0]: 'a'",)),
        (_finance(units=[[1, 2], [1], 1]), ("inputs.units[0]",)),
        (_finance(units=[1, 1]), ("inputs.units: 2 numbers", "3 numbers")),
        (_finance(n_years=-1), ("inputs.n_years",)),
        (_finance(n_years=1e300), ("inputs.n_years",)),
        (_finance(depreciation={"alloc": {"macrs_5": "1"}}), ("inputs.depreciation.alloc.macrs_5: '1'",)),
        (_finance(dates=None), ("inputs.dates",)),
        (_finance(dates=[None]), ("inputs.dates[0]",)),
        ('{"schema": ["finance-case/1"]}', ("schema",)),
    ],
)
def test_finance_cases(tmp_path: Path, content: str, words: tuple[str, ...]) -> None:
    file = tmp_path / "case.json"
    file.write_text(content, encoding="utf-8")
    _refused(["validate", str(file)], *words)


@pytest.mark.parametrize("column", ["tp", "pp", "dp", "chips"])
def test_runs_of_no_degree(tmp_path: Path, column: str) -> None:
    head, row, *_ = data_files.TEXTS["runs.csv"]().splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=True)) | {column: "2e-320"}
    file = tmp_path / "runs.csv"
    file.write_text(f"{head}\n{','.join(cells.values())}\n", encoding="utf-8")
    for verb in ("show", "check", "validate"):
        done = call([verb, str(file)], 60.0)
        assert not done.wrong, done.wrong
        assert column in done.printed


@pytest.mark.parametrize("content", [b"PAR1xx", b"", b"\0" * 50])
def test_cut_parquet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cut.parquet").write_bytes(content)
    _refused(["validate", str(tmp_path / "cut.parquet")], "cut.parquet")


def test_weather_of_the_solar_database_is_read_in_the_order_of_its_stamps(tmp_path: Path) -> None:
    head, names, columns, *rows = data_files.TEXTS["nsrdb.csv"]().splitlines()
    rows = [f"{row.rsplit(',', 3)[0]},{10 + n % 24},5,1013" for n, row in enumerate(rows)]
    results = []
    for name, body in (("a", rows), ("b", rows[4000:] + rows[:4000])):
        file = tmp_path / f"{name}.csv"
        file.write_text("\n".join([head, names, columns, *body]) + "\n", encoding="utf-8")
        done = call(["hall", str(file), "--design", "liquid-dry-cooler", "--json"], 60)
        assert done.code == 0, done.printed
        results.append(json.loads(done.printed)["results"][0]["pue"])
    assert results[0] == results[1]
    (tmp_path / "c.csv").write_text("\n".join([head, names, columns, *rows[:-1], rows[0]]) + "\n", encoding="utf-8")
    _refused(["hall", str(tmp_path / "c.csv"), "--design", "liquid-dry-cooler"], "given twice")
