"""Every command that takes a machine takes a file of the user's own, and refuses a bad one in words."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.scenarios import small
from tests.e2e.test_e2e_commands import Finished, megawatt

MACHINE = """
name = "mine"
like = "hgx-h100"
[chip]
hbm_bytes = "96 GB"
[chip.peak_flops_per_s]
bf16 = { value = "900 TFLOPS", low = "800 TFLOPS", high = "900 TFLOPS", source = "data sheet" }
[links.infiniband]
topology = "rail"
link_bytes_per_s = "400 Gbit/s"
leaf_chips = 64
oversubscription = 2
"""
BAD = 'name = "mine"\nlike = "hgx-h10"\nchip = 3\n[links.a]\ntopology = "star"\n'


def in_folder(folder: Path, text: str = MACHINE, name: str = "mine.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def refused(done: Finished) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_the_example_is_a_machine(tmp_path: Path) -> None:
    assert megawatt("init", "--machine", folder=tmp_path).returncode == 0
    done = megawatt("train", "llama-2-7b", "--system", "machine.toml", "--chips", 8, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["results"][0]
    assert plan["system"] == "my-machine"


def test_train_on_a_file_names_it_as_the_source(tmp_path: Path) -> None:
    command = ("train", "llama-2-7b", "--system", "./mine.toml", "--chips", 16, "--json")
    done = megawatt(*command, folder=in_folder(tmp_path))
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["results"][0]
    named = {a["name"]: a["source"] for a in plan["assumptions"]}
    assert named["mine-chip.peak_bf16_flops_per_s"] == "./mine.toml"
    assert plan["evidence"]["matrix multiplies"] == "measured on h100-sxm in bf16"


def test_compare_and_validate_take_a_file(tmp_path: Path) -> None:
    in_folder(tmp_path)
    done = megawatt("compare", "llama-2-7b", "--systems", "mine.toml,hgx-h100", "--chips", 8, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine" in done.stdout
    row = {"id": "r1", "model": "m", "layers": 32, "hidden": 4096, "heads": 32, "ffn": 11008, "gated": 1}
    row |= {"vocab": 32000, "seq_len": 4096, "accelerator": "mine", "chips": 8, "dtype": "bf16", "global_batch": 64}
    row |= {"tp": 1, "pp": 1, "micro_batch": 1, "zero": 2, "metric": "mfu", "value": 0.5, "scorable": 1}
    row |= {"software": "Megatron-LM", "published": "2026-01", "flops_convention": "model", "recompute": "none"}
    with (tmp_path / "runs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    done = megawatt("validate", "runs.csv", "--system", "mine.toml", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["scored"] == 1
    without = megawatt("validate", "runs.csv", "--json", folder=tmp_path)
    assert json.loads(without.stdout)["results"][0]["scored"] == 0


@pytest.mark.parametrize(
    "command",
    [
        ("train", "llama-2-7b", "--chips", "8", "--system", "mine.toml"),
        ("compare", "llama-2-7b", "--chips", "8", "--systems", "hgx-h100,mine.toml"),
        ("validate", "runs.csv", "--system", "mine.toml"),
        ("calibrate", "kernels", "gemm.parquet", "--system", "mine.toml"),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("text", [BAD, "name = ", "\x00", "{}", None], ids=["wrong", "cut", "nul", "json", "missing"])
def test_a_bad_file_is_refused(tmp_path: Path, command: Sequence[str], text: str | None) -> None:
    if text is not None:
        in_folder(tmp_path, text)
    told = refused(megawatt(*command, folder=tmp_path))
    assert "mine.toml" in told
    if text == BAD:
        assert "hgx-h100" in told
        assert "links.a.topology" in told


@pytest.mark.parametrize("command", ["train", "compare"])
def test_bad_kernels_are_refused(tmp_path: Path, command: str) -> None:
    option = "--system" if command == "train" else "--systems"
    arguments = (command, "llama-2-7b", "--chips", 8, option, "hgx-h100", "--kernels", "none")
    assert "calibrate kernels" in refused(megawatt(*arguments, folder=tmp_path))


def test_a_scenario_with_a_machine_of_its_own(tmp_path: Path) -> None:
    system = ('system = "gb300-nvl72"', 'system = "./mine.toml"')
    scenario = small(tmp_path, "childress-gb300", system, ('precision = "fp8"', 'precision = "bf16"'))
    rack = MACHINE.replace("hgx-h100", "gb300-nvl72").replace('"96 GB"', '"300 GB"')
    in_folder(tmp_path, rack)
    done = megawatt("plan", scenario, "--out", tmp_path / "runs", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = Path(json.loads(done.stdout)["results"][0]["folder"])
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert list(manifest["own_files"]) == ["./mine.toml"]
    assert len(manifest["own_files"]["./mine.toml"]) == 64
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "machine file mine" in report
    in_folder(tmp_path, BAD)
    assert "ai.system: links.a.topology" in refused(megawatt("check", scenario, folder=tmp_path))
    again = scenario.read_text(encoding="utf-8").replace("./mine.toml", "./nothing.toml")
    scenario.write_text(again, encoding="utf-8")
    assert "nothing.toml" in refused(megawatt("check", scenario, folder=tmp_path))


def test_show_and_check_know_machine_files(tmp_path: Path) -> None:
    shown = megawatt("show", "mine.toml", folder=in_folder(tmp_path))
    assert shown.returncode == 0, shown.stderr
    for words in (
        "(machine)",
        "dense rate in bf16",
        "900 TFLOP/s",
        "network: infiniband",
        "rail",
        "measured on h100-sxm",
    ):
        assert words in " ".join(shown.stdout.split()), words
    assert megawatt("check", "mine.toml", folder=tmp_path).returncode == 0
    in_folder(tmp_path, BAD)
    told = refused(megawatt("check", "mine.toml", folder=tmp_path))
    assert "links.a.topology" in told
    assert "hgx-h100" in told
