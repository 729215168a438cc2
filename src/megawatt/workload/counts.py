"""Parameters of a model and the FLOPs of training it on one token."""

from __future__ import annotations

from dataclasses import dataclass

from megawatt.errors import ScenarioError
from megawatt.workload.records import ModelArch

__all__ = [
    "ParameterCounts",
    "attention_dims",
    "attention_flops_per_token",
    "layer_kinds",
    "mean_keys",
    "model_flops_per_token",
    "parameters",
    "trained_share",
]


@dataclass(frozen=True, slots=True)
class ParameterCounts:
    """Parameters of a model by part; counts, not bytes.

    Attributes
    ----------
    total : int
        All parameters of the main model (multi-token-prediction modules apart, in ``mtp``).
    active : int
        Parameters that one token passes: all but the experts that it is not routed to.
    embedding, output : int
        Token and position tables; output projection (0 where tied to the token table).
    attention, dense_mlp, norms : int
        Of one layer; ``dense_mlp`` of a layer that is not a mixture.
    router, shared_experts, expert : int
        Of one mixture layer: router, its always-on experts, one routed expert.
    dense_layer, moe_layer : int
        Whole layers.
    final_norm, mtp : int
        Last norm; all multi-token-prediction modules.
    """

    total: int
    active: int
    embedding: int
    output: int
    attention: int
    dense_mlp: int
    norms: int
    router: int
    shared_experts: int
    expert: int
    dense_layer: int
    moe_layer: int
    final_norm: int
    mtp: int


def attention_dims(arch: ModelArch) -> tuple[int, int]:
    """Width of a query (and key) head and of a value head during training. [elements]"""
    if arch.attention == "mla":
        return arch.qk_nope_head_dim + arch.qk_rope_head_dim, arch.v_head_dim
    return arch.head_dim, arch.head_dim


def _attention_weights(arch: ModelArch) -> int:
    """Matrix weights of one attention block (no biases, no norms)."""
    if arch.attention != "mla":
        return arch.hidden * arch.head_dim * (2 * arch.heads + 2 * arch.kv_heads)
    qk, v = attention_dims(arch)
    if arch.q_lora_rank:
        query = arch.hidden * arch.q_lora_rank + arch.q_lora_rank * arch.heads * qk
    else:
        query = arch.hidden * arch.heads * qk
    down = arch.hidden * (arch.kv_lora_rank + arch.qk_rope_head_dim)
    up = arch.kv_lora_rank * arch.heads * (arch.qk_nope_head_dim + v)
    return query + down + up + arch.heads * v * arch.hidden


def _attention_vectors(arch: ModelArch) -> int:
    latent_norms = arch.q_lora_rank + arch.kv_lora_rank if arch.attention == "mla" else 0
    bias = arch.head_dim * (arch.heads + 2 * arch.kv_heads) + arch.hidden if arch.attention_bias else 0
    return latent_norms + bias


def _mlp(arch: ModelArch, width: int) -> int:
    matrices = 3 if arch.gated else 2
    bias = (matrices - 1) * width + arch.hidden if arch.mlp_bias else 0
    return matrices * arch.hidden * width + bias


def parameters(arch: ModelArch) -> ParameterCounts:
    """Count the parameters of a model, by part.

    Matrices, biases, norms and tables are counted; the few scalars of some designs (attention sinks, query and key
    norms, router biases) are not: they are below 0.01 % of any model.

    Parameters
    ----------
    arch : ModelArch
        The model.

    Returns
    -------
    ParameterCounts
        Counts by part.
    """
    # Layer norms with a bias go with biased MLPs (GPT family); RMS norms have a scale alone.
    norms = arch.hidden * (4 if arch.mlp_bias and not arch.experts else 2)
    attention = _attention_weights(arch) + _attention_vectors(arch)
    dense_mlp = _mlp(arch, arch.ffn)
    router = arch.hidden * arch.experts
    expert = _mlp(arch, arch.expert_ffn) if arch.experts else 0
    shared = arch.shared_experts * expert
    dense_layer = attention + norms + dense_mlp
    moe_layer = attention + norms + router + shared + arch.experts * expert
    dense, moe = layer_kinds(arch)
    embedding = (arch.vocab + arch.learned_positions) * arch.hidden
    output = 0 if arch.tied_embeddings else arch.vocab * arch.hidden
    final_norm = norms // 2
    total = embedding + output + final_norm + dense * dense_layer + moe * moe_layer
    # DeepSeek-V3 (arXiv 2412.19437, section 2.2): a module is one layer, a 2h to h projection and two norms; it shares
    # the token table and the output projection.
    layer = moe_layer if arch.experts else dense_layer
    mtp = arch.mtp_layers * (layer + 2 * arch.hidden * arch.hidden + 2 * arch.hidden)
    return ParameterCounts(
        total=total,
        active=total - moe * (arch.experts - arch.experts_per_token) * expert,
        embedding=embedding,
        output=output,
        attention=attention,
        dense_mlp=dense_mlp,
        norms=norms,
        router=router,
        shared_experts=shared,
        expert=expert,
        dense_layer=dense_layer,
        moe_layer=moe_layer,
        final_norm=final_norm,
        mtp=mtp,
    )


def _adapter_weights(arch: ModelArch) -> int:
    """Weights of the low-rank adapters of one layer: beside the attention's input and output projections."""
    qk, v = attention_dims(arch)
    kv_heads = arch.heads if arch.attention == "mla" else arch.kv_heads
    qkv_width = arch.heads * qk + kv_heads * (qk + v)
    return arch.lora_rank * (arch.hidden + qkv_width + arch.heads * v + arch.hidden)


def trained_share(arch: ModelArch) -> float:
    """Trained parameters over the parameters of the base model: 1, or that of the adapters where weights are frozen."""
    if not arch.lora_rank:
        return 1.0
    return arch.layers * _adapter_weights(arch) / parameters(arch).total


def layer_kinds(arch: ModelArch) -> tuple[int, int]:
    """Number of dense layers and of mixture layers."""
    return (arch.dense_layers, arch.layers - arch.dense_layers) if arch.experts else (arch.layers, 0)


def mean_keys(seq_len: int, window: int = 0, *, causal_half: bool = True) -> float:
    """Keys that a query meets on average. [tokens]

    Causal attention: s/2. With a sliding window of w < s tokens: w - w^2/(2 s). Without causal halving (the convention
    that counts masked scores too): s, or w.

    Parameters
    ----------
    seq_len : int
        Sequence length. [tokens], >= 1
    window : int
        Sliding window, 0 for none. [tokens]
    causal_half : bool
        Count the causal half only.
    """
    w = min(window, seq_len) if window else seq_len
    return w - w * w / (2 * seq_len) if causal_half else float(w)


def attention_flops_per_token(arch: ModelArch, seq_len: int, *, causal_half: bool = True) -> float:
    """Forward FLOPs of scores and weighted sums of all layers, per token. [FLOP]

    2 x keys x heads x (query width + value width) per layer; keys from `mean_keys`.
    """
    qk, v = attention_dims(arch)
    per_key = 2.0 * arch.heads * (qk + v)
    full = mean_keys(seq_len, causal_half=causal_half)
    windowed = mean_keys(seq_len, arch.window, causal_half=causal_half)
    layers = arch.layers + arch.mtp_layers
    return per_key * ((layers - arch.window_layers) * full + arch.window_layers * windowed)


def model_flops_per_token(arch: ModelArch, seq_len: int, *, causal_half: bool = True) -> float:
    """FLOPs of forward and backward pass per trained token, without recompute. [FLOP]

    6 per matrix parameter that a token meets (2 forward, 4 backward; the output projection counts, table look-ups do
    not; 4 where the weights are frozen, plus 6 per adapter weight) plus three times the forward attention FLOPs.
    Multi-token-prediction modules count with their own pass through
    the output projection.

    Parameters
    ----------
    arch : ModelArch
        The model.
    seq_len : int
        Sequence length. [tokens], >= 1
    causal_half : bool
        Count attention for the causal half (the project's convention) or in full (as some publications do).

    Raises
    ------
    ScenarioError
        If the sequence is shorter than one token.

    Notes
    -----
    Sources: Korthikanti 2022 (arXiv 2205.05198, appendix A), there with attention in full.
    """
    if seq_len < 1:
        raise ScenarioError(f"seq_len = {seq_len} tokens; allowed: 1 or more")
    mlp = 3 if arch.gated else 2
    dense, moe = layer_kinds(arch)
    active_width = (arch.experts_per_token + arch.shared_experts) * arch.expert_ffn
    attention = _attention_weights(arch)
    dense_layer = attention + mlp * arch.hidden * arch.ffn
    moe_layer = attention + arch.hidden * arch.experts + mlp * arch.hidden * active_width
    head = arch.vocab * arch.hidden
    matrices = dense * dense_layer + moe * moe_layer + head
    last = moe_layer if arch.experts else dense_layer
    matrices += arch.mtp_layers * (last + 2 * arch.hidden * arch.hidden + head)
    linear = 4.0 * matrices + 6.0 * arch.layers * _adapter_weights(arch) if arch.lora_rank else 6.0 * matrices
    return linear + 3.0 * attention_flops_per_token(arch, seq_len, causal_half=causal_half)
