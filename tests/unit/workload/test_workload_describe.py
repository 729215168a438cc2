"""A model in numbers: parts add up, keys and values, states."""

from __future__ import annotations

import dataclasses

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.workload import describe_model, load_model, model_flops_per_token

CATALOGUE = load_catalogue()


@pytest.mark.parametrize("key", ["llama-3.1-8b", "deepseek-v3", "gpt-oss-20b", "gpt-3-175b"])
def test_parts_add_up(key: str) -> None:
    arch = load_model(key, CATALOGUE)
    found = describe_model(arch, 8192)
    assert sum(found.parts.values()) == found.total
    assert sum(group.count for group in found.layers) == arch.layers
    assert found.forward_flops_per_token + found.backward_flops_per_token == pytest.approx(
        model_flops_per_token(arch, 8192)
    )
    assert found.facts["layers"]


def test_keys_and_values_by_hand() -> None:
    # 32 layers x 8 heads x (128 + 128) x 2 bytes
    assert describe_model(load_model("llama-3.1-8b", CATALOGUE), 4096).kv_bytes_per_token == 131_072
    # 61 layers x (512 + 64) x 2 bytes
    deepseek = describe_model(load_model("deepseek-v3", CATALOGUE), 4096)
    assert deepseek.kv_bytes_per_token == 61 * 576 * 2
    assert deepseek.kv_bytes_per_sequence == 4096 * deepseek.kv_bytes_per_token
    assert {group.count: group.words for group in deepseek.layers}[3].endswith("MLP of 18,432")
    # half of 24 layers keep 128 tokens, the other half all of them: 8 heads x 128 elements x 2 bytes
    windowed = describe_model(load_model("gpt-oss-20b", CATALOGUE), 8192)
    assert windowed.kv_bytes_per_sequence == 12 * (128 + 8192) * 8 * 128 * 2


def test_published_bits_count_in_the_weights() -> None:
    arch = load_model("llama-3.1-8b", CATALOGUE)
    assert describe_model(arch).weight_bytes == 2 * describe_model(arch).total
    assert describe_model(dataclasses.replace(arch, weight_bits=4.25)).weight_bytes == 4.25 / 8 * 8_030_261_248


def test_an_empty_sequence_is_refused() -> None:
    with pytest.raises(ScenarioError, match="seq_len = 0"):
        describe_model(load_model("llama-3.1-8b", CATALOGUE), 0)
