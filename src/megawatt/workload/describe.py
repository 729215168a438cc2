"""A model described: parameters by part, FLOPs of a token, memory of past tokens, and what was taken for granted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from megawatt.workload.calls import ACTIVATION_BYTES
from megawatt.workload.counts import (
    KindParameters,
    attention_flops_per_token,
    forward_flops_per_token,
    model_flops_per_token,
    parameters,
)
from megawatt.workload.mixers import Attention, Latent, Linear, Mamba, Mixer, Mixture, Mlp
from megawatt.workload.records import ModelArch
from megawatt.workload.structure import LayerKind, structure

__all__ = ["LayerGroup", "ModelDescription", "describe_model"]


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """Layers of one kind: how many, what they are in words, parameters of one and what one token passes of them."""

    count: int
    words: str
    parameters: int
    active: int


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What a model is and what it takes, at one sequence length.

    Attributes
    ----------
    key, title : str
        Name, and how it is printed.
    total, active : int
        Parameters, and those that one token passes; multi-token-prediction modules apart.
    parts : mapping of str to int
        Parameters by part, without parts that the model lacks; they add up to ``total``.
    mtp : int
        Parameters of multi-token-prediction modules.
    layers : tuple of LayerGroup
        Kinds of layers in order of appearance.
    seq_len : int
        Sequence length that the rest is for. [tokens]
    forward_flops_per_token, backward_flops_per_token : float
        Causal attention counted by half, nothing recomputed. [FLOP]
    attention_share : float
        Of those FLOPs, scores, weighted sums and recurrences.
    kv_bytes_per_token : float
        Keys and values (or latent vectors) that one more token adds in 16 bits, until windows are full. [B]
    kv_bytes_per_sequence, state_bytes_per_sequence : float
        Of a whole sequence, windows bounded; states of linear attention and state-space layers. [B]
    weight_bytes : float
        All weights as they are published, or in 16 bits. [B]
    facts : mapping of str to str
        Where each dimension of a catalogued model comes from: source by field.
    assumed : tuple of str
        What was taken for granted, with the reason.
    """

    key: str
    title: str
    total: int
    active: int
    parts: Mapping[str, int]
    mtp: int
    layers: tuple[LayerGroup, ...]
    seq_len: int
    forward_flops_per_token: float
    backward_flops_per_token: float
    attention_share: float
    kv_bytes_per_token: float
    kv_bytes_per_sequence: float
    state_bytes_per_sequence: float
    weight_bytes: float
    facts: Mapping[str, str]
    assumed: tuple[str, ...]


def _mixer_name(mixer: Mixer) -> str:
    if isinstance(mixer, Latent):
        return "sparse latent attention" if mixer.index_heads else "latent attention"
    if isinstance(mixer, Linear):
        return {"decay": "linear attention", "delta": "gated delta net", "kda": "delta attention"}[mixer.rule]
    if isinstance(mixer, Mamba):
        return "Mamba-1" if mixer.dt_rank else "Mamba-2"
    if mixer.compress:
        return f"attention to {'picked ' if mixer.index_heads else ''}keys of {mixer.compress} tokens each"
    if not mixer.window:
        return "full attention"
    return f"attention in chunks of {mixer.window:,}" if mixer.chunked else f"attention in a window of {mixer.window:,}"


def _mixer_words(mixer: Mixer) -> str:
    name = _mixer_name(mixer)
    if isinstance(mixer, Latent):
        return f"{name} ({mixer.heads} heads, ranks {mixer.query_rank} and {mixer.kv_rank})"
    if isinstance(mixer, Attention):
        keys = f"{mixer.kv_heads} of keys" if mixer.own_keys else "keys of an earlier layer"
        return f"{name} ({mixer.heads} heads of {mixer.head_dim}, {keys})"
    return f"{name} (state of {mixer.state():,})"


def _words(kind: LayerKind) -> str:
    words = [_mixer_words(m) for m in kind.mixers]
    if isinstance(kind.mlp, Mlp):
        words.append(f"MLP of {kind.mlp.width:,}")
    if isinstance(kind.mlp, Mixture):
        beside = f" and {kind.mlp.shared_width:,} for all" if kind.mlp.shared else ""
        words.append(f"{kind.mlp.per_token} of {kind.mlp.experts} experts of {kind.mlp.expert.width:,}{beside}")
    return ", ".join(words) or "nothing"


def _part_of(kind: LayerKind) -> str:
    """Name of the part that a kind's mixers count towards."""
    if any(isinstance(m, Attention | Latent) for m in kind.mixers):
        return "attention"
    return "state space" if any(isinstance(m, Mamba) for m in kind.mixers) else "linear attention"


def _parts(arch: ModelArch) -> dict[str, int]:
    counts, shape = parameters(arch), structure(arch)
    parts: Counter[str] = Counter({"token tables": counts.embedding})
    for kind, one, layers in zip(shape.kinds, counts.kinds, shape.counts, strict=True):
        parts[_part_of(kind)] += layers * one.mixer
        parts["dense MLP"] += layers * one.dense_mlp
        parts["router"] += layers * one.router
        parts["shared experts"] += layers * one.shared_experts
        parts["routed experts"] += layers * one.experts
        parts["norms"] += layers * one.norms
    parts["norms"] += counts.final_norm
    parts["output"] = counts.output
    return {name: count for name, count in parts.items() if count}


def _group(kind: LayerKind, one: KindParameters, count: int) -> LayerGroup:
    return LayerGroup(count, _words(kind), one.total, one.total - one.idle_experts)


def describe_model(arch: ModelArch, seq_len: int = 4096) -> ModelDescription:
    """What a model is and what it takes.

    Parameters
    ----------
    arch : ModelArch
        The model.
    seq_len : int
        Sequence length for FLOPs and for keys and values. [tokens], >= 1

    Raises
    ------
    ScenarioError
        If the sequence is shorter than one token.
    """
    counts, shape = parameters(arch), structure(arch)
    flops, forward = model_flops_per_token(arch, seq_len), forward_flops_per_token(arch, seq_len)
    cached = bounded = state = 0
    for kind, layers in zip(shape.kinds, shape.counts, strict=True):
        for mixer in kind.mixers:
            if isinstance(mixer, Attention | Latent):
                cached += layers * mixer.cached()
                # An indexer picks among all keys: only a window lets go of them.
                window = mixer.window if isinstance(mixer, Attention) else 0
                if mixer.compress:
                    bounded += layers * (
                        mixer.cached() * seq_len + mixer.compress * mixer.cached() * min(window, seq_len)
                    )
                else:
                    bounded += layers * mixer.cached() * (min(window, seq_len) if window else seq_len)
            else:
                state += layers * mixer.state()
    groups = zip(shape.kinds, counts.kinds, shape.counts, strict=True)
    return ModelDescription(
        key=arch.key,
        title=arch.title,
        total=counts.total,
        active=counts.active,
        parts=MappingProxyType(_parts(arch)),
        mtp=counts.mtp,
        layers=tuple(_group(*group) for group in groups),
        seq_len=seq_len,
        forward_flops_per_token=forward,
        backward_flops_per_token=flops - forward,
        attention_share=3.0 * attention_flops_per_token(arch, seq_len) / flops,
        kv_bytes_per_token=ACTIVATION_BYTES * cached,
        kv_bytes_per_sequence=ACTIVATION_BYTES * bounded,
        state_bytes_per_sequence=ACTIVATION_BYTES * state,
        weight_bytes=(counts.total + counts.mtp) * (arch.weight_bits / 8.0 or ACTIVATION_BYTES),
        facts=MappingProxyType({a.name.rpartition(".")[2]: a.fact.source for a in arch.assumptions}),
        assumed=arch.assumed,
    )
