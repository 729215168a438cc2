"""Configurations: names of fields, kinds of layers, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from megawatt.errors import ScenarioError
from megawatt.workload import (
    Attention,
    Linear,
    Mamba,
    Mixture,
    Mlp,
    attention_flops_per_token,
    model_from_hf_config,
    parameters,
    structure,
)
from tests.model_families.compare import MODELS

BASE: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 8, "num_attention_heads": 4, "vocab_size": 100,
    "intermediate_size": 128,
}  # fmt: skip


def config(name: str) -> dict[str, Any]:
    return dict(next(m.config for m in MODELS if m.name == name))


@pytest.mark.parametrize(
    ("fields", "mlps"),
    [
        ({"decoder_sparse_step": 2}, "de" * 4),
        ({"decoder_sparse_step": 1, "mlp_only_layers": [0, 3]}, "deedeeee"),
        ({"first_k_dense_replace": 2, "moe_layer_freq": 1}, "ddeeeeee"),
        ({"moe_layer_freq": [0, 0, 0, 1, 1, 1, 0, 1]}, "dddeeede"),
        ({"mlp_layer_types": ["dense"] + ["sparse"] * 7}, "deeeeeee"),
        ({"is_moe_layer": [False, False, *[True] * 6]}, "ddeeeeee"),
        ({"moe_layers_enum": "2,3,4"}, "ddeeeddd"),
        ({"moe_layers_enum": [2, 3, 4]}, "ddeeeddd"),
        ({"moe_layers_enum": "4, 5,6,7"}, "ddddeeee"),
        ({"moe_layer_interval": 2, "moe_layer_start_index": 2}, "dddedede"),
    ],
)
def test_where_mixtures_stand(fields: dict[str, Any], mlps: str) -> None:
    moe = {"num_experts": 4, "num_experts_per_tok": 1, "moe_intermediate_size": 32}
    shape = structure(model_from_hf_config({**BASE, "model_type": "own", **moe, **fields}))
    found = ["e" if isinstance(shape.kinds[k].mlp, Mixture) else "d" for k in shape.pattern]
    assert "".join(found) == mlps


@pytest.mark.parametrize(
    ("fields", "windows"),
    [
        ({"model_type": "mistral", "sliding_window": 16}, [16] * 8),
        ({"model_type": "mistral", "sliding_window": None}, [0] * 8),
        ({"model_type": "gemma2", "sliding_window": 16}, [16, 0] * 4),
        ({"model_type": "cohere2", "sliding_window": 16, "sliding_window_pattern": 4}, [16, 16, 16, 0] * 2),
        ({"model_type": "own", "sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"] * 4},
         [16, 0] * 4),
        ({"model_type": "qwen2", "sliding_window": 16, "use_sliding_window": False}, [0] * 8),
        ({"model_type": "qwen2", "sliding_window": 16, "use_sliding_window": True, "max_window_layers": 6},
         [0] * 6 + [16] * 2),
    ],
)  # fmt: skip
def test_which_layers_have_a_window(fields: dict[str, Any], windows: list[int]) -> None:
    shape = structure(model_from_hf_config({**BASE, **fields}))
    mixers = [shape.kinds[k].mixers[0] for k in shape.pattern]
    assert [m.window for m in mixers if isinstance(m, Attention)] == windows


def test_layers_of_a_delta_net() -> None:
    shape = structure(model_from_hf_config(config("Qwen3-Next 80B A3B")))
    assert shape.counts == (36, 12)
    linear, full = (kind.mixers[0] for kind in shape.kinds)
    assert isinstance(linear, Linear) and isinstance(full, Attention)  # noqa: PT018
    # queries and keys 2 x 16 x 128, values and gate 2 x 32 x 128, two rates a value head
    assert linear.input_columns == 4096 + 8192 + 64
    assert linear.state() == 32 * 128 * 128 + (4096 + 4096) * 3
    assert full.gate


def test_layers_that_are_one_block_each() -> None:
    shape = structure(model_from_hf_config(config("Nemotron-H 56B")))
    mamba, mlp, attention = shape.kinds
    assert isinstance(mamba.mixers[0], Mamba)
    assert mamba.mlp is None
    assert isinstance(mlp.mlp, Mlp)
    assert mlp.mixers == ()
    assert (attention.blocks, mlp.blocks) == (1, 1)


def test_keys_that_other_layers_lend() -> None:
    shape = structure(model_from_hf_config(config("Hunyuan Large")))
    own = [m.own_keys for kind in shape.kinds for m in kind.mixers if isinstance(m, Attention)]
    assert own == [True, False]
    assert shape.counts == (32, 32)


def test_an_indexer_that_is_not_written_is_that_of_the_class() -> None:
    given = {k: v for k, v in config("GLM-5").items() if not k.startswith("index_")}
    arch = model_from_hf_config(given)
    assert arch.index_heads == 32
    assert any("index_n_heads = 32" in line for line in arch.assumed)


def test_a_class_without_its_type_is_said() -> None:
    given = {k: v for k, v in BASE.items() if k != "model_type"} | {"architectures": ["Gemma2ForCausalLM"]}
    assert "no model_type: read as gemma2" in model_from_hf_config(given).assumed[0]


def test_searched_layers_differ_one_by_one() -> None:
    def block(group: int | None, mult: float | None) -> dict[str, Any]:
        return {"attention": {"n_heads_in_group": group, "no_op": group is None},
                "ffn": {"ffn_mult": mult, "no_op": mult is None}}  # fmt: skip

    blocks = [block(2, 2.0), block(None, 8.0), block(2, None), block(None, None)]
    arch = model_from_hf_config(
        {"model_type": "nemotron-nas", "hidden_size": 768, "num_hidden_layers": 4, "num_attention_heads": 8,
         "vocab_size": 100, "block_configs": blocks}
    )  # fmt: skip
    # 2/3 x 2 x 768 = 1,024 and 2/3 x 8 x 768 = 4,096, multiples of 256
    assert (arch.mixers, arch.ffn_by_layer, arch.kv_heads) == ("f-f-", (1024, 4096, 0, 0), 4)
    assert [kind.blocks for kind in structure(arch).kinds] == [2, 1, 1, 0]


def test_a_configuration_as_the_authors_of_mamba_write_it() -> None:
    release = {"d_model": 2560, "n_layer": 64, "vocab_size": 50277, "ssm_cfg": {"layer": "Mamba2"},
               "pad_vocab_size_multiple": 16, "tie_embeddings": True}  # fmt: skip
    same = model_from_hf_config(config("Mamba-2 2.7B"))
    assert structure(model_from_hf_config(release)) == structure(same)
    assert parameters(model_from_hf_config(release)).total == parameters(same).total


def test_sparse_attention_saves_work_on_long_sequences() -> None:
    full, picked = (model_from_hf_config(config(name)) for name in ("DeepSeek-V3", "DeepSeek-V3.2"))
    short, long = 2048, 131_072
    # below 2,048 keys nothing is left out and the indexer comes on top
    assert attention_flops_per_token(picked, short) > attention_flops_per_token(full, short)
    # beyond: 2,048 of 65,536 keys on average and the index scores, 64 heads of 128
    ratio = attention_flops_per_token(picked, long) / attention_flops_per_token(full, long)
    assert ratio == pytest.approx((2048 + 65_536 * 64 * 128 / (128 * 320)) / 65_536, rel=0.03)


def test_work_of_a_recurrence_does_not_grow_with_the_sequence() -> None:
    arch = model_from_hf_config(config("Mamba-2 2.7B"))
    # 7 per element of the state, 5,120 x 128, in 64 layers
    assert attention_flops_per_token(arch, 1000) == attention_flops_per_token(arch, 100_000) == 64 * 7 * 5120 * 128


@pytest.mark.parametrize(
    ("fields", "bits"),
    [
        ({"quant_method": "fp8"}, 8.0),
        ({"quant_method": "mxfp4"}, 4.25),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 4.125),
        ({"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 4, "group_size": 32}}}},
         4.5),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4.5),
    ],
)  # fmt: skip
def test_quantised_weights_count_and_are_told(fields: dict[str, Any], bits: float) -> None:
    arch = model_from_hf_config({**BASE, "quantization_config": fields})
    assert arch.weight_bits == bits
    assert parameters(arch) == parameters(model_from_hf_config(BASE))
    assert any("quantised" in text for text in arch.assumed)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"model_type": "clip_vision_model", "hidden_size": 1024, "num_hidden_layers": 24}, "an encoder"),
        ({"model_type": "bert"}, "an encoder"),
        ({"architectures": ["RobertaForMaskedLM"]}, "an encoder"),
        ({"model_type": "t5"}, "an encoder-decoder"),
        ({"model_type": "own", "is_encoder_decoder": True}, "an encoder-decoder"),
        ({"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.30"}, "a diffusion model"),
        ({"model_type": "rwkv"}, "a recurrent network"),
        ({"model_type": "zamba2"}, "share weights"),
        ({"model_type": "lfm2"}, "short convolutions"),
    ],
)
def test_what_is_no_language_model_of_ours_says_so(fields: dict[str, Any], what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        model_from_hf_config({k: v for k, v in BASE.items() if k != "model_type"} | fields)


@pytest.mark.parametrize(
    ("fields", "path", "kind"),
    [
        ({"num_hidden_layers": "8"}, "num_hidden_layers", "text"),
        ({"hidden_size": float("inf")}, "hidden_size", "a number"),
        ({"hidden_size": [64, 32]}, "hidden_size", "a list"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings", "text"),
        ({"model_type": 5}, "model_type", "a number"),
        ({"text_config": 5}, "text_config", "a number"),
        ({"layer_types": "full"}, "layer_types", "text"),
        ({"layer_types": ["full_attention", 5] * 4}, "layer_types[1]", "a number"),
        ({"layer_types": ["conv"] * 8}, "layer_types[0]", "text"),
        ({"quantization_config": [1]}, "quantization_config", "a list"),
        ({"num_hidden_layers": 10**8}, "num_hidden_layers", "a number"),
    ],
)
def test_a_wrong_field_is_named_with_its_type(fields: dict[str, Any], path: str, kind: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        model_from_hf_config({**BASE, **fields})
    problem = next(p for p in caught.value.problems if p.path == path)
    assert f"({kind})" in problem.found
