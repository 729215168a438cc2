"""Fields of a Hugging Face configuration: read under any of their names, checked, with what was taken for granted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from megawatt.errors import Problem, shown

__all__ = ["JSON_TYPES", "NAMES", "Fields"]

_MOST: Final = 10**9
"""No dimension of a model is larger; the widest vocabularies have about 10^6 entries."""
JSON_TYPES: Final = MappingProxyType(
    {dict: "an object", list: "a list", int: "a number", float: "a number", bool: "true or false", type(None): "null"}
)
NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
        "hidden": ("hidden_size", "n_embd", "n_embed", "d_model", "dim"),
        "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
        "kv_heads": ("num_key_value_heads", "n_head_kv", "num_kv_heads", "num_attention_groups",
                     "multi_query_group_num"),
        "head_dim": ("head_dim", "attention_head_dim", "kv_channels"),
        "ffn": ("intermediate_size_mlp", "dense_intermediate_size", "intermediate_size", "ffn_dim", "n_inner",
                "ffn_hidden_size"),
        "vocab": ("vocab_size", "padded_vocab_size"),
        "experts": ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts"),
        "experts_per_token": ("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk",
                              "top_k_experts", "moe_top_k", "moe_k", "num_selected_experts"),
        "expert_ffn": ("moe_intermediate_size", "expert_intermediate_size", "expert_ffn_hidden_size",
                       "intermediate_size", "ffn_hidden_size"),
        "shared_ffn": ("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "share_expert_dim",
                       "share_expert_dims", "shared_intermediate_size"),
        "shared_experts": ("n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts"),
        "dense_layers": ("first_k_dense_replace", "num_dense_layers", "n_dense_layers", "dense_mlp_idx"),
        "expert_groups": ("n_group",),
        "groups_per_token": ("topk_group",),
        "expert_latent": ("moe_latent_size", "routed_expert_hidden_size"),
        "window": ("sliding_window", "sliding_window_size", "attention_window_size"),
        "mtp_layers": ("num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_layers", "num_mtp_modules"),
        "mamba_heads": ("mamba_num_heads", "mamba_n_heads", "num_heads"),
        "mamba_head_dim": ("mamba_head_dim", "mamba_d_head", "head_dim"),
        "mamba_state": ("ssm_state_size", "mamba_d_state", "state_size"),
        "mamba_groups": ("n_groups", "mamba_n_groups"),
        "mamba_expand": ("mamba_expand", "expand"),
        "conv_kernel": ("conv_kernel", "mamba_d_conv", "linear_conv_kernel_dim", "short_conv_kernel_size"),
    }
)  # fmt: skip
"""Names that configurations give a dimension, the one that decides first."""
_ALL_NAMES: Final = frozenset(name for names in NAMES.values() for name in names)
_LONGEST: Final = 60
"""Characters of a name that may be a misspelt one."""
_ALIKE: Final = 0.9
"""Likeness of a misspelt name, a letter of ten wrong."""
_USUAL: Final = {"ffn": "intermediate_size"}
"""The name of a dimension that most configurations give it, where that is not the one that decides first."""


class Fields:
    """A configuration that remembers what was asked for and not there, what was wrong, and what was assumed."""

    def __init__(self, data: Mapping[str, Any], defaults: Mapping[str, Any], kind: str, within: str = "") -> None:
        self.data, self.defaults, self.kind, self.within = data, defaults, kind, within
        self.problems: list[Problem] = []
        self.assumed: list[str] = []

    def has(self, name: str) -> bool:
        """Whether a field is given and not null."""
        return self.data.get(name) is not None

    def assume(self, text: str) -> None:
        """Note what is taken for granted."""
        if text not in self.assumed:
            self.assumed.append(text)

    def wrong(self, name: str, allowed: str, value: object = None) -> None:
        """Note a field of the wrong type or size."""
        found = self.data.get(name) if value is None else value
        self.problems.append(
            Problem(f"{self.within}{name}", f"{shown(found)} ({JSON_TYPES.get(type(found), 'text')})", allowed)
        )

    def missing(self, name: str) -> None:
        """Note a field that is needed and not there."""
        self.problems.append(Problem(f"{self.within}{name}", "missing", "a whole number"))

    def number(self, name: str, *, default: int | None = None) -> int:
        """A dimension by its name in `NAMES` (or a field's own); its class's default or the given one where it is not
        there. A list of equal numbers, one for each layer, counts as one."""
        names = NAMES.get(name, (name,))
        found = next((n for n in names if self.has(n)), None)
        if found is None:
            if self._misspelt(names):
                return default or 0
            usual = next((n for n in names if self.defaults.get(n) is not None), None)
            if usual is not None:
                self.assume(f"{usual} = {self.defaults[usual]:g}: the default of model_type {self.kind}")
                return int(self.defaults[usual])
            if default is None:
                self.missing(_USUAL.get(name, names[0]))
            return default or 0
        value = self.data[found]
        if isinstance(value, list):
            layers = next((self.data[n] for n in NAMES["layers"] if self.has(n)), len(value))
            if not value or len(value) != layers or any(v != value[0] for v in value):
                self.wrong(found, f"a whole number, or the same one for each of {layers} layers", value)
                return default or 0
            value = value[0]
        return self.whole(found, value, default or 0)

    def _misspelt(self, names: tuple[str, ...]) -> bool:
        """Whether a name that nobody reads is nearly one of these, which are not there; notes it."""
        others = [str(key) for key in self.data if len(str(key)) <= _LONGEST and key not in _ALL_NAMES]
        pairs = ((name, get_close_matches(name, others, 1, _ALIKE)) for name in names)
        name, near = next((pair for pair in pairs if pair[1]), ("", []))
        if near:
            self.problems.append(Problem(near[0], "no field that is read", name))
        return bool(near)

    def whole(self, name: str, value: Any, default: int = 0) -> int:
        """A value as a whole number; notes it where it is none."""
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not 0 <= value <= _MOST or value != int(value):
            self.wrong(name, f"a whole number from 0 to {_MOST:,}", value)
            return default
        return int(value)

    def flag(self, *names: str, default: bool) -> bool:
        """The first of these fields that is given, true or false."""
        name = next((n for n in names if self.has(n)), None)
        if name is None:
            return default
        value = self.data[name]
        if not isinstance(value, bool):
            self.wrong(name, "true or false")
            return default
        return value

    def numbers(self, name: str) -> list[int] | None:
        """A field that is a list of whole numbers; None where it is not given (or no list, which is noted)."""
        found = self._list(name)
        return None if found is None else [self.whole(f"{name}[{i}]", v) for i, v in enumerate(found)]

    def words(self, name: str) -> list[str] | None:
        """A field that is a list of texts; None where it is not given."""
        found = self._list(name)
        if found is None:
            return None
        for i, value in enumerate(found):
            if not isinstance(value, str):
                self.wrong(f"{name}[{i}]", "text", value)
        return [str(v) for v in found]

    def inside(self, name: str) -> Fields:
        """The fields of an object inside this one; none where it is not given. Shares problems and assumptions."""
        value = self.data.get(name)
        if value is not None and not isinstance(value, Mapping):
            self.wrong(name, "an object")
        inner = Fields(value if isinstance(value, Mapping) else {}, {}, self.kind, f"{self.within}{name}.")
        inner.problems, inner.assumed = self.problems, self.assumed
        return inner

    def _list(self, name: str) -> list[Any] | None:
        value = self.data.get(name)
        if value is not None and not isinstance(value, list):
            self.wrong(name, "a list")
        return value if isinstance(value, list) else None
