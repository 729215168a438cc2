"""Configurations as Meta, Mistral and the authors of Mamba release them, in the fields of a config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from megawatt.errors import Problem, shown
from megawatt.workload.hf_fields import JSON_TYPES

__all__ = ["assumed_of", "in_hf_fields", "is_params"]

_RENAMED: Final = {
    "dim": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "hidden_dim": "intermediate_size",
    "tied_embeddings": "tie_word_embeddings",
    "max_position_embeddings": "max_position_embeddings",
    "sliding_window": "sliding_window",
    "head_dim": "head_dim",
    "vocab_size": "vocab_size",
}
"""Fields of a params.json and the same in a config.json."""
_FIRST_VOCAB: Final = 32_000
"""Tokens of the tokenizer of Llama 1 and 2, whose files say -1."""
_MULTIPLE: Final = 256
"""Of which the width of a feed-forward layer is a multiple where the file does not say, as in the code of Llama 1."""


def is_params(data: Mapping[str, Any]) -> bool:
    """Whether a JSON object is the params.json of a release of Meta's or Mistral's."""
    return {"dim", "n_layers", "n_heads"} <= set(data) and not {"model_type", "architectures"} & set(data)


def in_hf_fields(data: Mapping[str, Any], problems: list[Problem]) -> Mapping[str, Any]:
    """The same configuration in the names of a config.json; itself where it is one."""
    return _params(data, problems) if is_params(data) else _mamba_release(data)


def assumed_of(data: Mapping[str, Any]) -> list[str]:
    """What a params.json leaves open."""
    if not is_params(data):
        return []
    open_ = ["output projection not tied to the token table"] if "tied_embeddings" not in data else []
    if data.get("vocab_size", -1) == -1:
        open_.append(f"vocab_size = {_FIRST_VOCAB:,}: the file leaves it to the tokenizer, here that of Llama 1 and 2")
    return open_


def _params(data: Mapping[str, Any], problems: list[Problem]) -> Mapping[str, Any]:
    fields = {new: data[old] for old, new in _RENAMED.items() if data.get(old) is not None}
    fields = {"model_type": "llama", "tie_word_embeddings": False} | fields
    if data.get("vocab_size", -1) == -1:
        fields["vocab_size"] = _FIRST_VOCAB
    if "hidden_dim" not in data:
        fields["intermediate_size"] = _width(data, problems)
    mixture = data.get("moe")
    if isinstance(mixture, Mapping):
        fields |= {"model_type": "mixtral", "num_local_experts": mixture.get("num_experts")}
        fields["num_experts_per_tok"] = mixture.get("num_experts_per_tok")
    elif mixture is not None:
        problems.append(Problem("moe", f"{shown(mixture)} ({JSON_TYPES.get(type(mixture), 'text')})", "an object"))
    return fields


def _width(data: Mapping[str, Any], problems: list[Problem]) -> int | None:
    """Width of the feed-forward layers as Meta's code works it out: 8/3 of the model's, times a factor, rounded up."""
    numbers = {"dim": data["dim"], "multiple_of": data.get("multiple_of", _MULTIPLE)}
    factor = 1.0 if data.get("ffn_dim_multiplier") is None else data["ffn_dim_multiplier"]
    wrong = {name: value for name, value in numbers.items() if not (type(value) is int and 0 < value < 10**9)}
    if not (type(factor) in (int, float) and 0.0 < factor < 1e3):
        wrong["ffn_dim_multiplier"] = factor
    for name, value in wrong.items():
        allowed = "a number above 0" if name == "ffn_dim_multiplier" else "a whole number of 1 or more"
        problems.append(Problem(name, f"{shown(value)} ({JSON_TYPES.get(type(value), 'text')})", allowed))
    if wrong:
        return None
    width, multiple = int(factor * int(8 * numbers["dim"] / 3)), numbers["multiple_of"]
    return int(-(-width // multiple) * multiple)


def _mamba_release(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A configuration as the authors of Mamba write them, which names no type, in the fields of others."""
    given = data.get("ssm_cfg")
    if not isinstance(given, Mapping) or "model_type" in data or data.get("attn_layer_idx"):
        return data
    second, step, vocab = given.get("layer") == "Mamba2", data.get("pad_vocab_size_multiple", 8), data.get("vocab_size")
    whole = isinstance(vocab, int) and isinstance(step, int) and step > 0
    fields = {
        "model_type": "mamba2" if second else "mamba",
        "vocab_size": -(-vocab // step) * step if whole and isinstance(vocab, int) else vocab,
        "state_size": given.get("d_state", 128 if second else 16),
        "tie_word_embeddings": data.get("tie_embeddings", True),
    }
    return {**data, **fields, **({"n_groups": given.get("ngroups", 1), "head_dim": 64} if second else {})}
