"""Parameters of a model and the FLOPs of training it on one token."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from megawatt.errors import ScenarioError
from megawatt.workload.mixers import Attention, Latent, Mixer, Mlp
from megawatt.workload.records import ModelArch
from megawatt.workload.structure import LayerKind, structure

__all__ = [
    "KindParameters",
    "ParameterCounts",
    "attention_flops_per_token",
    "core_flops",
    "forward_flops_per_token",
    "mean_keys",
    "model_flops_per_token",
    "parameters",
    "seen_keys",
    "trained_share",
]


@dataclass(frozen=True, slots=True)
class KindParameters:
    """Parameters of one layer of a kind, by part; counts, not bytes.

    Attributes
    ----------
    mixer, norms, dense_mlp, router, shared_experts : int
        Attention or what stands for it (matrices, biases, convolutions); norms; a dense MLP; a mixture's router (with
        projections to and from a latent width) and what every token passes beside the routed experts.
    expert, experts : int
        One routed expert; all of them.
    idle_experts : int
        Of the experts that a token is not routed to.
    """

    mixer: int
    norms: int
    dense_mlp: int
    router: int
    shared_experts: int
    expert: int
    experts: int
    idle_experts: int

    @property
    def resident(self) -> int:
        """All but the routed experts: what expert parallelism does not spread."""
        return self.mixer + self.norms + self.dense_mlp + self.router + self.shared_experts

    @property
    def total(self) -> int:
        """The whole layer."""
        return self.resident + self.experts


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
        Token, position and per-layer tables; output projection (0 where tied to the token table).
    kinds : tuple of KindParameters
        One layer of each kind, in the order of `megawatt.workload.structure`.
    final_norm, mtp : int
        Last norm; all multi-token-prediction modules.
    mtp_experts : int
        Routed experts among ``mtp``.
    """

    total: int
    active: int
    embedding: int
    output: int
    kinds: tuple[KindParameters, ...]
    final_norm: int
    mtp: int
    mtp_experts: int


def _norm(arch: ModelArch) -> int:
    # Layer norms with a bias go with biased MLPs (GPT family); RMS norms have a scale alone.
    return arch.hidden * (2 if arch.mlp_bias and not arch.experts else 1)


def _mixer_weights(mixers: tuple[Mixer, ...], hidden: int) -> int:
    """Matrix weights of the mixers of one layer (no biases, no norms)."""
    return sum(p.weights for m in mixers for p in m.projections(hidden))


def _kind(arch: ModelArch, kind: LayerKind) -> KindParameters:
    hidden, mixture = arch.hidden, kind.mixture
    mixer = _mixer_weights(kind.mixers, hidden) + sum(m.vectors(hidden) for m in kind.mixers)
    norms = kind.blocks * _norm(arch)
    # A layer with a token table of its own multiplies it in through two projections (Gemma 3n).
    mixer += 2 * hidden * arch.per_layer_input
    if mixture is None:
        dense = kind.mlp.parameters(hidden) if isinstance(kind.mlp, Mlp) else 0
        return KindParameters(mixer, norms, dense, 0, 0, 0, 0, 0)
    expert = mixture.expert.parameters(mixture.expert_input(hidden))
    router = hidden * mixture.experts + 2 * hidden * mixture.latent
    shared = mixture.shared.parameters(hidden) if mixture.shared else 0
    idle = (mixture.experts - mixture.per_token) * expert
    return KindParameters(mixer, norms, 0, router, shared, expert, mixture.experts * expert, idle)


@functools.lru_cache(maxsize=256)
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
    shape = structure(arch)
    kinds = tuple(_kind(arch, kind) for kind in shape.kinds)
    embedding = (arch.vocab + arch.learned_positions) * arch.hidden
    # One more table of all layers, and a projection into it.
    embedding += arch.layers * arch.per_layer_input * (arch.vocab + arch.hidden)
    output = 0 if arch.tied_embeddings else arch.vocab * arch.hidden
    total = embedding + output + _norm(arch) + sum(n * k.total for n, k in zip(shape.counts, kinds, strict=True))
    # DeepSeek-V3 (arXiv 2412.19437, section 2.2): a module is one layer, a 2h to h projection and two norms; it shares
    # the token table and the output projection.
    module = kinds[shape.last].total + 2 * arch.hidden * arch.hidden + 2 * arch.hidden
    return ParameterCounts(
        total=total,
        active=total - sum(n * k.idle_experts for n, k in zip(shape.counts, kinds, strict=True)),
        embedding=embedding,
        output=output,
        kinds=kinds,
        final_norm=_norm(arch),
        mtp=arch.mtp_layers * module,
        mtp_experts=arch.mtp_layers * kinds[shape.last].experts,
    )


def _adapter_weights(arch: ModelArch, kind: LayerKind) -> int:
    """Weights of the low-rank adapters of one layer: beside the mixers' input and output projections."""
    return sum(arch.lora_rank * (2 * arch.hidden + m.input_columns + m.output) for m in kind.mixers)


def _adapters(arch: ModelArch) -> int:
    shape = structure(arch)
    return sum(n * _adapter_weights(arch, kind) for n, kind in zip(shape.counts, shape.kinds, strict=True))


def trained_share(arch: ModelArch) -> float:
    """Trained parameters over the parameters of the base model: 1, or that of the adapters where weights are frozen."""
    return _adapters(arch) / parameters(arch).total if arch.lora_rank else 1.0


def mean_keys(seq_len: int, window: int = 0, *, causal_half: bool = True, chunked: bool = False) -> float:
    """Keys that a query meets on average. [tokens]

    Causal attention: s/2. With a sliding window of w < s tokens: w - w^2/(2 s). In chunks of w: w/2, less in a last
    one that is not full. Without causal halving (the convention that counts masked scores too): s, or w.

    Parameters
    ----------
    seq_len : int
        Sequence length. [tokens], >= 1
    window : int
        Sliding window or chunk, 0 for none. [tokens]
    causal_half : bool
        Count the causal half only.
    chunked : bool
        ``window`` is a chunk, of which the query sees what lies before it.
    """
    w = min(window, seq_len) if window else seq_len
    if not causal_half:
        return float(w)
    if chunked:
        whole, rest = divmod(seq_len, w)
        return (whole * w * w + rest * rest) / (2 * seq_len)
    return w - w * w / (2 * seq_len)


def seen_keys(mixer: Attention | Latent, seq_len: int, *, causal_half: bool = True) -> float:
    """Keys that a query of this mixer meets on average, compressed ones included. [tokens]"""
    keys = mean_keys(seq_len, mixer.window, causal_half=causal_half, chunked=mixer.chunked)
    if mixer.compress:
        keys += mean_keys(max(seq_len // mixer.compress, 1), mixer.index_topk, causal_half=causal_half)
    return keys


def core_flops(mixer: Mixer, seq_len: int, *, causal_half: bool = True) -> float:
    """Forward FLOPs of one mixer on one token beside its weight matrices. [FLOP]"""
    if not isinstance(mixer, Attention | Latent):
        return mixer.flops_per_token()
    keys = seen_keys(mixer, seq_len, causal_half=causal_half)
    flops = 2.0 * mixer.heads * (mixer.head_dim + mixer.value_dim) * keys
    # The indexer scores every key that it may pick.
    offered = mean_keys(seq_len, causal_half=causal_half) / max(mixer.compress, 1)
    return flops + 2.0 * mixer.index_heads * mixer.index_dim * offered


def attention_flops_per_token(arch: ModelArch, seq_len: int, *, causal_half: bool = True) -> float:
    """Forward FLOPs of all mixers beside their weight matrices, per token. [FLOP]

    Attention: 2 x keys x heads x (query width + value width) per layer; keys from `mean_keys`. Linear attention and
    state-space layers: the recurrence, whatever the length.
    """
    shape = structure(arch)
    layers = [sum(core_flops(m, seq_len, causal_half=causal_half) for m in kind.mixers) for kind in shape.kinds]
    main = sum(n * flops for n, flops in zip(shape.counts, layers, strict=True))
    return main + arch.mtp_layers * layers[shape.last]


def _active_matrices(arch: ModelArch, kind: LayerKind) -> int:
    """Matrix weights of one layer that a token meets."""
    hidden, mixture = arch.hidden, kind.mixture
    weights = _mixer_weights(kind.mixers, hidden) + 2 * hidden * arch.per_layer_input
    matrices = 3 if arch.gated else 2
    weights += matrices * hidden * kind.dense_width
    if mixture is None:
        return weights
    routed = mixture.per_token * mixture.expert_input(hidden) * mixture.expert.width
    return weights + hidden * mixture.experts + 2 * hidden * mixture.latent + matrices * routed


def _met_matrices(arch: ModelArch) -> int:
    """Matrix weights that a token meets in the whole model, output projection included."""
    shape = structure(arch)
    layers = [_active_matrices(arch, kind) for kind in shape.kinds]
    head = arch.vocab * arch.hidden
    matrices = sum(n * weights for n, weights in zip(shape.counts, layers, strict=True)) + head
    return matrices + arch.mtp_layers * (layers[shape.last] + 2 * arch.hidden * arch.hidden + head)


def forward_flops_per_token(arch: ModelArch, seq_len: int) -> float:
    """FLOPs of the forward pass per trained token: 2 per matrix parameter that it meets, and attention. [FLOP]"""
    return 2.0 * (_met_matrices(arch) + _adapters(arch)) + attention_flops_per_token(arch, seq_len)


def model_flops_per_token(arch: ModelArch, seq_len: int, *, causal_half: bool = True) -> float:
    """FLOPs of forward and backward pass per trained token, without recompute. [FLOP]

    6 per matrix parameter that a token meets (2 forward, 4 backward; the output projection counts, table look-ups do
    not; 4 where the weights are frozen, plus 6 per adapter weight) plus three times the forward attention FLOPs.
    Multi-token-prediction modules count with their own pass through the output projection.

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
    matrices = _met_matrices(arch)
    linear = 4.0 * matrices + 6.0 * _adapters(arch) if arch.lora_rank else 6.0 * matrices
    return linear + 3.0 * attention_flops_per_token(arch, seq_len, causal_half=causal_half)
