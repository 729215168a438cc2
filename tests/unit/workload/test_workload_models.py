"""Models from the catalogue and from Hugging Face configurations; parameters and FLOPs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.workload import (
    ModelArch,
    attention_flops_per_token,
    load_model,
    mean_keys,
    model_flops_per_token,
    model_from_hf_config,
    parameters,
)

LLAMA_8B: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
}
DEEPSEEK_V3: dict[str, Any] = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "hidden_size": 7168,
    "num_hidden_layers": 61,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "intermediate_size": 18432,
    "vocab_size": 129280,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "kv_lora_rank": 512,
    "q_lora_rank": 1536,
    "n_routed_experts": 256,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 2048,
    "n_shared_experts": 1,
    "first_k_dense_replace": 3,
    "num_nextn_predict_layers": 1,
}

ROUGH = dict.fromkeys(("falcon-180b", "glm-4.5", "glm-4.5-air", "grok-1", "step-3.5-flash"), 0.01) | {"kimi-k2": 0.014}
"""How far apart stated totals and configurations are, where it is more than 0.2 %."""


def small(**changes: Any) -> ModelArch:
    values: dict[str, Any] = {
        "key": "small", "title": "small", "layers": 2, "hidden": 8, "heads": 2, "kv_heads": 2, "head_dim": 4,
        "ffn": 32, "gated": False, "vocab": 100, "tied_embeddings": True, "attention": "mha",
    }  # fmt: skip
    return ModelArch(**(values | changes))


def half_of_last_digit(value: float) -> float:
    """Half a unit of the last digit that a published number carries: 3.6e9 says 3.55 to 3.65 billion."""
    mantissa, exponent = f"{value:.12e}".split("e")
    decimals = len(mantissa.rstrip("0").partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent) - decimals)


@pytest.mark.parametrize("key", load_catalogue().keys("model"))
def test_parameters_equal_the_published_count(key: str) -> None:
    catalogue = load_catalogue()
    published = catalogue.number(key, "params_total")
    counts = parameters(load_model(key, catalogue))
    share = ROUGH.get(key, 0.002)
    assert counts.total == pytest.approx(published, abs=max(share * published, half_of_last_digit(published)))


def test_parameters_by_hand() -> None:
    counts = parameters(small())
    # layer: q, k, v, o 4 x 8 x 8 = 256; MLP 2 x 8 x 32 = 512; norms 2 x 8 = 16 -> 784
    assert counts.kinds[0].total == 784
    # 2 layers, 100 x 8 table (tied), last norm 8
    assert counts.total == counts.active == 2 * 784 + 800 + 8


def test_active_parameters_leave_out_experts_not_chosen() -> None:
    arch = small(experts=4, experts_per_token=1, expert_ffn=16, gated=True, dense_layers=1)
    counts = parameters(arch)
    # one expert 3 x 8 x 16 = 384; one mixture layer, three experts idle
    assert counts.total - counts.active == 3 * 384


def test_model_flops_by_hand() -> None:
    # matrices 2 x (256 + 512) + head 800 = 2336, times 6; attention per layer and token: keys s/2 = 5,
    # 2 x 5 keys x 2 heads x (4 + 4) = 160 forward, x 3 x 2 layers = 960
    assert model_flops_per_token(small(), 10) == 6 * 2336 + 960
    assert attention_flops_per_token(small(), 10, causal_half=False) == 2 * attention_flops_per_token(small(), 10)


def test_window_bounds_the_keys() -> None:
    assert mean_keys(8192) == 4096
    # w - w^2 / 2s = 1024 - 1024^2 / 16384 = 960
    assert mean_keys(8192, 1024) == 960
    assert mean_keys(512, 1024) == 256


def test_deepseek_flops_per_token_as_published() -> None:
    # NVIDIA's recipe prints 163.7 TFLOP/s and 52.04 s for 8,192 sequences of 4,096 on 1,024 GPUs: 260 GFLOP per token
    arch = model_from_hf_config(DEEPSEEK_V3)
    assert model_flops_per_token(arch, 4096) == pytest.approx(163.7e12 * 1024 * 52.04 / (8192 * 4096), rel=0.01)


@pytest.mark.parametrize(
    ("config", "total"),
    [
        (LLAMA_8B, 8_030_261_248),
        (DEEPSEEK_V3, 671.0e9),
        (
            {
                "architectures": ["MixtralForCausalLM"], "hidden_size": 4096, "num_hidden_layers": 32,
                "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 32000,
                "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": None,
            },
            46.7e9,
        ),
        (
            {
                "architectures": ["GptOssForCausalLM"], "hidden_size": 2880, "num_hidden_layers": 36,
                "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 2880,
                "vocab_size": 201088, "num_local_experts": 128, "num_experts_per_tok": 4, "sliding_window": 128,
            },
            116.83e9,
        ),
        (
            {
                "architectures": ["Qwen3MoeForCausalLM"], "hidden_size": 4096, "num_hidden_layers": 94,
                "num_attention_heads": 64, "num_key_value_heads": 4, "head_dim": 128, "moe_intermediate_size": 1536,
                "intermediate_size": 12288, "vocab_size": 151936, "num_experts": 128, "num_experts_per_tok": 8,
            },
            235.1e9,
        ),
        (
            {
                "architectures": ["GPT2LMHeadModel"], "n_embd": 1600, "n_layer": 48, "n_head": 25,
                "vocab_size": 50257, "n_positions": 1024,
            },
            1_557_611_200,
        ),
        (
            {
                "architectures": ["Gemma2ForCausalLM"], "hidden_size": 3584, "num_hidden_layers": 42,
                "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256, "intermediate_size": 14336,
                "vocab_size": 256000, "sliding_window": 4096,
            },
            9.24e9,
        ),
    ],
)  # fmt: skip
def test_hugging_face_configurations_give_the_published_size(config: dict[str, Any], total: float) -> None:
    assert parameters(model_from_hf_config(config)).total == pytest.approx(total, rel=0.002)


def test_layer_types_decide_which_layers_are_windowed() -> None:
    config = {
        **LLAMA_8B, "architectures": ["Gemma3ForCausalLM"], "sliding_window": 512,
        "layer_types": ["sliding_attention"] * 20 + ["full_attention"] * 12,
    }  # fmt: skip
    arch = model_from_hf_config(config)
    assert (arch.window, arch.mixers, arch.tied_embeddings) == (512, "w" * 20 + "f" * 12, True)


def test_unknown_architecture_names_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match=r"OwnForCausalLM.*hidden_size.*Known types: .*gpt_oss.*llama.*mamba2"):
        model_from_hf_config({"architectures": ["OwnForCausalLM"]})


def test_unknown_type_with_the_fields_of_a_decoder_is_read_as_one() -> None:
    arch = model_from_hf_config({**LLAMA_8B, "architectures": ["OwnForCausalLM"], "model_type": "own"})
    assert parameters(arch).total == 8_030_261_248
    assert "'own' is not known" in arch.assumed[0]


def test_missing_fields_are_named_together() -> None:
    config = {k: v for k, v in LLAMA_8B.items() if k not in ("hidden_size", "vocab_size")}
    with pytest.raises(ScenarioError, match="lacks hidden_size, vocab_size") as caught:
        model_from_hf_config(config)
    assert [p.path for p in caught.value.problems] == ["hidden_size", "vocab_size"]


def test_a_model_is_read_from_a_file_or_its_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_8B))
    catalogue = load_catalogue()
    assert load_model(tmp_path, catalogue) == load_model(tmp_path / "config.json", catalogue)
    assert load_model(tmp_path, catalogue).layers == 32


@pytest.mark.parametrize(("content", "message"), [("{", "not valid JSON"), ("[1]", "holds a list")])
def test_broken_files_are_the_users_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ScenarioError, match=message):
        load_model(tmp_path / "config.json", load_catalogue())


def test_unknown_key_and_missing_file() -> None:
    with pytest.raises(CatalogueError, match=r"llama-3\.1-405b"):
        load_model("llama-3.1-406b", load_catalogue())
    with pytest.raises(ScenarioError, match="no such file"):
        load_model("nowhere/config.json", load_catalogue())


def test_inconsistent_dimensions_are_refused() -> None:
    with pytest.raises(ScenarioError, match=r"kv_heads: 3; allowed: a divisor of heads = 32"):
        load_model_dict({**LLAMA_8B, "num_key_value_heads": 3})


def load_model_dict(config: dict[str, Any]) -> ModelArch:
    from megawatt.workload import check_arch

    return check_arch(model_from_hf_config(config))


def test_flops_of_an_empty_sequence_are_refused() -> None:
    with pytest.raises(ScenarioError, match="seq_len = 0"):
        model_flops_per_token(small(), 0)
