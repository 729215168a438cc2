"""Kinds of layers of a model, and which layer is of which kind."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from megawatt.workload.mixers import Attention, Latent, Linear, Mamba, Mixer, Mixture, Mlp
from megawatt.workload.records import ModelArch

__all__ = ["ATTENTIONS", "LayerKind", "Structure", "layer_letters", "structure"]

ATTENTIONS: Final = "fwcpsh"
"""Letters of mixers with softmax attention."""
COMPRESSED: Final[Mapping[str, int]] = MappingProxyType({"s": 4, "h": 128})
"""Tokens behind one compressed key, by letter (DeepSeek-V4)."""


@dataclass(frozen=True, slots=True)
class LayerKind:
    """One kind of layer: its mixers (usually one; two side by side) and its MLP; either may be missing."""

    mixers: tuple[Mixer, ...]
    mlp: Mlp | Mixture | None

    @property
    def mixture(self) -> Mixture | None:
        """Its routed experts, None where it has none."""
        return self.mlp if isinstance(self.mlp, Mixture) else None

    @property
    def dense_width(self) -> int:
        """Width of what every token passes in its MLP."""
        if isinstance(self.mlp, Mixture):
            return self.mlp.shared_width
        return self.mlp.width if self.mlp else 0

    @property
    def blocks(self) -> int:
        """Residual blocks: 2 with mixer and MLP, 1 with one of them."""
        return bool(self.mixers) + (self.mlp is not None)


@dataclass(frozen=True, slots=True)
class Structure:
    """Distinct kinds in order of appearance, the kind of every layer, and that of multi-token-prediction modules."""

    kinds: tuple[LayerKind, ...]
    pattern: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Layers of each kind."""
        return tuple(self.pattern.count(k) for k in range(len(self.kinds)))

    @property
    def last(self) -> int:
        """Kind of the last layer."""
        return self.pattern[-1]


def layer_letters(arch: ModelArch) -> tuple[str, str]:
    """Letters of mixers and MLPs of every layer, as long as the model has layers."""
    mixers = arch.mixers or ("w" if arch.window else "f")
    mlps = arch.mlps or ("e" if arch.experts else "d")
    whole_mixers, whole_mlps = (text * (arch.layers // len(text) + 1) for text in (mixers, mlps))
    lead = "".join("d" if letter == "e" else letter for letter in whole_mlps[: arch.dense_layers])
    return whole_mixers[: arch.layers], (lead + whole_mlps[arch.dense_layers :])[: arch.layers]


@functools.lru_cache(maxsize=256)
def structure(arch: ModelArch) -> Structure:
    """Kinds of layers of a model.

    Parameters
    ----------
    arch : ModelArch
        A model that `check_arch` accepts.
    """
    mixers, mlps = layer_letters(arch)
    kinds: dict[LayerKind, int] = {}
    pattern = []
    for i, (mixer, mlp) in enumerate(zip(mixers, mlps, strict=True)):
        own = i % arch.kv_share_every == 0 and i < arch.layers - arch.shared_kv_layers
        width = arch.ffn_by_layer[i] if arch.ffn_by_layer else arch.ffn
        kind = LayerKind(_mixers(arch, mixer, own_keys=own), _mlp(arch, mlp, width))
        pattern.append(kinds.setdefault(kind, len(kinds)))
    return Structure(tuple(kinds), tuple(pattern))


def _mixers(arch: ModelArch, letter: str, *, own_keys: bool) -> tuple[Mixer, ...]:
    if letter == "-":
        return ()
    if letter == "l":
        linear = (arch.linear_rule, arch.linear_key_heads, arch.linear_value_heads)
        widths = (arch.linear_key_dim, arch.linear_value_dim, arch.conv_kernel, arch.linear_gate_rank)
        return (Linear(*linear, *widths),)
    mamba = Mamba(
        arch.mamba_inner,
        arch.mamba_head_dim or 1,
        arch.mamba_state,
        arch.mamba_groups,
        arch.conv_kernel,
        arch.mamba_dt_rank,
    )
    if letter == "m":
        return (mamba,)
    attention = _attention(arch, letter, own_keys=own_keys)
    return (attention, mamba) if letter == "p" else (attention,)


def _attention(arch: ModelArch, letter: str, *, own_keys: bool) -> Mixer:
    if arch.attention == "mla":
        return Latent(
            arch.heads,
            arch.q_lora_rank,
            arch.kv_lora_rank,
            arch.qk_nope_head_dim,
            arch.qk_rope_head_dim,
            arch.v_head_dim,
            arch.index_heads,
            arch.index_head_dim,
            arch.index_topk,
            arch.attention_bias,
        )
    local = letter in "wcsh"
    head_dim = (arch.window_head_dim if local else 0) or arch.head_dim
    value_dim = (arch.window_v_head_dim or arch.window_head_dim if local else 0) or arch.v_head_dim or head_dim
    return Attention(
        heads=(arch.window_heads if local else 0) or arch.heads,
        kv_heads=(arch.window_kv_heads if local else 0) or arch.kv_heads,
        head_dim=head_dim,
        value_dim=value_dim,
        window=arch.window if local else 0,
        chunked=letter == "c",
        bias=arch.attention_bias,
        gate=arch.attention_gate,
        query_rank=arch.q_lora_rank,
        own_keys=own_keys,
        keys_are_values=arch.keys_are_values and letter not in "wc",
        output_groups=arch.output_groups,
        output_rank=arch.output_rank,
        compress=COMPRESSED.get(letter, 0),
        index_heads=arch.index_heads if letter == "s" else 0,
        index_dim=arch.index_head_dim if letter == "s" else 0,
        index_topk=arch.index_topk if letter == "s" else 0,
    )


def _mlp(arch: ModelArch, letter: str, width: int) -> Mlp | Mixture | None:
    if letter == "e":
        shared = Mlp(arch.shared_ffn, arch.gated, arch.mlp_bias) if arch.shared_ffn else None
        expert = Mlp(arch.expert_ffn, arch.gated, arch.mlp_bias)
        groups = (arch.expert_groups, arch.groups_per_token)
        return Mixture(arch.experts, arch.experts_per_token, expert, shared, arch.expert_latent, groups)
    return None if letter == "-" or not width else Mlp(width, arch.gated, arch.mlp_bias)
