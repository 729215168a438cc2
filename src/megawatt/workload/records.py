"""What the workload room hands on: a model's architecture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from megawatt.catalogue.records import Assumption

__all__ = ["MOST_LAYERS", "ModelArch"]

MOST_LAYERS: Final = 10_000
"""No model has more layers."""


@dataclass(frozen=True, slots=True)
class ModelArch:
    """A decoder-only language model by its dimensions.

    Layers may differ: ``mixers`` has a letter for each layer's token mixer (``f`` full attention, ``w`` sliding window,
    ``c`` attention within chunks, ``s`` and ``h`` a window and keys that stand for 4 or 128 tokens each, ``l`` linear
    attention, ``m`` state space, ``p`` full attention and state space side by side, ``-`` none) and ``mlps`` for its
    second half (``d`` dense, ``e`` experts, ``-`` none); a shorter text is repeated over the layers. Left empty, all
    layers are full attention (windowed where there is a window) and dense (experts where there are any).
    `megawatt.workload.structure` gives the kinds of layers that follow.

    Attributes
    ----------
    key, title : str
        Name, and how it is printed.
    layers, hidden, vocab : int
        Layers, width of the residual stream, entries of the token table.
    heads, kv_heads, head_dim, v_head_dim : int
        Attention heads; ``v_head_dim`` 0 is ``head_dim``. With ``attention`` = ``mla`` the widths below count instead.
    ffn : int
        Width of a dense MLP; ``ffn_by_layer`` gives one for each layer instead (0: none).
    gated : bool
        MLPs of three matrices (SwiGLU) instead of two.
    tied_embeddings : bool
        The output projection is the token table.
    experts, experts_per_token, expert_ffn, shared_ffn : int
        Routed experts of a mixture, those of one token, width of one; width of all that every token passes beside them.
    expert_groups, groups_per_token : int
        Groups that experts stand in, and those that one token may choose from (0: it chooses from all experts).
    expert_latent : int
        Width that tokens are projected to before dispatch (0: that of the model).
    dense_layers : int
        Leading layers that are dense in spite of ``mlps``.
    q_lora_rank, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim : int
        Latent attention (arXiv 2405.04434); ``q_lora_rank`` also where plain attention has low-rank queries.
    index_heads, index_head_dim, index_topk : int
        Indexer that picks the keys of sparse attention; 0 heads: none.
    output_groups, output_rank : int
        Output projection in two steps, the first one within groups of heads to a rank each (0: one step).
    window, window_heads, window_kv_heads, window_head_dim, window_v_head_dim : int
        Window (or chunk) in tokens, and dimensions of the layers that have it where they differ (0: they do not).
    attention_gate, keys_are_values : bool
        A gate as wide as the heads' output; full-attention layers whose values are their keys.
    shared_kv_layers, kv_share_every : int
        Last layers without keys and values of their own; only each n-th layer has them.
    linear_rule, linear_key_heads, linear_value_heads, linear_key_dim, linear_value_dim, linear_gate_rank
        Linear attention: ``decay`` (lightning), ``delta`` (gated delta net) or ``kda`` (a decay for every channel), its
        heads and widths, and the rank of its gates (0: full).
    mamba_inner, mamba_head_dim, mamba_state, mamba_groups, mamba_dt_rank : int
        State-space layers: inner width, head width (Mamba-2), state, groups; rank of the step (Mamba-1 alone).
    conv_kernel : int
        Taps of the short convolutions of linear attention and state-space layers.
    mtp_layers : int
        Multi-token-prediction modules, each one more layer of the last kind.
    attention_bias, mlp_bias : bool
        Biases.
    learned_positions : int
        Entries of a table of positions.
    per_layer_input : int
        Width of a token table of each layer's own (Gemma 3n).
    weight_bits : float
        Bits of a stored weight where the published ones are quantised, 0 where they are not.
    lora_rank : int
        Above 0 every weight is frozen and adapters beside the mixers' input and output projections are trained.
    assumptions, assumed : tuple
        Catalogue facts behind the dimensions; what was taken for granted in reading a file, with the reason.
    """

    key: str
    title: str
    layers: int
    hidden: int
    vocab: int
    heads: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    ffn: int = 0
    gated: bool = True
    tied_embeddings: bool = False
    attention: Literal["mha", "gqa", "mqa", "mla"] = "mha"
    mixers: str = ""
    mlps: str = ""
    v_head_dim: int = 0
    ffn_by_layer: tuple[int, ...] = ()
    experts: int = 0
    experts_per_token: int = 0
    expert_ffn: int = 0
    shared_ffn: int = 0
    expert_groups: int = 0
    groups_per_token: int = 0
    expert_latent: int = 0
    dense_layers: int = 0
    q_lora_rank: int = 0
    kv_lora_rank: int = 0
    qk_nope_head_dim: int = 0
    qk_rope_head_dim: int = 0
    index_heads: int = 0
    index_head_dim: int = 0
    index_topk: int = 0
    output_groups: int = 0
    output_rank: int = 0
    window: int = 0
    window_heads: int = 0
    window_kv_heads: int = 0
    window_head_dim: int = 0
    window_v_head_dim: int = 0
    attention_gate: bool = False
    keys_are_values: bool = False
    shared_kv_layers: int = 0
    kv_share_every: int = 1
    linear_rule: Literal["", "decay", "delta", "kda"] = ""
    linear_key_heads: int = 0
    linear_value_heads: int = 0
    linear_key_dim: int = 0
    linear_value_dim: int = 0
    linear_gate_rank: int = 0
    mamba_inner: int = 0
    mamba_head_dim: int = 0
    mamba_state: int = 0
    mamba_groups: int = 1
    mamba_dt_rank: int = 0
    conv_kernel: int = 4
    mtp_layers: int = 0
    attention_bias: bool = False
    mlp_bias: bool = False
    learned_positions: int = 0
    per_layer_input: int = 0
    weight_bits: float = 0.0
    lora_rank: int = 0
    assumptions: tuple[Assumption, ...] = field(default=(), compare=False)
    assumed: tuple[str, ...] = field(default=(), compare=False)
