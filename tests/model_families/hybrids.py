"""Models with linear attention or state-space layers, and those whose layers were chosen one by one."""

from __future__ import annotations

from typing import Any, Final

from tests.model_families.dense import HF, TIED, UNTIED, llama
from tests.model_families.records import Published

__all__ = ["HYBRIDS"]


def nemotron_h(
    hidden: int, ffn: int, heads: int, kv: int, mamba_heads: int, pattern: str, **more: Any
) -> dict[str, Any]:
    """Fields of Nemotron-H and its kin."""
    fields = {
        "hybrid_override_pattern": pattern, "mamba_num_heads": mamba_heads, "mamba_head_dim": 64, "n_groups": 8,
        "ssm_state_size": 128, "conv_kernel": 4, "head_dim": 128,
    }  # fmt: skip
    return llama(hidden, ffn, len(pattern), heads, 131072, kv, "nemotron_h", **UNTIED) | fields | more


def delta(base: dict[str, Any], value_heads: int, experts: int = 0, top: int = 0, width: int = 0) -> dict[str, Any]:
    """Fields of Qwen3-Next and Qwen3.5."""
    fields = {
        "full_attention_interval": 4, "linear_num_key_heads": 16, "linear_num_value_heads": value_heads,
        "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4, "head_dim": 256,
    }  # fmt: skip
    mixture = {"num_experts": experts, "num_experts_per_tok": top, "moe_intermediate_size": width,
               "shared_expert_intermediate_size": width}  # fmt: skip
    return base | fields | (mixture if experts else {})


_M_H56B: Final = "M-M-M-M*-" + "M-M-M-M-M*-" * 9 + "M-M-M-M-M-"
_M_NANO: Final = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"
_M_SUPER: Final = "MEMEMEM*EMEMEMEM*EMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEM*EMEMEMEME"
_M1: Final = llama(6144, 9216, 80, 64, 200064, 8, "minimax_m1", head_dim=128, num_local_experts=32,
                   num_experts_per_tok=2, attn_type_list=[*[0] * 7, 1] * 10, shared_intermediate_size=0,
                   **UNTIED)  # fmt: skip
_GRANITE: Final = llama(
    4096, 768, 40, 32, 100352, 8, "granitemoehybrid", num_local_experts=72, num_experts_per_tok=10,
    shared_intermediate_size=1536, mamba_n_heads=128, mamba_d_head=64, mamba_d_state=128, mamba_n_groups=1,
    mamba_d_conv=4, mamba_expand=2,
    layer_types=["attention" if i in (5, 15, 25, 35) else "mamba" for i in range(40)], **TIED,
)  # fmt: skip
_JAMBA: Final = {"attn_layer_period": 8, "attn_layer_offset": 4, "expert_layer_period": 2, "expert_layer_offset": 1,
                 "num_experts": 16, "num_experts_per_tok": 2, "mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2,
                 "num_key_value_heads": 8, **UNTIED}  # fmt: skip
_KIMI_LINEAR: Final = {
    "model_type": "kimi_linear", "hidden_size": 2304, "num_hidden_layers": 27, "vocab_size": 163840,
    "num_attention_heads": 32, "num_key_value_heads": 32, "q_lora_rank": None, "kv_lora_rank": 512,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "num_experts": 256, "num_experts_per_token": 8,
    "num_shared_experts": 1, "moe_intermediate_size": 1024, "intermediate_size": 9216, "first_k_dense_replace": 1,
    "linear_attn_config": {"full_attn_layers": [4, 8, 12, 16, 20, 24, 27], "num_heads": 32, "head_dim": 128,
                           "short_conv_kernel_size": 4}, **UNTIED,
}  # fmt: skip
_K3_FULL: Final = [*range(4, 93, 4), 93]
_KIMI_K3: Final = llama(7168, 33792, 93, 96, 163840, 96, "kimi_linear", **UNTIED) | {
    "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "mla_use_output_gate": True, "first_k_dense_replace": 1, "num_experts": 896, "num_experts_per_token": 16,
    "num_shared_experts": 2, "moe_intermediate_size": 3072, "routed_expert_hidden_size": 3584,
    "linear_attn_config": {"head_dim": 128, "num_heads": 96, "short_conv_kernel_size": 4, "use_full_rank_gate": True,
                           "full_attn_layers": _K3_FULL,
                           "kda_layers": [i for i in range(1, 94) if i not in _K3_FULL]},
}  # fmt: skip

HYBRIDS: Final = (
    Published("Qwen3 Next", "Qwen3-Next 80B A3B", "80", "3", HF + "Qwen/Qwen3-Next-80B-A3B-Instruct",
              delta(llama(2048, 5120, 48, 16, 151936, 2, "qwen3_next", **UNTIED), 32, 512, 10, 512), tables="none"),
    Published("Qwen 3.5", "Qwen3.5 397B A17B", "397", "17", HF + "Qwen/Qwen3.5-397B-A17B",
              delta(llama(4096, 0, 60, 32, 248320, 2, "qwen3_5_moe_text", **UNTIED), 64, 512, 10, 1024)),
    Published("Qwen 3.5", "Qwen3.5 35B A3B", "35", "3", HF + "Qwen/Qwen3.5-35B-A3B",
              delta(llama(2048, 0, 40, 16, 248320, 2, "qwen3_5_moe_text", **UNTIED), 32, 256, 8, 512), tables="output"),
    Published("Qwen 3.5", "Qwen3.5 27B", "27", "", HF + "Qwen/Qwen3.5-27B",
              delta(llama(5120, 17408, 64, 24, 248320, 4, "qwen3_5_text", **UNTIED), 48)),
    Published("MiniMax M1", "MiniMax M1", "456", "45.9", HF + "MiniMaxAI/MiniMax-M1-80k", _M1, tables="none"),
    Published("Nemotron-H", "Nemotron-H 56B", "56", "", HF + "nvidia/Nemotron-H-56B-Base-8K",
              nemotron_h(8192, 32768, 64, 8, 256, _M_H56B, ssm_state_size=256)),
    Published("Nemotron 3 Nano", "Nemotron 3 Nano 30B A3B", "31.6", "3.6", "arxiv.org/abs/2512.20848",
              nemotron_h(2688, 1856, 32, 2, 64, _M_NANO, n_routed_experts=128, num_experts_per_tok=6,
                         moe_intermediate_size=1856, n_shared_experts=1, moe_shared_expert_intermediate_size=3712)),
    Published("Nemotron 3 Super", "Nemotron 3 Super 120B A12B", "120.6", "12.7",
              HF + "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16",
              nemotron_h(4096, 2688, 32, 2, 128, _M_SUPER, n_routed_experts=512, num_experts_per_tok=22,
                         moe_intermediate_size=2688, n_shared_experts=1, moe_shared_expert_intermediate_size=5376,
                         moe_latent_size=1024)),
    Published("Nemotron 3 Ultra", "Nemotron 3 Ultra 550B A55B", "550", "55",
              HF + "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16 (heads of its mixers: twice Super's)",
              nemotron_h(8192, 5120, 64, 2, 256, "MEMEMEM*E" * 12, n_routed_experts=512, num_experts_per_tok=22,
                         moe_intermediate_size=5120, n_shared_experts=1, moe_shared_expert_intermediate_size=10240,
                         moe_latent_size=2048), tables="output"),
    Published("Granite", "Granite 4.0 H Small", "32", "9", HF + "ibm-granite/granite-4.0-h-small", _GRANITE),
    Published("Jamba", "Jamba v0.1", "51.6", "12", HF + "ai21labs/Jamba-v0.1",
              llama(4096, 14336, 32, 32, 65536, kind="jamba", mamba_dt_rank=256) | _JAMBA),
    Published("Jamba", "Jamba 1.5 Large", "398", "94", HF + "ai21labs/AI21-Jamba-Large-1.5",
              llama(8192, 24576, 72, 64, 65536, kind="jamba", mamba_dt_rank=512) | _JAMBA),
    Published("Mamba-2", "Mamba-2 2.7B", "2.70", "", HF + "state-spaces/mamba2-2.7b",
              {"model_type": "mamba2", "hidden_size": 2560, "num_hidden_layers": 64, "vocab_size": 50288,
               "num_heads": 80, "head_dim": 64, "state_size": 128, "n_groups": 1, "expand": 2, "conv_kernel": 4,
               **TIED}),
    Published("Mamba-2", "Codestral Mamba 7B", "7.29", "", HF + "mistralai/Mamba-Codestral-7B-v0.1",
              {"model_type": "mamba2", "hidden_size": 4096, "num_hidden_layers": 64, "vocab_size": 32768,
               "num_heads": 128, "head_dim": 64, "state_size": 128, "n_groups": 8, "expand": 2, "conv_kernel": 4,
               **UNTIED}),
    Published("Kimi Linear", "Kimi Linear 48B A3B", "49.1", "3", HF + "moonshotai/Kimi-Linear-48B-A3B-Base",
              _KIMI_LINEAR,
              tables="output"),
    Published("Kimi K3", "Kimi K3", "2780", "104", HF + "moonshotai/Kimi-K3",
              {"model_type": "kimi_k3", "text_config": _KIMI_K3}),
)  # fmt: skip
"""Hybrids by family."""
