"""Mixtures of experts of attention alone."""

from __future__ import annotations

from typing import Any, Final

from tests.model_families.dense import HF, TIED, UNTIED, llama
from tests.model_families.records import Published

__all__ = ["MIXTURES"]


def moe(base: dict[str, Any], experts: int, top: int, width: int, **more: Any) -> dict[str, Any]:
    """Fields of a mixture beside those of its attention."""
    names = {"num_experts": experts, "num_experts_per_tok": top, "moe_intermediate_size": width}
    return base | names | more


def deepseek(hidden: int, ffn: int, layers: int, heads: int, vocab: int, kind: str, experts: int, top: int, width: int,
             *, shared: int, first: int, q_rank: int | None = 1536, **more: Any) -> dict[str, Any]:  # fmt: skip
    """Fields of latent attention with experts."""
    base = llama(hidden, ffn, layers, heads, vocab, heads, kind, **UNTIED)
    latent = {
        "q_lora_rank": q_rank, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "n_routed_experts": experts, "num_experts_per_tok": top, "moe_intermediate_size": width,
        "n_shared_experts": shared, "first_k_dense_replace": first, "moe_layer_freq": 1,
    }  # fmt: skip
    return base | latent | more


def glm(hidden: int, ffn: int, layers: int, experts: int, width: int, first: int, **more: Any) -> dict[str, Any]:
    """Fields of GLM-4.5 and its kin."""
    fields = {
        "model_type": "glm4_moe", "attention_bias": True, "head_dim": 128, "num_key_value_heads": 8,
        "n_routed_experts": experts, "num_experts_per_tok": 8, "moe_intermediate_size": width, "n_shared_experts": 1,
        "first_k_dense_replace": first, "num_nextn_predict_layers": 1,
    }  # fmt: skip
    return llama(hidden, ffn, layers, 96, 151552) | UNTIED | fields | more


def llama4(experts: int, step: int) -> dict[str, Any]:
    """The language part of Llama 4."""
    text = llama(
        5120, 8192, 48, 40, 202048, 8, "llama4_text", head_dim=128, intermediate_size_mlp=16384,
        num_local_experts=experts, num_experts_per_tok=1, interleave_moe_layer_step=step, attention_chunk_size=8192,
    )  # fmt: skip
    return {"model_type": "llama4", "architectures": ["Llama4ForConditionalGeneration"], "text_config": text}


_DSA: Final = {"index_n_heads": 64, "index_head_dim": 128, "index_topk": 2048, "num_nextn_predict_layers": 1}
_V4: Final = {
    "model_type": "deepseek_v4", "vocab_size": 129280, "num_key_value_heads": 1, "head_dim": 512,
    "num_experts_per_tok": 6,
    "n_shared_experts": 1, "sliding_window": 128, "o_lora_rank": 1024, "index_n_heads": 64, "index_head_dim": 128,
    "num_nextn_predict_layers": 1, **UNTIED,
}  # fmt: skip
_V4_FLASH: Final = _V4 | {
    "hidden_size": 4096, "num_hidden_layers": 43, "num_attention_heads": 64, "q_lora_rank": 1024, "o_groups": 8,
    "n_routed_experts": 256, "moe_intermediate_size": 2048, "index_topk": 512,
    "compress_ratios": [0, 0, *[4, 128] * 20, 4, 0],
}  # fmt: skip
_V4_PRO: Final = _V4 | {
    "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128, "q_lora_rank": 1536, "o_groups": 16,
    "n_routed_experts": 384, "moe_intermediate_size": 3072, "index_topk": 1024,
    "compress_ratios": [128, 128, *[4, 128] * 29, 4, 0],
}  # fmt: skip
_KIMI: Final = deepseek(7168, 18432, 61, 64, 163840, "kimi_k2", 384, 8, 2048, shared=1, first=1)
_V2: Final = deepseek(5120, 12288, 60, 128, 102400, "deepseek_v2", 160, 6, 1536, shared=2, first=1)
_GLM5: Final = llama(6144, 12288, 78, 64, 154880, 64, "glm_moe_dsa", **UNTIED) | {
    "q_lora_rank": 2048, "kv_lora_rank": 512, "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256,
    "n_routed_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 2048, "n_shared_experts": 1,
    "first_k_dense_replace": 3, "index_n_heads": 32, "index_head_dim": 128, "index_topk": 2048,
    "num_nextn_predict_layers": 1,
}  # fmt: skip
_GPT_OSS: Final = {"model_type": "gpt_oss", "head_dim": 64, "num_key_value_heads": 8, "num_attention_heads": 64,
                   "hidden_size": 2880, "intermediate_size": 2880, "vocab_size": 201088, "sliding_window": 128,
                   "num_experts_per_tok": 4, **UNTIED}  # fmt: skip
_GEMMA4: Final = llama(
    2816, 2112, 30, 16, 262144, 8, "gemma4_text", head_dim=256, global_head_dim=512, num_global_key_value_heads=2,
    attention_k_eq_v=True, enable_moe_block=True, num_experts=128, top_k_experts=8, moe_intermediate_size=704,
    sliding_window=1024, hidden_size_per_layer_input=0, **TIED,
)  # fmt: skip
_M2: Final = llama(3072, 1536, 62, 48, 200064, 8, "minimax_m2", head_dim=128, num_local_experts=256,
                   num_experts_per_tok=8, shared_intermediate_size=0, **UNTIED)  # fmt: skip
_MIMO_V2: Final = llama(4096, 16384, 48, 64, 152576, 4, "mimo_v2_flash", head_dim=192, v_head_dim=128, **UNTIED) | {
    "swa_num_attention_heads": 64, "swa_num_key_value_heads": 8, "swa_head_dim": 192, "swa_v_head_dim": 128,
    "sliding_window": 128, "hybrid_layer_pattern": [0 if i == 0 or (i + 1) % 6 == 0 else 1 for i in range(48)],
    "moe_layer_freq": [0] + [1] * 47, "n_routed_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 2048,
}  # fmt: skip
_STEP3: Final = llama(7168, 18432, 61, 64, 128815, kind="step3_text", **UNTIED) | {
    "share_q_dim": 2048, "head_dim": 256, "num_attention_groups": 1, "moe_num_experts": 48, "moe_top_k": 3,
    "moe_intermediate_size": 5120, "share_expert_dim": 5120,
    "moe_layers_enum": ",".join(str(i) for i in range(4, 60)),
}  # fmt: skip
_STEP35: Final = llama(4096, 11264, 45, 64, 128896, kind="step3p5", **UNTIED) | {
    "num_attention_groups": 8, "head_dim": 128, "sliding_window": 512, "share_expert_dim": 1280,
    "attention_other_setting": {"attention_type": "sliding_attention", "num_attention_heads": 96,
                                "num_attention_groups": 8, "head_dim": 128},
    "layer_types": (["full_attention"] + ["sliding_attention"] * 3) * 11 + ["full_attention"],
    "moe_num_experts": 288, "moe_top_k": 8, "moe_intermediate_size": 1280,
    "moe_layers_enum": ",".join(str(i) for i in range(3, 45)), "num_nextn_predict_layers": 3,
}  # fmt: skip
_HUNYUAN: Final = llama(6400, 18304, 64, 80, 129024, 8, "hunyuan", **TIED) | {
    "num_experts": 16, "moe_topk": 1, "num_shared_expert": 1, "use_cla": True, "cla_share_factor": 2,
}  # fmt: skip
_HUNYUAN_A13B: Final = llama(4096, 3072, 32, 32, 128167, 8, "hunyuan_v1_moe", head_dim=128, **TIED) | {
    "num_experts": 64, "moe_topk": [8] * 32, "moe_intermediate_size": [3072] * 32, "num_shared_expert": [1] * 32,
    "use_cla": False, "cla_share_factor": 2,
}  # fmt: skip
_DBRX: Final = {
    "model_type": "dbrx", "d_model": 6144, "n_layers": 40, "n_heads": 48, "vocab_size": 100352, **UNTIED,
    "attn_config": {"kv_n_heads": 8},
    "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4},
}  # fmt: skip

MIXTURES: Final = (
    Published("Llama 4", "Llama 4 Scout", "109", "17", HF + "meta-llama/Llama-4-Scout-17B-16E", llama4(16, 1),
              beside=0.871),
    Published("Llama 4", "Llama 4 Maverick", "400", "17", HF + "meta-llama/Llama-4-Maverick-17B-128E", llama4(128, 2),
              beside=0.871),
    Published("Qwen 1.5", "Qwen1.5 MoE A2.7B", "14.3", "2.7", HF + "Qwen/Qwen1.5-MoE-A2.7B",
              moe(llama(2048, 5632, 24, 16, 151936, 16, "qwen2_moe", **UNTIED), 60, 4, 1408,
                  shared_expert_intermediate_size=5632)),
    Published("Qwen 2", "Qwen2 57B A14B", "57.4", "14", HF + "Qwen/Qwen2-57B-A14B",
              moe(llama(3584, 18944, 28, 28, 151936, 4, "qwen2_moe", **UNTIED), 64, 8, 2560,
                  shared_expert_intermediate_size=20480)),
    Published("Qwen 3", "Qwen3 30B A3B", "30.5", "3.3", HF + "Qwen/Qwen3-30B-A3B",
              moe(llama(2048, 6144, 48, 32, 151936, 4, "qwen3_moe", head_dim=128, **UNTIED), 128, 8, 768)),
    Published("Qwen 3", "Qwen3 235B A22B", "235", "22", HF + "Qwen/Qwen3-235B-A22B",
              moe(llama(4096, 12288, 94, 64, 151936, 4, "qwen3_moe", head_dim=128, **UNTIED), 128, 8, 1536)),
    Published("DeepSeek V2", "DeepSeek-V2", "236", "21", HF + "deepseek-ai/DeepSeek-V2", _V2),
    Published("DeepSeek V2", "DeepSeek-V2 Lite", "15.7", "2.4", HF + "deepseek-ai/DeepSeek-V2-Lite",
              deepseek(2048, 10944, 27, 16, 102400, "deepseek_v2", 64, 6, 1408, shared=2, first=1, q_rank=None),
              tables="output"),
    Published("DeepSeek V3", "DeepSeek-V3", "671", "37", "arxiv.org/abs/2412.19437",
              deepseek(7168, 18432, 61, 128, 129280, "deepseek_v3", 256, 8, 2048, shared=1, first=3,
                       num_nextn_predict_layers=1), tables="output"),
    Published("DeepSeek V3.2", "DeepSeek-V3.2", "671", "37", "arxiv.org/abs/2512.02556 (as V3)",
              deepseek(7168, 18432, 61, 128, 129280, "deepseek_v32", 256, 8, 2048, shared=1, first=3, **_DSA),
              tables="output"),
    Published("DeepSeek V4", "DeepSeek-V4 Flash", "284", "13", HF + "deepseek-ai/DeepSeek-V4-Flash", _V4_FLASH,
              tables="output"),
    Published("DeepSeek V4", "DeepSeek-V4 Pro", "1600", "49", HF + "deepseek-ai/DeepSeek-V4-Pro", _V4_PRO,
              tables="output",
              mtp=True),
    Published("Kimi K2", "Kimi K2", "1040", "32", "arxiv.org/abs/2507.20534 table 2", _KIMI, tables="output"),
    Published("Kimi K2.5, K2.6", "Kimi K2.5", "1040", "32", "arxiv.org/abs/2507.20534 (the same language model)",
              {"model_type": "kimi_k25", "text_config": _KIMI}, tables="output"),
    Published("GLM-4.5", "GLM-4.5", "355", "32", HF + "zai-org/GLM-4.5", glm(5120, 12288, 92, 160, 1536, 3),
              tables="none"),
    Published("GLM-4.5", "GLM-4.5 Air", "106", "12", HF + "zai-org/GLM-4.5-Air", glm(4096, 10944, 46, 128, 1408, 1),
              tables="none"),
    Published("GLM-4.6, 4.7", "GLM-4.7", "355", "32", HF + "zai-org/GLM-4.7", glm(5120, 12288, 92, 160, 1536, 3),
              tables="none"),
    Published("GLM-5", "GLM-5", "744", "40", HF + "zai-org/GLM-5", _GLM5, tables="none"),
    Published("gpt-oss", "gpt-oss 120b", "116.83", "5.13", "arxiv.org/abs/2508.10925 table 1",
              _GPT_OSS | {"num_hidden_layers": 36, "num_local_experts": 128}, tables="output"),
    Published("gpt-oss", "gpt-oss 20b", "20.91", "3.61", "arxiv.org/abs/2508.10925 table 1",
              _GPT_OSS | {"num_hidden_layers": 24, "num_local_experts": 32}, tables="output"),
    Published("Gemma 4", "Gemma 4 26B A4B", "25.2", "3.8", HF + "google/gemma-4-26B-A4B", _GEMMA4),
    Published("MiniMax M2 to M2.7", "MiniMax M2", "230", "10", HF + "MiniMaxAI/MiniMax-M2", _M2, tables="none"),
    Published("Mixtral", "Mixtral 8x7B", "46.7", "12.9", "mistral.ai/news/mixtral-of-experts",
              llama(4096, 14336, 32, 32, 32000, 8, "mixtral", num_local_experts=8, num_experts_per_tok=2)),
    Published("Mixtral", "Mixtral 8x22B", "141", "39", "mistral.ai/news/mixtral-8x22b",
              llama(6144, 16384, 56, 48, 32768, 8, "mixtral", num_local_experts=8, num_experts_per_tok=2)),
    Published("Phi 3", "Phi-3.5 MoE", "41.9", "6.6", HF + "microsoft/Phi-3.5-MoE-instruct",
              llama(4096, 6400, 32, 32, 32064, 8, "phimoe", num_local_experts=16, num_experts_per_tok=2,
                    attention_bias=True, **UNTIED)),
    Published("OLMoE", "OLMoE 1B 7B", "6.92", "1.28", "arxiv.org/abs/2409.02060 table 1",
              llama(2048, 1024, 16, 16, 50304, 16, "olmoe", num_experts=64, num_experts_per_tok=8, **UNTIED)),
    Published("DBRX", "DBRX", "132", "36", HF + "databricks/dbrx-base", _DBRX),
    Published("Grok-1", "Grok-1", "314", "", "github.com/xai-org/grok-1",
              llama(6144, 32768, 64, 48, 131072, 8, "grok-1", num_experts=8, num_experts_per_tok=2, head_dim=128)),
    Published("Hunyuan", "Hunyuan Large", "389", "52", "arxiv.org/abs/2411.02265", _HUNYUAN),
    Published("Hunyuan", "Hunyuan A13B", "80", "13", HF + "tencent/Hunyuan-A13B-Instruct", _HUNYUAN_A13B),
    Published("MiMo V2", "MiMo-V2 Flash", "309", "15", HF + "XiaomiMiMo/MiMo-V2-Flash", _MIMO_V2),
    Published("Step 3", "Step 3", "316", "38", HF + "stepfun-ai/step3 (language model)", _STEP3,
              tables="output"),
    Published("Step 3.5", "Step 3.5 Flash", "196.81", "11", HF + "stepfun-ai/Step-3.5-Flash", _STEP35, tables="output"),
    Published("GLM-4.7 Flash", "GLM-4.7 Flash", "30", "3",  HF + "zai-org/GLM-4.7-Flash",
              deepseek(2048, 10240, 47, 20, 154880, "glm4_moe_lite", 64, 4, 1536, shared=1, first=1, q_rank=768)
              | {"qk_nope_head_dim": 192, "v_head_dim": 256}, tables="output"),
)  # fmt: skip
"""Mixtures by family."""
