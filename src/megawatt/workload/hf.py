"""Hugging Face ``config.json`` read as a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from megawatt.errors import Problem, ScenarioError, shown
from megawatt.files import is_folder, read_json
from megawatt.workload.records import ModelArch

__all__ = ["KNOWN_ARCHITECTURES", "model_from_hf_config"]


_MOST: Final = 10**9
"""No dimension of a model is larger; the widest vocabularies have about 10^6 entries."""
_JSON_TYPES: Final = MappingProxyType(
    {dict: "an object", list: "a list", int: "a number", float: "a number", bool: "true or false", type(None): "null"}
)


class _Config:
    """A configuration that remembers what was asked for and not there."""

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        self.data, self.where = data, where
        self.problems: list[Problem] = []

    def number(self, *names: str, default: int | None = None) -> int:
        """The first of these fields that is given, else the default; notes what is missing or no whole number."""
        name = next((n for n in names if self.data.get(n) is not None), None)
        if name is None:
            if default is None:
                self.problems.append(Problem(names[0], "missing", "a whole number"))
            return default or 0
        value = self.data[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= _MOST or value != int(value):
            self._wrong(name, f"a whole number from 0 to {_MOST:,}")
            return default or 0
        return int(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """A field that is true or false."""
        value = self.data.get(name)
        if value is not None and not isinstance(value, bool):
            self._wrong(name, "true or false")
        return value if isinstance(value, bool) else default

    def list_of(self, name: str) -> list[Any] | None:
        """A field that is a list."""
        value = self.data.get(name)
        if value is not None and not isinstance(value, list):
            self._wrong(name, "a list")
        return value if isinstance(value, list) else None

    def _wrong(self, name: str, allowed: str) -> None:
        value = self.data[name]
        self.problems.append(Problem(name, f"{shown(value)} ({_JSON_TYPES.get(type(value), 'text')})", allowed))

    def windows(self, fallback: str) -> dict[str, Any]:
        """Sliding window and which layers have it; ``layer_types`` decides where it is given."""
        window = self.number("sliding_window", default=0)
        kinds = self.list_of("layer_types")
        letters = fallback if kinds is None else "".join("w" if k == "sliding_attention" else "f" for k in kinds)
        return {"window": window, "mixers": letters} if window and "w" in letters else {}


def _common(config: _Config, *, tied: bool) -> dict[str, Any]:
    """What all families of the Llama kind share; ``tied`` is the family's default."""
    hidden, heads = config.number("hidden_size"), config.number("num_attention_heads")
    kv_heads = config.number("num_key_value_heads", default=heads)
    return {
        "layers": config.number("num_hidden_layers"),
        "hidden": hidden,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": config.number("head_dim", default=hidden // heads if heads else 0),
        "gated": True,
        "vocab": config.number("vocab_size"),
        "tied_embeddings": config.flag("tie_word_embeddings", default=tied),
        "attention": "mha" if kv_heads == heads else "mqa" if kv_heads == 1 else "gqa",
    }


def _llama(config: _Config) -> dict[str, Any]:
    bias = {"attention_bias": config.flag("attention_bias", default=False)}
    mlp_bias = {"mlp_bias": config.flag("mlp_bias", default=False)}
    return _common(config, tied=False) | {"ffn": config.number("intermediate_size")} | bias | mlp_bias


def _mistral(config: _Config) -> dict[str, Any]:
    values = _common(config, tied=False) | {"ffn": config.number("intermediate_size")}
    return values | config.windows("w")


def _mixtral(config: _Config) -> dict[str, Any]:
    values = _common(config, tied=False)
    values |= {
        "ffn": 0,
        "experts": config.number("num_local_experts"),
        "experts_per_token": config.number("num_experts_per_tok"),
        "expert_ffn": config.number("intermediate_size"),
    }
    return values | config.windows("w")


def _qwen2(config: _Config) -> dict[str, Any]:
    values = _common(config, tied=False) | {"ffn": config.number("intermediate_size"), "attention_bias": True}
    used = config.flag("use_sliding_window", default=False)
    full = config.number("max_window_layers", default=values["layers"])
    full = min(full, values["layers"])
    return values | (config.windows("f" * full + "w" * (values["layers"] - full)) if used else {})


def _qwen3(config: _Config) -> dict[str, Any]:
    return _qwen2(config) | {"attention_bias": config.flag("attention_bias", default=False)}


def _qwen_moe(config: _Config) -> dict[str, Any]:
    if config.number("decoder_sparse_step", default=1) != 1:
        raise ScenarioError(
            f"{config.where}: decoder_sparse_step = {config.data['decoder_sparse_step']}; allowed: 1 (every layer "
            "after the leading dense ones a mixture)"
        )
    values = _common(config, tied=False)
    width = config.number("moe_intermediate_size")
    shared = config.number("shared_expert_intermediate_size", default=0)
    dense = config.list_of("mlp_only_layers") or []
    return values | {
        "ffn": config.number("intermediate_size", default=0),
        "experts": config.number("num_experts"),
        "experts_per_token": config.number("num_experts_per_tok"),
        "expert_ffn": width,
        "shared_ffn": shared,
        "dense_layers": len(dense),
        "attention_bias": config.data.get("model_type") == "qwen2_moe",
    }


def _deepseek(config: _Config) -> dict[str, Any]:
    values = _common(config, tied=False)
    nope, rope = config.number("qk_nope_head_dim"), config.number("qk_rope_head_dim")
    return values | {
        "attention": "mla",
        "head_dim": nope + rope,
        "ffn": config.number("intermediate_size"),
        "experts": config.number("n_routed_experts"),
        "experts_per_token": config.number("num_experts_per_tok"),
        "expert_ffn": config.number("moe_intermediate_size"),
        "shared_ffn": config.number("n_shared_experts", default=0) * config.number("moe_intermediate_size"),
        "dense_layers": config.number("first_k_dense_replace", default=0),
        "q_lora_rank": config.number("q_lora_rank", default=0),
        "kv_lora_rank": config.number("kv_lora_rank"),
        "qk_nope_head_dim": nope,
        "qk_rope_head_dim": rope,
        "v_head_dim": config.number("v_head_dim"),
        "mtp_layers": config.number("num_nextn_predict_layers", default=0),
    }


def _gpt2(config: _Config) -> dict[str, Any]:
    hidden, heads = config.number("n_embd"), config.number("n_head")
    return {
        "layers": config.number("n_layer"),
        "hidden": hidden,
        "heads": heads,
        "kv_heads": heads,
        "head_dim": hidden // heads if heads else 0,
        "ffn": config.number("n_inner", default=4 * hidden),
        "gated": False,
        "vocab": config.number("vocab_size"),
        "tied_embeddings": config.flag("tie_word_embeddings", default=True),
        "attention": "mha",
        "attention_bias": True,
        "mlp_bias": True,
        "learned_positions": config.number("n_positions"),
    }


def _gpt_oss(config: _Config) -> dict[str, Any]:
    values = _common(config, tied=False)
    values |= {
        "ffn": 0,
        "experts": config.number("num_local_experts"),
        "experts_per_token": config.number("num_experts_per_tok", "experts_per_token"),
        "expert_ffn": config.number("intermediate_size"),
        "attention_bias": config.flag("attention_bias", default=True),
        "mlp_bias": True,
    }
    # Layers alternate, the first one windowed, unless layer_types says otherwise.
    return values | config.windows("wf")


def _gemma(config: _Config) -> dict[str, Any]:
    return _common(config, tied=True) | {"ffn": config.number("intermediate_size")}


def _gemma2(config: _Config) -> dict[str, Any]:
    values = _gemma(config)
    return values | config.windows("wf")


def _gemma3(config: _Config) -> dict[str, Any]:
    values = _gemma(config)
    pattern = config.number("sliding_window_pattern", default=6)
    return values | config.windows("w" * max(pattern - 1, 0) + "f")


_READERS: Final[Mapping[str, Callable[[_Config], dict[str, Any]]]] = MappingProxyType(
    {
        "LlamaForCausalLM": _llama,
        "MistralForCausalLM": _mistral,
        "MixtralForCausalLM": _mixtral,
        "Qwen2ForCausalLM": _qwen2,
        "Qwen2MoeForCausalLM": _qwen_moe,
        "Qwen3ForCausalLM": _qwen3,
        "Qwen3MoeForCausalLM": _qwen_moe,
        "DeepseekV2ForCausalLM": _deepseek,
        "DeepseekV3ForCausalLM": _deepseek,
        "GPT2LMHeadModel": _gpt2,
        "GptOssForCausalLM": _gpt_oss,
        "GemmaForCausalLM": _gemma,
        "Gemma2ForCausalLM": _gemma2,
        "Gemma3ForCausalLM": _gemma3,
        "Gemma3ForConditionalGeneration": _gemma3,
    }
)
KNOWN_ARCHITECTURES: Final = tuple(_READERS)
"""Values of ``architectures`` in a configuration that can be read."""


def _load(source: str | Path | Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    if isinstance(source, Mapping):
        return source, "config"
    path = Path(source)
    path = path / "config.json" if is_folder(path) else path
    return read_json(path, "a Hugging Face config.json"), str(path)


def model_from_hf_config(source: str | Path | Mapping[str, Any]) -> ModelArch:
    """Read a model from a Hugging Face ``config.json``.

    Parameters
    ----------
    source : str, Path or mapping
        The file, a folder that holds it, or its content.

    Returns
    -------
    ModelArch
        The model; of a vision-language model the text part.

    Raises
    ------
    ScenarioError
        If the architecture is unknown (names the known ones) or fields are missing (names all of them).
    """
    data, where = _load(source)
    names = data.get("architectures") or []
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        problem = Problem(
            "architectures", f"{shown(names)} ({_JSON_TYPES.get(type(names), 'text')})", "a list of names"
        )
        raise ScenarioError(f"{where}: {problem}", [problem], where)
    name = next((n for n in names if n in _READERS), None)
    if name is None:
        raise ScenarioError(
            f"{where}: architectures = {names} is not known; known: {', '.join(KNOWN_ARCHITECTURES)}. "
            "A model can also be added to the catalogue by its dimensions"
        )
    nested = data.get("text_config")
    config = _Config({**data, **nested} if isinstance(nested, Mapping) else data, where)
    values = _READERS[name](config)
    if config.problems:
        missing = [p.path for p in config.problems if p.found == "missing"]
        head = f"{name} lacks {', '.join(missing)}" if missing else str(config.problems[0])
        raise ScenarioError(f"{where}: {head}", config.problems, where)
    title = str(data.get("_name_or_path") or data.get("model_type") or name)
    key = Path(where).parent.name if where.endswith("config.json") else title
    return ModelArch(key=key or title, title=title, **values)
