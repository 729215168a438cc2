"""What the classes of Hugging Face models take for granted: defaults of their fields, and traits that no field tells.

Defaults and traits are those of the configuration classes of transformers 4.57 and 5 (models/*/configuration_*.py) and
of the configurations that models bring along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

__all__ = ["FAMILIES", "NOT_DECODERS", "Family", "family_of"]


@dataclass(frozen=True, slots=True)
class Family:
    """Models of one ``model_type``: defaults of fields; gated MLPs, tied embeddings, biases where no field says
    otherwise; letters of the mixers (see `ModelArch`) of models that have a window and no list of layers."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    gated: bool = True
    tied: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    local: str = "w"


def _dims(vocab: int, hidden: int, ffn: int, layers: int, heads: int, kv: int = 0, **more: Any) -> dict[str, Any]:
    found = {
        "vocab_size": vocab,
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
    }
    return found | ({"num_key_value_heads": kv} if kv else {}) | more


def _gpt(defaults: Mapping[str, Any], *, tied: bool = True, local: str = "w") -> Family:
    """The GPT family: two matrices an MLP, biases everywhere."""
    return Family(defaults, gated=False, tied=tied, attention_bias=True, mlp_bias=True, local=local)


_LINEAR: Final = {
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
    "full_attention_interval": 4,
}
_MLA: Final = {
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
}
_DEEPSEEK: Final = _dims(
    129280, 7168, 18432, 61, 128, 128, **_MLA, moe_intermediate_size=2048, n_routed_experts=256, n_shared_experts=1,
    num_experts_per_tok=8, first_k_dense_replace=3,
)  # fmt: skip
_V32: Final = _DEEPSEEK | {"index_n_heads": 64, "index_head_dim": 128, "index_topk": 2048}
_GPT2: Final = {"vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024}

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "afmoe": Family(_dims(200192, 2048, 6144, 32, 32, 8, head_dim=128), local="wwwf"),
        "arcee": Family(_dims(32000, 2560, 18432, 32, 32), gated=False),
        "arctic": Family(),
        "baichuan": Family(_dims(125696, 4096, 11008, 32, 32)),
        "bamba": Family(_dims(128000, 4096, 14336, 32, 32, 8, mamba_n_heads=128, mamba_d_state=256, mamba_d_conv=4)),
        "bloom": _gpt({"vocab_size": 250880}),
        "chatglm": Family(attention_bias=True),
        "cohere": Family(_dims(256000, 8192, 22528, 40, 64), tied=True),
        "cohere2": Family(_dims(256000, 8192, 22528, 40, 64, sliding_window=4096), tied=True, local="wwwf"),
        "dbrx": Family(),
        "deci": Family(),
        "deepseek_v2": Family(
            _dims(102400, 4096, 11008, 32, 32, **_MLA, moe_intermediate_size=1407, num_experts_per_tok=2)
        ),
        "deepseek_v3": Family(_DEEPSEEK),
        "deepseek_v32": Family(_V32),
        "deepseek_v4": Family(
            {"vocab_size": 129280, "hidden_size": 4096, "num_hidden_layers": 43, "num_attention_heads": 64,
             "num_key_value_heads": 1, "head_dim": 512, "q_lora_rank": 1024, "moe_intermediate_size": 2048,
             "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 6, "sliding_window": 128,
             "o_groups": 8, "o_lora_rank": 1024, "index_n_heads": 64, "index_head_dim": 128, "index_topk": 512}
        ),
        "exaone": Family(),
        "exaone4": Family(local="wwwf"),
        "exaone_moe": Family(local="wwwf"),
        "falcon": Family(
            {"vocab_size": 65024, "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71},
            gated=False, tied=True,
        ),
        "falcon_h1": Family(),
        "gemma": Family(_dims(256000, 3072, 24576, 28, 16, 16, head_dim=256), tied=True),
        "gemma2": Family(
            _dims(256000, 2304, 9216, 26, 8, 4, head_dim=256, sliding_window=4096), tied=True, local="wf"
        ),
        "gemma3": Family(
            _dims(262208, 2304, 9216, 26, 8, 4, head_dim=256, sliding_window=4096), tied=True, local="wwwwwf"
        ),
        "gemma4": Family(
            _dims(262144, 2304, 9216, 30, 8, 4, head_dim=256, global_head_dim=512, sliding_window=512), tied=True,
            local="wwwwwf",
        ),
        "gemma3n": Family(
            _dims(262400, 2048, 16384, 35, 8, 2, head_dim=256, hidden_size_per_layer_input=256, sliding_window=512),
            tied=True, local="wwwwf",
        ),
        "glm": Family(_dims(151552, 4096, 13696, 40, 32, 2, head_dim=128), attention_bias=True),
        "glm4": Family(_dims(151552, 4096, 13696, 40, 32, 2, head_dim=128), attention_bias=True),
        "glm4_moe": Family(
            _dims(151552, 4096, 10944, 46, 96, 8, head_dim=128, moe_intermediate_size=1408, num_experts_per_tok=8,
                  n_shared_experts=1, n_routed_experts=128, first_k_dense_replace=1),
        ),
        "glm4_moe_lite": Family(_DEEPSEEK),
        "glm_moe_dsa": Family(
            _dims(154880, 6144, 12288, 78, 64, 64, q_lora_rank=2048, kv_lora_rank=512, qk_nope_head_dim=192,
                  qk_rope_head_dim=64, v_head_dim=256, moe_intermediate_size=2048, n_routed_experts=256,
                  n_shared_experts=1, num_experts_per_tok=8, first_k_dense_replace=3, index_n_heads=32,
                  index_head_dim=128, index_topk=2048),
        ),
        "gpt2": _gpt(_GPT2),
        "gpt_bigcode": _gpt(_GPT2),
        "gpt_neo": _gpt({}),
        "gpt_neox": _gpt(_dims(50432, 6144, 24576, 44, 64), tied=False),
        "gpt_oss": Family(
            _dims(201088, 2880, 2880, 36, 64, 8, head_dim=64, num_local_experts=128, num_experts_per_tok=4,
                  sliding_window=128),
            attention_bias=True, mlp_bias=True, local="wf",
        ),
        "gptj": Family({"vocab_size": 50400, "n_embd": 4096, "n_layer": 28, "n_head": 16}, gated=False, mlp_bias=True),
        "granite": Family(_dims(32000, 4096, 11008, 32, 32)),
        "granitemoe": Family(_dims(32000, 4096, 11008, 32, 32, num_local_experts=8, num_experts_per_tok=2)),
        "granitemoehybrid": Family(
            _dims(32000, 4096, 11008, 32, 32, num_local_experts=8, num_experts_per_tok=2, mamba_n_heads=128,
                  mamba_d_state=256, mamba_d_conv=4),
        ),
        "grok_1": Family(_dims(131072, 6144, 32768, 64, 48, 8, num_experts=8, num_experts_per_tok=2), tied=True),
        "hunyuan": Family(),
        "jamba": Family(
            _dims(65536, 4096, 14336, 32, 32, 8, num_experts=16, num_experts_per_tok=2, mamba_d_state=16,
                  mamba_d_conv=4),
        ),
        "kimi_k2": Family(_DEEPSEEK),
        "kimi_linear": Family(),
        "laguna": Family(local="fwww"),
        "llama": Family(_dims(32000, 4096, 11008, 32, 32)),
        "llama4": Family(
            _dims(202048, 5120, 8192, 48, 40, 8, intermediate_size_mlp=16384, head_dim=128, num_local_experts=16,
                  num_experts_per_tok=1, attention_chunk_size=8192),
            local="cccf",
        ),
        "longcat_flash": Family(),
        "mamba": Family({"vocab_size": 50280, "hidden_size": 768, "num_hidden_layers": 32, "state_size": 16,
                         "conv_kernel": 4}, tied=True),
        "mamba2": Family(
            {"vocab_size": 32768, "hidden_size": 4096, "num_hidden_layers": 64, "state_size": 128, "n_groups": 8,
             "conv_kernel": 4, "head_dim": 64}, tied=False,
        ),
        "mimo_v2": Family(),
        "minimax": Family(),
        "minimax_m2": Family(),
        "ministral": Family(_dims(131072, 4096, 12288, 36, 32, 8), local="wf"),
        "ministral3": Family(_dims(131072, 4096, 14336, 34, 32, 8, head_dim=128)),
        "mistral": Family(_dims(32000, 4096, 14336, 32, 32, 8)),
        "mistral4": Family(),
        "mixtral": Family(_dims(32000, 4096, 14336, 32, 32, 8, num_local_experts=8, num_experts_per_tok=2)),
        "mpt": Family({"vocab_size": 50368, "d_model": 2048, "n_layers": 24, "n_heads": 16}, gated=False, tied=True),
        "nemotron": Family(_dims(256000, 6144, 24576, 32, 48), gated=False),
        "nemotron_h": Family(
            _dims(131072, 4096, 21504, 52, 32, 8, head_dim=128, mamba_num_heads=128, mamba_head_dim=64, n_groups=8,
                  ssm_state_size=128, conv_kernel=4),
            gated=False,
        ),
        "olmo": Family(_dims(50304, 4096, 11008, 32, 32)),
        "olmo2": Family(_dims(50304, 4096, 11008, 32, 32)),
        "olmo3": Family(_dims(50304, 4096, 11008, 32, 32, sliding_window=4096), local="wwwf"),
        "olmoe": Family(_dims(50304, 2048, 2048, 16, 16, num_experts=64, num_experts_per_tok=8)),
        "opt": _gpt(
            {"vocab_size": 50272, "hidden_size": 768, "num_hidden_layers": 12, "ffn_dim": 3072,
             "num_attention_heads": 12, "max_position_embeddings": 2048},
        ),
        "phi": _gpt(_dims(51200, 2048, 8192, 24, 32), tied=False),
        "phi3": Family(_dims(32064, 3072, 8192, 32, 32)),
        "phimoe": Family(
            _dims(32064, 4096, 6400, 32, 32, 8, num_local_experts=16, num_experts_per_tok=2), attention_bias=True
        ),
        "qwen2": Family(_dims(151936, 4096, 22016, 32, 32), attention_bias=True),
        "qwen2_moe": Family(
            _dims(151936, 2048, 5632, 24, 16, 16, moe_intermediate_size=1408, shared_expert_intermediate_size=5632,
                  num_experts=60, num_experts_per_tok=4),
            attention_bias=True,
        ),
        "qwen3": Family(_dims(151936, 4096, 22016, 32, 32, 32, head_dim=128)),
        "qwen3_5": Family(_dims(248320, 4096, 12288, 32, 16, 4, head_dim=256, **_LINEAR)),
        "qwen3_5_moe": Family(
            _dims(248320, 2048, 0, 40, 16, 2, head_dim=256, **_LINEAR, moe_intermediate_size=512, num_experts=256,
                  num_experts_per_tok=8, shared_expert_intermediate_size=512),
        ),
        "qwen3_moe": Family(
            _dims(151936, 2048, 6144, 24, 32, 4, moe_intermediate_size=768, num_experts=128, num_experts_per_tok=8)
        ),
        "qwen3_next": Family(
            _dims(151936, 2048, 5632, 48, 16, 2, head_dim=256, **_LINEAR, moe_intermediate_size=512, num_experts=512,
                  num_experts_per_tok=10, shared_expert_intermediate_size=512),
        ),
        "seed_oss": Family(_dims(155136, 4096, 27648, 64, 80, 8, head_dim=128), attention_bias=True),
        "smollm3": Family(_dims(128256, 2048, 11008, 36, 16, 4), tied=True),
        "stablelm": Family(_dims(50304, 2560, 6912, 32, 32)),
        "starcoder2": _gpt(_dims(49152, 3072, 12288, 30, 24, 2)),
        "step3": Family(),
        "step3p5": Family(local="fwww"),
    }
)  # fmt: skip
"""By ``model_type``, without the ``_text`` of multimodal models' text parts."""
_SAME: Final = MappingProxyType(
    {
        "decilm": "deci", "nemotron_nas": "deci", "nemotron-nas": "deci", "refinedweb": "falcon",
        "refinedwebmodel": "falcon", "minimax_text_01": "minimax", "minimax_m1": "minimax", "mimo": "qwen2",
        "mimo_v2_flash": "mimo_v2", "grok-1": "grok_1", "step3p7": "step3p5", "step3p5_flash": "step3p5",
        "step3p7_flash": "step3p5",
        "kimi_k25": "kimi_k2", "hunyuan_v1_dense": "hunyuan", "hunyuan_v1_moe": "hunyuan", "hunyuan_moe": "hunyuan",
        "mistral3": "ministral3", "qwen2_vl": "qwen2", "qwen2_5_vl": "qwen2", "qwen3_vl": "qwen3",
        "qwen3_vl_moe": "qwen3_moe", "glm4v_moe": "glm4_moe", "granitemoeshared": "granitemoe",
        "nemotronh": "nemotron_h", "nemotron_h_puzzle": "nemotron_h", "kimi_k3": "kimi_linear", "ernie4_5": "llama",
        "internlm2": "llama", "internlm3": "llama", "yi": "llama", "gemma4_unified": "gemma4",
    }
)  # fmt: skip
"""Other names of the same."""
NOT_DECODERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        name: kind
        for kind, names in {
            "an encoder": "bert roberta xlm-roberta xlm_roberta distilbert electra deberta deberta-v2 "
            "modernbert camembert mpnet nomic_bert esm ernie longformer big_bird vit deit dinov2 dinov3_vit clip "
            "siglip siglip2 clip_text_model swin convnext resnet wav2vec2 hubert wavlm",
            "an encoder-decoder": "t5 mt5 umt5 longt5 t5gemma bart mbart pegasus marian m2m_100 nllb-moe whisper "
            "speech_to_text seamless_m4t blenderbot led prophetnet fsmt encoder-decoder vision-encoder-decoder",
            "a model whose layers share weights": "zamba zamba2 albert universal_transformer",
            "a model of short convolutions": "lfm2 lfm2_moe stripedhyena hyena",
            "a recurrent network": "rwkv rwkv5 rwkv6 rwkv7 recurrent_gemma xlstm",
            "a diffusion model": "unet dit flux sd3 stable_diffusion wan hunyuan_video llada dream diffusiongemma",
        }.items()
        for name in names.split()
    }
)  # fmt: skip
"""``model_type`` of models that have no cost here, and what they are."""
_PLAIN: Final = MappingProxyType({name.replace("_", ""): name for name in (*FAMILIES, *_SAME, *NOT_DECODERS)})
_ENDINGS: Final = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel", "ForMaskedLM", "Model",
                   "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "Text")  # fmt: skip


def family_of(model_type: str, class_name: str = "") -> str:
    """Name in `FAMILIES` or `NOT_DECODERS` of a ``model_type``, or else of a class; empty where neither is known."""
    stem = class_name
    for ending in _ENDINGS:
        stem = stem.removesuffix(ending)
    for text in (model_type, model_type.removesuffix("_text"), stem):
        name = _PLAIN.get(text.lower().replace("_", ""), text) if text else ""
        name = _SAME.get(name, name)
        if name in FAMILIES or name in NOT_DECODERS:
            return name
    return ""
