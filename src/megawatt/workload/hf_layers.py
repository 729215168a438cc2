"""Which layers of a Hugging Face configuration are what: letters of mixers and MLPs (see `ModelArch`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from megawatt.errors import Problem, counted
from megawatt.workload.hf_families import Family
from megawatt.workload.hf_fields import Fields
from megawatt.workload.records import MOST_LAYERS

__all__ = ["mixer_letters", "mlp_letters"]

_MIXERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "full_attention": "f", "attention": "f", "global_attention": "f", "full": "f",
        "sliding_attention": "w", "local_attention": "w", "sliding_window": "w",
        "chunked_attention": "c",
        "linear_attention": "l", "lightning_attention": "l", "kda": "l",
        "mamba": "m", "mamba2": "m", "hybrid": "p",
        "compressed_sparse_attention": "s", "heavily_compressed_attention": "h",
        "moe": "-", "mlp": "-",
    }
)  # fmt: skip
_MLPS: Final = MappingProxyType({"dense": "d", "sparse": "e", "moe": "e", "hash_moe": "e"})
_BLOCKS: Final = MappingProxyType({"mamba": "M", "attention": "*", "mlp": "-", "moe": "E"})
_ONE_BLOCK: Final = MappingProxyType({"M": ("m", "-"), "*": ("f", "-"), "-": ("-", "d"), "E": ("-", "e")})
"""Layers of Nemotron-H, each a mixer or an MLP, by the letters of its pattern."""
_COMPRESSED: Final = MappingProxyType({0: "w", 4: "s", 128: "h"})
"""DeepSeek-V4: mixer by the tokens behind one compressed key."""


def _named(config: Fields, name: str, letters: Mapping[str, str], layers: int = 0) -> str | None:
    """Letters of a list of kinds of ``layers`` layers; notes kinds that are not known, and a list of another length."""
    kinds = config.words(name)
    if kinds is None:
        return None
    if layers and kinds and len(kinds) != layers:
        config.problems.append(Problem(name, counted(len(kinds), "layer"), f"one for each of {layers:,} layers"))
    for i, kind in enumerate(kinds):
        if kind not in letters and isinstance(config.data[name][i], str):
            config.wrong(f"{name}[{i}]", f"one of {', '.join(letters)}", kind)
    return "".join(letters.get(kind, "f") for kind in kinds)


def _blocks(config: Fields) -> str | None:
    """The pattern of a model of single blocks, in the letters of Nemotron-H."""
    pattern = config.data.get("hybrid_override_pattern")
    if pattern is None:
        return _named(config, "layers_block_type", _BLOCKS)
    if not isinstance(pattern, str) or set(pattern) - set(_ONE_BLOCK):
        config.wrong("hybrid_override_pattern", "letters M, *, - and E")
        return None
    return pattern


def _flags(config: Fields, name: str, layers: int, letters: str) -> str | None:
    """A letter for each layer from a list of zeros and ones, or of truth values."""
    given = config.data.get(name)
    if isinstance(given, list) and all(isinstance(v, bool) for v in given):
        return "".join(letters[v] for v in given[:layers])
    found = config.numbers(name)
    if found is None:
        return None
    if set(found) - {0, 1}:
        config.wrong(name, "a list of zeros and ones")
        return None
    return "".join(letters[v] for v in found[:layers])


def _members(members: list[int], layers: int, inside: str, outside: str, first: int = 0) -> str:
    """A letter for each layer: ``inside`` for those listed, counted from ``first``."""
    chosen = {m - first for m in members}
    return "".join(inside if i in chosen else outside for i in range(layers))


def mixer_letters(config: Fields, name: str, family: Family, layers: int) -> str:
    """Mixers of all layers of a model of this family; shorter texts repeat.

    Parameters
    ----------
    config : Fields
        The text part.
    name : str
        Its family.
    family : Family
        Defaults.
    layers : int
        Number of layers.
    """
    if name in ("mamba", "mamba2"):
        return "m"
    if name == "falcon_h1":
        return "p"
    if name == "nemotron_h":
        return "".join(_ONE_BLOCK[b][0] for b in _blocks(config) or "*")
    if name == "jamba":
        period, offset = _period(config, "attn_layer_period", 8), config.number("attn_layer_offset", default=4)
        return "".join("f" if i == offset else "m" for i in range(period))
    return _listed(config, name, layers) or _windowed(config, name, family, layers)


def _listed(config: Fields, name: str, layers: int) -> str | None:
    """Mixers that a list of the configuration names."""
    letters = _named(config, "layer_types", _MIXERS, layers) or _named(config, "layers_block_type", _MIXERS, layers)
    letters = letters or _flags(config, "hybrid_layer_pattern", layers, "fw")
    letters = letters or _flags(config, "attn_type_list", layers, "lf")
    if letters:
        return letters
    if config.has("local_layer_ids"):
        return _members(config.numbers("local_layer_ids") or [], layers, "w", "f")
    if config.has("attn_layer_indices"):
        return _members(config.numbers("attn_layer_indices") or [], layers, "f", "m")
    if config.has("linear_attn_config"):
        return _members(config.inside("linear_attn_config").numbers("full_attn_layers") or [], layers, "f", "l", 1)
    ratios = config.numbers("compress_ratios")
    if ratios is not None:
        for i, ratio in enumerate(ratios):
            if ratio not in _COMPRESSED:
                config.wrong(f"compress_ratios[{i}]", "0, 4 or 128", ratio)
        return "".join(_COMPRESSED.get(r, "h") for r in ratios[:layers])
    if name == "deepseek_v4":
        return ("hh" + "hs" * layers)[:layers]
    return None


def _period(config: Fields, name: str, default: int = 1) -> int:
    """Layers of a period, 1 at least; one that is longer than any model has layers says the same as one so long."""
    layers = config.number(name, default=default)
    if layers < 1 and config.data.get(name) == 0:
        config.wrong(name, "1 or more layers")
    return min(max(layers, 1), MOST_LAYERS)


def _windowed(config: Fields, name: str, family: Family, layers: int) -> str:
    """Mixers by rule: an interval of full attention, a period of windows, a window everywhere, or full attention."""
    if name in ("qwen3_next", "qwen3_5", "qwen3_5_moe"):
        return "l" * (_period(config, "full_attention_interval", 4) - 1) + "f"
    if name == "llama4":
        ropes = config.numbers("no_rope_layers")
        return "".join("c" if r else "f" for r in ropes) if ropes else family.local
    window = config.number("window", default=0)
    if not window:
        return "f"
    if name.startswith("qwen"):
        if not config.flag("use_sliding_window", default=False):
            return "f"
        full = min(config.number("max_window_layers", default=layers), layers)
        return "f" * full + "w" * (layers - full)
    if config.has("sliding_window_pattern") and isinstance(config.data["sliding_window_pattern"], int):
        return "w" * (_period(config, "sliding_window_pattern") - 1) + "f"
    if len(family.local) > 1:
        config.assume(f"layers with a window: {family.local} repeated, as models of type {config.kind} have them")
    return family.local


def mlp_letters(config: Fields, name: str, layers: int, experts: int) -> str:
    """MLPs of all layers; shorter texts repeat. Leading dense layers are counted apart (`first_k_dense_replace`)."""
    if name == "nemotron_h":
        return "".join(_ONE_BLOCK[b][1] for b in _blocks(config) or "-")
    if name in ("mamba", "mamba2"):
        return "-"
    if experts < 2:
        return "d"
    if name == "jamba":
        period, offset = _period(config, "expert_layer_period", 2), config.number("expert_layer_offset", default=1)
        return "".join("e" if i == offset else "d" for i in range(period))
    return _listed_mlps(config, name, layers) or _stepped(config, layers)


def _listed_mlps(config: Fields, name: str, layers: int) -> str | None:
    letters = _named(config, "mlp_layer_types", _MLPS, layers)
    if letters:
        return letters
    for flags in ("moe_layer_freq", "is_moe_layer"):
        if isinstance(config.data.get(flags), list):
            return _flags(config, flags, layers, "de")
    if name == "llama4":
        if config.has("moe_layers"):
            return _members(config.numbers("moe_layers") or [], layers, "e", "d")
        return "d" * (_period(config, "interleave_moe_layer_step") - 1) + "e"
    text = config.data.get("moe_layers_enum")
    if isinstance(text, list):
        return _members(config.numbers("moe_layers_enum") or [], layers, "e", "d")
    if isinstance(text, str) and all(part.strip().isdecimal() for part in text.split(",")):
        return _members([int(part) for part in text.split(",")], layers, "e", "d")
    if text is not None:
        config.wrong("moe_layers_enum", "numbers of layers, separated by commas")
    return None


def _stepped(config: Fields, layers: int) -> str:
    """Mixtures every so many layers, from the first of a step on or at its end, but for a list of dense layers."""
    every = "d" * (_period(config, "decoder_sparse_step") - 1) + "e"
    if isinstance(config.data.get("moe_layer_freq"), int | float):
        # DeepSeek: layers whose number is a multiple of the frequency.
        every = "e" + "d" * (_period(config, "moe_layer_freq") - 1)
    if config.has("moe_layer_interval"):
        every = "d" * (_period(config, "moe_layer_interval") - 1) + "e"
    start = min(config.number("moe_layer_start_index", default=0), layers)
    dense = {*(config.numbers("mlp_only_layers") or []), *range(start)}
    if not dense:
        return every
    whole = every * (layers // len(every) + 1)
    return "".join("d" if i in dense else letter for i, letter in enumerate(whole[:layers]))
