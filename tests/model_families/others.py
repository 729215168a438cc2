"""Other published models, which their makers train no more or which few train."""

from __future__ import annotations

from typing import Final

from tests.model_families.dense import HF, TIED, UNTIED, llama
from tests.model_families.records import Published

__all__ = ["OTHERS"]

OTHERS: Final = (
    Published("Yi", "Yi 34B", "34.4", "", HF + "01-ai/Yi-34B", llama(7168, 20480, 60, 56, 64000, 8)),
    Published("InternLM", "InternLM2 20B", "19.9", "", HF + "internlm/internlm2-20b",
              llama(6144, 16384, 48, 48, 92544, 8, "internlm2")),
    Published("ChatGLM", "ChatGLM3 6B", "6.24", "", HF + "THUDM/chatglm3-6b",
              {"model_type": "chatglm", "hidden_size": 4096, "ffn_hidden_size": 13696, "num_layers": 28,
               "num_attention_heads": 32, "multi_query_group_num": 2, "kv_channels": 128, "padded_vocab_size": 65024,
               "add_qkv_bias": True, "add_bias_linear": False, **UNTIED}),
    Published("Baichuan", "Baichuan2 13B", "13.9", "", HF + "baichuan-inc/Baichuan2-13B-Base",
              llama(5120, 13696, 40, 40, 125696, kind="baichuan")),
    Published("MPT", "MPT 30B", "30.0", "", HF + "mosaicml/mpt-30b",
              {"model_type": "mpt", "d_model": 7168, "n_layers": 48, "n_heads": 64, "vocab_size": 50432,
               "expansion_ratio": 4, "no_bias": True, "attn_config": {"alibi": True}}),
    Published("EXAONE", "EXAONE 4.0 32B", "32.0", "", HF + "LGAI-EXAONE/EXAONE-4.0-32B",
              llama(5120, 27392, 64, 40, 102400, 8, "exaone4", head_dim=128, sliding_window=4096,
                    sliding_window_pattern="LLLG", **UNTIED)),
    Published("Bamba", "Bamba 9B", "9.78", "", HF + "ibm-ai-platform/Bamba-9B",
              llama(4096, 14336, 32, 32, 128256, 8, "bamba", attn_layer_indices=[9, 18, 27], mamba_n_heads=128,
                    mamba_d_head=64, mamba_d_state=128, mamba_n_groups=1, mamba_d_conv=4, mamba_expand=2, **UNTIED)),
    Published("GPT-J", "GPT-J 6B", "6.05", "", HF + "EleutherAI/gpt-j-6b",
              {"model_type": "gptj", "n_embd": 4096, "n_layer": 28, "n_head": 16, "vocab_size": 50400, "n_inner": None,
               **UNTIED}),
    Published("Phi", "Phi-2", "2.78", "", HF + "microsoft/phi-2",
              llama(2560, 10240, 32, 32, 51200, 32, "phi", **UNTIED)),
    Published("SmolLM", "SmolLM3 3B", "3.08", "", HF + "HuggingFaceTB/SmolLM3-3B",
              llama(2048, 11008, 36, 16, 128256, 4, "smollm3", **TIED)),
    Published("Ernie", "Ernie 4.5 21B A3B", "21.8", "3", HF + "baidu/ERNIE-4.5-21B-A3B-PT",
              llama(2560, 12288, 28, 20, 103424, 4, "ernie4_5_moe", **TIED)
              | {"moe_intermediate_size": 1536, "moe_num_experts": 64, "moe_k": 6, "moe_num_shared_experts": 2,
                 "moe_layer_start_index": 1, "moe_layer_interval": 1, "head_dim": 128, "use_bias": False}),
    Published("dots", "dots.llm1", "142", "14", HF + "rednote-hilab/dots.llm1.base",
              llama(4096, 10944, 62, 32, 152064, 32, "dots1", head_dim=128, **UNTIED)
              | {"n_routed_experts": 128, "num_experts_per_tok": 6, "moe_intermediate_size": 1408,
                 "n_shared_experts": 2, "first_k_dense_replace": 1, "moe_layer_freq": 1}),
    Published("SOLAR", "SOLAR 10.7B", "10.7", "", HF + "upstage/SOLAR-10.7B-v1.0",
              llama(4096, 14336, 48, 32, 32000, 8)),
    Published("StableLM", "StableLM 2 12B", "12.1", "", HF + "stabilityai/stablelm-2-12b",
              llama(5120, 13824, 40, 32, 100352, 8, "stablelm", **UNTIED)),
    Published("Pythia", "Pythia 12B", "11.8", "", "arxiv.org/abs/2304.01373 table 1",
              llama(5120, 20480, 36, 40, 50688, kind="gpt_neox", **UNTIED)),
    Published("Codestral", "Codestral 22B", "22.2", "", HF + "mistralai/Codestral-22B-v0.1",
              llama(6144, 16384, 56, 48, 32768, 8, "mistral", sliding_window=None)),
    Published("StarCoder", "StarCoder", "15.5", "", "arxiv.org/abs/2305.06161",
              {"model_type": "gpt_bigcode", "n_embd": 6144, "n_head": 48, "n_layer": 40, "n_inner": 24576,
               "n_positions": 8192, "multi_query": True, "vocab_size": 49152}),
    Published("LongCat", "LongCat Flash", "560", "27", HF + "meituan-longcat/LongCat-Flash-Chat",
              {"model_type": "longcat_flash", "hidden_size": 6144, "num_layers": 28, "num_attention_heads": 64,
               "ffn_hidden_size": 12288, "expert_ffn_hidden_size": 2048, "n_routed_experts": 512, "moe_topk": 12,
               "zero_expert_num": 256, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
               "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 131072, **UNTIED}),
    Published("Arctic", "Snowflake Arctic", "480", "17", HF + "Snowflake/snowflake-arctic-base",
              llama(7168, 4864, 35, 56, 32000, 8, "arctic", num_local_experts=128, num_experts_per_tok=2,
                    use_residual=True, **UNTIED)),
    Published("Trinity", "Trinity Mini", "26", "3", HF + "arcee-ai/Trinity-Mini",
              llama(2048, 6144, 32, 32, 200192, 4, "afmoe", head_dim=128, sliding_window=2048, num_experts=128,
                    num_experts_per_tok=8, num_shared_experts=1, num_dense_layers=2, moe_intermediate_size=1024,
                    **UNTIED)),
    Published("K-EXAONE", "K-EXAONE 236B A23B", "236", "23", HF + "LGAI-EXAONE/K-EXAONE-236B-A23B",
              llama(6144, 18432, 48, 64, 153600, 8, "exaone_moe", head_dim=128, sliding_window=128,
                    sliding_window_pattern="LLLG", num_experts=128, num_experts_per_tok=8, num_shared_experts=1,
                    is_moe_layer=[False, *[True] * 47], moe_intermediate_size=2048, **UNTIED)),
)  # fmt: skip
"""By family."""
