"""Configurations that contradict themselves: each contradiction is told once, by the field's own name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.workload import load_model

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
