"""What the workload room hands on: a model's architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from megawatt.catalogue.records import Assumption

__all__ = ["ModelArch"]


@dataclass(frozen=True, slots=True)
class ModelArch:
    """A decoder-only transformer, dense or mixture of experts.

    ``dense_layers`` counts the leading dense layers of an MoE model; ``experts`` is 0 for a dense one. ``gated`` MLPs
    have three matrices (SwiGLU). MLA dimensions are 0 unless ``attention`` is ``mla``. ``window`` is the sliding
    window in tokens of ``window_layers`` of the layers (0: full attention everywhere). With ``lora_rank`` above 0 every
    weight is frozen and low-rank adapters beside the attention projections are trained; 0 trains all weights.
    """

    key: str
    title: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    gated: bool
    vocab: int
    tied_embeddings: bool
    attention: Literal["mha", "gqa", "mqa", "mla"]
    experts: int = 0
    experts_per_token: int = 0
    expert_ffn: int = 0
    shared_experts: int = 0
    dense_layers: int = 0
    q_lora_rank: int = 0
    kv_lora_rank: int = 0
    qk_nope_head_dim: int = 0
    qk_rope_head_dim: int = 0
    v_head_dim: int = 0
    window: int = 0
    window_layers: int = 0
    mtp_layers: int = 0
    attention_bias: bool = False
    mlp_bias: bool = False
    learned_positions: int = 0
    assumptions: tuple[Assumption, ...] = ()
    lora_rank: int = 0
