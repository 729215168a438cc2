"""Dense models."""

from __future__ import annotations

from typing import Any, Final

from tests.model_families.records import Published

__all__ = ["DENSE"]

HF: Final = "huggingface.co/"


def llama(hidden: int, ffn: int, layers: int, heads: int, vocab: int, kv: int = 0, kind: str = "llama", **more: Any
          ) -> dict[str, Any]:  # fmt: skip
    """Fields that most dense configurations have."""
    fields = {
        "model_type": kind, "hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": layers,
        "num_attention_heads": heads, "vocab_size": vocab,
    }  # fmt: skip
    return fields | ({"num_key_value_heads": kv} if kv else {}) | more


UNTIED: Final = {"tie_word_embeddings": False}
TIED: Final = {"tie_word_embeddings": True}
_GEMMA4_31B: Final = llama(
    5376, 21504, 60, 32, 262144, 16, "gemma4_text", head_dim=256, global_head_dim=512, num_global_key_value_heads=4,
    attention_k_eq_v=True, sliding_window=1024, hidden_size_per_layer_input=0, enable_moe_block=False, **TIED,
)  # fmt: skip
_GEMMA4_E2B: Final = llama(
    1536, 6144, 35, 8, 262144, 1, "gemma4_text", head_dim=256, global_head_dim=512, sliding_window=512,
    hidden_size_per_layer_input=256, vocab_size_per_layer_input=262144, num_kv_shared_layers=20,
    use_double_wide_mlp=True, attention_k_eq_v=False, enable_moe_block=False,
    layer_types=(["sliding_attention"] * 4 + ["full_attention"]) * 7, **TIED,
)  # fmt: skip

DENSE: Final = (
    Published("Llama 1", "Llama 7B", "6.7", "", "arxiv.org/abs/2302.13971 table 2", llama(4096, 11008, 32, 32, 32000)),
    Published("Llama 1", "Llama 65B", "65.2", "", "arxiv.org/abs/2302.13971 table 2",
              llama(8192, 22016, 80, 64, 32000)),
    Published("Llama 2", "Llama 2 70B", "69.0", "", HF + "meta-llama/Llama-2-70b-hf",
              llama(8192, 28672, 80, 64, 32000, 8)),
    Published("Llama 3", "Llama 3.1 8B", "8.03", "", HF + "meta-llama/Llama-3.1-8B",
              llama(4096, 14336, 32, 32, 128256, 8)),
    Published("Llama 3", "Llama 3.2 1B", "1.23", "", HF + "meta-llama/Llama-3.2-1B",
              llama(2048, 8192, 16, 32, 128256, 8, head_dim=64, **TIED)),
    Published("Llama 3", "Llama 3.1 405B", "405", "", HF + "meta-llama/Llama-3.1-405B",
              llama(16384, 53248, 126, 128, 128256, 8)),
    Published("Qwen 1.5", "Qwen1.5 7B", "7.72", "", HF + "Qwen/Qwen1.5-7B",
              llama(4096, 11008, 32, 32, 151936, 32, "qwen2", use_sliding_window=False, **UNTIED)),
    Published("Qwen 1.5", "Qwen1.5 110B", "111", "", HF + "Qwen/Qwen1.5-110B",
              llama(8192, 49152, 80, 64, 152064, 8, "qwen2", use_sliding_window=False, **UNTIED)),
    Published("Qwen 2", "Qwen2 72B", "72.71", "", "arxiv.org/abs/2407.10671 (72B); " + HF + "Qwen/Qwen2-72B",
              llama(8192, 29568, 80, 64, 152064, 8, "qwen2", use_sliding_window=False, **UNTIED)),
    Published("Qwen 2.5", "Qwen2.5 7B", "7.61", "", HF + "Qwen/Qwen2.5-7B",
              llama(3584, 18944, 28, 28, 152064, 4, "qwen2", use_sliding_window=False, **UNTIED)),
    Published("Qwen 2.5", "Qwen2.5 72B", "72.7", "", HF + "Qwen/Qwen2.5-72B",
              llama(8192, 29568, 80, 64, 152064, 8, "qwen2", use_sliding_window=False, **UNTIED)),
    Published("Qwen 3", "Qwen3 8B", "8.2", "", HF + "Qwen/Qwen3-8B",
              llama(4096, 12288, 36, 32, 151936, 8, "qwen3", head_dim=128, **UNTIED)),
    Published("Qwen 3", "Qwen3 32B", "32.8", "", HF + "Qwen/Qwen3-32B",
              llama(5120, 25600, 64, 64, 151936, 8, "qwen3", head_dim=128, **UNTIED)),
    Published("Gemma 2", "Gemma 2 9B", "9.24", "", HF + "google/gemma-2-9b",
              llama(3584, 14336, 42, 16, 256000, 8, "gemma2", head_dim=256, sliding_window=4096)),
    Published("Gemma 2", "Gemma 2 27B", "27.2", "", HF + "google/gemma-2-27b",
              llama(4608, 36864, 46, 32, 256000, 16, "gemma2", head_dim=128, sliding_window=4096)),
    Published("Gemma 3", "Gemma 3 4B", "4.30", "", HF + "google/gemma-3-4b-pt",
              {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "hidden_size": 2560,
               "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024}}, beside=0.42),
    Published("Gemma 3", "Gemma 3 27B", "27.4", "", HF + "google/gemma-3-27b-pt",
              llama(5376, 21504, 62, 32, 262208, 16, "gemma3_text", head_dim=128, sliding_window=1024), beside=0.42),
    Published("Gemma 4", "Gemma 4 31B", "30.7", "", HF + "google/gemma-4-31B", _GEMMA4_31B),
    Published("Gemma 4", "Gemma 4 E2B", "5.1", "", HF + "google/gemma-4-E2B (language model and its tables; vision and "
              "audio encoders beside)", _GEMMA4_E2B, beside=0.45),
    Published("Mistral", "Mistral 7B", "7.24", "", HF + "mistralai/Mistral-7B-v0.1",
              llama(4096, 14336, 32, 32, 32000, 8, "mistral", sliding_window=4096)),
    Published("Mistral", "Mistral Nemo", "12.2", "", HF + "mistralai/Mistral-Nemo-Base-2407",
              llama(5120, 14336, 40, 32, 131072, 8, "mistral", head_dim=128, sliding_window=None)),
    Published("Mistral", "Mistral Small 3 24B", "23.6", "", HF + "mistralai/Mistral-Small-24B-Base-2501",
              llama(5120, 32768, 40, 32, 131072, 8, "mistral", head_dim=128, sliding_window=None)),
    Published("Mistral", "Mistral Large 2", "123", "", HF + "mistralai/Mistral-Large-Instruct-2407",
              llama(12288, 28672, 88, 96, 32768, 8, "mistral", sliding_window=None)),
    Published("Ministral", "Ministral 8B", "8.02", "", HF + "mistralai/Ministral-8B-Instruct-2410",
              llama(4096, 12288, 36, 32, 131072, 8, "mistral", sliding_window=32768)),
    Published("Phi 3", "Phi-3 mini", "3.82", "", HF + "microsoft/Phi-3-mini-4k-instruct",
              llama(3072, 8192, 32, 32, 32064, 32, "phi3", sliding_window=2047)),
    Published("Phi 3", "Phi-3 medium", "14.0", "", HF + "microsoft/Phi-3-medium-4k-instruct",
              llama(5120, 17920, 40, 40, 32064, 10, "phi3", sliding_window=2047)),
    Published("Phi 4", "Phi-4", "14.7", "", HF + "microsoft/phi-4",
              llama(5120, 17920, 40, 40, 100352, 10, "phi3", sliding_window=None)),
    Published("Phi 4", "Phi-4 mini", "3.84", "", HF + "microsoft/Phi-4-mini-instruct",
              llama(3072, 8192, 32, 24, 200064, 8, "phi3", sliding_window=262144, **TIED)),
    Published("OLMo 2", "OLMo 2 13B", "13.7", "", HF + "allenai/OLMo-2-1124-13B",
              llama(5120, 13824, 40, 40, 100352, 40, "olmo2", **UNTIED)),
    Published("OLMo 2", "OLMo 2 32B", "32.2", "", HF + "allenai/OLMo-2-0325-32B",
              llama(5120, 27648, 64, 40, 100352, 8, "olmo2", **UNTIED)),
    Published("OLMo 3", "OLMo 3 7B", "7.30", "", HF + "allenai/Olmo-3-1025-7B",
              llama(4096, 11008, 32, 32, 100278, 32, "olmo3", sliding_window=4096, **UNTIED)),
    Published("OLMo 3", "OLMo 3 32B", "32.2", "", HF + "allenai/Olmo-3-1125-32B",
              llama(5120, 27648, 64, 40, 100278, 8, "olmo3", sliding_window=4096, **UNTIED)),
    Published("Granite", "Granite 3.0 8B", "8.17", "", HF + "ibm-granite/granite-3.0-8b-base",
              llama(4096, 12800, 40, 32, 49155, 8, "granite", **TIED)),
    Published("Nemotron-4", "Nemotron-4 15B", "15.6", "", "arxiv.org/abs/2402.16819 table 1 (3.2 + 12.5 billion)",
              llama(6144, 24576, 32, 48, 256000, 8, "nemotron")),
    Published("Nemotron-4", "Nemotron-4 340B", "340", "", "arxiv.org/abs/2406.11704 table 1 (9.4 + 331.6 billion)",
              llama(18432, 73728, 96, 96, 256000, 8, "nemotron")),
    Published("Falcon", "Falcon 7B", "6.92", "", HF + "tiiuae/falcon-7b",
              {"model_type": "falcon", "hidden_size": 4544, "num_attention_heads": 71, "num_hidden_layers": 32,
               "vocab_size": 65024, "multi_query": True, "new_decoder_architecture": False, "bias": False}),
    Published("Falcon", "Falcon 40B", "41.3", "", HF + "tiiuae/falcon-40b",
              {"model_type": "falcon", "hidden_size": 8192, "num_attention_heads": 128, "num_kv_heads": 8,
               "num_hidden_layers": 60, "vocab_size": 65024, "new_decoder_architecture": True, "bias": False}),
    Published("Falcon", "Falcon 180B", "180", "", HF + "tiiuae/falcon-180B",
              {"model_type": "falcon", "hidden_size": 14848, "num_attention_heads": 232, "num_kv_heads": 8,
               "num_hidden_layers": 80, "vocab_size": 65024, "new_decoder_architecture": True, "bias": False}),
    Published("BLOOM", "BLOOM", "176", "", HF + "bigscience/bloom",
              {"model_type": "bloom", "n_embed": 14336, "num_attention_heads": 112, "n_layer": 70,
               "vocab_size": 250880}),
    Published("GPT-NeoX", "GPT-NeoX 20B", "20.55", "", "arxiv.org/abs/2204.06745 table 1",
              llama(6144, 24576, 44, 64, 50432, kind="gpt_neox", **UNTIED)),
    Published("OPT", "OPT 66B", "65.7", "", HF + "facebook/opt-66b",
              {"model_type": "opt", "hidden_size": 9216, "ffn_dim": 36864, "num_hidden_layers": 64,
               "num_attention_heads": 72, "vocab_size": 50272, "max_position_embeddings": 2048}),
    Published("StarCoder 2", "StarCoder2 15B", "15.96", "", HF + "bigcode/starcoder2-15b",
              llama(6144, 24576, 40, 48, 49152, 4, "starcoder2", use_bias=True, sliding_window=4096, **UNTIED)),
    Published("StarCoder 2", "StarCoder2 3B", "3.03", "", HF + "bigcode/starcoder2-3b",
              llama(3072, 12288, 30, 24, 49152, 2, "starcoder2", use_bias=True, sliding_window=4096)),
    Published("Command R", "Command R", "35.0", "", HF + "CohereLabs/c4ai-command-r-v01",
              llama(8192, 22528, 40, 64, 256000, 64, "cohere")),
    Published("Command R", "Command R+", "104", "", HF + "CohereLabs/c4ai-command-r-plus",
              llama(12288, 33792, 64, 96, 256000, 8, "cohere")),
    Published("Cohere", "Command R7B", "8.03", "", HF + "CohereLabs/c4ai-command-r7b-12-2024",
              llama(4096, 14336, 32, 32, 256000, 8, "cohere2", sliding_window=4096, sliding_window_pattern=4)),
    Published("Cohere", "Command A", "111", "", HF + "CohereLabs/c4ai-command-a-03-2025",
              llama(12288, 36864, 64, 96, 256000, 8, "cohere2", sliding_window=4096, sliding_window_pattern=4)),
    Published("Seed-OSS", "Seed-OSS 36B", "36.15", "", HF + "ByteDance-Seed/Seed-OSS-36B-Base",
              llama(5120, 27648, 64, 80, 155136, 8, "seed_oss", head_dim=128, attention_bias=True, **UNTIED)),
    Published("MiMo", "MiMo 7B", "7.83", "", HF + "XiaomiMiMo/MiMo-7B-Base",
              llama(4096, 11008, 36, 32, 151680, 8, "mimo", num_nextn_predict_layers=1, use_sliding_window=False,
                    **UNTIED), mtp=True),
    Published("GLM-4", "GLM-4 9B", "9.40", "", HF + "THUDM/glm-4-9b-hf",
              llama(4096, 13696, 40, 32, 151552, 2, "glm", head_dim=128, **UNTIED)),
    Published("GLM-4", "GLM-4 32B", "32.6", "", HF + "THUDM/GLM-4-32B-0414",
              llama(6144, 23040, 61, 48, 151552, 2, "glm4", head_dim=128, attention_bias=False, **UNTIED)),
    Published("GPT-2", "GPT-2 XL", "1.56", "", HF + "openai-community/gpt2-xl",
              {"model_type": "gpt2", "n_embd": 1600, "n_layer": 48, "n_head": 25, "n_positions": 1024,
               "vocab_size": 50257}),
)  # fmt: skip
"""Dense models by family."""
