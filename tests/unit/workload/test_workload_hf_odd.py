"""Configurations that contradict themselves: each contradiction is told once, by the field's own name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.workload import load_model, model_from_hf_config, parameters

CATALOGUE = load_catalogue()
DENSE: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
}  # fmt: skip
MIXTURE = DENSE | {"model_type": "qwen3_moe", "num_experts": 64, "num_experts_per_tok": 8, "moe_intermediate_size": 768}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            DENSE | {"layer_types": ["full_attention"] * 3},
            ["layer_types: 3 layers; allowed: one for each of 32 layers"],
        ),
        (
            DENSE | {"layer_types": ["full_attention"] * 33},
            ["layer_types: 33 layers; allowed: one for each of 32 layers"],
        ),
        (DENSE | {"layer_types": [1] + ["full_attention"] * 31}, ["layer_types[0]: 1 (a number); allowed: text"]),
        (
            DENSE | {"num_hidden_layers": 9, "intermediate_size": [14336] * 11},
            ["intermediate_size: a list of 11 (a list); allowed: a whole number, or the same one for each of 9 layers"],
        ),
        (
            DENSE | {"quantization_config": {"quant_method": "awq", "bits": "four"}},
            ["quantization_config.bits: 'four' (text); allowed: a whole number from 0 to 1,000,000,000"],
        ),
        (DENSE | {"model_type": ["llama"]}, ["model_type: ['llama'] (a list); allowed: text"]),
        (MIXTURE | {"decoder_sparse_step": 0}, ["decoder_sparse_step: 0 (a number); allowed: 1 or more layers"]),
        (
            DENSE | {"model_type": "qwen3_5", "full_attention_interval": 0, "hidden_size": "4096"},
            [
                "hidden_size: '4096' (text); allowed: a whole number from 0 to 1,000,000,000",
                "full_attention_interval: 0 (a number); allowed: 1 or more layers",
            ],
        ),
    ],
)
def test_each_contradiction_is_told_once(config: dict[str, Any], said: list[str], tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    with pytest.raises(ScenarioError) as refused:
        load_model(str(path), CATALOGUE)
    assert sorted(map(str, refused.value.problems)) == sorted(said)


LLAMA_70B = {"dim": 8192, "n_layers": 80, "n_heads": 64, "n_kv_heads": 8, "vocab_size": 128256, "multiple_of": 4096}
MIXTRAL = {"dim": 4096, "n_layers": 32, "head_dim": 128, "hidden_dim": 14336, "n_heads": 32, "n_kv_heads": 8}


@pytest.mark.parametrize(
    ("params", "total", "assumed"),
    [
        (LLAMA_70B | {"ffn_dim_multiplier": 1.3, "rope_theta": 5e5}, 70_553_706_496, 1),
        ({"dim": 4096, "multiple_of": 256, "n_heads": 32, "n_layers": 32, "vocab_size": -1}, 6_738_415_616, 2),
        (MIXTRAL | {"vocab_size": 32000, "moe": {"num_experts_per_tok": 2, "num_experts": 8}}, 46_702_792_704, 1),
    ],
)
def test_releases_of_meta_and_mistral_are_read(
    params: dict[str, Any], total: int, assumed: int, tmp_path: Path
) -> None:
    """Totals are those that the same weights have as Llama 3.1 70B, Llama 2 7B and Mixtral 8x7B."""
    (tmp_path / "params.json").write_text(json.dumps(params))
    for where in (tmp_path, tmp_path / "params.json"):
        arch = load_model(where, CATALOGUE)
        assert parameters(arch).total == total
        assert len(arch.assumed) == assumed


def test_a_release_with_wrong_fields_names_them(tmp_path: Path) -> None:
    """What the width is worked out from has names of its own."""
    (tmp_path / "params.json").write_text(json.dumps(LLAMA_70B | {"multiple_of": 0, "ffn_dim_multiplier": "1.3"}))
    with pytest.raises(ScenarioError) as caught:
        load_model(tmp_path, CATALOGUE)
    assert {p.path for p in caught.value.problems} == {"multiple_of", "ffn_dim_multiplier"}


@pytest.mark.parametrize(
    ("name", "written"),
    [("hidden_size", "hiden_size"), ("num_key_value_heads", "num_key_value_head"), ("vocab_size", "vocabsize")],
)
def test_a_misspelt_dimension_is_named_not_taken_for_granted(name: str, written: str) -> None:
    """Else a default of the class, or heads without groups, would stand in its place."""
    fields = {"hidden_size": 512, "num_hidden_layers": 2, "num_attention_heads": 8, "num_key_value_heads": 2,
              "vocab_size": 1000, "intermediate_size": 2048, "model_type": "llama"}  # fmt: skip
    fields[written] = fields.pop(name)
    with pytest.raises(ScenarioError) as caught:
        model_from_hf_config(fields)
    assert [(p.path, p.allowed) for p in caught.value.problems] == [(written, name)]
