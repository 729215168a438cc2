"""Models by their dimensions in TOML, and adapters beside a base model."""

from __future__ import annotations

import dataclasses
import importlib.resources
import json
from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.workload import ModelArch, load_model, model_schema, parameters
from megawatt.workload.model_file import read_model_file

CATALOGUE = load_catalogue()
QWEN3_30B = """
[model]
layers = 48
hidden = 2048
vocab = 151936
heads = 32
kv_heads = 4
head_dim = 128
experts = 128
experts_per_token = 8
expert_ffn = 768
"""


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_dimensions_give_the_model_of_the_catalogue(tmp_path: Path) -> None:
    arch = load_model(write(tmp_path, QWEN3_30B), CATALOGUE)
    known = load_model("qwen3-30b-a3b", CATALOGUE)
    assert parameters(arch) == parameters(known)
    assert (arch.key, arch.attention) == ("mine", "gqa")


def test_a_file_is_like_a_model_but_for_what_it_says(tmp_path: Path) -> None:
    arch = load_model(write(tmp_path, '[model]\nlike = "llama-3.1-8b"\nlayers = 40\nkv_heads = 32\n'), CATALOGUE)
    known = load_model("llama-3.1-8b", CATALOGUE)
    same = dataclasses.replace(known, key="mine", title="mine", layers=40, kv_heads=32)
    assert arch == dataclasses.replace(same, attention=arch.attention)


def test_like_may_name_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep", QWEN3_30B, "base.toml")
    write(tmp_path / "deep", '[model]\nlike = "base.toml"\nlayers = 12\n', "next.toml")
    arch = load_model("deep/next.toml", CATALOGUE, tmp_path)
    assert (arch.layers, arch.experts) == (12, 128)


def test_a_file_that_is_like_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="not like itself"):
        load_model(write(tmp_path, '[model]\nlike = "mine.toml"\n'), CATALOGUE)


def test_every_problem_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    text = '[model]\nlayers = "two"\nhidden = -1\nvocab = 100\nhaeds = 3\nmixers = "xyz"\n'
    with pytest.raises(ScenarioError) as caught:
        load_model(write(tmp_path, text), CATALOGUE)
    problems = {p.path: p for p in caught.value.problems}
    assert set(problems) == {"model.layers", "model.hidden", "model.haeds", "model.mixers"}
    assert "heads" in problems["model.haeds"].hint
    assert problems["model.mixers"].allowed == "these letters alone: f w c s h l m p -"


def test_dimensions_that_do_not_fit_are_named_with_the_file(tmp_path: Path) -> None:
    text = "[model]\nlayers = 2\nhidden = 64\nvocab = 100\nheads = 6\nkv_heads = 4\nexperts = 4\n"
    with pytest.raises(ScenarioError, match=r"mine\.toml.*expert_ffn.*experts_per_token.*kv_heads"):
        load_model(write(tmp_path, text), CATALOGUE)
    with pytest.raises(ScenarioError, match="lacks layers, hidden, vocab"):
        load_model(write(tmp_path, "[model]\nheads = 4\n"), CATALOGUE)


def test_an_unknown_like_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"llama-3\.1-9b"):
        load_model(write(tmp_path, '[model]\nlike = "llama-3.1-9b"\n'), CATALOGUE)


def test_the_starter_is_a_model(tmp_path: Path) -> None:
    text = importlib.resources.files("megawatt.workload").joinpath("model_starter.toml").read_text("utf-8")
    arch = load_model(write(tmp_path, text), CATALOGUE)
    # 128 experts of 3 x 2048 x 768 in 47 layers are 28.4 of 30 billion
    assert parameters(arch).total == pytest.approx(30.7e9, rel=0.02)


def test_the_schema_describes_every_dimension() -> None:
    table = model_schema()["$defs"]["ModelTable"]["properties"]
    fields = {f.name for f in dataclasses.fields(ModelArch)} - {"key", "assumptions", "assumed"}
    assert set(table) == fields | {"like"}
    assert all("description" in entry for entry in table.values())


def test_adapters_freeze_the_base_model(tmp_path: Path) -> None:
    adapters = {"peft_type": "LORA", "base_model_name_or_path": "meta-llama/Llama-3.1-8B-Instruct", "r": 16}
    (tmp_path / "adapter_config.json").write_text(json.dumps(adapters))
    arch = load_model(tmp_path, CATALOGUE)
    assert (arch.key, arch.lora_rank) == ("llama-3.1-8b", 16)
    (tmp_path / "adapter_config.json").write_text(json.dumps({**adapters, "r": "16", "peft_type": "IA3"}))
    with pytest.raises(ScenarioError) as caught:
        load_model(tmp_path, CATALOGUE)
    assert [p.path for p in caught.value.problems] == ["r", "peft_type"]


def test_the_loader_of_like_gets_the_files_folder(tmp_path: Path) -> None:
    asked = []

    def load(name: str, folder: Path) -> ModelArch:
        asked.append((name, folder))
        return ModelArch("a", "a", 2, 64, 100, heads=4, kv_heads=4, head_dim=16, ffn=128)

    assert read_model_file(write(tmp_path, '[model]\nlike = "other"\nffn = 256\n'), load).ffn == 256
    assert asked == [("other", tmp_path)]
